"""Documents that a real server brings itself: from URLs of a web server on loopback, and from folders of its machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.client import Client
from tests.api.knowing import Base, Json, ok
from tests.knowledge.documents.loaders import samples
from tests.knowledge.documents.loaders.samples import paragraph
from tests.knowledge.web_server import Reply, Web, web
from tests.live import Live, error_of, live
from tests.processes import wait_for

PAGE = "<html><head><title>T</title></head><body><nav>menu of the site</nav><main><p>{}</p></main></body></html>"
LONG = "A page about the aardvark, with enough words to be a page of its own. " * 5


@pytest.fixture(scope="module")
def pages() -> Iterator[Web]:
    with web() as made:
        yield made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, pages: Web) -> Iterator[Live]:
    settings = {"MODELYARD_FETCH_HOSTS": f"127.0.0.1:{pages.port}", "MODELYARD_MAX_DOCUMENT_BYTES": "100000"}
    with live(tmp_path_factory.mktemp("imports") / "home", env=settings) as running:
        yield running


def bring(server: Live, base: Base, **body: Any) -> Json:
    """The result of an import, when everything that it brought is indexed."""
    job = ok(server.http.post(f"{base.path}/documents/from", json=body))["job"]
    with Client(server.url) as client:
        with client.jobs.follow(job) as events:
            for _ in events:
                pass
        found = client.jobs.get(job)
    assert found["state"] == "done" and found["kind"] == "document_import", found
    result: Json = dict(found["result"] or {})
    for each in result["jobs"]:
        base.wait(each)
    return result


def test_urls_by_their_content(server: Live, pages: Web) -> None:
    base = Base.made(server, "web")
    host = f"127.0.0.1:{pages.port}"
    pages.pages |= {
        "/": Reply(PAGE.format("the front page")),
        "/guide/": Reply(PAGE.format(LONG)),
        "/gbk.php": Reply(PAGE.format("员工每年有十五天年假").encode("gbk"), kind="text/html; charset=gbk"),
        "/moved": Reply(status=302, headers={"Location": "/new/place.html"}),
        "/new/place.html": Reply(PAGE.format("moved words")),
        "/get": Reply(
            samples.pdf([paragraph(700, "words of a leaflet")]),
            kind="application/octet-stream",
            headers={"Content-Disposition": "attachment; filename*=utf-8''%E6%89%8B%E5%86%8C.pdf"},
        ),
        "/notes": Reply("plain words", kind="text/plain"),
        "/large": Reply(b"x" * 100_001, kind="text/plain"),
    }
    urls = [f"{pages.url}{each}" for each in ("/", "/guide/", "/gbk.php", "/moved", "/get?id=1", "/notes")]
    bad = [f"{pages.url}/absent", f"{pages.url}/large", "ftp://example.com/a.txt", "http://127.0.0.1:1/a.txt"]
    named = {"url": f"{pages.url}/notes", "name": "mine.txt", "metadata": {"team": "hr"}}
    result = bring(server, base, urls=[*urls, *bad, named], metadata={"year": 2025})
    names = ["index.html", "guide.html", "gbk.php.html", "new/place.html", "手册.pdf", "notes.txt"]
    assert {each["name"] for each in base.documents()} == {f"{host}/{name}" for name in names} | {"mine.txt"}
    assert (result["new"], result["failures"], set(result["failed"])) == (7, 4, set(bad))
    assert "only http and https" in result["failed"][bad[2]]
    assert {each["state"] for each in base.documents()} == {"ready"}
    assert base.document(f"{host}/guide.html")["metadata"] == {
        **base.document(f"{host}/guide.html")["metadata"],
        "year": 2025,
        "source": f"{pages.url}/guide/",
    }
    assert "员工每年有十五天年假" in base.texts("十五天年假")[0] and base.texts("menu", mode="lexical") == []
    assert base.texts("leaflet", filter={"document": f"{host}/手册.pdf"}) == ["words of a leaflet"]
    assert base.texts("plain", filter={"team": "hr"}) == ["plain words"]

    pages.pages["/guide/"] = Reply(PAGE.format("other words now"))
    again = bring(server, base, urls=urls, metadata={"year": 2025})
    assert (again["new"], again["changed"], again["unchanged"], len(again["jobs"])) == (0, 1, 5, 1)
    assert "other words now" in base.texts("other words now")[0]


def test_a_folder_is_brought_and_brought_again(server: Live, tmp_path: Path) -> None:
    base = Base.made(server, "folder")
    folder = tmp_path / "docs"
    (folder / "rules" / ".git").mkdir(parents=True)
    for name, text in {
        "a.md": "words of a",
        "rules/b.md": "words of b",
        "rules/c.txt": "words of c",
        "rules/.git/d.md": "hidden",
        "x.exe": "unsupported",
        "empty.md": "",
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    (tmp_path / "secret.md").write_text("outside the folder", encoding="utf-8")
    (folder / "link.md").symlink_to(tmp_path / "secret.md")
    (folder / "inner.md").symlink_to(folder / "a.md")
    os.mkfifo(folder / "pipe.md")
    first = bring(server, base, folder=str(folder), exclude=["*.txt"])
    assert {each["name"] for each in base.documents()} == {"a.md", "rules/b.md", "empty.md", "inner.md"}
    assert first["failed"] == {"link.md": "It is a link to a file outside the folder, which is not followed."}
    assert first["skipped"] == {"by pattern": 1, "of unsupported formats": 1} and first["new"] == 4
    assert base.texts("outside", mode="lexical") == []
    assert base.document("a.md")["modified_at"] == (folder / "a.md").stat().st_mtime
    (folder / "rules" / "b.md").write_text("new words of b", encoding="utf-8")
    (folder / "a.md").unlink()
    (folder / "inner.md").unlink()
    base.send({"uploaded.md": b"by hand"})
    second = bring(server, base, folder=str(folder), exclude=["*.txt"], delete=True)
    assert (second["new"], second["changed"], second["unchanged"]) == (0, 1, 1)
    assert set(second["deleted"]) == {"a.md", "inner.md", "uploaded.md"}
    assert {each["name"] for each in base.documents()} == {"rules/b.md", "empty.md"}
    assert base.texts("words") == ["new words of b"]


def test_what_is_refused_at_once(server: Live, tmp_path: Path) -> None:
    base = Base.made(server, "refused")
    path = f"{base.path}/documents/from"
    for body, part in (
        ({}, "urls"),
        ({"folder": str(tmp_path / "absent")}, "is no folder of the server's machine"),
        ({"folder": "relative"}, "is no folder"),
        ({"urls": ["http://a"], "delete": True}, "folder"),
        ({"urls": [1]}, "urls"),
        ({"urls": ["http://a"], "chunking": {"size": 1}}, "chunking"),
    ):
        answer = server.http.post(path, json=body)
        assert answer.status_code == 400 and part in error_of(answer)["message"], (body, answer.text)
    assert server.http.post("/v1/knowledge_bases/absent/documents/from", json={"urls": ["http://a"]}).status_code == 404


def test_cancelled_in_the_middle(server: Live, pages: Web) -> None:
    base = Base.made(server, "cancelled")
    pages.pages |= {"/one": Reply("the first words", kind="text/plain"), "/never": Reply("x", stall=True)}
    urls = [f"{pages.url}/one", f"{pages.url}/never", f"{pages.url}/notes"]
    job = ok(server.http.post(f"{base.path}/documents/from", json={"urls": urls}))["job"]
    with Client(server.url) as client:
        wait_for(lambda: client.jobs.get(job)["progress"]["done"] == 1 or None)
        assert client.jobs.cancel(job)["state"] == "cancelled"
    assert [each["name"] for each in base.documents()] == [f"127.0.0.1:{pages.port}/one.txt"]


def test_a_folder_takes_the_trust_of_an_owner(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("words", encoding="utf-8")
    with live(tmp_path / "home") as server:
        root = server.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        server.http.headers["authorization"] = f"Bearer {root}"
        base = Base.made(server, "b")
        scopes = ["knowledge:read", "knowledge:write"]
        made = server.http.post("/v1/admin/keys", json={"name": "writer", "scopes": scopes}).json()["key"]
        body = {"folder": str(tmp_path / "docs")}
        with httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {made}"}) as writer:
            answer = writer.post(f"{base.path}/documents/from", json=body)
            assert answer.status_code == 403 and "scope 'admin'" in error_of(answer)["message"]
            assert writer.post(f"{base.path}/documents/from", json={"urls": ["http://10.0.0.1/"]}).status_code == 200
        assert server.http.post(f"{base.path}/documents/from", json=body).status_code == 200
