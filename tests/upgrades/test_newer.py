"""A database of a newer version is refused in one sentence, which names the version that made it and says what to do."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from modelyard import __version__
from modelyard.core.errors import DatabaseUnavailable
from modelyard.db.session import Database
from modelyard.db.versions import HEAD, WRITER
from tests.cli.terminal import run
from tests.upgrades.old_home import SCHEMA, unpack

LATER = (
    "UPDATE alembic_version SET version_num = '9999'",
    f"UPDATE {WRITER} SET version = '77.0'",
    "ALTER TABLE events ADD COLUMN later INTEGER",
)
"""What a migration of a later version does."""


@pytest.mark.parametrize("writer", ["Modelyard 77.0", "a newer Modelyard"])
def test_an_older_server_refuses_a_newer_database_in_one_sentence(
    database_url: str, tmp_path: Path, writer: str
) -> None:
    async def migrate() -> None:
        database = Database(database_url)
        await database.open()
        async with database.engine.begin() as connection:
            for statement in LATER if "77.0" in writer else (LATER[0], f"DROP TABLE {WRITER}"):
                await connection.exec_driver_sql(statement)
        await database.close()
        again = Database(database_url)
        try:
            with pytest.raises(DatabaseUnavailable, match=f"{writer} has written it"):
                await again.open()
        finally:
            await again.close()

    asyncio.run(migrate())
    env = {"MODELYARD_DATABASE_URL": database_url, "MODELYARD_HOME": str(tmp_path)}
    saved = run("backup", str(tmp_path / "backup.tar"), **env)
    assert saved.returncode == 1 and f"{writer} has written it" in saved.stderr
    done = run("serve", "--port", "0", MODELYARD_DATABASE_URL=database_url, MODELYARD_HOME=str(tmp_path / "home"))
    assert (done.returncode, done.stdout) == (1, "") and done.stderr.count("\n") == 1
    assert f"has the schema 9999, and this version, {__version__}, knows {HEAD}. Use {writer}, or" in done.stderr


def test_the_copy_of_before_a_migration_is_the_old_database(tmp_path: Path) -> None:
    """It is readable by its owner alone, and a version that knows its schema opens it."""
    home = unpack(tmp_path / "home")

    async def migrate() -> None:
        database = Database(f"sqlite+aiosqlite:///{home / 'modelyard.db'}")
        await database.open()
        await database.close()

    with closing(sqlite3.connect(home / "modelyard.db")) as database:
        before = list(database.iterdump())
    asyncio.run(migrate())
    copy = home / f"modelyard.db.schema-{SCHEMA}"
    assert os.stat(copy).st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as database:
        assert list(database.iterdump()) == before
    asyncio.run(migrate())
    assert sorted(each.name for each in home.glob("modelyard.db*")) == [
        "modelyard.db",
        "modelyard.db-reserve",
        copy.name,
    ]
