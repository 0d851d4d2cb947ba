"""`modelyard kb` against a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from modelyard.client import Client
from tests.cli.served import Served
from tests.cli.terminal import run


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("kb") / "home")
    try:
        yield served
    finally:
        served.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two documents, and three files that are left out."""
    place = tmp_path / "docs"
    (place / "人事").mkdir(parents=True)
    (place / "人事" / "员工手册.md").write_text("# 年假\n\n员工每年有十五天年假。\n", encoding="utf-8")
    (place / "pump.txt").write_text("The MX-2140 pump delivers 12 litres per minute.\n", encoding="utf-8")
    (place / ".git").mkdir()
    (place / ".git" / "config.txt").write_text("hidden\n")
    (place / ".hidden.txt").write_text("hidden\n")
    (place / "program.exe").write_bytes(b"MZ\0\0")
    return place


def kb(server: Served, place: Path, *arguments: str) -> CompletedProcess[str]:
    return run("kb", *arguments, MODELYARD_ENDPOINT=server.url, XDG_CACHE_HOME=str(place.parent / "cache"))


def test_a_base_is_made_filled_asked_and_deleted(server: Served, folder: Path) -> None:
    assert kb(server, folder, "create", "手册").stdout == "手册 created\n"
    first = kb(server, folder, "add", "手册", str(folder))
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("2 new, 0 changed, 0 unchanged")
    assert "1 skipped (hidden)" in first.stdout and "1 skipped (of unsupported formats)" in first.stdout
    assert "2 of 2 documents indexed" in first.stdout
    again = json.loads(kb(server, folder, "add", "手册", str(folder), "--json").stdout)
    assert (again["new"], again["changed"], again["unchanged"], again["jobs"]) == ([], [], 2, [])
    listed = json.loads(kb(server, folder, "documents", "手册", "--json").stdout)
    assert [each["name"] for each in listed] == ["pump.txt", "人事/员工手册.md"]
    found = json.loads(kb(server, folder, "search", "手册", "年假", "--json").stdout)
    assert found["data"][0]["document"] == "人事/员工手册.md"
    assert "MX-2140" in kb(server, folder, "search", "手册", "MX-2140").stdout
    explained = kb(server, folder, "search", "手册", "MX-2140", "--explain").stdout
    assert "FUSED" in explained and "mx-2140" in explained
    assert "年假" in kb(server, folder, "chunks", "手册", "人事/员工手册.md").stdout
    assert "12 litres" in kb(server, folder, "download", "手册", "pump.txt", "-o", "-").stdout
    (folder / "pump.txt").unlink()
    gone = json.loads(kb(server, folder, "add", "手册", str(folder), "--delete", "--json").stdout)
    assert gone["deleted"] == ["pump.txt"]
    assert kb(server, folder, "reindex", "手册", "--chunk-size", "200", "--follow").returncode == 0
    assert json.loads(kb(server, folder, "show", "手册", "--json").stdout)["chunking"]["size"] == 200
    assert kb(server, folder, "delete", "手册", "-y").stdout == "手册 deleted\n"


def test_a_document_that_cannot_be_read_is_reported(server: Served, folder: Path) -> None:
    kb(server, folder, "create", "broken")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 no")
    done = kb(server, folder, "add", "broken", str(folder))
    assert done.returncode == 1
    assert "broken.pdf: " in done.stderr


def test_what_was_left_out_of_a_document_is_reported(server: Served, folder: Path) -> None:
    """`kb add`, the list of documents and the API have the notes of a document."""
    kb(server, folder, "create", "noted")
    (folder / "mail.eml").write_bytes(
        b"From: a@b.c\nSubject: s\nContent-Type: multipart/mixed; boundary=B\n\n--B\n\nhello\n"
        b"--B\nContent-Type: application/zip\nContent-Disposition: attachment; filename=x.zip\n\nPK\x03\x04\n--B--\n"
    )
    added = kb(server, folder, "add", "noted", str(folder))
    note = "The attachment 'x.zip' was not read: it is a zip archive; unpack it."
    assert added.returncode == 0 and f"mail.eml: {note}" in added.stderr
    assert f"mail.eml: {note}" in kb(server, folder, "documents", "noted").stderr
    listed = {each["name"]: each for each in json.loads(kb(server, folder, "documents", "noted", "--json").stdout)}
    assert listed["mail.eml"]["notes"] == [note]
    assert listed["pump.txt"]["notes"] == []
    with Client(server.url) as client:
        (found,) = client.documents.list("noted", name="mail.eml")["data"]
        assert client.documents.get("noted", found["id"])["notes"] == listed["mail.eml"]["notes"]


