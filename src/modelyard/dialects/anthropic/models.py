"""`GET /v1/models` in Anthropic's shape, for requests with Anthropic's header: the server's own answer, translated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import msgspec

from modelyard.core.asgi import App, Headers, Message, Receive, Scope, Send
from modelyard.core.errors import InvalidParameter, ModelyardError
from modelyard.dialects.anthropic.errors import failure
from modelyard.dialects.calling import JSON_TYPE
from modelyard.gateway.asgi import header
from modelyard.protocol import errors
from modelyard.protocol.anthropic import AnthropicModel

VERSION = b"anthropic-version"
"""The header that Anthropic's clients send with every request."""
MODELS = "/v1/models"
DEFAULT_LIMIT, MOST = 20, 1000
MOST_DIGITS = 6
LISTED = b"knowledge_bases=true"


class AnthropicModels:
    """Middleware that answers requests for models in Anthropic's shape if they have its header. Keys are checked behind it."""

    def __init__(self, app: App, identity: Callable[[Scope], bytes]) -> None:
        """`identity` returns the id of a request."""
        self._app = app
        self._identity = identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_meant(scope):
            await self._app(scope, receive, send)
            return
        answer = HeldAnswer()
        query = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
        headers = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        await self._app({**scope, "query_string": LISTED, "headers": headers}, receive, answer.send)
        identity = self._identity(scope)
        status, value = translated(answer.status, b"".join(answer.parts), query, identity.decode("latin-1"))
        data = msgspec.json.encode(value)
        kept = [pair for pair in answer.headers if not pair[0].startswith(b"content-")]
        own = [JSON_TYPE, (b"content-length", str(len(data)).encode()), (b"request-id", identity)]
        await send({"type": "http.response.start", "status": status, "headers": [*kept, *own]})
        await send({"type": "http.response.body", "body": data})


class HeldAnswer:
    """An answer that is received as a whole."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: Headers = []
        self.parts: list[bytes] = []

    async def send(self, message: Message) -> None:
        """Receive an ASGI message."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        else:
            self.parts.append(message.get("body", b""))


def _is_meant(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET" or header(scope["headers"], VERSION) is None:
        return False
    rest = str(scope["path"]).removeprefix(MODELS)
    return rest != scope["path"] and (rest == "" or (rest.startswith("/") and rest.count("/") == 1))


def translated(status: int, body: bytes, query: Mapping[str, str], identity: str) -> tuple[int, Any]:
    """The status and the body of the answer in Anthropic's form."""
    try:
        value = msgspec.json.decode(body)
        if status >= 400:
            return status, failure(errors.read(status, value), identity)
        if isinstance(value, dict) and isinstance(value.get("data"), list):
            return status, page([info for info in value["data"] if is_chat(info)], query)
        return status, model_info(value)
    except ModelyardError as error:
        return error.status, failure(error, identity)


def is_chat(info: Mapping[str, Any]) -> bool:
    """Whether a listed model answers messages."""
    return "chat" in (info.get("model_ability") or ()) or info.get("is_chat") is True


def model_info(info: Mapping[str, Any]) -> AnthropicModel:
    """A model in Anthropic's shape."""
    created = datetime.fromtimestamp(info.get("created") or 0, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    length = info.get("context_length")
    return AnthropicModel(str(info["id"]), str(info.get("model_name") or info["id"]), created, "active", length, length)


def page(models: Sequence[Mapping[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    """A page of models: those behind `after_id`, or before `before_id`. Raises `InvalidParameter`."""
    ids = [str(info["id"]) for info in models]
    given = query.get("limit", str(DEFAULT_LIMIT))
    if not given.isdecimal() or len(given) > MOST_DIGITS or not 1 <= int(given) <= MOST:
        raise InvalidParameter("limit", f"it must be a number from 1 to {MOST}.")
    limit, begin, end = int(given), 0, len(models)
    if (after := query.get("after_id")) is not None:
        begin = _place("after_id", after, ids) + 1
    if (before := query.get("before_id")) is not None:
        end = _place("before_id", before, ids)
        begin = max(begin, end - limit)
        more = begin > 0
    else:
        more = end - begin > limit
    found = [model_info(info) for info in models[begin : min(end, begin + limit)]]
    ends = {"first_id": found[0].id, "last_id": found[-1].id} if found else {"first_id": None, "last_id": None}
    return {"data": found, "has_more": more, **ends}


def _place(name: str, given: str, ids: Sequence[str]) -> int:
    if given not in ids:
        raise InvalidParameter(name, f"there is no model '{given[:100]}'.")
    return ids.index(given)
