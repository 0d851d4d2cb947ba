"""Decides which headers the gateway forwards. Pure."""

from __future__ import annotations

import re
import uuid

from modelyard.core.asgi import Headers
from modelyard.core.types import Endpoint
from modelyard.gateway.asgi import header

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
FRAMING = frozenset({b"host", b"content-length", b"expect"})
CREDENTIALS = frozenset({b"authorization", b"cookie", b"x-api-key", b"api-key"})
"""Headers with credentials for this server, which are never sent to a replica or an external provider."""
CODING = frozenset({b"accept-encoding"})
NOT_UP = HOP_BY_HOP | FRAMING | CREDENTIALS | {b"x-request-id"}
NOT_DOWN = HOP_BY_HOP | {b"date", b"server", b"set-cookie", b"x-request-id"}
"""Response headers that are dropped: uvicorn writes `date` and `server`; cookies would be set for this server's origin."""

SANE_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")


def request_id(headers: Headers) -> bytes:
    """The client's request id if it is well-formed, else a new one."""
    identity = header(headers, b"x-request-id")
    if identity is not None and SANE_ID.fullmatch(identity):
        return identity
    return b"req-" + uuid.uuid4().hex.encode()


def request_head(
    target: bytes, client: Headers, endpoint: Endpoint, identity: bytes, length: int, plain: bool = False
) -> bytes:
    """The head of a POST to a replica. `plain` asks for an uncompressed answer, because the gateway reads parts of it."""
    address = endpoint.address
    host = "localhost" if address.uds else f"{address.host}:{address.port}"
    names = {name.lower() for name, _ in endpoint.headers}
    dropped = NOT_UP | names | _connection_options(client) | (CODING if plain else frozenset())
    lines = [b"POST " + target + b" HTTP/1.1", b"host: " + host.encode()]
    lines += [name + b": " + value for name, value in client if name not in dropped]
    lines += [name + b": " + value for name, value in endpoint.headers]
    lines += [b"x-request-id: " + identity, b"content-length: " + str(length).encode(), b"\r\n"]
    return b"\r\n".join(lines)


def response_headers(upstream: Headers, identity: bytes) -> Headers:
    """The headers of a replica's answer for the client. `content-length` is kept; names must be lower case."""
    dropped = NOT_DOWN | _connection_options(upstream)
    passed = [pair for pair in upstream if pair[0] not in dropped]
    passed.append((b"x-request-id", identity))
    return passed


def error_headers(upstream: Headers, identity: bytes, length: int) -> Headers:
    """The headers of an error whose body was replaced, without those that describe the old body."""
    passed = [pair for pair in response_headers(upstream, identity) if not pair[0].startswith(b"content-")]
    return [*passed, (b"content-type", b"application/json"), (b"content-length", str(length).encode())]


def _connection_options(headers: Headers) -> frozenset[bytes]:
    """The headers that `Connection` names, which are meant for the next hop only."""
    value = header(headers, b"connection")
    if value is None:
        return frozenset()
    return frozenset(token.strip().lower() for token in value.split(b","))
