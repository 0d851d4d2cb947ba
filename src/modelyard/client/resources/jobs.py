"""Requests about jobs of all kinds: downloads, installs, indexing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelyard.client.target import Request, a_list, an_object, at, given

Job = dict[str, Any]


def create_job(kind: str, parameters: Mapping[str, Any] | None = None) -> Request[Job]:
    """Start a job of a kind, such as `download` or `engine_install`."""
    return Request("POST", at("jobs"), an_object, body={"kind": kind, "parameters": dict(parameters or {})})


def list_jobs(kind: str | None = None, state: str | None = None, limit: int | None = None) -> Request[list[Job]]:
    """The newest jobs of the caller, or of all owners for an administrator's key."""
    query = given(kind=kind, state=state, limit=None if limit is None else str(limit))
    return Request("GET", at("jobs"), lambda answer: list(a_list(answer["data"])), query)


def get_job(job_id: str) -> Request[Job]:
    """One job."""
    return Request("GET", at("jobs", job_id), an_object)


def follow_job(job_id: str, after: int = 0) -> Request[Any]:
    """A job's events with numbers (`seq`) larger than `after`, as they happen, until the job is finished."""
    return Request("GET", at("jobs", job_id, "events"), an_object, {"after": str(after)})


def get_job_logs(job_id: str, lines: int | None = None) -> Request[list[str]]:
    """The last lines that a job's process printed."""
    query = given(lines=None if lines is None else str(lines))
    return Request("GET", at("jobs", job_id, "logs"), lambda answer: list(a_list(answer["data"])), query)


def cancel_job(job_id: str) -> Request[Job]:
    """Give a job up; what it has done stays."""
    return Request("POST", at("jobs", job_id, "cancel"), an_object)


def pause_job(job_id: str) -> Request[Job]:
    """Stop a job for now."""
    return Request("POST", at("jobs", job_id, "pause"), an_object)


def resume_job(job_id: str) -> Request[Job]:
    """Go on with a job that was paused or has failed."""
    return Request("POST", at("jobs", job_id, "resume"), an_object)


def remove_job(job_id: str) -> Request[bool]:
    """Delete a finished job with its events and its log."""
    return Request("DELETE", at("jobs", job_id), lambda answer: bool(answer["deleted"]))
