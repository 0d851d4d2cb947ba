"""What a key may be made, rotated and revoked by whom, and how tokens of logins end. On SQLite alone.

`test_keys.py` has what may depend on the database.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from modelyard.control import passwords
from modelyard.control.key_owners import joined_makers, limited_makers, quotas
from modelyard.control.key_specs import KeySpec
from modelyard.control.keys import (
    ACCESS_SECONDS,
    DEFAULT_SCOPES,
    PREFIX,
    REFRESH_SECONDS,
    KeyStore,
    new_secret,
)
from modelyard.core.access import Access, Grant, Quota
from modelyard.core.errors import (
    BadRequest,
    Conflict,
    InvalidKey,
    InvalidParameter,
    ModelyardError,
    NotFound,
    PermissionDenied,
)
from modelyard.db.session import Database
from modelyard.db.tables import Key, User
from tests.control.test_keys import PASSWORD, allowed, opened

DAY = 24 * 3600
On = Callable[..., None]


@pytest.fixture
def on(sqlite_url: str) -> On:
    def run(work: Callable[[KeyStore], Awaitable[None]], **more: Any) -> None:
        async def go() -> None:
            async with opened(sqlite_url, **more) as keys:
                await work(keys)

        asyncio.run(go())

    return run


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost a hundredth; their parameters are part of them."""
    monkeypatch.setattr(passwords, "COST", 2**7)


async def tokens(keys: KeyStore) -> list[Key]:
    async with keys._database.session() as session:
        return [*await session.scalars(select(Key).where(Key.user_id.is_not(None)).order_by(Key.id))]


async def change(keys: KeyStore, key_id: str, **values: Any) -> None:
    """Change a row as time or another process does."""
    async with keys._database.session() as session:
        await session.execute(update(Key).where(Key.id == key_id).values(**values))
    await keys.load()


# Making keys


def test_a_key_has_what_was_asked_for(on: On) -> None:
    async def work(keys: KeyStore) -> None:
        spec = KeySpec(
            "full",
            ("models:read", "knowledge:read"),
            ("b", "a", "b"),
            {"docs": "read", "own": "write"},
            7,
            70,
            expires_in=60,
        )
        row, secret = await keys.create(spec)
        assert (row.models, row.bases) == (["a", "b"], {"docs": "read", "own": "write"})
        assert (row.requests_per_minute, row.tokens_per_minute, row.owner, row.makers) == (7, 70, row.id, None)
        assert row.expires_at is not None and abs(row.expires_at - row.created_at - 60) < 5
        grant = allowed(keys, secret)
        assert grant is not None and grant.user is None and grant.owner == row.id
        assert (grant.models, grant.bases, grant.expires_at) == (frozenset("ab"), row.bases, row.expires_at)
        assert (grant.requests_per_minute, grant.tokens_per_minute, grant.name) == (7, 70, "full")
        open_one, _ = await keys.create(KeySpec("open", ("models:read",)))
        assert (open_one.models, open_one.bases, open_one.expires_at) == (None, None, None)
        given, secret = await keys.create(KeySpec("given", ("models:read",)), secret="my-own-secret-of-enough-letters")
        assert secret == "my-own-secret-of-enough-letters" and given.prefix == "my-own-s"
        assert allowed(keys, secret)

    on(work)


@pytest.mark.parametrize(
    ("spec", "param"),
    [
        (KeySpec("x", scopes=("models:fly",)), "scopes"),
        (KeySpec("x", bases={"docs": "admin"}), "bases"),
        (KeySpec("x", owner="nobody"), "owner"),
    ],
)
def test_a_key_that_cannot_be_is_refused_by_its_parameter(on: On, spec: KeySpec, param: str) -> None:
    async def work(keys: KeyStore) -> None:
        with pytest.raises(InvalidParameter) as refused:
            await keys.create(spec)
        assert refused.value.param == param and await keys.page() == []

    on(work)


