"""Engines' answers to inference requests, as `/openapi.json` documents them. Answers are relayed byte for byte and never decoded.

Engines leave out fields and add others, so each field that some engine leaves out is optional here.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class TokenUsage(msgspec.Struct, kw_only=True):
    """Numbers of tokens of a request and its answer."""

    prompt_tokens: int
    total_tokens: int
    completion_tokens: int | None = None
    prompt_tokens_details: dict[str, Any] | None = None
    completion_tokens_details: dict[str, Any] | None = None


class CalledFunction(msgspec.Struct, kw_only=True):
    """The function of a tool call; a chunk of a stream holds a part of its arguments."""

    name: str | None = None
    arguments: str | None = None


class ReplyToolCall(msgspec.Struct, kw_only=True):
    """A tool call."""

    function: CalledFunction
    index: int | None = None
    id: str | None = None
    type: str | None = None


class ReplyMessage(msgspec.Struct, kw_only=True):
    """A message that a model generates: whole, or the part of it in one chunk of a stream."""

    role: str | None = None
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ReplyToolCall] | None = None


class ChatReplyChoice(msgspec.Struct, kw_only=True):
    """One of the alternative answers to a conversation."""

    index: int
    message: ReplyMessage
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class ChatCompletion(msgspec.Struct, kw_only=True):
    """Answer of `POST /v1/chat/completions`. Answers of knowledge bases have `citations` beside these fields."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str | None
    choices: list[ChatReplyChoice]
    usage: TokenUsage | None = None


class ChatChunkChoice(msgspec.Struct, kw_only=True):
    """A part of one of the alternative answers to a conversation."""

    index: int
    delta: ReplyMessage
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class ChatChunk(msgspec.Struct, kw_only=True):
    """Event of a streamed `POST /v1/chat/completions`; the last event is `[DONE]`."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str | None
    choices: list[ChatChunkChoice]
    usage: TokenUsage | None = None


class TextReplyChoice(msgspec.Struct, kw_only=True):
    """One of the alternative texts that continue a prompt."""

    index: int
    text: str
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class CompletionReply(msgspec.Struct, kw_only=True):
    """Answer of `POST /v1/completions`, and event of its stream, whose last event is `[DONE]`."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[TextReplyChoice]
    usage: TokenUsage | None = None


class EmbeddingRow(msgspec.Struct, kw_only=True):
    """The vector of one text: a list of numbers, or the bytes of 32-bit floats in base64."""

    index: int
    object: Literal["embedding"]
    embedding: list[float] | str


class EmbeddingList(msgspec.Struct, kw_only=True):
    """Answer of `POST /v1/embeddings`."""

    object: Literal["list"]
    data: list[EmbeddingRow]
    model: str | None = None
    usage: TokenUsage | None = None


class RankedText(msgspec.Struct, kw_only=True):
    """The text of a ranked document."""

    text: str | None = None


class RankedDocument(msgspec.Struct, kw_only=True):
    """The index of a document in the request, and its score. `document` is included with `return_documents`."""

    index: int
    relevance_score: float
    document: RankedText | None = None


class RerankReply(msgspec.Struct, kw_only=True):
    """Answer of `POST /v1/rerank`, best first."""

    results: list[RankedDocument]
    id: str | None = None
    model: str | None = None
    meta: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None


TokenTexts = str | list[str | list[str]]
"""Answer of `POST /v1/convert_ids_to_tokens`: one text for each id, in lists like those of the request."""


class MediaFile(msgspec.Struct, kw_only=True):
    """A picture or a video: its address, or its bytes in base64."""

    url: str | None = None
    b64_json: str | None = None


class MediaList(msgspec.Struct, kw_only=True):
    """Answer of the routes that generate pictures and videos."""

    created: int
    data: list[MediaFile]


class MediaEvent(msgspec.Struct, kw_only=True):
    """Event of a streamed picture or of streamed speech."""

    type: str
    b64_json: str | None = None
    audio: str | None = None
    usage: dict[str, Any] | None = None


OcrReply = str | list[Any] | dict[str, Any]
"""Answer of `POST /v1/images/ocr`: the text of the picture, in the form that the model returns."""


class Transcription(msgspec.Struct, kw_only=True):
    """Answer of `POST /v1/audio/transcriptions` and `/v1/audio/translations` as JSON."""

    text: str
    task: str | None = None
    language: str | None = None
    duration: float | None = None
    segments: list[dict[str, Any]] | None = None
    words: list[dict[str, Any]] | None = None


class VoiceEmbedding(msgspec.Struct, kw_only=True):
    """Answer of `POST /v1/audio/embeddings`, Xinference's route: the vector of a voice."""

    embedding: list[float]
    object: str | None = None
    model: str | None = None
    dimensions: int | None = None
