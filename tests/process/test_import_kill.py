"""SIGKILL while the server brings documents from a folder: the job goes on after each start, nothing is lost or twice there."""

from __future__ import annotations

import random
from pathlib import Path

import httpx

from tests.api.knowing import Base, ok
from tests.live import Live
from tests.processes import wait_for

DOCUMENTS = 200
KILLS = 3


def started(home: Path) -> Live:
    server = Live(home)
    server.http.timeout = httpx.Timeout(30)
    return server


def test_an_import_survives_kills(tmp_path: Path) -> None:
    folder, home = tmp_path / "docs", tmp_path / "home"
    folder.mkdir()
    for number in range(DOCUMENTS):
        (folder / f"{number}.txt").write_text(f"the words of document {number}", encoding="utf-8")
    moments = random.Random(18)
    server = started(home)
    try:
        base = Base.made(server, "b")
        job = ok(server.http.post(f"{base.path}/documents/from", json={"folder": str(folder)}))["job"]
        for kill in range(KILLS):
            least = moments.randrange(20, 50) * (kill + 1)
            wait_for(lambda: base.info()["documents"] >= least or None, seconds=60)  # noqa: B023
            server.process.kill()
            server.process.wait()
            server.http.close()
            server = started(home)
            base = Base(server.http, "b")
        done = wait_for(
            lambda: found if (found := ok(server.http.get(f"/v1/jobs/{job}")))["state"] == "done" else None, seconds=120
        )
        assert done["result"]["failures"] == 0
        assert done["result"]["new"] + done["result"]["unchanged"] == DOCUMENTS
        info = wait_for(
            lambda: found if (found := base.info())["states"] == {"ready": DOCUMENTS} else None, seconds=120
        )
        assert info["documents"] == info["chunks"] == DOCUMENTS
        rows = ok(server.http.get(f"{base.path}/documents", params={"limit": 10_000}))["data"]
        assert {each["name"] for each in rows} == {f"{number}.txt" for number in range(DOCUMENTS)}
        assert {each["version"] for each in rows} == {1}
        assert not list((home / "knowledge" / "files" / "arriving").iterdir())
    finally:
        server.close()
