"""Relations between keys: the owner ids and rights of users, and the limits of keys that create other keys."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.core.access import Grant, Owner, Quota
from modelyard.core.aliases import Aliases
from modelyard.core.errors import InvalidParameter, PermissionDenied
from modelyard.db.tables import Key, User


def new_owner() -> str:
    """Create an owner id for a user."""
    return f"user-{secrets.token_hex(8)}"


async def check_owner(session: AsyncSession, owner: str | None, by: Grant | None) -> None:
    """Raise `InvalidParameter` if no key or user has this owner id, and `PermissionDenied` if it is not the owner id of `by`,
    unless `by` is an administrator."""
    if owner is None:
        return
    if by is not None and not Owner.of(by).sees(owner):
        raise PermissionDenied(f"The key '{by.name}' may only make keys of its own owner.")
    for table in (Key, User):
        if await session.scalar(select(table.id).where(table.owner == owner).limit(1)) is not None:
            return
    raise InvalidParameter("owner", "no key or user has this owner id; `modelyard key list --json` shows them.")


def limited_makers(by: Grant | None) -> list[str] | None:
    """Ids of the keys whose limits a new key shares: the key that creates it, if limited, and those that it shares itself."""
    limited = [quota for quota in by.quotas if quota.requests_per_minute or quota.tokens_per_minute] if by else []
    return [quota.id for quota in limited] or None


def joined_makers(row: Key, by: Grant | None) -> list[str] | None:
    """The makers of a key once `by` has changed it: who is limited gets no further limits by changing keys of others."""
    further = [each for each in limited_makers(by) or () if each != row.id]
    return list(dict.fromkeys([*(row.makers or ()), *further])) or None


async def quotas(session: AsyncSession, keys: Sequence[Key]) -> dict[str, Quota]:
    """Id of each key that created others → its limits, which apply to those keys even after it was revoked."""
    names = {each for key in keys for each in key.makers or ()}
    if not names:
        return {}
    rows = await session.scalars(select(Key).where(Key.id.in_(names)))
    return {row.id: Quota(row.id, row.requests_per_minute, row.tokens_per_minute) for row in rows}


def user_grant(user: User, aliases: Aliases) -> Grant:
    """The rights of a user, without a login."""
    return Grant(
        id=user.owner,
        owner=user.owner,
        name=user.name,
        scopes=frozenset(user.scopes),
        user=user.name,
        aliases=aliases,
    )
