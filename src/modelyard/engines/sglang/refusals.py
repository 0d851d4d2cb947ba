"""Converts SGLang's refusals of long texts to the error of the other engines. Written from the source of SGLang 0.5, not run."""

from __future__ import annotations

import json
import re

from modelyard.core.asgi import Message, Send
from modelyard.core.errors import ContextLengthExceeded
from modelyard.protocol.errors import encode, read

FIELDS = {"/v1/chat/completions": "messages", "/v1/completions": "prompt"}

PROMPT = re.compile(
    r"input \((?P<given>\d+) tokens\) is longer than the model's context length \((?P<limit>\d+) tokens\)"
)
TOTAL = re.compile(r"maximum context length of (?P<limit>\d+) tokens\. You requested a total of (?P<given>\d+) tokens")
"""SGLang adds the maximum tokens of the answer, and does not reduce it."""

LONGER = "shorten it, or launch the model with a larger context_length"
FEWER = "shorten it, or ask for a smaller max_tokens"


def restated(path: str, body: bytes) -> bytes:
    """The body of a refusal; one about the length gets OpenAI's code."""
    try:
        message = read(400, json.loads(body)).message
    except ValueError:
        return body
    for pattern, cure in ((PROMPT, LONGER), (TOTAL, FEWER)):
        if found := pattern.search(message):
            where = FIELDS.get(path, "prompt")
            return encode(ContextLengthExceeded(where, int(found["limit"]), int(found["given"]), cure))
    return body


def restating(path: str, send: Send) -> Send:
    """A `send` that buffers refusals and converts them; other answers pass."""
    held: list[Message] = []

    async def restate(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 400:
            held.append(message)
        elif not held:
            await send(message)
        else:
            held.append(message)
            if not message.get("more_body"):
                body = restated(path, b"".join(each.get("body", b"") for each in held[1:]))
                headers = [pair for pair in held[0]["headers"] if pair[0].lower() != b"content-length"]
                await send({**held[0], "headers": [*headers, (b"content-length", str(len(body)).encode())]})
                await send({"type": "http.response.body", "body": body})

    return restate
