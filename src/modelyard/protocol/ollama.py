"""Bodies of Ollama's API. Fields and options of no struct here are in `dialects/ollama/features.py`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from modelyard.protocol.extensions import MOST, Seed
from modelyard.protocol.inference import Bias, Name, Penalty, Repetition, Stop, Unit

Think = bool | Literal["none", "low", "medium", "high", "max"]
Pictures = Annotated[list[str], Meta(max_length=100)]
Format = Literal["", "json"] | dict[str, Any]
KeepAlive = int | float | str


class OllamaFunction(msgspec.Struct):
    """The function of a call. Its arguments are an object, unlike those of a chat completion."""

    name: Annotated[str, Meta(min_length=1)]
    arguments: dict[str, Any] | None = None


class OllamaCall(msgspec.Struct):
    """A call of a tool."""

    function: OllamaFunction
    id: str | None = None


class OllamaMessage(msgspec.Struct):
    """A message of a conversation."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    thinking: str | None = None
    images: Pictures | None = None
    tool_calls: list[OllamaCall] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class OllamaOptions(msgspec.Struct):
    """The options that mean something in a chat completion."""

    num_predict: Annotated[int, Meta(ge=-2, le=MOST)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=100)] | None = None
    top_k: Annotated[int, Meta(ge=-1, le=MOST)] | None = None
    top_p: Unit | None = None
    min_p: Unit | None = None
    seed: Seed | None = None
    stop: Stop | Annotated[list[Stop], Meta(max_length=128)] | None = None
    repeat_penalty: Repetition | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    typical_p: float | None = None
    repeat_last_n: int | None = None
    mirostat: int | None = None
    mirostat_tau: float | None = None
    mirostat_eta: float | None = None
    logit_bias: dict[str, Bias] | None = None


class OllamaRequest(msgspec.Struct, kw_only=True):
    """What requests for answers share."""

    model: Name
    stream: bool | None = None
    """True if it is left out."""
    format: Format | None = None
    options: dict[str, Any] | None = None
    keep_alive: KeepAlive | None = None
    think: Think | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None


class OllamaChatRequest(OllamaRequest, kw_only=True):
    """Body of `POST /api/chat`. Without messages it only loads the model."""

    messages: list[OllamaMessage] | None = None
    tools: list[dict[str, Any]] | None = None


class OllamaGenerateRequest(OllamaRequest, kw_only=True):
    """Body of `POST /api/generate`. Without a prompt it only loads the model."""

    prompt: str | None = None
    suffix: str | None = None
    system: str | None = None
    images: Pictures | None = None
    raw: bool | None = None


class OllamaEmbedRequest(msgspec.Struct, kw_only=True):
    """Body of `POST /api/embed`."""

    model: Name
    input: str | list[str]
    truncate: bool | None = None
    dimensions: Annotated[int, Meta(ge=1, le=MOST)] | None = None
    options: dict[str, Any] | None = None
    keep_alive: KeepAlive | None = None


class OllamaEmbeddingsRequest(msgspec.Struct, kw_only=True):
    """Body of `POST /api/embeddings`, the older form of `/api/embed`."""

    model: Name
    prompt: str | None = None
    options: dict[str, Any] | None = None
    keep_alive: KeepAlive | None = None


class OllamaModelRequest(msgspec.Struct, kw_only=True):
    """Body of `DELETE /api/delete`."""

    model: Name | None = None
    name: Name | None = None
    """The older name of `model`."""


class OllamaShowRequest(OllamaModelRequest, kw_only=True):
    """Body of `POST /api/show`."""

    verbose: bool | None = None


class OllamaPullRequest(OllamaModelRequest, kw_only=True):
    """Body of `POST /api/pull` and `POST /api/push`."""

    stream: bool | None = None
    """True if it is left out."""
    insecure: bool | None = None


class OllamaProgress(msgspec.Struct, omit_defaults=True):
    """A line of `POST /api/pull`."""

    status: str
    digest: str | None = None
    total: int | None = None
    completed: int | None = None


class OllamaCounts(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What the last line of an answer tells. Durations are in nanoseconds."""

    done_reason: str | None = None
    total_duration: int | None = None
    load_duration: int | None = None
    prompt_eval_count: int | None = None
    prompt_eval_duration: int | None = None
    eval_count: int | None = None
    eval_duration: int | None = None


class OllamaReplyMessage(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The message of an answer, or a piece of it."""

    role: str
    content: str
    thinking: str | None = None
    tool_calls: list[OllamaCall] | None = None


class OllamaChatReply(OllamaCounts, omit_defaults=True, kw_only=True):
    """Answer of `POST /api/chat`, and a line of its stream."""

    model: str
    created_at: str
    message: OllamaReplyMessage
    done: bool
    logprobs: list[Any] | None = None


class OllamaGenerateReply(OllamaCounts, omit_defaults=True, kw_only=True):
    """Answer of `POST /api/generate`, and a line of its stream."""

    model: str
    created_at: str
    response: str
    done: bool
    thinking: str | None = None
    tool_calls: list[OllamaCall] | None = None
    logprobs: list[Any] | None = None


class OllamaEmbeddings(msgspec.Struct, kw_only=True):
    """Answer of `POST /api/embed`."""

    model: str
    embeddings: list[list[float]]
    total_duration: int
    load_duration: int
    prompt_eval_count: int


class OllamaEmbedding(msgspec.Struct):
    """Answer of `POST /api/embeddings`."""

    embedding: list[float]


class OllamaDetails(msgspec.Struct, kw_only=True):
    """What a model is."""

    parent_model: str = ""
    format: str
    family: str
    families: list[str]
    parameter_size: str
    quantization_level: str


class OllamaModel(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A model in a list."""

    name: str
    model: str
    modified_at: str | None = None
    size: int
    digest: str
    details: OllamaDetails
    expires_at: str | None = None
    size_vram: int | None = None
    context_length: int | None = None


class OllamaModels(msgspec.Struct):
    """Answer of `GET /api/tags` and `GET /api/ps`."""

    models: list[OllamaModel]


class OllamaDescription(msgspec.Struct, kw_only=True):
    """Answer of `POST /api/show`."""

    license: str
    modelfile: str
    parameters: str
    template: str
    system: str = ""
    messages: list[dict[str, Any]] = []
    details: OllamaDetails
    model_info: dict[str, Any]
    capabilities: list[str]
    modified_at: str


class OllamaVersion(msgspec.Struct):
    """Answer of `GET /api/version`."""

    version: str


class OllamaFailure(msgspec.Struct):
    """Body of an answer that is an error, and the last line of a stream that failed."""

    error: str
