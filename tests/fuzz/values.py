"""Values and JSON bodies for made-up requests: valid ones from a route's schema, and mutations of them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

REAL: dict[str, tuple[str, ...]] = {
    "uid": ("subject", "gone"),
    "model": ("subject", "kb:base", "gone"),
    "model_uid": ("subject", "made"),
    "model_name": ("modelyard-demo", "qwen2.5-instruct", "bge-m3", "made"),
    "name": ("base", "modelyard-demo", "qwen2.5-instruct"),
    "base": ("base", "gone"),
    "knowledge_base_name": ("base", "gone"),
    "kb_name": ("base", "gone"),
    "document": ("1", "2"),
    "chunk": ("1", "2"),
    "type": ("LLM", "embedding", "rerank"),
    "model_type": ("LLM", "embedding", "rerank"),
    "replica_id": ("0", "1"),
    "model_engine": ("fake", "llama.cpp"),
    "url": ("http://127.0.0.1:9/",),
}
"""Names of parameters and fields → values that mean something to the server, or did a moment ago."""

STRINGS = (
    *("", " ", "\0", "a\0b", "\ud800", "x\udfffy", "\ufeff", "\u202e", "ÿ", "😀" * 50, "名字", "a" * 300, "a" * 20_000),
    *("../../etc/passwd", "/etc/shadow", "..%2f..%2fetc", "file:///etc/passwd", "C:\\x", "NaN", "null", "-1", "1e999"),
    *(
        "{{ 7 * 7 }}",
        "{% for a in range(9) %}x{% endfor %}",
        "' OR 1=1 --",
        "%s%n",
        "\r\nX-Injected: 1",
        "kb:",
        "kb:kb:base",
    ),
    *("2026-13-45T99:99:99Z", "9" * 400, "AAAA====", "data:image/png;base64,AAAA", "[::1", "http://[", "*", "?", "#"),
)
NUMBERS = (
    0,
    -1,
    1,
    2**31,
    2**53 + 1,
    2**63,
    -(2**63) - 1,
    10**30,
    10**400,
    0.5,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
)
KEPT = frozenset({"subject", "base"})
"""What the run itself needs; no request may delete it."""


def nasty(chance: random.Random) -> Any:
    """A value that few handlers expect."""
    kind = chance.randrange(10)
    if kind < 5:
        return chance.choice(STRINGS)
    if kind < 7:
        return chance.choice(NUMBERS)
    deep: Any = "x"
    for _ in range(chance.choice((5, 100, 400))):
        deep = [deep] if chance.random() < 0.5 else {"a": deep}
    return chance.choice((None, True, False, [], {}, [None], {"": None}, [[]] * 200, list(range(500)), deep))


class Schemas:
    """Values for the schemas of one OpenAPI document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._named = document.get("components", {}).get("schemas", {})

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema that a reference names."""
        while "$ref" in schema:
            schema = self._named[schema["$ref"].rsplit("/", 1)[-1]]
        return schema

    def value(self, schema: dict[str, Any], chance: random.Random, name: str = "", depth: int = 0) -> Any:
        """A value that mostly fits a schema; a field whose name is known gets something that exists."""
        schema = self.resolved(schema)
        for several in ("anyOf", "oneOf", "allOf"):
            if schema.get(several):
                return self.value(chance.choice(schema[several]), chance, name, depth + 1)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return chance.choice(schema["enum"])
        kind = schema.get("type")
        if name in REAL and kind in (None, "string"):
            return chance.choice(REAL[name])
        if kind == "object" or "properties" in schema:
            return self._object(schema, chance, depth)
        if kind == "array":
            count = 0 if depth > 5 else chance.choice((1, 1, 2, 5))
            return [self.value(schema.get("items", {}), chance, name, depth + 1) for _ in range(count)]
        plain = {"integer": (0, 1, 5, 100), "number": (0, 0.5, 1.5), "boolean": (True, False), "null": (None,)}
        return chance.choice(plain.get(str(kind), ("text", "base", "1", "a longer text about models")))

    def _object(self, schema: dict[str, Any], chance: random.Random, depth: int) -> dict[str, Any]:
        required = schema.get("required", ())
        return {
            name: self.value(each, chance, name, depth + 1)
            for name, each in schema.get("properties", {}).items()
            if name in required or (depth < 5 and chance.random() < 0.4)
        }


def mutated(value: Any, chance: random.Random, times: int) -> Any:
    """A copy with values at random places replaced, removed or doubled."""
    copied = json.loads(json.dumps(value))
    for _ in range(times):
        places = list(_places(copied))
        if not places:
            return nasty(chance)
        holder, key = chance.choice(places)
        action = chance.randrange(6)
        if action == 0:
            del holder[key]
        elif action == 1 and isinstance(holder, dict):
            holder[chance.choice(STRINGS)] = nasty(chance)
        elif action == 2 and isinstance(holder, list):
            holder.extend([holder[key]] * chance.choice((1, 50)))
        else:
            holder[key] = nasty(chance)
    return copied


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each container below a value, with each of its keys."""
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        pairs = holder.items() if isinstance(holder, dict) else enumerate(holder) if isinstance(holder, list) else ()
        for key, below in list(pairs):
            yield holder, key
            if isinstance(below, dict | list):
                waiting.append(below)


def body_bytes(value: Any, chance: random.Random) -> bytes:
    """A value as JSON; one in five is damaged afterwards."""
    text = json.dumps(value)
    if chance.random() > 0.2:
        return text.encode()
    content = text.encode()
    damages = (
        lambda: content[: chance.randrange(len(content) + 1)],
        lambda: content.replace(b"{", b'{"model": 1, "model": "subject", "name": [], ', 1),
        lambda: b"[" * 3000 + content,
        lambda: b'{"a":' * 3000 + content + b"}" * 3000,
        lambda: b"\xef\xbb\xbf" + content,
        lambda: text.encode("utf-16"),
        lambda: content + b"\0" + content,
        lambda: content.replace(b'"', b"\xff", 1),
        lambda: b"1" * 5000,
        lambda: bytes(chance.randrange(256) for _ in range(200)),
    )
    return bytes(chance.choice(damages)())
