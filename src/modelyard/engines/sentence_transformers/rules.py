"""What sentence-transformers makes of each parameter of a request."""

from __future__ import annotations

from modelyard.core.rules import Refuse
from modelyard.core.types import Task
from modelyard.engines.rules import rules_of
from modelyard.engines.sentence_transformers.options import NAME

RULES = rules_of(
    NAME,
    {
        Task.EMBEDDING: {"truncate_prompt_tokens", "prompt_name", "input_type"},
        Task.RERANK: {"truncate_prompt_tokens", "return_len"},
    },
    {Task.RERANK: {"max_chunks_per_doc": Refuse("sentence-transformers reads each document in one piece")}},
)
