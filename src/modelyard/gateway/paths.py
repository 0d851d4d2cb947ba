"""Every path that reaches a replica, as data. It is also the allow-list: what is not here is never forwarded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

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


PATHS: Mapping[str, Path] = {
    "/v1/chat/completions": Path(Task.CHAT, ChatRequest, plain=PlainChat),
    "/v1/completions": Path(Task.COMPLETION, CompletionRequest, plain=PlainCompletion),
    "/v1/embeddings": Path(Task.EMBEDDING, EmbeddingRequest, plain=PlainEmbedding),
    "/v1/rerank": Path(Task.RERANK, RerankRequest),
    "/v1/convert_ids_to_tokens": Path(Task.DETOKENIZATION, TokenIdsRequest),
    "/v1/images/generations": Path(Task.IMAGE, ImageRequest),
    "/v1/images/variations": Path(Task.IMAGE, FormRequest, where=Where.FORM),
    "/v1/images/inpainting": Path(Task.IMAGE, FormRequest, where=Where.FORM),
    "/v1/images/edits": Path(Task.IMAGE, FormRequest, where=Where.FORM),
    "/v1/images/ocr": Path(Task.IMAGE, FormRequest, where=Where.FORM),
    "/v1/audio/transcriptions": Path(Task.TRANSCRIPTION, FormRequest, where=Where.FORM),
    "/v1/audio/translations": Path(Task.TRANSCRIPTION, FormRequest, where=Where.FORM),
    "/v1/audio/embeddings": Path(Task.TRANSCRIPTION, FormRequest, where=Where.FORM),
    "/v1/audio/speech": Path(Task.SPEECH, SpeechRequest),
    "/v1/video/generations": Path(Task.VIDEO, VideoRequest),
    "/v1/video/generations/image": Path(Task.VIDEO, FormRequest, where=Where.FORM),
    "/v1/video/generations/flf": Path(Task.VIDEO, FormRequest, where=Where.FORM),
}
