"""Bodies of the routes about keys, users and logging in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AliasChoices, ConfigDict, Field

from modelyard.protocol.bounds import Few, Fields
from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.lists import ListPage

PerMinute = Annotated[int, Field(ge=1, le=1_000_000_000)]
Label = Annotated[str, Field(min_length=1, max_length=100)]


class KeyRequest(DeferredModel):
    """Body of `POST /v1/admin/keys`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: Label
    """What the key is for; only people read it."""
    scopes: Few[str] | None = Field(None, validation_alias=AliasChoices("scopes", "permissions"))
    """What it may do; `admin` for the first key, else `models:list` and `models:read`."""
    models: Few[Annotated[str, Field(min_length=1, max_length=100)]] | None = None
    """The only models it may use; null for all."""
    bases: Fields[Literal["read", "write"]] | None = None
    """The only knowledge bases it may use, each with what it may do there; null for all that its scopes allow."""
    requests_per_minute: PerMinute | None = None
    """Inference requests it may make in a minute; null for any number."""
    tokens_per_minute: PerMinute | None = None
    """Tokens, of prompts and answers, it may use in a minute; null for any number."""
    expires_in: Annotated[float, Field(gt=0, le=3_153_600_000)] | None = None
    """Seconds it stays valid; null for ever."""
    owner: str | None = Field(None, min_length=1, max_length=32)
    """Owner id of another key or user, whose conversations and files it shares; null for an owner of its own."""


class KeyInfo(DeferredModel):
    """A key as it is listed; the secret itself is known to its owner only."""

    id: str
    name: str
    prefix: str
    """The first characters of the secret."""
    owner: str
    """Owner id of what is made with it, such as conversations; a rotated key keeps it."""
    scopes: list[str]
    models: list[str] | None = None
    bases: dict[str, str] | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    created_at: float
    """Unix time."""
    expires_at: float | None = None
    """Unix time."""
    revoked_at: float | None = None
    """Unix time."""
    last_used_at: float | None = None
    """Unix time; null if it was never used."""
    usable: bool
    """Neither revoked nor expired."""


class KeyList(ListPage):
    """Answer of `GET /v1/admin/keys`, oldest first."""

    data: list[KeyInfo]


class KeyPatch(DeferredModel):
    """Body of `PATCH /v1/admin/keys/{name}`: what is left out stays, and null takes a limit away."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: Label = ""
    scopes: Annotated[Few[str], Field(min_length=1)] = []
    """What it may do from now on."""
    models: Few[Annotated[str, Field(min_length=1, max_length=100)]] | None = None
    """The only models it may use; null for all."""
    bases: Fields[Literal["read", "write"]] | None = None
    """The only knowledge bases it may use, each with what it may do there; null for all that its scopes allow."""
    requests_per_minute: PerMinute | None = None
    tokens_per_minute: PerMinute | None = None
    expires_in: Annotated[float, Field(gt=0, le=3_153_600_000)] | None = None
    """Seconds from now on that it stays valid; null for ever."""


class NewKeyInfo(KeyInfo):
    """Answer of `POST /v1/admin/keys` and of `…/rotate`: the only time that the secret is shown."""

    key: str


class UserRequest(DeferredModel):
    """Body of `POST /v1/admin/users`."""

    username: Label
    password: str
    scopes: Few[str] | None = Field(None, validation_alias=AliasChoices("scopes", "permissions"))
    """What this person may do; `admin` for the first, else `models:list` and `models:read`."""


class UserInfo(DeferredModel):
    """A person who may log in."""

    id: int
    username: str
    owner: str
    """Owner id of what this person makes."""
    scopes: list[str]
    created_at: float
    """Unix time."""


class UserList(ListPage):
    """Answer of `GET /v1/admin/users`, oldest first."""

    data: list[UserInfo]


class UserPatch(DeferredModel):
    """Body of `PATCH /v1/admin/users/{name}`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    scopes: Annotated[Few[str], Field(min_length=1)]
    """What this person may do from the next request on, in present logins, too."""


class LoginRequest(DeferredModel):
    """Body of `POST /token`, as JSON or as a form."""

    username: str
    password: str


class RefreshRequest(DeferredModel):
    """Body of `POST /v1/auth/refresh`."""

    refresh_token: str


class Tokens(DeferredModel):
    """Answer of `POST /token`: a token to work with, and one to get the next with."""

    access_token: str
    refresh_token: str
    token_type: str = "bearer"
    expires_in: int
    """Seconds that the access token stays valid."""


class Me(DeferredModel):
    """Answer of `GET /v1/auth/me`: who asks, and what they may do."""

    id: str
    name: str
    username: str | None = None
    """Null for an API key."""
    owner: str
    """Owner id of what is made with it."""
    scopes: list[str]
    permissions: list[str]
    """The scopes, under the name that older programs read."""
    models: list[str] | None = None
    expires_at: float | None = None
    session: str | None = None
    """Id of the browser's session whose cookie was sent; null without one."""


class AbortRequest(DeferredModel):
    """Body of `POST /v1/models/{uid}/requests/{rid}/abort`."""

    model_config = ConfigDict(extra="allow")

    block_duration: float = Field(30, ge=0, le=86400)
    """Seconds for which the name of the request is refused, in case it comes again."""


class Aborted(DeferredModel):
    """Answer of an abort: `DONE`, or `NOT_FOUND` when no such request is being answered."""

    msg: str
