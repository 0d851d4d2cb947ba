"""Bodies of the routes about API keys, users and logins."""

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

    name: Label
    """What the key is for, in words for people."""
    scopes: Few[str] | None = Field(None, validation_alias=AliasChoices("scopes", "permissions"))
    """Scopes of the key; if left out, `admin` for the first key and `models:list` and `models:read` for others."""
    models: Few[Annotated[str, Field(min_length=1, max_length=100)]] | None = None
    """The only models that the key may use; null for all."""
    bases: Fields[Literal["read", "write"]] | None = None
    """The only knowledge bases that the key may use: name → `read` or `write`; null for all that its scopes allow."""
    requests_per_minute: PerMinute | None = None
    """Maximum number of inference requests in a minute; null for no limit."""
    tokens_per_minute: PerMinute | None = None
    """Maximum number of tokens, of prompts and answers, in a minute; null for no limit."""
    expires_in: Annotated[float, Field(gt=0, le=3_153_600_000)] | None = None
    """Seconds for which the key is valid; null for ever."""
    owner: str | None = Field(None, min_length=1, max_length=32)
    """Owner id of another key or user, with whom the key shares conversations and files; null for a new owner id."""


class KeyInfo(DeferredModel):
    """An API key as it is listed, without its secret."""

    id: str
    name: str
    prefix: str
    """The first characters of the secret."""
    owner: str
    """Owner id of private data made with the key, such as conversations; a rotated key keeps it."""
    scopes: list[str]
    models: list[str] | None = None
    """The only models that the key may use; null for all."""
    bases: dict[str, str] | None = None
    """The only knowledge bases that the key may use: name → `read` or `write`; null for all that its scopes allow."""
    requests_per_minute: int | None = None
    """Maximum number of inference requests in a minute; null for no limit."""
    tokens_per_minute: int | None = None
    """Maximum number of tokens, of prompts and answers, in a minute; null for no limit."""
    created_at: float
    """Unix time in seconds."""
    expires_at: float | None = None
    """Unix time in seconds; null if the key does not expire."""
    revoked_at: float | None = None
    """Unix time in seconds; null if the key was not revoked."""
    last_used_at: float | None = None
    """Unix time in seconds; null if the key was never used."""
    usable: bool
    """Whether the key is neither revoked nor expired."""


class KeyList(ListPage):
    """Answer of `GET /v1/admin/keys`, oldest first."""

    data: list[KeyInfo]


class KeyPatch(DeferredModel):
    """Body of `PATCH /v1/admin/keys/{name}`. Fields that are left out do not change; null removes a limit."""

    model_config = ConfigDict(extra="forbid")

    name: Label = ""
    scopes: Annotated[Few[str], Field(min_length=1)] = []
    """New scopes of the key."""
    models: Few[Annotated[str, Field(min_length=1, max_length=100)]] | None = None
    """The only models that the key may use; null for all."""
    bases: Fields[Literal["read", "write"]] | None = None
    """The only knowledge bases that the key may use: name → `read` or `write`; null for all that its scopes allow."""
    requests_per_minute: PerMinute | None = None
    tokens_per_minute: PerMinute | None = None
    expires_in: Annotated[float, Field(gt=0, le=3_153_600_000)] | None = None
    """Seconds from now for which the key is valid; null for ever."""


class NewKeyInfo(KeyInfo):
    """Answer of `POST /v1/admin/keys` and of `…/rotate`, the only answers that contain the secret."""

    key: str
    """The secret, which requests send as `Authorization: Bearer …`."""


class UserRequest(DeferredModel):
    """Body of `POST /v1/admin/users`."""

    username: Label
    password: str
    scopes: Few[str] | None = Field(None, validation_alias=AliasChoices("scopes", "permissions"))
    """Scopes of the user; if left out, `admin` for the first user and `models:list` and `models:read` for others."""


class UserInfo(DeferredModel):
    """A user, who logs in with a name and a password."""

    id: int
    username: str
    owner: str
    """Owner id of private data that the user creates."""
    scopes: list[str]
    created_at: float
    """Unix time in seconds."""


class UserList(ListPage):
    """Answer of `GET /v1/admin/users`, oldest first."""

    data: list[UserInfo]


class UserPatch(DeferredModel):
    """Body of `PATCH /v1/admin/users/{name}`."""

    model_config = ConfigDict(extra="forbid")

    scopes: Annotated[Few[str], Field(min_length=1)]
    """New scopes of the user, which hold from the next request on, also for sessions that exist."""


class LoginRequest(DeferredModel):
    """Body of `POST /token`, as JSON or as a form."""

    username: str
    password: str


class RefreshRequest(DeferredModel):
    """Body of `POST /v1/auth/refresh`."""

    refresh_token: str


class Tokens(DeferredModel):
    """Answer of `POST /token`: an access token for requests, and a refresh token that obtains the next one."""

    access_token: str
    refresh_token: str
    token_type: str = "bearer"
    expires_in: int
    """Seconds for which the access token is valid."""


class Me(DeferredModel):
    """Answer of `GET /v1/auth/me`: the caller's identity and rights."""

    id: str
    name: str
    username: str | None = None
    """Name of the user; null for an API key."""
    owner: str
    """Owner id of private data that the caller creates."""
    scopes: list[str]
    permissions: list[str]
    """The scopes once more, under a name that older programs read."""
    models: list[str] | None = None
    """The only models that the caller may use; null for all."""
    expires_at: float | None = None
    """Unix time in seconds at which the caller's key or login expires; null if it does not."""
    session: str | None = None
    """Id of the browser session whose cookie was sent; null without one."""


class AbortRequest(DeferredModel):
    """Body of `POST /v1/models/{uid}/requests/{rid}/abort`."""

    model_config = ConfigDict(extra="allow")

    block_duration: float = Field(30, ge=0, le=86400)
    """Seconds for which further requests with this id are refused."""


class Aborted(DeferredModel):
    """Answer of an abort: `DONE`, or `NOT_FOUND` if no such request is in progress."""

    msg: str
