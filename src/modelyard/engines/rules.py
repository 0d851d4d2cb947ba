"""Tables of what engines do with each parameter.

`table` refuses by name each known parameter that an engine is not said to support, so that none is dropped silently: a new
field of a request is refused until it is added to an engine's table. A launch without tables refuses nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping

import msgspec

from modelyard.core.rules import Honour, Ignore, Refuse, Rename, Replace, Rule, Rules
from modelyard.core.types import Task
from modelyard.protocol.extensions import LlamaCppFields, OpenAiFields, SglangFields, VllmFields
from modelyard.protocol.inference import ChatRequest, CompletionRequest, EmbeddingRequest, RerankRequest, VllmChatFields

REQUESTS: Mapping[Task, type[msgspec.Struct]] = {
    Task.CHAT: ChatRequest,
    Task.COMPLETION: CompletionRequest,
    Task.EMBEDDING: EmbeddingRequest,
    Task.RERANK: RerankRequest,
}
"""The tasks whose parameters have rules."""


def _own(kind: type[msgspec.Struct]) -> frozenset[str]:
    """The fields that a struct adds to its base."""
    base = kind.__base__
    return frozenset(kind.__struct_fields__) - frozenset(getattr(base, "__struct_fields__", ()))


LLAMA_CPP, VLLM, SGLANG = _own(LlamaCppFields), _own(VllmFields), _own(SglangFields)
VLLM_CHAT = _own(VllmChatFields)
"""The fields that vLLM's API adds."""

IGNORED = frozenset(OpenAiFields.__struct_fields__) | {
    *("prediction", "verbosity", "stream_options.include_obfuscation"),
    "cache_prompt",  # llama.cpp's switch for a prompt cache, which the other engines always have
}
"""Parameters without effect on every engine."""

SAMPLING = frozenset(
    {
        *("model", "stream", "stream_options", "stream_options.include_usage", "max_tokens", "temperature", "top_p"),
        *("top_k", "min_p", "n", "stop", "seed", "presence_penalty", "frequency_penalty", "repetition_penalty"),
        *("logit_bias", "response_format", "request_id", "ignore_eos"),
    }
)
"""Parameters of chats and completions that every engine supports."""
CHAT = SAMPLING | {
    *("messages", "max_completion_tokens", "logprobs", "top_logprobs", "tools", "tool_choice", "parallel_tool_calls"),
    *("enable_thinking", "chat_template_kwargs", "knowledge"),
}
COMPLETION = SAMPLING | {"prompt", "logprobs"}
EMBEDDING = frozenset({"model", "input", "encoding_format", "dimensions"})
RERANK = frozenset({"model", "query", "documents", "top_n", "return_documents"})

EVERY: Mapping[Task, frozenset[str]] = {
    Task.CHAT: CHAT,
    Task.COMPLETION: COMPLETION,
    Task.EMBEDDING: EMBEDDING,
    Task.RERANK: RERANK,
}
"""Task → parameters that every engine supports."""

INNER = ("stream_options.continuous_usage_stats", "response_format.structures", "response_format.format")
"""Fields inside objects that only some engines have: statistics in each event, and vLLM's `structural_tag`."""
OLD = ("functions", "function_call")
"""Chat parameters that no engine receives, because the server makes `tools` and `tool_choice` of them."""
OF_COMPLETIONS: Mapping[str, Rule] = dict.fromkeys(("best_of", "suffix"), Refuse("chats have no such parameter"))
"""Refused in chats although chat structs lack these fields, because an engine would drop them silently."""

RENAMED: Mapping[str, Rule] = {
    "repeat_penalty": Rename("repetition_penalty"),
    "n_predict": Rename("max_tokens"),
    "grammar": Rename("guided_grammar"),
    "json_schema": Rename("guided_json"),
}
"""llama.cpp's names of parameters that engines with vLLM's names have too."""
JSON_OBJECT = Replace("response_format", {"type": "json_object"})


def table(
    task: Task, lacks: str, honours: Iterable[str], rules: Mapping[str, Rule] | None = None
) -> Mapping[str, Rule]:
    """The rules of an engine for one task: the parameters that it supports beyond the common ones, and special rules.

    `lacks` is the reason for refusing all others. An engine that lacks a parameter of `EVERY` needs a `Refuse` for it
    in `rules`.
    """
    fields = REQUESTS[task].__struct_fields__
    refused: Rule = Refuse(lacks)
    found = dict.fromkeys((*fields, *INNER), refused)
    if task is Task.CHAT:
        found |= dict.fromkeys(OLD, Honour())
    found |= dict.fromkeys(IGNORED, Ignore())
    found |= dict.fromkeys((*EVERY[task], *honours), Honour())
    found |= rules or {}
    known = {name: rule for name, rule in found.items() if name.partition(".")[0] in fields}
    return {**OF_COMPLETIONS, **known} if task is Task.CHAT else known


def rules_of(title: str, honours: Mapping[Task, Iterable[str]], special: Mapping[Task, Mapping[str, Rule]]) -> Rules:
    """The rules of the engine with that title, for the tasks in `honours`."""
    lacks = f"{title} has no such parameter"
    return Rules({task: table(task, lacks, names, special.get(task)) for task, names in honours.items()})


@functools.cache
def without_tools(rules: Rules, why: str) -> Rules:
    """The rules of a launch that cannot offer tools. Create them once, because the gateway caches by identity."""
    refused: Mapping[str, Rule] = dict.fromkeys(("tools", "tool_choice"), Refuse(why))
    return with_special(rules, refused, refused)


def with_special(rules: Rules, chat: Mapping[str, Rule], completion: Mapping[str, Rule]) -> Rules:
    """The rules, with others for some parameters of chats and completions."""
    special = {Task.CHAT: chat, Task.COMPLETION: completion}
    return Rules({task: {**found, **special.get(Task(task), {})} for task, found in rules.by_task.items()})
