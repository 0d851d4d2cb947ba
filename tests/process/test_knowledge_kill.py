"""SIGKILL while documents are indexed: none is half visible, none is lost, and the job finishes after the next start."""

from __future__ import annotations

import random
import time
from pathlib import Path

import httpx

from tests.api.knowing import Base, ok
from tests.live import Live
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


def started(home: Path) -> Live:
    server = Live(home)
    server.http.timeout = httpx.Timeout(30)
    return server


def test_sigkill_at_any_moment(tmp_path: Path) -> None:
    home, moments = tmp_path / "home", random.Random(20)
    server = started(home)
    base = Base.made(server, "b", chunking={"size": 160, "overlap": 0})
    base.send({f"{number}.txt": text(number) for number in range(DOCUMENTS)}, index=False)
    names = [f"{number}.txt" for number in range(DOCUMENTS)]
    job = ok(server.http.post(f"{base.path}/documents/index", json={"names": names}))["job"]
    for _ in range(POINTS):
        time.sleep(moments.uniform(0, 0.25))
        server.process.kill()
        server.process.wait()
        server.http.close()
        server = started(home)
        base = Base(server.http, "b")
        for number in moments.sample(range(DOCUMENTS), 5):
            found = base.texts(word(number), mode="lexical", top_k=50)
            assert len(found) in (0, CHUNKS), (number, len(found))
    view = wait_for(lambda: each if (each := base.job(job))["state"] != "running" else None, seconds=60)
    assert (view["state"], view["total"], view["failed"]) == ("done", DOCUMENTS, 0)
    assert base.info()["chunks"] == DOCUMENTS * CHUNKS
    for number in range(0, DOCUMENTS, 7):
        assert len(base.texts(word(number), mode="lexical", top_k=50)) == CHUNKS
    server.process.terminate()
    assert server.process.wait(10) == 0
    server.http.close()
