"""From a launch request to a launch: defaults, spellings, and what is refused with which words."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from modelyard.control.launch_plans import checked_hub, checked_uid, plan_launch
from modelyard.control.other_engines import naming_others
from modelyard.control.placement import Machine
from modelyard.control.privileges import Permit
from modelyard.core.errors import BadRequest, InvalidParameter, ModelyardError, NoEngineFits, UnknownName, UnknownOption
from modelyard.core.trust import OWNER
from modelyard.core.types import Address, Device, Hardware, Json, Launch, Model, ModelType
from modelyard.engines import ENGINES
from modelyard.engines.names import canonical_name
from modelyard.protocol.models import LaunchRequest
from tests import make_gguf
from tests.adapter_files import peft_adapter
from tests.parameter_rules import refused

MACHINE = Machine(Hardware(2, (Device("cpu", "main memory", 2**34, 2**34),)))


def plan(**body: object) -> object:
    return plan_launch(LaunchRequest.model_validate(body), MACHINE)


def test_extra_keys_are_options_of_the_engine() -> None:
    launch = plan_launch(
        LaunchRequest.model_validate({"model_name": "m", "engine": "fake", "tokens": "7", "envs": {"A": "b"}}),
        MACHINE,
        permit=Permit(OWNER),
    )
    assert (launch.uid, launch.engine, launch.options, launch.env) == ("m", "fake", {"tokens": "7"}, {"A": "b"})
    assert launch.model.type is ModelType.LLM


def test_a_launch_of_one_candidate_is_planned_without_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of a launch is computed when it is accepted; here there is nothing to choose by it."""
    monkeypatch.setattr(type(ENGINES.get("fake")), "footprint", None)
    assert plan(model_name="m", model_engine="fake")


SPELLINGS = [("llama.cpp", "llama_cpp"), ("xllamacpp", "llama_cpp"), ("vLLM", "vllm"), ("a-b", "a_b")]


@pytest.mark.parametrize(("given", "name"), SPELLINGS)
def test_engines_by_the_names_people_use(given: str, name: str) -> None:
    assert canonical_name(given) == name


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ({}, InvalidParameter, "model_name': it is required"),
        ({"model_name": "m", "model_engine": "llama_cp"}, ModelyardError, "llama_cp"),
        ({"model_name": "m", "model_engine": "fake", "tokns": 1}, UnknownOption, "Did you mean 'tokens'"),
        ({"model_name": "m", "model_engine": "fake", "tokens": "many"}, InvalidParameter, "tokens"),
        ({"model_name": "m", "model_engine": "fake", "model_type": "poem"}, InvalidParameter, "'poem' is none of LLM"),
        ({"model_name": "m", "model_engine": "fake", "n_worker": 2}, InvalidParameter, "single machine"),
        ({"model_name": "m", "model_engine": "fake", "request_limits": -1}, InvalidParameter, "0 or more"),
        ({"model_name": "m", "model_engine": "fake", "multimodal_projector": "x"}, InvalidParameter, "'m' has none"),
        ({"model_name": "demo", "multimodal_projector": "x.gguf"}, InvalidParameter, "'demo' has none"),
        ({"model_name": "m", "model_engine": "fake", "gpu_idx": "a,b"}, InvalidParameter, "no list of GPU indexes"),
        ({"model_name": "m", "model_engine": "fake", "n_gpu": "many"}, InvalidParameter, "n_gpu"),
        ({"model_name": "m", "model_engine": "fake", "peft_model_config": {"lora_list": [{}]}}, InvalidParameter, "local_path"),
    ],
)  # fmt: skip
def test_what_is_refused(body: dict[str, object], kind: type[ModelyardError], words: str) -> None:
    with pytest.raises(kind) as caught:
        plan(**body)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("engine", "option", "others"),
    [
        ("transformers", "tensor_parallel_size", "sglang and vllm have it"),
        ("llama_cpp", "gpu_memory_utilization", "vllm has it"),
        ("fake", "n_ctx", "llama_cpp has it"),
    ],
)
def test_an_option_of_other_engines_names_them(engine: str, option: str, others: str) -> None:
    model = Model("m", path="/m", format="ggufv2" if engine == "llama_cpp" else "pytorch")
    launch = Launch("m", model, engine, {option: "2"})
    with pytest.raises(UnknownOption) as caught, naming_others():
        ENGINES.get(engine).check(launch)
    assert caught.value.message.startswith(f"Engine '{engine}' has no option '{option}'; {others}. ")
    assert " It has: " in caught.value.message
    assert caught.value.param == option


