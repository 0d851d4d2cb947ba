"""Evaluation sets as rows: creates, lists, changes and deletes sets, their questions and the results of their runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from modelyard.core.errors import ChangedMeanwhile, Conflict, EvaluationNotFound, InvalidParameter
from modelyard.db.evaluation_tables import EvaluationQuestionRow, EvaluationRunRow, EvaluationSetRow
from modelyard.db.session import Database, retried
from modelyard.db.tables import KnowledgeBase
from modelyard.jobs.service import new_id
from modelyard.knowledge.evaluations.exchange import NewQuestion

MOST_SETS = 100
"""Sets of a base."""
MOST_QUESTIONS = 2000
"""Questions of a set."""
KEPT_RUNS = 50
"""Runs of a set that are kept."""


class EvaluationSets:
    """The sets of all bases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, base: KnowledgeBase) -> list[tuple[EvaluationSetRow, int]]:
        """The sets of a base by name, each with the number of its questions."""
        counted = select(func.count()).where(EvaluationQuestionRow.set_id == EvaluationSetRow.id).scalar_subquery()
        query = select(EvaluationSetRow, counted).where(EvaluationSetRow.base_id == base.id)
        async with self._database.session() as session:
            rows = (await session.execute(query.order_by(EvaluationSetRow.name))).all()
        return [(row, count) for row, count in rows]

    async def create(self, base: KnowledgeBase, name: str, questions: Sequence[NewQuestion]) -> EvaluationSetRow:
        """Make a set. Raises `InvalidParameter` or `Conflict`."""
        row = EvaluationSetRow(id=new_id(), base_id=base.id, name=_checked_name(name), created_at=time.time())
        try:
            async with self._database.writing() as session:
                there = select(func.count()).where(EvaluationSetRow.base_id == base.id)
                if (await session.scalar(there) or 0) >= MOST_SETS:
                    raise InvalidParameter("name", f"a knowledge base has at most {MOST_SETS} evaluation sets.")
                session.add(row)
                await session.flush()
                await _added(session, row.id, questions)
        except ChangedMeanwhile:
            raise _taken(name, base) from None
        return row

    async def get(self, base: KnowledgeBase, name: str) -> EvaluationSetRow:
        """The set with an id. Raises `EvaluationNotFound`."""
        async with self._database.session() as session:
            return await _set(session, base, name)

    async def rename(self, base: KnowledgeBase, id: str, name: str) -> EvaluationSetRow:
        """Rename a set. Raises `EvaluationNotFound`, `InvalidParameter` or `Conflict`."""
        try:
            async with self._database.writing() as session:
                row = await _set(session, base, id)
                row.name = _checked_name(name)
        except ChangedMeanwhile:
            raise _taken(name, base) from None
        return row

    async def delete(self, base: KnowledgeBase, id: str) -> None:
        """Delete a set with its questions and runs. Raises `EvaluationNotFound`."""
        async with self._database.freeing() as session:
            await session.delete(await _set(session, base, id))

    async def count(self, id: str) -> int:
        """The number of a set's questions."""
        async with self._database.session() as session:
            return await session.scalar(select(func.count()).where(EvaluationQuestionRow.set_id == id)) or 0

    async def questions(
        self, base: KnowledgeBase, id: str, limit: int = MOST_QUESTIONS, after: int = 0
    ) -> Sequence[EvaluationQuestionRow]:
        """The questions of a set in order, or those behind one. Raises `EvaluationNotFound`."""
        query = select(EvaluationQuestionRow).where(
            EvaluationQuestionRow.set_id == id, EvaluationQuestionRow.id > after
        )
        async with self._database.session() as session:
            await _set(session, base, id)
            return (await session.scalars(query.order_by(EvaluationQuestionRow.id).limit(limit))).all()

    @retried
    async def add(
        self, base: KnowledgeBase, id: str, questions: Sequence[NewQuestion]
    ) -> Sequence[EvaluationQuestionRow]:
        """Add questions to a set. Raises `EvaluationNotFound` or `InvalidParameter`."""
        async with self._database.writing() as session:
            await _set(session, base, id)
            return await _added(session, id, questions)

    @retried
    async def change(self, base: KnowledgeBase, id: str, number: int, question: NewQuestion) -> EvaluationQuestionRow:
        """Change a question. Raises `EvaluationNotFound`."""
        async with self._database.writing() as session:
            await _set(session, base, id)
            row = await session.get(EvaluationQuestionRow, number)
            if row is None or row.set_id != id:
                raise EvaluationNotFound(f"question {number}", base.name)
            row.question, row.relevant = question.text, [dict(each) for each in question.relevant]
        return row

    async def remove(self, base: KnowledgeBase, id: str, numbers: Sequence[int]) -> list[int]:
        """Delete questions; returns those that existed. Raises `EvaluationNotFound` for an unknown set."""
        mine = EvaluationQuestionRow.set_id == id, EvaluationQuestionRow.id.in_(numbers)
        async with self._database.freeing() as session:
            await _set(session, base, id)
            found = (await session.scalars(select(EvaluationQuestionRow.id).where(*mine))).all()
            await session.execute(delete(EvaluationQuestionRow).where(*mine))
        return list(found)

    async def keep(self, run: EvaluationRunRow) -> None:
        """Store what a run found; the oldest runs of its set beyond `KEPT_RUNS` are deleted.

        A run whose job is begun again after a kill, because its end was not written, takes the place of the one before.
        """
        others = EvaluationRunRow.set_id == run.set_id, EvaluationRunRow.id != run.id
        old = select(EvaluationRunRow.id).where(*others)
        old = old.order_by(EvaluationRunRow.created_at.desc()).offset(KEPT_RUNS - 1)
        async with self._database.writing() as session:
            ids = (await session.scalars(old)).all()
            await session.execute(delete(EvaluationRunRow).where(EvaluationRunRow.id.in_(ids)))
            await session.merge(run)

    async def runs(self, base: KnowledgeBase, id: str) -> Sequence[EvaluationRunRow]:
        """The runs of a set, newest first, without what each question found. Raises `EvaluationNotFound`."""
        query = select(EvaluationRunRow).where(EvaluationRunRow.set_id == id)
        query = query.options(defer(EvaluationRunRow.results, raiseload=True))
        async with self._database.session() as session:
            await _set(session, base, id)
            return (await session.scalars(query.order_by(EvaluationRunRow.created_at.desc()))).all()

    async def run(self, base: KnowledgeBase, id: str, run: str) -> EvaluationRunRow:
        """One run of a set. Raises `EvaluationNotFound`."""
        async with self._database.session() as session:
            await _set(session, base, id)
            row = await session.get(EvaluationRunRow, run)
        if row is None or row.set_id != id:
            raise EvaluationNotFound(f"run '{run}'", base.name)
        return row

    async def remove_run(self, base: KnowledgeBase, id: str, run: str) -> None:
        """Delete the results of a run. Raises `EvaluationNotFound`."""
        row = await self.run(base, id, run)
        async with self._database.freeing() as session:
            await session.execute(delete(EvaluationRunRow).where(EvaluationRunRow.id == row.id))


