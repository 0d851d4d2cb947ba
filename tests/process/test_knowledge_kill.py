"""SIGKILL while documents are indexed: none is half visible, none is lost, and the job finishes after the next start."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.knowing import Base, ok
from tests.live import Live, live
from tests.processes import wait_for

POINTS = 20
DOCUMENTS = 200
CHUNKS = 8


def word(number: int) -> str:
    """A word of letters only, which no other document has a part of."""
    return "mark" + "".join(chr(97 + int(digit)) for digit in f"{number:04d}") + "q"


def text(number: int) -> bytes:
    """Chunks that all have the document's own word, each a paragraph that fills a chunk."""
    return "\n\n".join(f"{word(number)} part {part} " + "filler words. " * 8 for part in range(CHUNKS)).encode()


class Indexing:
    """A server that indexes `DOCUMENTS` documents, and that tests kill and start again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.moments = random.Random(20)
        self.base = self.start()
        self.base.send({f"{number}.txt": text(number) for number in range(DOCUMENTS)}, index=False)
        names = [f"{number}.txt" for number in range(DOCUMENTS)]
        self.job: str = ok(self.server.http.post(f"{self.base.path}/documents/index", json={"names": names}))["job"]

    def start(self) -> Base:
        """Start the server; the base is made the first time."""
        self.server = Live(self.home)
        self.server.http.timeout = httpx.Timeout(30)
        if not hasattr(self, "base"):
            return Base.made(self.server, "b", chunking={"size": 160, "overlap": 0})
        return Base(self.server.http, "b")

    def kill(self) -> None:
        self.server.process.kill()
        self.server.process.wait()
        self.server.http.close()


@pytest.fixture(scope="module")
def indexing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Indexing]:
    made = Indexing(tmp_path_factory.mktemp("kill") / "home")
    yield made
    made.server.close()


@pytest.mark.parametrize("point", range(POINTS))
def test_sigkill_at_any_moment(indexing: Indexing, point: int) -> None:
    """The moment is random but the same in each run; the next point is reached from where this one left the job."""
    time.sleep(indexing.moments.uniform(0, 0.25))
    indexing.kill()
    indexing.base = indexing.start()
    for number in indexing.moments.sample(range(DOCUMENTS), 5):
        found = indexing.base.texts(word(number), mode="lexical", top_k=50)
        assert len(found) in (0, CHUNKS), (number, len(found))


def test_the_job_finishes_whole(indexing: Indexing) -> None:
    base = indexing.base
    view = wait_for(lambda: each if (each := base.job(indexing.job))["state"] != "running" else None, seconds=60)
    assert (view["state"], view["total"], view["failed"]) == ("done", DOCUMENTS, 0)
    assert base.info()["chunks"] == DOCUMENTS * CHUNKS
    for number in range(0, DOCUMENTS, 7):
        assert len(base.texts(word(number), mode="lexical", top_k=50)) == CHUNKS
    assert indexing.server.stop(15) == 0


def test_sigkill_between_words_and_vectors(tmp_path: Path) -> None:
    """Words find a document before its model comes; killed before and after that, none is lost, and none is there twice."""
    home, numbers = tmp_path / "home", range(12)
    with live(home) as server:
        base = Base.made(server, "b", chunking={"size": 160, "overlap": 0}, embedding_model="late")
        job = base.send({f"{number}.txt": text(number) for number in numbers})["job"]
        wait_for(lambda: base.texts(word(0)))
        server.kill()
    with live(home) as server:
        base = Base(server.http, "b")
        for number in numbers:
            wait_for(lambda number=number: len(base.texts(word(number), top_k=50)) == CHUNKS)  # type: ignore[misc]
        server.launch("late", model_type="embedding")
        wait_for(lambda: base.job(job)["embedded"])
        server.kill()
    with live(home) as server:
        base = Base(server.http, "b")
        view = base.wait(job)
        assert (view["state"], view["done"] + view["unchanged"]) == ("done", len(numbers))
        assert base.info()["chunks"] == len(numbers) * CHUNKS
        for mode in ("lexical", "vector"):
            hits = base.search(word(3), mode=mode, top_k=len(numbers) * CHUNKS)["data"]
            assert len({hit["chunk_id"] for hit in hits}) == (CHUNKS if mode == "lexical" else len(numbers) * CHUNKS)
        assert all(hit["scores"]["similarity"] for hit in hits), "each has its vector"
