"""Bodies of the routes about browser sessions and passwords."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from modelyard.protocol.deferred import DeferredModel


class SessionRequest(DeferredModel):
    """Body of `POST /v1/auth/sessions`: a username with password, or an API key, or nothing where no key is required."""

    username: str | None = Field(None, max_length=200)
    password: str | None = Field(None, max_length=2000)
    """Password of `username`."""
    api_key: str | None = Field(None, max_length=2000)
    """An API key, whose rights the session gets."""


class SessionInfo(DeferredModel):
    """A browser session. Its token is only in the browser's cookie."""

    id: str
    kind: Literal["user", "key", "local"]
    """Whose rights the session has: those of a `user`, of an API `key`, or of any `local` caller on a server that requires no
    key."""
    current: bool
    """Whether this request was sent in the session."""
    created_at: float
    """Unix time in seconds."""
    last_used_at: float
    """Unix time in seconds."""
    expires_at: float
    """Unix time in seconds at which the session ends, even if it is in use."""
    user_agent: str
    """The browser's `User-Agent` header."""
    address: str
    """IP address from which the session was created."""


class SessionList(DeferredModel):
    """Answer of `GET /v1/auth/sessions`: the caller's own sessions, the most recently used first."""

    object: Literal["list"] = "list"
    data: list[SessionInfo]


class EndedLogins(DeferredModel):
    """Answer of requests that end logins."""

    ended: int
    """Number of sessions and other logins that were ended."""


class PasswordRequest(DeferredModel):
    """Body of `POST /v1/auth/password`."""

    old_password: str
    new_password: str


class NewPasswordRequest(DeferredModel):
    """Body of `POST /v1/admin/users/{name}/password`."""

    password: str
