"""Bodies of `/v1/score`, `/v2/rerank`, `/pooling` and `/v1/moderations`, made from models' rankings, vectors and classes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from modelyard.protocol.extensions import OrAll, Positive, TokenId
from modelyard.protocol.inference import Name

Texts = str | Annotated[list[str], Meta(min_length=1, max_length=10_000)]


class ScoreRequest(msgspec.Struct, kw_only=True):
    """Body of `POST /v1/score`: one text and some others, or two lists of equal length. vLLM's newer names are accepted too."""

    model: Name
    text_1: Texts | UnsetType = UNSET
    text_2: Texts | UnsetType = UNSET
    queries: Texts | UnsetType = UNSET
    documents: Texts | UnsetType = UNSET
    items: Texts | UnsetType = UNSET
    truncate_prompt_tokens: OrAll | None | UnsetType = UNSET


class PairScore(msgspec.Struct, kw_only=True):
    """The score of one pair of texts."""

    index: int
    score: float
    object: Literal["score"] = "score"


class ScoreReply(msgspec.Struct, kw_only=True):
    """Answer of `POST /v1/score`."""

    id: str
    created: int
    model: str
    data: list[PairScore]
    usage: dict[str, int]
    object: Literal["list"] = "list"


class CohereRerankRequest(msgspec.Struct, kw_only=True):
    """Body of Cohere's `POST /v2/rerank`. Documents are texts, or objects whose `text` or `rank_fields` are read."""

    model: Name
    query: Annotated[str, Meta(min_length=1)]
    documents: Annotated[list[str | dict[str, Any]], Meta(min_length=1, max_length=10_000)]
    top_n: Positive | None | UnsetType = UNSET
    rank_fields: list[str] | None | UnsetType = UNSET
    return_documents: bool | None | UnsetType = UNSET
    max_tokens_per_doc: Positive | None | UnsetType = UNSET
    priority: int | None | UnsetType = UNSET


class CohereRank(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The index of a document in the request, and its score."""

    index: int
    relevance_score: float
    """Higher is better."""
    document: dict[str, Any] | None = None
    """The document, if the request has `return_documents`."""


class CohereRerankReply(msgspec.Struct, kw_only=True):
    """Answer of `POST /v2/rerank`, best first."""

    id: str
    results: list[CohereRank]
    meta: dict[str, Any]


class PoolingRequest(msgspec.Struct, kw_only=True):
    """Body of `POST /pooling`: texts whose vectors are returned, or with a classifier the probabilities of its labels."""

    model: Name
    input: str | list[str | TokenId | list[TokenId]]
    task: str | None | UnsetType = UNSET
    encoding_format: Literal["float", "base64"] | None | UnsetType = UNSET
    dimensions: Positive | None | UnsetType = UNSET
    truncate_prompt_tokens: OrAll | None | UnsetType = UNSET


class PooledText(msgspec.Struct, kw_only=True):
    """The result for one text: numbers, or the bytes of a vector in base64."""

    index: int
    data: list[float] | str
    object: Literal["pooling"] = "pooling"


class PoolingReply(msgspec.Struct, kw_only=True):
    """Answer of `POST /pooling`."""

    id: str
    created: int
    model: str
    data: list[PooledText]
    usage: dict[str, Any] | None
    object: Literal["list"] = "list"


class ModerationRequest(msgspec.Struct, kw_only=True):
    """Body of `POST /v1/moderations`. `input` is a text, a list of texts, or the parts of one input, which must be texts."""

    input: str | Annotated[list[str | dict[str, Any]], Meta(min_length=1, max_length=2048)]
    model: Name | None | UnsetType = UNSET
    """Uid of a classifier; if left out, the classifier that runs."""


class Moderation(msgspec.Struct, kw_only=True):
    """The result of a classifier for one input. The categories are the model's labels."""

    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, float]
    category_applied_input_types: dict[str, list[str]]


class ModerationReply(msgspec.Struct, kw_only=True):
    """Answer of `POST /v1/moderations`."""

    id: str
    model: str
    results: list[Moderation]
