"""Keys and users on SQLite and PostgreSQL alike: making, revoking, logging in, and what other processes change."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from sqlalchemy import select, update

from modelyard.control import guesses
from modelyard.control.key_specs import KeySpec
from modelyard.control.keys import DEFAULT_SCOPES, KeyStore
from modelyard.core.access import Access, Grant
from modelyard.core.errors import (
    BadRequest,
    Conflict,
    InvalidKey,
    InvalidParameter,
    NotFound,
    PermissionDenied,
    RateLimited,
)
from modelyard.db.session import Database
from modelyard.db.tables import Key, User

PASSWORD = "correct horse battery"


@asynccontextmanager
async def opened(url: str, mode: str = "auto", exposed: bool = False) -> AsyncIterator[KeyStore]:
    database = Database(url)
    await database.open()
    keys = KeyStore(database, mode, exposed)
    await keys.load()
    try:
        yield keys
    finally:
        await database.close()


def on(url: str, work: Callable[[KeyStore], Awaitable[None]], mode: str = "auto", exposed: bool = False) -> None:
    async def run() -> None:
        async with opened(url, mode, exposed) as keys:
            await work(keys)

    asyncio.run(run())


def allowed(keys: KeyStore, secret: str) -> Grant | None:
    return keys.access.admit([(b"authorization", f"Bearer {secret}".encode())], time.time())


def test_the_first_key_closes_the_door(database_url: str) -> None:
    async def work(keys: KeyStore) -> None:
        assert not keys.access.required and not keys.usable
        row, secret = await keys.create(KeySpec("me"))
        assert keys.access.required and keys.usable
        assert secret.startswith("my-") and len(secret) == 46 and row.prefix == secret[:8]
        grant = allowed(keys, secret)
        assert grant is not None and grant.allows("models:write")
        with pytest.raises(InvalidKey):
            allowed(keys, secret[:-1])

    on(database_url, work)


def test_the_secret_is_not_kept(database_url: str) -> None:
    async def work(keys: KeyStore) -> None:
        _, secret = await keys.create(KeySpec("me"))
        await keys.create_user("ann", PASSWORD, None)
        database = keys._database
        async with database.session() as session:
            kept = [
                str(vars(row)) for row in [*await session.scalars(select(Key)), *await session.scalars(select(User))]
            ]
        assert secret not in "".join(kept) and PASSWORD not in "".join(kept)

    on(database_url, work)


def test_default_scopes(database_url: str) -> None:
    async def work(keys: KeyStore) -> None:
        small, _ = await keys.create(KeySpec("reader", scopes=("models:read",)))
        first, _ = await keys.create(KeySpec("me"))
        second, _ = await keys.create(KeySpec("other"))
        assert (small.scopes, first.scopes, second.scopes) == (["models:read"], ["admin"], sorted(DEFAULT_SCOPES))

    on(database_url, work)


def test_revoking(database_url: str) -> None:
    async def work(keys: KeyStore) -> None:
        row, secret = await keys.create(KeySpec("me"))
        _, other = await keys.create(KeySpec("twin"))
        await keys.create(KeySpec("twin"))
        with pytest.raises(BadRequest, match="2 keys are called 'twin'"):
            await keys.revoke("twin")
        with pytest.raises(NotFound, match="nobody"):
            await keys.revoke("nobody")
        with pytest.raises(NotFound):
            await keys.revoke("\0")
        await keys.create_user("root", PASSWORD, ("admin",))
        revoked = await keys.revoke(row.id)
        assert revoked.revoked_at
        assert (await keys.revoke(row.id)).revoked_at == revoked.revoked_at
        with pytest.raises(InvalidKey):
            allowed(keys, secret)
        assert allowed(keys, other)
        assert (await keys.revoke(other[:8])).prefix == other[:8]
        assert len(await keys.page()) == 3

    on(database_url, work)


@pytest.mark.parametrize(("exposed", "asked"), [(False, False), (True, True)])
def test_when_the_last_key_is_revoked_only_loopback_opens(database_url: str, exposed: bool, asked: bool) -> None:
    async def work(keys: KeyStore) -> None:
        row, _ = await keys.create(KeySpec("me"))
        await keys.revoke(row.id)
        assert (keys.access.required, keys.usable) == (asked, False)

    on(database_url, work, exposed=exposed)


def test_an_expired_key_does_not_open_the_door(database_url: str) -> None:
    async def work(keys: KeyStore) -> None:
        row, secret = await keys.create(KeySpec("short", expires_in=3600))
        async with keys._database.session() as session:
            await session.execute(update(Key).where(Key.id == row.id).values(expires_at=time.time() - 1))
        await keys.load()
        assert keys.access.required and not keys.usable
        with pytest.raises(InvalidKey, match="expired"):
            allowed(keys, secret)

    on(database_url, work)


@pytest.mark.parametrize(("mode", "asked"), [("on", True), ("off", False)])
def test_the_setting_decides(database_url: str, mode: str, asked: bool) -> None:
    async def work(keys: KeyStore) -> None:
        assert keys.access.required is asked
        await keys.create(KeySpec("me"))
        assert keys.access.required is asked

    on(database_url, work, mode)


def test_nobody_makes_a_key_wider_than_their_own(database_url: str) -> None:
    maker = Grant("1", "maker", frozenset({"keys:create", "models:read"}), frozenset({"a", "b"}), 10, None, None)

    async def work(keys: KeyStore) -> None:
        good = KeySpec("good", scopes=("models:read",), models=("a",), requests_per_minute=10)
        row, _ = await keys.create(good, maker)
        assert row.models == ["a"]
        for bad in (
            KeySpec("bad", scopes=("admin",), models=("a",), requests_per_minute=1),
            KeySpec("bad", models=("a",), requests_per_minute=1),  # models:list is among the defaults
            KeySpec("bad", scopes=("models:read",), models=("a", "c"), requests_per_minute=1),
            KeySpec("bad", scopes=("models:read",), requests_per_minute=1),
            KeySpec("bad", scopes=("models:read",), models=("a",)),
            KeySpec("bad", scopes=("models:read",), models=("a",), requests_per_minute=11),
        ):
            with pytest.raises(PermissionDenied):
                await keys.create(bad, maker)
        with pytest.raises(PermissionDenied):
            await keys.create_user("eve", PASSWORD, ("admin",), maker)

    on(database_url, work)


@pytest.mark.parametrize("name", ["", " x", "a\0b", "a\nb"])
def test_names_that_no_database_or_log_could_take(database_url: str, name: str) -> None:
    async def work(keys: KeyStore) -> None:
        with pytest.raises(InvalidParameter):
            await keys.create(KeySpec(name))
        with pytest.raises(InvalidParameter):
            await keys.create(KeySpec("x", models=(name,)))
        with pytest.raises(InvalidParameter):
            await keys.create_user(name, PASSWORD, None)

    on(database_url, work)


def test_a_login_from_beginning_to_end(database_url: str) -> None:
    async def work(keys: KeyStore) -> None:
        await keys.create_user("小明", PASSWORD, ("models:list",))
        with pytest.raises(Conflict):
            await keys.create_user("小明", PASSWORD, None)
        with pytest.raises(InvalidParameter, match="8 to"):
            await keys.create_user("bob", "short", None)
        for name, password in (("小明", "wrong"), ("nobody", PASSWORD), ("a\0b", "x"), ("小明", "x" * 5000)):
            with pytest.raises(InvalidKey, match="Incorrect username or password"):
                await keys.login(name, password, "::1")
        first = await keys.login("小明", PASSWORD, "::1")
        grant = allowed(keys, first.access)
        assert grant is not None and (grant.user, grant.scopes) == ("小明", frozenset({"models:list"}))
        assert not await keys.page()  # tokens are not listed as keys
        second = await keys.refresh(first.refresh)
        for gone in (first.access, first.refresh):
            with pytest.raises(InvalidKey):
                allowed(keys, gone)
        with pytest.raises(InvalidKey):
            await keys.refresh(first.refresh)
        with pytest.raises(InvalidKey, match="no refresh token"):
            await keys.refresh(second.access)
        grant = allowed(keys, second.access)
        assert grant is not None
        await keys.logout(grant)
        for gone in (second.access, second.refresh):
            with pytest.raises(InvalidKey):
                allowed(keys, gone)

    on(database_url, work)


def test_removing_a_user_ends_their_logins(database_url: str) -> None:
    async def work(keys: KeyStore) -> None:
        user = await keys.create_user("ann", PASSWORD, None)
        login = await keys.login("ann", PASSWORD, "::1")
        assert allowed(keys, login.access)
        for missing in ("bob", "9999999999"):  # more than a column of ids holds
            with pytest.raises(NotFound):
                await keys.remove_user(missing)
        await keys.remove_user(str(user.id))
        assert not await keys.users() and not keys.access.required and not keys.access.grants

    on(database_url, work)


def test_guessing_is_slowed_down_for_who_guesses(database_url: str) -> None:
    async def work(keys: KeyStore) -> None:
        await keys.create_user("ann", PASSWORD, None)
        tries = [keys.login("ann", f"guess-{number}", "10.0.0.1") for number in range(30)]
        ended = await asyncio.gather(*tries, return_exceptions=True)
        tried = sum(isinstance(each, InvalidKey) for each in ended)
        assert tried - guesses.ADDRESS.failures in (0, 1)  # two are looked at at once
        assert sum(isinstance(each, RateLimited) for each in ended) == 30 - tried
        with pytest.raises(RateLimited, match="too many wrong passwords"):
            await keys.login("ann", PASSWORD, "10.0.0.1")
        assert await keys.login("ann", PASSWORD, "10.0.0.2")

    on(database_url, work)


def test_what_another_process_changes_is_seen(database_url: str) -> None:
    async def work(keys: KeyStore) -> None:
        seen: asyncio.Queue[Access] = asyncio.Queue()
        keys.on_change = seen.put_nowait
        watching = asyncio.create_task(keys.run())
        async with opened(database_url) as others:
            row, secret = await others.create(KeySpec("theirs"))
            assert (await asyncio.wait_for(seen.get(), 30)).required
            assert allowed(keys, secret)
            await others.revoke(row.id)
            assert not (await asyncio.wait_for(seen.get(), 30)).grants
            await others.create_user("ann", PASSWORD, None)
            assert (await asyncio.wait_for(seen.get(), 30)).required
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

    on(database_url, work)
