"""The cookie with a session's token: its names, how a request's cookies are read, and the header that sets one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

NAME = "modelyard_session"
SECURE_PREFIX = "__Host-"
"""Browsers accept a cookie of such a name only over https, from the host itself, and for all paths."""
MOST_TOKENS = 8
"""Cookies of one request that are looked at. A browser sends those of all servers on a host, whatever their ports."""

COOKIE = b"cookie"
_MARK = NAME.encode()
_NAMES = re.compile(rb"(__Host-)?modelyard_session(_[0-9]{1,5})?")
_PORT = re.compile(rb":([0-9]{1,5})$")


def session_tokens(headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    """The session tokens in a request's cookies, whose header names are lower case.

    Those that only this host can have set over https come first, so that no other site can put its own before them.
    """
    secure: list[bytes] = []
    plain: list[bytes] = []
    for name, value in headers:
        if name == COOKIE and _MARK in value:
            for part in value.split(b";"):
                key, _, token = part.strip().partition(b"=")
                if token and (match := _NAMES.fullmatch(key)):
                    (secure if match[1] else plain).append(token)
    return [*secure, *plain][:MOST_TOKENS]


def cookie_names(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    """The names of the session cookies that a request carries."""
    parts = [part for name, value in headers if name == COOKIE for part in value.split(b";")]
    keys = [part.strip().partition(b"=")[0] for part in parts]
    return sorted({key.decode() for key in keys if _NAMES.fullmatch(key)})


def cookie_name(host: bytes, secure: bool) -> str:
    """The name of the cookie for a server that a browser addresses as `host`.

    It has the port, because browsers send the cookies of one port of a host to the others, too.
    """
    port = _PORT.search(host)
    name = f"{NAME}_{port[1].decode()}" if port else NAME
    return SECURE_PREFIX + name if secure else name


def set_cookie(name: str, token: str, seconds: float) -> str:
    """The value of `Set-Cookie` that has a browser keep a token; with 0 seconds it deletes the cookie."""
    parts = [f"{name}={token}", "Path=/", f"Max-Age={max(0, int(seconds))}", "HttpOnly", "SameSite=Strict"]
    return "; ".join([*parts, "Secure"] if name.startswith(SECURE_PREFIX) else parts)
