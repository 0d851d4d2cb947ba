"""Which variant and engine a launch gets on which machine, and what each refusal says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelyard.catalog.family import Dimensions, Family, ModelSource, Spec
from modelyard.catalog.memory import sketch
from modelyard.catalog.resolve import matching, variants
from modelyard.control.engine_choice import Candidate, Offer, Requirements, choose, decide, gpu_counts, runnable
from modelyard.control.placement import Claims, Machine
from modelyard.core.errors import InvalidParameter, NoEngineFits, NotEnoughMemory
from modelyard.core.types import Device, Footprint, Hardware, Model, ModelType
from modelyard.engines import ENGINES
from tests.engine_environments import give_environments

GIB = 2**30
LADDER = ["q2_k", "q3_k_m", "q4_0", "q4_k_m", "q5_k_m", "q6_k", "q8_0", "f16"]


def machine(main: float, *gpus: float, free: float | None = None) -> Machine:
    """So many GiB of main memory, and of each GPU."""
    cpu = Device("cpu", "main memory", int(main * GIB), int((free or main * 0.8) * GIB))
    cards = (Device(f"cuda:{n}", "card", int(size * GIB), int(size * GIB)) for n, size in enumerate(gpus))
    return Machine(Hardware(8, (cpu, *cards)))


def spec(size: float | str, format: str = "ggufv2", quantizations: list[str] = LADDER, **more: Any) -> Spec:
    return Spec(
        format=format,
        size_in_billions=size,
        quantizations=quantizations,
        src={"huggingface": ModelSource(model_id="owner/name", file="{quantization}.gguf")},
        **more,
    )


def family(*specs: Spec) -> Family:
    return Family(name="some", type=ModelType.LLM, specs=list(specs), context_length=2048)


MANY = family(*(spec(size) for size in ("0_5", "1_5", 3, 7, 14, 32, 72)))


def offers(of: Family, **wish: Any) -> list[Offer]:
    return [(sketch(variant), variant) for variant in matching(of, **wish)]


def nowhere(offer: Offer) -> bool:
    return False


def chosen(of: Family, where: Machine, engine: str | None = None, **wish: Any) -> tuple[float | None, str | None]:
    found = decide("some", offers(of, **wish), Requirements("some", engine), where, nowhere)
    return found.model.size_in_billions, found.model.quantization


@pytest.mark.parametrize(
    ("where", "got"),
    [
        (machine(4), (3.0, "q4_k_m")),
        (machine(8), (3.0, "q8_0")),
        (machine(16), (7.0, "q5_k_m")),
        (machine(512), (7.0, "q5_k_m")),
    ],
)
def test_a_family_of_many_sizes_comes_in_what_the_machine_runs_well(where: Machine, got: tuple[float, str]) -> None:
    assert chosen(MANY, where) == got


def test_a_size_that_was_asked_for_is_taken_even_if_it_only_just_fits() -> None:
    assert chosen(MANY, machine(16), size=14) == (14.0, "q4_k_m")
    assert chosen(MANY, machine(16, free=12), size="14", quantization="Q3_K_M") == (14.0, "q3_k_m")
    assert chosen(MANY, machine(64), size=72) == (72.0, "q4_k_m")


def test_a_small_family_comes_in_eight_bits_and_not_in_sixteen() -> None:
    assert chosen(family(spec("0_5")), machine(16)) == (0.5, "q8_0")
    assert chosen(family(spec("0_5", quantizations=["f16"])), machine(16)) == (0.5, "f16")


def test_where_nothing_is_comfortable_the_smallest_that_fits() -> None:
    large = family(spec(14), spec(32))
    assert chosen(large, machine(16)) == (14.0, "q4_k_m")


def test_files_on_this_machine_go_first() -> None:
    def here(offer: Offer) -> bool:
        return (offer[0].size_in_billions, offer[0].quantization) == (0.5, "q2_k")

    found = decide("some", offers(MANY), Requirements("some"), machine(64), here)
    assert (found.model.size_in_billions, found.model.quantization, found.here) == (0.5, "q2_k", True)


def test_files_on_this_machine_that_do_not_fit_are_no_use() -> None:
    def here(offer: Offer) -> bool:
        return offer[0].size_in_billions == 72

    found = decide("some", offers(MANY), Requirements("some"), machine(16), here)
    assert found.model.size_in_billions == 7


def candidate(score: int = 80, size: float = 7, quantization: str = "q4_k_m", **more: Any) -> Candidate:
    model = Model("some", format="ggufv2", size_in_billions=size, quantization=quantization, weights_bytes=GIB)
    return Candidate(model, "an engine", score, need=Footprint(GIB, 0, 0), capacity=64 * GIB, **more)


def test_the_engine_that_fits_best_goes_before_size() -> None:
    assert choose([candidate(80, 14), candidate(90, 7)]) == candidate(90, 7)
    assert choose([]) is None
    assert choose([candidate(problem=NotEnoughMemory("some", "no"))]) is None


def test_parallel_sizes_say_how_many_gpus_a_replica_takes() -> None:
    where, vllm = machine(64, 24, 24).hardware, ENGINES.get("vllm")
    assert gpu_counts(vllm, Requirements("m"), where) == (1, 0)
    assert gpu_counts(vllm, Requirements("m", options={"tensor_parallel_size": "2"}), where) == (2,)
    assert gpu_counts(
        vllm, Requirements("m", options={"vllm_tensor_parallel_size": 2, "data_parallel_size": 2}), where
    ) == (4,)
    assert gpu_counts(vllm, Requirements("m", options={"tensor_parallel_size": "two"}), where) == (1, 0)
    assert gpu_counts(vllm, Requirements("m", gpus=0, options={"tensor_parallel_size": 2}), where) == (0,)
    assert gpu_counts(vllm, Requirements("m", options={"tensor_parallel_size": 2}), machine(64).hardware) == (0,)
    assert gpu_counts(ENGINES.get("fake"), Requirements("m", options={"tensor_parallel_size": 2}), where) == (0,)


def test_a_gpu_takes_larger_models_than_a_cpu() -> None:
    big = Model("some", format="ggufv2", size_in_billions=32, quantization="q4_k_m", weights_bytes=19 * 10**9)
    need = Footprint(big.weights_bytes, 0, 0)
    assert Candidate(big, "e", 1, gpus=1, need=need, capacity=80 * GIB).comfortable
    assert not Candidate(big, "e", 1, need=need, capacity=80 * GIB).comfortable
    huge = Model("some", format="ggufv2", weights_bytes=30 * 10**9)
    assert not Candidate(huge, "e", 1, gpus=1, need=Footprint(1, 0, 0), capacity=80 * GIB).comfortable


def test_gpus_are_taken_by_engines_that_can_use_them(monkeypatch: pytest.MonkeyPatch) -> None:
    where = machine(64, 24)
    assert decide("some", offers(MANY), Requirements("some"), where, nowhere).gpus == 0, (
        "this build computes on the CPU"
    )
    monkeypatch.setattr(type(ENGINES.get("llama_cpp")), "uses_gpus", lambda self: True)
    found = decide("some", offers(MANY), Requirements("some"), where, nowhere)
    assert (found.gpus, found.model.size_in_billions, found.model.quantization) == (1, 14, "q6_k")
    alone = decide("some", offers(MANY, size=72), Requirements("some"), where, nowhere)
    assert alone.gpus == 0, "what the GPU has no room for runs in main memory"
    assert decide("some", offers(MANY), Requirements("some", gpus=0), where, nowhere).gpus == 0


def test_what_our_own_replicas_hold_is_not_given_away_twice() -> None:
    full = Machine(machine(64, free=60).hardware, Claims({"cpu": 55 * GIB}))
    assert chosen(MANY, full, size=14) == (14.0, "q2_k")


# Refusals


def test_too_large_a_model_is_refused_with_the_figures_of_its_smallest_variant() -> None:
    with pytest.raises(NotEnoughMemory) as caught:
        decide("some", offers(MANY, size=72), Requirements("some"), machine(16), nowhere)
    said = caught.value.message
    assert "the smallest of 8 ways to run it is 72 billion, ggufv2, q2_k on llama.cpp" in said
    assert "GiB (weights 26.5 GiB" in said and "can be used on cpu" in said
    assert caught.value.memory is not None
    assert int(caught.value.memory["total"]) > int(caught.value.memory["free"])
    assert set(caught.value.memory) >= {"weights", "kv_cache", "activations", "overhead", "device"}


def test_a_model_that_no_engine_runs_has_every_reason_and_an_estimate() -> None:
    dims = Dimensions(num_hidden_layers=28, hidden_size=3584, num_attention_heads=28, num_key_value_heads=4,
                      intermediate_size=18944, vocab_size=152064)  # fmt: skip
    only = family(spec(7, "pytorch", ["none"], shape=dims))
    with pytest.raises(NoEngineFits) as caught:
        decide("some", offers(only), Requirements("some"), machine(64), nowhere)
    said = caught.value.message
    assert "llama.cpp: it runs GGUF files, not format 'pytorch'" in said
    assert "vLLM: vLLM is not installed: modelyard engine install vllm;" in said
    assert "TRT-LLM: could run it, but this server does not have that" in said
    assert "fake" not in said and "external" not in said
    assert "It would take about" in said and "weights 14.2 GiB" in said
    assert caught.value.memory is not None and caught.value.memory["weights"] == pytest.approx(15.2e9, rel=0.01)


def test_one_engine_that_was_asked_for_says_why_not() -> None:
    only = family(spec(7, "pytorch", ["none"]))
    with pytest.raises(NoEngineFits, match=r"llama\.cpp cannot run 'some': it runs GGUF files"):
        decide("some", offers(only), Requirements("some", "llama_cpp"), machine(64), nowhere)


def test_an_engine_that_is_had_only_by_name_is_never_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    llama = ENGINES.get("llama_cpp")
    monkeypatch.setattr(type(llama), "profile", replace(llama.profile, only_by_name=True))
    with pytest.raises(NoEngineFits, match="only launches that name it get it: model_engine 'llama_cpp'"):
        decide("some", offers(MANY), Requirements("some"), machine(64), nowhere)
    assert decide("some", offers(MANY), Requirements("some", "llama_cpp"), machine(64), nowhere).engine == "llama_cpp"


def test_weights_made_for_one_engine_go_to_no_other() -> None:
    only = family(spec(1, "ggufv2", ["q8_0"], engine="MLX"))
    with pytest.raises(NoEngineFits, match=r"llama\.cpp: these weights are made for MLX;.* MLX: could run it"):
        decide("some", offers(only), Requirements("some"), machine(64), nowhere)


def test_a_wish_that_no_variant_satisfies() -> None:
    with pytest.raises(InvalidParameter, match=r"it has 0\.5, 1\.5, 3, 7, 14, 32, 72"):
        matching(MANY, size=13)
    assert len(variants(MANY)) == 7 * len(LADDER)


def test_an_engine_that_has_the_options_is_chosen(tmp_path: Path) -> None:
    """Where none of those that are here has them, all are kept: the launch hears which engine has them."""
    give_environments(tmp_path, "transformers", "vllm")
    of = replace(sketch(variants(family(spec(1, "pytorch", ["none"])))[0]), path="/m", architecture="LlamaForCausalLM")
    where = replace(machine(64), engines=tmp_path / "engines")

    def engines(**options: Any) -> set[str]:
        found, _ = runnable([(of, None)], Requirements("some", options=options), where, nowhere)
        return {one.engine for one in found}

    assert engines() == engines(trust_remote_code=False) == engines(none_such=1) == {"transformers", "vllm"}
    assert engines(max_model_len=512) == {"transformers", "vllm"}
    assert engines(tensor_parallel_size=2) == {"vllm"}
    assert engines(n_ctx=512) == {"transformers", "vllm"}
    assert engines(use_mlock=True) == {"transformers", "vllm"}, "only llama.cpp has it, which cannot run such files"


# The order of candidates


def bits_of(*names: str, weights: int = GIB, size: float = 7, format: str = "ggufv2") -> str | None:
    """The quantisation that is chosen of these."""
    found = choose([sized(name, weights, size, format) for name in names])
    assert found is not None
    return found.model.quantization


def sized(name: str, weights: int, size: float = 7, format: str = "ggufv2", **more: Any) -> Candidate:
    model = Model("some", format=format, size_in_billions=size, quantization=name, weights_bytes=weights)
    fields: dict[str, Any] = {"need": Footprint(weights, 0, 0), "capacity": 64 * GIB, **more}
    return Candidate(model, "an engine", 80, **fields)


BIG = 40 * GIB
"""Bytes of weights that only just fit."""


def test_with_room_the_most_bits_of_the_usual_ones_are_taken() -> None:
    assert bits_of("q4_0", "q4_k_m", "q6_k", "q5_k_m") == "q6_k"
    assert bits_of("f16", "q8_0", "q4_0") == "q8_0", "more bits than the usual cost memory alone"
    assert bits_of("f16", "q4_0") == "q4_0", "of unusual ones the nearest to five bits"
    assert bits_of("4-bit", "8-bit", format="mlx") == "8-bit"


def test_short_of_room_the_nearest_below_five_bits_is_taken() -> None:
    assert bits_of("q2_k", "q8_0", "q4_k_m", "q3_k_m", weights=BIG) == "q4_k_m"
    assert bits_of("q8_0", "q6_k", weights=BIG) == "q6_k", "of larger ones the smallest"
    assert bits_of("q2_k", "q3_k_m", weights=BIG) == "q3_k_m", "of smaller ones the largest"
    assert bits_of("q4_1", "q4_k_m", weights=BIG) == "q4_k_m", "and usual ones before others"


def test_with_room_the_larger_model_is_taken_unless_it_has_too_few_bits() -> None:
    small, large, poor = sized("q8_0", GIB, 1), sized("q4_k_m", GIB, 7), sized("q2_k", GIB, 14)
    assert choose([small, large, poor]) == large
    assert choose([small, poor]) == small


def test_files_that_are_here_go_before_comfort_and_comfort_before_the_engine() -> None:
    here, comfortable = sized("q4_k_m", BIG), sized("q4_k_m", GIB, here=False)
    assert choose([comfortable, here]) == here
    better = replace(sized("q4_k_m", BIG), score=100)
    assert choose([sized("q4_k_m", GIB), better]) == sized("q4_k_m", GIB)
    assert choose([sized("q4_k_m", BIG, 14), sized("q4_k_m", BIG, 7)]) == sized("q4_k_m", BIG, 7), "the smaller fits"


GB = 10**9


@pytest.mark.parametrize(
    ("more", "comfortable"),
    [
        ({"weights": 5 * GB}, True),
        ({"weights": 5_500_000_000}, True),
        ({"weights": 5_500_000_001}, False),
        ({"weights": 20 * GB, "gpus": 1}, True),
        ({"weights": 20 * GB + 1, "gpus": 1}, False),
        ({"weights": GB, "need": Footprint(32 * GIB, 0, 0)}, True),
        ({"weights": GB, "need": Footprint(32 * GIB, 1, 0)}, False),
        ({"weights": 5 * GB, "here": False}, True),
        ({"weights": 20 * GB, "here": False, "gpus": 1}, True),
        ({"weights": 21 * GB, "here": False, "gpus": 1}, False),
    ],
    ids=str,
)
def test_what_is_comfortable_to_run(more: dict[str, Any], comfortable: bool) -> None:
    assert sized("q4_k_m", **{"capacity": 64 * GIB, **more}).comfortable is comfortable


def test_a_refusal_of_a_path_has_the_reasons_of_each_engine_that_was_asked() -> None:
    model = Model("x", format="mlx")
    with pytest.raises(NoEngineFits, match=r"MLX: could run it, but this server does not have that") as caught:
        decide("x", [(model, None)], Requirements("x"), machine(64), nowhere)
    assert "It would take" not in caught.value.message and caught.value.memory is None, "its size is not known"
    known = replace(model, weights_bytes=10 * GIB)
    with pytest.raises(NoEngineFits, match=r"It would take about 12\.\d GiB \(weights 10\.0 GiB") as caught:
        decide("x", [(model, None), (known, None)], Requirements("x"), machine(64), nowhere)
    assert caught.value.memory is not None and caught.value.memory["engine"] == "MLX"
    with pytest.raises(NoEngineFits) as caught:
        decide("x", [(model, None)], Requirements("x", "fake"), machine(64), nowhere)
    assert "fake cannot run 'x'" in caught.value.message and "MLX" not in caught.value.message
