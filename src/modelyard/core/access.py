"""Access control: scopes, the current keys as an immutable snapshot, and the recent use of each key. Pure.

`control/keys.py` publishes an `Access`; the gateway and the management routes check every request against it, in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from modelyard.core.aliases import NO_ALIASES, Aliases
from modelyard.core.errors import InvalidKey, InvalidParameter, PermissionDenied
from modelyard.core.fingerprints import fingerprint as fingerprint
from modelyard.core.names import BASE as BASE
from modelyard.core.sessions import NO_SESSIONS, Sessions

ADMIN = "admin"
INFERENCE = "models:read"
"""The scope that inference needs."""
TOOLS = "tools:use"
"""The scope for tools that access other servers than this one."""

SCOPES: Mapping[str, str] = {
    ADMIN: "everything",
    "models:list": "see which models run and which are known",
    INFERENCE: "use models, and see progress and events",
    TOOLS: "use the server's web search, page reader and MCP servers",
    "models:write": "launch, scale and terminate models",
    "models:register": "register and unregister families",
    "knowledge:read": "search knowledge bases, ask questions of them, and see their documents",
    "knowledge:write": "create, fill, change and delete knowledge bases",
    "files:read": "list and download its own files",
    "files:write": "upload and delete its own files",
    "keys:create": "create keys with no more rights than its own",
    "keys:manage": "list, change and revoke keys",
    "users:manage": "add, list, change and remove users",
    "cache:list": "see what was downloaded",
    "cache:delete": "delete downloaded files",
    "logs:list": "read what replicas and its own jobs print",
    "monitor:view": "read /metrics",
    "settings:read": "see the server's settings",
    "settings:write": "change the server's settings",
    "virtualenv:list": "see engine environments",
    "virtualenv:delete": "delete engine environments",
}
"""Every scope, with what it permits."""

LOCAL = "local"
"""Owner id of every request while the server requires no key."""

OWN_SCOPES = frozenset({"models:list", INFERENCE, "files:read", "files:write", "logs:list"})
"""Scopes that a key restricted to some models may use on paths without a model; handlers show it only what is its own."""

KNOWLEDGE_READ, KNOWLEDGE_WRITE = "knowledge:read", "knowledge:write"
READ, WRITE = "read", "write"
"""Access levels of a knowledge base; write access includes read access."""

SCOPE_ALIASES: Mapping[str, str] = {
    "models:start": "models:write",
    "models:stop": "models:write",
    "models:add": "models:register",
    "models:unregister": "models:register",
}
"""Older names of scopes → present names."""

KEY_HEADERS = (b"x-api-key", b"api-key")
"""Headers that may carry a key besides `Authorization: Bearer`; Anthropic's and Azure's SDKs use them."""


@dataclass(frozen=True, slots=True)
class Quota:
    """Limits of one key, which it shares with all keys that it created."""

    id: str
    """The id of the key."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """The rights of one key, of a token from a login, or of a browser's session."""

    id: str
    name: str
    scopes: frozenset[str]
    models: frozenset[str] | None = None
    """The models that it may use; None for all."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    expires_at: float | None = None
    """Unix time."""
    user: str | None = None
    """The name of the user who logged in; None for an API key."""
    bases: Mapping[str, str] | None = None
    """The knowledge bases that it may use, each with `READ` or `WRITE`; None for all that its scopes allow."""
    owner: str = ""
    """Owner id of the rows it creates: that of the user, or the key's own; if empty, its `id`."""
    above: tuple[Quota, ...] = ()
    """Quotas of the keys that created it; its requests count against them too."""
    session: str = ""
    """Id of the browser's session whose cookie was sent; empty for a key or token."""
    aliases: Aliases = field(default=NO_ALIASES, compare=False, repr=False)
    """What other names of models stand for at present."""

    @property
    def quotas(self) -> tuple[Quota, ...]:
        """All limits that apply to it."""
        return (Quota(self.id, self.requests_per_minute, self.tokens_per_minute), *self.above)

    @property
    def counts_tokens(self) -> bool:
        """Whether this grant limits the number of tokens."""
        return any(quota.tokens_per_minute is not None for quota in self.quotas)

    def allows(self, scope: str) -> bool:
        """Whether the grant has a scope; `admin` includes all."""
        return scope in self.scopes or ADMIN in self.scopes

    def sees(self, model: str) -> bool:
        """Whether the grant may see and use a model of this name. Knowledge bases named as models are checked by `sees_base`."""
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
        """Raise `PermissionDenied` for a knowledge base that it may not use at this level, whether or not the base exists."""
        if self.bases is None:
            self.check(KNOWLEDGE_READ if level == READ else KNOWLEDGE_WRITE)
        if not self.sees_base(base, level):
            verb = "read" if level == READ else "change"
            raise PermissionDenied(f"The key '{self.name}' may not {verb} the knowledge base '{base}'.")

    def check(self, scope: str) -> None:
        """Raise `PermissionDenied` if the grant lacks a scope."""
        if not self.allows(scope):
            cure = "an administrator changes its scopes with `modelyard key update`"
            raise PermissionDenied(f"The key '{self.name}' lacks the scope '{scope}'; {cure}.")

    def check_all_models(self) -> None:
        """Raise `PermissionDenied` for a key that is restricted to some models."""
        if self.models is not None:
            raise PermissionDenied(f"The key '{self.name}' is for {', '.join(sorted(self.models))} only.")

    def check_model(self, model: str) -> None:
        """Raise `PermissionDenied` for a model that it may not use, whether or not the model exists.

        An alias may be used with a key for the alias, and with one for the model that it stands for.
        """
        if not self.sees(model) and not self.sees(self.aliases.model_of(model)):
            raise PermissionDenied(f"The key '{self.name}' may not use the model '{model}'.")


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of private rows, and which private rows a request may see.

    Private rows belong to one user or key: conversations, their messages, knowledge bases created for one chat.
    """

    id: str
    """Owner id, stored in rows that the request creates."""
    everything: bool = False
    """Whether rows of all owners are visible: true for administrators."""

    @classmethod
    def of(cls, grant: Grant | None) -> Owner:
        """The owner for a request's grant; the owner `local` if no key is required."""
        return cls(LOCAL) if grant is None else cls(grant.owner or grant.id, grant.allows(ADMIN))

    def sees(self, owner: str) -> bool:
        """Whether a row with this owner id is visible."""
        return self.everything or owner == self.id


