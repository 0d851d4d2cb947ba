"""Stands before vLLM's own server, inside its process: only the paths that we forward, and thoughts under the usual name.

vLLM guards `/v1` with its key and leaves `/invocations`, `/tokenize` and a dozen more open. The gateway forwards none of
these, and here they do not exist for whoever might reach the replica past the gateway.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping

from modelyard.core.fetching import hosts_of_replica
from modelyard.engines.bodies import forward, refuse, whole_body, with_data
from modelyard.engines.media import Media
from modelyard.engines.narrow import App, Message, Narrow, Receive, Scope, Send
from modelyard.engines.vllm import forms

CHAT = "/v1/chat/completions"
COMPLETION = "/v1/completions"
EMBEDDING = "/v1/embeddings"
RERANK = "/v1/rerank"
LOAD = "/v1/load_lora_adapter"
PATHS = frozenset(
    {
        *("/health", "/metrics", "/v1/models", CHAT, COMPLETION, EMBEDDING, RERANK),
        *("/v1/load_lora_adapter", "/v1/unload_lora_adapter"),
    }
)

THEIRS, OURS = b'"reasoning":', b'"reasoning_content":'
"""A key, for inside a JSON string the quotes would have backslashes."""


class Door(Narrow):
    """Middleware that vLLM is told to load."""

    def __init__(self, app: App) -> None:
        super().__init__(app, PATHS)
        self._media = Media(hosts_of_replica())

    async def pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        given = await whole_body(receive)
        if given is None:
            return
        path = scope["path"]
        body = CHANGED[path](given) if path in CHANGED else given
        if path in READ:
            found = await with_data(self._media, body, receive, send)
            if found is None:
                return
            body = found
        if path == COMPLETION and forms.THINKS in os.environ and (unheld := forms.refused(given)):
            await refuse(send, unheld, f"{forms.UNHELD}.")
        else:
            await forward(self._app, body, scope, receive, RETOLD[path](send) if path in RETOLD else send)


def elsewhere(body: bytes) -> bytes:
    """The body of a load with a path that never was before: a link to the adapter's folder.

    What vLLM has computed is remembered by an adapter's name and path, so new weights at the old place would go on with
    keys and values of the old ones.
    """
    with contextlib.suppress(ValueError, TypeError, KeyError):
        asked = json.loads(body)
        if os.path.isdir(asked["lora_path"]):
            link = os.path.join(tempfile.mkdtemp(prefix="adapter-"), os.path.basename(asked["lora_path"].rstrip("/")))
            os.symlink(os.path.abspath(asked["lora_path"]), link)
            return json.dumps({**asked, "lora_path": link}).encode()
    return body


CHANGED: Mapping[str, Callable[[bytes], bytes]] = {
    LOAD: elsewhere,
    RERANK: forms.as_texts,
    CHAT: forms.translated,
    COMPLETION: forms.translated,
}
"""Paths whose requests have another body for vLLM."""
READ = frozenset({CHAT, COMPLETION, EMBEDDING, RERANK})
"""Paths whose requests may have addresses of files, which are fetched here: vLLM gets data."""


def blaming(send: Send) -> Send:
    """A `send` of whose refusals those that are about a parameter name it."""
    held: list[Message] = []

    async def blamed(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 400:
            held.append(message)
        elif not held:
            await send(message)
        else:
            held.append(message)
            if not message.get("more_body"):
                body = forms.blamed(b"".join(each.get("body", b"") for each in held[1:]))
                headers = [pair for pair in held[0]["headers"] if pair[0].lower() != b"content-length"]
                await send({**held[0], "headers": [*headers, (b"content-length", str(len(body)).encode())]})
                await send({"type": "http.response.body", "body": body})

    return blamed


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


RETOLD: Mapping[str, Callable[[Send], Send]] = {CHAT: renaming, EMBEDDING: blaming}
"""Paths whose answers are changed."""
