"""The rules of the engines: each parameter has one, and the gateway refuses, renames and converts by them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modelyard.api.knowledge_chat import RULES as BASES
from modelyard.core.rules import Honour, Ignore, Refuse, Rename, Replace, Rules
from modelyard.core.types import Address, Json, Launch, Model, ReplicaState, Route, Task
from modelyard.engines import ENGINES
from modelyard.engines.llama_cpp.rules import RULES as LLAMA_CPP
from modelyard.engines.rules import OF_COMPLETIONS, REQUESTS
from modelyard.engines.sglang.rules import RULES as SGLANG
from modelyard.engines.transformers.rules import RULES as TRANSFORMERS
from modelyard.engines.vllm import engine as vllm
from modelyard.engines.vllm.rules import RULES as VLLM
from modelyard.engines.vllm.rules import WITH_ADAPTERS, rules_for
from modelyard.gateway.adaptation import adapt_body
from modelyard.gateway.model_call import ModelCall
from modelyard.gateway.parameters import refusals, with_client_names
from modelyard.gateway.paths import PATHS
from modelyard.protocol.plain import PLAIN
from modelyard.protocol.requests import read

ALL = {
    **{name: rules for name in ENGINES if (rules := ENGINES.get(name).rules).by_task},
    "vllm with adapters": WITH_ADAPTERS,
    "bases": BASES,
}
NEEDED: dict[Task, dict[str, Any]] = {
    Task.CHAT: {"messages": [{"role": "user", "content": "Hello"}]},
    Task.COMPLETION: {"prompt": ["Once", "Twice"]},
    Task.EMBEDDING: {"input": "a"},
    Task.RERANK: {"query": "a", "documents": ["b"]},
}
ROWS = {row.task: row for row in PATHS.values() if row.task in NEEDED}
TABLES = [(name, task) for name, rules in ALL.items() for task in rules.by_task]


def call(task: Task, given: dict[str, Any]) -> ModelCall:
    row = ROWS[task]
    request, body = read(json.dumps({"model": "m", **NEEDED[task], **given}).encode(), row.request, row.plain)
    return ModelCall(body, request, "m")


def route(rules: Rules) -> Route:
    return Route("m", "m", ReplicaState.READY, rules=rules)


def refused(rules: Rules, task: Task, **given: Any) -> list[str]:
    return [name for name, _ in refusals(route(rules), task, call(task, given))]


def gets(rules: Rules, task: Task, **given: Any) -> dict[str, Any]:
    """What an engine gets beside what every request has."""
    found = json.loads(adapt_body(call(task, given), route(rules), task))
    return {name: value for name, value in found.items() if name not in ("model", *NEEDED[task])}


@pytest.mark.parametrize(("engine", "task"), TABLES)
def test_every_parameter_has_a_rule(engine: str, task: Task) -> None:
    found = ALL[engine].by_task[task]
    fields = set(REQUESTS[task].__struct_fields__) | (set(OF_COMPLETIONS) if task is Task.CHAT else set())
    assert {name for name in found if "." not in name} == fields
    assert {name.partition(".")[0] for name in found} == fields
    for name, rule in found.items():
        if isinstance(rule, Rename | Replace):
            to = rule.to if isinstance(rule, Rename) else rule.name
            assert isinstance(found[to], Honour | Rename), f"{name} becomes {to}, which is not honoured"


@pytest.mark.parametrize(("engine", "task"), TABLES)
def test_plain_bodies_hold_what_every_engine_honours(engine: str, task: Task) -> None:
    plain = ROWS[task].plain
    assert plain is None or plain in PLAIN
    for name in plain.__struct_fields__ if plain else ():
        rule = ALL[engine].by_task[task][name]
        assert not isinstance(rule, Refuse) or (engine, name) == ("bases", "n"), "a plain body has one choice"


TAG = {"type": "structural_tag", "structures": [{"begin": "a", "schema": {}, "end": "b"}], "triggers": ["a"]}
BEYOND_OPENAI: tuple[dict[str, Any], ...] = (
    {"use_beam_search": True},
    {"num_beams": 2},
    {"return_token_ids": True},
    {"return_tokens_as_token_ids": True},
    {"include_stop_str_in_output": True},
    {"prompt_logprobs": 1},
    {"min_tokens": 3},
)
TRANSFORMERS_HAS = ("return_token_ids", "include_stop_str_in_output", "min_tokens")


@pytest.mark.parametrize("engine", ["llama_cpp", "transformers", "bases"])
@pytest.mark.parametrize("task", [Task.CHAT, Task.COMPLETION])
@pytest.mark.parametrize("given", BEYOND_OPENAI)
def test_no_parameter_is_dropped_silently(engine: str, task: Task, given: dict[str, Any]) -> None:
    honoured = engine == "transformers" and next(iter(given)) in TRANSFORMERS_HAS
    if task in ALL[engine].by_task:
        assert refused(ALL[engine], task, **given) == ([] if honoured else list(given))


@pytest.mark.parametrize("engine", ["llama_cpp", "transformers", "vllm", "sglang", "bases"])
def test_older_functions_are_tools(engine: str) -> None:
    functions = [{"name": "now", "parameters": {}}]
    tools = [{"type": "function", "function": each} for each in functions]
    assert refused(ALL[engine], Task.CHAT, functions=functions) == refused(ALL[engine], Task.CHAT, tools=tools)
    assert refused(ALL[engine], Task.CHAT, functions=[], function_call="none") == []


@pytest.mark.parametrize("engine", list(ALL))
def test_default_values_pass(engine: str) -> None:
    rules = ALL[engine]
    ignored = {"store": True, "metadata": {"a": "b"}, "service_tier": "flex", "verbosity": "low", "user": "x", "n": 1}
    neutral = {
        "min_tokens": 0,
        "use_beam_search": False,
        "bad_words": [],
        "repeat_penalty": 1.0,
        "modalities": ["text"],
    }
    true = {
        "skip_special_tokens": True,
        "include_reasoning": True,
        "functions": None,
        "response_format": {"type": "text"},
    }
    for given in (ignored, neutral, true):
        if Task.CHAT in rules.by_task:
            assert refused(rules, Task.CHAT, **given) == []


@pytest.mark.parametrize(
    ("rules", "task", "given", "expected"),
    [
        (LLAMA_CPP, Task.CHAT, {"skip_special_tokens": False}, ["skip_special_tokens"]),
        (LLAMA_CPP, Task.CHAT, {"stop_token_ids": [1]}, ["stop_token_ids"]),
        (LLAMA_CPP, Task.COMPLETION, {"echo": True}, ["echo"]),
        (LLAMA_CPP, Task.CHAT, {"lora": [{"id": 0, "scale": 1}]}, ["lora"]),
        (LLAMA_CPP, Task.CHAT, {"response_format": TAG}, ["response_format.structures"]),
        (VLLM, Task.CHAT, {"response_format": TAG}, []),
        (LLAMA_CPP, Task.CHAT, {"mirostat": 2, "n_probs": 3, "grammar": 'root ::= "a"'}, []),
        (LLAMA_CPP, Task.EMBEDDING, {"truncate_prompt_tokens": 3}, ["truncate_prompt_tokens"]),
        (TRANSFORMERS, Task.CHAT, {"mirostat": 2}, ["mirostat"]),
        (TRANSFORMERS, Task.CHAT, {"echo": True}, ["echo"]),
        (TRANSFORMERS, Task.CHAT, {"best_of": 2}, ["best_of"]),
        (LLAMA_CPP, Task.CHAT, {"suffix": "b"}, ["suffix"]),
        (VLLM, Task.CHAT, {"best_of": 1}, []),
        (TRANSFORMERS, Task.COMPLETION, {"echo": True}, []),
        (
            LLAMA_CPP,
            Task.CHAT,
            {"stream": True, "stream_options": {"continuous_usage_stats": True}},
            ["stream_options.continuous_usage_stats"],
        ),
        (TRANSFORMERS, Task.CHAT, {"stream": True, "stream_options": {"continuous_usage_stats": True}}, []),
        (VLLM, Task.CHAT, {"stream": True, "stream_options": {"continuous_usage_stats": True}}, []),
        (VLLM, Task.CHAT, {"min_tokens": 3, "prompt_logprobs": 1, "echo": True}, []),
        (VLLM, Task.CHAT, {"web_search_options": {"a": 1}}, ["web_search_options"]),
        (VLLM, Task.COMPLETION, {"echo": True, "logprobs": 1}, []),
        (WITH_ADAPTERS, Task.COMPLETION, {"echo": True, "logprobs": 1}, ["echo"]),
        (WITH_ADAPTERS, Task.COMPLETION, {"echo": True, "logprobs": 0}, ["echo"]),
        (WITH_ADAPTERS, Task.COMPLETION, {"echo": True}, []),
        (WITH_ADAPTERS, Task.COMPLETION, {"echo": False, "logprobs": 1}, []),
        (WITH_ADAPTERS, Task.COMPLETION, {"prompt_logprobs": 0}, ["prompt_logprobs"]),
        (WITH_ADAPTERS, Task.COMPLETION, {"prompt_logprobs": None}, []),
        (WITH_ADAPTERS, Task.CHAT, {"prompt_logprobs": 0}, ["prompt_logprobs"]),
        (WITH_ADAPTERS, Task.CHAT, {"echo": True}, ["echo"]),
        (BASES, Task.CHAT, {"n": 2}, ["n"]),
        (BASES, Task.CHAT, {"best_of": 2}, ["best_of"]),
        (BASES, Task.CHAT, {"logprobs": True}, ["logprobs"]),
        (BASES, Task.CHAT, {"response_format": {"type": "json_object"}}, ["response_format"]),
        (BASES, Task.CHAT, {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "auto"}, []),
        (BASES, Task.CHAT, {"stop": ["a"], "seed": 1, "top_k": 5, "frequency_penalty": 1}, []),
    ],
)
def test_rules_refuse_parameters(rules: Rules, task: Task, given: dict[str, Any], expected: list[str]) -> None:
    assert refused(rules, task, **given) == expected


@pytest.mark.parametrize(
    ("rules", "given", "expected"),
    [
        (LLAMA_CPP, {"seed": 2**32 + 4, "n": 2}, {"seed": 5, "n": 2}),
        (LLAMA_CPP, {"seed": -7, "n": 2}, {"seed": 2**32 - 8, "n": 2}),
        (LLAMA_CPP, {"seed": 7, "n": 2}, {"seed": 7, "n": 2}),
        (LLAMA_CPP, {"guided_json_object": True}, {"response_format": {"type": "json_object"}}),
        (LLAMA_CPP, {"reasoning_effort": "low"}, {"chat_template_kwargs": {"reasoning_effort": "low"}}),
        (
            LLAMA_CPP,
            {"reasoning_effort": "low", "enable_thinking": True},
            {"chat_template_kwargs": {"reasoning_effort": "low", "enable_thinking": True, "thinking": True}},
        ),
        (TRANSFORMERS, {"repeat_penalty": 1.5}, {"repetition_penalty": 1.5}),
        (TRANSFORMERS, {"repeat_penalty": 1.5, "repetition_penalty": 1.2}, {"repetition_penalty": 1.2}),
        (TRANSFORMERS, {"n_predict": 5}, {"max_tokens": 5}),
        (TRANSFORMERS, {"repeat_penalty": 1.0, "seed": 2**40}, {"repeat_penalty": 1.0, "seed": 2**40}),
        (VLLM, {"grammar": 'root ::= "a"'}, {"guided_grammar": 'root ::= "a"'}),
        (VLLM, {"json_schema": {"type": "object"}}, {"guided_json": {"type": "object"}}),
        (SGLANG, {"repeat_penalty": 1.5}, {"repetition_penalty": 1.5}),
    ],
)
def test_rules_rewrite_parameters(rules: Rules, given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert gets(rules, Task.CHAT, **given) == expected


def test_templates_of_requests_are_taken_where_the_launch_says_so() -> None:
    assert refused(rules_for(False, ()), Task.CHAT, chat_template="x") == ["chat_template"]
    assert refused(rules_for(True, ["--trust-request-chat-template"]), Task.CHAT, chat_template="x") == []


def test_a_launch_with_adapters_on_a_processor_has_their_rules() -> None:
    model = Model("m", path="/models/m", abilities=("chat",))

    def rules(gpus: int, **options: Json) -> Rules:
        options["tool_call_parser"] = "hermes"
        return vllm.command(Launch("m", model, "vllm", options, gpus=gpus), Address(), "").rules

    assert rules(0) is VLLM and rules(1, enable_lora=True) is VLLM
    assert rules(0, enable_lora=True) is WITH_ADAPTERS


def test_errors_name_the_parameter_of_the_client() -> None:
    """Though the engine was given it by another name."""
    error = {
        "error": {"message": "Parameter 'grammar': wrong", "param": "grammar"},
        "detail": "Parameter 'grammar': wrong",
    }
    request = call(Task.CHAT, {"guided_grammar": "x"})
    body = with_client_names(json.dumps(error).encode(), route(LLAMA_CPP), Task.CHAT, request)
    assert json.loads(body) == json.loads(
        json.dumps(error).replace("'grammar'", "'guided_grammar'").replace('"grammar"', '"guided_grammar"')
    )
    request = call(Task.CHAT, {"grammar": "x"})
    assert json.loads(with_client_names(json.dumps(error).encode(), route(LLAMA_CPP), Task.CHAT, request)) == error


def test_ignored_parameters_are_ignored_everywhere() -> None:
    for name in ("store", "metadata", "service_tier", "safety_identifier", "prompt_cache_key", "user", "prediction"):
        assert all(
            isinstance(rules.by_task[Task.CHAT][name], Ignore) for rules in ALL.values() if Task.CHAT in rules.by_task
        )