def test_secrets_are_long_and_never_alike() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100 and all(each.startswith(PREFIX) and len(each) == 46 for each in made)


def test_the_first_administrator_is_made_by_default_and_no_second(on: On) -> None:
    async def work(keys: KeyStore) -> None:
        maker = Grant("1", "maker", frozenset({"admin"}), None, None, None, None)
        by_key, _ = await keys.create(KeySpec("by a key"), maker)
        assert by_key.scopes == sorted(DEFAULT_SCOPES)
        short, _ = await keys.create(KeySpec("short", ("admin",)))
        await change(keys, short.id, expires_at=time.time() - 1)
        first, _ = await keys.create(KeySpec("first"))
        assert first.scopes == ["admin"], "an expired administrator is none"
        await change(keys, first.id, revoked_at=time.time())
        user = await keys.create_user("root", PASSWORD, None)
        assert user.scopes == ["admin"], "nor is a revoked one"
        for second in (await keys.create_user("ann", PASSWORD, None), (await keys.create(KeySpec("second")))[0]):
            assert second.scopes == sorted(DEFAULT_SCOPES)

    on(work)


WIDE = Grant("1", "maker", frozenset({"keys:create", "models:read", "knowledge:read"}), None, None, None, None)
GOOD = KeySpec("good", scopes=("models:read",))
LIMITS: list[tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]] = [
    ({}, {}, [{"scopes": ("models:write",)}]),
    ({"models": frozenset("ab")}, {"models": ("a",)}, [{"models": None}, {"models": ("a", "c")}]),
    (
        {"bases": {"a": "write", "b": "read"}},
        {"bases": {"a": "write", "b": "read"}},
        [{"bases": None}, {"bases": {"b": "write"}}, {"bases": {"c": "read"}}],
    ),
    (
        {"requests_per_minute": 10},
        {"requests_per_minute": 10},
        [{"requests_per_minute": None}, {"requests_per_minute": 11}],
    ),
    ({"tokens_per_minute": 10}, {"tokens_per_minute": 10}, [{"tokens_per_minute": None}, {"tokens_per_minute": 11}]),
    ({"expires_at": time.time() + 10 * DAY}, {"expires_in": DAY}, [{"expires_in": None}, {"expires_in": 20 * DAY}]),
]


@pytest.mark.parametrize(
    ("own", "good", "wider"), LIMITS, ids=("scopes", "models", "bases", "requests", "tokens", "time")
)
def test_each_limit_of_a_key_bounds_those_that_it_makes(
    on: On, own: dict[str, Any], good: dict[str, Any], wider: list[dict[str, Any]]
) -> None:
    maker = replace(WIDE, **own)

    async def work(keys: KeyStore) -> None:
        assert (await keys.create(replace(GOOD, **good), maker))[0].name == "good"
        for bad in wider:
            with pytest.raises(PermissionDenied):
                await keys.create(replace(GOOD, **{**good, **bad}), maker)
        assert len(await keys.page()) == 1
        for bad in wider:
            administrator = replace(maker, scopes=frozenset({"admin"}))
            assert await keys.create(replace(GOOD, **{**good, **bad}), administrator)

    on(work)


def test_the_time_of_a_login_does_not_bound_the_keys_that_its_user_makes(on: On) -> None:
    maker = replace(WIDE, user="ann", expires_at=time.time() + 60)

    async def work(keys: KeyStore) -> None:
        row, _ = await keys.create(GOOD, maker)
        assert row.expires_at is None

    on(work)


