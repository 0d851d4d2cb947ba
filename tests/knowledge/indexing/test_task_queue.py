"""Which documents are indexed together."""

from __future__ import annotations

from modelyard.knowledge.indexing.adaptive_size import QUICK, SLOW
from modelyard.knowledge.indexing.task_queue import FIRST, MOST, MOST_BYTES, Batches, Due


def batches(*due: Due) -> Batches:
    made = Batches()
    made.extend(due)
    return made


def numbers(taken: list[Due]) -> list[int]:
    return [due.task for due in taken]


def test_a_batch_grows_while_it_is_quick_and_shrinks_where_it_is_slow() -> None:
    made = batches(*(Due(number, "a", number, 1) for number in range(500)))
    sizes = []
    for seconds in [0.0] * 6 + [SLOW + 1] * 7 + [QUICK + 0.1] * 2:
        sizes.append(len(made.take(())))
        made.took("a", seconds)
    assert sizes == [FIRST, 4, 8, 16, MOST, MOST, MOST, 16, 8, 4, 2, 1, 1, 1, 1]
    made.forget()
    assert len(made.take(())) == FIRST


def test_a_batch_is_of_one_job_and_small() -> None:
    made = batches(Due(1, "a", 1, 1), Due(2, "b", 2, MOST_BYTES + 1), Due(3, "b", 3, 1), Due(4, "b", 4, 1))
    assert [numbers(made.take(())) for _ in range(4)] == [[1], [2], [3, 4], []]
    assert not made


def test_a_document_is_in_one_place_at_a_time_and_in_its_order() -> None:
    made = batches(Due(1, "a", 7, 1), Due(2, "a", 7, 1), Due(3, "a", 8, 1), Due(4, "a", 9, 1))
    assert numbers(made.take({9})) == [1, 3]
    assert numbers(made.take({7, 8, 9})) == [] and made
    assert numbers(made.take({8})) == [2, 4]
