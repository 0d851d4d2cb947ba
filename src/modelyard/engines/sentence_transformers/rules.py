"""What sentence-transformers does with each parameter of a request."""

from __future__ import annotations

from modelyard.core.rules import Refuse
from modelyard.core.types import Task
from modelyard.engines.rules import rules_of

RULES = rules_of(
    "sentence_transformers",
    {
        Task.EMBEDDING: {"truncate_prompt_tokens", "prompt_name", "input_type"},
        Task.RERANK: {"truncate_prompt_tokens", "return_len"},
    },
    {Task.RERANK: {"max_chunks_per_doc": Refuse("sentence-transformers reads each document in one piece")}},
)
