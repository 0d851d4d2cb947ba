"""The fake engine's tokens, which are characters, and its classes of texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from modelyard.engines.fake import FakeOptions

CONTEXT = 4096
LABELS = ("neutral", "insult", "threat")
"""The labels of the fake classifier: a text has one if the word stands in it."""


def tokenize(body: Mapping[str, Any], options: FakeOptions, uid: str) -> object:
    """`/tokenize`: a token for each character; a conversation as lines of role and text."""
    text = body.get("prompt")
    if text is None:
        text = "".join(f"{each['role']}: {_text(each.get('content'))}\n" for each in body["messages"])
    tokens = [ord(character) for character in text]
    strings = list(text) if body.get("return_token_strs") else None
    return {"count": len(tokens), "max_model_len": CONTEXT, "tokens": tokens, "token_strs": strings}


def detokenize(body: Mapping[str, Any], options: FakeOptions, uid: str) -> object:
    """`/detokenize`: the characters of tokens."""
    return {"prompt": "".join(map(chr, body["tokens"]))}


def classify(body: Mapping[str, Any], options: FakeOptions, uid: str) -> object:
    """`/classify`: the labels whose words stand in a text, else the first one."""
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    data = []
    for index, text in enumerate(texts):
        found = [label for label in LABELS[1:] if label in text] or [LABELS[0]]
        probs = [0.9 / len(found) if label in found else 0.1 / (len(LABELS) - len(found)) for label in LABELS]
        row = {"index": index, "label": found[0], "probs": probs, "num_classes": len(LABELS)}
        data.append({**row, "scores": dict(zip(LABELS, probs, strict=True))})
    tokens = sum(map(len, texts))
    return {"object": "list", "model": uid, "data": data, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}


def _text(content: object) -> str:
    return content if isinstance(content, str) else json.dumps(content)