async def _set(session: AsyncSession, base: KnowledgeBase, id: str) -> EvaluationSetRow:
    row = await session.get(EvaluationSetRow, id)
    if row is None or row.base_id != base.id:
        raise EvaluationNotFound(f"set '{id}'", base.name)
    return row


async def _added(session: AsyncSession, id: str, questions: Sequence[NewQuestion]) -> list[EvaluationQuestionRow]:
    """Add questions within a transaction. Raises `InvalidParameter` for too many."""
    await session.execute(update(EvaluationSetRow).where(EvaluationSetRow.id == id).values(id=id))
    there = await session.scalar(select(func.count()).where(EvaluationQuestionRow.set_id == id)) or 0
    if there + len(questions) > MOST_QUESTIONS:
        raise InvalidParameter("questions", f"an evaluation set has at most {MOST_QUESTIONS} of them.")
    now = time.time()
    rows = [_row(id, each, now) for each in questions]
    session.add_all(rows)
    await session.flush()
    return rows


def _row(id: str, question: NewQuestion, now: float) -> EvaluationQuestionRow:
    relevant: list[dict[str, Any]] = [dict(each) for each in question.relevant]
    return EvaluationQuestionRow(set_id=id, question=question.text, relevant=relevant, created_at=now)


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > 200 or not name.isprintable():
        raise InvalidParameter("name", "it has between 1 and 200 printable characters.")
    return name


def _taken(name: str, base: KnowledgeBase) -> Conflict:
    return Conflict(f"The knowledge base '{base.name}' has an evaluation set '{name}' already.")
