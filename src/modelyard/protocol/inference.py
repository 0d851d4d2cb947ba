"""Bodies of inference requests: the fields by which the gateway routes and which it checks. Unknown fields pass to the engine.

These structs decode requests only, on the hot path. Answers are relayed as the engine's bytes and are never decoded into them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from modelyard.protocol.extensions import Choices, Count, OrAll, Positive, Seed, SwiftFields, TokenId

Unit = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Repetition = Annotated[float, Meta(ge=1e-6, le=1000)]
Bias = Annotated[float, Meta(ge=-100, le=100)]
TokenKey = Annotated[str, Meta(pattern="^[0-9]{1,10}$")]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Name = Annotated[str, Meta(min_length=1, max_length=500)]
Stop = Annotated[str, Meta(min_length=1, max_length=4096)]


class RequestMessage(msgspec.Struct):
    """One message of a conversation; `protocol/messages.py` checks its content."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    """A newer name of `reasoning_content`."""
    function_call: dict[str, Any] | None = None


class StreamOptions(msgspec.Struct):
    """Options of a streamed answer."""

    include_usage: bool | None | UnsetType = UNSET
    continuous_usage_stats: bool | None | UnsetType = UNSET
    """Whether each chunk has the usage so far; vLLM and transformers support it."""
    include_obfuscation: bool | None | UnsetType = UNSET


class Sampling(SwiftFields, kw_only=True):
    """Fields that chat and completion requests share."""

    model: Name
    stream: bool | None | UnsetType = UNSET
    stream_options: StreamOptions | None | UnsetType = UNSET
    max_tokens: OrAll | None | UnsetType = UNSET
    temperature: Annotated[float, Meta(ge=0, le=100)] | None | UnsetType = UNSET
    top_p: Unit | None | UnsetType = UNSET
    top_k: OrAll | None | UnsetType = UNSET
    min_p: Unit | None | UnsetType = UNSET
    n: Choices | None | UnsetType = UNSET
    stop: Stop | Annotated[list[Stop], Meta(max_length=128)] | None | UnsetType = UNSET
    seed: Seed | None | UnsetType = UNSET
    presence_penalty: Penalty | None | UnsetType = UNSET
    frequency_penalty: Penalty | None | UnsetType = UNSET
    repetition_penalty: Repetition | None | UnsetType = UNSET
    logit_bias: dict[TokenKey, Bias] | None | UnsetType = UNSET
    response_format: dict[str, Any] | None | UnsetType = UNSET
    request_id: Annotated[str, Meta(max_length=200)] | None | UnsetType = UNSET
    """An id with which another request can abort this one."""


class Knowledge(msgspec.Struct, kw_only=True):
    """The field `knowledge` of a chat request: the answer is taken from these knowledge bases and cites them."""

    bases: Annotated[list[Name], Meta(min_length=1, max_length=20)]
    """Names of the knowledge bases to search."""
    top_k: Annotated[int, Meta(ge=1, le=50)] = 5
    """Maximum number of sources that the model reads."""
    mode: Literal["hybrid", "lexical", "vector"] = "hybrid"
    filter: dict[str, Any] = {}
    """Conditions on documents, as in a search."""
    rerank: bool | None = None
    """Whether the rerank model ranks the hits; null to use it if the base has one."""
    min_score: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Hits with a lower score are left out."""


class OpenAiChatFields(Sampling, kw_only=True):
    """Fields of OpenAI's chat requests that no engine here supports, and deprecated ones."""

    audio: dict[str, Any] | None | UnsetType = UNSET
    function_call: str | dict[str, Any] | None | UnsetType = UNSET
    functions: list[dict[str, Any]] | None | UnsetType = UNSET
    modalities: list[str] | None | UnsetType = UNSET
    moderation: dict[str, Any] | None | UnsetType = UNSET
    prediction: dict[str, Any] | None | UnsetType = UNSET
    verbosity: str | None | UnsetType = UNSET
    web_search_options: dict[str, Any] | None | UnsetType = UNSET


