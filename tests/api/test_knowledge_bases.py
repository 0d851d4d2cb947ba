"""Knowledge bases on a real server: their names, what they say of themselves, and that deleting one leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.knowing import Base, embedding, ok, paragraphs
from tests.live import Live, error_of, live
from tests.processes import wait_for

NAMES = [
    "手册",
    "two words",
    'it\'s "so"',
    "100%",
    "a_b",
    "a..b",
    "...",
    "📚 emoji",
    "Case",
    "case",
    "q?x#y&z",
    "a\\b",
    "%2e%2e",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("bases") / "home") as running:
        embedding(running, "vec")
        yield running


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.exists() else []


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_one_line_will_do(server: Live, name: str) -> None:
    base = Base.made(server, name, description="what is in it", language="zh")
    assert base.info()["name"] == name and base.info()["description"] == "what is in it"
    assert base.add({"note.txt": f"The word is zyzzy{NAMES.index(name)}.".encode()})["state"] == "done"
    assert [hit["knowledge_base"] for hit in base.search(f"zyzzy{NAMES.index(name)}")["data"]] == [name]
    assert name in [each["name"] for each in ok(server.http.get("/v1/knowledge_bases"))["data"]]
    asked = {"model": f"kb:{name}", "messages": [{"role": "user", "content": f"zyzzy{NAMES.index(name)}"}]}
    assert ok(server.http.post("/v1/chat/completions", json=asked))["citations"]


@pytest.mark.parametrize("name", ["", "  ", "a/b", "/", "..", ".", "a\nb", " a", "a ", "x" * 201, "\u202eabc"])
def test_other_names_are_refused(server: Live, name: str) -> None:
    answer = server.http.post("/v1/knowledge_bases", json={"name": name})
    assert (answer.status_code, error_of(answer)["param"]) == (400, "name")
    before = Base.made(server, f"was {name!r:.50}".replace("/", "-").strip())
    renamed = server.http.patch(before.path, json={"name": name})
    assert renamed.status_code == 400
    assert before.info()


def test_a_name_is_taken_once(server: Live) -> None:
    Base.made(server, "taken")
    other = Base.made(server, "not taken")
    for answer in (
        server.http.post("/v1/knowledge_bases", json={"name": "taken"}),
        server.http.patch(other.path, json={"name": "taken"}),
    ):
        assert (answer.status_code, error_of(answer)["code"]) == (409, "knowledge_base_exists")


def test_another_name_takes_everything_along(server: Live) -> None:
    base = Base.made(server, "old name")
    base.add({"a.txt": b"The valve opens at seven bar."})
    assert base.texts("valve")
    assert ok(server.http.patch(base.path, json={"name": "新名字", "description": "d"}))["name"] == "新名字"
    new = Base(server.http, "新名字")
    assert [hit["knowledge_base"] for hit in new.search("valve")["data"]] == ["新名字"]
    assert server.http.get(base.path).status_code == 404
    chat = {"messages": [{"role": "user", "content": "valve"}]}
    assert server.http.post("/v1/chat/completions", json={"model": "kb:old name", **chat}).status_code == 404
    assert ok(server.http.post("/v1/chat/completions", json={"model": "kb:新名字", **chat}))["citations"]


def test_one_that_is_not_there_is_told_from_one_spelled_nearly_so(server: Live) -> None:
    Base.made(server, "engineering handbook")
    answer = server.http.get("/v1/knowledge_bases/enginering%20handbook")
    assert (answer.status_code, error_of(answer)["code"]) == (404, "knowledge_base_not_found")
    assert "engineering handbook" in error_of(answer)["message"]


def test_names_are_no_patterns(server: Live) -> None:
    """`_` and `%` stand for anything in SQL's LIKE, where a peer of ours compares names with it."""
    under, letter, percent = (Base.made(server, name) for name in ("p_q", "pxq", "p%q"))
    for base in (under, letter, percent):
        base.add({"n_1.txt": f"hexword in {base.name}".encode(), "nx1.txt": b"another hexword"})
    assert ok(server.http.post(f"{under.path}/documents/delete", json={"names": ["n_1.txt"]}))["deleted"] == ["n_1.txt"]
    assert [each["name"] for each in under.documents()] == ["nx1.txt"]
    assert len(letter.documents()) == 2 and len(letter.texts("hexword")) == 2
    ok(server.http.delete(percent.path))
    ok(server.http.delete(under.path))
    assert len(letter.texts("hexword")) == 2 and letter.info()["chunks"] == 2
    assert [each["name"] for each in letter.documents(contains="n_")] == ["n_1.txt"]
    assert letter.documents(contains="%") == []