def test_a_launch_names_the_engines_that_have_an_option() -> None:
    with pytest.raises(
        UnknownOption, match=r"'llama_cpp' has no option 'tensor_parallel_size'; sglang and vllm have it\."
    ):
        plan(model_name="modelyard-demo", tensor_parallel_size=2)


def test_an_unknown_engine_lists_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"Did you mean 'llama_cpp'.*Known: .*fake"):
        plan(model_name="demo", model_engine="llama_cp")


@pytest.mark.parametrize("uid", ["", "x" * 101, "a\nb", " a", "/a", "a/", "\x1b[31m"])
def test_uids_that_could_not_stand_in_a_url(uid: str) -> None:
    with pytest.raises(InvalidParameter):
        checked_uid(uid)


@pytest.mark.parametrize("uid", ["qwen2.5-instruct", "Qwen/Qwen2.5", "问答", "a b"])
def test_uids_that_can(uid: str) -> None:
    assert checked_uid(uid) == uid


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["fake", "auto"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
OPTIONS = ("tokens", "tokens_per_second", "n_ctx", "lora", "tensor_split", "base_url", "chat_template", "anything")
KEYS = st.sampled_from([*LaunchRequest.model_fields, *OPTIONS])


@given(body=st.dictionaries(KEYS, VALUES, max_size=6), engine=st.sampled_from(["fake", "llama_cpp", "external", None]))
def test_no_body_is_a_defect_of_ours(body: dict[str, Any], engine: str | None) -> None:
    """Whatever a launch holds, it is planned, or refused with one of our own errors."""
    with suppress(ModelyardError, ValidationError):
        plan_launch(LaunchRequest.model_validate({"model_name": "demo", **body, "model_engine": engine}), MACHINE)


def test_an_environment_that_no_process_can_have() -> None:
    for name, value in (("A", "b\0c"), ("A=B", "c"), ("", "x"), ("A\0", "b"), ("A", "\ud800")):
        with pytest.raises(InvalidParameter, match="envs"):
            plan(model_name="m", model_engine="fake", envs={name: value})


# GPUs, and what the peer's programs send

WITH_GPUS = Machine(
    Hardware(8, (MACHINE.hardware.cpu, *(Device(f"cuda:{n}", "card", 24 * 2**30, 23 * 2**30) for n in range(2))))
)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"n_gpu": 3}, "3 per replica are asked for, and this machine has cuda:0 with 23.0 GiB free, cuda:1 with"),
        ({"n_gpu": 1}, "does not compute on GPUs"),
        ({"n_gpu": 1, "model_engine": "llama.cpp"}, "llama.cpp, as it is installed here, does not compute on GPUs"),
        ({"gpu_idx": "1"}, "does not compute on GPUs"),
        ({"gpu_idx": "0,2"}, "there is no GPU 2"),
    ],
)
def test_gpus_that_would_not_be_used_are_refused(body: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        plan_launch(LaunchRequest.model_validate({"model_name": "demo", **body}), WITH_GPUS)
    assert words in caught.value.message


@pytest.mark.parametrize("given", ["auto", None, "none", 0, "0", ""])
def test_no_gpus_where_the_engine_has_no_use_for_them(given: int | str | None) -> None:
    launch = plan_launch(LaunchRequest.model_validate({"model_name": "demo", "n_gpu": given}), WITH_GPUS)
    assert (launch.gpus, launch.gpu_idx) == (0, ())


def test_gpus_by_number_and_by_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(ENGINES.get("llama_cpp")), "uses_gpus", lambda self: True)

    def gpus(**body: Any) -> tuple[int, tuple[int, ...]]:
        launch = plan_launch(LaunchRequest.model_validate({"model_name": "demo", **body}), WITH_GPUS)
        return launch.gpus, launch.gpu_idx

    assert gpus() == gpus(n_gpu="auto") == (1, ()), "one, as Xinference takes"
    assert gpus(n_gpu=2) == gpus(n_gpu="2") == (2, ())
    assert gpus(gpu_idx=1) == gpus(gpu_idx="1") == (1, (1,))
    assert gpus(gpu_idx=[0, 1], n_gpu="auto") == (2, (0, 1))
    assert gpus(n_gpu=None) == (0, ())


