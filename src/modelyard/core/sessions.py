"""The sessions of browsers at one moment, by which a request with a cookie is admitted. Pure.

A session has up to three valid tokens: the current one; the next one, as soon as it is sent to the browser; and the previous one,
for a moment after the browser has used the next, so that requests under way are answered.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from modelyard.core.cookies import session_tokens
from modelyard.core.errors import SessionEnded
from modelyard.core.fingerprints import fingerprint

if TYPE_CHECKING:
    from modelyard.core.access import Grant


class TokenRole(Enum):
    """Which of a session's tokens one is."""

    CURRENT = "current"
    NEXT = "next"
    PREVIOUS = "previous"


@dataclass(slots=True)
class SessionUse:
    """What is noted when a session is used, until it is written to the database. It outlives the snapshots."""

    at: float
    """Unix time of the last request."""
    renewed: str = ""
    """Hash of the next token, once the browser has sent it; empty before."""


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session that has not ended."""

    id: str
    grant: Grant | None
    """The rights of its user or key; None if it was begun without a key, on a server that requires none."""
    expires_at: float
    """Unix time."""
    idle: float
    """Seconds without a request after which it ends."""
    renew_at: float
    """Unix time from which the browser gets another token."""
    use: SessionUse = field(compare=False)

    def is_open(self, now: float) -> bool:
        """Whether it has neither expired nor been idle for too long."""
        return now < self.expires_at and now < self.use.at + self.idle


@dataclass(frozen=True, slots=True)
class SessionToken:
    """A token of a session."""

    session: LiveSession
    role: TokenRole
    until: float = math.inf
    """Unix time at which it stops to be accepted."""

    def is_due(self, now: float) -> bool:
        """Whether the browser that sent it should get another one."""
        return self.role is TokenRole.CURRENT and now >= self.session.renew_at and not self.session.use.renewed


@dataclass(frozen=True, slots=True)
class Sessions:
    """All sessions at one moment."""

    tokens: Mapping[str, SessionToken] = field(default_factory=dict)
    """SHA-256 of a token → what it is."""
    by_id: Mapping[str, LiveSession] = field(default_factory=dict)

    def find(self, headers: Iterable[tuple[bytes, bytes]], now: float) -> SessionToken | None:
        """The token in a request's cookies, whose session counts as used now; None without a cookie of a session.

        Raises `SessionEnded` if no cookie is of a session that is open. Messages never contain a token.
        """
        secrets = session_tokens(headers)
        for token in secrets:
            name = fingerprint(token)
            session_token = self.tokens.get(name)
            if session_token is not None and now < session_token.until and session_token.session.is_open(now):
                use = session_token.session.use
                use.at = max(use.at, now)
                if session_token.role is TokenRole.NEXT:
                    use.renewed = name
                return session_token
        if secrets:
            raise SessionEnded
        return None

    def again(self, id: str, now: float) -> LiveSession:
        """The session of a stream that stays open. Raises `SessionEnded`."""
        session = self.by_id.get(id)
        if session is None or not session.is_open(now):
            raise SessionEnded
        return session


NO_SESSIONS = Sessions()
