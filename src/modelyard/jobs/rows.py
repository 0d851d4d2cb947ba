"""Reads, writes and finds the rows of jobs. Packages that create or end jobs in their own transactions use it, too."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.core.access import Owner
from modelyard.core.errors import ModelyardError, error_classes
from modelyard.db.owners import mine
from modelyard.db.tables import JobEventRow, JobRow
from modelyard.jobs.types import FINISHED, Job, JobEvent, JobProgress, JobState

STATE = "state"
"""Type of the event that is stored when a job changes its state."""
KEPT_EVENTS = 1000
"""Number of events that are stored per job; older ones are deleted."""
LONGEST = 4000
"""Maximum characters of an error or a message, because a process may print any amount."""
PORTION = 500
"""Number of jobs that one statement deletes."""


def row_of(job: Job) -> JobRow:
    """The row of a job."""
    return JobRow(
        id=job.id,
        kind=job.kind,
        state=job.state.value,
        owner=job.owner,
        parameters=dict(job.parameters),
        details=dict(job.details),
        done=job.progress.done,
        total=job.progress.total,
        unit=job.progress.unit[:20],
        message=_storable(job.progress.message),
        result=None if job.result is None else dict(job.result),
        error_code=job.error.code if job.error else "",
        error=_storable(job.error.message) if job.error else "",
        attempts=job.attempts,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
    )


def _storable(text: str) -> str:
    """A text in a form that every database accepts: shortened, without NULs and lone surrogates."""
    return text[:LONGEST].replace("\0", "�").encode("utf-8", "replace").decode()


def job_of(row: JobRow) -> Job:
    """The job in a row."""
    return Job(
        id=row.id,
        kind=row.kind,
        owner=row.owner,
        parameters=row.parameters,
        details=row.details,
        state=JobState(row.state),
        progress=JobProgress(row.done, row.total, row.unit, row.message),
        result=row.result,
        error=_error(row),
        attempts=row.attempts,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def _error(row: JobRow) -> ModelyardError | None:
    if not row.error_code and not row.error:
        return None
    return error_classes().get(row.error_code, ModelyardError).from_wire(row.error, None, None)


def state_event(job: str, state: JobState, error: ModelyardError | None) -> JobEventRow:
    """The event of a job that changes to this state."""
    data: dict[str, object] = {"state": state.value}
    if error is not None:
        data["error"] = {"code": error.code, "message": error.message}
    return JobEventRow(job_id=job, at=time.time(), type=STATE, data=data)


def add(session: AsyncSession, job: Job) -> None:
    """Insert a new job, in the caller's transaction."""
    session.add(row_of(job))
    session.add(state_event(job.id, job.state, None))


def move(session: AsyncSession, row: JobRow, state: JobState, error: ModelyardError | None = None) -> None:
    """Change the state of a job, in the caller's transaction."""
    row.state = state.value
    row.error_code, row.error = (error.code, _storable(error.message)) if error else ("", "")
    if state in FINISHED:
        row.finished_at = time.time()
    session.add(state_event(row.id, state, error))


async def unfinished(session: AsyncSession) -> list[Job]:
    """Jobs that are not finished, oldest first."""
    query = select(JobRow).where(JobRow.state.not_in(FINISHED)).order_by(JobRow.created_at, JobRow.id)
    return [job_of(row) for row in await session.scalars(query)]


async def ended_since(session: AsyncSession, time: float) -> list[str]:
    """Ids of jobs that finished at that Unix time or later."""
    query = select(JobRow.id).where(JobRow.state.in_(FINISHED), JobRow.finished_at >= time)
    return list(await session.scalars(query))


async def page(
    session: AsyncSession,
    owner: Owner,
    kind: str | None,
    state: str | None,
    limit: int,
    after: tuple[float, str] | None = None,
) -> list[Job]:
    """The newest jobs that an owner may see; `after` is the time of creation and the id of the last job of the previous page."""
    query = mine(select(JobRow), owner, JobRow.owner).order_by(JobRow.created_at.desc(), JobRow.id).limit(limit)
    if kind is not None:
        query = query.where(JobRow.kind == kind)
    if state is not None:
        query = query.where(JobRow.state == state)
    if after is not None:
        query = query.where(older(JobRow, after))
    return [job_of(row) for row in await session.scalars(query)]


def older(table: type[JobRow], after: tuple[float, str]) -> ColumnElement[bool]:
    """The condition that a job follows another one in a list of the newest first; `after` is that job's creation time and id."""
    at, name = after
    return (table.created_at < at) | ((table.created_at == at) & (table.id > name))


async def events_after(session: AsyncSession, job: str, seq: int) -> list[JobEvent]:
    """Events of a job with a number above `seq`, in their order."""
    query = select(JobEventRow).where(JobEventRow.job_id == job, JobEventRow.seq > seq).order_by(JobEventRow.seq)
    return [JobEvent(row.seq, row.type, row.data, row.at) for row in await session.scalars(query)]


async def trim(session: AsyncSession, job: str) -> None:
    """Delete a job's oldest events beyond `KEPT_EVENTS`."""
    query = select(JobEventRow.seq).where(JobEventRow.job_id == job).order_by(JobEventRow.seq.desc())
    if (last := await session.scalar(query.offset(KEPT_EVENTS).limit(1))) is not None:
        await session.execute(delete(JobEventRow).where(JobEventRow.job_id == job, JobEventRow.seq <= last))


async def expired(session: AsyncSession, before: float, keep: int) -> Sequence[str]:
    """Ids of finished jobs that ended before a Unix time or are not among the newest `keep`."""
    done = select(JobRow.id).where(JobRow.state.in_(FINISHED))
    newest = done.order_by(JobRow.finished_at.desc(), JobRow.id).offset(keep)
    old = done.where(JobRow.finished_at < before)
    return list({*(await session.scalars(old)), *(await session.scalars(newest))})


async def remove(session: AsyncSession, jobs: Collection[str]) -> None:
    """Delete jobs with their events and the rows that refer to them."""
    names = list(jobs)
    for first in range(0, len(names), PORTION):
        await session.execute(delete(JobRow).where(JobRow.id.in_(names[first : first + PORTION])))
