"""How jobs go from state to state, and what is read in what their processes print."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import Conflict, JobLost, NotEnoughDisk, UpstreamFailed
from modelyard.jobs import states
from modelyard.jobs.output import ProcessOutput, reported
from modelyard.jobs.running_job import RunningJob
from modelyard.jobs.types import FINISHED, CoroutineWork, Job, JobKind, JobProgress, JobState, Recovery


async def nothing(job: RunningJob) -> None:
    return None


JOB = Job(id="a", kind="k", progress=JobProgress(3, 10, "steps"))
KIND = JobKind(
    name="k", scope="admin", work=CoroutineWork(nothing), recovery=Recovery.RESUME, attempts=3, pausable=True
)
ERROR = UpstreamFailed("m", "it broke")


def at(state: JobState) -> Job:
    return replace(JOB, state=state)


def test_a_run_that_fails_is_tried_again_with_doubling_pauses_until_the_last_attempt() -> None:
    job, pauses = at(JobState.RUNNING), []
    while not (job := states.after_failure(job, KIND, ERROR, 0.5, 100.0)).finished:
        assert job.state is JobState.QUEUED
        pauses.append(job.retry_at - 100.0)
    assert (job.state, job.attempts, pauses) == (JobState.FAILED, 3, [0.5, 1.0])


def test_an_error_that_another_attempt_would_meet_again_is_final() -> None:
    kind = replace(KIND, hopeless=frozenset({"not_enough_disk"}))
    job = states.after_failure(at(JobState.RUNNING), kind, NotEnoughDisk("/", 2, 1), 0.5, 0.0)
    assert job.state is JobState.FAILED and job.finished_at


@pytest.mark.parametrize("state", JobState)
def test_finished_jobs_are_neither_cancelled_nor_paused(state: JobState) -> None:
    if state in FINISHED:
        with pytest.raises(Conflict, match=f"is {state}; there is nothing to cancel"):
            states.cancelled(at(state))
        with pytest.raises(Conflict, match=f"is {state}; there is nothing to pause"):
            states.paused(at(state), KIND)
    else:
        assert states.cancelled(at(state)).finished
        assert states.paused(at(state), KIND).state is JobState.PAUSED


@pytest.mark.parametrize("state", JobState)
def test_what_is_paused_or_has_failed_can_be_resumed(state: JobState) -> None:
    if state in (JobState.DONE, JobState.CANCELLED):
        with pytest.raises(Conflict, match="nothing to resume"):
            states.resumed(at(state), KIND)
        return
    job = at(state)
    again = states.resumed(job, KIND)
    assert again is job if state in (JobState.QUEUED, JobState.RUNNING, JobState.WAITING) else again.retry_at == 0
    assert again.state in (JobState.QUEUED, JobState.RUNNING, JobState.WAITING)


def test_a_kind_says_whether_it_can_be_paused() -> None:
    with pytest.raises(Conflict, match="cannot be paused"):
        states.paused(at(JobState.RUNNING), replace(KIND, pausable=False))


@pytest.mark.parametrize(
    ("recovery", "state", "done"),
    [
        (Recovery.RESUME, JobState.QUEUED, 3),
        (Recovery.RESTART, JobState.QUEUED, 0),
        (Recovery.FAIL, JobState.FAILED, 3),
    ],
)
def test_a_kind_says_what_becomes_of_a_job_whose_server_ended(recovery: Recovery, state: JobState, done: int) -> None:
    job = states.recovered(at(JobState.RUNNING), replace(KIND, recovery=recovery))
    assert (job.state, job.progress.done) == (state, done)
    assert (job.error is not None) == (state is JobState.FAILED)


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.PAUSED])
def test_a_job_that_was_not_running_stays_as_it_was(state: JobState) -> None:
    assert states.recovered(at(state), KIND) == at(state)


def test_a_job_of_a_kind_that_is_gone_fails() -> None:
    job = states.recovered(at(JobState.QUEUED), None)
    assert isinstance(job.error, JobLost) and "no jobs of the kind 'k'" in job.error.message


def read(*lines: str) -> ProcessOutput:
    output = ProcessOutput()
    output.read(lines)
    return output


def test_progress_stays_as_it_was_where_a_line_leaves_it_out() -> None:
    output = read(
        '{"progress": {"total": 9, "unit": "steps"}}', '{"progress": {"done": 2.0}}', '{"progress": {"message": "m"}}'
    )
    assert output.progress == JobProgress(2, 9, "steps", "m")


@pytest.mark.parametrize("value", ["-1", '"3"', "1e300", "[]", "true"])
def test_progress_that_is_no_number_changes_nothing(value: str) -> None:
    assert read('{"progress": {"done": 4}}', f'{{"progress": {{"done": {value}}}}}').progress.done == 4


def test_events_results_and_errors_are_read_and_other_lines_are_the_log() -> None:
    output = read(
        "Loading {", '{"event": {"type": "metrics", "loss": 0.5}}', '{"other": 1}', '{"result": {"path": "x"}}', "{"
    )
    assert output.events == [("metrics", {"loss": 0.5})]
    assert output.result == {"path": "x"} and list(output.lines) == ["Loading {", '{"other": 1}', "{"]
    error = read('{"error": {"code": "hub_unavailable", "message": "No hub.", "param": null}}').error
    assert error is not None and (error.code, error.message) == ("hub_unavailable", "No hub.")
    unknown = read('{"error": {"code": "no such code"}}').error
    assert unknown is not None and unknown.code == "job_failed"


@given(st.lists(st.text() | st.from_regex(r'\A\{"(progress|event|result|error)": .{0,20}\}\Z')))
def test_no_output_breaks_the_reader(lines: list[str]) -> None:
    output = read(*lines)
    assert len(output.lines) == min(20, sum(reported(line) is None for line in lines))
