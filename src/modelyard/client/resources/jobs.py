"""`client.jobs`: background jobs of the server, of all kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelyard.client.calls import CallGroup, S, call, pages_call, stream_call
from modelyard.client.request import Request, a_list, an_object, at, given

if TYPE_CHECKING:
    from modelyard.client.job_types import JobDict, JobEventDict

Lines = list[str]
Jobs = list["JobDict"]


class JobCalls(CallGroup[S]):
    """Jobs: start, list, follow, cancel, pause, resume and remove them."""

    @call
    def create(self, kind: str, parameters: Mapping[str, Any] | None = None) -> Request[JobDict]:
        """Start a job of a kind, such as `download` or `engine_install`."""
        return Request("POST", at("jobs"), an_object, body={"kind": kind, "parameters": dict(parameters or {})})

    @call
    def get(self, job_id: str) -> Request[JobDict]:
        """One job."""
        return Request("GET", at("jobs", job_id), an_object)

    @stream_call
    def follow(self, job_id: str, after: int = 0) -> Request[JobEventDict]:
        """A job's events with numbers (`seq`) larger than `after`, as they happen, until the job is finished."""
        return Request("GET", at("jobs", job_id, "events"), an_object, {"after": str(after)}, streams=True)

    @call
    def logs(self, job_id: str, lines: int | None = None) -> Request[Lines]:
        """The last lines that a job's process printed."""
        query = given(lines=None if lines is None else str(lines))
        return Request("GET", at("jobs", job_id, "logs"), lambda answer: list(a_list(answer["data"])), query)

    @call
    def cancel(self, job_id: str) -> Request[JobDict]:
        """Cancel a job; its results so far stay."""
        return Request("POST", at("jobs", job_id, "cancel"), an_object)

    @call
    def pause(self, job_id: str) -> Request[JobDict]:
        """Pause a job."""
        return Request("POST", at("jobs", job_id, "pause"), an_object)

    @call
    def resume(self, job_id: str) -> Request[JobDict]:
        """Continue a job that was paused or has failed."""
        return Request("POST", at("jobs", job_id, "resume"), an_object)

    @call
    def remove(self, job_id: str) -> Request[bool]:
        """Delete a finished job with its events and its log."""
        return Request("DELETE", at("jobs", job_id), lambda answer: bool(answer["deleted"]))

    @pages_call
    def iterate(
        self, kind: str | None = None, state: str | None = None, *, limit: int = 100, after: str | None = None
    ) -> Request[JobDict]:
        """All jobs of the caller, or of all owners for an administrator's key, newest first, read `limit` at a time."""
        return Request("GET", at("jobs"), an_object, given(kind=kind, state=state, limit=str(limit), after=after))

    @call
    def list(self, kind: str | None = None, state: str | None = None, limit: int | None = None) -> Request[Jobs]:
        """The newest jobs of the caller, or of all owners for an administrator's key."""
        query = given(kind=kind, state=state, limit=None if limit is None else str(limit))
        return Request("GET", at("jobs"), lambda answer: list(a_list(answer["data"])), query)