def test_a_key_shares_the_limits_of_those_that_made_it(on: On) -> None:
    async def work(keys: KeyStore) -> None:
        free, secret = await keys.create(KeySpec("free", ("keys:create", "models:read")))
        child, _ = await keys.create(GOOD, allowed(keys, secret))
        assert child.makers is None, "there is nothing to share"
        spec = KeySpec("limited", ("keys:create", "models:read"), requests_per_minute=5, tokens_per_minute=50)
        maker, secret = await keys.create(spec)
        middle, secret = await keys.create(replace(spec, requests_per_minute=3), allowed(keys, secret))
        assert middle.makers == [maker.id]
        last, secret = await keys.create(replace(spec, requests_per_minute=2), allowed(keys, secret))
        assert last.makers is not None and sorted(last.makers) == sorted([maker.id, middle.id])
        await keys.revoke(maker.id)
        grant = allowed(keys, secret)
        assert grant is not None
        shared = {quota.id: (quota.requests_per_minute, quota.tokens_per_minute) for quota in grant.above}
        assert shared == {maker.id: (5, 50), middle.id: (3, 50)}, "also those of a key that was revoked"
        assert free.makers is None

    on(work)


@pytest.mark.parametrize(
    ("own", "above", "makers"),
    [
        ((None, None), [], None),
        ((5, None), [], ["1"]),
        ((None, 5), [], ["1"]),
        ((None, None), [Quota("2", 5, None), Quota("3", None, None)], ["2"]),
        ((5, 5), [Quota("2", None, 5)], ["1", "2"]),
    ],
)
def test_only_limits_that_exist_are_shared(
    own: tuple[int | None, int | None], above: list[Quota], makers: list[str] | None
) -> None:
    maker = Grant("1", "maker", frozenset(), None, *own, above=tuple(above))
    assert limited_makers(maker) == makers and limited_makers(None) is None
    assert joined_makers(Key(id="9", makers=None), maker) == makers
    assert joined_makers(Key(id="9", makers=["2", "4"]), maker) == ["2", "4", *({*(makers or ())} - {"2"})]
    assert joined_makers(Key(id="1", makers=None), maker) == ([each for each in makers or () if each != "1"] or None)
    assert joined_makers(Key(id="9", makers=["4"]), None) == ["4"] and joined_makers(Key(id="9"), None) is None


def test_limits_are_those_of_keys_that_made_others(on: On) -> None:
    async def work(keys: KeyStore) -> None:
        maker, _ = await keys.create(KeySpec("maker", requests_per_minute=5, tokens_per_minute=50))
        other, _ = await keys.create(KeySpec("other"))
        made = [Key(makers=None), Key(makers=[]), Key(makers=[maker.id, "gone"]), Key(makers=[other.id])]
        async with keys._database.session() as session:
            assert await quotas(session, made[:2]) == await quotas(session, []) == {}
            found = await quotas(session, made)
        assert found == {maker.id: Quota(maker.id, 5, 50), other.id: Quota(other.id, None, None)}

    on(work)


def test_a_key_may_be_of_an_owner_that_its_maker_is_or_rules(on: On) -> None:
    async def work(keys: KeyStore) -> None:
        first, secret = await keys.create(KeySpec("first", ("keys:create", "models:read")))
        user = await keys.create_user("ann", PASSWORD, ("models:read",))
        maker = allowed(keys, secret)
        assert user.owner.startswith("user-") and maker is not None
        twin, _ = await keys.create(replace(GOOD, owner=first.owner), maker)
        assert twin.owner == first.owner != twin.id
        with pytest.raises(PermissionDenied, match="may only make keys of its own owner"):
            await keys.create(replace(GOOD, owner=user.owner), maker)
        theirs, _ = await keys.create(replace(GOOD, owner=user.owner))
        assert theirs.owner == user.owner, "who manages the server may"

    on(work)


# Rotating and revoking


