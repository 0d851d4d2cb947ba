"""Converts keys and users to response bodies, without secrets and their hashes."""

from __future__ import annotations

import time

from modelyard.db.tables import Key, User
from modelyard.protocol import keys as bodies


def key_info(row: Key) -> bodies.KeyInfo:
    """A key without its secret."""
    return bodies.KeyInfo(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        owner=row.owner,
        scopes=row.scopes,
        models=row.models,
        bases=row.bases,
        requests_per_minute=row.requests_per_minute,
        tokens_per_minute=row.tokens_per_minute,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
        usable=row.revoked_at is None and (row.expires_at is None or row.expires_at > time.time()),
    )


def user_info(user: User) -> bodies.UserInfo:
    """A user without the hash of the password."""
    return bodies.UserInfo(
        id=user.id, username=user.name, owner=user.owner, scopes=user.scopes, created_at=user.created_at
    )
