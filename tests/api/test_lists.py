"""Lists that are read page by page, by the client's iterators and by hand, also while rows are added and deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from modelyard.client import AsyncClient, Client
from tests.api.knowing import Base, ok, paragraphs
from tests.live import Live, error_of, live

COUNT = 25


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("lists") / "home") as running:
        base = Base.made(running, "many", chunking={"size": 100, "overlap": 0})
        base.add({f"{number:02d} 文件.txt": b"some words" for number in range(COUNT)})
        base.add({"long.txt": paragraphs(12).encode()})
        yield running


def test_documents_and_chunks(server: Live) -> None:
    base = Base(server.http, "many")
    with Client(server.url) as client:
        names = [each["name"] for each in client.documents.iterate("many", limit=7)]
        assert names == [*(f"{number:02d} 文件.txt" for number in range(COUNT)), "long.txt"]
        assert [each["name"] for each in client.documents.iterate("many", contains="1 ", limit=2)] == names[1:22:10]
        first = client.documents.list("many", limit=10)
        assert (first["has_more"], first["next"], first["total"]) == (True, names[9], COUNT + 1)
        last = client.documents.list("many", limit=10, after=names[15])
        assert (last["has_more"], last["next"], len(last["data"])) == (False, None, 10)
        assert ok(server.http.get(f"{base.path}/documents?limit=10&offset=20"))["data"][0]["name"] == names[20]

        number = base.document("long.txt")["id"]
        chunks = client.documents.chunks("many", number, limit=1000)["data"]
        assert len(chunks) > 5
        assert list(client.documents.iterate_chunks("many", number, limit=3)) == chunks
        word = chunks[2]["text"].split()[0]
        having = [each for each in chunks if word.lower() in each["text"].lower()]
        found = client.documents.chunks("many", number, q=word.upper(), limit=1)
        assert found["data"] == having[:1] and found["total"] == len(having)
        assert list(client.documents.iterate_chunks("many", number, word.upper(), limit=1)) == having
        assert client.documents.chunks("many", number, q="100%")["data"] == []


def test_rows_that_come_and_go_meanwhile(server: Live) -> None:
    base = Base.made(server, "moving")
    base.add({f"{letter}.txt": b"words" for letter in "bdfhj"})
    with Client(server.url) as client:
        walk = client.documents.iterate("moving", limit=2)
        seen = [next(walk)["name"], next(walk)["name"]]
        client.documents.delete("moving", ["d.txt", "f.txt"])  # the cursor's own row, and the next one
        base.add({"a.txt": b"words", "i.txt": b"words"})
        assert seen + [each["name"] for each in walk] == ["b.txt", "d.txt", "h.txt", "i.txt", "j.txt"]


def test_bases_and_jobs(server: Live) -> None:
    for name in ("x1", "x2", "基"):
        Base.made(server, name)
    jobs = Base(server.http, "x1")
    jobs.add({"a.txt": b"a"})
    for _ in range(6):
        jobs.wait(ok(server.http.post(f"{jobs.path}/documents/index", json={"names": ["a.txt"]}))["job"])
    with Client(server.url) as client:
        bases = client.knowledge.list()
        assert list(client.knowledge.iterate(limit=1)) == bases and len(bases) >= 4
        mine = client.knowledge.jobs("x1")
        assert len(mine) == 7 and list(client.knowledge.iterate_jobs("x1", limit=3)) == mine
        assert client.knowledge.jobs("x1", limit=2) == mine[:2]
        every = client.jobs.list(limit=1000)
        assert [each["id"] for each in client.jobs.iterate(limit=2)] == [each["id"] for each in every]
        ids = {client.files.upload((f"{number}.txt", b"x"), "user_data")["id"] for number in range(5)}
        assert {each["id"] for each in client.files.iterate(limit=2)} == ids


def test_the_async_client_walks_too(server: Live) -> None:
    async def names() -> list[str]:
        async with AsyncClient(server.url) as client:
            return [each["name"] async for each in client.documents.iterate("many", limit=10)]

    assert len(asyncio.run(names())) == COUNT + 1


def test_wrong_cursors(server: Live) -> None:
    number = Base(server.http, "many").document("long.txt")["id"]
    for path in (f"/v1/knowledge_bases/many/documents/{number}/chunks", "/v1/jobs", "/v1/knowledge_bases/many/jobs"):
        for wrong in ("x", "1", "1_", "_1", "nan_a", "99999999999999999999_1_", "-1_-1"):
            answer = server.http.get(path, params={"after": wrong})
            assert answer.status_code == 400 and error_of(answer)["param"] == "after", (path, wrong)


def test_many_documents_are_changed_at_once(server: Live) -> None:
    base = Base.made(server, "bulk")
    base.add(
        {f"{letter}.txt": f"common {letter}".encode() for letter in "abcd"}, metadata='{"team": "hr", "year": 2024}'
    )
    with Client(server.url) as client:
        names = ["a.txt", "b.txt", "absent.txt", "a.txt"]
        changed = client.documents.configure_many("bulk", names, metadata={"year": 2025, "team": None, "seen": True})
        assert changed == {"changed": 2, "missing": ["absent.txt"]}
        for letter, expected in (("a", {"year": 2025, "seen": True}), ("c", {"team": "hr", "year": 2024})):
            found = base.document(f"{letter}.txt")["metadata"]
            assert {key: found[key] for key in ("team", "year", "seen") if key in found} == expected
        assert sorted(base.texts("common", filter={"year": 2025})) == ["common a", "common b"]
        assert client.documents.configure_many("bulk", ["a.txt", "c.txt"], enabled=False)["changed"] == 2
        assert sorted(base.texts("common")) == ["common b", "common d"]
        client.documents.configure_many("bulk", ["a.txt", "b.txt", "c.txt"], enabled=True)
        assert len(base.texts("common")) == 4
    assert server.http.patch(f"{base.path}/documents", json={"names": []}).status_code == 400
    assert server.http.patch(f"{base.path}/documents", json={"names": ["a"], "other": 1}).status_code == 400