def test_rotating_a_key_changes_its_secret_alone(on: On) -> None:
    async def work(keys: KeyStore) -> None:
        spec = KeySpec("me", ("models:read",), ("a",), {"b": "read"}, 5, 50, expires_in=DAY)
        row, old = await keys.create(spec)
        await change(keys, row.id, created_at=1.0)
        again, new = await keys.rotate("me")
        assert new != old and again.prefix == new[:8] and new.startswith(PREFIX)
        with pytest.raises(InvalidKey):
            allowed(keys, old)
        grant = allowed(keys, new)
        assert grant is not None and (grant.id, grant.owner) == (row.id, row.owner)
        assert (grant.models, grant.bases, grant.requests_per_minute) == (frozenset("a"), {"b": "read"}, 5)
        assert again.expires_at == row.expires_at
        assert again.created_at > 1.0, "other processes see the change by it"
        await keys.revoke("me")
        with pytest.raises(Conflict, match="'me' was revoked"):
            await keys.rotate(row.id)
        with pytest.raises(NotFound):
            await keys.rotate("nobody")

    on(work)


def test_only_keys_of_ones_own_are_rotated_and_no_wider_ones(on: On) -> None:
    async def work(keys: KeyStore) -> None:
        mine, secret = await keys.create(KeySpec("mine", ("keys:create", "models:read"), requests_per_minute=5))
        maker = allowed(keys, secret)
        other, _ = await keys.create(KeySpec("other", ("models:read",), requests_per_minute=5))
        assert maker is not None
        with pytest.raises(PermissionDenied, match="may only rotate keys of its own owner"):
            await keys.rotate("other", maker)
        twin, _ = await keys.create(replace(GOOD, name="twin", owner=mine.owner, requests_per_minute=4))
        assert (await keys.rotate("twin", maker))[0].id == twin.id
        wider: dict[str, dict[str, Any]] = {
            "scopes": {"scopes": ["models:write"]},
            "rate": {"requests_per_minute": 6},
            "endless": {"requests_per_minute": None},
        }
        for name, values in wider.items():
            row, _ = await keys.create(KeySpec(name, ("models:read",), requests_per_minute=4, owner=mine.owner))
            await change(keys, row.id, **values)
            with pytest.raises(PermissionDenied):
                await keys.rotate(name, maker)
            assert (await keys.rotate(name, replace(maker, scopes=frozenset({"admin"}))))[0].id == row.id
        assert other.revoked_at is None

    on(work)


def test_time_that_is_left_is_what_a_rotated_key_may_have(on: On) -> None:
    async def work(keys: KeyStore) -> None:
        mine, _ = await keys.create(KeySpec("mine", ("models:read",), expires_in=DAY))
        longer = replace(WIDE, owner=mine.owner, expires_at=time.time() + 2 * DAY)
        assert (await keys.rotate("mine", longer))[0].id == mine.id
        with pytest.raises(PermissionDenied):
            await keys.rotate("mine", replace(longer, expires_at=time.time() + DAY / 2))

    on(work)


def test_a_name_means_an_id_first_and_then_a_key_that_is_not_revoked(on: On) -> None:
    async def work(keys: KeyStore) -> None:
        first, _ = await keys.create(KeySpec("twin"))
        second, _ = await keys.create(KeySpec("twin"))
        named, _ = await keys.create(KeySpec(first.id, ("admin",)))
        with pytest.raises(BadRequest, match=f"2 keys are called 'twin': {first.id}, {second.id}. Name one"):
            await keys.revoke("twin")
        assert (await keys.revoke(first.id)).id == first.id, "not the key of that name"
        assert (await keys.revoke("twin")).id == second.id, "the other one was revoked"
        assert (await keys.revoke("twin")).id == first.id, "of revoked ones the oldest"
        assert [row.id for row in await keys.page()] == [first.id, second.id, named.id]
        assert [row.revoked_at is None for row in await keys.page()] == [False, False, True]

    on(work)


# Users and logins


