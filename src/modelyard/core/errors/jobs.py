"""Errors of background jobs and of batches."""

from __future__ import annotations

from modelyard.core.errors.base import ModelyardError, NotFound, UpstreamFailed


class JobLost(ModelyardError):
    """A job was interrupted and cannot be continued."""

    code = "job_lost"

    def __init__(self, job: str, reason: str) -> None:
        super().__init__(f"The job '{job}' cannot go on: {reason}. Start it again.")


class JobFailed(UpstreamFailed):
    """The process of a job ended before the job was done."""

    code = "job_failed"

    def __init__(self, job: str, problem: str) -> None:
        ModelyardError.__init__(self, f"The job '{job}' failed: {problem.rstrip('.')}. Its log has more.")


class BatchNotFound(NotFound):
    """The caller has no batch of this id."""

    code = "batch_not_found"

    def __init__(self, name: str, param: str = "batch_id") -> None:
        super().__init__(f"There is no batch '{name}'. GET /v1/batches lists the batches of this key.")
        self.param = param