def test_settings_that_nobody_knows_are_refused(server: Live) -> None:
    base = Base.made(server, "settings")
    for body in ({"descripton": "x"}, {"prompts": {"nothing": "x"}}, {"prompts": {"answer": "{{ unclosed"}}):
        answer = server.http.patch(base.path, json=body)
        assert 400 <= answer.status_code < 500 and error_of(answer)["message"], answer.text
    bad = ({"size": 0}, {"size": -5}, {"overlap": -1}, {"size": 10**12}, {"sizes": 5})
    for number, chunking in enumerate(bad):
        answer = server.http.post("/v1/knowledge_bases", json={"name": f"bad {number}", "chunking": chunking})
        assert 400 <= answer.status_code < 500 and error_of(answer)["message"], (chunking, answer.text)


def test_deleting_leaves_nothing(server: Live) -> None:
    kept = Base.made(server, "kept", embedding_model="vec")
    kept.add({"same.txt": b"shared bytes of both", "own.txt": b"own bytes"})
    folder = server.home / "knowledge"
    before = files_below(folder / "files"), sorted((folder / "indexes").iterdir())
    gone = Base.made(server, "gone", embedding_model="vec")
    gone.add({"same.txt": b"shared bytes of both", "other.txt": b"bytes of one alone"})
    assert len(files_below(folder / "files")) == len(before[0]) + 1
    assert ok(server.http.delete(gone.path)) == {"deleted": ["gone"], "missing": []}
    assert (files_below(folder / "files"), sorted((folder / "indexes").iterdir())) == before
    assert server.http.get(gone.path).status_code == 404
    assert ok(server.http.get(f"{kept.path}/documents/{kept.document('same.txt')['id']}/text".replace("/text", "")))
    again = Base.made(server, "gone", embedding_model="vec")
    assert again.info()["documents"] == 0 and again.search("bytes")["data"] == []


def begun(base: Base, job: str, number: int) -> None:
    wait_for(lambda: base.job(job)["done"] > number)


def test_deleting_while_a_job_runs(server: Live) -> None:
    server.launched("slow", model_type="embedding", answer_seconds=0.2)
    for number in range(3):
        base = Base.made(server, f"busy {number}", embedding_model="slow")
        job = base.send({f"{n}.txt": f"document {number} {n}".encode() for n in range(20)})["job"]
        begun(base, job, number)
        ok(server.http.delete(base.path))
        assert server.http.get(f"{base.path}/jobs/{job}").status_code == 404
    after = Base.made(server, "after", embedding_model="vec")
    assert after.add({"a.txt": b"the worker works on"})["done"] == 1
    assert "broke off" not in server.output() and "never retrieved" not in server.output()


def test_counts(server: Live) -> None:
    base = Base.made(server, "counts", chunking={"size": 200, "overlap": 0})
    base.add({"a.md": paragraphs(6).encode(), "b.md": b"one"})
    told = base.info()
    assert (told["documents"], told["chunks"], told["states"]) == (2, len(base.chunks("a.md")) + 1, {"ready": 2})
    assert told["bytes"] == len(paragraphs(6)) + 3 and told["jobs"] == [] and told["mode"] == "lexical"