def test_blank_text_means_unset() -> None:
    request = LaunchRequest.model_validate({"model_name": "demo", "model_uid": "", "quantization": " ", "gpu_idx": ""})
    assert (request.model_uid, request.quantization, request.gpu_idx) == (None, None, None)


def test_a_replica_config_that_asks_for_the_same_everywhere() -> None:
    devices = [{"worker_ip": "127.0.0.1:10829", "n_gpu": "auto", "gpu_idx": None}]
    config: list[dict[str, Any]] = [
        {"replica_uid": None, "role": "hybrid", "devices": devices, "engine_config": {}}
    ] * 2
    assert plan(model_name="demo", replica=2, replica_config=config)


def test_code_that_comes_with_weights_means_nothing_to_gguf() -> None:
    launch = plan_launch(LaunchRequest.model_validate({"model_name": "demo", "trust_remote_code": True}), MACHINE)
    assert launch.options == {}


TOOLS = "{% if tools %}{{ tools | tojson }}{% endif %}{{ messages[0].content }}"
THOUGHTS = "{{ messages[0].content }}{% if enable_thinking %}<think>{% endif %}"


@pytest.mark.parametrize("engine", ["llama_cpp", None])
def test_the_template_of_a_launch_decides_abilities(tmp_path: Path, engine: str | None) -> None:
    file = tmp_path / "tools.jinja"
    file.write_text(TOOLS)
    body = {"model_name": "modelyard-demo", "model_engine": engine}
    for template, abilities in (
        (str(file), {"generate", "chat", "tools"}),
        (TOOLS, {"generate", "chat", "tools"}),
        (THOUGHTS, {"generate", "chat", "reasoning", "hybrid"}),
        ("{{ messages[0].content }}", {"generate", "chat"}),
    ):
        launch = plan_launch(
            LaunchRequest.model_validate({**body, "chat_template": template}), MACHINE, permit=Permit(OWNER)
        )
        assert set(launch.model.abilities) == abilities
        assert launch.model.thinking_key == ("enable_thinking" if template == THOUGHTS else None)
        rules = ENGINES.get(launch.engine).command(launch, Address(), "").rules
        assert ("tools" in refused(rules)) == ("tools" not in abilities)


def test_a_template_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "binary.jinja"
    file.write_bytes(b"\xff\xfe{{ x }}")
    body = {"model_name": "modelyard-demo", "chat_template": str(file)}
    with pytest.raises(InvalidParameter, match="UTF-8") as refused:
        plan_launch(LaunchRequest.model_validate(body), MACHINE, permit=Permit(OWNER))
    assert refused.value.param == "chat_template"


# Names and files


def launched(**body: Any) -> Launch:
    return plan_launch(LaunchRequest.model_validate(body), MACHINE, permit=Permit(OWNER))


