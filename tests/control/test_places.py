"""Launches in rows: files of the package and of the home folder are found after either has moved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import uvloop
from alembic import command
from sqlalchemy import select, text

from modelyard.control import places
from modelyard.control.places import PACKAGE, check_there, packed, unpacked
from modelyard.core.errors import ModelFilesInvalid
from modelyard.core.types import Adapter, Download, Launch, Model
from modelyard.db.migrations import config
from modelyard.db.session import Database
from modelyard.db.tables import Deployment

DEMO = str(PACKAGE / "catalog" / "demo" / "modelyard-demo.gguf")


def test_files_follow_the_home_and_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    model = Model(
        "m",
        path=DEMO,
        projector=str(old / "models" / "p.gguf"),
        download=Download("huggingface", "a/b", "main", (), str(old / "cache")),
    )
    adapters = (Adapter("a", str(old / "a")), Adapter("b", "/elsewhere/b"))
    given = Launch("m", model, "llama_cpp", adapters=adapters)
    kept = msgspec.json.decode(msgspec.json.encode(packed(given, old)))
    assert str(old) not in str(kept) and str(PACKAGE) not in str(kept)
    assert unpacked(kept, old) == given
    monkeypatch.setattr(places, "PACKAGE", tmp_path / "package")
    moved = unpacked(kept, new)
    assert moved.model.path == str(tmp_path / "package" / "catalog" / "demo" / "modelyard-demo.gguf")
    assert moved.model.projector == str(new / "models" / "p.gguf")
    assert moved.model.download is not None and moved.model.download.folder == str(new / "cache")
    assert [each.path for each in moved.adapters] == [str(new / "a"), "/elsewhere/b"]


def test_a_text_of_a_caller_stays_one(tmp_path: Path) -> None:
    given = Launch("m", Model("m", path='{"home": "auth"}'), "llama_cpp", options={"x": '{"home": "auth"}'})
    assert unpacked(packed(given, tmp_path), tmp_path) == given


def test_files_that_are_gone_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFilesInvalid, match=r"nowhere.gguf.*are gone since it was launched"):
        check_there(Model("m", path=str(tmp_path / "nowhere.gguf")))
    check_there(Model("m", path=DEMO))


def test_rows_of_an_older_version_find_the_demo_model(database_url: str, tmp_path: Path) -> None:
    row = "INSERT INTO deployments VALUES (:uid, :launch, '{}', '[0]', 1, :no, :no, 1.0)"
    model = Model("modelyard-demo", path="/gone/python3.9/site-packages/modelyard/catalog/demo/modelyard-demo.gguf")
    other = Model("mine", path="/models/mine.gguf")

    async def go() -> None:
        database = Database(database_url)
        async with database.engine.begin() as connection:
            await connection.run_sync(lambda sync: command.upgrade(config(sync), "0004"))
        async with database.session() as session:
            for each in (model, other):
                kept = msgspec.json.encode(Launch(each.name, each, "llama_cpp")).decode()
                await session.execute(text(row), {"uid": each.name, "launch": kept, "no": False})
        await database.open()
        async with database.session() as session:
            found = (await session.execute(select(Deployment))).scalars().all()
        await database.close()
        launches = {each.uid: each.launch for each in found}
        assert unpacked(launches["modelyard-demo"], tmp_path).model == replace(model, path=DEMO)
        assert unpacked(launches["mine"], tmp_path).model == other

    uvloop.run(go())
