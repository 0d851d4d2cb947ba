"""Stands before vLLM's own server, inside its process: only the paths that we forward, and thoughts under the usual name.

vLLM guards `/v1` with its key and leaves `/invocations`, `/tokenize` and a dozen more open. The gateway forwards none of
these, and here they do not exist for whoever might reach the replica past the gateway.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile

from modelyard.engines.narrow import App, Message, Narrow, Receive, Scope, Send

CHAT = "/v1/chat/completions"
LOAD = "/v1/load_lora_adapter"
PATHS = frozenset(
    {
        *("/health", "/metrics", "/v1/models", CHAT, "/v1/completions", "/v1/embeddings", "/v1/rerank"),
        *("/v1/load_lora_adapter", "/v1/unload_lora_adapter"),
    }
)

THEIRS, OURS = b'"reasoning":', b'"reasoning_content":'
"""A key, for inside a JSON string the quotes would have backslashes."""


class Door(Narrow):
    """Middleware that vLLM is told to load."""

    def __init__(self, app: App) -> None:
        super().__init__(app, PATHS)

    async def pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == LOAD:
            receive = await elsewhere(receive)
        await self._app(scope, receive, renaming(send) if scope["path"] == CHAT else send)


async def elsewhere(receive: Receive) -> Receive:
    """The body of a load with a path that never was before: a link to the adapter's folder.

    What vLLM has computed is remembered by an adapter's name and path, so new weights at the old place would go on with
    keys and values of the old ones.
    """
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"".join(parts)
    with contextlib.suppress(ValueError, TypeError, KeyError):
        asked = json.loads(body)
        if os.path.isdir(asked["lora_path"]):
            link = os.path.join(tempfile.mkdtemp(prefix="adapter-"), os.path.basename(asked["lora_path"].rstrip("/")))
            os.symlink(os.path.abspath(asked["lora_path"]), link)
            body = json.dumps({**asked, "lora_path": link}).encode()
    first: Message = {"type": "http.request", "body": body, "more_body": False}
    waiting = [first]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def renaming(send: Send) -> Send:
    """A `send` that gives thoughts their usual name; an answer whose length is announced is sent in one piece."""
    head: Message | None = None
    whole = bytearray()

    async def renamed(message: Message) -> None:
        nonlocal head
        if message["type"] == "http.response.start":
            if not any(name.lower() == b"content-length" for name, _ in message["headers"]):
                await send(message)
                return
            head = message
        elif head is None:
            await send({**message, "body": message.get("body", b"").replace(THEIRS, OURS)})
        else:
            whole.extend(message.get("body", b""))
            if not message.get("more_body"):
                body = bytes(whole).replace(THEIRS, OURS)
                headers = [pair for pair in head["headers"] if pair[0].lower() != b"content-length"]
                await send({**head, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
                await send({**message, "body": body})

    return renamed
