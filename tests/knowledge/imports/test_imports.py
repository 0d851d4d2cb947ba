"""Imports of URLs and folders into a base, in this process: what is stored, what is left alone, and what is reported."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from modelyard.core.config import Settings
from modelyard.core.errors import InvalidParameter
from modelyard.db.tables import KnowledgeBase, KnowledgeDocument
from modelyard.jobs.types import Job, JobState
from modelyard.knowledge.documents.bases import BaseSettings
from modelyard.knowledge.imports import imports
from modelyard.knowledge.imports.imports import ImportPlan, Imports, UrlSource
from modelyard.knowledge.service import KnowledgeService
from tests.jobs.board import Board, board
from tests.knowledge.room import room
from tests.knowledge.web_server import Reply, web


@dataclass
class Importing:
    """A base, and the jobs that import into it."""

    knowledge: KnowledgeService
    base: KnowledgeBase
    imports: Imports
    board: Board

    async def job(self, **plan: Any) -> Job:
        """A finished import. Nothing is indexed, because that is another package's, unless the plan says so."""
        given = ImportPlan(**{"base_id": self.base.id, "base": self.base.name, "index": False, **plan})
        name = await self.imports.submit(given, "ann")
        return await self.board.until(name, JobState.DONE)

    async def bring(self, **plan: Any) -> dict[str, Any]:
        """The result of an import."""
        return dict((await self.job(**plan)).result or {})

    async def documents(self) -> dict[str, KnowledgeDocument]:
        rows, _ = await self.knowledge.documents.all(self.base)
        return {row.name: row for row in rows}


@asynccontextmanager
async def importing(settings: Settings) -> AsyncIterator[Importing]:
    async with room(settings) as knowledge, board(settings, settings.database) as made:
        service = Imports(settings, made.jobs)
        service.connect(knowledge)
        yield Importing(knowledge, await knowledge.create("b", BaseSettings()), service, made)


On = Callable[[Callable[[Importing], Awaitable[None]]], None]


@pytest.fixture
def on(settings: Settings) -> On:
    def run(work: Callable[[Importing], Awaitable[None]]) -> None:
        async def go() -> None:
            async with importing(settings) as made:
                await work(made)

        asyncio.run(go())

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "docs"
    made.mkdir()
    for name in ("a.md", "b.md", "c.txt"):
        (made / name).write_text(f"words of {name}")
    return made


def counts(result: dict[str, Any]) -> tuple[int, int, int, int]:
    return result["new"], result["changed"], result["unchanged"], result["failures"]


def test_a_folder_is_stored_once_and_again_where_it_changed(on: On, folder: Path) -> None:
    async def work(made: Importing) -> None:
        job = await made.job(folder=str(folder), metadata={"team": "hr"}, chunking={"size": 300, "overlap": 0})
        result = dict(job.result or {})
        assert counts(result) == (3, 0, 0, 0) and result["jobs"] == [] and result["deleted"] == []
        assert (job.owner, job.progress.done, job.progress.total) == ("ann", 3, 3)
        assert (job.progress.unit, job.progress.message) == ("documents", "")
        rows = await made.documents()
        assert set(rows) == {"a.md", "b.md", "c.txt"}
        assert rows["a.md"].details == {"team": "hr"} and rows["a.md"].chunking == {"size": 300, "overlap": 0}
        assert rows["a.md"].modified_at == (folder / "a.md").stat().st_mtime and rows["a.md"].size == 13
        same = {"folder": str(folder), "metadata": {"team": "hr"}}
        assert counts(await made.bring(**same)) == (0, 0, 3, 0)
        (folder / "a.md").write_text("other words")
        assert counts(await made.bring(**same)) == (0, 1, 2, 0)
        changed = await made.bring(folder=str(folder), include=["*.md"], exclude=["a*"], metadata={"team": "it"})
        assert counts(changed) == (0, 1, 0, 0) and changed["skipped"] == {"by pattern": 2}
        rows = await made.documents()
        assert [rows[name].details["team"] for name in ("a.md", "b.md", "c.txt")] == ["hr", "it", "hr"]

    on(work)


def test_only_files_that_are_nowhere_in_the_folder_are_deleted(
    on: On, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "PORTION", 2)

    async def work(made: Importing) -> None:
        await made.bring(folder=str(folder))
        for name in ("a.md", "b.md", "c.txt"):
            (folder / name).unlink()
        assert (await made.bring(folder=str(folder), delete=True))["deleted"] == [], (
            "an empty folder may be not mounted"
        )
        (folder / "new.exe").write_text("no document")
        assert (await made.bring(folder=str(folder)))["deleted"] == [], "nothing is deleted unless the plan says so"
        await made.bring(urls=[UrlSource(f"{pages.url}/page", name="page.txt")])
        deleted = (await made.bring(folder=str(folder), delete=True))["deleted"]
        assert sorted(deleted) == ["a.md", "b.md", "c.txt"] and set(await made.documents()) == {"page.txt"}

    with web() as pages:
        pages.pages["/page"] = Reply("words", kind="text/plain")
        monkeypatch.setenv("MODELYARD_FETCH_HOSTS", f"127.0.0.1:{pages.port}")
        on_hosts(on, pages.port, work)


def on_hosts(on: On, port: int, work: Callable[[Importing], Awaitable[None]]) -> None:
    """Run a work that may fetch from a port of loopback."""

    async def allowed(made: Importing) -> None:
        made.imports._settings = made.imports._settings.model_copy(update={"fetch_hosts": f"127.0.0.1:{port}"})
        await work(made)

    on(allowed)


