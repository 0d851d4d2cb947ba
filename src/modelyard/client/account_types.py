"""TypedDicts of the server's answers about keys, users and logins; see `types.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict


class KeyDict(TypedDict):
    """An API key without its secret."""

    id: str
    name: str
    prefix: str
    owner: str
    scopes: list[str]
    models: list[str] | None
    bases: dict[str, str] | None
    requests_per_minute: int | None
    tokens_per_minute: int | None
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    last_used_at: float | None
    usable: bool


class KeyChangesDict(TypedDict, total=False):
    """What can be changed of a key; `expires_in` is in seconds from now on."""

    name: str
    scopes: Sequence[str]
    models: Sequence[str] | None
    bases: Mapping[str, str] | None
    requests_per_minute: int | None
    tokens_per_minute: int | None
    expires_in: float | None


class NewKeyDict(KeyDict):
    """A key with its secret, `key`, which is shown this one time."""

    key: str


class UserDict(TypedDict):
    """A user who may log in."""

    id: int
    username: str
    owner: str
    scopes: list[str]
    created_at: float


class TokensDict(TypedDict):
    """The tokens of a login: an access token, and a refresh token for the next ones."""

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int


class MeDict(TypedDict):
    """The caller and its rights."""

    id: str
    name: str
    username: str | None
    owner: str
    scopes: list[str]
    permissions: list[str]
    models: list[str] | None
    expires_at: float | None
    session: str | None


class SessionDict(TypedDict):
    """A session of a browser, without its token."""

    id: str
    kind: str
    current: bool
    created_at: float
    last_used_at: float
    expires_at: float
    user_agent: str
    address: str


class EndedLoginsDict(TypedDict):
    """How many sessions and other logins have ended."""

    ended: int
