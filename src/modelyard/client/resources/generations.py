"""`client.generations`: answers that the server makes to the end, whether or not their client stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelyard.client.calls import CallGroup, S, call, stream_call
from modelyard.client.request import Request, a_list, an_object, at, given

if TYPE_CHECKING:
    from modelyard.client.generation_types import GenerationDict, GenerationEventDict

Generations = list["GenerationDict"]


class GenerationCalls(CallGroup[S]):
    """Answers that outlive their client: begin, follow, stop, list and delete them."""

    @call
    def begin(self, body: Mapping[str, Any], url: str = "/v1/chat/completions") -> Request[GenerationDict]:
        """Begin to answer a request, such as `{"model": …, "messages": […]}`, and return at once."""
        return Request("POST", at("generations"), an_object, body={"url": url, "body": dict(body)})

    @stream_call
    def follow(self, generation_id: str, after: int = 0) -> Request[GenerationEventDict]:
        """The events with numbers larger than `after`, those there are and those to come; the last one has the type `end`.

        When the connection breaks, it is made again, and the stream continues after the last event.
        """
        query = {"after": str(after)}
        return Request("GET", at("generations", generation_id, "events"), an_object, query, streams=True, rejoin=_after)

    @call
    def get(self, generation_id: str) -> Request[GenerationDict]:
        """A generation by its id."""
        return Request("GET", at("generations", generation_id), an_object)

    @call
    def stop(self, generation_id: str) -> Request[GenerationDict]:
        """Stop a generation and its model; its events stay."""
        return Request("POST", at("generations", generation_id, "stop"), an_object)

    @call
    def delete(self, generation_id: str) -> Request[bool]:
        """Stop a generation, and delete its events."""
        return Request("DELETE", at("generations", generation_id), lambda answer: bool(answer["deleted"]))

    @call
    def list(self, kind: str | None = None, state: str | None = None, limit: int | None = None) -> Request[Generations]:
        """The newest generations of the caller, or of all owners for an administrator's key."""
        query = given(kind=kind, state=state, limit=None if limit is None else str(limit))
        return Request("GET", at("generations"), lambda answer: list(a_list(answer["data"])), query)


def _after(event: GenerationEventDict) -> dict[str, str] | None:
    return None if event["type"] == "end" else {"after": str(event["number"])}
