"""The plan of one request: the body for llama.cpp, and how its answer is processed. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

Body = dict[str, Any]


class RequestRefused(Exception):
    """A request that the front answers with a 400."""

    def __init__(self, param: str | None, message: str) -> None:
        super().__init__(message)
        self.param = param


class AnswerGatherer(Protocol):
    """Receives a stream's events one by one and returns the whole answer at its end."""

    def event(self, data: Body) -> None: ...

    def answer(self) -> Body: ...


class Rewriter(Protocol):
    """Receives a stream's bytes, in pieces of any size, and returns those for the client."""

    def feed(self, data: bytes) -> bytes: ...

    def end(self) -> bytes: ...


class Filter(Rewriter, Protocol):
    """Changes a stream before it is processed, and may end it before llama.cpp does."""

    ended: bool


@dataclass(frozen=True, slots=True)
class RequestPlan:
    """The body to send to llama.cpp, and the processing of its answer."""

    body: bytes
    gather: AnswerGatherer | None = None
    """Gathers a streamed answer into a whole one."""
    rewrite: Callable[[Body], Body] | None = None
    """Changes an answer that is a JSON document."""
    stream: Rewriter | None = None
    """Changes the events of a streamed answer."""
    prefilter: Filter | None = None
    """Applied to a stream first."""
    whole: bool = False
    """Whether the answer is read completely before it is passed on, because an error may have to be rewritten."""
    model: str | None = None
    """The model's name for the answer, if llama.cpp's differs."""
    param: str | None = None
    """The field with the text, for errors about its length."""


def whole_number(value: Any, least: int = 0) -> bool:
    """Whether a value is an integer of at least `least`; JSON's `true` is not."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
