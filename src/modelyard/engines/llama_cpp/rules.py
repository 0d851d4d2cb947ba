"""What llama.cpp does with each parameter of a request."""

from __future__ import annotations

from collections.abc import Mapping

from modelyard.core.rules import Inside, Refuse, Rename, Rule, Wrap
from modelyard.core.types import Task
from modelyard.engines.rules import JSON_OBJECT, LLAMA_CPP, rules_of

FORMS = frozenset({"guided_choice", "guided_json", "structured_outputs"})
CONTINUING = frozenset({"add_generation_prompt", "continue_final_message"})

SEEDS = 2**32 - 1
"""llama.cpp's seeds have 32 bits, and the last value means a random seed."""

SPECIAL: Mapping[str, Rule] = {
    "seed": Wrap(SEEDS),
    "guided_json_object": JSON_OBJECT,
    "lora": Refuse("an adapter is a model of its own here; name it as 'model'"),
    "guided_grammar": Rename("grammar"),
    "guided_regex": Refuse("llama.cpp holds answers to JSON schemas, choices and grammars, not to regular expressions"),
}

RULES = rules_of(
    "llama.cpp",
    {
        Task.CHAT: LLAMA_CPP | FORMS | CONTINUING,
        Task.COMPLETION: LLAMA_CPP | FORMS,
        Task.EMBEDDING: (),
        Task.RERANK: (),
    },
    {
        Task.CHAT: {**SPECIAL, "reasoning_effort": Inside("chat_template_kwargs")},
        Task.COMPLETION: {
            **SPECIAL,
            "best_of": Refuse("llama.cpp draws each choice once"),
            "echo": Refuse("llama.cpp does not repeat the prompt"),
            "suffix": Refuse("llama.cpp completes at the end only"),
        },
        Task.RERANK: {
            "max_chunks_per_doc": Refuse("llama.cpp reads each document in one piece"),
            "return_len": Refuse("llama.cpp does not count the tokens of each document"),
        },
    },
)
