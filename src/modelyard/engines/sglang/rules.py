"""What SGLang does with each parameter of a request."""

from __future__ import annotations

from collections.abc import Mapping

from modelyard.core.rules import Refuse, Rename, Rule
from modelyard.core.types import Task
from modelyard.engines.rules import INNER, JSON_OBJECT, SGLANG, rules_of

OWN = SGLANG | {
    *(
        "min_tokens",
        "stop_token_ids",
        "skip_special_tokens",
        "return_token_ids",
        "cache_salt",
        "priority",
        "session_id",
    ),
    *INNER,
}
GUIDED = Refuse("SGLang takes response_format instead")
SPECIAL: Mapping[str, Rule] = {
    "repeat_penalty": Rename("repetition_penalty"),
    "n_predict": Rename("max_tokens"),
    "guided_json_object": JSON_OBJECT,
    **dict.fromkeys(("guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs"), GUIDED),
}

RULES = rules_of(
    "SGLang",
    {Task.CHAT: OWN | {"continue_final_message", "reasoning_effort"}, Task.COMPLETION: OWN | {"echo"}},
    {
        Task.CHAT: SPECIAL,
        Task.COMPLETION: {
            **SPECIAL,
            "best_of": Refuse("SGLang draws each choice once"),
            "suffix": Refuse("SGLang completes at the end only"),
        },
    },
)