@dataclass(frozen=True, slots=True)
class Access:
    """All valid keys and sessions at one moment."""

    required: bool = False
    """Whether a request without a key is refused."""
    grants: Mapping[str, Grant] = field(default_factory=dict)
    """SHA-256 of the secret → grant."""
    users: Mapping[str, Grant] = field(default_factory=dict)
    """Owner id of a user → grant with the user's rights, for work that goes on after the login that began it has ended."""
    sessions: Sessions = NO_SESSIONS

    def admit(self, headers: Iterable[tuple[bytes, bytes]], now: float) -> Grant | None:
        """The grant of a request, by its headers; None if no key is required. Raises `InvalidKey`.

        A key in a header goes before the cookie of a session.
        """
        if not self.required:
            return None
        secret = credential(headers)
        if secret:
            return self.grant(secret, now)
        token = self.sessions.find(headers, now)
        if token is None or token.session.grant is None:
            raise InvalidKey(
                "This server asks for an API key; send it as 'Authorization: Bearer KEY' (the modelyard "
                "command takes it from MODELYARD_API_KEY, or from `modelyard login`)."
            )
        return token.session.grant

    def grant(self, secret: bytes, now: float) -> Grant:
        """The grant of a secret. Raises `InvalidKey`, whose message never contains the secret."""
        grant = self.grants.get(fingerprint(secret))
        if grant is None:
            raise InvalidKey("The API key is unknown or was revoked.")
        if grant.expires_at is not None and grant.expires_at <= now:
            raise InvalidKey(f"The key '{grant.name}' has expired.")
        return grant


def credential(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The secret in a request's headers, whose names are lower case; empty if there is none."""
    other = b""
    for name, value in headers:
        if name == b"authorization":
            scheme, _, secret = value.strip().partition(b" ")
            if scheme.lower() == b"bearer" and secret.strip():
                return secret.strip()
        elif name in KEY_HEADERS:
            other = other or value.strip()
    return other


def checked_scopes(names: Iterable[str]) -> list[str]:
    """Scopes by their present names, sorted. Raises `InvalidParameter` for an unknown scope."""
    scopes = set()
    for name in names:
        scope = SCOPE_ALIASES.get(name, name)
        if scope not in SCOPES:
            raise InvalidParameter("scopes", f"'{name}' is none of {', '.join(SCOPES)}.")
        scopes.add(scope)
    return sorted(scopes)


class Window:
    """Counts use during the last minute in a small fixed number of one-second sums."""

    SECONDS = 60.0

    def __init__(self) -> None:
        self.total = 0
        self._used: deque[tuple[float, int]] = deque()

    def add(self, amount: int, now: float) -> None:
        """Count a use. `now` is in monotonic seconds and never decreases."""
        self._forget(now)
        self.total += amount
        if self._used and now - self._used[-1][0] < 1.0:
            since, before = self._used[-1]
            self._used[-1] = (since, before + amount)
        else:
            self._used.append((now, amount))

    def used(self, now: float) -> int:
        """The use of the last minute."""
        self._forget(now)
        return self.total

    def clear_after(self, now: float) -> float:
        """Seconds until the last minute has no use."""
        self._forget(now)
        return self._used[-1][0] + self.SECONDS - now if self._used else 0.0

    def wait(self, limit: int, now: float) -> float:
        """Seconds until the use of the last minute is below `limit`; 0 if it is below now."""
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
