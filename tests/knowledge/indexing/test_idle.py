"""A worker without work gives back the memory of indexing, and takes it again for the next document."""

from __future__ import annotations

import asyncio
import threading

import pytest

from modelyard.core import heap
from modelyard.core.config import Settings
from modelyard.knowledge.documents.blobs import whole
from modelyard.knowledge.indexing import worker
from modelyard.knowledge.indexing.words import _of_word
from modelyard.knowledge.search.search import Query
from tests.knowledge.room import filled, room


def test_a_worker_without_work_releases_writers_and_words(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    released, trim = threading.Event(), heap.trim

    def trim_and_tell() -> None:
        trim()
        released.set()

    async def go() -> None:
        async with room(settings) as knowledge:
            base = await filled(knowledge)
            assert _of_word.cache_info().currsize and knowledge.indexes._writers
            monkeypatch.setattr(heap, "trim", trim_and_tell)
            monkeypatch.setattr(worker, "IDLE_SECONDS", 0.001)
            await knowledge.documents.put(base, "b.txt", whole(b"The pond is shallow in March."))
            await knowledge.worker.wait(await knowledge.index(base, ["b.txt"]))
            assert await asyncio.to_thread(released.wait, 20)
            assert not _of_word.cache_info().currsize and not knowledge.indexes._writers
            await knowledge.documents.put(base, "c.txt", whole(b"The brook is cold in April."))
            await knowledge.worker.wait(await knowledge.index(base, ["c.txt"]))
            found = await knowledge.search.search(Query(text="brook", bases=[base]))
            assert [hit.document for hit in found.hits] == ["c.txt"]

    asyncio.run(go())
