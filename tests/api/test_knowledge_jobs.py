"""Jobs on a real server: following, cancelling, indexing anew while people search, models that are down."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import pytest

from tests.api.knowing import Base, Json, embedding, ok, paragraphs
from tests.live import Live, error_of, events, live
from tests.processes import wait_for

SMALL = {"size": 200, "overlap": 0}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("jobs") / "home") as running:
        embedding(running, "vec")
        embedding(running, "wide", dimensions=48)
        embedding(running, "slow", answer_seconds=0.15)
        yield running


def many(count: int, word: str = "file") -> dict[str, bytes]:
    return {f"{word}{n}.txt": f"{word}{n} says common things about {word}".encode() for n in range(count)}


def until_begun(base: Base, job: str, done: int = 1) -> Json:
    return wait_for(lambda: view if (view := base.job(job))["done"] >= done else None)


def test_following_a_job(server: Live) -> None:
    base = Base.made(server, "followed", embedding_model="slow")
    job = base.send(many(6))["job"]
    told = events(server.http.get(f"{base.path}/jobs/{job}", params={"stream": "true"}).text)
    assert told[-1]["state"] == "done" and told[-1]["done"] == told[-1]["total"] == 6
    assert len(told) > 2 and [each["done"] for each in told] == sorted(each["done"] for each in told)
    assert any(each["working"] for each in told) and not told[-1]["working"]
    assert [each["id"] for each in ok(server.http.get(f"{base.path}/jobs"))["data"]] == [job]
    other = Base.made(server, "another")
    for name in (job, "nothing"):
        answer = server.http.get(f"{other.path}/jobs/{name}")
        assert (answer.status_code, error_of(answer)["code"]) == (404, "job_not_found")


def test_cancelling_in_the_middle(server: Live) -> None:
    base = Base.made(server, "cancelled", embedding_model="slow")
    job = base.send(many(30))["job"]
    until_begun(base, job, 2)
    view = ok(server.http.delete(f"{base.path}/jobs/{job}"))
    assert view["state"] == "cancelled" and view["cancelled"] > 0
    states = base.info()["states"]
    assert states["ready"] >= 2 and states["cancelled"] + states["ready"] == 30
    assert ok(server.http.delete(f"{base.path}/jobs/{job}"))["state"] == "cancelled"
    wait_for(lambda: len(base.texts("common", top_k=50, mode="lexical")) == states["ready"])
    again = base.add(many(30))
    assert again["done"] + again["unchanged"] == 30 and again["unchanged"] == states["ready"]
    assert len(base.texts("common", top_k=50, mode="lexical")) == 30


def test_jobs_on_documents_are_jobs_like_all_others(server: Live) -> None:
    base = Base.made(server, "shared", embedding_model="slow")
    done = base.send(many(3))["job"]
    assert base.wait(done)["state"] == "done"
    job = ok(server.http.get(f"/v1/jobs/{done}"))
    assert (job["kind"], job["state"], job["parameters"]) == ("knowledge_index", "done", {"base": "shared"})
    assert (job["progress"]["done"], job["progress"]["total"], job["progress"]["unit"]) == (3, 3, "documents")
    told = events(server.http.get(f"/v1/jobs/{done}/events").text)
    assert [each["data"]["state"] for each in told if each["type"] == "state"] == ["running", "done"]
    held = Base.made(server, "held", embedding_model="nobody")
    cancelled = held.send(many(4))["job"]
    waiting = {"state": "waiting", "kind": "knowledge_index"}
    listed = wait_for(lambda: ok(server.http.get("/v1/jobs", params=waiting))["data"])
    assert [each["id"] for each in listed] == [cancelled] and listed[0]["progress"]["total"] == 4
    with server.http.stream("GET", f"/v1/jobs/{cancelled}/events") as followed:
        assert ok(server.http.post(f"/v1/jobs/{cancelled}/cancel"))["state"] == "cancelled"
        told = events("".join(followed.iter_text()))
    assert told[-1]["data"] == {"state": "cancelled"} and held.job(cancelled)["state"] == "cancelled"
    assert server.http.delete(f"/v1/jobs/{cancelled}").status_code == 200
    assert ok(server.http.get(f"{held.path}/jobs"))["data"] == []
    assert server.http.delete(base.path).status_code == 200
    assert server.http.get(f"/v1/jobs/{done}").status_code == 404, "a base takes its jobs with it"


class Searching:
    """Searches in a loop, and keeps what went wrong."""

    def __init__(self, server: Live, base: Base, query: str, count: int) -> None:
        self.wrong: list[str] = []
        self.asked = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(server, base, query, count))

    def _run(self, server: Live, base: Base, query: str, count: int) -> None:
        with httpx.Client(base_url=server.url, timeout=60) as http:
            while not self._stop.is_set():
                answer = http.post(f"{base.path}/search", json={"query": query, "top_k": 50, "rerank": False})
                self.asked += 1
                if answer.status_code != 200 or len(answer.json()["data"]) != count:
                    self.wrong.append(answer.text[:300])

    def __enter__(self) -> Searching:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_searches_go_on_while_a_base_is_indexed_anew(server: Live) -> None:
    base = Base.made(server, "anew", embedding_model="vec")
    base.add(many(12))
    with Searching(server, base, "common", 12) as first, Searching(server, base, "things", 12) as second:
        for number in range(6):
            job = base.reindex(embedding_model=("wide", "vec", "slow")[number % 3])
            assert base.wait(job)["state"] == "done"
    assert first.wrong == second.wrong == [] and first.asked > 20
    told = base.info()
    assert (told["generation"], told["embedding_model"], told["chunks"]) == (7, "slow", 12)
    folders = [path.name for path in (server.home / "knowledge/indexes" / str(told["id"])).iterdir()]
    assert folders == ["7"]


def test_indexing_anew_in_another_way(server: Live) -> None:
    base = Base.made(server, "cut anew", embedding_model="vec")
    base.add({"a.md": paragraphs(8).encode()})
    before = len(base.chunks("a.md"))
    assert base.wait(base.reindex(chunking=SMALL))["state"] == "done"
    assert len(base.chunks("a.md")) == base.info()["chunks"] > before
    assert base.info()["chunking"]["size"] == 200
    assert base.wait(base.reindex(embedding_model=""))["state"] == "done"
    assert base.info()["mode"] == "lexical" and base.texts("topicdx")


def test_indexing_anew_that_is_cancelled_changes_nothing(server: Live) -> None:
    base = Base.made(server, "given up", embedding_model="vec", chunking=SMALL)
    base.add({**many(15), "long.md": paragraphs(5, "common").encode()})
    before = {each["name"]: each["chunks"] for each in base.documents()}
    for _ in range(2):
        job = base.reindex(embedding_model="slow", chunking={"size": 100, "overlap": 0})
        until_begun(base, job)
        assert ok(server.http.delete(f"{base.path}/jobs/{job}"))["state"] == "cancelled"
        assert base.info()["embedding_model"] == "vec" and base.info()["generation"] == 1
        assert {each["name"]: each["chunks"] for each in base.documents()} == before
        assert len(base.texts("common", top_k=100, mode="lexical")) >= 15
    assert base.wait(base.reindex(embedding_model="wide"))["state"] == "done"
    assert {each["name"]: len(base.chunks(each["name"])) for each in base.documents()} == before
    for name, data in many(15).items():
        assert data.decode() in base.texts(name.removesuffix(".txt"), mode="lexical", top_k=20)


def test_a_model_that_is_down_leaves_the_old_generation(server: Live) -> None:
    base = Base.made(server, "model down", embedding_model="vec")
    base.add(many(3))
    server.launched("refuses", model_type="embedding", error_status=400)
    view = base.wait(base.reindex(embedding_model="refuses"))
    assert view["state"] == "failed" and view["error"]
    assert (base.info()["embedding_model"], base.info()["generation"]) == ("vec", 1)
    assert len(base.texts("common")) == 3
    assert base.wait(base.reindex(embedding_model="wide"))["state"] == "done"
    assert len(base.texts("common")) == 3


def test_while_a_base_is_indexed_anew(server: Live) -> None:
    base = Base.made(server, "busy", embedding_model="vec", chunking=SMALL)
    base.add({**many(10), "gone.txt": b"xyzzy goes away", "changed.txt": b"plugh before"})
    chunk, document = base.chunks("file0.txt")[0], base.document("file0.txt")
    job = base.reindex(embedding_model="slow")
    answers = [
        server.http.patch(f"{base.path}/chunks/{chunk['id']}", json={"text": "edited"}),
        server.http.delete(f"{base.path}/chunks/{chunk['id']}"),
        server.http.post(f"{base.path}/documents/{document['id']}/chunks", json={"text": "more"}),
        server.http.patch(f"{base.path}/documents/{document['id']}", json={"enabled": False}),
        server.http.post(f"{base.path}/reindex", json={}),
    ]
    assert {(each.status_code, error_of(each)["code"]) for each in answers} == {(409, "knowledge_base_busy")}
    late = base.send({"late.txt": b"latecomer text", "changed.txt": b"plugh afterwards"})["job"]
    ok(server.http.post(f"{base.path}/documents/delete", json={"names": ["gone.txt"]}))
    assert base.wait(job)["state"] == "done"
    assert base.wait(late)["done"] + base.job(late)["unchanged"] == 2
    assert base.texts("latecomer", mode="lexical") == ["latecomer text"]
    assert base.texts("plugh", mode="lexical") == ["plugh afterwards"]
    assert base.texts("xyzzy", mode="lexical") == [] and len(base.texts("common", mode="lexical", top_k=50)) == 10


def test_a_server_that_stops_in_the_middle_goes_on_afterwards(
    server: Live, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("stopped") / "home"
    with live(home) as first:
        first.launched("slow", model_type="embedding", answer_seconds=0.2)
        base = Base.made(first, "b", embedding_model="slow")
        base.add({"first.txt": b"first text"})
        job = base.send(many(20))["job"]
        until_begun(base, job)
        assert first.stop() == 0
        assert "never retrieved" not in first.output() and "Traceback" not in first.output()
    with live(home) as second:
        base = Base(second.http, "b")
        assert base.job(job)["state"] == "running"
        view = base.wait(job)
        assert (view["state"], view["done"]) == ("done", 20)
        assert len(base.texts("common", top_k=100, mode="lexical")) == 20
