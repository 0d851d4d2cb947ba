"""Errors of jobs in the background."""

from __future__ import annotations

from modelyard.core.errors.base import ModelyardError, UpstreamFailed


class JobLost(ModelyardError):
    """A job was not finished, and cannot be gone on with."""

    code = "job_lost"

    def __init__(self, job: str, reason: str) -> None:
        super().__init__(f"The job '{job}' cannot go on: {reason}. Start it again.")


class JobFailed(UpstreamFailed):
    """The process of a job ended, and the job was not done."""

    code = "job_failed"

    def __init__(self, job: str, problem: str) -> None:
        ModelyardError.__init__(self, f"The job '{job}' failed: {problem.rstrip('.')}. Its log has more.")
