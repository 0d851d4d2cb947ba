"""Access control: scopes, the keys in force as an immutable snapshot, and how much a key has used lately. Pure.

`control/keys.py` publishes an `Access`; the gateway and the management routes ask it, in memory, for every request.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from modelyard.core.errors import InvalidKey, InvalidParameter, PermissionDenied

ADMIN = "admin"
INFERENCE = "models:read"
"""The scope that inference needs."""
TOOLS = "tools:use"
"""The scope that tools need which reach beyond this server."""

SCOPES: Mapping[str, str] = {
    ADMIN: "everything",
    "models:list": "see which models run and which are known",
    INFERENCE: "ask models, and see progress and events",
    TOOLS: "have the web searched, pages read and MCP servers asked by the server",
    "models:write": "launch, scale and terminate models",
    "models:register": "register and unregister families",
    "knowledge:read": "search knowledge bases, ask them, and see their documents",
    "knowledge:write": "make, fill, change and delete knowledge bases",
    "keys:create": "make keys that may do no more than their maker",
    "keys:manage": "list and revoke keys",
    "users:manage": "add, list and remove users",
    "cache:list": "see what was downloaded",
    "cache:delete": "delete downloaded files",
    "logs:list": "read what replicas print",
    "monitor:view": "read /metrics",
    "settings:read": "see the server's settings",
    "settings:write": "change the server's settings",
    "virtualenv:list": "see engine environments",
    "virtualenv:delete": "delete engine environments",
}
"""Every scope, with what it lets a key do."""

LOCAL = "local"
"""Owner id of every request where the server asks for no key."""

KNOWLEDGE_READ, KNOWLEDGE_WRITE = "knowledge:read", "knowledge:write"
READ, WRITE = "read", "write"
"""Levels of access to one knowledge base; writing includes reading."""
BASE = "kb:"
"""Stands before the name of a knowledge base where a model is named."""

ALIASES: Mapping[str, str] = {
    "models:start": "models:write",
    "models:stop": "models:write",
    "models:add": "models:register",
    "models:unregister": "models:register",
}
"""Older names of some scopes."""

KEY_HEADERS = (b"x-api-key", b"api-key")
"""Where a key may stand beside `Authorization: Bearer`: Anthropic's SDK and Azure's send it there."""


@dataclass(frozen=True, slots=True)
class Quota:
    """Limits of one key, which hold for it and for all keys that were made with it, together."""

    id: str
    """The id of the key."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """The rights of one key, or of the token of a person who logged in."""

    id: str
    name: str
    scopes: frozenset[str]
    models: frozenset[str] | None = None
    """The only models it may use; None for all."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    expires_at: float | None = None
    """Unix time."""
    user: str | None = None
    """The name of the person who logged in; None for an API key."""
    bases: Mapping[str, str] | None = None
    """The only knowledge bases it may use, each with `READ` or `WRITE`; None for all that its scopes allow."""
    owner: str = ""
    """Owner id of what is made with it: that of the user, or the key's own; empty for its `id`."""
    above: tuple[Quota, ...] = ()
    """Quotas of the keys that it was made with, which its use counts for, too."""

    @property
    def quotas(self) -> tuple[Quota, ...]:
        """All limits that hold for it."""
        return (Quota(self.id, self.requests_per_minute, self.tokens_per_minute), *self.above)

    @property
    def counts_tokens(self) -> bool:
        """Whether this grant limits tokens."""
        return any(quota.tokens_per_minute is not None for quota in self.quotas)

    def allows(self, scope: str) -> bool:
        """Whether the grant has a scope; `admin` has all."""
        return scope in self.scopes or ADMIN in self.scopes

    def sees(self, model: str) -> bool:
        """Whether the grant may see and use a model; knowledge bases that answer as models are checked apart."""
        if model.startswith(BASE):
            return self.sees_base(model.removeprefix(BASE))
        return self.models is None or model in self.models

    def sees_base(self, base: str, level: str = READ) -> bool:
        """Whether the grant may read a knowledge base, or write to it."""
        if not self.allows(KNOWLEDGE_READ if level == READ else KNOWLEDGE_WRITE) and self.bases is None:
            return False
        if self.bases is None or self.allows(ADMIN):
            return True
        return self.bases.get(base) in ((READ, WRITE) if level == READ else (WRITE,))

    def check_base(self, base: str, level: str = READ) -> None:
        """Raises `PermissionDenied` for a knowledge base that it may not use in that way, whether there is one or not."""
        if self.bases is None:
            self.check(KNOWLEDGE_READ if level == READ else KNOWLEDGE_WRITE)
        if not self.sees_base(base, level):
            verb = "read" if level == READ else "change"
            raise PermissionDenied(f"The key '{self.name}' may not {verb} the knowledge base '{base}'.")

    def check(self, scope: str) -> None:
        """Raises `PermissionDenied` if it lacks a scope."""
        if not self.allows(scope):
            raise PermissionDenied(f"The key '{self.name}' lacks the scope '{scope}'.")

    def check_model(self, model: str) -> None:
        """Raises `PermissionDenied` for a model that it may not use, whether there is one or not."""
        if not self.sees(model):
            raise PermissionDenied(f"The key '{self.name}' may not use the model '{model}'.")


