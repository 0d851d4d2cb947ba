"""Keys and users: makes, lists and revokes them, logs people in, and publishes who may come in to whoever asks.

A change is published before its call returns. What another process changed, the command line or another server on the same
database, is seen by looking at a few counts twice a second.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.control import passwords
from modelyard.control.key_owners import check_owner, limited_makers, new_owner, quotas
from modelyard.core.access import ADMIN, READ, WRITE, Access, Grant, Owner, Quota, checked_scopes, fingerprint
from modelyard.core.errors import (
    BadRequest,
    ChangedMeanwhile,
    Conflict,
    InvalidKey,
    InvalidParameter,
    NotFound,
    PermissionDenied,
)
from modelyard.core.names import addressable, check_line, composed, spellings
from modelyard.db.session import TROUBLE, Database, retried
from modelyard.db.tables import Key, User

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
PREFIX = "my-"
SHOWN = 8
"""Characters of a secret that are kept for recognition; the other 38 have 228 random bits."""
REFRESH = "refresh"
"""The only scope of the token that gets the next one: it opens nothing else."""
DEFAULT_SCOPES = ("models:list", "models:read")
ACCESS_SECONDS = 24 * 3600
REFRESH_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class KeySpec:
    """What a key shall be."""

    name: str
    scopes: tuple[str, ...] | None = None
    """None for `admin` if nobody has that yet, else for what asking models takes."""
    models: tuple[str, ...] | None = None
    bases: Mapping[str, str] | None = None
    """The only knowledge bases it may use, each with `read` or `write`."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    expires_in: float | None = None
    """Seconds."""
    owner: str | None = None
    """Owner id whose private rows it shares; None for one of its own."""


@dataclass(frozen=True, slots=True)
class Login:
    """Two fresh tokens."""

    access: str
    refresh: str


