"""What the transformers engine does with each parameter of a request."""

from __future__ import annotations

from modelyard.core.rules import Refuse, Rules
from modelyard.core.types import Task
from modelyard.engines.rules import RENAMED, table

LACKS = "the transformers engine has no such parameter"
HONOURED = frozenset(
    {
        *("guided_choice", "guided_grammar", "guided_json", "guided_json_object", "guided_regex", "structured_outputs"),
        *("stop_token_ids", "skip_special_tokens", "min_tokens", "include_stop_str_in_output", "return_token_ids"),
        "stream_options.continuous_usage_stats",
    }
)
ONCE = {**RENAMED, "best_of": Refuse("the transformers engine draws each choice once")}
EFFORT = Refuse("the transformers engine has no such setting; use chat_template_kwargs")

RULES = Rules(
    {
        Task.CHAT: table(Task.CHAT, LACKS, HONOURED, {**RENAMED, "reasoning_effort": EFFORT}),
        Task.COMPLETION: table(Task.COMPLETION, LACKS, HONOURED | {"echo", "suffix"}, ONCE),
    }
)
