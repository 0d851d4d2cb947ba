"""The key store: creates, lists and revokes keys and users, logs users in, and publishes the current access rules.

A change is published before its call returns. Changes by other processes with this database (the command line, another
server) are found by a small query twice a second.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.control import passwords
from modelyard.control.key_owners import check_owner, limited_makers, new_owner, quotas, user_grant
from modelyard.core.access import ADMIN, READ, WRITE, Access, Grant, Owner, Quota, checked_scopes, fingerprint
from modelyard.core.aliases import NO_ALIASES, Aliases
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
"""Characters of a secret that are stored to recognise it; the other 38 have 228 random bits."""
REFRESH = "refresh"
"""The only scope of a refresh token, which serves no other purpose than to get new tokens."""
DEFAULT_SCOPES = ("models:list", "models:read")
ACCESS_SECONDS = 24 * 3600
REFRESH_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class KeySpec:
    """The properties of a key to create."""

    name: str
    scopes: tuple[str, ...] | None = None
    """None stands for `admin` if there is no administrator yet, else for the scopes of inference."""
    models: tuple[str, ...] | None = None
    bases: Mapping[str, str] | None = None
    """The knowledge bases that it may use, each with `read` or `write`; None for all."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    expires_in: float | None = None
    """Seconds."""
    owner: str | None = None
    """Owner id whose private rows the key shares; None for a new one."""


@dataclass(frozen=True, slots=True)
class Login:
    """An access token and a refresh token."""

    access: str
    refresh: str


class KeyStore:
    """All keys of one database. Use it on one event loop only."""

    def __init__(
        self, database: Database, mode: str = "auto", exposed: bool = False, aliases: Aliases = NO_ALIASES
    ) -> None:
        """`mode` is the setting `auth`. With `exposed`, keys are required even after the last one was revoked."""
        self._aliases = aliases
        self.access = Access(required=_required(mode, exposed, False))
        self.exposed = exposed
        self.usable = False
        """Whether there is a key or user that can authenticate."""
        self.on_change: Callable[[Access], None] = lambda access: None
        self._database = database
        self._mode = mode
        self._guesses = passwords.Guesses()
        self._guessing = asyncio.Semaphore(2)
        self._loading = asyncio.Lock()
        self._seen: object = None

    async def load(self) -> None:
        """Read all keys and users from the database and publish them."""
        async with self._loading:  # otherwise an older result could be published over a newer one
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
        grants = {row.hash: _grant(row, users, above, self._aliases) for row in rows}
        standing = {user.owner: user_grant(user, self._aliases) for user in users.values()}
        access = Access(_required(self._mode, self.exposed, in_use), grants, standing)
        if access != self.access:
            self.access = access
            self.on_change(access)

    async def run(self) -> None:
        """Publish changes of other processes, until cancelled."""
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
        """Create a key; returns it and its secret, which is not stored. A key never has more rights than `by`, which creates it.

        `secret` is used instead of a random one if given.
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
        """Every key, revoked ones included, oldest first."""
        async with self._database.session() as session:
            return [*await session.scalars(select(Key).where(_is_key()).order_by(Key.created_at, Key.id))]

    @retried
    async def revoke(self, name: str) -> Key:
        """Revoke the key of an id, a prefix, or a name that only one key has. A revoked key cannot be restored."""
        async with self._database.freeing() as session:
            row = await _named(session, name)
            if row.revoked_at is None:
                row.revoked_at = time.time()
        await self.load()
        return row

    @retried
    async def rotate(self, name: str, by: Grant | None = None) -> tuple[Key, str]:
        """Replace a key's secret; everything else stays, including its owner. The old secret is refused from now on.

        Raises `PermissionDenied` for a key of another owner, unless `by` is an administrator, and `Conflict` for a revoked key.
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
            row.created_at = time.time()  # other processes recognise the change by this column
        await self.load()
        return row, secret

    async def create_user(
        self, name: str, password: str, scopes: tuple[str, ...] | None, by: Grant | None = None
    ) -> User:
        """Create a user who may log in."""
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
        """All users."""
        async with self._database.session() as session:
            return [*await session.scalars(select(User).order_by(User.id))]

    @retried
    async def remove_user(self, name: str) -> User:
        """Remove the user of a name or id, and the tokens of their logins."""
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
        """Return tokens for a correct password. Raises `InvalidKey`, or `RateLimited` after too many wrong passwords."""
        async with self._guessing:  # so that parallel attempts are counted too
            self._guesses.check(address, name)
            async with self._database.session() as session:
                user = await session.scalar(select(User).where(User.name.in_(spellings([name.replace("\0", "")]))))
            if not await passwords.matches(password, user.password if user else None) or user is None:
                self._guesses.wrong(address, name)
                raise InvalidKey("Incorrect username or password")
        return await self._issue(user.id)

    async def refresh(self, token: str) -> Login:
        """Exchange a refresh token for new tokens; it works once."""
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
        """Revoke the tokens of the login to which `grant` belongs."""
        if grant.user is None:
            raise BadRequest("This is an API key, not a login; revoke it with `modelyard key revoke`.")
        async with self._database.freeing() as session:
            await _end(session, grant.id)
        await self.load()

    async def _issue(self, user_id: int) -> Login:
        """Create the two rows of a login, which differ in the last letter of their ids; delete those that expired long ago."""
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
    """A secret with 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


async def _default_scopes(session: AsyncSession, by: Grant | None) -> tuple[str, ...]:
    """`admin` while there is no administrator, so that nobody locks themselves out; else the scopes of inference."""
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
    """Selects API keys, and no tokens of logins."""
    return Key.user_id.is_(None)


async def _named(session: AsyncSession, name: str) -> Key:
    """The key of an id, a prefix, or a name that only one key has. Raises `NotFound` or `BadRequest`."""
    name = name.replace("\0", "")  # PostgreSQL texts cannot contain this character
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


def _checked_bases(bases: Mapping[str, str] | None) -> dict[str, str] | None:
    """Check the access levels of bases. Raises `InvalidParameter` for an unknown level."""
    for name, level in (bases or {}).items():
        if level not in (READ, WRITE):
            raise InvalidParameter("bases", f"'{level}' for '{name}' is neither '{READ}' nor '{WRITE}'.")
    return None if bases is None else dict(bases)


def _check_narrower(spec: KeySpec, scopes: list[str], by: Grant | None) -> None:
    """Raise `PermissionDenied` if a key would allow more than the key that creates it."""
    if by is None or by.allows(ADMIN):
        return
    for scope in scopes:
        by.check(scope)
    exactly = replace(by, aliases=NO_ALIASES)  # tomorrow an alias may stand for another model
    for model in spec.models or ():
        exactly.check_model(model)
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
    """A small query whose result differs whenever a key or user has changed."""
    users = select(func.count(User.id)).scalar_subquery()
    newest = select(func.max(User.id)).scalar_subquery()
    counts = select(func.count(Key.id), func.count(Key.revoked_at), func.max(Key.created_at), users, newest)
    return tuple((await session.execute(counts)).one())
