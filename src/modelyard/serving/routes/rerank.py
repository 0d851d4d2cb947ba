"""`POST /v1/rerank`, in the shape of Cohere, Jina and Xinference."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from modelyard.core.errors import InvalidParameter
from modelyard.protocol.inference import RerankRequest
from modelyard.serving.app import Request
from modelyard.serving.encoding import Encoding


class Asked(RerankRequest, kw_only=True):
    """The request, and what engines add to it."""

    truncate_prompt_tokens: int | None = None
    """Cut each pair of query and document to so many tokens; -1 is the model's own limit."""


async def rerank(request: Request, model: Encoding) -> bytes:
    asked = request.read(Asked)
    documents = _documents(asked)
    keep = model.keep(asked.truncate_prompt_tokens)
    with model.room(len(documents)):
        pairs = await model.read(len(documents), _reader(asked.query, documents, model, keep), "documents")
        scores = await model.compute(pairs)
    return _answer(asked, documents, [float(score) for score in scores], sum(pair.size for pair in pairs))


def _documents(asked: Asked) -> list[str]:
    if not asked.query:
        raise InvalidParameter("query", "is empty.")
    if not asked.documents:
        raise InvalidParameter("documents", "is empty: give at least one.")
    return [_text(document, index) for index, document in enumerate(asked.documents)]


def _text(document: str | dict[str, Any], index: int) -> str:
    """A document's text: Cohere's clients send `{"text": …}`, and name other fields as they like."""
    if isinstance(document, str):
        return document
    if isinstance(document.get("text"), str):
        return str(document["text"])
    raise InvalidParameter(f"documents[{index}]", "a document must be a text, or an object with a field 'text'.")


def _reader(query: str, documents: list[str], model: Encoding, keep: int) -> Callable[[int, int], list[Any]]:
    def read(start: int, end: int) -> list[Any]:
        return model.encoder.read_pairs(query, documents[start:end], keep)

    return read


def _answer(asked: Asked, documents: list[str], scores: list[float], tokens: int) -> bytes:
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    top = asked.top_n if isinstance(asked.top_n, int) else None
    shown = asked.return_documents is True
    results = [
        {
            "index": index,
            "relevance_score": scores[index],
            "document": {"text": documents[index]} if shown else None,
        }
        for index in order[:top]
    ]
    counted = {"input_tokens": tokens, "output_tokens": 0}
    meta = {"api_version": None, "billed_units": None, "tokens": counted, "warnings": None}
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return msgspec.json.encode(
        {"id": str(uuid.uuid4()), "model": asked.model, "results": results, "meta": meta, "usage": usage}
    )
