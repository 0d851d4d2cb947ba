"""Which content types the management routes take, checked before a body is read.

A browser lets any page send `text/plain`, forms, and bodies without a type to any server without asking it. JSON it does not,
so a route that takes nothing but JSON, and insists on it, cannot be reached in that way even by browsers that send neither
`Origin` nor `Sec-Fetch-Site`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from fastapi import params
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from modelyard.api.foreign_pages import READING
from modelyard.api.paths import route_of
from modelyard.core.errors import WrongContentType
from modelyard.gateway.asgi import header, send_error
from modelyard.gateway.model_call import JSON, has_body, is_json

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

UPLOAD, FORM = "multipart/form-data", "application/x-www-form-urlencoded"
JSON_OR: Mapping[str, str] = {"/token": FORM}
"""Routes that take JSON or a second type: OAuth's clients log in by form."""


class ContentTypes:
    """The management app behind a check of content types."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in READING and has_body(scope["headers"]):
            error = mismatch(route_of(scope), header(scope["headers"], b"content-type"))
            if error is not None:
                await send_error(send, error, [])
                return
        await self._app(scope, receive, send)


def mismatch(route: BaseRoute | None, given: bytes | None) -> WrongContentType | None:
    """What is wrong with the content type of a body; None for what the route takes, and for a path that is no route."""
    if not isinstance(route, APIRoute):
        return None
    kind = (given or b"").partition(b";")[0].strip().lower().decode("latin-1")
    shown = (given or b"").decode("latin-1")
    if takes_uploads(route):
        return None if kind == UPLOAD else WrongContentType(shown, UPLOAD)
    if is_json(given) or kind == JSON_OR.get(route.path):
        return None
    return WrongContentType(shown, JSON)


def takes_uploads(route: APIRoute) -> bool:
    """Whether a route's body is a form with files."""
    return route.body_field is not None and isinstance(route.body_field.field_info, params.Form)
