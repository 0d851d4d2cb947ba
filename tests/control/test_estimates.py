"""The engines of a model and the memory that it needs on each, without a launch, a hub or a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelyard.catalog.index import FAMILIES
from modelyard.control.architectures import supported_architectures
from modelyard.control.engine_choice import Offer
from modelyard.control.estimates import Estimate, cache_type, engines_of, entries, estimate_memory, offers_of
from modelyard.control.placement import Claims, Machine
from modelyard.core.errors import HubUnavailable, InvalidParameter, NotFound
from modelyard.core.memory import CACHE_TYPES
from modelyard.core.types import Device, Hardware, Model, ModelType
from modelyard.engines import ENGINES
from modelyard.protocol.engines import EstimateRequest
from modelyard.protocol.models import LaunchRequest
from tests import make_gguf
from tests.control.test_engine_choice import machine
from tests.engine_environments import give_environments

GIB = 2**30
CPU = machine(64)
CARD = machine(64, 24)


@pytest.fixture(autouse=True)
def empty_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))


def estimate(where: Machine = CPU, **body: Any) -> tuple[Model, int, dict[str, Estimate]]:
    model, context, found = estimate_memory(EstimateRequest.model_validate(body), FAMILIES, where)
    return model, context, {each.engine: each for each in found}


QWEN: dict[str, Any] = {"model_name": "qwen2.5-instruct", "model_size_in_billions": 7, "model_format": "pytorch"}


# Memory


def test_an_estimate_has_each_engine_and_those_of_this_server_come_first() -> None:
    model, context, found = estimate(**QWEN)
    assert (model.format, model.size_in_billions, context) == ("pytorch", 7, 8192)
    assert list(found) == ["vllm", "sglang", "transformers"]
    for each in found.values():
        assert each.need.kv_cache == each.parallel * context * 28 * 4 * 128 * 2 * 2
    _, _, mlx = estimate(model_name="qwen2.5-instruct", model_size_in_billions=7, model_format="mlx")
    assert list(mlx) == ["mlx"]


def test_context_and_requests_are_the_callers_or_else_the_models_and_the_engines() -> None:
    assert estimate(**QWEN, context_length=100)[1] == 100
    short, context, _ = estimate(model_name="modelyard-demo")
    assert context == short.context_length and context < 8192
    twice = estimate(**QWEN, n_parallel=2)[2]
    assert [each.parallel for each in twice.values()] == [2, 2, 2]
    assert twice["vllm"].need.kv_cache == 2 * 8192 * 28 * 4 * 128 * 2 * 2
    own = {name: (profile.memory and profile.memory.parallel) for name, profile in _profiles()}
    assert {name: each.parallel for name, each in estimate(**QWEN)[2].items()}.items() <= own.items()


def _profiles() -> list[tuple[str, Any]]:
    return [(name, ENGINES.get(name).profile) for name in ENGINES]


def test_a_cache_of_bytes_is_half_as_large() -> None:
    full, half = (estimate(**QWEN, kv_cache_dtype=dtype)[2] for dtype in (16, 8))
    for name in full:
        assert half[name].need.kv_cache * 2 == full[name].need.kv_cache, name
    q8 = estimate(model_name="modelyard-demo", kv_cache_dtype=8)[2]["llama_cpp"]
    assert q8.need == estimate(model_name="modelyard-demo", kv_cache_dtype="q8_0")[2]["llama_cpp"].need


def test_a_model_fits_on_devices_that_the_engine_uses_and_that_have_room() -> None:
    _, _, found = estimate(CARD, **QWEN)
    assert found["sglang"].fits["cpu"] is False, "it computes on GPUs only"
    assert found["transformers"].fits == {"cpu": True, "cuda:0": True}
    _, _, large = estimate(CARD, **{**QWEN, "model_size_in_billions": 14})
    assert large["transformers"].fits["cuda:0"] is False
    full = Machine(CARD.hardware, Claims({"cpu": 60 * GIB, "cuda:0": 20 * GIB}))
    _, _, none = estimate(full, **QWEN)
    assert not any(fit for each in none.values() for fit in each.fits.values())


def test_logits_that_nobody_asks_for_count_on_a_gpu_only() -> None:
    """llama.cpp's own processes touch them on a GPU alone; an engine that knows GPUs only is always computed as on one."""
    demo: dict[str, Any] = {"model_name": "modelyard-demo"}
    on_cpu, on_card = (estimate(where, **demo)[2]["llama_cpp"].need for where in (CPU, CARD))
    assert on_card.activations > on_cpu.activations
    on_cpu, on_card = (estimate(where, **QWEN)[2]["sglang"].need for where in (CPU, CARD))
    assert on_cpu.activations == on_card.activations


def test_one_engine_may_be_named_by_any_of_its_names() -> None:
    for name in ("vllm", "vLLM"):
        assert list(estimate(**QWEN, model_engine=name)[2]) == ["vllm"]
    assert list(estimate(**QWEN, model_engine="MLX")[2]) == ["mlx"], "also one that would not choose these weights"
    with pytest.raises(InvalidParameter, match="'fake' runs models without files"):
        estimate(**QWEN, model_engine="fake")
    with pytest.raises(InvalidParameter, match=r"'abacus' cannot be estimated; known are .*llama\.cpp") as refused:
        estimate(**QWEN, model_engine="abacus")
    assert refused.value.param == "model_engine"


def test_what_a_launch_would_choose_is_estimated_or_else_the_smallest() -> None:
    model, _, _ = estimate(machine(16), model_name="qwen2.5-instruct")
    assert (model.size_in_billions, model.format) == (7, "ggufv2")
    model, _, found = estimate(machine(1), model_name="qwen2.5-instruct", model_size_in_billions=72)
    assert model.size_in_billions == 72 and not any(found["llama_cpp"].fits.values())
    assert model.quantization == "q2_k"


