"""Events of streamed answers that are based on documents."""

from __future__ import annotations

from typing import Literal

from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.error_event import ErrorEvent
from modelyard.protocol.hits import Citation
from modelyard.protocol.knowledge import AnswerInfo


class SourcesEvent(DeferredModel):
    """First event of a streamed answer."""

    type: Literal["sources"]
    sources: list[Citation]
    notes: list[str]
    rerank_model: str | None = None
    """Uid of the model that ranked the sources; null if none did."""


class TokenEvent(DeferredModel):
    """A piece of a streamed answer."""

    type: Literal["token"]
    text: str


class AnswerEvent(AnswerInfo):
    """Last event of a streamed answer: the answer as a whole."""

    type: Literal["answer"]


AnswerEvents = SourcesEvent | TokenEvent | AnswerEvent | ErrorEvent
