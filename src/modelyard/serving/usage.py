"""The `usage` of a request that writes text, counted piece by piece, and the ids of its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelyard.protocol.inference import StreamOptions
from modelyard.serving.batching import Piece
from modelyard.serving.bodies import Asked


class StreamedUsage:
    """Where a stream tells its usage: at the end, or, with vLLM's `continuous_usage_stats`, in each chunk as well."""

    def __init__(self, request: Asked) -> None:
        given = request.stream_options
        options = given if isinstance(given, StreamOptions) else StreamOptions()
        self.wanted = options.include_usage is True
        self._always = self.wanted and options.continuous_usage_stats is True

    def so_far(self, count: Count) -> dict[str, Any]:
        """What a chunk has of it."""
        return {"usage": count.told()} if self._always else {}


class Count:
    """The `usage` of a request. Each prompt counts once, however many choices it has."""

    def __init__(self, prompts: Sequence[list[int]], each: int) -> None:
        """`each` is how many choices a prompt has."""
        self._read = sum(map(len, prompts))
        self._each = each
        self._reused: dict[int, int] = {}
        """By prompt, the fewest tokens that one of its choices found known: others may have found the first one's."""
        self.written = 0
        self.thought: int | None = None
        """Tokens of thoughts; None where nobody divides them from the answer."""

    def add(self, choice: int, piece: Piece) -> None:
        """One more piece of a choice."""
        self.written += piece.drawn is not None or piece.end is not None
        if piece.finish is not None:
            prompt = choice // self._each
            self._reused[prompt] = min(self._reused.get(prompt, piece.reused), piece.reused)

    def told(self) -> dict[str, Any]:
        """As a JSON object, in OpenAI's names."""
        details = {} if self.thought is None else {"completion_tokens_details": {"reasoning_tokens": self.thought}}
        return {
            "prompt_tokens": self._read,
            "completion_tokens": self.written,
            "total_tokens": self._read + self.written,
            "prompt_tokens_details": {"cached_tokens": sum(self._reused.values())},
            **details,
        }


def token_ids(piece: Piece) -> list[int]:
    """Tokens that a piece is of, the one that ended the answer as well."""
    ids = [] if piece.drawn is None else [piece.drawn.token]
    return ids if piece.end is None else [*ids, piece.end]
