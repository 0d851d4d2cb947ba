"""What clients of vector stores see of jobs between two of their steps."""

from __future__ import annotations

import time

import pytest

from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.indexing.jobs import JobView
from modelyard.web.vector_store_views import file_batch_info


@pytest.mark.parametrize(
    ("state", "done", "status", "completed"),
    [
        ("running", 1, "in_progress", 1),
        ("running", 2, "in_progress", 1),  # all are done, and searches find them when the job has ended
        ("done", 2, "completed", 2),
        ("cancelled", 1, "cancelled", 1),
        ("failed", 0, "failed", 0),
    ],
)
def test_a_batch_is_completed_when_its_files_are_found(state: str, done: int, status: str, completed: int) -> None:
    base = KnowledgeBase(id=1, name="b", used_at=time.time(), extra={})
    view = JobView(
        id="j",
        base="b",
        kind="add",
        state=state,
        error="",
        total=3,
        done=done,
        unchanged=0,
        failed=1,
        cancelled=0,
        chunks=0,
        embedded=0,
        created_at=1.5,
        finished_at=None,
    )
    found = file_batch_info(base, view)
    assert (found.id, found.status, found.created_at) == ("vsfb_j", status, 1)
    assert (found.file_counts.completed, found.file_counts.failed) == (completed, 1)