class VllmChatFields(OpenAiChatFields, kw_only=True):
    """Fields that vLLM adds to chat requests but not to completion requests."""

    add_generation_prompt: bool | None | UnsetType = UNSET
    chat_template: str | None | UnsetType = UNSET
    continue_final_message: bool | None | UnsetType = UNSET
    documents: list[dict[str, Any]] | None | UnsetType = UNSET
    echo: bool | None | UnsetType = UNSET
    include_reasoning: bool | None | UnsetType = UNSET
    media_io_kwargs: dict[str, dict[str, Any]] | None | UnsetType = UNSET
    mm_processor_kwargs: dict[str, Any] | None | UnsetType = UNSET
    return_prompt_text: bool | None | UnsetType = UNSET


class ChatRequest(VllmChatFields, kw_only=True):
    """Body of `POST /v1/chat/completions`."""

    messages: Annotated[list[RequestMessage], Meta(min_length=1)]
    max_completion_tokens: OrAll | None | UnsetType = UNSET
    logprobs: bool | None | UnsetType = UNSET
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None | UnsetType = UNSET
    tools: list[dict[str, Any]] | None | UnsetType = UNSET
    tool_choice: str | dict[str, Any] | None | UnsetType = UNSET
    parallel_tool_calls: bool | None | UnsetType = UNSET
    reasoning_effort: Effort | None | UnsetType = UNSET
    enable_thinking: bool | None | UnsetType = UNSET
    chat_template_kwargs: dict[str, Any] | None | UnsetType = UNSET
    knowledge: Knowledge | None | UnsetType = UNSET


class CompletionRequest(Sampling, kw_only=True):
    """Body of `POST /v1/completions`. `prompt` is a text, a list of texts, or token ids."""

    prompt: str | list[str | TokenId | list[TokenId]]
    suffix: str | None | UnsetType = UNSET
    echo: bool | None | UnsetType = UNSET
    best_of: Choices | None | UnsetType = UNSET
    logprobs: Count | bool | None | UnsetType = UNSET


class EmbeddingRequest(msgspec.Struct, kw_only=True):
    """Body of `POST /v1/embeddings`. `input` is a text, a list of texts, or token ids."""

    model: Name
    input: str | list[str | TokenId | list[TokenId]]
    encoding_format: Literal["float", "base64"] | None | UnsetType = UNSET
    dimensions: Positive | None | UnsetType = UNSET
    user: str | None | UnsetType = UNSET
    truncate_prompt_tokens: OrAll | None | UnsetType = UNSET
    prompt_name: Annotated[str, Meta(max_length=200)] | None | UnsetType = UNSET
    input_type: Literal["query", "document"] | None | UnsetType = UNSET


class RerankRequest(msgspec.Struct, kw_only=True):
    """Body of `POST /v1/rerank`."""

    model: Name
    query: str
    documents: list[str | dict[str, Any]]
    top_n: Positive | None | UnsetType = UNSET
    max_chunks_per_doc: Positive | None | UnsetType = UNSET
    return_documents: bool | None | UnsetType = UNSET
    return_len: bool | None | UnsetType = UNSET
    truncate_prompt_tokens: OrAll | None | UnsetType = UNSET


class TokenIdsRequest(msgspec.Struct, kw_only=True):
    """Body of `POST /v1/convert_ids_to_tokens`. `input` is a token id or lists of them; ids may be written as strings."""

    model: Name
    input: int | str | list[int | str | list[int | str]]


class ImageRequest(msgspec.Struct, kw_only=True):
    """Body of `POST /v1/images/generations`."""

    model: Name
    prompt: str
    n: Positive | None | UnsetType = UNSET
    size: str | None | UnsetType = UNSET
    response_format: Literal["url", "b64_json"] | None | UnsetType = UNSET
    user: str | None | UnsetType = UNSET


class SpeechRequest(msgspec.Struct, kw_only=True):
    """Body of `POST /v1/audio/speech`."""

    model: Name
    input: str
    voice: str | dict[str, Any] | None | UnsetType = UNSET
    response_format: str | None | UnsetType = UNSET
    speed: float | None | UnsetType = UNSET
    stream: bool | None | UnsetType = UNSET


class VideoRequest(msgspec.Struct, kw_only=True):
    """Body of `POST /v1/video/generations`."""

    model: Name
    prompt: str
    n: Positive | None | UnsetType = UNSET


class FormRequest(msgspec.Struct, kw_only=True):
    """A multipart form with a `model`, usually a file, and further fields that pass to the engine."""

    model: Name
