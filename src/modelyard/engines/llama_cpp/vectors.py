"""Embeddings and ranking with llama.cpp: shortened vectors, documents as objects, scores from 0 to 1. Pure."""

from __future__ import annotations

import base64
import math
import struct
import uuid
from typing import Any

import msgspec

from modelyard.engines.llama_cpp.plans import Body, RequestPlan, RequestRefused, whole_number


def plan_embedding(request: Body) -> RequestPlan:
    """Plan a request for vectors, shortened if the request says so."""
    _check_input(request.get("input", request.get("content")))
    width = request.pop("dimensions", None)
    if width is None:
        return RequestPlan(msgspec.json.encode(request), whole=True)
    if not whole_number(width, 1):
        raise RequestRefused("dimensions", "it must be a positive whole number.")
    packed = request.pop("encoding_format", None) == "base64"

    def rewrite(answer: Body) -> Body:
        for item in answer["data"]:
            vector = shortened(item["embedding"], width)
            item["embedding"] = base64.b64encode(struct.pack(f"<{width}f", *vector)).decode() if packed else vector
        return answer

    return RequestPlan(msgspec.json.encode(request), rewrite=rewrite)


def _check_input(given: Any) -> None:
    """Refuse empty input, for which llama.cpp would return vectors."""
    if given in ("", []):
        raise RequestRefused("input", "it must be a text or a list of them, and not an empty one.")
    if isinstance(given, list) and any(each in ("", []) for each in given):
        raise RequestRefused("input", "a text must have characters.")


def shortened(vector: list[float], width: int) -> list[float]:
    """The first `width` numbers, normalized, as models with Matryoshka training expect."""
    if width > len(vector):
        raise RequestRefused("dimensions", f"it is {width}, and this model's vectors have {len(vector)}.")
    part = vector[:width]
    norm = math.sqrt(sum(number * number for number in part)) or 1.0
    return [number / norm for number in part]


def plan_rerank(request: Body, logits: bool) -> RequestPlan:
    """Plan a rerank; `logits` means that the model's scores have to be converted to probabilities."""
    documents = request.get("documents")
    if not isinstance(documents, list) or not documents:
        raise RequestRefused("documents", "it must be a list of texts, and not an empty one.")
    if not isinstance(request.get("query"), str):
        raise RequestRefused("query", "it must be a text.")
    if not request["query"]:
        raise RequestRefused("query", "it must have characters.")
    top = request.get("top_n")
    if top is not None and not whole_number(top, 1):
        raise RequestRefused("top_n", "it must be a positive whole number.")
    if top is None:
        request.pop("top_n", None)
    texts = [_text(document) for document in documents]
    request["documents"] = texts
    with_documents = bool(request.pop("return_documents", False))

    def rewrite(answer: Body) -> Body:
        return ranking(answer, texts if with_documents else None, logits)

    return RequestPlan(msgspec.json.encode(request), rewrite=rewrite)


def _text(document: Any) -> Any:
    """The text of a document: a string, or an object with `text`, which Cohere's clients send."""
    text = document.get("text") if isinstance(document, dict) else document
    if isinstance(text, str):
        return text
    raise RequestRefused("documents", "a document must be a text, or an object with a field 'text'.")


def ranking(answer: Body, texts: list[str] | None, logits: bool) -> Body:
    """The answer in the format of Xinference, Cohere and Jina, with scores from 0 to 1."""
    used = answer.get("usage") or {}
    results = [
        {
            "index": result["index"],
            "relevance_score": sigmoid(result["relevance_score"]) if logits else result["relevance_score"],
            "document": None if texts is None else {"text": texts[result["index"]]},
        }
        for result in answer["results"]
    ]
    tokens = {"input_tokens": used.get("prompt_tokens", 0), "output_tokens": 0}
    meta = {"api_version": None, "billed_units": None, "tokens": tokens, "warnings": None}
    return {"id": str(uuid.uuid4()), "model": answer.get("model"), "results": results, "meta": meta, "usage": used}


def sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))
