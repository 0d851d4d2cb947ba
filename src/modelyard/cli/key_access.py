"""Access to keys and users: over the HTTP API of a server, or in the database of a home folder."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import click

from modelyard.cli.connection import connect, server_options
from modelyard.cli.output import note
from modelyard.core.errors import BadRequest, CannotStart, ConnectionLost, ServerUnreachable
from modelyard.core.wording import reason

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.account_types import KeyChangesDict, KeyDict, NewKeyDict, UserDict
    from modelyard.control.keys import KeyStore
    from modelyard.db.tables import Key, User

T = TypeVar("T")
Json = dict[str, Any]


class KeyAccess(Protocol):
    """Manages keys and users. Bodies and answers are those of the HTTP routes."""

    def create_key(self, body: Json) -> NewKeyDict: ...
    def keys(self) -> list[KeyDict]: ...
    def change_key(self, name: str, changes: Json) -> KeyDict: ...
    def revoke_key(self, name: str) -> KeyDict: ...
    def rotate_key(self, name: str) -> NewKeyDict: ...
    def create_user(self, body: Json) -> UserDict: ...
    def users(self) -> list[UserDict]: ...
    def change_user(self, name: str, scopes: list[str]) -> UserDict: ...
    def remove_user(self, name: str) -> UserDict: ...
    def set_password(self, name: str, password: str) -> UserDict: ...
    def change_password(self, old: str, new: str) -> int: ...


def with_keys(function: Callable[..., T]) -> Callable[..., T]:
    """Add `--endpoint`, `--api-key` and `--home` to a command, and pass access to keys and users as its first argument."""

    @functools.wraps(function)
    def opened(*args: Any, endpoint: str | None, api_key: str | None, home: Path | None, **kwargs: Any) -> T:
        if home is not None:
            return function(LocalKeys(home), *args, **kwargs)
        with connect(endpoint, api_key) as client:
            try:
                client.cluster.auth_required()
            except ServerUnreachable as error:
                if isinstance(error, ConnectionLost) or endpoint or os.environ.get("MODELYARD_ENDPOINT"):
                    raise
            else:
                return function(RemoteKeys(client), *args, **kwargs)
        local = LocalKeys(None)
        note(f"No server answers on this machine; using the database in {local.folder}.")
        return function(local, *args, **kwargs)

    folder = click.option(
        "--home",
        type=click.Path(file_okay=False, path_type=Path),
        help="Use the database of this home folder, whether or not a server runs with it.",
    )
    return server_options(folder(opened))


class RemoteKeys:
    """Keys and users of a running server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create_key(self, body: Json) -> NewKeyDict:
        return self._client.keys.create(**body)

    def keys(self) -> list[KeyDict]:
        return list(self._client.keys.iterate())

    def change_key(self, name: str, changes: Json) -> KeyDict:
        return self._client.keys.update(name, **cast("KeyChangesDict", changes))

    def revoke_key(self, name: str) -> KeyDict:
        return self._client.keys.revoke(name)

    def rotate_key(self, name: str) -> NewKeyDict:
        return self._client.keys.rotate(name)

    def create_user(self, body: Json) -> UserDict:
        return self._client.users.create(**body)

    def users(self) -> list[UserDict]:
        return list(self._client.users.iterate())

    def change_user(self, name: str, scopes: list[str]) -> UserDict:
        return self._client.users.update(name, scopes)

    def remove_user(self, name: str) -> UserDict:
        return self._client.users.remove(name)

    def set_password(self, name: str, password: str) -> UserDict:
        return self._client.users.set_password(name, password)

    def change_password(self, old: str, new: str) -> int:
        return self._client.auth.change_password(old, new)["ended"]


class LocalKeys:
    """Keys and users in the database of a home folder that the caller can read and write."""

    def __init__(self, home: Path | None) -> None:
        from modelyard.core.config import Settings

        self._settings = Settings() if home is None else Settings(home=home)
        self.folder = self._settings.folder

    def create_key(self, body: Json) -> Any:
        from modelyard.control.key_specs import KeySpec

        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in body.items()
        }

        async def create(keys: KeyStore) -> Json:
            row, secret = await keys.create(KeySpec(**fields))
            return {**_key(row), "key": secret}

        return self._run(create)

    def keys(self) -> Any:
        async def read(keys: KeyStore) -> list[Json]:
            return [_key(row) for row in await keys.page()]

        return self._run(read)

    def change_key(self, name: str, changes: Json) -> Any:
        from modelyard.control.key_specs import KeyChange

        async def change(keys: KeyStore) -> Json:
            return _key(await keys.change(name, KeyChange(changes)))

        return self._run(change)

    def revoke_key(self, name: str) -> Any:
        async def revoke(keys: KeyStore) -> Json:
            return _key(await keys.revoke(name))

        return self._run(revoke)

    def rotate_key(self, name: str) -> Any:
        async def rotate(keys: KeyStore) -> Json:
            row, secret = await keys.rotate(name)
            return {**_key(row), "key": secret}

        return self._run(rotate)

    def create_user(self, body: Json) -> Any:
        scopes = None if body.get("scopes") is None else tuple(body["scopes"])

        async def create(keys: KeyStore) -> Json:
            return _user(await keys.create_user(body["username"], body["password"], scopes))

        return self._run(create)

    def users(self) -> Any:
        async def read(keys: KeyStore) -> list[Json]:
            return [_user(user) for user in await keys.users()]

        return self._run(read)

    def change_user(self, name: str, scopes: list[str]) -> Any:
        async def change(keys: KeyStore) -> Json:
            return _user(await keys.change_user(name, scopes))

        return self._run(change)

    def remove_user(self, name: str) -> Any:
        async def remove(keys: KeyStore) -> Json:
            return _user(await keys.remove_user(name))

        return self._run(remove)

    def set_password(self, name: str, password: str) -> Any:
        async def change(keys: KeyStore) -> Json:
            return _user(await keys.set_password(name, password))

        return self._run(change)

    def change_password(self, old: str, new: str) -> int:
        raise BadRequest("Nobody is logged in to a database; name the user: modelyard user passwd NAME.")

    def _run(self, work: Callable[[KeyStore], Awaitable[T]]) -> T:
        from modelyard.control.keys import KeyStore
        from modelyard.core.private import private_files, private_home
        from modelyard.db.session import Database

        async def run() -> T:
            database = Database(self._settings.database)
            try:
                await database.open()
                return await work(KeyStore(database))
            finally:
                await database.close()

        try:
            private_home(self.folder)
        except OSError as error:
            raise CannotStart(f"The home folder {self.folder} cannot be used: {reason(error)}.") from error
        with private_files():
            return asyncio.run(run())


def _key(row: Key) -> Json:
    """A key as the HTTP routes return it."""
    from modelyard.api.key_views import key_info

    return key_info(row).model_dump()


def _user(row: User) -> Json:
    """A user as the HTTP routes return it."""
    from modelyard.api.key_views import user_info

    return user_info(row).model_dump()
