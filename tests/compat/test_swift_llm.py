"""The names of `swift.llm`: model types, sampling parameters, how an engine is launched, and lists of requests."""

from __future__ import annotations

import time
from typing import Any

import pytest

from modelyard.compat.swift import llm
from modelyard.core.errors import InvalidParameter, ModelyardError, NotFound
from modelyard.llm import (
    GenerationConfig,
    LLMEngine,
    LoRARequest,
    ModelType,
    Template,
    XRequestConfig,
    get_default_template_type,
    get_template,
    get_vllm_engine,
    inference_stream_vllm,
    inference_vllm,
)

REQUESTS: list[dict[str, Any]] = [
    {"query": "What is the capital of France?"},
    {"query": "And of 浙江?", "history": [["Hello", "Hi"]], "system": "You are kind."},
]
CONFIG = XRequestConfig(temperature=0, max_tokens=12)
FIGURES = {"num_prompt_tokens", "num_generated_tokens", "num_samples", "runtime", "samples/s", "tokens/s"}


@pytest.fixture
def engine(demo_engine: LLMEngine) -> LLMEngine:
    """The demo model in a child process."""
    return demo_engine


def test_model_types_are_attributes_with_underscores() -> None:
    assert ModelType.qwen_7b_chat == "qwen-7b-chat" and "qwen_7b_chat" in dir(ModelType)
    assert "qwen1half-7b-chat" in ModelType.get_model_name_list()
    with pytest.raises(AttributeError, match="qwen-7b-chat"):
        _ = ModelType.qwen_7b_chatt


@pytest.mark.parametrize(
    ("model_type", "template", "chats"),
    [("qwen-7b-chat", "qwen", True), ("qwen-7b", "default_generation", False), ("modelyard-demo", "default", True)],
)
def test_a_model_type_has_a_template_that_chats_or_continues(model_type: str, template: str, chats: bool) -> None:
    assert get_default_template_type(model_type) == template
    assert get_template(template, None).chats is chats


def test_an_unknown_model_type_names_similar_ones() -> None:
    with pytest.raises(NotFound, match="qwen-7b-chat"):
        get_default_template_type("qwen-7b-chatt")


def test_a_generation_config_takes_the_words_of_transformers() -> None:
    config = GenerationConfig()
    assert (config.max_new_tokens, config.do_sample) == (None, True)
    for name, value in (("max_new_tokens", 7), ("do_sample", True), ("top_p", 0.5)):
        setattr(config, name, value)
    assert (config.max_tokens, config.max_new_tokens, config.top_p, config.temperature) == (7, 7, 0.5, None)
    for name, value in (("temperature", 0.9), ("do_sample", False)):
        setattr(config, name, value)
    assert (config.temperature, config.do_sample) == (0.0, False)


@pytest.mark.parametrize(("name", "words"), [("max_length", "set max_new_tokens"), ("typo", "no setting of an answer")])
def test_a_generation_config_refuses_what_it_does_not_know(name: str, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words) as caught:
        setattr(GenerationConfig(), name, 1)
    assert caught.value.param == name


LAUNCHES: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    (
        {"torch_dtype": "torch.float16", "gpu_memory_utilization": 0.5, "enforce_eager": True, "max_model_len": 99},
        "vllm",
        {"dtype": "float16", "gpu_memory_utilization": 0.5, "enforce_eager": True, "max_model_len": 99},
    ),
    (
        {"tensor_parallel_size": 2, "max_num_seqs": 3, "engine_kwargs": {"swap_space": 1}},
        "vllm",
        {"tensor_parallel_size": 2, "max_num_seqs": 3, "swap_space": 1},
    ),
    (
        {"enable_lora": True, "max_lora_rank": 8},
        "vllm",
        {"enable_lora": True, "max_loras": 1, "max_lora_rank": 8},
    ),
    ({"infer_backend": "pt", "max_loras": 5, "gpu_memory_utilization": 0.5}, "transformers", {}),
    ({"infer_backend": "llama.cpp", "max_model_len": 9, "max_num_seqs": 2}, "llama_cpp", {"n_ctx": 9, "n_parallel": 2}),
    ({"infer_backend": "fake", "max_model_len": 9}, "fake", {}),
    ({"infer_backend": "auto", "tensor_parallel_size": 1}, "auto", {}),
]


