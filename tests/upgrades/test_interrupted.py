"""A migration that is killed at any of its statements: the next start does it from the beginning, and nothing is lost."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from alembic import command

from modelyard.db.migrations import config
from modelyard.db.session import Database
from tests.conftest import new_database
from tests.upgrades.old_home import SCHEMA, unpack


def interrupted(url: str, step: int) -> int:
    """Open a database, killed at each `step`-th statement, and whole after each kill; returns the number of kills."""
    order = [sys.executable, "-m", "tests.upgrades.interrupted", url, "2", str(step)]
    done = subprocess.run(order, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_a_new_database_whose_start_was_killed_opens(tmp_path: Path) -> None:
    assert interrupted(f"sqlite+aiosqlite:///{tmp_path / 'new.db'}", 16) >= 3


def test_an_old_database_whose_migration_was_killed_opens(tmp_path: Path) -> None:
    assert interrupted(f"sqlite+aiosqlite:///{unpack(tmp_path / 'home') / 'modelyard.db'}", 16) >= 3


def test_postgresql_takes_a_killed_migration_back(postgres_url: str) -> None:
    with new_database(postgres_url) as url:
        asyncio.run(older(url))
        assert interrupted(url, 40) >= 1


async def older(url: str) -> None:
    """Make an empty database as the old version had it."""
    database = Database(url)
    async with database.engine.begin() as connection:
        await connection.run_sync(lambda sync: command.upgrade(config(sync), SCHEMA))
    await database.close()
