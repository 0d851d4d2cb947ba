"""Databases for tests of services: SQLite alone, with its tables already in it."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from modelyard.db.session import Database


@pytest.fixture(scope="session")
def empty_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with all tables and no rows, made once: making tables takes twenty times as long as copying them."""
    path = tmp_path_factory.mktemp("tables") / "empty.db"

    async def make() -> None:
        database = Database(f"sqlite+aiosqlite:///{path}")
        await database.open()
        await database.close()

    asyncio.run(make())
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path, empty_tables: Path) -> str:
    """A fresh SQLite database with all tables and no rows."""
    path = shutil.copy(empty_tables, tmp_path / "control.db")
    return f"sqlite+aiosqlite:///{path}"
