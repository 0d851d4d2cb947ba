"""Ends logins of a user or key in the caller's transaction: the two tokens of `POST /token`, and browser sessions."""

from __future__ import annotations

import time

from sqlalchemy import ColumnElement, CursorResult, Delete, Update, delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.db.session_tables import SessionRow
from modelyard.db.tables import Key


async def end_tokens(session: AsyncSession, token_id: str) -> None:
    """Revoke both tokens of a login."""
    await session.execute(update(Key).where(Key.id.in_(_both(token_id))).values(revoked_at=time.time()))


async def end_user_logins(session: AsyncSession, user_id: int, but: str = "") -> int:
    """End the logins of a user, except the one with the session or token `but`; returns how many have ended."""
    ended = await end_sessions(session, SessionRow.user_id == user_id, SessionRow.id != but)
    tokens = (Key.user_id == user_id, Key.revoked_at.is_(None), Key.id.not_in(_both(but)))
    return ended + await _count(session, update(Key).where(*tokens).values(revoked_at=time.time())) // 2


async def end_sessions(session: AsyncSession, *which: ColumnElement[bool]) -> int:
    """Delete the rows of sessions; returns their number."""
    await session.flush()  # what was changed of a key or user is then locked, and no session is begun with it meanwhile
    return await _count(session, delete(SessionRow).where(*which))


def _both(token_id: str) -> list[str]:
    """The ids of both tokens of a login; they differ in the last letter."""
    return [token_id[:-1] + "a", token_id[:-1] + "r"]


async def _count(session: AsyncSession, change: Update | Delete) -> int:
    result = await session.execute(change)
    return result.rowcount if isinstance(result, CursorResult) else 0
