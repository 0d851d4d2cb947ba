"""Every path that reaches a replica, as data. It is also the allow-list: what is not here is never forwarded."""

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
    Completion,
    EmbeddingList,
    MediaEvent,
    MediaList,
    OcrReply,
    RerankReply,
    TokenTexts,
    Transcription,
    VoiceEmbedding,
)


class Where(StrEnum):
    """Where in a request the model's name stands."""

    JSON = "json"
    FORM = "form"


@dataclass(frozen=True, slots=True)
class Path:
    """What a path takes and asks for."""

    task: Task
    request: type[msgspec.Struct]
    """The fields that are checked; has `model`."""
    method: str = "POST"
    where: Where = Where.JSON
    plain: type[msgspec.Struct] | None = None
    """The fields of bodies that need no second look."""
    answers: Mapping[str, Any] = field(default_factory=dict)
    """Content type → type of an answer, for `/openapi.json`; `bytes` for a file."""
    events: type[msgspec.Struct] | None = None
    """Type of the data of a streamed answer's events."""


def _json(kind: Any) -> dict[str, Any]:
    return {"application/json": kind}


def _form(task: Task, answers: Mapping[str, Any], events: type[msgspec.Struct] | None = None) -> Path:
    return Path(task, FormRequest, where=Where.FORM, answers=answers, events=events)


TRANSCRIPT = {**_json(Transcription), "text/plain": str}
SOUND = {"audio/*": bytes, "application/octet-stream": bytes}

PATHS: Mapping[str, Path] = {
    "/v1/chat/completions": Path(
        Task.CHAT, ChatRequest, plain=PlainChat, answers=_json(ChatCompletion), events=ChatChunk
    ),
    "/v1/completions": Path(
        Task.COMPLETION, CompletionRequest, plain=PlainCompletion, answers=_json(Completion), events=Completion
    ),
    "/v1/embeddings": Path(Task.EMBEDDING, EmbeddingRequest, plain=PlainEmbedding, answers=_json(EmbeddingList)),
    "/v1/rerank": Path(Task.RERANK, RerankRequest, answers=_json(RerankReply)),
    "/v1/convert_ids_to_tokens": Path(Task.DETOKENIZATION, TokenIdsRequest, answers=_json(TokenTexts)),
    "/v1/images/generations": Path(Task.IMAGE, ImageRequest, answers=_json(MediaList)),
    "/v1/images/variations": _form(Task.IMAGE, _json(MediaList)),
    "/v1/images/inpainting": _form(Task.IMAGE, _json(MediaList)),
    "/v1/images/edits": _form(Task.IMAGE, _json(MediaList), MediaEvent),
    "/v1/images/ocr": _form(Task.IMAGE, _json(OcrReply)),
    "/v1/audio/transcriptions": _form(Task.TRANSCRIPTION, TRANSCRIPT),
    "/v1/audio/translations": _form(Task.TRANSCRIPTION, TRANSCRIPT),
    "/v1/audio/embeddings": _form(Task.TRANSCRIPTION, _json(VoiceEmbedding)),
    "/v1/audio/speech": Path(Task.SPEECH, SpeechRequest, answers=SOUND, events=MediaEvent),
    "/v1/video/generations": Path(Task.VIDEO, VideoRequest, answers=_json(MediaList)),
    "/v1/video/generations/image": _form(Task.VIDEO, _json(MediaList)),
    "/v1/video/generations/flf": _form(Task.VIDEO, _json(MediaList)),
}