def test_errors_are_one_sentence(server: Served, folder: Path) -> None:
    done = kb(server, folder, "search", "nothing", "x")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1
    assert kb(server, folder, "add", "nothing", "/no/such/folder").returncode == 1


def test_an_upload_of_several_batches_is_one_job(server: Served) -> None:
    with Client(server.url) as client:
        client.knowledge.create("many")
        upload = client.documents.upload("many", [(f"a/{i}.txt", f"number {i}".encode()) for i in range(45)])
        assert len(upload["data"]) == 45 and upload["failed"] == {}
        assert upload["job"] is not None
        *_, last = client.knowledge.follow_job("many", upload["job"])
        assert (last["state"], last["done"]) == ("done", 45)
        talk = {"id": "a" * 32, "title": "旧", "created_at": 5.0}
        message = {"id": "b" * 32, "question": "问", "answer": "答", "score": 80, "created_at": 6.0}
        brought = [{**talk, "messages": [message]}]
        assert client.chats.import_conversations(brought) == {"conversations": 1, "messages": 1, "skipped": 0}
        assert client.chats.import_conversations(brought) == {"conversations": 0, "messages": 0, "skipped": 1}
        assert client.chats.messages("a" * 32)[1]["score"] == 80


def test_metadata_of_many_documents(server: Served, folder: Path) -> None:
    kb(server, folder, "create", "fields")
    kb(server, folder, "add", "fields", str(folder), "--metadata", "team=hr", "--no-wait")
    changed = kb(server, folder, "metadata", "fields", "--all", "--set", "year=2025", "--remove", "team")
    assert (changed.returncode, changed.stdout) == (0, "2 changed\n")
    listed = json.loads(kb(server, folder, "documents", "fields", "--json").stdout)
    assert all(each["metadata"]["year"] == 2025 and "team" not in each["metadata"] for each in listed)
    missing = kb(server, folder, "metadata", "fields", "pump.txt", "absent.txt", "--set", "year=2026", "--json")
    assert missing.returncode == 1 and json.loads(missing.stdout) == {"changed": 1, "missing": ["absent.txt"]}
    assert kb(server, folder, "metadata", "fields", "--all").returncode == 2
    assert kb(server, folder, "metadata", "fields", "--set", "a=b").returncode == 2


def test_the_server_brings_documents(server: Served, folder: Path) -> None:
    """`kb add` with a folder of the server's machine, and with a URL, which fails here because loopback is no public host."""
    kb(server, folder, "create", "brought")
    first = kb(server, folder, "add", "brought", str(folder), "--on-server")
    assert first.returncode == 0 and " new, 0 changed, 0 unchanged" in first.stdout, first
    [job] = json.loads(kb(server, folder, "add", "brought", str(folder), "--on-server", "--json").stdout)
    assert job["state"] == "done" and job["result"]["new"] == 0 and job["result"]["unchanged"] > 0
    url = kb(server, folder, "add", "brought", f"{server.url}/docs")
    assert url.returncode == 1 and "its port is not" in url.stderr and "0 new" in url.stdout
    mixed = kb(server, folder, "add", "brought", f"{server.url}/docs", str(folder))
    assert mixed.returncode == 2 and "one after the other" in mixed.stderr
    started = kb(server, folder, "add", "brought", f"{server.url}/docs", "--no-wait")
    assert started.returncode == 0 and "modelyard jobs follow" in started.stderr