def test_tokens_of_a_login_end_at_their_time(on: On) -> None:
    assert (ACCESS_SECONDS, REFRESH_SECONDS) == (DAY, 30 * DAY)

    async def work(keys: KeyStore) -> None:
        user = await keys.create_user("ann", PASSWORD, ("models:read",))
        login = await keys.login("ann", PASSWORD, "::1")
        access, refresh = await tokens(keys)
        assert access.id[:-1] == refresh.id[:-1] and (access.id[-1], refresh.id[-1]) == ("a", "r")
        for row, seconds, scopes in ((access, DAY, ["models:read"]), (refresh, 30 * DAY, ["refresh"])):
            assert row.expires_at is not None and abs(row.expires_at - time.time() - seconds) < 60
            assert (row.scopes, row.owner, row.name, row.user_id) == (scopes, user.owner, "ann", user.id)
        assert (access.prefix, refresh.prefix) == (login.access[:8], login.refresh[:8])
        grant = allowed(keys, login.access)
        assert grant is not None and (grant.user, grant.owner) == ("ann", user.owner)
        await change(keys, access.id, expires_at=time.time() - 1)
        with pytest.raises(InvalidKey, match="expired"):
            allowed(keys, login.access)
        await keys.login("ann", PASSWORD, "::1")
        assert access.id not in [row.id for row in await tokens(keys)], "the next login clears it away"
        assert refresh.id in [row.id for row in await tokens(keys)]

    on(work)


def test_a_refresh_token_ends_with_its_login(on: On) -> None:
    async def work(keys: KeyStore) -> None:
        user = await keys.create_user("ann", PASSWORD, None)
        login = await keys.login("ann", PASSWORD, "::1")
        _, refresh = await tokens(keys)
        stale = keys.access
        for values, words in (({"revoked_at": time.time()}, "used or revoked"), ({"user_id": None}, "used or revoked")):
            await change(keys, refresh.id, **values)
            keys.access = stale  # as a server that has not seen the change yet
            with pytest.raises(InvalidKey, match=words):
                await keys.refresh(login.refresh)
            await change(keys, refresh.id, revoked_at=None, user_id=user.id)
        async with keys._database.session() as session:
            await session.delete(await session.merge(user))
        keys.access = stale
        with pytest.raises(InvalidKey, match="user was removed"):
            await keys.refresh(login.refresh)

    on(work)


def test_only_logins_are_logged_out_and_one_at_a_time(on: On) -> None:
    async def work(keys: KeyStore) -> None:
        _, secret = await keys.create(KeySpec("me"))
        key = allowed(keys, secret)
        assert key is not None
        with pytest.raises(BadRequest, match="is an API key, not a login"):
            await keys.logout(key)
        await keys.create_user("ann", PASSWORD, None)
        first, second = [await keys.login("ann", PASSWORD, "::1") for _ in range(2)]
        grant = allowed(keys, first.access)
        assert grant is not None
        await keys.logout(grant)
        for gone in (first.access, first.refresh):
            with pytest.raises(InvalidKey):
                allowed(keys, gone)
        assert allowed(keys, second.access) and allowed(keys, secret)
        assert (await keys.refresh(second.refresh)).access

    on(work)


def test_users_are_removed_by_name_or_id_with_their_tokens_alone(on: On) -> None:
    async def work(keys: KeyStore) -> None:
        first = await keys.create_user("ann", PASSWORD, None)
        digits = await keys.create_user(str(first.id), PASSWORD, None)
        await keys.login("ann", PASSWORD, "::1")
        kept = await keys.login(digits.name, PASSWORD, "::1")
        assert [user.name for user in await keys.users()] == ["ann", digits.name]
        for missing in ("bob", "99", "9" * 10, "²", ""):
            with pytest.raises(NotFound, match="There is no user"):
                await keys.remove_user(missing)
        assert (await keys.remove_user(str(first.id))).id == digits.id, "a name goes before an id"
        with pytest.raises(InvalidKey):
            allowed(keys, kept.access)
        assert {row.user_id for row in await tokens(keys)} == {first.id}
        assert (await keys.remove_user(str(first.id))).id == first.id
        assert await tokens(keys) == [] and await keys.users() == []

    on(work)


