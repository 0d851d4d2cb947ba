"""Rewrites vLLM's answers: thoughts under both names, `content` in each delta, a fingerprint in each chunk.

Pure, and on bytes if possible: most chunks of a stream are never parsed.
"""

from __future__ import annotations

import json
import re
from typing import Any

CHUNK = re.compile(rb'"object":"(?:chat\.completion\.chunk|text_completion)",')
"""In a JSON string the quotes would be escaped; this also holds for the other marks."""
FINGERPRINT = b'"system_fingerprint"'
PLAIN = b'"delta":{"content":"'
DELTA = b'"delta":{'
REASONING = re.compile(rb'"reasoning":(null|"(?:[^"\\]|\\.)*")')
BOTH = rb'"reasoning_content":\1,"reasoning":\1'


CALLS = b'"tool_calls":['
ENDED = b'"finish_reason":"stop"'
LOGPROBS = b'"logprobs":{'


def whole(body: bytes) -> bytes:
    """Rewrite a whole answer."""
    body = REASONING.sub(BOTH, body)
    if (CALLS not in body or ENDED not in body) and LOGPROBS not in body:
        return body
    try:
        answer: Any = json.loads(body)
        for choice in answer["choices"]:
            _drop_end(choice)
            if choice.get("message", {}).get("tool_calls") and choice["finish_reason"] == "stop":
                choice["finish_reason"] = "tool_calls"
    except (ValueError, TypeError, KeyError, AttributeError):
        return body
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


def _drop_end(choice: dict[str, Any]) -> None:
    """Remove the token that ended an answer from its log probabilities, because it is not part of the text."""
    logprobs = choice.get("logprobs")
    if not logprobs or choice["finish_reason"] not in ("stop", "tool_calls") or choice.get("stop_reason") is not None:
        return
    for name in ("content", "tokens", "token_logprobs", "top_logprobs", "text_offset"):
        logprobs[name] = logprobs[name][:-1] if logprobs.get(name) else logprobs.get(name)
    choice["logprobs"] = {name: value for name, value in logprobs.items() if value is not None}


def unwritten(body: bytes) -> bytes:
    """Rewrite a whole answer that only repeats its prompt: vLLM counts a token that it generates and leaves out."""
    try:
        answer: Any = json.loads(body)
        usage = answer["usage"]
        usage |= {"completion_tokens": 0, "total_tokens": usage["prompt_tokens"]}
        for choice in answer["choices"]:
            choice["finish_reason"] = "length"
    except (ValueError, TypeError, KeyError):
        return body
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


class EventMender:
    """Rewrites the events of one stream. `fingerprint` is for chunks that have none."""

    def __init__(self, fingerprint: str | None) -> None:
        self._fingerprint = FINGERPRINT + b":" + json.dumps(fingerprint).encode() + b","
        self._calling: set[int] = set()
        """Indices of the choices with tool calls."""

    def mended(self, data: bytes) -> bytes:
        """Rewrite one event."""
        if FINGERPRINT not in data:
            data = CHUNK.sub(lambda mark: mark[0] + self._fingerprint, data, count=1)
        ended = LOGPROBS in data and (ENDED in data or b'"finish_reason":"tool_calls"' in data)
        plain = PLAIN in data and b'"reasoning":' not in data and not self._calling
        if not ended and (DELTA not in data or plain):
            return data
        return b"".join(map(self._line, data.splitlines(keepends=True)))

    def _line(self, line: bytes) -> bytes:
        start = line.find(b"{")
        if not line.startswith(b"data:") or start < 0:
            return line
        try:
            chunk: Any = json.loads(line[start:])
            for choice in chunk["choices"]:
                self._mend(choice)
        except (ValueError, TypeError, KeyError, AttributeError):
            return line
        end = line[len(line.rstrip()) :]
        return line[:start] + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode() + end

    def _mend(self, choice: dict[str, Any]) -> None:
        """Set a delta's `content` (empty in the last one, null beside thoughts and calls), and thoughts under both names.

        Also corrects the finish reason for a named tool, which vLLM reports as `stop`.
        """
        _drop_end(choice)
        delta = choice.get("delta")
        if delta is None:
            return
        thought = delta.pop("reasoning", None)
        delta.setdefault("content", None if thought or delta.get("tool_calls") else "")
        if thought:
            delta |= {"reasoning_content": thought, "reasoning": thought}
        if delta.get("tool_calls"):
            self._calling.add(choice["index"])
        if choice["index"] in self._calling and choice.get("finish_reason") == "stop":
            choice["finish_reason"] = "tool_calls"
