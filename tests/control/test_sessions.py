"""Sessions on SQLite and PostgreSQL alike: beginning, rotation, ends, passwords, and what other processes change."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress

import pytest
from sqlalchemy import select, update

from modelyard.control import sessions as module
from modelyard.control.key_snapshots import OVERLAP_SECONDS, SessionTimes
from modelyard.control.key_specs import KeySpec
from modelyard.control.keys import KeyStore
from modelyard.control.sessions import IssuedToken, SessionStore, Visitor
from modelyard.core.access import LOCAL, Access, Grant, Owner
from modelyard.core.errors import BadRequest, InvalidKey, InvalidParameter, NotFound, PermissionDenied, RateLimited
from modelyard.core.sessions import TokenRole
from modelyard.db import session as db_session
from modelyard.db.session import Database
from modelyard.db.session_tables import SessionRow

PASSWORD, OTHER = "correct horse battery", "another horse battery"
BROWSER = Visitor("Firefox\x1b", "10.0.0.1")
Work = Callable[[KeyStore, SessionStore, list[float]], Awaitable[None]]


def on(url: str, work: Work, times: SessionTimes | None = None) -> None:
    """Run `work` with a key store, a session store, and seconds by which the clock of the latter is ahead."""

    async def run() -> None:
        ahead = [0.0]
        database = Database(url)
        await database.open()
        keys = KeyStore(database, times=times)
        await keys.load()
        try:
            await work(keys, SessionStore(database, keys, lambda: time.time() + ahead[0]), ahead)
        finally:
            await database.close()

    asyncio.run(run())


def admitted(keys: KeyStore, token: str, ahead: float = 0.0) -> Grant | None:
    return keys.access.admit([(b"cookie", f"modelyard_session={token}".encode())], time.time() + ahead)


def refused(keys: KeyStore, token: str, ahead: float = 0.0) -> bool:
    with suppress(InvalidKey):
        admitted(keys, token, ahead)
        return False
    return True


def test_a_session_has_the_rights_of_its_user_and_the_token_is_not_stored(database_url: str) -> None:
    async def work(keys: KeyStore, sessions: SessionStore, ahead: list[float]) -> None:
        user = await keys.create_user("ann", PASSWORD, ("models:list",))
        for name, password in (("ann", "wrong"), ("nobody", PASSWORD)):
            with pytest.raises(InvalidKey, match="Incorrect username or password"):
                await sessions.begin_as_user(name, password, BROWSER)
        new = await sessions.begin_as_user("ann", PASSWORD, BROWSER)
        grant = admitted(keys, new.issued.token)
        assert grant is not None and (grant.user, grant.owner, grant.session) == ("ann", user.owner, new.row.id)
        assert grant.scopes == frozenset({"models:list"}) and new.row.user_agent == "Firefox?"
        async with keys._database.session() as session:
            stored = [str(vars(row)) for row in await session.scalars(select(SessionRow))]
        assert len(stored) == 1 and new.issued.token not in stored[0]
        again = await sessions.begin_as_user("ann", PASSWORD, BROWSER, replaced=new.row.id)
        assert refused(keys, new.issued.token) and admitted(keys, again.issued.token)

    on(database_url, work)


def test_a_session_has_the_rights_and_limits_of_its_key(database_url: str) -> None:
    async def work(keys: KeyStore, sessions: SessionStore, ahead: list[float]) -> None:
        await keys.create(KeySpec("root"))
        spec = KeySpec("app", ("models:read",), models=("m",), requests_per_minute=3)
        row, secret = await keys.create(spec)
        with pytest.raises(InvalidKey):
            await sessions.begin_with_key("my-guess", BROWSER)
        new = await sessions.begin_with_key(secret, BROWSER)
        grant = admitted(keys, new.issued.token)
        assert grant is not None and (grant.id, grant.session, grant.owner) == (row.id, new.row.id, row.owner)
        assert grant.models == frozenset({"m"}) and grant.quotas[0].requests_per_minute == 3
        with pytest.raises(InvalidKey):
            await sessions.begin_with_key(new.issued.token, BROWSER)  # a session's token is no key
        _, secret = await keys.rotate(row.id)
        assert refused(keys, new.issued.token)
        new = await sessions.begin_with_key(secret, BROWSER)
        await keys.revoke(row.id)
        assert refused(keys, new.issued.token)
        with pytest.raises(InvalidKey):
            await sessions.begin_with_key(secret, BROWSER)

    on(database_url, work)


def test_a_session_by_the_token_of_a_login_is_its_users(database_url: str) -> None:
    async def work(keys: KeyStore, sessions: SessionStore, ahead: list[float]) -> None:
        await keys.create(KeySpec("root"))
        user = await keys.create_user("ann", PASSWORD, None)
        login = await keys.login("ann", PASSWORD, "::1")
        new = await sessions.begin_with_key(login.access, BROWSER)
        assert (new.row.user_id, new.row.key_id) == (user.id, None)
        with pytest.raises(InvalidKey, match="refresh token"):
            await sessions.begin_with_key(login.refresh, BROWSER)
        await keys.remove_user("ann")
        assert refused(keys, new.issued.token) and not keys.access.sessions.tokens

    on(database_url, work)


def test_wrong_keys_are_bounded_like_wrong_passwords(sqlite_url: str) -> None:
    async def work(keys: KeyStore, sessions: SessionStore, ahead: list[float]) -> None:
        _, secret = await keys.create(KeySpec("me"))
        for number in range(10):
            with pytest.raises(InvalidKey):
                await sessions.begin_with_key(f"my-{number}", BROWSER)
        with pytest.raises(RateLimited):
            await sessions.begin_with_key(secret, BROWSER)
        assert await sessions.begin_with_key(secret, Visitor("", "10.0.0.2"))

    on(sqlite_url, work)


def test_a_session_without_a_key_ends_when_one_is_required(database_url: str) -> None:
    async def work(keys: KeyStore, sessions: SessionStore, ahead: list[float]) -> None:
        new = await sessions.begin_locally(BROWSER)
        assert admitted(keys, new.issued.token) is None and new.row.owner == LOCAL
        assert [row.id for row in await sessions.all(Owner(LOCAL))] == [new.row.id]
        await keys.create(KeySpec("me"))
        assert refused(keys, new.issued.token)

    on(database_url, work)


async def renewed(keys: KeyStore, sessions: SessionStore, token: str, ahead: list[float]) -> IssuedToken | None:
    """The next token that a request with this one gets."""
    found = keys.access.sessions.find([(b"cookie", f"modelyard_session={token}".encode())], time.time() + ahead[0])
    assert found is not None
    return await sessions.renew(found)


def test_a_token_is_renewed_and_the_old_one_stays_until_the_browser_has_the_new_one(database_url: str) -> None:
    async def work(keys: KeyStore, sessions: SessionStore, ahead: list[float]) -> None:
        await keys.create_user("ann", PASSWORD, None)
        old = (await sessions.begin_as_user("ann", PASSWORD, BROWSER)).issued.token
        assert await renewed(keys, sessions, old, ahead) is None
        ahead[0] = 3601.0
        parallel = await asyncio.gather(*(renewed(keys, sessions, old, ahead) for _ in range(5)))
        issued = [each for each in parallel if each is not None]
        assert len(issued) == 1 and admitted(keys, old, ahead[0])
        ahead[0] += OVERLAP_SECONDS + 1  # the answer with the first one was lost
        second = await renewed(keys, sessions, old, ahead)
        assert second is not None and refused(keys, issued[0].token, ahead[0])
        assert admitted(keys, second.token, ahead[0])
        assert await renewed(keys, sessions, second.token, ahead) is None
        await sessions.replace_tokens()
        assert admitted(keys, old, ahead[0]) and admitted(keys, second.token, ahead[0])
        roles = {token.role for token in keys.access.sessions.tokens.values()}
        assert roles == {TokenRole.CURRENT, TokenRole.PREVIOUS}
        await sessions.replace_tokens()
        ahead[0] += OVERLAP_SECONDS + 1
        assert refused(keys, old, ahead[0]) and admitted(keys, second.token, ahead[0])
        assert await renewed(keys, sessions, second.token, ahead) is None
        ahead[0] += 3600.0
        assert await renewed(keys, sessions, second.token, ahead) is not None

    on(database_url, work)


def test_a_token_that_cannot_be_renewed_now_stays(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db_session, "BUSY_TIMEOUT", 0.1)

    async def work(keys: KeyStore, sessions: SessionStore, ahead: list[float]) -> None:
        token = (await sessions.begin_locally(BROWSER)).issued.token
        ahead[0] = 3601.0
        path = keys._database.url.database
        assert path is not None
        with closing(sqlite3.connect(path)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            assert await renewed(keys, sessions, token, ahead) is None
        assert await renewed(keys, sessions, token, ahead) is None, "the next requests do not wait for the database"
        monkeypatch.setattr(sessions, "_no_renewal_until", 0.0)
        assert await renewed(keys, sessions, token, ahead) is not None

    on(sqlite_url, work)


def test_own_sessions_are_listed_and_ended_and_no_others(database_url: str) -> None:
    async def work(keys: KeyStore, sessions: SessionStore, ahead: list[float]) -> None:
        ann = await keys.create_user("ann", PASSWORD, ("admin",))
        await keys.create_user("bob", PASSWORD, None)
        mine = [await sessions.begin_as_user("ann", PASSWORD, BROWSER) for _ in range(3)]
        others = await sessions.begin_as_user("bob", PASSWORD, BROWSER)
        login = await keys.login("ann", PASSWORD, "::1")
        owner = Owner(ann.owner, everything=True)
        assert [row.id for row in await sessions.all(owner)] == [each.row.id for each in reversed(mine)]
        ahead[0] = 5.0
        assert admitted(keys, mine[0].issued.token, ahead[0])
        listed = await sessions.all(owner)
        assert listed[0].id == mine[0].row.id and listed[0].last_used_at > listed[0].created_at
        for id in (others.row.id, "nothing"):
            with pytest.raises(NotFound):
                await sessions.end(id, owner)
        await sessions.end(mine[1].row.id, owner)
        assert refused(keys, mine[1].issued.token) and admitted(keys, mine[2].issued.token)
        assert await sessions.end_all(owner) == 3  # two sessions and a login
        assert refused(keys, mine[0].issued.token) and admitted(keys, others.issued.token)
        with pytest.raises(InvalidKey):
            keys.access.admit([(b"x-api-key", login.access.encode())], 0.0)

    on(database_url, work)


def test_the_own_password(database_url: str) -> None:
    async def work(keys: KeyStore, sessions: SessionStore, ahead: list[float]) -> None:
        await keys.create_user("ann", PASSWORD, None)
        here, there = [await sessions.begin_as_user("ann", PASSWORD, BROWSER) for _ in range(2)]
        login = await keys.login("ann", PASSWORD, "::1")
        grant = admitted(keys, here.issued.token)
        with pytest.raises(InvalidParameter, match="not the present password") as wrong:
            await sessions.change_password(grant, "wrong", OTHER, "::1")
        assert wrong.value.param == "old_password"
        with pytest.raises(InvalidParameter, match="8 to") as short:
            await sessions.change_password(grant, PASSWORD, "short", "::1")
        assert short.value.param == "new_password"
        ended, issued = await sessions.change_password(grant, PASSWORD, OTHER, "::1")
        assert ended == 2 and issued is not None
        assert refused(keys, here.issued.token) and refused(keys, there.issued.token)
        assert admitted(keys, issued.token)
        with pytest.raises(InvalidKey):
            keys.access.grant(login.access.encode(), 0.0)
        with pytest.raises(InvalidKey):
            await sessions.begin_as_user("ann", PASSWORD, BROWSER)
        login = await keys.login("ann", OTHER, "::1")
        by_token = keys.access.grant(login.access.encode(), 0.0)
        assert await sessions.change_password(by_token, OTHER, PASSWORD, "::1") == (1, None)
        assert keys.access.grant(login.access.encode(), 0.0) and refused(keys, issued.token)
        assert await keys.refresh(login.refresh)
        for nobody in (None, Grant("k", "key", frozenset({"admin"}))):
            with pytest.raises(BadRequest, match="Only a user"):
                await sessions.change_password(nobody, PASSWORD, OTHER, "::1")

    on(database_url, work)


def test_a_password_that_somebody_else_sets(database_url: str) -> None:
    async def work(keys: KeyStore, sessions: SessionStore, ahead: list[float]) -> None:
        await keys.create_user("root", PASSWORD, ("admin",))
        await keys.create_user("ann", PASSWORD, ("models:list",))
        small = Grant("k", "small", frozenset({"users:manage", "models:list"}))
        new = await sessions.begin_as_user("ann", PASSWORD, BROWSER)
        with pytest.raises(PermissionDenied):
            await keys.set_password("root", OTHER, small)
        with pytest.raises(NotFound):
            await keys.set_password("nobody", OTHER, small)
        with pytest.raises(InvalidParameter, match="8 to"):
            await keys.set_password("ann", "short", small)
        assert (await keys.set_password("ann", OTHER, small)).name == "ann"
        assert refused(keys, new.issued.token)
        assert await sessions.begin_as_user("ann", OTHER, BROWSER)

    on(database_url, work)


def test_a_login_with_a_password_that_is_changed_meanwhile_is_none(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(keys: KeyStore, sessions: SessionStore, ahead: list[float]) -> None:
        await keys.create_user("ann", PASSWORD, None)
        verified = keys.verified

        async def slowly(name: str, password: str, address: str) -> object:
            user = await verified(name, password, address)
            await keys.set_password("ann", OTHER)
            return user

        monkeypatch.setattr(keys, "verified", slowly)
        for login in (sessions.begin_as_user("ann", PASSWORD, BROWSER), keys.login("ann", OTHER, "::1")):
            with pytest.raises(InvalidKey, match="another password now"):
                await login

    on(database_url, work)


def test_only_so_many_sessions_of_one_user(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SESSIONS", 5)

    async def work(keys: KeyStore, sessions: SessionStore, ahead: list[float]) -> None:
        _, key = await keys.create(KeySpec("me"))
        _, other = await keys.create(KeySpec("other"))
        theirs = await sessions.begin_with_key(other, BROWSER)
        tokens = [(await sessions.begin_with_key(key, BROWSER)).issued.token for _ in range(40)]
        assert all(refused(keys, each) for each in tokens[:-5]) and all(admitted(keys, each) for each in tokens[-5:])
        assert admitted(keys, theirs.issued.token) and len(keys.access.sessions.tokens) == 6

    on(database_url, work)


def test_rows_of_sessions_that_have_ended_are_deleted(database_url: str) -> None:
    async def work(keys: KeyStore, sessions: SessionStore, ahead: list[float]) -> None:
        await keys.create_user("ann", PASSWORD, None)
        old, idle = [await sessions.begin_as_user("ann", PASSWORD, BROWSER) for _ in range(2)]
        async with keys._database.session() as session:
            await session.execute(update(SessionRow).where(SessionRow.id == old.row.id).values(expires_at=1.0))
            await session.execute(update(SessionRow).where(SessionRow.id == idle.row.id).values(last_used_at=1.0))
        new = await sessions.begin_as_user("ann", PASSWORD, BROWSER)
        async with keys._database.session() as session:
            assert list(await session.scalars(select(SessionRow.id))) == [new.row.id]

    on(database_url, work)


def test_what_another_process_changes_is_seen_and_uses_are_shared(database_url: str) -> None:
    async def work(keys: KeyStore, sessions: SessionStore, ahead: list[float]) -> None:
        seen: asyncio.Queue[Access] = asyncio.Queue()
        await keys.create_user("ann", PASSWORD, None)
        keys.on_change = seen.put_nowait
        watching = asyncio.create_task(keys.run())
        database = Database(database_url)
        others = KeyStore(database)
        await others.load()
        elsewhere = SessionStore(database, others)
        try:
            new = await elsewhere.begin_as_user("ann", PASSWORD, BROWSER)
            await asyncio.wait_for(seen.get(), 60)
            assert admitted(keys, new.issued.token, 30.0)
            await sessions.flush()
            await elsewhere.flush()
            one, two = keys.access.sessions.by_id[new.row.id], others.access.sessions.by_id[new.row.id]
            assert one.use.at == two.use.at > new.row.created_at + 20
            await others.set_password("ann", OTHER)
            await asyncio.wait_for(seen.get(), 60)
            assert refused(keys, new.issued.token)
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            await database.close()

    on(database_url, work)


def test_times_of_last_use_are_written(sqlite_url: str) -> None:
    async def work(keys: KeyStore, sessions: SessionStore, ahead: list[float]) -> None:
        new = await sessions.begin_locally(BROWSER)
        live = keys.access.sessions.by_id[new.row.id]
        live.use.at = new.row.created_at + 20
        await sessions.close()
        async with keys._database.session() as session:
            assert await session.scalar(select(SessionRow.last_used_at)) == live.use.at

    on(sqlite_url, work)
