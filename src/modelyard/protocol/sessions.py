"""Bodies of the routes about sessions of browsers, and about passwords."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from modelyard.protocol.deferred import DeferredModel


class SessionRequest(DeferredModel):
    """Body of `POST /v1/auth/sessions`: a name and password, or an API key, or nothing where no key is required."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    username: str | None = Field(None, max_length=200)
    password: str | None = Field(None, max_length=2000)
    """Sent with `username`."""
    api_key: str | None = Field(None, max_length=2000)
    """An API key, whose rights the session has."""


class SessionInfo(DeferredModel):
    """A session of a browser. Its token is in the browser's cookie only."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    kind: Literal["user", "key", "local"]
    """With whose rights it was begun: those of a user, of an API key, or of anybody, on a server that requires no key."""
    current: bool
    """Whether it is the session of this request."""
    created_at: float
    """Unix time."""
    last_used_at: float
    """Unix time."""
    expires_at: float
    """Unix time at which it ends, however much it is used."""
    user_agent: str
    """The browser, by its own words."""
    address: str
    """IP address from which it was begun."""


class SessionList(DeferredModel):
    """Answer of `GET /v1/auth/sessions`: the caller's own sessions, the most recently used first."""

    object: Literal["list"] = "list"
    data: list[SessionInfo]


class EndedLogins(DeferredModel):
    """Answer of a request that ends logins."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    ended: int
    """How many sessions and other logins have ended."""


class PasswordRequest(DeferredModel):
    """Body of `POST /v1/auth/password`."""

    old_password: str
    new_password: str


class NewPasswordRequest(DeferredModel):
    """Body of `POST /v1/admin/users/{name}/password`."""

    password: str
