"""Evaluation sets as rows: whose they are, their limits, their order, and the runs that are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from modelyard.core.errors import Conflict, EvaluationNotFound, InvalidParameter
from modelyard.db.evaluation_tables import EvaluationRunRow
from modelyard.db.session import Database
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.evaluations import sets
from modelyard.knowledge.evaluations.exchange import NewQuestion
from modelyard.knowledge.evaluations.sets import EvaluationSets

Work = Callable[[EvaluationSets, KnowledgeBase, KnowledgeBase], Awaitable[None]]
On = Callable[[Work], None]


@pytest.fixture
def on(tmp_path: Path) -> On:
    """Runs a work with the sets of two bases."""

    async def go(work: Work) -> None:
        database = Database(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}")
        await database.open()
        try:
            bases = [KnowledgeBase(name=name, created_at=1.0, used_at=1.0) for name in ("mine", "other")]
            async with database.session() as session:
                session.add_all(bases)
            await work(EvaluationSets(database), *bases)
        finally:
            await database.close()

    return lambda work: asyncio.run(go(work))


def question(text: str = "q", *documents: str) -> NewQuestion:
    return NewQuestion(text, [{"document": name} for name in documents])


def run(set_id: str, name: str, at: float) -> EvaluationRunRow:
    return EvaluationRunRow(
        id=name, set_id=set_id, questions=1, settings=[], results=[], created_at=at, finished_at=at + 1
    )


def test_sets_are_listed_by_name_with_the_number_of_their_questions(on: On) -> None:
    async def work(store: EvaluationSets, mine: KnowledgeBase, other: KnowledgeBase) -> None:
        for name, count in (("b", 2), ("a", 0), ("c", 1)):
            await store.create(mine, name, [question()] * count)
        await store.create(other, "a", [question()] * 3)
        assert [(row.name, count) for row, count in await store.all(mine)] == [("a", 0), ("b", 2), ("c", 1)]
        assert [(row.name, count) for row, count in await store.all(other)] == [("a", 3)]
        (row, _), *_ = await store.all(other)
        assert await store.count(row.id) == 3 and await store.count("nothing") == 0

    on(work)


def test_a_set_is_of_one_base_and_its_parts_are_of_one_set(on: On) -> None:
    async def work(store: EvaluationSets, mine: KnowledgeBase, other: KnowledgeBase) -> None:
        made, second = [await store.create(mine, name, [question()]) for name in "ab"]
        (row,) = await store.questions(mine, made.id)
        await store.keep(run(made.id, "run", 1.0))
        calls: dict[str, Callable[[KnowledgeBase, str], Awaitable[object]]] = {
            "get": lambda base, id: store.get(base, id),
            "rename": lambda base, id: store.rename(base, id, "new"),
            "questions": lambda base, id: store.questions(base, id),
            "add": lambda base, id: store.add(base, id, [question()]),
            "change": lambda base, id: store.change(base, id, row.id, question("new")),
            "remove": lambda base, id: store.remove(base, id, [row.id]),
            "runs": lambda base, id: store.runs(base, id),
            "run": lambda base, id: store.run(base, id, "run"),
            "remove_run": lambda base, id: store.remove_run(base, id, "run"),
            "delete": lambda base, id: store.delete(base, id),
        }
        for name, call in calls.items():
            for base, id in ((other, made.id), (mine, "nothing")):
                with pytest.raises(EvaluationNotFound) as error:
                    await call(base, id)
                assert error.value.message == f"The knowledge base '{base.name}' has no evaluation set '{id}'.", name
        for name in ("change", "run", "remove_run"):
            with pytest.raises(EvaluationNotFound, match="question 1" if name == "change" else "run 'run'"):
                await calls[name](mine, second.id)
        for missing in (store.change(mine, made.id, 99, question()), store.run(mine, made.id, "no")):
            with pytest.raises(EvaluationNotFound):
                await missing
        assert await store.remove(mine, second.id, [row.id]) == []
        assert [each.question for each in await store.questions(mine, made.id)] == ["q"], "nothing was changed"
        assert (await store.run(mine, made.id, "run")).id == "run"

    on(work)


def test_names_have_between_1_and_200_printable_characters(on: On) -> None:
    async def work(store: EvaluationSets, mine: KnowledgeBase, other: KnowledgeBase) -> None:
        made = await store.create(mine, "x" * 200, [])
        for name in ("", " \t ", "x" * 201, "a\0b", "a\x7fb"):
            for call in (store.create(mine, name, []), store.rename(mine, made.id, name)):
                with pytest.raises(InvalidParameter):
                    await call
        await store.create(mine, "y", [])
        assert [row.name for row, _ in await store.all(mine)] == ["x" * 200, "y"]

    on(work)


def test_a_name_is_taken_within_its_base_alone(on: On) -> None:
    async def work(store: EvaluationSets, mine: KnowledgeBase, other: KnowledgeBase) -> None:
        first, second = [await store.create(mine, name, []) for name in (" a  b ", "c")]
        assert first.name == "a b" and first.base_id == mine.id and first.created_at > 1e9
        assert (await store.create(other, "a b", [])).id != first.id
        for call in (store.create(mine, "a b", [question()]), store.rename(mine, second.id, " a b")):
            with pytest.raises(Conflict, match=r"'mine' has an evaluation set ' ?a b' already"):
                await call
        assert (await store.rename(mine, second.id, " d ")).name == "d"
        assert [(row.name, count) for row, count in await store.all(mine)] == [("a b", 0), ("d", 0)]

    on(work)


def test_a_base_has_at_most_a_hundred_sets(on: On, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sets.MOST_SETS == 100
    monkeypatch.setattr(sets, "MOST_SETS", 2)

    async def work(store: EvaluationSets, mine: KnowledgeBase, other: KnowledgeBase) -> None:
        for name in "ab":
            await store.create(mine, name, [])
        with pytest.raises(InvalidParameter, match="at most 2 evaluation sets"):
            await store.create(mine, "c", [])
        await store.create(other, "c", [])
        assert len(await store.all(mine)) == 2

    on(work)


def test_a_set_has_at_most_two_thousand_questions(on: On, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sets.MOST_QUESTIONS == 2000
    monkeypatch.setattr(sets, "MOST_QUESTIONS", 3)

    async def work(store: EvaluationSets, mine: KnowledgeBase, other: KnowledgeBase) -> None:
        made = await store.create(mine, "a", [question()] * 2)
        with pytest.raises(InvalidParameter, match="at most 3 of them"):
            await store.add(mine, made.id, [question()] * 2)
        assert len(await store.add(mine, made.id, [question()])) == 1 and await store.count(made.id) == 3
        with pytest.raises(InvalidParameter, match="at most 3 of them"):
            await store.create(mine, "b", [question()] * 4)
        await store.create(mine, "full", [question()] * 3)
        assert [(row.name, count) for row, count in await store.all(mine)] == [("a", 3), ("full", 3)]

    on(work)


def test_questions_are_read_in_order_from_behind_one(on: On) -> None:
    async def work(store: EvaluationSets, mine: KnowledgeBase, other: KnowledgeBase) -> None:
        made = await store.create(mine, "a", [question("one", "d"), question("two")])
        other_set = await store.create(mine, "b", [question("apart")])
        (three,) = await store.add(mine, made.id, [question("three")])
        rows = await store.questions(mine, made.id)
        assert [each.question for each in rows] == ["one", "two", "three"] and rows[2].id == three.id
        assert rows[0].relevant == [{"document": "d"}] and rows[0].created_at > 1e9
        assert [each.question for each in await store.questions(mine, made.id, limit=2)] == ["one", "two"]
        assert [each.question for each in await store.questions(mine, made.id, after=rows[0].id)] == ["two", "three"]
        changed = await store.change(mine, made.id, rows[1].id, question("2", "e", "f"))
        assert (changed.question, changed.relevant) == ("2", [{"document": "e"}, {"document": "f"}])
        assert sorted(await store.remove(mine, made.id, [rows[0].id, three.id, 999])) == [rows[0].id, three.id]
        assert [(each.question, each.relevant) for each in await store.questions(mine, made.id)] == [
            ("2", [{"document": "e"}, {"document": "f"}])
        ]
        assert await store.count(other_set.id) == 1

    on(work)


def test_a_set_goes_with_its_questions_and_runs(on: On) -> None:
    async def work(store: EvaluationSets, mine: KnowledgeBase, other: KnowledgeBase) -> None:
        made, kept = [await store.create(mine, name, [question()]) for name in "ab"]
        for each in (made, kept):
            await store.keep(run(each.id, f"run {each.name}", 1.0))
        await store.delete(mine, made.id)
        assert [(row.name, count) for row, count in await store.all(mine)] == [("b", 1)]
        assert await store.count(made.id) == 0
        async with store._database.session() as session:
            assert await session.get(EvaluationRunRow, "run a") is None
        assert [each.id for each in await store.runs(mine, kept.id)] == ["run b"]
        await store.remove_run(mine, kept.id, "run b")
        assert await store.runs(mine, kept.id) == []

    on(work)


def test_the_newest_runs_of_a_set_are_kept(on: On, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sets.KEPT_RUNS == 50
    monkeypatch.setattr(sets, "KEPT_RUNS", 3)

    async def work(store: EvaluationSets, mine: KnowledgeBase, other: KnowledgeBase) -> None:
        made, second = [await store.create(mine, name, []) for name in "ab"]
        await store.keep(run(second.id, "apart", 0.0))
        for name, at in (("2", 2.0), ("1", 1.0), ("3", 3.0)):
            await store.keep(run(made.id, name, at))
        assert [each.id for each in await store.runs(mine, made.id)] == ["3", "2", "1"]
        again = run(made.id, "3", 3.0)
        again.questions = 9
        await store.keep(again)
        assert [(each.id, each.questions) for each in await store.runs(mine, made.id)] == [("3", 9), ("2", 1), ("1", 1)]
        await store.keep(run(made.id, "4", 4.0))
        assert [each.id for each in await store.runs(mine, made.id)] == ["4", "3", "2"]
        assert [each.id for each in await store.runs(mine, second.id)] == ["apart"]

    on(work)
