"""Counts the `usage` of a request that generates text, piece by piece, and returns the ids of its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelyard.protocol.inference import StreamOptions
from modelyard.serving.batching import AnswerPiece
from modelyard.serving.bodies import TextBody


class StreamedUsage:
    """Where a stream reports its usage: at the end or, with vLLM's `continuous_usage_stats`, in each chunk as well."""

    def __init__(self, request: TextBody) -> None:
        given = request.stream_options
        options = given if isinstance(given, StreamOptions) else StreamOptions()
        self.at_end = options.include_usage is True
        self._always = self.at_end and options.continuous_usage_stats is True

    def so_far(self, count: UsageCount) -> dict[str, Any]:
        """The field `usage` of a chunk, if each chunk has one."""
        return {"usage": count.as_json()} if self._always else {}


class UsageCount:
    """The `usage` of a request. Each prompt counts once, whatever the number of its choices."""

    def __init__(self, prompts: Sequence[list[int]], each: int) -> None:
        """`each` is the number of choices of a prompt."""
        self._read = sum(map(len, prompts))
        self._each = each
        self._reused: dict[int, int] = {}
        """By prompt, the fewest tokens that one of its choices took from the cache: later choices reuse the first one's."""
        self.written = 0
        self.thought: int | None = None
        """Tokens of thoughts; None on paths that do not separate thoughts from the answer."""

    def add(self, choice: int, piece: AnswerPiece) -> None:
        """Add one piece of a choice."""
        self.written += piece.drawn is not None or piece.end is not None
        if piece.finish is not None:
            prompt = choice // self._each
            self._reused[prompt] = min(self._reused.get(prompt, piece.reused), piece.reused)

    def as_json(self) -> dict[str, Any]:
        """The counts under OpenAI's field names."""
        details = {} if self.thought is None else {"completion_tokens_details": {"reasoning_tokens": self.thought}}
        return {
            "prompt_tokens": self._read,
            "completion_tokens": self.written,
            "total_tokens": self._read + self.written,
            "prompt_tokens_details": {"cached_tokens": sum(self._reused.values())},
            **details,
        }


def token_ids(piece: AnswerPiece) -> list[int]:
    """The ids of a piece's tokens, including the one that ended the answer."""
    ids = [] if piece.drawn is None else [piece.drawn.token]
    return ids if piece.end is None else [*ids, piece.end]
