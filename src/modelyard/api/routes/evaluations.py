"""Routes for evaluation sets of a knowledge base: their questions, and the runs that measure searches with them."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Path, Query
from fastapi.responses import PlainTextResponse

from modelyard.core.access import Owner
from modelyard.core.errors import InvalidParameter
from modelyard.db.evaluation_tables import EvaluationQuestionRow, EvaluationRunRow, EvaluationSetRow
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.evaluations.exchange import NewQuestion, QuestionFormat, read_questions, written
from modelyard.knowledge.evaluations.runs import RunSetting, compared
from modelyard.knowledge.search.search import Mode
from modelyard.protocol import evaluations as bodies
from modelyard.protocol.knowledge import Deleted, JobStarted
from modelyard.web.base_access import NamedBase, check_models
from modelyard.web.cursors import page_of
from modelyard.web.deps import Parts, TheGrant, TheParts
from modelyard.web.router import BodyKind, Router

router = Router("/v1/knowledge_bases/{base}/evaluations", tags=["evaluations"], dependencies=[NamedBase])

RowId = Annotated[int, Path(ge=0, le=(1 << 63) - 1)]
SetId = Annotated[str, Path(max_length=100)]
SettingNumber = Annotated[int, Query(ge=0, le=7, description="Number of a setting, from 0.")]


@router.get("", scope="knowledge:read")
async def list_sets(base: str, parts: TheParts) -> bodies.EvaluationSetList:
    """The evaluation sets of a base, by name."""
    found = await parts.evaluations.sets.all(await _base(parts, base))
    return bodies.EvaluationSetList(data=[_set_info(row, count) for row, count in found])


@router.post("", scope="knowledge:write", body=BodyKind.TEXT)
async def create(base: str, body: bodies.CreateEvaluationSet, parts: TheParts) -> bodies.EvaluationSetInfo:
    """Make an evaluation set, with questions or empty."""
    row = await parts.evaluations.sets.create(await _base(parts, base), body.name, _new(body.questions))
    return _set_info(row, len(body.questions))


@router.get("/{set}", scope="knowledge:read")
async def describe(base: str, set: SetId, parts: TheParts) -> bodies.EvaluationSetInfo:
    """An evaluation set."""
    row = await parts.evaluations.sets.get(await _base(parts, base), set)
    return _set_info(row, await parts.evaluations.sets.count(row.id))


@router.patch("/{set}", scope="knowledge:write")
async def rename(base: str, set: SetId, body: bodies.RenameEvaluationSet, parts: TheParts) -> bodies.EvaluationSetInfo:
    """Rename an evaluation set."""
    row = await parts.evaluations.sets.rename(await _base(parts, base), set, body.name)
    return _set_info(row, await parts.evaluations.sets.count(row.id))


@router.delete("/{set}", scope="knowledge:write", audited=True)
async def delete(base: str, set: SetId, parts: TheParts) -> Deleted:
    """Delete an evaluation set with its questions and runs."""
    await parts.evaluations.sets.delete(await _base(parts, base), set)
    return Deleted(deleted=[set])


@router.get("/{set}/questions", scope="knowledge:read")
async def list_questions(
    base: str,
    set: SetId,
    parts: TheParts,
    limit: Annotated[int, Query(ge=1, le=2000)] = 100,
    after: Annotated[int, Query(ge=0, le=(1 << 63) - 1, description="`next` of the page before.")] = 0,
) -> bodies.QuestionList:
    """The questions of an evaluation set, in the order in which they were added."""
    rows = await parts.evaluations.sets.questions(await _base(parts, base), set, limit + 1, after)
    page, more = page_of(rows, limit, lambda each: str(each.id))
    return bodies.QuestionList(data=[_question_info(each) for each in page], **more)


@router.post("/{set}/questions", scope="knowledge:write", body=BodyKind.TEXT)
async def add_questions(base: str, set: SetId, body: bodies.NewQuestions, parts: TheParts) -> bodies.QuestionList:
    """Add questions to an evaluation set."""
    rows = await parts.evaluations.sets.add(await _base(parts, base), set, _new(body.questions))
    return bodies.QuestionList(data=[_question_info(each) for each in rows])


@router.patch("/{set}/questions/{question}", scope="knowledge:write", body=BodyKind.TEXT)
async def change_question(
    base: str, set: SetId, question: RowId, body: bodies.QuestionBody, parts: TheParts
) -> bodies.QuestionInfo:
    """Change a question, and what answers it."""
    row = await parts.evaluations.sets.change(await _base(parts, base), set, question, _new([body])[0])
    return _question_info(row)


@router.post("/{set}/questions/delete", scope="knowledge:write")
async def delete_questions(base: str, set: SetId, body: bodies.QuestionNumbers, parts: TheParts) -> Deleted:
    """Delete questions."""
    found = await parts.evaluations.sets.remove(await _base(parts, base), set, body.ids)
    missing = [str(each) for each in body.ids if each not in found]
    return Deleted(deleted=[str(each) for each in found], missing=missing)


@router.post("/{set}/import", scope="knowledge:write", body=BodyKind.TEXT)
async def import_questions(
    base: str, set: SetId, body: bodies.ImportQuestions, parts: TheParts
) -> bodies.QuestionsImported:
    """Add the questions of a file of JSON lines or CSV. If a line is wrong, nothing is added."""
    file = await asyncio.to_thread(read_questions, body.text, QuestionFormat(body.format))
    if not file.wrong:
        await parts.evaluations.sets.add(await _base(parts, base), set, file.questions)
    added = 0 if file.wrong else len(file.questions)
    return bodies.QuestionsImported(added=added, wrong={str(number): why for number, why in file.wrong.items()})


@router.get("/{set}/export", scope="knowledge:read", response_class=PlainTextResponse)
async def export(base: str, set: SetId, parts: TheParts, format: QuestionFormat = QuestionFormat.JSONL) -> str:
    """The questions of an evaluation set as JSON lines or CSV, as `…/import` takes them."""
    rows = await parts.evaluations.sets.questions(await _base(parts, base), set)
    return written([(each.question, each.relevant) for each in rows], format)


@router.post("/{set}/runs", scope="knowledge:write")
async def start_run(base: str, set: SetId, body: bodies.StartRun, parts: TheParts, grant: TheGrant) -> JobStarted:
    """Measure search settings with the questions, in the background. The job's id becomes the id of the run."""
    check_models(grant, *(each.rerank_model for each in body.settings))
    settings = [RunSetting(Mode(each.mode), each.rerank, each.rerank_model, each.min_score) for each in body.settings]
    row = await _base(parts, base)
    return JobStarted(job=await parts.evaluations.submit(row, set, settings, row.owner or Owner.of(grant).id))


