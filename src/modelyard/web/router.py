"""Declares management routes: a handler, and the properties that the middleware before the handler needs.

The middleware (`paths`, `guard`, `bodies`, `content_types`) reads them from the route that `paths` matched. Every route
declares its scope; there is no default.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from enum import Enum
from functools import cached_property
from threading import RLock
from types import NoneType
from typing import Any, TypedDict, TypeVar, Unpack

from fastapi import params
from fastapi.routing import APIRoute
from pydantic.warnings import UnsupportedFieldAttributeWarning
from starlette.responses import Response
from starlette.routing import compile_path

Handler = TypeVar("Handler", bound=Callable[..., Any])

ANYBODY = ""
"""Scope of a route that also answers without a key."""
ANY_KEY = "any"
"""Scope of a route that accepts any key, whatever its scopes."""


CHANGES = frozenset({"models:write", "models:register", "keys:create", "keys:manage", "users:manage", "cache:delete",
                     "settings:write", "virtualenv:delete", "admin"})  # fmt: skip
"""Scopes of routes that change what the server runs, or who may use it: they are audited unless they only read."""

FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}
}
"""`responses` of a route that sends a file of any type."""


class BodyKind(Enum):
    """The kind of content in a route's body, which determines its maximum size (`body_sizes.py`)."""

    ORDINARY = "ordinary"
    """Settings and names."""
    TEXT = "text"
    """Messages, pictures in messages, texts to embed, long lists of names."""
    DOCUMENT = "document"
    """A form with one file."""
    DOCUMENTS = "documents"
    """A form with many files."""
    FILE = "file"
    """A form with one file that the handler reads while it arrives (`streamed_forms.py`), instead of FastAPI."""


BUILDING = RLock()
"""Held while a route is built, because threads may need one route at the same time."""


class RouteOptions(TypedDict, total=False):
    """Options of a route that are passed to FastAPI."""

    tags: list[str | Enum]
    """Replaces the router's tags."""
    status_code: int
    response_model: Any
    response_class: type[Response]
    response_model_exclude_none: bool
    response_model_exclude_unset: bool
    responses: dict[int | str, dict[str, Any]]
    openapi_extra: dict[str, Any]
    refuses: bool
    events: Any
    audited: bool


class ManagementRoute(APIRoute):
    """A management route.

    FastAPI's part of it, such as the validators of its body and of its answer, is built when an attribute of that part is first
    read. A server therefore starts without building hundreds of routes, and holds memory only for those that it was asked for.
    """

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
        audited: bool | None = None,
        **options: Any,
    ) -> None:
        self.method = method
        self.scope = scope
        """A name of `core.access.SCOPES`, `ANYBODY` or `ANY_KEY`."""
        self.body = body
        self.forms = forms
        """Whether its body may be a URL-encoded form instead of JSON."""
        self.waits = waits
        """Whether it waits for an engine, so that it may answer with an engine's errors."""
        self.refuses = refuses
        """Whether it always answers with an error here."""
        self.events = events
        """Type of the data of each server-sent event, if it answers with a stream."""
        self.audited = (method != "GET" and scope in CHANGES) if audited is None else audited
        """Whether each request to it is written to the list of changes."""
        self.action = f"{endpoint.__module__.rpartition('.')[2]}.{endpoint.__name__}"
        """What it does, for the list of changes: its module and its handler, such as `models.launch`."""
        self.path, self.endpoint = path, endpoint
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)
        self._options: dict[str, Any] | None = options

    def __getattr__(self, name: str) -> Any:
        """Build FastAPI's part of the route, and return an attribute of it. Raises `AttributeError` if there is none."""
        with BUILDING:
            options, self.__dict__["_options"] = self.__dict__.get("_options"), None
            if options is not None:
                super().__init__(self.path, self.endpoint, methods={self.method}, **options)
                self._build_validators()
        try:
            return self.__dict__[name]
        except KeyError:
            raise AttributeError(name) from None

    def _build_validators(self) -> None:
        """Build the validators of body and answer, which FastAPI leaves to the first request if they are a `DeferredModel`."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnsupportedFieldAttributeWarning)  # as FastAPI does where it makes a field
            for field in (self.body_field, self.response_field):
                if field is not None:
                    field._type_adapter.rebuild()

    @cached_property
    def integers(self) -> frozenset[str]:
        """Names of the path's variables that are integers."""
        if not self.param_convertors:
            return frozenset()
        fields = self.dependant.path_params
        return frozenset(field.alias for field in fields if field.field_info.annotation is int)


class Router:
    """The routes of one noun, in the order in which they are matched."""

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
                options.setdefault("response_model", NoneType)  # FastAPI would not document a null answer
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
