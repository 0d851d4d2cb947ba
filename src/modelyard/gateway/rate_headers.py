"""OpenAI's headers with the remaining limits of a key. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.core.asgi import Headers
from modelyard.gateway.middleware.limits import Allowance

NAMES = b"x-ratelimit-"
"""Prefix of the names of all these headers."""


def rate_limits(identity: bytes, allowances: Sequence[Allowance]) -> Headers:
    """`x-ratelimit-limit-requests`, `-remaining-requests` and `-reset-requests`, and the three headers for tokens.

    `identity` is the request's id, which is in another header.
    """
    headers: Headers = []
    for unit, limit, remaining, seconds in allowances:
        name = unit.encode()
        headers += [
            (b"x-ratelimit-limit-" + name, b"%d" % limit),
            (b"x-ratelimit-remaining-" + name, b"%d" % remaining),
            (b"x-ratelimit-reset-" + name, duration(seconds).encode()),
        ]
    return headers


def with_limits(headers: Headers, limits: Headers) -> Headers:
    """The headers of a replica's answer with the limits of the key, in place of limits that an external provider reports."""
    return [*(pair for pair in headers if not pair[0].startswith(NAMES)), *limits] if limits else headers


def duration(seconds: float) -> str:
    """A duration as OpenAI writes it: `12ms`, `1.5s`, `6m0s`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds, 3), 60)
    short = f"{rest:.3f}".rstrip("0").rstrip(".")
    return f"{int(minutes)}m{short}s" if minutes else f"{short}s"