def test_files_are_estimated_as_they_are(tmp_path: Path) -> None:
    file = make_gguf.chat_model(tmp_path / "made.gguf")
    bodies: list[dict[str, Any]] = [{"model_name": str(file)}, {"model_name": "mine", "model_path": str(file)}]
    for body in bodies:
        model, _, found = estimate(**body)
        assert (model.path, model.weights_bytes > 0) == (str(file), True)
        assert found["llama_cpp"].need.weights == model.weights_bytes
    with pytest.raises(NotFound):
        estimate_memory(EstimateRequest(model_name=str(file)), FAMILIES, CPU, local=False)


def test_weights_whose_size_the_catalog_does_not_know_are_asked_of_the_hubs() -> None:
    with pytest.raises(HubUnavailable, match=r"'cogview4' .* is not on this machine"):
        estimate(model_name="cogview4", model_type="image")


@pytest.mark.parametrize(
    ("given", "name"),
    [(None, "f16"), ("", "f16"), ("auto", "f16"), (8, "fp8"), ("8", "fp8"), (16, "f16"), (32, "f32"), (" F16 ", "f16"),
     ("bfloat16", "bf16"), ("fp8_e5m2", "fp8"), ("float32", "f32"), *((name, name) for name in CACHE_TYPES)],
)  # fmt: skip
def test_types_of_the_cache_have_many_spellings(given: str | int | None, name: str) -> None:
    assert cache_type(given) == name


@pytest.mark.parametrize("given", [9, 0, "none", "int8"])
def test_other_types_of_the_cache_are_refused(given: str | int) -> None:
    with pytest.raises(InvalidParameter, match="is none of 8, 16, 32, f32") as refused:
        cache_type(given)
    assert refused.value.param == "kv_cache_dtype"


# Engines


def offer(type: ModelType = ModelType.LLM, format: str = "pytorch", quantization: str | None = None) -> Offer:
    return Model("m", type=type, format=format, quantization=quantization), None


def test_entries_are_by_size_for_language_models_and_by_quantisation_for_encoders() -> None:
    found = entries(offers_of(LaunchRequest(model_name="qwen2.5-instruct", model_format="ggufv2"), FAMILIES))
    sizes = [each["model_size_in_billions"] for each in found]
    assert sizes == ["0_5", "1_5", 3, 7, 14, 32, 72], "as Xinference spells them"
    quantizations = found[0]["quantizations"]
    assert isinstance(quantizations, list) and len(quantizations) == len(set(map(str, quantizations))) > 5
    assert entries([offer(), offer()]) == [
        {"model_name": "m", "model_format": "pytorch", "model_size_in_billions": None, "quantizations": ["none"],
         "support_draft_model": False}
    ]  # fmt: skip
    for kind in (ModelType.EMBEDDING, ModelType.RERANK):
        assert [each["quantization"] for each in entries([offer(kind), offer(kind, "pytorch", "q8"), offer(kind)])] == [
            "none",
            "q8",
        ]
    assert entries([offer(ModelType.IMAGE), offer(ModelType.IMAGE, "pytorch", "q8")]) == [
        {"model_name": "m", "model_format": "pytorch"}
    ]


def test_engines_are_listed_with_what_they_run_and_the_others_only_with_reasons(tmp_path: Path) -> None:
    listed = engines_of("qwen2.5-instruct", None, FAMILIES, CPU, reasons=False)
    assert "llama.cpp" in listed and not {"vLLM", "SGLang", "TRT-LLM", "MLX", "fake", "external"} & listed.keys()
    assert all(isinstance(each, list) for each in listed.values())
    explained = engines_of("qwen2.5-instruct", "llm", FAMILIES, CPU, reasons=True)
    assert explained["vLLM"] == "vLLM is not installed: modelyard engine install vllm."
    assert explained["TRT-LLM"] == explained["MLX"] == "This server does not have that engine."
    assert not {"fake", "external", "whisper", "diffusers"} & explained.keys()
    give_environments(tmp_path, "vllm")
    here = Machine(CARD.hardware, engines=tmp_path / "engines")
    found = engines_of("qwen2.5-instruct", None, FAMILIES, here, reasons=False)
    assert {"llama.cpp", "vLLM"} <= found.keys() and "SGLang" not in found


def test_a_name_is_a_path_only_for_who_may_read_files(tmp_path: Path) -> None:
    file = make_gguf.chat_model(tmp_path / "made.gguf")
    found = engines_of(str(file), None, FAMILIES, CPU, reasons=False)["llama.cpp"]
    assert isinstance(found, list) and [each["model_format"] for each in found] == ["ggufv2"]
    with pytest.raises(NotFound):
        engines_of(str(file), None, FAMILIES, CPU, reasons=False, local=False)


# Architectures


def test_architectures_are_those_of_families_that_the_engine_runs_here(tmp_path: Path) -> None:
    give_environments(tmp_path, "vllm")
    bare = Machine(Hardware(2, (Device("cpu", "main memory", GIB, GIB),)), engines=tmp_path / "engines")
    found = supported_architectures("vllm", FAMILIES, bare)
    assert set(found) == {"chat", "generate"} and "Qwen2ForCausalLM" in found["chat"]
    assert found["chat"] == sorted(set(found["chat"])), "whether or not they fit into memory"
    none: dict[str, list[str]] = {"chat": [], "generate": []}
    for name in ("sglang", "nobody", "fake"):
        assert supported_architectures(name, FAMILIES, bare) == none, name
    assert supported_architectures("vllm", FAMILIES, Machine(bare.hardware)) == none, "it is not installed"
    assert supported_architectures("llama_cpp", FAMILIES, bare)["chat"]
