"""Bytes that are no proper requests: heads, chunks and framing that a client would not send."""

from __future__ import annotations

import random
from collections.abc import Callable

Headers = list[tuple[str, str]]
BODY = b'{"model": "subject"}'


def made(method: str, path: str, headers: Headers, chance: random.Random) -> tuple[str, bytes, bool]:
    """The kind, the bytes, and whether they are a whole request."""
    kind = chance.choice(sorted(KINDS))
    first = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    first += "".join(f"{name}: {value}\r\n" for name, value in headers)
    content, whole = KINDS[kind](first.encode("latin-1", "replace"), chance)
    return kind, content, whole


def _method(first: bytes, chance: random.Random) -> tuple[bytes, bool]:
    names = (
        b"BREW",
        b"get",
        b"PATCH",
        b"TRACE",
        b"CONNECT",
        b"G\0T",
        b"",
        b"A" * 5000,
        b"OPTIONS",
        b"HEAD",
        b"PUT",
        b"DELETE",
    )
    rest = first.partition(b" ")[2].replace(b"/v1/clusters", b"/health")
    name = chance.choice(names)
    return (name + b" " + (rest if name != b"DELETE" else rest.replace(b" HTTP", b"/gone HTTP", 1)) + b"\r\n", False)


def _version(first: bytes, chance: random.Random) -> tuple[bytes, bool]:
    versions = (b"HTTP/0.9", b"HTTP/2.0", b"HTTP/9.9", b"HTTQ/1.1", b"", b"HTTP/1.0", b"HTTP/1.1 x")
    return first.replace(b"HTTP/1.1", chance.choice(versions), 1) + b"\r\n", False


def _target(first: bytes, chance: random.Random) -> tuple[bytes, bool]:
    targets = (
        *(
            b"/../../etc/passwd",
            b"//",
            b"/%00",
            b"/%",
            b"/%zz",
            b"/v1/models/%2e%2e",
            b"http://other.example/health",
            b"*",
        ),
        *(
            b"/" + b"a" * 9000,
            b"/v1/models/\xff\xfe",
            b"/v1/models/" + b"%ff" * 100,
            b"/v1/models/..;/",
            b"/?" + b"a=1&" * 2000,
        ),
        *(
            b"/v1//models",
            b"/v1/models/",
            b"/V1/MODELS",
            b"/docs/../openapi.json",
            b"/v1/knowledge_bases/%2F/documents",
        ),
    )
    lines = first.partition(b"\r\n")[2]
    return b"GET " + chance.choice(targets) + b" HTTP/1.1\r\n" + lines + b"\r\n", False


def _headers(first: bytes, chance: random.Random) -> tuple[bytes, bool]:
    lines = (
        *(
            b"no colon",
            b": empty",
            b"X-\0: 1",
            b"X: \0\x01",
            b" folded: 1",
            b"X-Long: " + b"a" * 70_000,
            b"X: \xff\xfe",
        ),
        *(b"Content-Length: -1", b"Content-Length: 99999999999999999999", b"Content-Length: 1\r\nContent-Length: 2"),
        *(
            b"Content-Length: abc",
            b"Content-Length: 3\r\nTransfer-Encoding: chunked",
            b"Transfer-Encoding: gzip, chunked",
        ),
        *(
            b"Host: a\r\nHost: b",
            b"Upgrade: websocket\r\nSec-WebSocket-Key: x",
            b"Upgrade: h2c\r\nHTTP2-Settings: AAAA",
        ),
        *(
            b"Expect: 100-continue",
            b"Expect: 500-error",
            b"Range: bytes=9-1",
            b"If-Modified-Since: never",
            b"Accept: ,;q=x",
        ),
        *(
            b"Content-Encoding: gzip",
            b"Cookie: " + b"a=b;" * 500,
            b"Origin: null",
            b"X-Forwarded-For: \xf0",
            b"TE: trailers",
        ),
        *(
            b"\r\n".join(b"X-%d: 1" % number for number in range(500)),
            b"X-Request-ID: \xff",
            b"traceparent: 00-zz-zz-zz",
        ),
    )
    return first + chance.choice(lines) + b"\r\n\r\n" + (BODY if chance.random() < 0.5 else b""), False


def _chunks(first: bytes, chance: random.Random) -> tuple[bytes, bool]:
    chunks = (
        *(
            b"zz\r\nabc\r\n0\r\n\r\n",
            b"-1\r\n\r\n",
            b"ffffffffffffffffff\r\nabc",
            b"5\r\nabc\r\n0\r\n\r\n",
            b"3;ext=\0\r\nabc\r\n0\r\n\r\n",
        ),
        *(
            b"14\r\n" + BODY + b"\r\n0\r\nTrailer: \xff\r\n\r\n",
            b"1\r\n{\r\n" * 500 + b"0\r\n\r\n",
            b"0\r\n",
            b"\r\n\r\n",
            b"3\nabc\n0\n\n",
        ),
        *(
            b"14\r\n" + BODY + b"\r\n0\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n",
            b"0x14\r\n" + BODY + b"\r\n0\r\n\r\n",
        ),
    )
    return first + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + chance.choice(
        chunks
    ), False


def _framing(first: bytes, chance: random.Random) -> tuple[bytes, bool]:
    length = chance.choice((0, 1, len(BODY) - 1, len(BODY) + 50))
    kind = chance.choice(
        (b"application/json", b"text/plain", b"multipart/form-data", b"multipart/form-data; boundary=", b"\xff")
    )
    content = chance.choice((BODY, b"", b"\0" * 100, b"--\r\n--\r\n", b"{" * 2000))
    return first + b"Content-Type: " + kind + b"\r\nContent-Length: %d\r\n\r\n" % length + content, False


def _noise(first: bytes, chance: random.Random) -> tuple[bytes, bool]:
    noises = (
        *(
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\r\n" * 300,
            b"\0" * 2000,
        ),
        *(bytes(chance.randrange(256) for _ in range(300)), b"GET / HTTP/1.1\r\n" * 50, b"SSH-2.0-x\r\n", b"GET"),
    )
    return chance.choice(noises), False


def _flipped(first: bytes, chance: random.Random) -> tuple[bytes, bool]:
    content = bytearray(first + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
    for _ in range(chance.choice((1, 3, 10))):
        content[chance.randrange(len(first))] = chance.randrange(256)
    if content.startswith(b"DELETE"):
        content[:6] = b"DELETF"
    return bytes(content), False


def _pipelined(first: bytes, chance: random.Random) -> tuple[bytes, bool]:
    several = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n" * chance.choice((2, 50))
    return several + first + b"\r\n", True


KINDS: dict[str, Callable[[bytes, random.Random], tuple[bytes, bool]]] = {
    "method": _method,
    "version": _version,
    "target": _target,
    "headers": _headers,
    "chunks": _chunks,
    "framing": _framing,
    "noise": _noise,
    "flipped bytes": _flipped,
    "pipelined": _pipelined,
}