@router.get("/{set}/runs", scope="knowledge:read")
async def list_runs(base: str, set: SetId, parts: TheParts) -> bodies.RunList:
    """The finished runs of an evaluation set, newest first; the newest 50 are kept."""
    rows = await parts.evaluations.sets.runs(await _base(parts, base), set)
    return bodies.RunList(data=[bodies.RunInfo.model_validate(row, from_attributes=True) for row in rows])


@router.get("/{set}/runs/{run}", scope="knowledge:read")
async def describe_run(
    base: str,
    set: SetId,
    run: SetId,
    parts: TheParts,
    against: Annotated[str | None, Query(max_length=100, description="Id of a run to compare it with.")] = None,
    setting: SettingNumber = 0,
    against_setting: SettingNumber = 0,
) -> bodies.RunDetail:
    """A run with what it found for each question; with `against`, also the differences from another run, or from itself."""
    row = await _base(parts, base)
    found = await parts.evaluations.sets.run(row, set, run)
    detail = bodies.RunDetail.model_validate(found, from_attributes=True)
    if against is not None:
        detail.differences = _differences(
            await parts.evaluations.sets.run(row, set, against), found, against_setting, setting
        )
    return detail


@router.delete("/{set}/runs/{run}", scope="knowledge:write")
async def delete_run(base: str, set: SetId, run: SetId, parts: TheParts) -> Deleted:
    """Delete the results of a run."""
    await parts.evaluations.sets.remove_run(await _base(parts, base), set, run)
    return Deleted(deleted=[run])


def _differences(
    first: EvaluationRunRow, second: EvaluationRunRow, before: int, after: int
) -> dict[str, bodies.MeasureDifference]:
    found = compared(first, second, before, after)
    return {name: bodies.MeasureDifference.model_validate(each, from_attributes=True) for name, each in found.items()}


async def _base(parts: Parts, name: str) -> KnowledgeBase:
    return await parts.knowledge.bases.get(name)


def _new(questions: list[bodies.QuestionBody]) -> list[NewQuestion]:
    """Questions of a request, checked. Raises `InvalidParameter` with the number of the wrong one."""
    found = []
    for number, each in enumerate(questions):
        try:
            found.append(NewQuestion.checked(each.question, bodies.relevant_json(each.relevant)))
        except InvalidParameter as error:
            raise InvalidParameter(f"questions.{number}", error.message) from None
    return found


def _set_info(row: EvaluationSetRow, questions: int) -> bodies.EvaluationSetInfo:
    return bodies.EvaluationSetInfo(id=row.id, name=row.name, questions=questions, created_at=row.created_at)


def _question_info(row: EvaluationQuestionRow) -> bodies.QuestionInfo:
    relevant = [bodies.Relevant.model_validate(each) for each in row.relevant]
    return bodies.QuestionInfo(id=row.id, question=row.question, relevant=relevant, created_at=row.created_at)
