"""Checks whether a key may use a route, for a model or a knowledge base that the route's path names. Pure."""

from __future__ import annotations

from modelyard.control.keys import REFRESH
from modelyard.core.access import KNOWLEDGE_READ, KNOWLEDGE_WRITE, READ, WRITE, Grant
from modelyard.core.errors import PermissionDenied
from modelyard.web.router import ANY_KEY

METRICS = "monitor:view"
"""A scope that is not required while the server listens on loopback only."""
LISTING = frozenset({"models:list", "models:read", "files:read", "files:write", ANY_KEY})
"""Scopes that a key restricted to some models may use on paths without a model; handlers show it only what is its own."""
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
    elif grant.models is not None and needed not in LISTING:
        raise PermissionDenied(f"The key '{grant.name}' is for {', '.join(sorted(grant.models))} only.")


def check_knowledge(grant: Grant, needed: str, base: str | None) -> None:
    """Raise `PermissionDenied`. A key with access to the base in the path needs no scope. Handlers check bases in bodies."""
    if base is not None:
        grant.check_base(base, KNOWLEDGE[needed])
    elif grant.bases is None or needed == KNOWLEDGE_WRITE:
        grant.check(needed)