def test_a_file_is_launched_by_its_path_under_a_name_of_its_own(tmp_path: Path) -> None:
    file = make_gguf.chat_model(tmp_path / "made.gguf")
    by_name, by_path = launched(model_name=str(file)), launched(model_path=str(file))
    assert by_name.model.path == by_path.model.path == str(file)
    assert by_name.uid == by_path.uid == by_name.model.name
    named = launched(model_name="mine", model_path=str(file), model_type="llm")
    assert (named.uid, named.model.name, named.model.path) == ("mine", "mine", str(file))
    assert launched(model_name="mine", model_path=str(file), model_uid="x").uid == "x"
    with pytest.raises(BadRequest, match="is a model of type LLM, not embedding"):
        launched(model_path=str(file), model_type="embedding")


def test_a_model_without_files_is_what_the_request_says() -> None:
    fake = {"model_engine": "fake"}
    assert launched(model_uid="m", **fake).model == Model("m", format="fake")
    found = launched(model_name="m", model_type="Embedding", model_uid="u", request_limits=3, **fake)
    assert (found.uid, found.model.name, found.model.type, found.request_limit) == ("u", "m", ModelType.EMBEDDING, 3)
    with pytest.raises(InvalidParameter, match="'model_name': it is required"):
        launched(**fake)
    for kind in ("", None):
        assert launched(model_name="m", model_type=kind, **fake).model.type is ModelType.LLM


@pytest.mark.parametrize("name", ["a" * 101, " a", "a/"])
def test_names_of_adapters_are_those_of_models(tmp_path: Path, name: str) -> None:
    modules = [{"name": name, "path": str(peft_adapter(tmp_path / "one"))}]
    with pytest.raises(InvalidParameter) as refused:
        launched(model_name="m", model_engine="fake", lora_modules=modules)
    assert refused.value.param == "lora_modules"
    modules[0]["name"] = "a"
    found = launched(model_name="m", model_engine="fake", lora_modules=modules)
    assert [(each.name, each.scale) for each in found.adapters] == [("a", 1.0)]


@pytest.mark.parametrize(("given", "name"), [(None, None), ("", None), ("auto", "auto"), ("modelscope", "modelscope")])
def test_hubs_are_known_by_name(given: str | None, name: str | None) -> None:
    assert checked_hub(given) == name


@pytest.mark.parametrize("given", ["Hugging Face", 5, True, ["auto"]])
def test_other_hubs_are_refused(given: Json) -> None:
    with pytest.raises(InvalidParameter, match="is none of auto, huggingface, modelscope") as refused:
        checked_hub(given)
    assert refused.value.param == "download_hub"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"n_gpu": -1}, "must not be negative"),
        ({"n_gpu": 1.5}, "n_gpu|number"),
        ({"gpu_idx": -1}, "there is no GPU -1"),
        ({"gpu_idx": 2}, "there is no GPU 2: this machine has cuda:0 with 23.0 GiB free"),
    ],
)
def test_gpus_that_are_not_there_are_refused(body: dict[str, Any], words: str) -> None:
    with pytest.raises((InvalidParameter, ValidationError), match=words):
        plan_launch(LaunchRequest.model_validate({"model_name": "m", "model_engine": "fake", **body}), WITH_GPUS)


def test_thinking_and_engine_are_taken_from_their_own_keys() -> None:
    for key in ("engine", "model_engine"):
        found = launched(model_name="modelyard-demo", enable_thinking=False, **{key: "llama.cpp"})
        assert (found.engine, found.options) == ("llama_cpp", {"enable_thinking": False})
    with pytest.raises(NoEngineFits, match=r"TRT-LLM cannot run 'm': this server does not have that engine; it has"):
        launched(model_name="m", model_engine="TRT-LLM")
    assert launched(model_name="modelyard-demo", trust_remote_code=True).options == {}


@pytest.mark.parametrize("uid", ["x", "x" * 100])
def test_names_have_a_length(uid: str) -> None:
    assert checked_uid(uid) == uid
    with pytest.raises(InvalidParameter, match="1 to 100 characters"):
        checked_uid("x" * 101)
