"""Two ways to the same keys and users: over a server's HTTP, or straight to a home's database while no server runs."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import quote

import click

from modelyard.cli.connection import connect, server_options
from modelyard.cli.output import note
from modelyard.core.errors import CannotStart, ConnectionLost, ServerUnreachable
from modelyard.core.wording import reason

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.control.keys import Keys

T = TypeVar("T")
Json = dict[str, Any]


class Office(Protocol):
    """Where keys and users are kept. Bodies and answers are those of the routes."""

    def create_key(self, body: Json) -> Json: ...
    def keys(self) -> list[Json]: ...
    def revoke_key(self, name: str) -> Json: ...
    def rotate_key(self, name: str) -> Json: ...
    def create_user(self, body: Json) -> Json: ...
    def users(self) -> list[Json]: ...
    def remove_user(self, name: str) -> Json: ...


def with_office(function: Callable[..., T]) -> Callable[..., T]:
    """Give a command `--endpoint`, `--api-key` and `--home`, and as its first argument the office they mean."""

    @functools.wraps(function)
    def opened(*args: Any, endpoint: str | None, api_key: str | None, home: Path | None, **kwargs: Any) -> T:
        if home is not None:
            return function(Direct(home), *args, **kwargs)
        with connect(endpoint, api_key) as client:
            try:
                client.is_auth_required()
            except ServerUnreachable as error:
                if isinstance(error, ConnectionLost) or endpoint or os.environ.get("MODELYARD_ENDPOINT"):
                    raise
            else:
                return function(OverHttp(client), *args, **kwargs)
        office = Direct(None)
        note(f"No server answers on this machine; working on the database of {office.folder}.")
        return function(office, *args, **kwargs)

    folder = click.option(
        "--home",
        type=click.Path(file_okay=False, path_type=Path),
        help="Work on the database of this home folder, whether a server runs on it or not.",
    )
    return server_options(folder(opened))


class OverHttp:
    """The office of a running server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create_key(self, body: Json) -> Json:
        return self._send("POST", "keys", body)  # type: ignore[no-any-return]

    def keys(self) -> list[Json]:
        return self._send("GET", "keys")  # type: ignore[no-any-return]

    def revoke_key(self, name: str) -> Json:
        return self._send("DELETE", f"keys/{quote(name, safe='')}")  # type: ignore[no-any-return]

    def rotate_key(self, name: str) -> Json:
        return self._send("POST", f"keys/{quote(name, safe='')}/rotate", {})  # type: ignore[no-any-return]

    def create_user(self, body: Json) -> Json:
        return self._send("POST", "users", body)  # type: ignore[no-any-return]

    def users(self) -> list[Json]:
        return self._send("GET", "users")  # type: ignore[no-any-return]

    def remove_user(self, name: str) -> Json:
        return self._send("DELETE", f"users/{quote(name, safe='')}")  # type: ignore[no-any-return]

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        from modelyard.client.target import Request

        return self._client.send(Request(method, f"/v1/admin/{path}", lambda answer: answer, body=body))


class Direct:
    """The office of a home folder, for whoever may read and write its database."""

    def __init__(self, home: Path | None) -> None:
        from modelyard.core.config import Settings

        self._settings = Settings() if home is None else Settings(home=home)
        self.folder = self._settings.folder

    def create_key(self, body: Json) -> Json:
        from modelyard.control.keys import NewKey

        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in body.items()
        }

        async def make(keys: Keys) -> Json:
            row, secret = await keys.create(NewKey(**given))
            return {**_views().key_info(row).model_dump(), "key": secret}

        return self._run(make)

    def keys(self) -> list[Json]:
        async def read(keys: Keys) -> list[Json]:
            return [_views().key_info(row).model_dump() for row in await keys.all()]

        return self._run(read)

    def revoke_key(self, name: str) -> Json:
        async def revoke(keys: Keys) -> Json:
            return _views().key_info(await keys.revoke(name)).model_dump()  # type: ignore[no-any-return]

        return self._run(revoke)

    def rotate_key(self, name: str) -> Json:
        async def rotate(keys: Keys) -> Json:
            row, secret = await keys.rotate(name)
            return {**_views().key_info(row).model_dump(), "key": secret}

        return self._run(rotate)

    def create_user(self, body: Json) -> Json:
        scopes = None if body.get("scopes") is None else tuple(body["scopes"])

        async def make(keys: Keys) -> Json:
            user = await keys.create_user(body["username"], body["password"], scopes)
            return _views().user_info(user).model_dump()  # type: ignore[no-any-return]

        return self._run(make)

    def users(self) -> list[Json]:
        async def read(keys: Keys) -> list[Json]:
            return [_views().user_info(user).model_dump() for user in await keys.users()]

        return self._run(read)

    def remove_user(self, name: str) -> Json:
        async def remove(keys: Keys) -> Json:
            return _views().user_info(await keys.remove_user(name)).model_dump()  # type: ignore[no-any-return]

        return self._run(remove)

    def _run(self, work: Callable[[Keys], Awaitable[T]]) -> T:
        from modelyard.control.keys import Keys
        from modelyard.core.private import private_files, private_home
        from modelyard.db.session import Database

        async def run() -> T:
            database = Database(self._settings.database)
            try:
                await database.open()
                return await work(Keys(database))
            finally:
                await database.close()

        try:
            private_home(self.folder)
        except OSError as error:
            raise CannotStart(f"The home folder {self.folder} cannot be used: {reason(error)}.") from error
        with private_files():
            return asyncio.run(run())


def _views() -> Any:
    """How keys and users are shown, imported when it is needed."""
    from modelyard.api import key_views

    return key_views
