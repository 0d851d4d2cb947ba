"""Finds the rows of users and keys by name, id or prefix."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.control.key_snapshots import is_key
from modelyard.core.errors import BadRequest, NotFound
from modelyard.core.names import spellings
from modelyard.db.tables import Key, User


async def user_named(session: AsyncSession, name: str) -> User | None:
    """The user of a name, in any spelling that is equal to it."""
    plain = name.replace("\0", "")  # PostgreSQL texts cannot contain this character
    user: User | None = await session.scalar(select(User).where(User.name.in_(spellings([plain]))))
    return user


async def required_user(session: AsyncSession, name: str) -> User:
    """The user of a name or id. Raises `NotFound`."""
    user = await user_named(session, name)
    if user is None and name.isascii() and name.isdigit() and len(name) < 10:
        user = await session.get(User, int(name))
    if user is None:
        raise NotFound(f"There is no user '{name}'.")
    return user


async def required_key(session: AsyncSession, name: str) -> Key:
    """The key of an id, a prefix, or a name that only one key has. Raises `NotFound` or `BadRequest`."""
    name = name.replace("\0", "")  # PostgreSQL texts cannot contain this character
    query = select(Key).where(is_key(), (Key.id == name) | (Key.prefix == name) | (Key.name == name))
    keys = [*await session.scalars(query.order_by(Key.revoked_at.is_not(None), Key.created_at))]
    live = [row for row in keys if row.revoked_at is None]
    exact = [row for row in keys if row.id == name]
    if not keys:
        raise NotFound(f"There is no key '{name}'.")
    if len(live) > 1 and not exact:
        raise BadRequest(f"{len(live)} keys are called '{name}': {', '.join(row.id for row in live)}. Name one.")
    row: Key = (exact or keys)[0]
    return row


async def locked_key(session: AsyncSession, name: str) -> Key:
    """The key that `required_key` finds, locked against changes by other transactions."""
    key = await required_key(session, name)
    row: Key | None = await session.get(Key, key.id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound(f"There is no key '{name}'.")
    return row


async def locked_user(session: AsyncSession, name: str) -> User:
    """The user that `required_user` finds, locked against changes by other transactions."""
    current = await required_user(session, name)
    user: User | None = await session.get(User, current.id, with_for_update=True, populate_existing=True)
    if user is None:
        raise NotFound(f"There is no user '{name}'.")
    return user
