"""Changes of keys and users: by whom, within which rights, seen by whom, and the last administrator. On both databases."""

from __future__ import annotations

import asyncio
import time

import pytest

from modelyard.control.key_specs import KeyChange, KeySpec
from modelyard.control.keys import KeyStore
from modelyard.core.access import Grant
from modelyard.core.errors import Conflict, InvalidParameter, NotFound, PermissionDenied
from tests.control.test_keys import PASSWORD, allowed, on, opened

INFERENCE = ("models:list", "models:read")


def held(keys: KeyStore, secret: str) -> Grant:
    grant = allowed(keys, secret)
    assert grant is not None
    return grant


def test_what_is_not_named_stays(database_url: str) -> None:
    async def work(keys: KeyStore) -> None:
        await keys.create(KeySpec("root"))
        row, secret = await keys.create(
            KeySpec("app", INFERENCE, models=("m",), requests_per_minute=5, expires_in=100.0)
        )
        ends = row.expires_at
        assert ends is not None
        changed = await keys.change("app", KeyChange({"models": None, "tokens_per_minute": 7}))
        assert (changed.models, changed.requests_per_minute, changed.tokens_per_minute) == (None, 5, 7)
        assert changed.expires_at == ends and changed.scopes == ["models:list", "models:read"]
        grant = held(keys, secret)
        assert grant.models is None and grant.tokens_per_minute == 7
        changed = await keys.change(row.id, KeyChange({"name": "应用", "expires_in": None, "scopes": ["models:stop"]}))
        assert (changed.name, changed.expires_at, changed.scopes) == ("应用", None, ["models:write"])
        assert not held(keys, secret).allows("models:read")
        changed = await keys.change(row.id, KeyChange({"expires_in": 1000.0}))
        assert changed.expires_at is not None and 990 < changed.expires_at - time.time() <= 1000

    on(database_url, work)


@pytest.mark.parametrize(
    "values", [{"scopes": ["root"]}, {"name": "a\nb"}, {"bases": {"b": "all"}}, {"models": [" m"]}]
)
def test_wrong_values_change_nothing(database_url: str, values: dict[str, object]) -> None:
    async def work(keys: KeyStore) -> None:
        await keys.create(KeySpec("root"))
        row, _ = await keys.create(KeySpec("app"))
        with pytest.raises(InvalidParameter):
            await keys.change("app", KeyChange(values))
        [after] = [each for each in await keys.page() if each.id == row.id]
        assert (after.name, after.scopes, after.bases, after.models) == ("app", row.scopes, None, None)
        with pytest.raises(NotFound):
            await keys.change("nobody", KeyChange({"name": "x"}))

    on(database_url, work)


def test_nobody_gives_or_takes_rights_that_they_lack(database_url: str) -> None:
    async def work(keys: KeyStore) -> None:
        await keys.create(KeySpec("root"))
        limits = KeySpec("manager", (*INFERENCE, "keys:manage", "users:manage"), models=("m",), requests_per_minute=10)
        _, secret = await keys.create(limits)
        by = held(keys, secret)
        await keys.create(KeySpec("narrow", INFERENCE, models=("m",), requests_per_minute=5))
        for values in (
            {"scopes": ["models:write"]},
            {"models": None},
            {"models": ["m", "n"]},
            {"requests_per_minute": None},
            {"requests_per_minute": 11},
        ):
            with pytest.raises(PermissionDenied):
                await keys.change("narrow", KeyChange(values), by)
        changed = await keys.change("narrow", KeyChange({"requests_per_minute": 10, "scopes": ["models:read"]}), by)
        assert (changed.requests_per_minute, changed.scopes) == (10, ["models:read"])
        with pytest.raises(PermissionDenied):
            await keys.change("root", KeyChange({"scopes": ["models:read"]}), by)
        await keys.create_user("ann", PASSWORD, ("admin",))
        with pytest.raises(PermissionDenied):
            await keys.change_user("ann", ["models:read"], by)

    on(database_url, work)


def test_scopes_of_users_hold_in_present_logins(database_url: str) -> None:
    async def work(keys: KeyStore) -> None:
        await keys.create(KeySpec("root"))
        await keys.create_user("ann", PASSWORD, INFERENCE)
        login = await keys.login("ann", PASSWORD, "here")
        assert not held(keys, login.access).allows("models:write")
        changed = await keys.change_user("ann", ["models:start", "models:read"])
        assert changed.scopes == ["models:read", "models:write"]
        assert held(keys, login.access).scopes == frozenset({"models:read", "models:write"})
        again = await keys.refresh(login.refresh)
        assert held(keys, again.access).allows("models:write")
        with pytest.raises(InvalidParameter):
            await keys.change_user("ann", ["root"])

    on(database_url, work)


def test_the_last_administrator_stays(database_url: str) -> None:
    async def work(keys: KeyStore) -> None:
        await keys.create_user("ann", PASSWORD, None)
        await keys.create_user("ben", PASSWORD, INFERENCE)
        with pytest.raises(Conflict, match="last administrator"):
            await keys.remove_user("ann")
        with pytest.raises(Conflict, match="last administrator"):
            await keys.change_user("ann", INFERENCE)
        assert [user.name for user in await keys.users()] == ["ann", "ben"]
        row, _ = await keys.create(KeySpec("root", ("admin",)))
        await keys.remove_user("ann")
        with pytest.raises(Conflict, match="last administrator"):
            await keys.change(row.id, KeyChange({"scopes": ["models:read"]}))
        await keys.remove_user("ben")
        await keys.revoke("root")
        await keys.create_user("cleo", PASSWORD, None)
        await keys.remove_user("cleo")
        assert not keys.access.required, "the last of all may go, which opens a server on loopback"

    on(database_url, work)


