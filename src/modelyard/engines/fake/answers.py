"""The answers of the fake engine: made-up texts, vectors and scores. Pure: it uses no sockets, and no clock except the date."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import random
import re
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from modelyard.core.types import Json
from modelyard.engines.fake import FakeOptions

WORDS = ("the ", "quick ", "brown ", "fox ", "jumps ", "over ", "a ", "lazy ", "dog, ", "世界 ", "naïve ", '"so" ')


@dataclass(frozen=True, slots=True)
class AnswerPlan:
    """One answer before it is generated: its text as tokens, its finish reason, and the JSON around them."""

    chat: bool
    identity: Mapping[str, Json]
    pieces: tuple[str, ...]
    finish_reason: str
    usage: Mapping[str, int]
    choices: int
    stream: bool
    usage_event: bool
    stop: str | None = None
    """The stop string that ends the text."""

    def choice(self, index: int, text: str, finish_reason: str | None, delta: bool) -> dict[str, object]:
        """One entry of `choices`, of a whole answer or of an event."""
        entry: dict[str, object] = {"index": index}
        if not self.chat:
            entry["text"] = text
        elif not delta:
            entry["message"] = {"role": "assistant", "content": text}
        else:
            entry["delta"] = {"content": text}
        stop = {"stop_reason": self.stop} if self.stop and finish_reason else {}
        return entry | {"logprobs": None, "finish_reason": finish_reason, **stop}

    def event(self, choices: Sequence[object], usage: object = None) -> bytes:
        """One server-sent event, framed as one HTTP chunk."""
        body: dict[str, object] = {**self.identity, "choices": choices}
        if self.usage_event:
            body["usage"] = usage
        return chunk(b"data: " + msgspec.json.encode(body) + b"\n\n")

    def opening(self) -> bytes:
        """Response head and the first event."""
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        if not self.chat:
            return head
        first = [{"index": i, "delta": {"role": "assistant", "content": ""}} for i in range(self.choices)]
        return head + self.event([entry | {"logprobs": None, "finish_reason": None} for entry in first])

    def ending(self) -> bytes:
        """The last events and the end of the body."""
        last = self.event([self.choice(i, "", self.finish_reason, True) for i in range(self.choices)])
        usage = self.event([], self.usage) if self.usage_event else b""
        return last + usage + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"

    def whole(self) -> dict[str, object]:
        """The answer to a request without streaming."""
        text = "".join(self.pieces)
        choices = [self.choice(i, text, self.finish_reason, False) for i in range(self.choices)]
        return {**self.identity, "choices": choices, "usage": self.usage}


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def plan(body: Mapping[str, Any], options: FakeOptions, uid: str, chat: bool) -> AnswerPlan:
    """Plan the answer to a chat or completion request."""
    limit = next((body[key] for key in ("max_completion_tokens", "max_tokens") if (body.get(key) or -1) >= 0), None)
    length = options.tokens if limit is None else limit if body.get("ignore_eos") else min(limit, options.tokens)
    pad = options.chunk_bytes
    pieces = [word.ljust(pad, ".") if pad else word for word in itertools.islice(itertools.cycle(WORDS), length)]
    finish_reason = "length" if limit is not None and length == limit else "stop"
    stop = body.get("stop") or []
    text = "".join(pieces)
    words = [stop] if isinstance(stop, str) else stop
    cut, met = min(((at, word) for word in words if (at := text.find(word)) >= 0), default=(None, None))
    if cut is not None:
        pieces, finish_reason = shorten(pieces, cut), "stop"
    read = len(json.dumps(body["messages"] if chat else body["prompt"]).split())
    stream = bool(body.get("stream"))
    noun = "chat.completion" if chat else "text_completion"
    return AnswerPlan(
        chat=chat,
        identity={
            "id": f"{'chatcmpl' if chat else 'cmpl'}-{os.urandom(12).hex()}",
            "object": noun + ".chunk" if chat and stream else noun,
            "created": int(time.time()),
            "model": uid,
            "system_fingerprint": "fp_fake",
        },
        pieces=tuple(pieces),
        finish_reason=finish_reason,
        usage={"prompt_tokens": read, "completion_tokens": len(pieces), "total_tokens": read + len(pieces)},
        choices=int(body.get("n") or 1),
        stream=stream,
        usage_event=bool((body.get("stream_options") or {}).get("include_usage")),
        stop=met,
    )


def shorten(pieces: Sequence[str], length: int) -> list[str]:
    """The first `length` characters of the pieces, still as pieces."""
    kept: list[str] = []
    for piece in pieces:
        if length <= 0:
            break
        kept.append(piece[:length])
        length -= len(piece)
    return kept


def embed(body: Mapping[str, Any], options: FakeOptions, uid: str) -> dict[str, object]:
    """`/v1/embeddings`: unit vectors that depend only on the text."""
    given = body["input"]
    texts = given if isinstance(given, list) and given and not isinstance(given[0], int) else [given]
    vectors = [vector(json.dumps(text), body.get("dimensions") or options.dimensions) for text in texts]
    encode: Callable[[list[float]], object] = as_base64 if body.get("encoding_format") == "base64" else list
    data = [{"object": "embedding", "index": i, "embedding": encode(v)} for i, v in enumerate(vectors)]
    tokens = sum(len(json.dumps(text).split()) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": uid, "usage": usage}


def vector(text: str, dimensions: int) -> list[float]:
    """A unit vector made from the hash of a text."""
    noise = random.Random(hashlib.sha256(text.encode()).digest())
    values = [noise.gauss(0, 1) for _ in range(dimensions)]
    length = sum(value * value for value in values) ** 0.5
    return [value / length for value in values]


def as_base64(values: list[float]) -> str:
    """Encode as little-endian float32 in base64, the default of OpenAI's SDK."""
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def rerank(body: Mapping[str, Any], options: FakeOptions, uid: str) -> dict[str, object]:
    """`/v1/rerank`: the part of the query's words that occur in the document."""
    query = words(body["query"])
    documents = [doc if isinstance(doc, str) else str(doc.get("text", "")) for doc in body["documents"]]
    scored = [(len(query & words(doc)) / max(len(query), 1), index) for index, doc in enumerate(documents)]
    scored.sort(key=lambda pair: (-pair[0], pair[1]))
    full = bool(body.get("return_documents"))
    results = [
        {"index": index, "relevance_score": score, "document": {"text": documents[index]} if full else None}
        for score, index in scored[: body.get("top_n") or None]
    ]
    return {"id": os.urandom(12).hex(), "model": uid, "results": results}


def texts_of_ids(body: Mapping[str, Any], options: FakeOptions, uid: str) -> object:
    """`/v1/convert_ids_to_tokens`: repeats the engine's words."""

    def text(given: Any) -> object:
        return [text(each) for each in given] if isinstance(given, list) else WORDS[int(given) % len(WORDS)]

    return text(body["input"])


def words(text: str) -> set[str]:
    """Latin words, and each character of scripts that do not separate words."""
    return set(re.findall(r"[a-z0-9_]+|[^\x00-\x7f\s]", text.lower()))
