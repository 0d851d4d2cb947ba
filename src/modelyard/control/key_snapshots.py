"""Reads all keys, logins and sessions from the database into the `Access` with which requests are checked in memory."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.control.key_owners import quotas, user_grant
from modelyard.core.access import Access, Grant, Quota
from modelyard.core.aliases import NO_ALIASES, Aliases
from modelyard.core.sessions import NO_SESSIONS, LiveSession, Sessions, SessionToken, SessionUse, TokenRole
from modelyard.db.session_tables import SessionRow
from modelyard.db.tables import Key, User

OVERLAP_SECONDS = 60.0
"""How long a session's previous token is accepted, and how long a next token may take to reach the browser."""


SESSION_COLUMNS = (
    SessionRow.id, SessionRow.user_id, SessionRow.key_id, SessionRow.hash, SessionRow.next_hash, SessionRow.next_at,
    SessionRow.previous_hash, SessionRow.previous_until, SessionRow.rotated_at, SessionRow.last_used_at, SessionRow.expires_at,
)  # fmt: skip
"""The columns of sessions that are read, because reading columns is faster than reading objects."""
SessionColumns = Row[Any]


@dataclass(frozen=True, slots=True)
class SessionTimes:
    """The settings of sessions, in seconds."""

    idle: float = 7 * 24 * 3600.0
    lifetime: float = 30 * 24 * 3600.0
    rotation: float = 3600.0


@dataclass(frozen=True, slots=True)
class KeyRules:
    """Settings that decide whether requests need a key."""

    mode: str = "auto"
    """The setting `auth`."""
    exposed: bool = False
    """Whether keys are required even after the last one was revoked."""
    times: SessionTimes = field(default_factory=SessionTimes)
    aliases: Aliases = NO_ALIASES

    def required(self, in_use: bool) -> bool:
        """Whether requests need a key; `in_use` says whether there is a key or user."""
        return self.mode == "on" or (self.mode == "auto" and (self.exposed or in_use))


@dataclass(frozen=True, slots=True)
class KeySnapshot:
    """The keys, logins and sessions at one moment, in the form that checks requests."""

    access: Access
    usable: bool
    """Whether there is a key or user that can authenticate."""
    counts: object
    """Differs whenever a key, user or session has changed."""


async def read_snapshot(session: AsyncSession, rules: KeyRules, uses: Mapping[str, SessionUse]) -> KeySnapshot:
    """Read a snapshot. `uses` has the uses of the previous snapshot's sessions, by session id."""
    counts = await change_counts(session)
    rows = list(await session.scalars(select(Key).where(Key.revoked_at.is_(None))))
    users = {user.id: user for user in await session.scalars(select(User))}
    above = await quotas(session, rows)
    now = time.time()
    columns = select(*SESSION_COLUMNS).where(SessionRow.expires_at > now)
    open_rows: list[SessionColumns] = list(await session.execute(columns))
    usable = bool(users) or any(row.user_id is None and not is_expired(row, now) for row in rows)
    required = rules.required(bool(users) or any(row.user_id is None for row in rows))
    grants = {row.id: _grant(row, users, above, rules.aliases) for row in rows}
    live_sessions = [
        live for row in open_rows if (live := _live(row, grants, users, rules, required, uses)) is not None
    ]
    sessions = _sessions(open_rows, live_sessions) if live_sessions else NO_SESSIONS
    standing = {user.owner: user_grant(user, rules.aliases) for user in users.values()}
    access = Access(required, {row.hash: grants[row.id] for row in rows}, standing, sessions)
    return KeySnapshot(access, usable, counts)


async def change_counts(session: AsyncSession) -> object:
    """The result of a small query that differs whenever a key, user or session has changed."""
    each = (
        func.count(User.id),
        func.max(User.id),
        func.sum(User.changes),
        func.count(SessionRow.number),
        func.max(SessionRow.number),
        func.sum(SessionRow.changes),
    )
    others = [select(column).scalar_subquery() for column in each]
    key_counts = (func.count(Key.id), func.count(Key.revoked_at), func.max(Key.created_at), func.sum(Key.changes))
    counts = select(*key_counts, *others)
    return tuple((await session.execute(counts)).one())


def is_expired(row: Key, now: float) -> bool:
    """Whether a key has expired."""
    return row.expires_at is not None and row.expires_at <= now


def is_key() -> ColumnElement[bool]:
    """The condition that selects API keys and leaves out tokens of logins."""
    return Key.user_id.is_(None)


def _grant(row: Key, users: dict[int, User], above: Mapping[str, Quota], aliases: Aliases) -> Grant:
    return Grant(
        id=row.id,
        owner=row.owner,
        above=tuple(above[each] for each in row.makers or () if each in above),
        name=row.name,
        scopes=frozenset(row.scopes),
        models=None if row.models is None else frozenset(row.models),
        bases=row.bases,
        requests_per_minute=row.requests_per_minute,
        tokens_per_minute=row.tokens_per_minute,
        expires_at=row.expires_at,
        user=users[row.user_id].name if row.user_id in users else None,
        aliases=aliases,
    )


def _live(
    row: SessionColumns,
    grants: Mapping[str, Grant],
    users: dict[int, User],
    rules: KeyRules,
    required: bool,
    uses: Mapping[str, SessionUse],
) -> LiveSession | None:
    """A session that may be used; None for one of a removed user or revoked key, or without any where one is required."""
    grant: Grant | None = None
    if row.user_id is not None:
        if (user := users.get(row.user_id)) is None:
            return None
        grant = replace(user_grant(user, rules.aliases), id=row.id, session=row.id)
    elif row.key_id is not None:
        if (of_key := grants.get(row.key_id)) is None:
            return None
        grant = replace(of_key, session=row.id)
    elif required:
        return None
    use = uses.get(row.id) or SessionUse(row.last_used_at)
    use.at = max(use.at, row.last_used_at)
    if use.renewed != row.next_hash:
        use.renewed = ""
    ends = math.inf if grant is None or grant.expires_at is None else grant.expires_at
    renew_at = row.rotated_at + rules.times.rotation
    if row.next_hash is not None:
        renew_at = max(renew_at, row.next_at + OVERLAP_SECONDS)
    return LiveSession(row.id, grant, min(row.expires_at, ends), rules.times.idle, renew_at, use)


def _sessions(rows: Sequence[SessionColumns], live_sessions: Sequence[LiveSession]) -> Sessions:
    """The sessions with their tokens."""
    by_id = {live.id: live for live in live_sessions}
    tokens: dict[str, SessionToken] = {}
    for row in rows:
        if (live := by_id.get(row.id)) is None:
            continue
        tokens[row.hash] = SessionToken(live, TokenRole.CURRENT)
        if row.next_hash is not None:
            tokens[row.next_hash] = SessionToken(live, TokenRole.NEXT)
        if row.previous_hash is not None:
            tokens[row.previous_hash] = SessionToken(live, TokenRole.PREVIOUS, row.previous_until)
    return Sessions(tokens, by_id)
