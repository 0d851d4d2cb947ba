"""`modelyard kb import-chatchat`: folders of Langchain-Chatchat 0.2 and 0.3 into a real server."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from modelyard.client import Client
from tests.chat_pairs import pairs
from tests.cli.served import Served, emptied, names_in
from tests.cli.terminal import Terminal, run, start
from tests.compat.chatchat_data import GROWN, TALK, Chatchat, state, v02, v03

NAMES = ['a "b" 50%.txt', "不在库里.txt", "制度/年假 2024.md"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("import") / "home")
    try:
        yield served
    finally:
        served.stop()


@pytest.fixture
def client(server: Served) -> Iterator[Client]:
    """A client of a server without bases and conversations."""
    with emptied(server.url) as client:
        yield client


def bring(server: Served, *arguments: object) -> CompletedProcess[str]:
    cache = server.log.parent / "cache"
    return run("kb", "import-chatchat", *map(str, arguments), MODELYARD_ENDPOINT=server.url, XDG_CACHE_HOME=str(cache))


def brought(server: Served, *arguments: object) -> Any:
    done = bring(server, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("version", [v02, v03])
def test_everything_is_imported_once(
    server: Served, client: Client, tmp_path: Path, version: Callable[[Path], Chatchat]
) -> None:
    there = version(tmp_path / "chatchat")
    before = state(there.root)
    done = bring(server, there.root)
    assert done.returncode == 0, done.stderr
    assert "人事 (made, searched by words alone): 3 new, 0 changed, 0 unchanged" in done.stdout
    assert done.stdout.endswith(
        "2 of 2 bases: 4 new files, 0 changed, 0 unchanged, 1 missing, 4 new conversations with 6 new messages\n"
    )
    assert "人事: 1 in the database, and not in the folder: 已删除.docx" in done.stderr
    assert "人事: 1 of unsupported formats: old.enex" in done.stderr
    assert "with chunks edited in Chatchat" in done.stderr
    assert "its embedding model bge-large-zh-v1.5 is not running" in done.stderr
    assert state(there.root) == before

    assert names_in(client, "人事") == sorted(NAMES)
    base = client.knowledge.describe("人事")
    assert (base["description"], base["states"]) == ("关于人事的知识库", {"ready": 3})
    assert client.knowledge.search("人事", "年假")["data"][0]["document"] == "制度/年假 2024.md"
    assert client.chats.get(TALK)["title"] == "年假问题"
    first, second = pairs(client.chats.messages(TALK))
    assert (first["question"], first["answer"], first["score"], first["reason"]) == (
        "年假有几天？",
        "十五天。",
        90,
        "对",
    )
    assert (second["question"], second["score"]) == ("可以分开休吗？", None)
    assert first["created_at"] == 1706256001.0 and first["metadata"] == {"知识库": "人事", "chat_type": "llm_chat"}
    assert client.chats.get(GROWN)["title"] == "Who wrote the manual?"
    assert pairs(client.chats.messages(GROWN))[0]["score"] == 100
    alone = next(talk for talk in client.chats.list()["data"] if talk["title"] == "Langchain-Chatchat, 2024-01-28")
    messages = pairs(client.chats.messages(alone["id"]))
    assert [(each["question"], each["answer"], each["score"]) for each in messages] == [
        ("alone, too", "", 0),
        ("alone", "yes", None),
    ]

    again = brought(server, there.root)
    assert [(each["new"], each["changed"], each["jobs"]) for each in again["bases"]] == [([], [], [])] * 2
    assert again["conversations"] == {"new": 0, "messages": 0, "unchanged": 4}
    assert again["jobs"] == []


def test_a_second_import_brings_what_is_new(server: Served, client: Client, tmp_path: Path) -> None:
    there = v02(tmp_path / "chatchat")
    brought(server, there.root)
    with there.opened() as database:
        there.say(database, "7" * 32, GROWN, "And when?", "In May.", "2024-02-01 08:00:00")
        there.say(database, "8" * 32, "", "alone again", "yes", "2024-01-28 23:59:59")
    (there.bases / "人事" / "content" / "制度" / "年假 2024.md").write_text("年假有二十天。\n", encoding="utf-8")
    found = brought(server, there.bases)
    assert [(each["new"], each["changed"]) for each in found["bases"]] == [([], []), ([], ["制度/年假 2024.md"])]
    assert found["conversations"] == {"new": 1, "messages": 2, "unchanged": 2}
    assert [each["question"] for each in pairs(client.chats.messages(GROWN))][-1] == "And when?"
    assert "二十天" in client.knowledge.search("人事", "年假")["data"][0]["text"]


def test_a_dry_run_changes_nothing(server: Served, client: Client, tmp_path: Path) -> None:
    there = v03(tmp_path / "chatchat")
    done = bring(server, there.root / "data", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "BASE" in done.stdout and "4 new conversations with 6 new messages" in done.stdout
    assert "已删除.docx" in done.stderr and "nothing was changed" in done.stderr
    assert client.knowledge.list() == [] and client.chats.list()["data"] == []
    brought(server, there.root)
    report = brought(server, there.root, "--dry-run")
    assert report["dry_run"] and report["conversations"] == {"new": 0, "messages": 0, "unchanged": 4}
    assert [each["unchanged"] for each in report["bases"]] == [1, 3]


def test_one_base_is_imported_without_conversations(server: Served, client: Client, tmp_path: Path) -> None:
    there = v02(tmp_path / "chatchat")
    found = brought(server, there.root, "--base", "人事")
    assert [each["name"] for each in found["bases"]] == ["人事"] and client.chats.list()["data"] == []
    assert brought(server, there.root, "--base", "人事", "--conversations")["conversations"]["new"] == 4
    done = bring(server, there.root, "--base", "nothing")
    assert done.returncode == 1 and "it has: samples, 人事." in done.stderr


@pytest.mark.parametrize("how", ["by its name", "by the option"])
def test_a_base_gets_the_embedding_model_that_runs_here(
    server: Served, client: Client, tmp_path: Path, how: str
) -> None:
    there = v02(tmp_path / "chatchat")
    uid = "BGE-large-zh-v1.5" if how == "by its name" else "other"
    client.models.launch("fake", model_type="embedding", model_engine="fake", model_uid=uid)
    try:
        done = bring(server, there.root, "--base", "人事", "--embedding-model", "nothing")
        assert done.returncode == 1 and f"'nothing' is running; those that run: {uid}." in done.stderr
        rest = [] if how == "by its name" else ["--embedding-model", uid]
        found = brought(server, there.root, "--base", "人事", *rest)["bases"][0]
        assert found["embedding_model"] == uid
        assert found["remarks"] == (
            [] if not rest else ["its embedding model bge-large-zh-v1.5 is not running; it gets other."]
        )
        base = client.knowledge.describe("人事")
        assert (base["embedding_model"], base["states"]) == (uid, {"ready": 3})
        client.knowledge.delete("人事")
        client.knowledge.create("人事")
        remark = brought(server, there.root, "--base", "人事", *rest)["bases"][0]["remarks"]
        assert f"`modelyard kb reindex 人事 --embedding-model {uid}`" in remark[0]
    finally:
        client.models.terminate(uid)


def test_files_are_imported_without_a_whole_database(server: Served, client: Client, tmp_path: Path) -> None:
    there = v02(tmp_path / "chatchat")
    there.database.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    done = bring(server, there.root)
    assert done.returncode == 1
    assert "info.db' cannot be read" in done.stderr and "conversations and descriptions are not" in done.stderr
    assert names_in(client, "人事") == sorted(NAMES)
    there.database.unlink()
    found = brought(server, there.root)
    assert found["database"] is None and found["problems"] == []
    assert [each["unchanged"] for each in found["bases"]] == [1, 3]
    sqlite3.connect(there.database).close()
    assert "has no table knowledge_base" in bring(server, there.root).stderr
    done = bring(server, there.root, "--database", tmp_path / "none.db")
    assert done.returncode == 1 and "There is no file" in done.stderr


def test_a_document_that_cannot_be_indexed_is_a_failure(server: Served, client: Client, tmp_path: Path) -> None:
    there = v02(tmp_path / "chatchat")
    content = there.bases / "samples" / "content"
    (content / "broken.pdf").write_bytes(b"%PDF-1.4 no")
    (content / "nowhere.txt").symlink_to(tmp_path / "gone.txt")
    (content / "round").symlink_to(content)
    done = bring(server, there.root, "--base", "samples")
    assert done.returncode == 1
    assert "broken.pdf: " in done.stderr and "samples: nowhere.txt: it cannot be read." in done.stderr
    assert names_in(client, "samples") == ["broken.pdf", "test.txt"]


def test_the_same_command_goes_on_after_ctrl_c(server: Served, client: Client, tmp_path: Path) -> None:
    there = v02(tmp_path / "chatchat")
    content = there.bases / "samples" / "content"
    for number in range(300):
        (content / f"{number:03}.txt").write_text(f"number {number}\n" * 2000)
    process = start("kb", "import-chatchat", str(there.root), MODELYARD_ENDPOINT=server.url)
    with process:
        while not any(base["documents"] for base in client.knowledge.list()):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        errors = process.communicate(timeout=30)[1]
    assert process.returncode == 130 and "The same command continues from here." in errors and "Traceback" not in errors
    found = brought(server, there.root)
    assert client.knowledge.describe("samples")["states"] == {"ready": 301}
    assert found["conversations"]["new"] + found["conversations"]["unchanged"] == 4


def test_an_import_at_a_terminal_shows_bars(server: Served, client: Client, tmp_path: Path) -> None:
    there = v03(tmp_path / "chatchat")
    with Terminal("kb", "import-chatchat", str(there.root), MODELYARD_ENDPOINT=server.url) as terminal:
        terminal.expect("2 of 2 bases")
        assert terminal.wait() == 0
