"""The queue of waiting tasks: which documents are indexed together."""

from __future__ import annotations

from modelyard.knowledge.indexing.adaptive_size import QUICK, SLOW
from modelyard.knowledge.indexing.task_queue import FIRST, MOST, MOST_BYTES, DocumentTask, TaskQueue


def queue_of(*due: DocumentTask) -> TaskQueue:
    queue = TaskQueue()
    queue.extend(due)
    return queue


def numbers(taken: list[DocumentTask]) -> list[int]:
    return [due.task for due in taken]


def test_a_batch_grows_while_it_is_quick_and_shrinks_while_it_is_slow() -> None:
    queue = queue_of(*(DocumentTask(number, "a", number, 1) for number in range(500)))
    sizes = []
    for seconds in [0.0] * 6 + [SLOW + 1] * 7 + [QUICK + 0.1] * 2:
        sizes.append(len(queue.take(())))
        queue.took("a", seconds)
    assert sizes == [FIRST, 4, 8, 16, MOST, MOST, MOST, 16, 8, 4, 2, 1, 1, 1, 1]
    queue.forget()
    assert len(queue.take(())) == FIRST


def test_a_batch_is_of_one_job_and_small() -> None:
    queue = queue_of(
        DocumentTask(1, "a", 1, 1),
        DocumentTask(2, "b", 2, MOST_BYTES + 1),
        DocumentTask(3, "b", 3, 1),
        DocumentTask(4, "b", 4, 1),
    )
    assert [numbers(queue.take(())) for _ in range(4)] == [[1], [2], [3, 4], []]
    assert not queue


def test_a_document_is_in_one_place_at_a_time_and_in_its_order() -> None:
    queue = queue_of(
        DocumentTask(1, "a", 7, 1), DocumentTask(2, "a", 7, 1), DocumentTask(3, "a", 8, 1), DocumentTask(4, "a", 9, 1)
    )
    assert numbers(queue.take({9})) == [1, 3]
    assert numbers(queue.take({7, 8, 9})) == [] and queue
    assert numbers(queue.take({8})) == [2, 4]
