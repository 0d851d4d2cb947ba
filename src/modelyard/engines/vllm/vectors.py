"""Embeddings and rankings of vLLM as on other engines: empty input is refused by name, rankings have one format. Pure."""

from __future__ import annotations

import json
from typing import Any

from modelyard.core.errors import InvalidParameter
from modelyard.engines.vllm.forms import decoded

NOTHING = "is empty: the model has nothing to read."


def check_texts(body: bytes) -> None:
    """Raise `InvalidParameter` if a request for vectors has no text, or an empty one."""
    given = decoded(body).get("input") if b'""' in body or b"[]" in body else None
    texts = given if isinstance(given, list) else [given]
    if given == []:
        raise InvalidParameter("input", "it is empty: give at least one text.")
    for index, text in enumerate(texts):
        if text in ("", []):
            raise InvalidParameter(f"input[{index}]", NOTHING)


def check_ranking(body: bytes) -> None:
    """Raise `InvalidParameter` if a rerank has no query or no documents."""
    request = decoded(body) if b'""' in body or b"[]" in body else {}
    if request.get("query") == "":
        raise InvalidParameter("query", "it is empty.")
    if request.get("documents") == []:
        raise InvalidParameter("documents", "it is empty: give at least one.")


def ranked(body: bytes, request: bytes) -> bytes:
    """A ranking in the format of Cohere and Xinference: documents if requested, and `meta`."""
    answer = decoded(body)
    with_documents = b'"return_documents"' in request and decoded(request).get("return_documents") is True
    try:
        results = [{**each, "document": _document(each) if with_documents else None} for each in answer["results"]]
        counted = {"input_tokens": answer["usage"]["prompt_tokens"], "output_tokens": 0}
    except (TypeError, KeyError):
        return body
    meta = {"api_version": None, "billed_units": None, "tokens": counted, "warnings": None}
    return json.dumps({**answer, "results": results, "meta": meta}, ensure_ascii=False).encode()


def classified(body: bytes, config: Any) -> bytes:
    """Classes with the name of each label beside its probability, and whether labels are independent, by config.json."""
    answer, names = decoded(body), getattr(config, "id2label", None) or {}
    several = getattr(config, "problem_type", None) == "multi_label_classification"
    try:
        data = [
            {
                **each,
                "scores": {str(names.get(place, place)): prob for place, prob in enumerate(each["probs"])},
                "multi_label": several or len(each["probs"]) == 1,
            }
            for each in answer["data"]
        ]
    except (TypeError, KeyError):
        return body
    return json.dumps({**answer, "data": data}, ensure_ascii=False).encode()


def _document(result: dict[str, Any]) -> dict[str, Any]:
    return {"text": result["document"]["text"]}
