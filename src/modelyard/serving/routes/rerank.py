"""`POST /v1/rerank`, in the format of Cohere, Jina and Xinference."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from modelyard.core.errors import InvalidParameter
from modelyard.protocol.inference import RerankRequest
from modelyard.serving.app import ReplicaRequest
from modelyard.serving.encoding import Encoding


class RerankBody(RerankRequest, kw_only=True):
    """The request with the field that engines add."""

    truncate_prompt_tokens: int | None = None
    """Tokens to cut each pair of query and document to; -1 is the model's own limit."""


async def rerank(request: ReplicaRequest, model: Encoding) -> bytes:
    body = request.read(RerankBody)
    if len(model.encoder.labels) > 1:
        raise InvalidParameter(
            "model", f"it is a classifier with {len(model.encoder.labels)} labels; one that ranks has one."
        )
    documents = _documents(body)
    keep = model.keep(body.truncate_prompt_tokens)
    with model.room(len(documents)):
        pairs = await model.read(len(documents), _reader(body.query, documents, model, keep), "documents")
        scores = await model.compute(pairs)
    return _answer(body, documents, [float(score) for score in scores], sum(pair.size for pair in pairs))


def _documents(body: RerankBody) -> list[str]:
    if not body.query:
        raise InvalidParameter("query", "it is empty.")
    if not body.documents:
        raise InvalidParameter("documents", "it is empty: give at least one.")
    return [_text(document, index) for index, document in enumerate(body.documents)]


def _text(document: str | dict[str, Any], index: int) -> str:
    """The text of a document: a string, or an object with `text`, which Cohere's clients send."""
    if isinstance(document, str):
        return document
    if isinstance(document.get("text"), str):
        return str(document["text"])
    raise InvalidParameter(f"documents[{index}]", "a document must be a text, or an object with a field 'text'.")


def _reader(query: str, documents: list[str], model: Encoding, keep: int) -> Callable[[int, int], list[Any]]:
    def read(start: int, end: int) -> list[Any]:
        return model.encoder.read_pairs(query, documents[start:end], keep)

    return read


def _answer(body: RerankBody, documents: list[str], scores: list[float], tokens: int) -> bytes:
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    top = body.top_n if isinstance(body.top_n, int) else None
    with_documents = body.return_documents is True
    results = [
        {
            "index": index,
            "relevance_score": scores[index],
            "document": {"text": documents[index]} if with_documents else None,
        }
        for index in order[:top]
    ]
    billed = {"input_tokens": tokens, "output_tokens": 0}
    meta = {"api_version": None, "billed_units": None, "tokens": billed, "warnings": None}
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return msgspec.json.encode(
        {"id": str(uuid.uuid4()), "model": body.model, "results": results, "meta": meta, "usage": usage}
    )
