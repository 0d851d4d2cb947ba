"""What vLLM does with each parameter of a request."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from modelyard.core.rules import Honour, Refuse, Rename, Rule, Rules
from modelyard.core.types import Task
from modelyard.engines.rules import INNER, JSON_OBJECT, RENAMED, VLLM, VLLM_CHAT, rules_of, with_special

FORMS = frozenset({"guided_choice", "guided_grammar", "guided_json", "guided_regex", "structured_outputs"})
STREAMED = frozenset(INNER)
SPECIAL: Mapping[str, Rule] = {**RENAMED, "guided_json_object": JSON_OBJECT, "regex": Rename("guided_regex")}

RULES = rules_of(
    "vLLM",
    {
        Task.CHAT: VLLM | VLLM_CHAT | FORMS | STREAMED | {"reasoning_effort"},
        Task.COMPLETION: VLLM | FORMS | STREAMED | {"echo"},
        Task.EMBEDDING: {"truncate_prompt_tokens"},
        Task.RERANK: {"truncate_prompt_tokens"},
    },
    {
        Task.CHAT: {
            **SPECIAL,
            "chat_template": Refuse("vLLM takes one at launch only; a template in a request is code"),
        },
        Task.COMPLETION: {
            **SPECIAL,
            "best_of": Refuse("vLLM draws each choice once"),
            "suffix": Refuse("vLLM completes at the end only"),
        },
        Task.RERANK: {
            "max_chunks_per_doc": Refuse("vLLM reads each document in one piece"),
            "return_len": Refuse("vLLM does not count the tokens of each document"),
        },
    },
)

NO_PROMPT_LOGPROBS = (
    "vLLM on a processor computes no log-probabilities of prompts where it has adapters: "
    "two such requests at once end the process"
)

WITH_ADAPTERS: Rules = with_special(
    RULES,
    {
        "prompt_logprobs": Refuse(NO_PROMPT_LOGPROBS),
        "echo": Refuse(NO_PROMPT_LOGPROBS),
    },
    {
        "prompt_logprobs": Refuse(NO_PROMPT_LOGPROBS),
        "echo": Refuse(NO_PROMPT_LOGPROBS, beside="logprobs"),  # in chats, `echo` alone requests prompt logprobs
    },
)
"""The rules of a launch on a CPU that can load adapters.

vLLM 0.32 multiplies hidden states with the weights of one adapter per request, and a prompt has several states:
`einsum(): subscript b has size 2 for operand 1 which does not broadcast with previously seen size 7` ends the process.
"""

TRUSTING = "--trust-request-chat-template"


def rules_for(adapters: bool, arguments: Collection[str]) -> Rules:
    """The rules of a launch, depending on adapters on a CPU and on its own arguments for vLLM."""
    rules = WITH_ADAPTERS if adapters else RULES
    return with_special(rules, {"chat_template": Honour()}, {}) if TRUSTING in arguments else rules
