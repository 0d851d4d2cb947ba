"""Jobs from their creation to their end: what is indexed, what waits, what fails, and what is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from modelyard.core.config import Settings
from modelyard.core.errors import (
    BadRequest,
    DocumentNotFound,
    InternalError,
    JobNotFound,
    KnowledgeBaseBusy,
    ModelNotFound,
    ModelNotReady,
    ModelyardError,
)
from modelyard.db.tables import KnowledgeBase, KnowledgeDocument, KnowledgeJob
from modelyard.knowledge.documents.bases import BaseSettings
from modelyard.knowledge.documents.blobs import whole
from modelyard.knowledge.documents.splitter import Chunking
from modelyard.knowledge.documents.states import DocumentState
from modelyard.knowledge.indexing import worker as worker_module
from modelyard.knowledge.indexing.jobs import JobView, Problem, builtins, fingerprint
from modelyard.knowledge.search.search import Mode, Query
from modelyard.knowledge.service import KnowledgeService
from tests.knowledge.room import SMALL, TEXT, Models, filled, room


class Failing(Models):
    """Raises `errors` one after the other, and then embeds; `embedded` has the texts."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self.errors = list(errors)
        self.embedded: list[str] = []

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        ours = [text for text in texts if "January" in text or "third sentence" in text or "July" in text]
        if ours and self.errors:
            raise self.errors.pop(0)
        self.embedded += ours
        return await super().embed(model, texts)


async def put(knowledge: KnowledgeService, base: KnowledgeBase, *names: str, data: bytes = TEXT) -> None:
    for name in names:
        await knowledge.documents.put(base, name, whole(data))


async def indexed(knowledge: KnowledgeService, base: KnowledgeBase, *names: str, force: bool = False) -> JobView:
    return await knowledge.worker.wait(await knowledge.index(base, names, force))


async def progress(knowledge: KnowledgeService, job: str) -> tuple[int, int | None, str, str]:
    """What the row of a job keeps for the list of all jobs."""
    async with knowledge.jobs._database.session() as session:
        row = await session.get_one(KnowledgeJob, job)
    return row.done, row.total, row.unit, row.message


def counts(view: JobView) -> tuple[int, int, int, int, int]:
    return view.total, view.done, view.unchanged, view.failed, view.cancelled


def test_only_what_has_changed_is_indexed(settings: Settings) -> None:
    async def go() -> None:
        models = Failing()
        async with room(settings, models) as knowledge:
            base = await knowledge.create("b", BaseSettings(chunking=SMALL, embedding_model="letters"))
            await put(knowledge, base, "a.txt", "same.txt")
            view = await indexed(knowledge, base, "a.txt", "same.txt", "a.txt")
            assert (view.kind, view.state, view.base, view.error, view.waiting) == ("add", "done", "b", "", "")
            assert counts(view) == (2, 2, 0, 0, 0) and view.finished_at is not None
            assert (view.chunks, view.embedded) == (4, 2), "equal texts are embedded once"
            assert sorted(models.embedded) == sorted(TEXT.decode().split("\n\n"))
            document = await knowledge.documents.get(base, "a.txt")
            assert (document.state, document.chunks, document.characters) == (DocumentState.READY, 2, len(TEXT))
            assert await knowledge.documents.text(document) == TEXT.decode()
            again = await indexed(knowledge, base, "a.txt")
            assert counts(again) == (1, 0, 1, 0, 0) and (again.chunks, again.embedded) == (2, 0)
            await put(knowledge, base, "a.txt", data=TEXT + b"\n\nThe lake has a third sentence.")
            changed = await indexed(knowledge, base, "a.txt", "same.txt")
            assert counts(changed) == (2, 1, 1, 0, 0) and (changed.chunks, changed.embedded) == (5, 1)
            before, _ = await knowledge.documents.chunks(base, "a.txt")
            forced = await indexed(knowledge, base, "a.txt", force=True)
            assert counts(forced) == (1, 1, 0, 0, 0) and forced.embedded == 0
            after, _ = await knowledge.documents.chunks(base, "a.txt")
            assert [each.id for each in after] == [each.id for each in before], "chunks with equal texts keep their ids"
            views = await knowledge.jobs.all(base)
            assert [each.id for each in views] == [forced.id, changed.id, again.id, view.id]
            assert [each.id for each in await knowledge.jobs.all(base, limit=1)] == [forced.id]
            assert await progress(knowledge, changed.id) == (2, 2, "documents", "")
            outcomes = await knowledge.jobs.outcomes(changed.id)
            assert outcomes == [("a.txt", "done", ""), ("same.txt", "unchanged", "")]
            assert builtins(changed)["total"] == 2 and changed.finished
            assert await knowledge.jobs.running(base) == []

    asyncio.run(go())


