"""The key store: creates, lists and revokes keys and users, logs users in, and publishes the current access rules.
Browser sessions are in `sessions.py`.

A change is published before its call returns. Changes by other processes with this database (the command line, another
server) are found by a small query twice a second.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.control import passwords
from modelyard.control.administrators import is_administered, staying_administered
from modelyard.control.guesses import Guesses
from modelyard.control.key_lookup import locked_key, locked_user, required_key, required_user, user_named
from modelyard.control.key_owners import check_owner, joined_makers, limited_makers, new_owner
from modelyard.control.key_snapshots import (
    KeyRules,
    SessionTimes,
    change_counts,
    is_key,
    read_snapshot,
)
from modelyard.control.key_specs import (
    KeyChange,
    KeySpec,
    check_lines,
    check_narrower,
    checked_bases,
    checked_models,
)
from modelyard.control.logins import end_sessions, end_tokens, end_user_logins
from modelyard.core.access import ADMIN, Access, Grant, Owner, checked_scopes, fingerprint
from modelyard.core.aliases import NO_ALIASES, Aliases
from modelyard.core.errors import (
    BadRequest,
    ChangedMeanwhile,
    Conflict,
    InvalidKey,
    PermissionDenied,
)
from modelyard.core.names import addressable, check_line, composed
from modelyard.db.session import TROUBLE, Database, retried
from modelyard.db.session_tables import SessionRow
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
class Login:
    """An access token and a refresh token."""

    access: str
    refresh: str


class KeyStore:
    """All keys of one database. Use it on one event loop only."""

    def __init__(
        self,
        database: Database,
        mode: str = "auto",
        exposed: bool = False,
        aliases: Aliases = NO_ALIASES,
        times: SessionTimes | None = None,
    ) -> None:
        """`mode` is the setting `auth`. With `exposed`, keys are required even after the last one was revoked."""
        self.rules = KeyRules(mode, exposed, times or SessionTimes(), aliases)
        self.access = Access(required=self.rules.required(False))
        self.exposed = exposed
        self.usable = False
        """Whether there is a key or user that can authenticate."""
        self.on_change: Callable[[Access], None] = lambda access: None
        self._database = database
        self._guesses = Guesses()
        self._guessing = asyncio.Semaphore(2)
        self._loading = asyncio.Lock()
        self._seen: object = None

    async def load(self) -> None:
        """Read all keys, users and sessions from the database and publish them."""
        async with self._loading:  # otherwise an older result could be published over a newer one
            uses = {id: live.use for id, live in self.access.sessions.by_id.items()}
            async with self._database.session() as session:
                snapshot = await read_snapshot(session, self.rules, uses)
            self._seen, self.usable = snapshot.counts, snapshot.usable
            if snapshot.access != self.access:
                self.access = snapshot.access
                self.on_change(snapshot.access)

    async def run(self) -> None:
        """Publish changes of other processes, until cancelled."""
        trouble = False
        while self.rules.mode != "off":
            await asyncio.sleep(LOOK_SECONDS)
            try:
                async with self._database.session() as session:
                    counts = await change_counts(session)
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
        check_lines(spec)
        async with self._database.writing() as session:
            scopes = checked_scopes(spec.scopes or await _default_scopes(session, by))
            check_narrower(spec, scopes, by)
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
                models=checked_models(spec.models),
                bases=checked_bases(spec.bases),
                requests_per_minute=spec.requests_per_minute,
                tokens_per_minute=spec.tokens_per_minute,
                created_at=time.time(),
                expires_at=None if spec.expires_in is None else time.time() + spec.expires_in,
            )
            session.add(row)
        await self.load()
        return row, secret

    async def page(self, limit: int | None = None, after: tuple[float, str] | None = None) -> list[Key]:
        """Keys, including revoked ones, oldest first, after the key with the creation time and id `after`."""
        query = select(Key).where(is_key()).order_by(Key.created_at, Key.id).limit(limit)
        if after is not None:
            query = query.where(tuple_(Key.created_at, Key.id) > after)
        async with self._database.session() as session:
            return [*await session.scalars(query)]

    @retried
    async def change(self, name: str, change: KeyChange, by: Grant | None = None) -> Key:
        """Change the properties of the key of an id, a prefix, or a name that only one key has.

        Raises `PermissionDenied` if the key has, or would have, rights that `by` lacks, and `Conflict` for a revoked key and for
        the last administrator.
        """
        async with self._database.writing() as session, staying_administered(session):
            row = await locked_key(session, name)
            before = KeySpec.of(row)
            check_narrower(before, row.scopes, by)
            if row.revoked_at is not None:
                raise Conflict(f"The key '{row.name}' was revoked; make a new one.")
            spec = change.apply(before)
            check_lines(spec)
            scopes = checked_scopes(spec.scopes or row.scopes)
            check_narrower(spec, scopes, by)
            row.makers = joined_makers(row, by)
            row.name, row.scopes, row.models = spec.name, scopes, checked_models(spec.models)
            row.bases = checked_bases(spec.bases)
            row.requests_per_minute, row.tokens_per_minute = spec.requests_per_minute, spec.tokens_per_minute
            if "expires_in" in change.values:
                row.expires_at = None if spec.expires_in is None else time.time() + spec.expires_in
            row.changes += 1
        await self.load()
        return row

    @retried
    async def revoke(self, name: str) -> Key:
        """Revoke the key of an id, a prefix, or a name that only one key has. A revoked key cannot be restored.

        Raises `Conflict` for the last administrator.
        """
        async with self._database.freeing() as session, staying_administered(session):
            row = await locked_key(session, name)
            if row.revoked_at is None:
                row.revoked_at = time.time()
            await end_sessions(session, SessionRow.key_id == row.id)
        await self.load()
        return row

    @retried
    async def rotate(self, name: str, by: Grant | None = None) -> tuple[Key, str]:
        """Replace a key's secret; everything else stays, including its owner. The old secret is refused from now on, and sessions
        that were begun with it end.

        Raises `PermissionDenied` for a key of another owner, unless `by` is an administrator, and `Conflict` for a revoked key.
        """
        async with self._database.writing() as session:
            row = await required_key(session, name)
            if by is not None and not Owner.of(by).sees(row.owner):
                raise PermissionDenied(f"The key '{by.name}' may only rotate keys of its own owner.")
            check_narrower(KeySpec.of(row), row.scopes, by)
            if row.revoked_at is not None:
                raise Conflict(f"The key '{row.name}' was revoked; make a new one.")
            secret = new_secret()
            row.prefix, row.hash = secret[:SHOWN], fingerprint(secret.encode())
            row.created_at = time.time()  # other processes recognise the change by this column
            await end_sessions(session, SessionRow.key_id == row.id)
        await self.load()
        return row, secret

    async def create_user(
        self, name: str, password: str, scopes: tuple[str, ...] | None, by: Grant | None = None
    ) -> User:
        """Create a user who may log in."""
        check_line("username", name)
        name = addressable("username", composed(name))
        password_hash = await passwords.hashed(password)
        try:
            async with self._database.writing() as session:
                granted = checked_scopes(scopes or await _default_scopes(session, by))
                check_narrower(KeySpec(name), granted, by)
                user = User(
                    name=name, password=password_hash, scopes=granted, owner=new_owner(), created_at=time.time()
                )
                session.add(user)
        except ChangedMeanwhile:
            raise Conflict(f"There is a user '{name}' already.") from None
        await self.load()
        return user

    async def users(self, limit: int | None = None, after: int = 0) -> list[User]:
        """Users, oldest first, after the user with the id `after`."""
        async with self._database.session() as session:
            query = select(User).where(User.id > after).order_by(User.id).limit(limit)
            return [*await session.scalars(query)]

    @retried
    async def change_user(self, name: str, scopes: Sequence[str], by: Grant | None = None) -> User:
        """Give the user of a name or id other scopes, which apply to their logins from the next request on.

        Raises `PermissionDenied` if the user has, or would have, rights that `by` lacks, and `Conflict` for the last
        administrator.
        """
        async with self._database.writing() as session, staying_administered(session):
            user = await locked_user(session, name)  # so that no login begins meanwhile with the old scopes
            check_narrower(KeySpec(user.name), user.scopes, by)
            user.scopes = checked_scopes(scopes)
            check_narrower(KeySpec(user.name), user.scopes, by)
            user.changes += 1
            for row in await session.scalars(select(Key).where(Key.user_id == user.id)):
                if row.scopes != [REFRESH]:
                    row.scopes = user.scopes
        await self.load()
        return user

    @retried
    async def remove_user(self, name: str) -> User:
        """Remove the user of a name or id, and the tokens of their logins. Raises `Conflict` for the last administrator."""
        async with self._database.freeing() as session, staying_administered(session):
            user = await locked_user(session, name)
            await session.execute(delete(Key).where(Key.user_id == user.id))
            await session.delete(user)
            await end_sessions(session, SessionRow.user_id == user.id)
        await self.load()
        return user

    @retried
    async def set_password(self, name: str, password: str, by: Grant | None = None) -> User:
        """Give the user of a name or id another password, which ends all their logins.

        Raises `PermissionDenied` if the user has rights that `by` lacks.
        """
        stored = await passwords.hashed(password)
        async with self._database.freeing() as session:
            user = await required_user(session, name)
            check_narrower(KeySpec(user.name), user.scopes, by)
            user.password = stored
            await end_user_logins(session, user.id)
        await self.load()
        return user

    async def verified(self, name: str, password: str, address: str) -> User:
        """The user of a correct password. Raises `InvalidKey`, or `RateLimited` after too many wrong passwords."""
        self._guesses.check(address, name)  # so that those who must wait do not queue
        async with self._guessing:  # so that parallel attempts are counted too
            self._guesses.check(address, name)
            async with self._database.session() as session:
                user = await user_named(session, name)
            if not await passwords.matches(password, user.password if user else None) or user is None:
                self._guesses.wrong(address, name)
                raise InvalidKey("Incorrect username or password")
            self._guesses.right(address, name)
        return user

    def verified_key(self, secret: str, address: str) -> Grant:
        """The grant of a key. Raises `InvalidKey`, or `RateLimited` after too many wrong secrets."""
        self._guesses.check(address)
        try:
            grant = self.access.grant(secret.encode("utf-8", "replace"), time.time())
        except InvalidKey:
            self._guesses.wrong(address)
            raise
        if REFRESH in grant.scopes:
            raise InvalidKey("A refresh token only gets new tokens.")
        return grant

    async def login(self, name: str, password: str, address: str) -> Login:
        """Return tokens for a correct password. Raises `InvalidKey`, or `RateLimited` after too many wrong passwords."""
        user = await self.verified(name, password, address)
        return await self._issue(user.id, user.password)

    async def refresh(self, token: str) -> Login:
        """Exchange a refresh token for new tokens; it works once."""
        grant = self.access.grant(token.encode("utf-8", "replace"), time.time())
        if REFRESH not in grant.scopes:
            raise InvalidKey("This is no refresh token.")
        async with self._database.writing() as session:
            row = await session.get(Key, grant.id, with_for_update=True)
            if row is None or row.revoked_at is not None or row.user_id is None:
                raise InvalidKey("The refresh token was used or revoked.")
            await end_tokens(session, row.id)
            user = await session.get(User, row.user_id)
            if user is None:
                raise InvalidKey("The user was removed.")
        return await self._issue(user.id, user.password)

    async def logout(self, grant: Grant) -> None:
        """Revoke the tokens of the login to which `grant` belongs."""
        if grant.user is None:
            raise BadRequest("This is an API key, not a login; revoke it with `modelyard key revoke`.")
        async with self._database.freeing() as session:
            await end_tokens(session, grant.id)
        await self.load()

    async def _issue(self, user_id: int, password: str) -> Login:
        """Create the two rows of a login, which differ in the last letter of their ids; delete those that expired long ago.

        `password` is the hash that was checked: a login ends if the password was changed meanwhile.
        """
        now, session_id = time.time(), secrets.token_hex(8)
        access, refresh = new_secret(), new_secret()
        async with self._database.session() as session:
            user = await session.get(User, user_id, with_for_update=True)
            if user is None or user.password != password:
                raise InvalidKey("The user was removed, or has another password now.")
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
    return DEFAULT_SCOPES if by or await is_administered(session) else (ADMIN,)
