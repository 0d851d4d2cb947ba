"""Checks the content type of a management request before its body is read.

A browser lets any page send `text/plain`, forms, and bodies without a type to any server without a preflight request, but not
JSON. A route that accepts JSON only is therefore safe from such requests, even of browsers that send neither
`Origin` nor `Sec-Fetch-Site`.
"""

from __future__ import annotations

from fastapi import params

from modelyard.api.foreign_pages import READING
from modelyard.api.paths import match_of
from modelyard.core.asgi import App, Receive, Scope, Send
from modelyard.core.errors import WrongContentType
from modelyard.gateway.asgi import header, send_error
from modelyard.gateway.model_call import JSON, has_body, is_json
from modelyard.web.router import BodyKind, ManagementRoute

UPLOAD, FORM = "multipart/form-data", "application/x-www-form-urlencoded"


class ContentTypeCheck:
    """Middleware that checks content types."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in READING and has_body(scope["headers"]):
            match = match_of(scope)
            error = mismatch(match.route, header(scope["headers"], b"content-type")) if match else None
            if error is not None:
                await send_error(send, error, [])
                return
        await self._app(scope, receive, send)


def mismatch(route: ManagementRoute, content_type: bytes | None) -> WrongContentType | None:
    """The error for a content type that the route does not accept; None if it does."""
    text = (content_type or b"").decode("latin-1")
    kind = text.partition(";")[0].strip().lower()
    if takes_uploads(route):
        return None if kind == UPLOAD else WrongContentType(text, UPLOAD)
    if is_json(content_type) or (route.forms and kind == FORM):
        return None
    return WrongContentType(text, JSON)


def takes_uploads(route: ManagementRoute) -> bool:
    """Whether a route's body is a form with files."""
    form = route.body_field is not None and isinstance(route.body_field.field_info, params.Form)
    return form or route.body is BodyKind.FILE