def test_the_last_administrator_neither_goes_nor_ends(database_url: str) -> None:
    async def work(keys: KeyStore) -> None:
        await keys.create(KeySpec("app", INFERENCE))
        await keys.change("app", KeyChange({"name": "there was none before"}))
        root, _ = await keys.create(KeySpec("root"))
        assert root.scopes == ["admin"]
        for values in ({"expires_in": 1.0}, {"scopes": ["models:read"]}):
            with pytest.raises(Conflict, match="last administrator"):
                await keys.change("root", KeyChange(values))
        with pytest.raises(Conflict, match="last administrator"):
            await keys.revoke("root")
        await keys.create(KeySpec("other", ("admin",), expires_in=1000.0))
        with pytest.raises(Conflict, match="last administrator"):
            await keys.change("root", KeyChange({"expires_in": 1.0}))
        await keys.create_user("ann", PASSWORD, ("admin",))
        await keys.change("root", KeyChange({"expires_in": 1.0}))
        await keys.revoke("root")

    on(database_url, work)


def test_of_two_administrators_that_go_at_once_one_stays(database_url: str) -> None:
    async def work(keys: KeyStore) -> None:
        await keys.create(KeySpec("app", INFERENCE))
        row, _ = await keys.create(KeySpec("root", ("admin",)))
        async with opened(database_url) as other:
            for _ in range(5):
                new, _ = await keys.create(KeySpec("root", ("admin",)))
                both = await asyncio.gather(keys.revoke(row.id), other.revoke(new.id), return_exceptions=True)
                assert [type(end) for end in both if isinstance(end, BaseException)] == [Conflict]
                row = row if isinstance(both[0], Conflict) else new

    on(database_url, work)


def test_changes_at_once_are_all_counted(database_url: str) -> None:
    async def work(keys: KeyStore) -> None:
        await keys.create(KeySpec("root"))
        await keys.create_user("ann", PASSWORD, INFERENCE)
        row, _ = await keys.create(KeySpec("app", INFERENCE))
        async with opened(database_url) as other:
            stores = [keys, other] * 5
            await asyncio.gather(*(store.change(row.id, KeyChange({"scopes": INFERENCE})) for store in stores))
            await asyncio.gather(*(store.change_user("ann", INFERENCE) for store in stores))
        (app,) = [each for each in await keys.page() if each.id == row.id]
        (ann,) = await keys.users()
        assert (app.changes, ann.changes) == (10, 10)

    on(database_url, work)


def test_a_limited_key_that_changes_another_shares_its_limits_with_it(database_url: str) -> None:
    async def work(keys: KeyStore) -> None:
        await keys.create(KeySpec("root"))
        limits = KeySpec("manager", (*INFERENCE, "keys:manage"), requests_per_minute=100)
        manager, secret = await keys.create(limits)
        by = held(keys, secret)
        await keys.create(KeySpec("app", INFERENCE, requests_per_minute=50))
        changed = await keys.change("app", KeyChange({"requests_per_minute": 100}), by)
        assert changed.makers == [manager.id]
        assert (await keys.change("app", KeyChange({"name": "new"}), by)).makers == [manager.id]
        assert (await keys.change("manager", KeyChange({"name": "me"}), by)).makers is None

    on(database_url, work)


def test_revoked_keys_do_not_change(database_url: str) -> None:
    async def work(keys: KeyStore) -> None:
        await keys.create(KeySpec("root"))
        await keys.create(KeySpec("old"))
        await keys.revoke("old")
        with pytest.raises(Conflict, match="revoked"):
            await keys.change("old", KeyChange({"name": "new"}))

    on(database_url, work)


def test_other_servers_see_changes(database_url: str) -> None:
    async def work(keys: KeyStore) -> None:
        await keys.create(KeySpec("root"))
        _, secret = await keys.create(KeySpec("app", INFERENCE))
        await keys.create_user("ann", PASSWORD, INFERENCE)
        async with opened(database_url) as other:
            before = other._seen
            await keys.change("app", KeyChange({"scopes": ["models:list"]}))
            await other.load()
            assert other._seen != before and not held(other, secret).allows("models:read")
            before = other._seen
            await keys.change_user("ann", ["models:list"])
            await other.load()
            assert other._seen != before

    on(database_url, work)


def test_pages(database_url: str) -> None:
    async def work(keys: KeyStore) -> None:
        rows = [(await keys.create(KeySpec(f"k{number}")))[0] for number in range(5)]
        assert [row.id for row in await keys.page(2, (rows[1].created_at, rows[1].id))] == [rows[2].id, rows[3].id]
        users = [await keys.create_user(f"u{number}", PASSWORD, INFERENCE) for number in range(3)]
        assert [user.name for user in await keys.users(1, users[0].id)] == ["u1"]

    on(database_url, work)
