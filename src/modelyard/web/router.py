"""Declaring a management route: its handler, and beside it what the layers ahead of the handler must know.

Those layers (`paths`, `guard`, `bodies`, `content_types`) read the declaration from the route that `paths` matched. Every route
names the scope that it takes; there is no default.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from enum import Enum
from types import NoneType
from typing import Any, TypedDict, TypeVar, Unpack

from fastapi import params
from fastapi.routing import APIRoute
from starlette.responses import Response

Handler = TypeVar("Handler", bound=Callable[..., Any])

ANYBODY = ""
"""Scope of a route that answers without a key, too."""
ANY_KEY = "any"
"""Scope of a route that takes any key, whatever its scopes."""


FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}
}
"""`responses` of a route that answers with a file of any type."""


class BodyKind(Enum):
    """What the body of a route carries, which decides how large it may be (`body_sizes.py`)."""

    ORDINARY = "ordinary"
    """Settings and names."""
    TEXT = "text"
    """Messages, pictures in messages, texts to embed, long lists of names."""
    DOCUMENT = "document"
    """A form with one file."""
    DOCUMENTS = "documents"
    """A form with many files."""


class RouteOptions(TypedDict, total=False):
    """What FastAPI may be told about a route."""

    tags: list[str | Enum]
    """In place of the router's."""
    status_code: int
    response_model: Any
    response_class: type[Response]
    response_model_exclude_none: bool
    response_model_exclude_unset: bool
    responses: dict[int | str, dict[str, Any]]
    openapi_extra: dict[str, Any]
    refuses: bool
    events: Any


class ManagementRoute(APIRoute):
    """A management route."""

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        method: str,
        scope: str,
        body: BodyKind = BodyKind.ORDINARY,
        forms: bool = False,
        waits: bool = False,
        refuses: bool = False,
        events: Any = None,
        **options: Any,
    ) -> None:
        self.method = method
        self.scope = scope
        """A name of `core.access.SCOPES`, `ANYBODY` or `ANY_KEY`."""
        self.body = body
        self.forms = forms
        """Whether its body may be a URL-encoded form instead of JSON."""
        self.waits = waits
        """Whether it waits for an engine, and so may answer with the errors of one."""
        self.refuses = refuses
        """Whether it never succeeds here."""
        self.events = events
        """Type of the data of each server-sent event, where it answers with a stream of them."""
        super().__init__(path, endpoint, methods={method}, **options)


class Router:
    """The routes about one noun, in the order in which they are tried."""

    def __init__(
        self,
        prefix: str = "",
        *,
        tags: Sequence[str | Enum],
        dependencies: Sequence[params.Depends] = (),
        route_class: type[ManagementRoute] = ManagementRoute,
    ) -> None:
        self.routes: list[ManagementRoute] = []
        self._prefix = prefix
        self._tags = tags
        self._dependencies = dependencies
        self._route_class = route_class

    def get(self, path: str, *, scope: str, **options: Unpack[RouteOptions]) -> Callable[[Handler], Handler]:
        """Declare a handler of `GET`."""
        return self._declare("GET", path, scope=scope, **options)

    def post(
        self,
        path: str,
        *,
        scope: str,
        body: BodyKind = BodyKind.ORDINARY,
        forms: bool = False,
        waits: bool = False,
        **options: Unpack[RouteOptions],
    ) -> Callable[[Handler], Handler]:
        """Declare a handler of `POST`."""
        return self._declare("POST", path, scope=scope, body=body, forms=forms, waits=waits, **options)

    def patch(
        self, path: str, *, scope: str, body: BodyKind = BodyKind.ORDINARY, **options: Unpack[RouteOptions]
    ) -> Callable[[Handler], Handler]:
        """Declare a handler of `PATCH`."""
        return self._declare("PATCH", path, scope=scope, body=body, **options)

    def delete(
        self, path: str, *, scope: str, waits: bool = False, **options: Unpack[RouteOptions]
    ) -> Callable[[Handler], Handler]:
        """Declare a handler of `DELETE`."""
        return self._declare("DELETE", path, scope=scope, waits=waits, **options)

    def _declare(self, method: str, path: str, **options: Any) -> Callable[[Handler], Handler]:
        def declare(handler: Handler) -> Handler:
            if inspect.signature(handler).return_annotation in (None, "None"):
                options.setdefault("response_model", NoneType)  # FastAPI would not describe an answer of null
            route = self._route_class(
                self._prefix + path,
                handler,
                method=method,
                dependencies=list(self._dependencies),
                **{"tags": list(self._tags), **options},
            )
            self.routes.append(route)
            return handler

        return declare
