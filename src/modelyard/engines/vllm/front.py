"""The front of a vLLM replica: ASGI middleware inside vLLM's process that accepts known paths only and rewrites answers.

vLLM protects `/v1` with its key and leaves `/invocations`, `/tokenize` and a dozen more open. The front hides those
that the gateway does not forward.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

from modelyard.core.asgi import App, Message, Receive, Scope, Send
from modelyard.core.errors import BadRequest, InvalidKey
from modelyard.engines.bodies import forward, refuse, respond, with_data
from modelyard.engines.front import ReplicaFront
from modelyard.engines.vllm import answers, forms, lengths, tokens, vectors
from modelyard.protocol.errors import encode

CHAT = "/v1/chat/completions"
COMPLETION = "/v1/completions"
EMBEDDING = "/v1/embeddings"
RERANK = "/v1/rerank"
CLASSIFY, TOKENIZE, DETOKENIZE = "/classify", "/tokenize", "/detokenize"
LOAD = "/v1/load_lora_adapter"
PATHS = frozenset(
    {
        *("/health", "/metrics", "/v1/models", CHAT, COMPLETION, EMBEDDING, RERANK, CLASSIFY, TOKENIZE, DETOKENIZE),
        *("/v1/load_lora_adapter", "/v1/unload_lora_adapter"),
    }
)

OPEN = frozenset({CLASSIFY, TOKENIZE, DETOKENIZE})
"""Paths that vLLM itself answers without its key."""
TOKEN_VARIABLE = "VLLM_API_KEY"
"""Environment variable with the replica's token, which vLLM reads as well."""

WRITING = frozenset({CHAT, COMPLETION})


class VllmFront(ReplicaFront):
    """The middleware, which vLLM loads by an argument of its command line."""

    def __init__(self, app: App) -> None:
        super().__init__(app, PATHS)

    async def post(self, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        given, path = body, scope["path"]
        if path in OPEN and not has_token(scope):
            await respond(send, 401, encode(InvalidKey("The token of this replica is wrong or missing.")))
            return
        if path in CHANGED:
            body = CHANGED[path](given)
        if path in READ:
            found = await with_data(self._media, body, receive, send)
            if found is None:
                return
            body = found
        if path == COMPLETION and forms.THINKS in os.environ and (unheld := forms.refused(given)):
            await refuse(send, unheld, f"{forms.UNHELD}.")
            return
        try:
            if path in CHECKS:
                CHECKS[path](body)
            if path == DETOKENIZE:
                tokens.check(body, vocabulary_of(scope))
        except BadRequest as error:
            await respond(send, error.status, encode(error))
            return
        if path in WRITING:
            body = lengths.within(body, lengths.limit_of(scope))
        answer = AnswerRewriter(self._app, scope, body, send).send if path in READ else send
        await forward(self._app, body, scope, receive, answer)


def elsewhere(body: bytes) -> bytes:
    """The body of a load request with a new path, a link to the adapter's folder.

    vLLM caches keys and values by an adapter's name and path, so that new weights at the old path would be used with cached
    keys and values of the old ones.
    """
    with contextlib.suppress(ValueError, TypeError, KeyError):
        load = json.loads(body)
        if os.path.isdir(load["lora_path"]):
            link = os.path.join(tempfile.mkdtemp(prefix="adapter-"), os.path.basename(load["lora_path"].rstrip("/")))
            os.symlink(os.path.abspath(load["lora_path"]), link)
            return json.dumps({**load, "lora_path": link}).encode()
    return body


CHANGED: Mapping[str, Callable[[bytes], bytes]] = {
    LOAD: elsewhere,
    RERANK: forms.as_texts,
    CHAT: lambda body: forms.likeliest(forms.with_held_calls(forms.translated(body))),
    COMPLETION: lambda body: forms.likeliest(forms.translated(body)),
}
"""Path → conversion of the request body for vLLM."""
CHECKS: Mapping[str, Callable[[bytes], object]] = {
    CHAT: lengths.only_echoes,
    COMPLETION: lengths.only_echoes,
    EMBEDDING: vectors.check_texts,
    RERANK: vectors.check_ranking,
    CLASSIFY: vectors.check_texts,
}
"""Path → check that raises for requests that vLLM would answer differently from other engines."""
READ = frozenset({CHAT, COMPLETION, EMBEDDING, RERANK, CLASSIFY, TOKENIZE, DETOKENIZE})
"""Paths whose requests may contain addresses of files, which are fetched here, so that vLLM receives data."""


class AnswerRewriter:
    """The `send` of one request, which rewrites vLLM's answer with `answers.py` and `lengths.py`.

    Refusals, rankings, and whole answers of language models are buffered until they are complete; streams pass event by event.
    """

    def __init__(self, app: App, scope: Scope, body: bytes, send: Send) -> None:
        self._app = app
        self._scope = scope
        self._body = body
        self._send = send
        self._head: Message | None = None
        """The head of a buffered answer."""
        self._whole = bytearray()
        self._writes = scope["path"] in WRITING
        self._ranks = scope["path"] == RERANK
        self._classifies = scope["path"] == CLASSIFY
        self._events = answers.EventMender(fingerprint_of(scope))

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            announced = any(name.lower() == b"content-length" for name, _ in message["headers"])
            if message["status"] >= 400 or ((self._writes or self._ranks or self._classifies) and announced):
                self._head = message
            else:
                await self._send(message)
        elif self._head is not None:
            self._whole.extend(message.get("body", b""))
            if not message.get("more_body"):
                await self._finish(self._head)
        elif self._writes:
            await self._send({**message, "body": self._events.mended(message.get("body", b""))})
        else:
            await self._send(message)

    async def _finish(self, head: Message) -> None:
        body = bytes(self._whole)
        if head["status"] >= 400:
            body = await self._refusal(body)
        elif self._ranks:
            body = vectors.ranked(body, self._body)
        elif self._classifies:
            body = vectors.classified(body, config_of(self._scope))
        else:
            body = answers.unwritten(body) if lengths.only_echoes(self._body) else answers.whole(body)
        headers = [pair for pair in head["headers"] if pair[0].lower() != b"content-length"]
        await self._send({**head, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await self._send({"type": "http.response.body", "body": body})

    async def _refusal(self, body: bytes) -> bytes:
        error = await lengths.too_long(self._app, self._scope, self._body, forms.sentence(body))
        if error is not None:
            return encode(error)
        return forms.blamed(body)


def has_token(scope: Scope) -> bool:
    """Whether a request has the replica's token; true for a replica without one."""
    given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    token = os.environ.get(TOKEN_VARIABLE, "")
    return not token or hmac.compare_digest(given, b"Bearer " + token.encode())


def config_of(scope: Scope) -> Any:
    """The config.json of the model as an object; None if this version of vLLM has it elsewhere."""
    config = getattr(getattr(scope.get("app"), "state", None), "vllm_config", None)
    return getattr(getattr(config, "model_config", None), "hf_config", None)


def vocabulary_of(scope: Scope) -> int | None:
    """Number of the model's tokens, if the model says it."""
    found = getattr(config_of(scope), "vocab_size", None)
    return found if isinstance(found, int) else None


def fingerprint_of(scope: Scope) -> str | None:
    """vLLM's fingerprint in whole answers and last chunks; None if this version of vLLM has it elsewhere."""
    state = getattr(scope.get("app"), "state", None)
    found = getattr(getattr(state, "openai_serving_chat", None), "system_fingerprint", None)
    return found if isinstance(found, str) else None
