"""Documents on a real server: uploads, versions, reading, editing chunks. What costs an embedding is counted."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.knowing import Base, Json, embedding, ok, paragraphs
from tests.live import Live, error_of, live

SMALL = {"size": 200, "overlap": 0}
CHINESE = "员工每年有十五天年假。报销须在三十天内提交。"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("documents") / "home", env={"MODELYARD_MAX_DOCUMENT_BYTES": "200000"}) as running:
        embedding(running, "vec")
        yield running


def test_the_same_bytes_cost_nothing_and_changed_ones_only_what_changed(server: Live) -> None:
    base = Base.made(server, "counted", embedding_model="vec", chunking=SMALL)
    text = paragraphs(10)
    first = base.add({"a.md": text.encode(), "b.txt": b"something else"})
    assert (first["done"], first["embedded"]) == (2, first["chunks"])
    again = base.add({"a.md": text.encode(), "b.txt": b"something else"})
    assert (again["unchanged"], again["done"], again["embedded"]) == (2, 0, 0)
    assert base.document("a.md")["version"] == 1
    before = {each["text"]: each["id"] for each in base.chunks("a.md")}
    changed = base.add({"a.md": text.replace("topicex", "novelty").encode()})
    assert 1 <= changed["embedded"] <= 2 and base.document("a.md")["version"] == 2
    after = {each["text"]: each["id"] for each in base.chunks("a.md")}
    kept = before.keys() & after.keys()
    assert len(kept) >= len(before) - 2 and all(before[each] == after[each] for each in kept)
    assert base.texts("novelty", mode="lexical") and not base.texts("topicex", mode="lexical")
    copied = base.add({"copy.md": text.encode()})
    assert copied["embedded"] == 0 and copied["done"] == 1


@pytest.mark.parametrize(
    "name", ["../../etc/passwd.txt", "/etc/hosts.txt", "a/b/c.txt", "..\\x.txt", '名字 "q".txt', "CON.txt"]
)
def test_names_never_become_paths(server: Live, name: str) -> None:
    base = Base.made(server, f"paths {name!r}".replace("/", "|"))
    base.add({name: b"inside the file"})
    [document] = base.documents()
    assert document["state"] == "ready"
    given = server.http.get(f"{base.path}/documents/{document['id']}/content")
    assert given.content == b"inside the file"
    assert (
        given.headers["content-disposition"].startswith("attachment")
        and "/" not in given.headers["content-disposition"]
    )
    assert (
        given.headers["x-content-type-options"] == "nosniff" and "sandbox" in given.headers["content-security-policy"]
    )
    names = [path.name for path in (server.home / "knowledge" / "files").rglob("*") if path.is_file()]
    assert all(len(each) == 64 for each in names)


def test_a_web_page_that_is_shown_cannot_run_scripts(server: Live) -> None:
    base = Base.made(server, "page")
    data = b"<html><body><script>alert(1)</script><p>Hello there.</p></body></html>"
    base.add({"page.html": data})
    number = base.document("page.html")["id"]
    shown = server.http.get(f"{base.path}/documents/{number}/content", params={"preview": "true"})
    assert shown.content == data and shown.headers["content-security-policy"] == "sandbox"
    assert shown.headers["content-disposition"].startswith("inline")


def test_what_is_too_large_or_unreadable_stops_nothing_else(server: Live) -> None:
    base = Base.made(server, "mixed")
    alone = server.http.post(f"{base.path}/documents", files=[("files", ("big.txt", b"x" * 200_001))])
    assert 400 <= alone.status_code < 500 and "200000" in error_of(alone)["message"].replace(",", "")
    sent = base.send({"big.txt": b"x" * 200_001, "good.txt": b"readable words", "bad.pdf": b"%PDF-1.7 nonsense"})
    assert list(sent["failed"]) == ["big.txt"]
    view = base.wait(sent["job"])
    assert (view["state"], view["done"], view["failed"]) == ("done", 1, 1)
    assert [each["document"] for each in view["problems"]] == ["bad.pdf"]
    bad = base.document("bad.pdf")
    assert bad["state"] == "failed" and bad["error"] == view["problems"][0]["error"] != ""
    assert base.texts("readable") == ["readable words"]
    assert base.add({"bad.pdf": b"%PDF-1.7 nonsense"})["failed"] == 1
    assert base.add({"bad.pdf": b"now it is text"})["failed"] == 1
    assert [each["name"] for each in base.documents(state="failed")] == ["bad.pdf"]


def test_spans_are_of_the_text(server: Live) -> None:
    base = Base.made(server, "spans", chunking={"size": 120, "overlap": 30})
    files = {
        "a.md": ("# 标题\n\n" + CHINESE * 12 + "\n\n## Second\n\n" + paragraphs(3)).encode(),
        "gbk.txt": (CHINESE * 5).encode("gbk"),
        "code.py": b"def f():\n    return 1\n\n\ndef g():\n    return 2\n" * 10,
    }
    assert base.add(files)["done"] == 3
    for name in files:
        text = server.http.get(f"{base.path}/documents/{base.document(name)['id']}/text").text
        chunks = base.chunks(name)
        assert chunks and all(text[each["start"] : each["end"]] == each["text"] for each in chunks), name
        assert [each["position"] for each in chunks] == list(range(len(chunks)))
        assert base.document(name)["characters"] == len(text)
    assert "年假" in base.texts("年假", filter={"document": "gbk.txt"})[0]


def test_disabling_and_enabling(server: Live) -> None:
    base = Base.made(server, "switch", embedding_model="vec")
    base.add({"a.txt": b"common aardvark", "b.txt": b"common badger"})
    path = f"{base.path}/documents/{base.document('a.txt')['id']}"
    for enabled in (False, False, True, True, False):
        assert ok(server.http.patch(path, json={"enabled": enabled}))["enabled"] is enabled
        assert len(base.texts("common", mode="lexical")) == 1 + enabled == len(base.texts("common"))
    assert base.wait(base.reindex())["state"] == "done"
    assert base.texts("common") == ["common badger"]
    assert ok(server.http.patch(path, json={"enabled": True}))
    assert len(base.texts("common")) == 2


def test_one_name_uploaded_twice_at_once(server: Live) -> None:
    base = Base.made(server, "race")
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(base.send, {"same.txt": f"text {n}".encode()}) for n in range(8)]
    assert [base.wait(each.result()["job"])["problems"] for each in jobs] == [[]] * 8
    assert len(base.chunks("same.txt")) == 1


def test_metadata(server: Live) -> None:
    base = Base.made(server, "metadata")
    base.add({"a.txt": b"common text a"}, metadata='{"year": 2023, "team": "red"}')
    base.add({"b.txt": b"common text b"}, metadata='{"year": 2024, "team": "blue"}')
    assert base.texts("common", filter={"year": {"gte": 2024}}) == ["common text b"]
    ok(server.http.patch(f"{base.path}/documents/{base.document('a.txt')['id']}", json={"metadata": {"year": 2025}}))
    assert base.texts("common", filter={"year": 2025}) == ["common text a"]
    assert base.texts("common", filter={"team": "red"}) == []
    for bad in ("[1]", "no json", '{"a": NaN}'):
        answer = server.http.post(f"{base.path}/documents", files=[("files", ("c.txt", b"c"))], data={"metadata": bad})
        assert answer.status_code == 400 and error_of(answer)["param"] == "metadata", bad
    for bad in ("nan", "inf"):
        sent = server.http.post(f"{base.path}/documents", files=[("files", ("c.txt", b"c"))], data={"modified_at": bad})
        assert 400 <= sent.status_code < 500, (bad, sent.text)
    assert server.http.get(f"{base.path}/documents/{10**30}").status_code in (400, 404)
    assert server.http.get(f"{base.path}/documents", params={"offset": 10**30}).status_code in (200, 422)


def test_preview_keeps_nothing(server: Live) -> None:
    base = Base.made(server, "preview")
    folder = server.home / "knowledge" / "files"
    before = sorted(folder.rglob("*"))
    file = {"file": ("p.md", paragraphs(5, "preview").encode())}
    found = ok(server.http.post(f"{base.path}/documents/preview", files=file, data={"chunking": '{"size": 200}'}))
    assert len(found["data"]) >= 5 and base.documents() == []
    assert [path for path in sorted(folder.rglob("*")) if path.is_file()] == [path for path in before if path.is_file()]
    base.add({"p.md": paragraphs(5, "preview").encode()})
    number = base.document("p.md")["id"]
    asked = server.http.post(f"{base.path}/documents/{number}/preview", json={"chunking": {"size": 200}})
    assert [each["text"] for each in ok(asked)["data"]] == [each["text"] for each in found["data"]]
    ok(server.http.post(f"{base.path}/documents/preview", files=file))
    assert server.http.get(f"{base.path}/documents/{number}/content").status_code == 200


def chunk_with(base: Base, name: str, word: str) -> Json:
    return next(each for each in base.chunks(name) if word in each["text"])


def test_editing_chunks(server: Live) -> None:
    base = Base.made(server, "edited", embedding_model="vec", chunking=SMALL)
    base.add({"a.md": paragraphs(4).encode()})
    count = len(base.chunks("a.md"))
    old = chunk_with(base, "a.md", "topicbx")
    new = ok(server.http.patch(f"{base.path}/chunks/{old['id']}", json={"text": "rewritten by hand"}))
    assert new["id"] != old["id"] and new["edited"] and new["position"] == old["position"]
    assert base.texts("rewritten", mode="lexical") == ["rewritten by hand"]
    assert base.search("rewritten by hand", mode="vector", top_k=1)["data"][0]["scores"]["similarity"] > 0.999
    assert base.texts("topicbx", mode="lexical") == []
    assert server.http.patch(f"{base.path}/chunks/{old['id']}", json={"text": "x"}).status_code == 404
    number = base.document("a.md")["id"]
    added = ok(server.http.post(f"{base.path}/documents/{number}/chunks", json={"text": "first of all", "position": 0}))
    assert base.chunks("a.md")[0]["text"] == "first of all" and added["start"] is None
    off = chunk_with(base, "a.md", "topiccx")
    assert not ok(server.http.patch(f"{base.path}/chunks/{off['id']}", json={"enabled": False}))["enabled"]
    assert base.texts("topiccx", mode="lexical") == []
    gone = chunk_with(base, "a.md", "topicdx")
    ok(server.http.delete(f"{base.path}/chunks/{gone['id']}"))
    assert base.texts("topicdx", mode="lexical") == [] and base.document("a.md")["chunks"] == count
    for bad in ("", "  ", "x" * 20_001):
        assert server.http.patch(f"{base.path}/chunks/{new['id']}", json={"text": bad}).status_code == 400
    texts = [each["text"] for each in base.chunks("a.md")]
    view = base.wait(base.reindex())
    assert view["embedded"] == 0 and [each["text"] for each in base.chunks("a.md")] == texts
    assert base.document("a.md")["edited"] and base.texts("topiccx", mode="lexical") == []
    assert base.wait(base.reindex(force=True))["state"] == "done"
    assert not base.document("a.md")["edited"] and base.texts("topicdx", mode="lexical")
    assert base.texts("rewritten", mode="lexical") == [] and len(base.chunks("a.md")) == count


def test_indexing_by_force_overwrites_what_was_edited(server: Live) -> None:
    base = Base.made(server, "forced", chunking=SMALL)
    base.add({"a.md": paragraphs(2).encode()})
    ok(server.http.patch(f"{base.path}/chunks/{base.chunks('a.md')[0]['id']}", json={"text": "by hand"}))
    assert base.add({"a.md": paragraphs(2).encode()})["unchanged"] == 1
    assert base.texts("hand") == ["by hand"]
    job = ok(server.http.post(f"{base.path}/documents/index", json={"names": ["a.md"], "force": True}))["job"]
    assert base.wait(job)["done"] == 1 and base.texts("hand") == []
    for name in ("none.md", ""):
        missing = server.http.post(f"{base.path}/documents/index", json={"names": [name]})
        assert (missing.status_code, error_of(missing)["code"]) == (404, "document_not_found")


def test_keeping_without_indexing(server: Live) -> None:
    base = Base.made(server, "stored")
    sent = base.send({"a.txt": b"for later"}, index="false")
    assert sent["job"] is None and sent["data"][0]["state"] == "stored" and base.texts("later") == []
    job = ok(server.http.post(f"{base.path}/documents/index", json={"names": ["a.txt"]}))["job"]
    assert base.wait(job)["done"] == 1 and base.texts("later") == ["for later"]