def test_passwords_have_a_least_and_a_most_length(on: On) -> None:
    async def work(keys: KeyStore) -> None:
        for password in ("x" * 7, "x" * 1025):
            with pytest.raises(InvalidParameter, match="must have 8 to 1024 characters") as refused:
                await keys.create_user("ann", password, None)
            assert refused.value.param == "password"
        for name, password in (("short", "x" * 8), ("long", "x" * 1024), ("surrogate", "\ud800 and more")):
            await keys.create_user(name, password, None)
            assert await keys.login(name, password, "::1")
        with pytest.raises(InvalidKey):
            await keys.login("long", "x" * 1025, "::1")

    on(work)


def test_hashes_carry_their_parameters_and_a_salt_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        first, second = [await passwords.hashed(PASSWORD) for _ in range(2)]
        assert first != second and first.startswith("scrypt$128$8$1$")
        monkeypatch.setattr(passwords, "COST", 2**8)
        assert await passwords.matches(PASSWORD, first), "made with an earlier cost"
        assert not await passwords.matches(PASSWORD + "x", first)
        assert not await passwords.matches(PASSWORD, None)

    asyncio.run(go())


# What is published


def test_the_door_is_closed_by_keys_and_users_and_not_by_tokens_or_what_is_gone(on: On) -> None:
    async def work(keys: KeyStore) -> None:
        changes: list[Access] = []
        keys.on_change = changes.append
        await keys.load()
        assert changes == [], "nothing has changed"
        user = await keys.create_user("ann", PASSWORD, None)
        assert keys.usable and keys.access.required and len(changes) == 1
        await keys.remove_user("ann")
        assert (keys.usable, keys.access.required, len(changes)) == (False, False, 2)
        row, _ = await keys.create(KeySpec("short", expires_in=DAY))
        await change(keys, row.id, expires_at=time.time() - 1, user_id=None)
        assert (keys.usable, keys.access.required) == (False, True), "an expired key does not open the door"
        await change(keys, row.id, user_id=user.id + 7, expires_at=None)
        assert (keys.usable, keys.access.required) == (False, False), "a token of a user that is gone"

    on(work)


def test_a_name_of_another_spelling_logs_in(on: On) -> None:
    async def work(keys: KeyStore) -> None:
        await keys.create_user("caf\u00e9", PASSWORD, None)
        assert await keys.login("cafe\u0301", PASSWORD, "::1")
        with pytest.raises(Conflict, match="There is a user"):
            await keys.create_user("cafe\u0301", PASSWORD, None)
        async with keys._database.session() as session:
            assert [user.name for user in await session.scalars(select(User))] == ["caf\u00e9"]

    on(work)


def test_no_database_that_is_away_ends_the_watch(on: On, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelyard.control.keys.LOOK_SECONDS", 0.0)

    async def rename(database: Database, before: str, after: str) -> None:
        async with database.session() as session:
            await (await session.connection()).exec_driver_sql(f"ALTER TABLE {before} RENAME TO {after}")

    async def work(keys: KeyStore) -> None:
        seen = asyncio.Event()
        keys.on_change = lambda access: seen.set()
        watching = asyncio.create_task(keys.run())
        await rename(keys._database, "keys", "elsewhere")
        with pytest.raises(ModelyardError):
            await keys.load()
        await rename(keys._database, "elsewhere", "keys")
        async with keys._database.session() as session:
            session.add(User(name="ann", password="", scopes=[], owner="user-1", created_at=1.0))
        await asyncio.wait_for(seen.wait(), 10)
        assert keys.access.required and not watching.done()
        watching.cancel()
        await asyncio.wait([watching])

    on(work)


def test_where_no_keys_are_asked_for_nothing_is_watched(on: On) -> None:
    async def work(keys: KeyStore) -> None:
        await asyncio.wait_for(keys.run(), 10)

    on(work, mode="off")
