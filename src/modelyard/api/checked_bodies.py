"""Checks URLs and JSON bodies before every management route: limited nesting, and text that can be stored."""

from __future__ import annotations

from modelyard.api.foreign_pages import READING
from modelyard.core.asgi import App, Headers, Receive, Scope, Send, replay
from modelyard.core.config import Settings
from modelyard.core.errors import InvalidParameter, ModelyardError
from modelyard.gateway.asgi import ClientLeft, header, send_error
from modelyard.gateway.model_call import has_body, read_body
from modelyard.protocol.json_values import check_body

FORMS = (b"multipart/form-data", b"application/x-www-form-urlencoded")


class BodyCheck:
    """Middleware that checks URLs and JSON bodies.

    A body is read completely (`bodies.py` has limited it), checked by `check_body` and passed on unchanged. Forms are passed on
    unread; a JSON field of a form is checked by its route.
    """

    def __init__(self, app: App, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                check_address(scope)
                if scope["method"] not in READING and has_json(scope["headers"]):
                    receive = await self._checked(scope["headers"], receive)
            except ModelyardError as error:
                await send_error(send, error, [])
                return
            except ClientLeft:
                return
        await self._app(scope, receive, send)

    async def _checked(self, headers: Headers, receive: Receive) -> Receive:
        body = await read_body(headers, receive, self._settings.max_body_bytes)
        if body.strip():
            check_body(body, self._settings.max_json_values)
        return replay(body, receive)


def check_address(scope: Scope) -> None:
    """Raise `InvalidParameter` for U+0000 in a path or query: no name contains it, and PostgreSQL rejects it."""
    if "\0" in scope["path"]:
        raise InvalidParameter("path", "it contains the character U+0000, which no name has.")
    if b"%00" in scope["query_string"]:
        raise InvalidParameter("query", "it contains the character U+0000, which is not allowed.")


def has_json(headers: Headers) -> bool:
    """Whether a request has a body that a route would parse as JSON."""
    if not has_body(headers):
        return False
    kind = (header(headers, b"content-type") or b"").partition(b";")[0].strip().lower()
    return kind not in FORMS