def test_urls_are_recognised_by_their_source(on: On) -> None:
    async def work(made: Importing) -> None:
        url = f"{pages.url}/page"
        source = UrlSource(url, metadata={"own": 1})
        assert counts(await made.bring(urls=[source], metadata={"own": 0, "all": 2})) == (1, 0, 0, 0)
        (row,) = (await made.documents()).values()
        assert row.name == f"127.0.0.1:{pages.port}/page.txt"
        assert row.details == {"own": 1, "all": 2, "source": url} and row.modified_at is None
        assert counts(await made.bring(urls=[source])) == (0, 0, 1, 0)
        await made.bring(urls=[UrlSource(f"{pages.url}/other", name="mine.txt")])
        pages.pages["/other"] = Reply("other words now", kind="text/plain")
        again = await made.bring(urls=[UrlSource(f"{pages.url}/other")])
        assert counts(again) == (0, 1, 0, 0), "it keeps the name that it was given"
        assert set(await made.documents()) == {row.name, "mine.txt"}
        pages.pages["/page.txt"] = Reply("a twin", kind="text/plain")
        twin = UrlSource(f"{pages.url}/page.txt")
        result = await made.bring(urls=[twin, UrlSource(f"{pages.url}/absent")])
        assert counts(result) == (0, 0, 0, 2) and set(result["failed"]) == {twin.url, f"{pages.url}/absent"}
        assert "there is another document" in result["failed"][twin.url]
        assert counts(await made.bring(urls=[UrlSource(twin.url, name=row.name)])) == (0, 1, 0, 0)

    with web() as pages:
        pages.pages |= {"/page": Reply("words", kind="text/plain"), "/other": Reply("more words", kind="text/plain")}
        on_hosts(on, pages.port, work)


def test_a_document_has_at_most_the_bytes_of_the_settings(on: On) -> None:
    async def work(made: Importing) -> None:
        most = {"max_document_bytes": 2048}
        made.imports._settings = made.imports._settings.model_copy(update=most)
        result = await made.bring(urls=[UrlSource(f"{pages.url}/{size}") for size in (2048, 2049)])
        assert counts(result) == (1, 0, 0, 1) and list(result["failed"]) == [f"{pages.url}/2049"]

    with web() as pages:
        pages.pages |= {f"/{size}": Reply(b"x" * size, kind="text/plain") for size in (2048, 2049)}
        on_hosts(on, pages.port, work)


def test_failures_are_counted_and_the_first_thousand_are_listed(
    on: On, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert imports.LISTED == 1000
    monkeypatch.setattr(imports, "LISTED", 2)
    for number in range(3):
        (folder / f"out-{number}.md").symlink_to(tmp_path / "outside")
    (tmp_path / "outside").write_text("x")

    async def work(made: Importing) -> None:
        job = await made.job(folder=str(folder))
        result = dict(job.result or {})
        assert counts(result) == (3, 0, 0, 3) and list(result["failed"]) == ["out-0.md", "out-1.md"]
        events = [each.data for each in await made.board.events(job.id) if each.type == "failed"]
        assert [each["document"] for each in events] == ["out-0.md", "out-1.md", "out-2.md"]
        assert all("outside the folder" in each["error"] for each in events)

    on(work)


def test_a_folder_is_an_absolute_path_of_this_machine(on: On, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)

    async def work(made: Importing) -> None:
        for path in ("docs", str(folder / "absent"), str(folder / "a.md")):
            with pytest.raises(InvalidParameter) as error:
                await made.bring(folder=path)
            assert error.value.param == "folder" and f"'{path}' is no folder" in error.value.message

    on(work)


@pytest.mark.parametrize(("portion", "pause", "jobs"), [(2, 1e9, [2, 1]), (200, 1e9, [3]), (200, -1.0, [1, 1, 1])])
def test_what_is_stored_is_indexed_in_portions(
    on: On, folder: Path, monkeypatch: pytest.MonkeyPatch, portion: int, pause: float, jobs: list[int]
) -> None:
    assert (imports.PORTION, imports.PAUSE) == (200, 5.0)
    monkeypatch.setattr(imports, "PORTION", portion)
    monkeypatch.setattr(imports, "PAUSE", pause)

    async def work(made: Importing) -> None:
        indexed: list[list[str]] = []

        async def index(base: KnowledgeBase, names: list[str], **more: Any) -> str:
            assert (base.id, more) == (made.base.id, {"uploaded": True, "owner": "ann"})
            indexed.append(names)
            return f"job {len(indexed)}"

        monkeypatch.setattr(made.knowledge, "index", index)
        result = await made.bring(folder=str(folder), index=True)
        assert list(map(len, indexed)) == jobs and [*chain(*indexed)] == ["a.md", "b.md", "c.txt"]
        assert result["jobs"] == [f"job {number}" for number in range(1, len(jobs) + 1)]

    on(work)


def test_unchanged_documents_that_are_not_indexed_are_tried_again(
    on: On, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = {"stored": True, "failed": True, "cancelled": True, "waiting": False, "ready": False}

    async def work(made: Importing) -> None:
        await made.bring(folder=str(folder), include=["a.md"])
        number = (await made.documents())["a.md"].id
        indexed: list[str] = []

        async def index(base: KnowledgeBase, names: list[str], **more: Any) -> str:
            indexed.extend(names)
            return "job"

        monkeypatch.setattr(made.knowledge, "index", index)
        for state, again in tried.items():
            async with made.knowledge.documents._database.session() as session:
                row = await session.get(KnowledgeDocument, number)
                assert row is not None
                row.state = state
            indexed.clear()
            assert counts(await made.bring(folder=str(folder), include=["a.md"], index=True)) == (0, 0, 1, 0)
            assert indexed == ["a.md"] * again, state

    on(work)
