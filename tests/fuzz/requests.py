"""Made-up requests as bytes. The same seed and number make the same request, so that what is found can be sent again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.fuzz.values import KEPT, REAL, STRINGS, Schemas, body_bytes, mutated, nasty

LEFT_OUT = frozenset({("DELETE", "/v1/clusters"), ("GET", "/v1/events")})
"""The first ends the server; the second is a stream without an end."""
LOCKS_OUT = frozenset({("POST", "/v1/admin/keys"), ("POST", "/v1/admin/users")})
"""Makes the first key, after which requests without one are refused."""
DELETES = ("delete", "cancel", "stop", "release", "unload", "abort")
JSON, FORM, MULTIPART = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"
TYPES = ("text/plain", "application/xml", "", "application/json; charset=utf-16", "multipart/form-data", FORM, JSON)
BOUNDARY = "cut"


@dataclass(frozen=True, slots=True)
class Made:
    """One request."""

    number: int
    route: str
    """The method and path of the OpenAPI document, or the kind of raw bytes."""
    content: bytes
    whole: bool
    """Whether it is a complete request, which must be answered."""


class Maker:
    """Makes the requests of one run, from the OpenAPI document of the server."""

    def __init__(self, document: dict[str, Any], seed: int, key: str | None) -> None:
        self._schemas = Schemas(document)
        self._seed, self._key = seed, key
        left_out = LEFT_OUT if key else LEFT_OUT | LOCKS_OUT
        self._operations = [
            (method.upper(), path, operation)
            for path, methods in sorted(document["paths"].items())
            for method, operation in sorted(methods.items())
            if (method.upper(), path) not in left_out
        ]

    def request(self, number: int) -> Made:
        """The request with a number."""
        chance = random.Random(f"{self._seed}:{number}")
        if chance.random() < 0.25:
            return self._raw(number, chance)
        method, path, operation = self._operations[chance.randrange(len(self._operations))]
        parameters = operation.get("parameters", [])
        target = self._path(method, path, parameters, chance) + self._query(parameters, chance)
        kind, body = self._body(method, path, operation, chance)
        headers = [("Host", "127.0.0.1"), ("Connection", "close"), *self._authorization(chance)]
        if body is not None:
            headers += [("Content-Type", kind), ("Content-Length", str(len(body)))]
        return Made(number, f"{method} {path}", head(method, target, headers) + (body or b""), True)

    def _authorization(self, chance: random.Random) -> list[tuple[str, str]]:
        if self._key is None or chance.random() < 0.1:
            return []
        wrong = chance.choice(("Bearer ", "Basic AAAA", "Bearer sk-\xff", "Bearer " + "a" * 3000, "\t"))
        return [("Authorization", wrong if chance.random() < 0.1 else f"Bearer {self._key}")]

    def _path(self, method: str, path: str, parameters: list[Any], chance: random.Random) -> str:
        deletes = method == "DELETE" or any(word in path for word in DELETES)
        for each in parameters:
            if each["in"] != "path":
                continue
            name = each["name"]
            known = REAL.get(name, ("1", "x"))
            value = chance.choice(known) if chance.random() < 0.7 else str(nasty(chance))[:2000]
            value = "gone" if deletes and value in KEPT else value
            escaped = quote(value.encode("utf-8", "surrogatepass"), safe="/" if chance.random() < 0.1 else "")
            path = path.replace("{" + name + "}", escaped).replace("{" + name + ":path}", escaped)
        return path

    def _query(self, parameters: list[Any], chance: random.Random) -> str:
        words = []
        for each in parameters:
            if each["name"] == "follow":  # an answer that has no end while the model runs
                continue
            if each["in"] == "query" and (each.get("required") or chance.random() < 0.4):
                fits = chance.random() < 0.6
                value = self._schemas.value(each.get("schema", {}), chance, each["name"]) if fits else nasty(chance)
                words.append(f"{each['name']}={quote(str(value)[:2000].encode('utf-8', 'surrogatepass'), safe='')}")
        if chance.random() < 0.05:
            words.append(chance.choice(("%", "%zz=%", "=&=&=", "a[]=1", "\xff=1", "&" * 500)))
        return "?" + "&".join(words) if words else ""

    def _body(self, method: str, path: str, operation: Any, chance: random.Random) -> tuple[str, bytes | None]:
        offered = operation.get("requestBody", {}).get("content", {})
        if not offered:
            return "", None if chance.random() < 0.9 else b"{}"
        kind = chance.choice(sorted(offered))
        value = self._schemas.value(offered[kind].get("schema", {}), chance)
        value = mutated(value, chance, chance.choice((0, 1, 1, 2, 4)))
        if method == "DELETE" or any(word in path for word in DELETES):
            value = without_kept(value)
        if kind == MULTIPART:
            return f"{MULTIPART}; boundary={BOUNDARY}", multipart(value, chance)
        if kind == FORM and isinstance(value, dict):
            pairs = (f"{quote(_text(name))}={quote(_text(each))}" for name, each in value.items())
            return FORM, "&".join(pairs).encode()
        return JSON if chance.random() < 0.93 else chance.choice(TYPES), body_bytes(value, chance)

    def _raw(self, number: int, chance: random.Random) -> Made:
        from tests.fuzz import raw

        method, path, _ = self._operations[chance.randrange(len(self._operations))]
        for name, values in REAL.items():
            path = path.replace("{" + name + "}", values[-1])
        if method == "DELETE":
            method = "POST"
        name, content, whole = raw.made(method, path, self._authorization(chance), chance)
        return Made(number, f"raw {name}", content, whole)


def head(method: str, target: str, headers: list[tuple[str, str]]) -> bytes:
    """A request's head."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def multipart(value: Any, chance: random.Random) -> bytes:
    """Fields as parts, with files, and damaged one time in three."""
    fields = value if isinstance(value, dict) else {"files": value}
    parts = []
    for name, each in fields.items():
        files = each if isinstance(each, list) and name.startswith("file") else [each]
        for content in files[:20]:
            ending = chance.choice((".txt", ".pdf", ".docx", ".csv", ".eml", ".html", ".zip", "", "/../x.md"))
            file = f'; filename="{chance.choice((*STRINGS[:12], "a"))[:300]}{ending}"' if "file" in name else ""
            header = f'Content-Disposition: form-data; name="{name}"{file}\r\n'
            parts.append(f"--{BOUNDARY}\r\n".encode() + header.encode("utf-8", "replace") + b"\r\n" + _text(content))
    whole = b"\r\n".join([*parts, f"--{BOUNDARY}--\r\n".encode()])
    damages = (
        whole,
        whole,
        whole,
        whole[:-10],
        whole.replace(b"\r\n", b"\n"),
        whole.replace(b'name="', b'name="\0', 1),
    )
    return chance.choice(damages)


def without_kept(value: Any) -> Any:
    """A body that names nothing the run lives on."""
    if isinstance(value, dict):
        return {name: without_kept(each) for name, each in value.items()}
    if isinstance(value, list):
        return [without_kept(each) for each in value]
    return "gone" if value in ("subject", "base") else value


def _text(value: Any) -> bytes:
    return str(value).encode("utf-8", "surrogatepass")
