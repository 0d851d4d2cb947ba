"""The plan of one request: the body that goes upstream, and how the answer is read on its way back. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

Body = dict[str, Any]


class RequestRefused(Exception):
    """A request that we answer ourselves with a 400."""

    def __init__(self, param: str | None, message: str) -> None:
        super().__init__(message)
        self.param = param


class AnswerGatherer(Protocol):
    """Takes a stream's events one by one and gives the whole answer at its end."""

    def event(self, data: Body) -> None: ...

    def answer(self) -> Body: ...


class Rewriter(Protocol):
    """Takes a stream's bytes as they come, cut anywhere, and gives those that the client gets."""

    def feed(self, data: bytes) -> bytes: ...

    def end(self) -> bytes: ...


class Filter(Rewriter, Protocol):
    """Changes a stream before it is read, and may end it before llama.cpp does."""

    ended: bool


@dataclass(frozen=True, slots=True)
class RequestPlan:
    """What to send upstream instead of the client's body, and what to do with the answer."""

    body: bytes
    gather: AnswerGatherer | None = None
    """The upstream answer is a stream for us to gather."""
    rewrite: Callable[[Body], Body] | None = None
    """The upstream answer is a JSON document for us to change."""
    stream: Rewriter | None = None
    """The upstream answer is a stream whose events change on their way."""
    prefilter: Filter | None = None
    """The upstream stream passes this first."""
    whole: bool = False
    """The upstream answer is taken in before it goes on, because an error may have to be mended."""
    model: str | None = None
    """The name that the answer has, where llama.cpp says another."""
    param: str | None = None
    """The field that holds the text, which errors about its length name."""


def whole_number(value: Any, least: int = 0) -> bool:
    """Whether a value is an integer of at least `least`; JSON's `true` is none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