class KeyStore:
    """All keys of one database. Must be used on one event loop."""

    def __init__(self, database: Database, mode: str = "auto", exposed: bool = False) -> None:
        """`mode` is the setting `auth`; an exposed server asks for keys even when the last one was revoked."""
        self.access = Access(required=_required(mode, exposed, False))
        self.exposed = exposed
        self.usable = False
        """Whether anybody could come in."""
        self.on_change: Callable[[Access], None] = lambda access: None
        self._database = database
        self._mode = mode
        self._guesses = passwords.Guesses()
        self._guessing = asyncio.Semaphore(2)
        self._loading = asyncio.Lock()
        self._seen: object = None

    async def load(self) -> None:
        """Read everything and publish it."""
        async with self._loading:  # or an older reading could be published over a newer one
            await self._load()

    async def _load(self) -> None:
        async with self._database.session() as session:
            self._seen = await _counts(session)
            rows = list(await session.scalars(select(Key).where(Key.revoked_at.is_(None))))
            users = {user.id: user for user in await session.scalars(select(User))}
            above = await quotas(session, rows)
        now = time.time()
        self.usable = bool(users) or any(row.user_id is None and not _expired(row, now) for row in rows)
        in_use = bool(users) or any(row.user_id is None for row in rows)
        grants = {row.hash: _grant(row, users, above) for row in rows}
        access = Access(_required(self._mode, self.exposed, in_use), grants)
        if access != self.access:
            self.access = access
            self.on_change(access)

    async def run(self) -> None:
        """See what other processes change, for as long as the server runs."""
        trouble = False
        while self._mode != "off":
            await asyncio.sleep(LOOK_SECONDS)
            try:
                async with self._database.session() as session:
                    counts = await _counts(session)
                if counts != self._seen:
                    await self.load()
                trouble = False
            except TROUBLE as error:
                if not trouble:
                    log.warning("keys cannot be read: %s", error.message)
                trouble = True

    async def create(self, spec: KeySpec, by: Grant | None = None, secret: str | None = None) -> tuple[Key, str]:
        """A new key and its secret, which is not kept. `by` is who asks: nobody can give more than they have.

        `secret` is taken as it is from who has one already.
        """
        for field, text in (("name", spec.name), *(("models", model) for model in spec.models or ())):
            check_line(field, text)
        async with self._database.writing() as session:
            scopes = checked_scopes(spec.scopes or await _default_scopes(session, by))
            _check_narrower(spec, scopes, by)
            await check_owner(session, spec.owner, by)
            secret, key_id = secret or new_secret(), secrets.token_hex(6)
            row = Key(
                id=key_id,
                owner=spec.owner or key_id,
                makers=limited_makers(by),
                name=spec.name,
                prefix=secret[:SHOWN],
                hash=fingerprint(secret.encode()),
                scopes=scopes,
                models=None if spec.models is None else sorted(set(spec.models)),
                bases=_checked_bases(spec.bases),
                requests_per_minute=spec.requests_per_minute,
                tokens_per_minute=spec.tokens_per_minute,
                created_at=time.time(),
                expires_at=None if spec.expires_in is None else time.time() + spec.expires_in,
            )
            session.add(row)
        await self.load()
        return row, secret

    async def all(self) -> list[Key]:
        """Every key there ever was, oldest first."""
        async with self._database.session() as session:
            return [*await session.scalars(select(Key).where(_is_key()).order_by(Key.created_at, Key.id))]

    @retried
    async def revoke(self, name: str) -> Key:
        """Revoke the key of that id, or prefix, or name if only one has it. Once revoked, it stays so."""
        async with self._database.freeing() as session:
            row = await _named(session, name)
            if row.revoked_at is None:
                row.revoked_at = time.time()
        await self.load()
        return row

    @retried
    async def rotate(self, name: str, by: Grant | None = None) -> tuple[Key, str]:
        """Give a key a new secret; all else stays, its owner too, and the old secret is refused from now on.

        Raises `PermissionDenied` for a key of another owner, unless an administrator asks, and `Conflict` for a revoked one.
        """
        async with self._database.writing() as session:
            row = await _named(session, name)
            if by is not None and not Owner.of(by).sees(row.owner):
                raise PermissionDenied(f"The key '{by.name}' may only rotate keys of its own owner.")
            limits = (row.requests_per_minute, row.tokens_per_minute)
            left = None if row.expires_at is None else row.expires_at - time.time()
            models = None if row.models is None else tuple(row.models)
            _check_narrower(KeySpec(row.name, models=models, bases=row.bases, requests_per_minute=limits[0],
                                   tokens_per_minute=limits[1], expires_in=left), row.scopes, by)  # fmt: skip
            if row.revoked_at is not None:
                raise Conflict(f"The key '{row.name}' was revoked; make a new one.")
            secret = new_secret()
            row.prefix, row.hash = secret[:SHOWN], fingerprint(secret.encode())
            row.created_at = time.time()  # by which other processes see the change
        await self.load()
        return row, secret

    async def create_user(
        self, name: str, password: str, scopes: tuple[str, ...] | None, by: Grant | None = None
    ) -> User:
        """Somebody who may log in."""
        check_line("username", name)
        name = addressable("username", composed(name))
        stored = await passwords.hashed(password)
        try:
            async with self._database.writing() as session:
                granted = checked_scopes(scopes or await _default_scopes(session, by))
                _check_narrower(KeySpec(name), granted, by)
                user = User(name=name, password=stored, scopes=granted, owner=new_owner(), created_at=time.time())
                session.add(user)
        except ChangedMeanwhile:
            raise Conflict(f"There is a user '{name}' already.") from None
        await self.load()
        return user

    async def users(self) -> list[User]:
        """Everybody who may log in."""
        async with self._database.session() as session:
            return [*await session.scalars(select(User).order_by(User.id))]

    @retried
    async def remove_user(self, name: str) -> User:
        """Remove the user of that name or id, and whatever they logged in with."""
        async with self._database.freeing() as session:
            user = await session.scalar(select(User).where(User.name.in_(spellings([name.replace("\0", "")]))))
            if user is None and name.isascii() and name.isdigit() and len(name) < 10:
                user = await session.get(User, int(name))
            if user is None:
                raise NotFound(f"There is no user '{name}'.")
            await session.execute(delete(Key).where(Key.user_id == user.id))
            await session.delete(user)
        await self.load()
        return user

    async def login(self, name: str, password: str, address: str) -> Login:
        """Tokens for who knows the password. Raises `InvalidKey`, and `RateLimited` for who guesses too often."""
        async with self._guessing:  # so that many at once are counted like one after the other
            self._guesses.check(address, name)
            async with self._database.session() as session:
                user = await session.scalar(select(User).where(User.name.in_(spellings([name.replace("\0", "")]))))
            if not await passwords.matches(password, user.password if user else None) or user is None:
                self._guesses.wrong(address, name)
                raise InvalidKey("Incorrect username or password")
        return await self._issue(user.id)

    async def refresh(self, token: str) -> Login:
        """New tokens in place of those of a login; a refresh token works once."""
        grant = self.access.grant(token.encode("utf-8", "replace"), time.time())
        if REFRESH not in grant.scopes:
            raise InvalidKey("This is no refresh token.")
        async with self._database.writing() as session:
            row = await session.get(Key, grant.id, with_for_update=True)
            if row is None or row.revoked_at is not None or row.user_id is None:
                raise InvalidKey("The refresh token was used or revoked.")
            await _end(session, row.id)
            user_id = row.user_id
        return await self._issue(user_id)

    async def logout(self, grant: Grant) -> None:
        """Revoke what a login gave."""
        if grant.user is None:
            raise BadRequest("This is an API key, not a login; revoke it with `modelyard key revoke`.")
        async with self._database.freeing() as session:
            await _end(session, grant.id)
        await self.load()

    async def _issue(self, user_id: int) -> Login:
        """Two rows for a login, told apart by the last letter of their ids; those that expired long ago go."""
        now, session_id = time.time(), secrets.token_hex(8)
        access, refresh = new_secret(), new_secret()
        async with self._database.session() as session:
            user = await session.get(User, user_id)
            if user is None:
                raise InvalidKey("The user was removed.")
            await session.execute(delete(Key).where(Key.user_id.is_not(None), Key.expires_at < now))
            for letter, secret, scopes, seconds in (
                ("a", access, user.scopes, ACCESS_SECONDS),
                ("r", refresh, [REFRESH], REFRESH_SECONDS),
            ):
                session.add(
                    Key(
                        id=session_id + letter,
                        name=user.name,
                        prefix=secret[:SHOWN],
                        hash=fingerprint(secret.encode()),
                        user_id=user.id,
                        owner=user.owner,
                        scopes=scopes,
                        created_at=now,
                        expires_at=now + seconds,
                    )
                )
        await self.load()
        return Login(access, refresh)


