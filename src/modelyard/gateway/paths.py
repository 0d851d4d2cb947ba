"""Every path that is forwarded to replicas, as a table. A path that is not in it is never forwarded."""

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


class BodyFormat(StrEnum):
    """The format of a request's body, which says where the model's name is."""

    JSON = "json"
    FORM = "form"


@dataclass(frozen=True, slots=True)
class InferencePath:
    """What one path accepts."""

    task: Task
    request: type[msgspec.Struct]
    """The fields that are checked; `model` is one of them."""
    method: str = "POST"
    format: BodyFormat = BodyFormat.JSON
    plain: type[msgspec.Struct] | None = None
    """The fields of bodies that every engine takes as they are, so that they need no further checks."""


PATHS: Mapping[str, InferencePath] = {
    "/v1/chat/completions": InferencePath(Task.CHAT, ChatRequest, plain=PlainChat),
    "/v1/completions": InferencePath(Task.COMPLETION, CompletionRequest, plain=PlainCompletion),
    "/v1/embeddings": InferencePath(Task.EMBEDDING, EmbeddingRequest, plain=PlainEmbedding),
    "/v1/rerank": InferencePath(Task.RERANK, RerankRequest),
    "/v1/convert_ids_to_tokens": InferencePath(Task.DETOKENIZATION, TokenIdsRequest),
    "/v1/images/generations": InferencePath(Task.IMAGE, ImageRequest),
    "/v1/images/variations": InferencePath(Task.IMAGE, FormRequest, format=BodyFormat.FORM),
    "/v1/images/inpainting": InferencePath(Task.IMAGE, FormRequest, format=BodyFormat.FORM),
    "/v1/images/edits": InferencePath(Task.IMAGE, FormRequest, format=BodyFormat.FORM),
    "/v1/images/ocr": InferencePath(Task.IMAGE, FormRequest, format=BodyFormat.FORM),
    "/v1/audio/transcriptions": InferencePath(Task.TRANSCRIPTION, FormRequest, format=BodyFormat.FORM),
    "/v1/audio/translations": InferencePath(Task.TRANSCRIPTION, FormRequest, format=BodyFormat.FORM),
    "/v1/audio/speech": InferencePath(Task.SPEECH, SpeechRequest),
    "/v1/video/generations": InferencePath(Task.VIDEO, VideoRequest),
    "/v1/video/generations/image": InferencePath(Task.VIDEO, FormRequest, format=BodyFormat.FORM),
    "/v1/video/generations/flf": InferencePath(Task.VIDEO, FormRequest, format=BodyFormat.FORM),
}