def test_missing_documents_are_named_unless_they_were_just_uploaded(settings: Settings) -> None:
    async def go() -> None:
        async with room(settings) as knowledge:
            base = await knowledge.create("b", BaseSettings())
            await put(knowledge, base, "a.txt")
            with pytest.raises(DocumentNotFound, match=r"'gone\.txt'"):
                await knowledge.index(base, ["a.txt", "gone.txt"])
            assert (await knowledge.documents.get(base, "a.txt")).state == DocumentState.STORED
            job = await knowledge.index(base, ["gone.txt", "a.txt"], uploaded=True)
            assert counts(await knowledge.worker.wait(job)) == (1, 1, 0, 0, 0)
            for call in (knowledge.worker.view("none"), knowledge.cancel("none"), knowledge.jobs.view("none")):
                with pytest.raises(JobNotFound):
                    await call

    asyncio.run(go())


def test_a_document_that_cannot_be_read_fails_alone(settings: Settings) -> None:
    async def go() -> None:
        async with room(settings) as knowledge:
            base = await knowledge.create("b", BaseSettings())
            await put(knowledge, base, "good.txt")
            await put(knowledge, base, "bad.pdf", data=b"%PDF-1.4 no")
            view = await indexed(knowledge, base, "bad.pdf", "good.txt")
            assert counts(view) == (2, 1, 0, 1, 0) and view.state == "done"
            [problem] = view.problems
            bad = await knowledge.documents.get(base, "bad.pdf")
            assert problem == Problem("bad.pdf", bad.error) and "bad.pdf" in bad.error
            assert (bad.state, bad.chunks) == (DocumentState.FAILED, 0)
            gone = await knowledge.documents.get(base, "good.txt")
            knowledge.blobs.path(gone.hash).unlink()
            lost = await indexed(knowledge, base, "good.txt", force=True)
            assert lost.problems[0].error.endswith("its file is gone; upload it again.")

    asyncio.run(go())


def test_what_a_loader_left_out_is_a_remark(settings: Settings) -> None:
    async def go() -> None:
        async with room(settings) as knowledge:
            base = await knowledge.create("b", BaseSettings())
            notebook = (
                b'{"cells": [{"cell_type": "markdown", "source": "The lake."}, 5], "metadata": {}, "nbformat": 4}'
            )
            await put(knowledge, base, "n.ipynb", data=notebook)
            view = await indexed(knowledge, base, "n.ipynb")
            [remark] = view.remarks
            assert remark.document == "n.ipynb" and remark.notes == ["Cell 2 is damaged and was not read."]

    asyncio.run(go())


def test_a_model_that_fails_is_asked_six_times(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "PAUSE", 0.0)

    async def outcome(*errors: Exception) -> tuple[JobView, list[Exception]]:
        models = Failing(*errors)
        async with room(settings, models) as knowledge:
            name = f"b{len(errors)}{type(errors[0]).__name__}"
            base = await knowledge.create(name, BaseSettings(embedding_model=name))  # whose texts have no vectors yet
            await put(knowledge, base, "a.txt")
            return await indexed(knowledge, base, "a.txt"), models.errors

    def tried(*errors: Exception) -> tuple[JobView, list[Exception]]:
        return asyncio.run(outcome(*errors))

    five: list[Exception] = [InternalError("broke") for _ in range(5)]
    view, left = tried(*five)
    assert (view.done, view.failed, left) == (1, 0, [])
    view, left = tried(*five, InternalError("the sixth"))
    assert (view.done, view.failed, left) == (0, 1, []) and "the sixth" in view.problems[0].error
    view, left = tried(ModelNotReady("letters", "is loading"))
    assert (view.done, left) == (1, []), "a model that nothing says is absent may answer soon"
    view, left = tried(BadRequest("too long"), InternalError("not reached"))
    assert (view.failed, len(left)) == (1, 1) and view.problems[0].error == "too long"
    view, left = tried(ValueError("a defect"), InternalError("not reached"))
    assert (view.failed, len(left)) == (1, 1) and view.problems[0].error == "Internal error: ValueError."


