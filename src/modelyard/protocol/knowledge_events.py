"""Events of streamed answers from documents."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from modelyard.protocol.hits import Citation
from modelyard.protocol.knowledge import AnswerInfo


class SourcesEvent(BaseModel):
    """First event of a streamed answer."""

    type: Literal["sources"]
    sources: list[Citation]
    notes: list[str]


class TokenEvent(BaseModel):
    """A piece of a streamed answer."""

    type: Literal["token"]
    text: str


class AnswerEvent(AnswerInfo):
    """Last event of a streamed answer: the answer as a whole."""

    type: Literal["answer"]


class ErrorEvent(BaseModel):
    """Last event of a stream that failed: the error, as in other answers."""

    error: dict[str, str | None]


AnswerEvents = SourcesEvent | TokenEvent | AnswerEvent | ErrorEvent
