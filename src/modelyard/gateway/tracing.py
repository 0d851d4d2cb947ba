"""The interface of a tracer, as far as the gateway uses it. Without a tracer, requests have no spans and no extra cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from modelyard.core.asgi import Headers

if TYPE_CHECKING:
    from modelyard.gateway.exchange import Exchange


class Span(Protocol):
    """The span of one request, from its arrival to the end of its answer."""

    def onward(self, headers: Headers) -> Headers:
        """The headers for a replica: those of the client, with this span as the parent."""

    def end(self, exchange: Exchange) -> None:
        """End the span with the outcome of the request."""


class Tracer(Protocol):
    """Begins spans."""

    def begin(self, headers: Headers, parent: Span | None) -> Span:
        """Begin the span of a request that has arrived.

        `parent` is the span of the request in this process that caused it; without one, the headers may name the parent.
        """