def new_secret() -> str:
    """256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


async def _default_scopes(session: AsyncSession, by: Grant | None) -> tuple[str, ...]:
    """`admin` as long as there is no administrator, so that nobody locks themselves out; else what asking models takes."""
    now = time.time()
    rows = await session.scalars(select(Key).where(_is_key(), Key.revoked_at.is_(None)))
    administered = any(ADMIN in row.scopes and not _expired(row, now) for row in rows)
    users = await session.scalars(select(User))
    return DEFAULT_SCOPES if by or administered or any(ADMIN in user.scopes for user in users) else (ADMIN,)


def _required(mode: str, exposed: bool, in_use: bool) -> bool:
    return mode == "on" or (mode == "auto" and (exposed or in_use))


def _expired(row: Key, now: float) -> bool:
    return row.expires_at is not None and row.expires_at <= now


def _is_key() -> ColumnElement[bool]:
    """An API key, and no token of a login."""
    return Key.user_id.is_(None)


async def _named(session: AsyncSession, name: str) -> Key:
    """The key of that id, or prefix, or name if only one has it. Raises `NotFound` or `BadRequest`."""
    name = name.replace("\0", "")  # PostgreSQL has no such character in texts
    query = select(Key).where(_is_key(), (Key.id == name) | (Key.prefix == name) | (Key.name == name))
    found = [*await session.scalars(query.order_by(Key.revoked_at.is_not(None), Key.created_at))]
    live = [row for row in found if row.revoked_at is None]
    exact = [row for row in found if row.id == name]
    if not found:
        raise NotFound(f"There is no key '{name}'.")
    if len(live) > 1 and not exact:
        raise BadRequest(f"{len(live)} keys are called '{name}': {', '.join(row.id for row in live)}. Name one.")
    row: Key = (exact or found)[0]
    return row


def _grant(row: Key, users: dict[int, User], above: Mapping[str, Quota]) -> Grant:
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
    )


def _checked_bases(bases: Mapping[str, str] | None) -> dict[str, str] | None:
    """Raises `InvalidParameter` for a level that is none."""
    for name, level in (bases or {}).items():
        if level not in (READ, WRITE):
            raise InvalidParameter("bases", f"'{level}' for '{name}' is neither '{READ}' nor '{WRITE}'.")
    return None if bases is None else dict(bases)


def _check_narrower(spec: KeySpec, scopes: list[str], by: Grant | None) -> None:
    """Raises `PermissionDenied` if a key would allow more than that of its maker."""
    if by is None or by.allows(ADMIN):
        return
    for scope in scopes:
        by.check(scope)
    for model in spec.models or ():
        by.check_model(model)
    for base, level in (spec.bases or {}).items():
        by.check_base(base, level)
    limits = (
        (by.requests_per_minute, spec.requests_per_minute),
        (by.tokens_per_minute, spec.tokens_per_minute),
        (by.expires_at - time.time() if by.expires_at and by.user is None else None, spec.expires_in),
    )
    wider = any(own is not None and (given is None or given > own) for own, given in limits)
    unnamed = (by.models is not None and spec.models is None) or (by.bases is not None and spec.bases is None)
    if wider or unnamed:
        raise PermissionDenied(f"The key '{by.name}' has limits, and what it makes may not have wider ones.")


async def _end(session: AsyncSession, token_id: str) -> None:
    """Revoke both tokens of a login."""
    both = [token_id[:-1] + "a", token_id[:-1] + "r"]
    await session.execute(update(Key).where(Key.id.in_(both)).values(revoked_at=time.time()))


async def _counts(session: AsyncSession) -> tuple[object, ...]:
    """What changes whenever a key or user does: one small query."""
    users = select(func.count(User.id)).scalar_subquery()
    newest = select(func.max(User.id)).scalar_subquery()
    counts = select(func.count(Key.id), func.count(Key.revoked_at), func.max(Key.created_at), users, newest)
    return tuple((await session.execute(counts)).one())
