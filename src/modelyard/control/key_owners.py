"""Owner ids of users and keys: what a new one is, and who may make a key that shares an existing one."""

from __future__ import annotations

import secrets

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.core.access import Grant, Owner
from modelyard.core.errors import InvalidParameter, PermissionDenied
from modelyard.db.tables import Key, User


def new_owner() -> str:
    """An owner id for a user."""
    return f"user-{secrets.token_hex(8)}"


async def check_owner(session: AsyncSession, owner: str | None, by: Grant | None) -> None:
    """Raises for an owner id that a new key may not have: `InvalidParameter` if nobody has it, `PermissionDenied` if it is
    not that of who asks, who is no administrator."""
    if owner is None:
        return
    if by is not None and not Owner.of(by).sees(owner):
        raise PermissionDenied(f"The key '{by.name}' may only make keys of its own owner.")
    for table in (Key, User):
        if await session.scalar(select(table.id).where(table.owner == owner).limit(1)) is not None:
            return
    raise InvalidParameter("owner", "no key or user has this owner id; `modelyard key list --json` shows them.")