def test_a_job_waits_for_its_model_and_words_find_its_documents(settings: Settings) -> None:
    async def go() -> None:
        absent, reason = ModelNotFound("letters"), "No model 'letters' runs; launch it."
        models, answers = Failing(*[absent] * 50), False
        async with room(settings, models) as knowledge:
            knowledge.worker.held.absent = lambda model: "" if answers else reason
            base = await knowledge.create("b", BaseSettings(chunking=SMALL, embedding_model="letters"))
            await put(knowledge, base, "a.txt")
            job = await knowledge.index(base, ["a.txt"])
            async for view in knowledge.worker.follow(job):
                if view.waiting:
                    break
            assert (view.waiting, view.state, view.done) == (reason, "running", 0)
            assert knowledge.worker.held.jobs == {job} and await knowledge.jobs.running(base) == [job]
            changed = asyncio.Event()
            knowledge.worker.on_change = changed.set
            while not (found := await knowledge.search.search(Query(text="river", bases=[base]))).hits:
                await changed.wait()
                changed.clear()
            assert found.hits[0].text == "The river is shallow in July."
            document = await knowledge.documents.get(base, "a.txt")
            assert (document.state, document.error) == (DocumentState.WAITING, reason)
            answers, models.errors = True, []
            knowledge.worker.models_changed()
            view = await knowledge.worker.wait(job)
            assert (view.state, view.done, view.waiting, view.embedded) == ("done", 1, "", 2)
            assert knowledge.worker.held.jobs == frozenset() and knowledge.worker.held.reason(job) == ""
            now = await knowledge.bases.get("b")
            assert now.dimension == 5
            found = await knowledge.search.search(Query(text="river", bases=[now], mode=Mode.VECTOR))
            assert len(found.hits) == 2 and found.hits[0].scores.similarity

    asyncio.run(go())


