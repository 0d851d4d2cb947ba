"""The paths of the dialects, with their bodies, for `/openapi.json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from modelyard.protocol.anthropic import (
    AnthropicFailure,
    CountedMessages,
    MessageAnswer,
    MessageEvent,
    MessagesRequest,
    TokensCounted,
)
from modelyard.protocol.ollama import (
    OllamaChatReply,
    OllamaChatRequest,
    OllamaDescription,
    OllamaEmbedding,
    OllamaEmbeddings,
    OllamaEmbeddingsRequest,
    OllamaEmbedRequest,
    OllamaFailure,
    OllamaGenerateReply,
    OllamaGenerateRequest,
    OllamaModelRequest,
    OllamaModels,
    OllamaProgress,
    OllamaPullRequest,
    OllamaShowRequest,
    OllamaVersion,
)
from modelyard.protocol.ollama_creation import OllamaCopyRequest, OllamaCreateRequest
from modelyard.protocol.responses import CountedInput, ResponseRequest
from modelyard.protocol.responses_answer import InputTokens, OpenAiFailure, ResponseAnswer, ResponseEvent
from modelyard.protocol.scoring import (
    CohereRerankReply,
    CohereRerankRequest,
    ModerationReply,
    ModerationRequest,
    PoolingReply,
    PoolingRequest,
    ScoreReply,
    ScoreRequest,
)


class NoBody(msgspec.Struct):
    """The body of a request that has none."""


class FileBytes(msgspec.Struct):
    """The bytes of a file, whose SHA-256 is in the path."""


@dataclass(frozen=True, slots=True)
class DialectPath:
    """What one path accepts and returns."""

    request: type[msgspec.Struct]
    answer: Any
    error: type[msgspec.Struct] | None
    """The form of errors; None for that of the server's own routes."""
    events: type[msgspec.Struct] | None = None
    """Type of the data of a streamed answer's events."""
    tag: str = "anthropic"
    stream_type: str = "text/event-stream"
    """Content type of a streamed answer."""
    method: str = "POST"
    status: int = 200
    """Of an answer that is no error."""


def _ollama(
    request: type[msgspec.Struct], answer: Any, events: type[msgspec.Struct] | None = None, method: str = "POST"
) -> DialectPath:
    return DialectPath(request, answer, OllamaFailure, events, "ollama", "application/x-ndjson", method)


PATHS: dict[str, DialectPath] = {
    "/v1/moderations": DialectPath(ModerationRequest, ModerationReply, None, tag="inference"),
    "/v1/score": DialectPath(ScoreRequest, ScoreReply, None, tag="inference"),
    "/score": DialectPath(ScoreRequest, ScoreReply, None, tag="inference"),
    "/v2/rerank": DialectPath(CohereRerankRequest, CohereRerankReply, None, tag="inference"),
    "/pooling": DialectPath(PoolingRequest, PoolingReply, None, tag="inference"),
    "/v1/responses": DialectPath(ResponseRequest, ResponseAnswer, OpenAiFailure, ResponseEvent, "responses"),
    "/v1/responses/input_tokens": DialectPath(CountedInput, InputTokens, OpenAiFailure, tag="responses"),
    "/v1/messages": DialectPath(MessagesRequest, MessageAnswer, AnthropicFailure, MessageEvent),
    "/v1/messages/count_tokens": DialectPath(CountedMessages, TokensCounted, AnthropicFailure),
    "/api/chat": _ollama(OllamaChatRequest, OllamaChatReply, OllamaChatReply),
    "/api/generate": _ollama(OllamaGenerateRequest, OllamaGenerateReply, OllamaGenerateReply),
    "/api/embed": _ollama(OllamaEmbedRequest, OllamaEmbeddings),
    "/api/embeddings": _ollama(OllamaEmbeddingsRequest, OllamaEmbedding),
    "/api/show": _ollama(OllamaShowRequest, OllamaDescription),
    "/api/pull": _ollama(OllamaPullRequest, OllamaProgress, OllamaProgress),
    "/api/push": _ollama(OllamaPullRequest, OllamaProgress),
    "/api/delete": _ollama(OllamaModelRequest, OllamaProgress, method="DELETE"),
    "/api/create": _ollama(OllamaCreateRequest, OllamaProgress, OllamaProgress),
    "/api/copy": _ollama(OllamaCopyRequest, OllamaProgress),
    "/api/blobs/{digest}": DialectPath(FileBytes, NoBody, OllamaFailure, tag="ollama", status=201),
    "/api/tags": _ollama(NoBody, OllamaModels, method="GET"),
    "/api/ps": _ollama(NoBody, OllamaModels, method="GET"),
    "/api/version": _ollama(NoBody, OllamaVersion, method="GET"),
}
"""Path → what it accepts and returns."""
