"""`modelyard kb`: options of `add`, jobs that are cancelled and that fail, `configure`, and Ctrl-C."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from modelyard.client import Client
from tests.cli.served import Served, emptied, names_in
from tests.cli.terminal import Terminal, run, start
from tests.processes import wait_for

SLOW = "slow"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("more") / "home")
    try:
        with Client(served.url) as client:
            client.models.launch("fake", "embedding", "fake", model_uid=SLOW, answer_seconds=3600)
            client.models.launch("fake", "embedding", "fake", model_uid="refuses", error_status=400)
        yield served
    finally:
        served.stop()


@pytest.fixture
def client(server: Served) -> Iterator[Client]:
    with emptied(server.url) as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "docs"
    (place / "人事").mkdir(parents=True)
    (place / "人事" / "手册.md").write_text("# 年假\n\n员工每年有十五天年假。\n", encoding="utf-8")
    (place / "pump.txt").write_text("The MX-2140 pump delivers 12 litres per minute.\n")
    (place / "notes.md").write_text("# Notes\n\nNothing of note.\n")
    return place


def env(server: Served) -> dict[str, str]:
    return {"MODELYARD_ENDPOINT": server.url, "XDG_CACHE_HOME": str(server.log.parent / "cache")}


def kb(server: Served, *arguments: object) -> CompletedProcess[str]:
    return run("kb", *map(str, arguments), **env(server))


def kb_json(server: Served, *arguments: object) -> Any:
    done = kb(server, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_include_and_exclude_choose_files(server: Served, client: Client, folder: Path) -> None:
    client.knowledge.create("b")
    found = kb_json(server, "add", "b", folder, "--include", "*.md", "--exclude", "notes*")
    assert (found["new"], found["skipped"]) == (["人事/手册.md"], {"by pattern": 2})
    found = kb_json(server, "add", "b", folder, "--include", "人事/*", "--delete")
    assert (found["unchanged"], found["deleted"]) == (1, [])
    assert kb_json(server, "add", "b", folder, "--exclude", "*.md")["new"] == ["pump.txt"]
    assert names_in(client, "b") == ["pump.txt", "人事/手册.md"]


def test_metadata_is_set_and_filtered_by(server: Served, client: Client, folder: Path) -> None:
    client.knowledge.create("b")
    found = kb_json(
        server, "add", "b", folder, "--metadata", "year=2024", "--metadata", "部门=人事=1", "--metadata", "draft=true"
    )
    assert len(found["new"]) == 3
    assert (
        client.documents.list("b", name="pump.txt")["data"][0]["metadata"].items()
        >= {
            "year": 2024,
            "部门": "人事=1",
            "draft": True,
        }.items()
    )
    assert len(kb_json(server, "add", "b", folder, "--metadata", "year=2024")["new"]) == 0
    assert kb_json(server, "add", "b", folder / "pump.txt", "--metadata", "year=2025")["changed"] == ["pump.txt"]
    hits = kb_json(server, "search", "b", "litres note 年假", "--filter", '{"year": 2025}')["data"]
    assert [hit["document"] for hit in hits] == ["pump.txt"]
    assert kb(server, "search", "b", "x", "--filter", "[1]").returncode == 2
    done = kb(server, "add", "b", folder, "--metadata", "year")
    assert done.returncode == 2 and "--metadata year is no KEY=VALUE." in done.stderr


def test_a_job_that_was_not_waited_for_is_listed_and_cancelled(server: Served, client: Client, folder: Path) -> None:
    client.knowledge.create("慢", embedding_model=SLOW)
    done = kb(server, "add", "慢", folder, "--no-wait")
    assert done.returncode == 0
    job = done.stdout.splitlines()[-1]
    assert [each["id"] for each in kb_json(server, "jobs", "慢")] == [job]
    assert kb_json(server, "job", "慢", job)["state"] == "running"
    assert job in kb(server, "jobs", "慢").stdout
    assert "cancelled" in kb(server, "job", "慢", job, "--cancel").stdout
    states = wait_for(lambda: found if "waiting" not in (found := _states(client, "慢")) else None, seconds=20)
    assert states == {"cancelled": 3}
    followed = kb(server, "job", "慢", job, "--follow")
    assert followed.returncode == 1 and "The job is cancelled." in followed.stderr
    listed = kb_json(server, "documents", "慢", "--state", "cancelled", "--contains", "手册")
    assert [each["name"] for each in listed] == ["人事/手册.md"]
    assert kb(server, "job", "慢", "nothing").returncode == 1


def _states(client: Client, base: str) -> dict[str, int]:
    found: dict[str, int] = client.knowledge.describe(base)["states"]
    return found


def test_ctrl_c_leaves_the_job_running(server: Served, client: Client, folder: Path) -> None:
    client.knowledge.create("b", embedding_model=SLOW)
    with start("kb", "add", "b", str(folder), **env(server)) as process:
        wait_for(lambda: client.knowledge.describe("b")["jobs"], seconds=20)
        job = client.knowledge.describe("b")["jobs"][0]
        wait_for(lambda: client.knowledge.job("b", job)["working"], seconds=20)
        process.send_signal(signal.SIGINT)
        out, problems = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "3 new, 0 changed, 0 unchanged" in out
    assert f"`modelyard kb job b {job} --cancel` cancels it." in problems and "Traceback" not in problems
    assert client.knowledge.job("b", job)["state"] == "running"
    with start("kb", "job", "b", job, "--follow", **env(server)) as process:
        client.knowledge.cancel_job("b", job)
        process.communicate(timeout=20)
    assert process.returncode == 1


def test_ctrl_c_at_a_terminal_leaves_the_job_running(server: Served, client: Client, folder: Path) -> None:
    client.knowledge.create("b", embedding_model=SLOW)
    with Terminal("kb", "add", "b", str(folder), **env(server)) as terminal:
        terminal.expect("Indexing")
        terminal.type("\x03")
        terminal.expect("The job continues.")
        assert terminal.wait() == 130


def test_ctrl_c_during_an_upload_can_be_repeated(server: Served, client: Client, folder: Path) -> None:
    for number in range(200):
        (folder / f"{number:03}.txt").write_text(f"number {number}\n" * 20000)
    client.knowledge.create("b")
    with start("kb", "add", "b", str(folder), **env(server)) as process:
        wait_for(lambda: client.knowledge.describe("b")["documents"], seconds=20)
        process.send_signal(signal.SIGINT)
        problems = process.communicate(timeout=20)[1]
    assert process.returncode == 130 and "Traceback" not in problems
    (folder / "人事" / "手册.md").unlink()
    for number in range(3, 200):
        (folder / f"{number:03}.txt").unlink()
    found = kb_json(server, "add", "b", folder, "--delete")
    assert found["jobs"][0]["state"] == "done"
    assert client.knowledge.describe("b")["states"] == {"ready": 5}


def test_watch_sends_what_changes(server: Served, client: Client, folder: Path) -> None:
    client.knowledge.create("b")
    with start("kb", "add", "b", str(folder), "--watch", "--delete", **env(server)) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "Watching; Ctrl-C ends.\n"
        assert len(names_in(client, "b")) == 3
        (folder / "新.txt").write_text("新的文件\n", encoding="utf-8")
        wait_for(lambda: "新.txt" in names_in(client, "b"), seconds=20)
        (folder / "pump.txt").write_text("The MX-9999 pump.\n")
        wait_for(lambda: client.knowledge.search("b", "MX-9999")["data"], seconds=20)
        (folder / "notes.md").unlink()
        wait_for(lambda: "notes.md" not in names_in(client, "b"), seconds=20)
        process.send_signal(signal.SIGINT)
        _, problems = process.communicate(timeout=20)
    assert process.returncode == 0
    assert problems == "" or problems.startswith("The job continues.")


def test_watch_goes_on_while_the_server_is_away(client: Client, tmp_path: Path, folder: Path) -> None:
    served = Served(tmp_path / "home")
    try:
        with Client(served.url) as mine:
            mine.knowledge.create("b")
        with start("kb", "add", "b", str(folder), "--watch", **env(served)) as process:
            assert process.stderr is not None
            assert process.stderr.readline() == "Watching; Ctrl-C ends.\n"
            served.stop()
            (folder / "new.txt").write_text("new\n")
            assert process.stderr.readline().startswith("No server answers at ")
            again = Served(tmp_path / "home", "--port", served.url.rpartition(":")[2])
            try:
                with Client(again.url) as mine:
                    (folder / "newer.txt").write_text("newer\n")
                    wait_for(lambda: {"new.txt", "newer.txt"} <= set(names_in(mine, "b")), seconds=20)
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=20)
                assert process.returncode == 0
            finally:
                again.stop()
    finally:
        if served.process.poll() is None:
            served.stop()


def test_failures_of_a_job_are_reported(server: Served, client: Client, folder: Path) -> None:
    client.knowledge.create("b", embedding_model="refuses")
    done = kb(server, "add", "b", folder)
    assert done.returncode == 1 and "notes.md: error_status=400" in done.stderr
    client.knowledge.create("c")
    assert kb(server, "add", "c", folder).returncode == 0
    done = kb(server, "reindex", "c", "--embedding-model", "refuses", "--follow")
    assert done.returncode == 1
    assert "The job is failed: error_status=400" in done.stderr and "Traceback" not in done.stderr
    assert kb_json(server, "jobs", "c")[0]["state"] == "failed"
    assert client.knowledge.search("c", "MX-2140")["data"]


def test_a_cancelled_job_makes_room_at_once(server: Served, client: Client, folder: Path) -> None:
    client.knowledge.create("slow", embedding_model=SLOW)
    client.knowledge.create("b")
    job = client.documents.upload("slow", [folder / "pump.txt", folder / "notes.md"])["job"]
    assert job is not None
    wait_for(lambda: len(client.knowledge.job("slow", job)["working"]) == 2, seconds=20)
    client.knowledge.cancel_job("slow", job)
    assert kb(server, "add", "b", folder).returncode == 0


def test_a_refused_file_does_not_end_the_upload(server: Served, client: Client, folder: Path) -> None:
    client.knowledge.create("b")
    for number in range(18):
        (folder / f"{number:02}.txt").write_text("some text\n")
    with (folder / "huge.txt").open("wb") as file:
        file.truncate(201 * 1024 * 1024)
    done = kb(server, "add", "b", folder)
    assert done.returncode == 1 and "huge.txt: " in done.stderr
    assert _states(client, "b") == {"ready": 21}


def test_configure_changes_settings(server: Served, client: Client) -> None:
    client.knowledge.create("旧", description="old")
    given = ["--description", "", "--language", "zh", "--chat-model", "m", "--rerank-model", "r", "--name", "新 的"]
    assert kb(server, "configure", "旧", *given).stdout == "新 的 configured\n"
    base = kb_json(server, "show", "新 的")
    assert [base[each] for each in ("description", "language", "chat_model", "rerank_model")] == ["", "zh", "m", "r"]
    base = kb_json(server, "configure", "新 的", "--chat-model", "", "--rerank-model", "")
    assert (base["chat_model"], base["rerank_model"]) == (None, None)
    shown = kb(server, "show", "新 的").stdout
    assert "新 的" in shown and "zh" in shown
    done = kb(server, "configure", "新 的")
    assert done.returncode == 2 and "There is nothing to change" in done.stderr
    client.knowledge.create("other")
    done = kb(server, "configure", "新 的", "--name", "other")
    assert done.returncode == 1 and "There already is a knowledge base 'other'." in done.stderr


def test_a_document_is_downloaded_and_a_base_deleted(server: Served, client: Client, folder: Path) -> None:
    client.knowledge.create("b")
    kb_json(server, "add", "b", folder)
    target = folder.parent / "copy.md"
    assert kb(server, "download", "b", "人事/手册.md", "-o", target).returncode == 0
    assert target.read_bytes() == (folder / "人事" / "手册.md").read_bytes()
    assert kb(server, "download", "b", "nothing").returncode == 1
    done = kb(server, "delete", "nothing", "b", "-y")
    assert (done.returncode, done.stdout) == (1, "b deleted\n")
