"""A `Request`: one call as plain data, with the function that reads its answer. Opens no connection.

The functions in `resources/` create requests; the sync and the async connection send them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Generic, TypeVar
from urllib.parse import quote

T = TypeVar("T")

FilePart = tuple[str, tuple[str, bytes | IO[bytes], str]]
"""A file in a form: the field, and the file's name, content and type. An opened file is sent while it is read."""


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """What to send, and how to convert the decoded JSON answer to the caller's result."""

    method: str
    path: str
    read: Callable[[Any], T]
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    form: Mapping[str, str | list[str]] | None = None
    """Fields of a form, instead of `body`."""
    files: Sequence[FilePart] = ()
    """Files of that form."""
    raw: bool = False
    """Whether the answer is bytes instead of JSON."""
    streams: bool = False
    """Whether the answer is a stream, of events of type `T`, or of bytes if it is raw."""
    patient: bool = False
    """Whether to wait for the answer without a limit, because a launch may download for hours."""
    rejoin: Callable[[T], Mapping[str, str] | None] | None = None
    """For a stream that is joined again when it breaks: the query that continues it after an event; None after its last event."""
    key: str | None = field(default=None, repr=False)
    """A key that replaces the client's own for this request."""


def at(*parts: str | int) -> str:
    """A path below `/v1` of which each part is quoted."""
    return "/v1/" + "/".join(quote(str(part), safe="") for part in parts)


def given(**fields: Any) -> dict[str, Any]:
    """The fields that are not None: a parameter that the caller left out is not sent."""
    return {name: value for name, value in fields.items() if value is not None}


def flag(value: bool) -> str:
    """A boolean as a query parameter."""
    return "true" if value else "false"


def an_object(answer: Any) -> Any:
    """The answer, if it is a JSON object."""
    if not isinstance(answer, dict):
        raise TypeError("not an object")
    return answer


def a_list(answer: Any) -> Any:
    """The answer, if it is a JSON array."""
    if not isinstance(answer, list):
        raise TypeError("not a list")
    return answer


def data_of(answer: Any) -> Any:
    """The list in the field `data` of the answer."""
    return list(answer["data"])


def list_of(answer: Any) -> Any:
    """The list in the field `list` of the answer."""
    return list(answer["list"])


def anything(answer: Any) -> Any:
    """The answer unchanged."""
    return answer


def nothing(answer: Any) -> None:
    """None, whatever the answer is."""
