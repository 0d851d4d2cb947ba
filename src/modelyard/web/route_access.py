"""Checks whether a key may use a route, for a model or a knowledge base that the route's path names."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from modelyard.control.keys import REFRESH, KeyStore
from modelyard.core.access import KNOWLEDGE_READ, KNOWLEDGE_WRITE, OWN_SCOPES, READ, WRITE, Grant
from modelyard.core.errors import PermissionDenied
from modelyard.web.router import ANY_KEY

T = TypeVar("T")

METRICS = "monitor:view"
"""A scope that is not required while the server listens on loopback only."""
LISTING = OWN_SCOPES | {ANY_KEY}
"""Scopes that a key restricted to some models may use on paths without a model."""
KNOWLEDGE = {KNOWLEDGE_READ: READ, KNOWLEDGE_WRITE: WRITE}
"""Scope of a route about knowledge bases → the access level that the key needs for the base in the path."""


def check(grant: Grant, needed: str, uid: str | None, base: str | None = None) -> None:
    """Raise `PermissionDenied` if a key may not use a route, or not for this model or knowledge base."""
    if needed in KNOWLEDGE:
        check_knowledge(grant, needed, base)
        return
    if needed != ANY_KEY:
        grant.check(needed)
    elif REFRESH in grant.scopes:
        raise PermissionDenied("A refresh token only gets new tokens.")
    if uid is not None:
        grant.check_model(uid)
    elif needed not in LISTING:
        grant.check_all_models()


def check_knowledge(grant: Grant, needed: str, base: str | None) -> None:
    """Raise `PermissionDenied`. A key with access to the base in the path needs no scope. Handlers check bases in bodies."""
    if base is not None:
        grant.check_base(base, KNOWLEDGE[needed])
    elif grant.bases is None or needed == KNOWLEDGE_WRITE:
        grant.check(needed)


class StandingAccess(Generic[T]):
    """The access of a caller whose stream stays open: it is checked again when keys have changed or its own has expired."""

    def __init__(
        self, keys: KeyStore, headers: Iterable[tuple[bytes, bytes]], permit: Callable[[Grant | None], T]
    ) -> None:
        """`permit` makes of a grant what the stream needs to know of it; it raises `PermissionDenied`."""
        self._keys = keys
        self._headers = list(headers)
        self._permit = permit
        self._session = ""
        """Id of the session whose cookie was sent; empty for a key."""
        self._admit()

    def _admit(self) -> None:
        """Admit the caller: first by the headers, later by the session that they named, which may have another token then."""
        self._access, now = self._keys.access, time.time()
        self._ends = math.inf
        if not self._session:
            self._grant = self._access.admit(self._headers, now)
            self._session = "" if self._grant is None else self._grant.session
        if self._session:
            live = self._access.sessions.again(self._session, now)
            self._grant, self._ends = live.grant, live.expires_at
        if self._grant is not None and self._grant.expires_at is not None:
            self._ends = min(self._ends, self._grant.expires_at)
        self._value = self._permit(self._grant)

    def current(self) -> T:
        """What `permit` made of the present grant. Raises `InvalidKey` or `PermissionDenied`."""
        if self._keys.access is not self._access or self._ends <= time.time():
            self._admit()
        return self._value