@pytest.mark.parametrize(("arguments", "engine", "options"), LAUNCHES)
def test_arguments_become_the_options_of_the_engine(
    arguments: dict[str, Any], engine: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the launch is looked at: vLLM starts in tens of seconds here, and four of the engines are not installed."""
    launches: list[dict[str, Any]] = []
    monkeypatch.setattr(llm, "LLMEngine", lambda *given, **options: launches.append({"given": given, **options}))
    get_vllm_engine("qwen-7b-chat", model_id_or_path="/m", **arguments)
    [launch] = launches
    assert launch.pop("given") == ("qwen-7b-chat", arguments.get("torch_dtype"), "/m")
    assert launch.pop("infer_backend") == engine
    assert {name: value for name, value in launch.items() if value is not None} == options


def test_the_setting_names_the_engine_where_the_call_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    launches: list[str] = []
    monkeypatch.setattr(llm, "LLMEngine", lambda *_, infer_backend, **__: launches.append(infer_backend))
    monkeypatch.setenv("MODELYARD_INFER_BACKEND", "pt")
    get_vllm_engine("qwen-7b-chat")
    get_vllm_engine("qwen-7b-chat", infer_backend="fake")
    assert launches == ["transformers", "fake"]


@pytest.mark.parametrize("name", ["revision", "limit_mm_per_prompt"])
def test_arguments_without_a_meaning_here_are_refused(name: str) -> None:
    arguments: dict[str, Any] = {name: "x"}
    with pytest.raises(InvalidParameter, match=name):
        get_vllm_engine("modelyard-demo", **arguments)


def test_an_engine_has_the_attributes_of_swifts(engine: LLMEngine) -> None:
    assert (engine.model_type, engine.is_multimodal) == ("modelyard-demo", False)
    assert engine.max_model_len and engine.hf_tokenizer.model_dir == engine.model_dir
    assert engine.generation_config == GenerationConfig()


def test_answers_come_in_order_with_the_history_and_figures(
    engine: LLMEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    figures: dict[str, Any] = {"left from before": 1}
    began = time.perf_counter()
    template = get_template("default")
    first, second = inference_vllm(
        engine, template, REQUESTS, generation_config=CONFIG, generation_info=figures, verbose=True
    )
    assert "Paris" in first["response"] and first["history"] == [[REQUESTS[0]["query"], first["response"]]]
    assert second["history"] == [["Hello", "Hi"], [REQUESTS[1]["query"], second["response"]]]
    assert REQUESTS[1]["history"] == [["Hello", "Hi"]] and "logprobs" not in first
    assert set(figures) == FIGURES and figures["num_samples"] == 2 and figures["num_generated_tokens"] > 2
    assert 0 < figures["runtime"] <= time.perf_counter() - began
    assert figures["num_prompt_tokens"] > 10
    assert f"[PROMPT]{REQUESTS[0]['query']}[OUTPUT]{first['response']}" in capsys.readouterr().out


def test_logprobs_and_the_engines_own_settings(engine: LLMEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    config = GenerationConfig(temperature=0, max_tokens=2, logprobs=True)
    monkeypatch.setattr(engine, "generation_config", config)
    [answer] = inference_vllm(engine, get_template("default"), REQUESTS[:1])
    assert len(answer["logprobs"]["content"]) == 2


def test_steps_grow_to_the_whole_answers(engine: LLMEngine) -> None:
    figures: dict[str, Any] = {}
    template = get_template("default")
    whole = inference_vllm(engine, template, REQUESTS, generation_config=CONFIG)
    steps = list(inference_stream_vllm(engine, template, REQUESTS, generation_config=CONFIG, generation_info=figures))
    assert steps[-1] == whole and len(steps) > 3
    texts = [step[0]["response"] for step in steps]
    assert texts == sorted(texts, key=len) and figures["num_generated_tokens"] > 2
    rare = list(inference_stream_vllm(engine, template, REQUESTS, generation_config=CONFIG, flush_steps=5))
    assert rare[-1] == whole and 1 < len(rare) < len(steps)


def test_text_is_continued_where_the_template_does_not_chat(engine: LLMEngine) -> None:
    template = Template("default_generation")
    [whole] = inference_vllm(engine, template, [{"query": "Paris is"}], generation_config=CONFIG)
    *_, [last] = inference_stream_vllm(engine, template, [{"query": "Paris is"}], generation_config=CONFIG)
    assert whole == last and whole["response"]
    with pytest.raises(InvalidParameter, match="only continues text"):
        inference_vllm(engine, template, REQUESTS)


def test_no_requests_have_no_answers(engine: LLMEngine) -> None:
    assert inference_vllm(engine, get_template("default"), []) == []
    assert list(inference_stream_vllm(engine, get_template("default"), [])) == []


def test_an_adapter_that_is_nowhere_is_named(engine: LLMEngine) -> None:
    lora = LoRARequest("mine", 1, "/nowhere/adapter")
    with pytest.raises(ModelyardError, match="/nowhere/adapter"):
        inference_vllm(engine, get_template("default"), REQUESTS, lora_request=lora)
