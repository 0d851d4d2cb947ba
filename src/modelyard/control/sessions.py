"""Browser sessions: begins, lists, renews and ends them, and records when they were used.

Requests are checked in memory, against the snapshot that the key store publishes. The database is written when a session begins
or ends, when its token is renewed, and every few seconds with the times of last use."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from modelyard.control import passwords
from modelyard.control.key_snapshots import OVERLAP_SECONDS
from modelyard.control.keys import KeyStore
from modelyard.control.logins import end_sessions, end_user_logins
from modelyard.core.access import LOCAL, Grant, Owner
from modelyard.core.errors import BadRequest, ChangedMeanwhile, InvalidKey, InvalidParameter, NotFound, PermissionDenied
from modelyard.core.fingerprints import fingerprint
from modelyard.core.sessions import SessionToken
from modelyard.db.session import TROUBLE, Database, retried
from modelyard.db.session_tables import SessionRow
from modelyard.db.tables import Key, User

T = TypeVar("T")

log = logging.getLogger(__name__)

MOST_SESSIONS = 100
"""Maximum number of sessions of a user, of a key, or without a key. A further one ends the least recently used."""
RENEWAL_SECONDS = 2.0
"""Seconds between two checks of which browsers have sent their next token."""
FLUSH_SECONDS = 10.0
"""Seconds between two writes of the times of last use."""
USER_AGENT_LENGTH = 300
ADDRESS_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Visitor:
    """The browser of a session."""

    user_agent: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token of a session, whose text exists only here and in the browser's cookie."""

    token: str
    expires_at: float
    """Unix time at which the session ends."""


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session that has just begun."""

    row: SessionRow
    issued: IssuedToken


Check = Callable[[AsyncSession], Awaitable[SessionRow]]


class SessionStore:
    """All sessions of one database. Use it on one event loop only."""

    def __init__(self, database: Database, keys: KeyStore, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._keys = keys
        self._times = keys.rules.times
        self._clock = clock
        self._written: dict[str, float] = {}
        """Id of a session → the time of its last use in the database."""
        self._failing = False
        self._no_renewal_until = 0.0
        """On the monotonic clock."""

    async def begin_as_user(self, name: str, password: str, visitor: Visitor, replaced: str = "") -> NewSession:
        """Begin a session for a correct password. Raises `InvalidKey` or `RateLimited`.

        `replaced` is the id of the session that the browser had before, which ends.
        """
        user = await self._keys.verified(name, password, visitor.address)

        async def check(session: AsyncSession) -> SessionRow:
            row = await session.get(User, user.id, with_for_update=True)
            if row is None or row.password != user.password:
                raise InvalidKey("The user was removed, or has another password now.")
            return SessionRow(owner=row.owner, user_id=row.id)

        return await self._begin(check, visitor, replaced)

    async def begin_with_key(self, secret: str, visitor: Visitor, replaced: str = "") -> NewSession:
        """Begin a session with an API key, or with the token of a login. Raises `InvalidKey` or `RateLimited`."""
        grant = self._keys.verified_key(secret, visitor.address)

        async def check(session: AsyncSession) -> SessionRow:
            row = await session.get(Key, grant.id, with_for_update=True)
            if row is None or row.revoked_at is not None or row.hash != fingerprint(secret.encode("utf-8", "replace")):
                raise InvalidKey("The API key is unknown or was revoked.")
            return SessionRow(owner=row.owner, user_id=row.user_id, key_id=None if row.user_id else row.id)

        return await self._begin(check, visitor, replaced)

    async def begin_locally(self, visitor: Visitor, replaced: str = "") -> NewSession:
        """Begin a session on a server that requires no key."""

        async def check(session: AsyncSession) -> SessionRow:
            return SessionRow(owner=LOCAL)

        return await self._begin(check, visitor, replaced)

    @retried
    async def _begin(self, check: Check, visitor: Visitor, replaced: str) -> NewSession:
        """Write a session's row. `check` makes the row of whom it belongs to, in the same transaction."""
        now, token = self._clock(), secrets.token_urlsafe(32)
        async with self._database.writing() as session:
            row = await check(session)
            await self._make_room(session, row, replaced, now)
            row.id, row.hash = secrets.token_hex(8), fingerprint(token.encode())
            row.created_at = row.rotated_at = row.last_used_at = now
            row.expires_at = now + self._times.lifetime
            row.user_agent = _printable(visitor.user_agent)[:USER_AGENT_LENGTH]
            row.address = _printable(visitor.address)[:ADDRESS_LENGTH]
            session.add(row)
        await self._keys.load()
        return NewSession(row, IssuedToken(token, row.expires_at))

    async def _make_room(self, session: AsyncSession, row: SessionRow, replaced: str, now: float) -> None:
        """Delete sessions that have ended, the one that is replaced, and those beyond the most that one may have."""
        ended = (SessionRow.expires_at < now) | (SessionRow.last_used_at < now - self._times.idle)
        await session.execute(delete(SessionRow).where(ended | (SessionRow.id == replaced)))
        whose = (_same(SessionRow.user_id, row.user_id), _same(SessionRow.key_id, row.key_id))
        recent = select(SessionRow.number).where(*whose)
        recent = recent.order_by(SessionRow.last_used_at.desc(), SessionRow.number.desc()).offset(MOST_SESSIONS - 1)
        surplus = list(await session.scalars(recent))
        if surplus:
            await session.execute(delete(SessionRow).where(SessionRow.number.in_(surplus)))

    async def all(self, owner: Owner) -> list[SessionRow]:
        """The open sessions of an owner, the most recently used first, with their latest times of use."""
        by_id = self._keys.access.sessions.by_id
        async with self._database.session() as session:
            rows = list(await session.scalars(select(SessionRow).where(SessionRow.owner == owner.id)))
        now = self._clock()
        sessions = [row for row in rows if row.id in by_id and by_id[row.id].is_open(now)]
        for row in sessions:
            row.last_used_at = max(row.last_used_at, by_id[row.id].use.at)
        return sorted(sessions, key=lambda row: (-row.last_used_at, -row.number))

    @retried
    async def end(self, id: str, owner: Owner) -> None:
        """End a session of an owner. Raises `NotFound`, also for one of another owner."""
        async with self._database.freeing() as session:
            if not await end_sessions(session, SessionRow.id == id, SessionRow.owner == owner.id):
                raise NotFound(f"You have no session '{id}'.")
        await self._keys.load()

    @retried
    async def end_all(self, owner: Owner) -> int:
        """End every session of an owner, and if it is a user, every other login; returns how many have ended."""
        async with self._database.freeing() as session:
            ended = await end_sessions(session, SessionRow.owner == owner.id)
            for user_id in await session.scalars(select(User.id).where(User.owner == owner.id)):
                ended += await end_user_logins(session, user_id)
        await self._keys.load()
        return ended

    async def change_password(
        self, grant: Grant | None, old: str, new: str, address: str
    ) -> tuple[int, IssuedToken | None]:
        """Change the caller's own password, which ends all their other logins; returns how many.

        The caller's session, if it has one, gets another token, which is returned; its former tokens are refused from now on.
        Raises `BadRequest` for a caller that is no user, `InvalidParameter` for a wrong old password or a bad new one.
        """
        if grant is None or grant.user is None:
            raise BadRequest("Only a user has a password, and this request is not one of a user who logged in.")
        stored = await passwords.hashed(new, "new_password")
        try:
            user = await self._keys.verified(grant.user, old, address)
        except InvalidKey:
            raise InvalidParameter("old_password", "it is not the present password.") from None
        ended, issued = await self._store_password(user, stored, grant)
        await self._keys.load()
        return ended, issued

    @retried
    async def _store_password(self, user: User, stored: str, grant: Grant) -> tuple[int, IssuedToken | None]:
        """Write a user's new password, if the old one was not changed meanwhile."""
        async with self._database.writing() as session:
            row = await session.get(User, user.id, with_for_update=True)
            if row is None or row.password != user.password:
                raise PermissionDenied("The password was changed by another request just now.")
            row.password = stored
            ended = await end_user_logins(session, user.id, but=grant.id)
            if not grant.session:
                return ended, None
            token, now = secrets.token_urlsafe(32), self._clock()
            of_caller = await session.scalar(select(SessionRow).where(SessionRow.id == grant.session).with_for_update())
            if of_caller is None:
                return ended, None
            of_caller.hash, of_caller.next_hash, of_caller.previous_hash = fingerprint(token.encode()), None, None
            of_caller.rotated_at = now
            of_caller.changes += 1
            return ended, IssuedToken(token, of_caller.expires_at)

    async def renew(self, token: SessionToken) -> IssuedToken | None:
        """Create the next token of a session that is due for one; None if another request has done so.

        The current token stays valid until the browser has sent the next one, and for a short time after that.
        """
        if not token.is_due(self._clock()) or time.monotonic() < self._no_renewal_until:
            return None
        try:
            return await self._renew(token.session.id)
        except (*TROUBLE, ChangedMeanwhile) as error:
            self._no_renewal_until = (
                time.monotonic() + OVERLAP_SECONDS
            )  # requests need not wait for a database in trouble
            log.warning("a session's token was not renewed: %s", error.message)
            return None

    async def _renew(self, id: str) -> IssuedToken | None:
        now, secret = self._clock(), secrets.token_urlsafe(32)
        async with self._database.writing() as session:
            row = await session.scalar(select(SessionRow).where(SessionRow.id == id).with_for_update())
            if row is None or row.rotated_at + self._times.rotation > now:
                return None
            if row.next_hash is not None and row.next_at + OVERLAP_SECONDS > now:
                return None
            row.next_hash, row.next_at = fingerprint(secret.encode()), now
            row.changes += 1
            expires_at = row.expires_at
        await self._keys.load()
        return IssuedToken(secret, expires_at)

    async def run(self) -> None:
        """Write the changes that were recorded in memory, until cancelled."""
        last_flush = time.monotonic()
        while True:
            await asyncio.sleep(RENEWAL_SECONDS)
            try:
                await self.replace_tokens()
                if time.monotonic() - last_flush >= FLUSH_SECONDS:
                    last_flush = time.monotonic()
                    await self.flush()
                self._failing = False
            except (*TROUBLE, ChangedMeanwhile) as error:
                if not self._failing:
                    log.warning("sessions cannot be written: %s", error.message)
                self._failing = True

    async def replace_tokens(self) -> None:
        """Make the next token current in those sessions whose browser has sent it."""
        sent = {id: live.use.renewed for id, live in self._keys.access.sessions.by_id.items() if live.use.renewed}
        if not sent:
            return
        now = self._clock()
        async with self._database.writing() as session:
            for id, name in sorted(sent.items()):
                values = {
                    SessionRow.previous_hash: SessionRow.hash,
                    SessionRow.previous_until: now + OVERLAP_SECONDS,
                    SessionRow.hash: name,
                    SessionRow.next_hash: None,
                    SessionRow.rotated_at: now,
                    SessionRow.changes: SessionRow.changes + 1,
                }
                await session.execute(
                    update(SessionRow).where(SessionRow.id == id, SessionRow.next_hash == name).values(values)
                )
        await self._keys.load()

    async def flush(self) -> None:
        """Write the times of last use, and read those that other servers with this database have written."""
        by_id = self._keys.access.sessions.by_id
        self._written = {id: at for id, at in self._written.items() if id in by_id}
        used = {id: live.use.at for id, live in by_id.items() if live.use.at > self._written.get(id, 0.0)}
        if not by_id:
            return
        async with self._database.writing() as session:
            for id, at in sorted(used.items()):
                later = (SessionRow.id == id, SessionRow.last_used_at < at)
                await session.execute(update(SessionRow).where(*later).values(last_used_at=at))
            since = self._clock() - 10 * FLUSH_SECONDS
            recent = select(SessionRow.id, SessionRow.last_used_at).where(SessionRow.last_used_at > since)
            others = {row.id: row.last_used_at for row in await session.execute(recent)}
        self._written.update(used)
        for id, at in others.items():
            if (live := by_id.get(id)) is not None:
                live.use.at = max(live.use.at, at)

    async def close(self) -> None:
        """Write the changes that were recorded in memory, before the database is closed."""
        try:
            await self.flush()
        except (*TROUBLE, ChangedMeanwhile) as error:
            log.warning("the last use of sessions was not written: %s", error.message)


def _same(column: InstrumentedAttribute[T], value: object) -> ColumnElement[bool]:
    """Whether a column has a value, which may be None."""
    return column.is_(None) if value is None else column == value


def _printable(text: str) -> str:
    """A text of a stranger without control characters."""
    return "".join(each if each.isprintable() else "?" for each in text)