@dataclass(frozen=True, slots=True)
class Owner:
    """Who a private row belongs to, and which private rows a request sees.

    Private rows are those of one user or key: conversations, their messages, knowledge bases made for one chat.
    """

    id: str
    """Written into rows that the request makes."""
    everything: bool = False
    """Whether rows of all owners are seen: true for administrators."""

    @classmethod
    def of(cls, grant: Grant | None) -> Owner:
        """The owner of a request by what its key allows; the one local owner where no key is asked for."""
        return cls(LOCAL) if grant is None else cls(grant.owner or grant.id, grant.allows(ADMIN))

    def sees(self, owner: str) -> bool:
        """Whether a row with this owner id is seen."""
        return self.everything or owner == self.id


@dataclass(frozen=True, slots=True)
class Access:
    """All keys in force at one moment."""

    required: bool = False
    """Whether a request without a key is refused."""
    grants: Mapping[str, Grant] = field(default_factory=dict)
    """SHA-256 of the secret → what it allows."""

    def admit(self, headers: Iterable[tuple[bytes, bytes]], now: float) -> Grant | None:
        """The grant of a request by its headers; None where no key is asked for. Raises `InvalidKey`."""
        if not self.required:
            return None
        secret = credential(headers)
        if not secret:
            raise InvalidKey(
                "This server asks for an API key; send it as 'Authorization: Bearer KEY' (the modelyard "
                "command takes it from MODELYARD_API_KEY, or from `modelyard login`)."
            )
        return self.grant(secret, now)

    def grant(self, secret: bytes, now: float) -> Grant:
        """The grant of a secret. Raises `InvalidKey`, which never repeats it."""
        found = self.grants.get(fingerprint(secret))
        if found is None:
            raise InvalidKey("The API key is not known here, or was revoked.")
        if found.expires_at is not None and found.expires_at <= now:
            raise InvalidKey(f"The key '{found.name}' has expired.")
        return found


def credential(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The secret that a request carries, empty if none; names of headers are lower case."""
    other = b""
    for name, value in headers:
        if name == b"authorization":
            scheme, _, secret = value.strip().partition(b" ")
            if scheme.lower() == b"bearer" and secret.strip():
                return secret.strip()
        elif name in KEY_HEADERS:
            other = other or value.strip()
    return other


def fingerprint(secret: bytes) -> str:
    """The hash of a secret, which is all that is stored of it."""
    return hashlib.sha256(secret).hexdigest()


def checked_scopes(given: Iterable[str]) -> list[str]:
    """Scopes by their present names, sorted; raises `InvalidParameter` for one that does not exist."""
    found = set()
    for name in given:
        scope = ALIASES.get(name, name)
        if scope not in SCOPES:
            raise InvalidParameter("scopes", f"'{name}' is none of {', '.join(SCOPES)}.")
        found.add(scope)
    return sorted(found)


class Window:
    """How much was used in the last minute, second by second, so that it stays small however much it is."""

    SECONDS = 60.0

    def __init__(self) -> None:
        self.total = 0
        self._used: deque[tuple[float, int]] = deque()

    def add(self, amount: int, now: float) -> None:
        """Note a use. Times are monotonic seconds and never go back."""
        self._forget(now)
        self.total += amount
        if self._used and now - self._used[-1][0] < 1.0:
            since, before = self._used[-1]
            self._used[-1] = (since, before + amount)
        else:
            self._used.append((now, amount))

    def wait(self, limit: int, now: float) -> float:
        """Seconds until less than `limit` was used in the last minute; 0 if that is so now."""
        self._forget(now)
        left = self.total
        for since, amount in self._used:
            if left < limit:
                break
            left -= amount
            until = since + self.SECONDS - now
            if left < limit:
                return until
        return 0.0

    def _forget(self, now: float) -> None:
        while self._used and self._used[0][0] + self.SECONDS <= now:
            self.total -= self._used.popleft()[1]
