"""Routes for jobs of all kinds. A key sees the jobs of its owner, and needs the scope of a job's kind to change it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated, Literal

from fastapi import Header, Query
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import ValidationError

from modelyard.core.access import ADMIN, Grant, Owner
from modelyard.core.errors import InvalidParameter, PermissionDenied
from modelyard.jobs.types import Job, JobEvent, JobKind, JobState
from modelyard.protocol.error_event import ErrorEvent
from modelyard.protocol.jobs import (
    CreateJob,
    JobDeleted,
    JobEventInfo,
    JobInfo,
    JobList,
    JobLogs,
)
from modelyard.web.cursors import After, joined, page_of, time_and_id
from modelyard.web.deps import Parts, TheGrant, TheParts, TheTrust
from modelyard.web.router import ANY_KEY, Router
from modelyard.web.sse import event, streamed
from modelyard.web.views import job_info

router = Router("/v1/jobs", tags=["jobs"])

State = Literal["queued", "running", "waiting", "paused", "done", "failed", "cancelled"]


@router.get("", scope=ANY_KEY)
async def list_jobs(
    parts: TheParts,
    grant: TheGrant,
    kind: str | None = None,
    state: State | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: After = None,
) -> JobList:
    """The newest jobs of the caller; all jobs for an administrator."""
    which = None if state is None else JobState(state)
    found = await parts.jobs.page(Owner.of(grant), kind, which, limit + 1, time_and_id(after))
    page, more = page_of(found, limit, lambda job: joined(job.created_at, job.id))
    return JobList(data=[job_info(job, parts.jobs) for job in page], **more)


@router.post("", scope=ANY_KEY, audited=True)
async def create_job(body: CreateJob, parts: TheParts, grant: TheGrant, trust: TheTrust) -> JobInfo:
    """Create a job of a kind, with the parameters of that kind. Answers at once; follow it with `/events`."""
    form, submit = parts.jobs.creatable(body.kind)
    check_scope(parts.jobs.kinds[body.kind], grant)
    if parts.jobs.kinds[body.kind].scope == ADMIN and not trust.full:
        raise PermissionDenied(
            f"{trust.caller} may not start jobs of the kind '{body.kind}'; it takes the scope 'admin'."
        )
    try:
        parameters = form.model_validate(body.parameters)
    except ValidationError as error:
        found = [{**each, "loc": ("body", "parameters", *each["loc"])} for each in error.errors()]
        raise RequestValidationError(found) from None
    name = await submit(parameters, Owner.of(grant))
    await parts.jobs.written()
    return job_info(await parts.jobs.get(name), parts.jobs)


@router.get("/{job}", scope=ANY_KEY)
async def describe_job(job: str, parts: TheParts, grant: TheGrant) -> JobInfo:
    """One job."""
    return job_info(await parts.jobs.get(job, Owner.of(grant)), parts.jobs)


@router.get("/{job}/events", scope=ANY_KEY, events=JobEventInfo | ErrorEvent)
async def follow_job(
    job: str,
    parts: TheParts,
    grant: TheGrant,
    after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> StreamingResponse:
    """The past and future events of a job, as server-sent events, until it is finished.

    Events are numbered. After an interruption, a client sends the last number that it received as `Last-Event-ID` or `after`.
    Progress is sent in between as events without a number: a snapshot, whenever it changes.
    """
    found = await parts.jobs.get(job, Owner.of(grant))
    return streamed(_events(parts, found.id, _number(last_event_id) or after))


def _number(text: str | None) -> int:
    if not text:
        return 0
    if not text.isascii() or not text.isdecimal() or int(text) >= 2**63:
        raise InvalidParameter("Last-Event-ID", "it must be the number of an event.")
    return int(text)


async def _events(parts: Parts, job: str, after: int) -> AsyncGenerator[bytes]:
    async for each in parts.jobs.follow(job, after):
        yield _event(each)


def _event(each: JobEvent) -> bytes:
    head = f"event: {each.type}\n" if each.seq is None else f"id: {each.seq}\nevent: {each.type}\n"
    info = JobEventInfo(seq=each.seq, type=each.type, at=each.at, data=dict(each.data))
    return head.encode() + event(info.model_dump())


@router.get("/{job}/logs", scope=ANY_KEY)
async def job_logs(
    job: str, parts: TheParts, grant: TheGrant, lines: Annotated[int, Query(ge=1, le=10_000)] = 200
) -> JobLogs:
    """The last lines that a job's process printed; empty for jobs without a process."""
    found = await parts.jobs.get(job, Owner.of(grant))
    return JobLogs(data=list(parts.jobs.logs(found.id, lines)))


@router.post("/{job}/cancel", scope=ANY_KEY)
async def cancel_job(job: str, parts: TheParts, grant: TheGrant) -> JobInfo:
    """Cancel a job. Its results so far stay."""
    return job_info(await parts.jobs.cancel(await _own(parts, grant, job)), parts.jobs)


@router.post("/{job}/pause", scope=ANY_KEY)
async def pause_job(job: str, parts: TheParts, grant: TheGrant) -> JobInfo:
    """Pause a job, if its kind can be continued later."""
    return job_info(parts.jobs.pause(await _own(parts, grant, job)), parts.jobs)


@router.post("/{job}/resume", scope=ANY_KEY)
async def resume_job(job: str, parts: TheParts, grant: TheGrant) -> JobInfo:
    """Continue a job that was paused or has failed."""
    return job_info(parts.jobs.resume(await _own(parts, grant, job)), parts.jobs)


@router.delete("/{job}", scope=ANY_KEY, audited=True)
async def remove_job(job: str, parts: TheParts, grant: TheGrant) -> JobDeleted:
    """Delete a finished job with its events and its log."""
    found = await parts.jobs.get(job, Owner.of(grant))
    if (kind := parts.jobs.kinds.get(found.kind)) is not None:
        check_scope(kind, grant)
    await parts.jobs.remove(found)
    return JobDeleted(id=found.id)


async def _own(parts: Parts, grant: Grant | None, job: str) -> Job:
    """A job that the caller may change. Raises `JobNotFound` or `PermissionDenied`."""
    found = await parts.jobs.get(job, Owner.of(grant))
    check_scope(parts.jobs.kind_of(found), grant)
    return found


def check_scope(kind: JobKind, grant: Grant | None) -> None:
    """Raise `PermissionDenied` for a key that may not use jobs of this kind."""
    if grant is not None:
        grant.check(kind.scope)
