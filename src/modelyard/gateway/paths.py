"""The table of all paths that the gateway forwards to replicas. Other paths are never forwarded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from modelyard.core.types import Task
from modelyard.protocol.inference import (
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    FormRequest,
    ImageRequest,
    RerankRequest,
    SpeechRequest,
    TokenIdsRequest,
    VideoRequest,
)
from modelyard.protocol.plain import PlainChat, PlainCompletion, PlainEmbedding
from modelyard.protocol.replies import (
    ChatChunk,
    ChatCompletion,
    CompletionReply,
    EmbeddingList,
    MediaEvent,
    MediaList,
    OcrReply,
    RerankReply,
    TokenTexts,
    Transcription,
    VoiceEmbedding,
)
from modelyard.protocol.tokens import (
    ClassifyReply,
    ClassifyRequest,
    DetokenizeReply,
    DetokenizeRequest,
    TokenizeReply,
    TokenizeRequest,
)


class BodyFormat(StrEnum):
    """The format of a request's body, which determines where the model's name is."""

    JSON = "json"
    FORM = "form"


@dataclass(frozen=True, slots=True)
class InferencePath:
    """What one path accepts and returns."""

    task: Task
    request: type[msgspec.Struct]
    """The fields that are checked; `model` is one of them."""
    method: str = "POST"
    format: BodyFormat = BodyFormat.JSON
    plain: type[msgspec.Struct] | None = None
    """The fields of bodies that every engine accepts unchanged, so that they need no further checks."""
    answers: Mapping[str, Any] = field(default_factory=dict)
    """Content type → type of an answer, for `/openapi.json`; `bytes` for a file."""
    events: type[msgspec.Struct] | None = None
    """Type of the data of a streamed answer's events."""

    @property
    def json_only(self) -> bool:
        """Whether requests and answers that are not streamed are JSON."""
        return self.format is BodyFormat.JSON and set(self.answers) == {"application/json"}


def _json(kind: Any) -> dict[str, Any]:
    return {"application/json": kind}


def _form(task: Task, answers: Mapping[str, Any], events: type[msgspec.Struct] | None = None) -> InferencePath:
    return InferencePath(task, FormRequest, format=BodyFormat.FORM, answers=answers, events=events)


TRANSCRIPT = {**_json(Transcription), "text/plain": str}
SOUND = {"audio/*": bytes, "application/octet-stream": bytes}

PATHS: Mapping[str, InferencePath] = {
    "/v1/chat/completions": InferencePath(
        Task.CHAT, ChatRequest, plain=PlainChat, answers=_json(ChatCompletion), events=ChatChunk
    ),
    "/v1/completions": InferencePath(
        Task.COMPLETION,
        CompletionRequest,
        plain=PlainCompletion,
        answers=_json(CompletionReply),
        events=CompletionReply,
    ),
    "/v1/embeddings": InferencePath(
        Task.EMBEDDING, EmbeddingRequest, plain=PlainEmbedding, answers=_json(EmbeddingList)
    ),
    "/v1/rerank": InferencePath(Task.RERANK, RerankRequest, answers=_json(RerankReply)),
    "/tokenize": InferencePath(Task.TOKENIZATION, TokenizeRequest, answers=_json(TokenizeReply)),
    "/detokenize": InferencePath(Task.TOKENIZATION, DetokenizeRequest, answers=_json(DetokenizeReply)),
    "/classify": InferencePath(Task.CLASSIFICATION, ClassifyRequest, answers=_json(ClassifyReply)),
    "/v1/convert_ids_to_tokens": InferencePath(Task.DETOKENIZATION, TokenIdsRequest, answers=_json(TokenTexts)),
    "/v1/images/generations": InferencePath(Task.IMAGE, ImageRequest, answers=_json(MediaList)),
    "/v1/images/variations": _form(Task.IMAGE, _json(MediaList)),
    "/v1/images/inpainting": _form(Task.IMAGE, _json(MediaList)),
    "/v1/images/edits": _form(Task.IMAGE, _json(MediaList), MediaEvent),
    "/v1/images/ocr": _form(Task.IMAGE, _json(OcrReply)),
    "/v1/audio/transcriptions": _form(Task.TRANSCRIPTION, TRANSCRIPT),
    "/v1/audio/translations": _form(Task.TRANSCRIPTION, TRANSCRIPT),
    "/v1/audio/embeddings": _form(Task.TRANSCRIPTION, _json(VoiceEmbedding)),
    "/v1/audio/speech": InferencePath(Task.SPEECH, SpeechRequest, answers=SOUND, events=MediaEvent),
    "/v1/video/generations": InferencePath(Task.VIDEO, VideoRequest, answers=_json(MediaList)),
    "/v1/video/generations/image": _form(Task.VIDEO, _json(MediaList)),
    "/v1/video/generations/flf": _form(Task.VIDEO, _json(MediaList)),
}