class Waiting(Models):
    """Does not answer before `go_on` is set; `begun` says that it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        if any("January" in text for text in texts):
            self.begun.set()
            await self.go_on.wait()
        return await super().embed(model, texts)


def test_a_cancelled_job_leaves_its_documents_as_they_were(settings: Settings) -> None:
    async def go() -> None:
        models = Waiting()
        async with room(settings, models) as knowledge:
            base = await knowledge.create("b", BaseSettings(embedding_model="letters"))
            await put(knowledge, base, "a.txt", "b.txt")
            job = await knowledge.index(base, ["a.txt", "b.txt"])
            await models.begun.wait()
            view = await knowledge.worker.view(job)
            assert view.working and set(view.working.values()) == {"embedding 0 of 1"} and not view.finished
            await knowledge.cancel(job)
            view = await knowledge.worker.wait(job)
            assert (view.state, view.working) == ("cancelled", {}) and counts(view) == (2, 0, 0, 0, 2)
            assert await progress(knowledge, job) == (0, 2, "documents", "")
            assert (await knowledge.documents.get(base, "a.txt")).state == DocumentState.CANCELLED
            await knowledge.cancel(job)
            assert (await knowledge.worker.view(job)).state == "cancelled"
            models.go_on.set()
            assert counts(await indexed(knowledge, base, "a.txt", "b.txt")) == (2, 2, 0, 0, 0)

    asyncio.run(go())


def test_a_new_generation_is_built_beside_the_old_one(settings: Settings) -> None:
    async def go() -> None:
        models = Waiting()
        async with room(settings, models) as knowledge:
            base = await filled(knowledge)
            old = await knowledge.documents.chunks(base, "a.txt")
            job = await knowledge.reindex(base, BaseSettings(embedding_model="letters", chunking={"size": 500}))
            await models.begun.wait()
            assert (await knowledge.bases.get("b")).generation == base.generation
            found = await knowledge.search.search(Query(text="river", bases=[base]))
            assert found.hits[0].text == "The river is shallow in July."
            for call in (
                knowledge.reindex(base, BaseSettings()),
                knowledge.edits.unindex(base, "a.txt"),
                knowledge.edits.add_chunk(base, "a.txt", "x"),
                knowledge.edits.remove_chunk(base, old[0][0].id),
                knowledge.edits.configure(base, "a.txt", enabled=False),
            ):
                with pytest.raises(KnowledgeBaseBusy):
                    await call
            models.go_on.set()
            view = await knowledge.worker.wait(job)
            assert (view.kind, view.state, view.done) == ("reindex", "done", 1)
            new = await knowledge.bases.get("b")
            assert (new.generation, new.embedding_model, new.dimension) == (base.generation + 1, "letters", 5)
            assert new.chunking["size"] == 500
            chunks, total = await knowledge.documents.chunks(new, "a.txt")
            assert total == 1 and [each.text for each in chunks] == [TEXT.decode()]
            place = settings.folder / "knowledge" / "indexes" / str(base.id)
            assert [each.name for each in place.iterdir()] == [str(new.generation)]

    asyncio.run(go())


def test_a_generation_that_is_given_up_changes_nothing(settings: Settings) -> None:
    async def go() -> None:
        models = Waiting()
        async with room(settings, models) as knowledge:
            base = await filled(knowledge)
            job = await knowledge.reindex(base, BaseSettings(embedding_model="letters"))
            await models.begun.wait()
            await knowledge.cancel(job)
            assert (await knowledge.worker.wait(job)).state == "cancelled"
            same = await knowledge.bases.get("b")
            assert (same.generation, same.embedding_model) == (base.generation, None)
            document = await knowledge.documents.get(base, "a.txt")
            assert (document.state, document.chunks) == (DocumentState.READY, 2)
            models.go_on.set()
            again = await knowledge.reindex(base, BaseSettings(embedding_model="letters"))
            await knowledge.worker.wait(again)
            assert (await knowledge.bases.get("b")).generation == base.generation + 2, "a number is not used twice"

    asyncio.run(go())


@pytest.mark.parametrize(("whole_job", "state", "generation"), [(True, "failed", 0), (False, "done", 1)])
def test_a_new_generation_needs_its_model_and_not_each_document(
    settings: Settings, whole_job: bool, state: str, generation: int
) -> None:
    async def go() -> None:
        error: ModelyardError = BadRequest("the model refuses all")
        models = Failing()
        async with room(settings, models) as knowledge:
            base = await filled(knowledge, embedding_model="letters")
            await put(knowledge, base, "bad.txt", data=b"another")
            await indexed(knowledge, base, "bad.txt")
            if whole_job:
                models.errors = [error] * 9
                change = BaseSettings(embedding_model="other")
            else:
                knowledge.blobs.path((await knowledge.documents.get(base, "bad.txt")).hash).unlink()
                change = BaseSettings()
            view = await knowledge.worker.wait(await knowledge.reindex(base, change))
            assert view.state == state and (view.error == error.message) is whole_job
            now = await knowledge.bases.get("b")
            assert (now.generation - base.generation, now.embedding_model) == (generation, "letters")
            bad = await knowledge.documents.get(now, "bad.txt")
            assert bad.state == (DocumentState.READY if whole_job else DocumentState.FAILED)
            found = await knowledge.search.search(Query(text="river", bases=[now]))
            assert found.hits[0].document == "a.txt"

    asyncio.run(go())


def test_what_people_have_edited_stays_in_a_new_generation_unless_forced(settings: Settings) -> None:
    async def go() -> None:
        async with room(settings) as knowledge:
            base = await filled(knowledge)
            chunks, _ = await knowledge.documents.chunks(base, "a.txt")
            changed = await knowledge.edits.change_chunk(base, chunks[1].id, text="Edited.", extra={"tag": 1})
            await knowledge.edits.change_chunk(base, chunks[0].id, enabled=False)
            assert changed.id != chunks[1].id
            await knowledge.worker.wait(await knowledge.reindex(base, BaseSettings()))
            base = await knowledge.bases.get("b")
            kept, _ = await knowledge.documents.chunks(base, "a.txt")
            assert [(each.text, each.enabled, each.edited, each.extra) for each in kept] == [
                (chunks[0].text, False, True, {}),
                ("Edited.", True, True, {"tag": 1}),
            ]
            assert [(each.start, each.end) for each in kept] == [(each.start, each.end) for each in chunks]
            await knowledge.worker.wait(await knowledge.reindex(base, BaseSettings(), force=True))
            base = await knowledge.bases.get("b")
            fresh, _ = await knowledge.documents.chunks(base, "a.txt")
            assert [(each.text, each.enabled, each.edited) for each in fresh] == [
                (each.text, True, False) for each in chunks
            ]

    asyncio.run(go())


def test_a_mark_of_a_document_depends_on_all_that_its_chunks_do() -> None:
    def mark(
        name: str = "a.txt", data: str = "h", generation: int = 1, size: int = 100, model: Any = None, ocr: bool = False
    ) -> str:
        return fingerprint(KnowledgeDocument(name=name, hash=data), generation, Chunking(size=size), model, ocr)

    others = [mark("a.md"), mark(data="i"), mark(generation=2), mark(size=101), mark(model="m"), mark(ocr=True)]
    assert len({mark(), *others}) == 7
    assert mark() == mark("b.txt") == mark("c.TXT") == mark(model="")
