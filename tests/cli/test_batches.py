"""`modelyard batch` against a real server, with pipes and at a terminal."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.cli.main import run
from modelyard.client import Client
from tests.cli.served import Served
from tests.cli.terminal import Terminal, start
from tests.processes import wait_for

CHAT = "/v1/chat/completions"
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("batches") / "home")
    try:
        with Client(served.url) as client:
            client.models.launch("m", model_engine="fake", model_uid="m")
        yield served
    finally:
        served.stop()


@pytest.fixture
def batch(server: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run `modelyard batch …` in this process, in an empty folder; its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["batch", *arguments, "-e", server.url])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def written(path: str, *changes: dict[str, Any], url: str = CHAT) -> None:
    """A file with a request for each change of a good body."""
    rows = []
    for number, change in enumerate(changes):
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 3, **change}
        rows.append(json.dumps({"custom_id": str(number), "method": "POST", "url": url, "body": body}))
    Path(path).write_text("\n".join(rows))


def ids(path: str) -> list[str]:
    return [json.loads(line)["custom_id"] for line in Path(path).read_text().splitlines()]


def test_a_file_is_answered_and_the_answers_stand_beside_it(batch: Call) -> None:
    assert batch("list")[2] == "There are no batches.\n"
    written("in.jsonl", {}, {"temperature": -1}, {})
    code, out, err = batch("in.jsonl", "--json")
    made = json.loads(out)
    assert code == 1, "one request was answered with an error"
    assert (made["status"], made["request_counts"]) == ("completed", {"total": 3, "completed": 2, "failed": 1})
    assert (ids("in.output.jsonl"), ids("in.errors.jsonl")) == (["0", "2"], ["1"])
    assert err.splitlines()[1:] == ["in.output.jsonl written", "in.errors.jsonl written"]
    assert batch("in.jsonl")[::2] == (1, "Error: 'in.output.jsonl' is here already; name another file by -o FILE.\n")
    written("good.jsonl", {})
    assert batch("run", "good.jsonl", "-o", "in.output.jsonl")[0] == 0 and ids("in.output.jsonl") == ["0"]
    code, out, err = batch("show", made["id"])
    assert code == 0 and "completed" in out and made["output_file_id"] in err
    assert json.loads(batch("show", made["id"], "--json")[1]) == made
    listed = json.loads(batch("list", "--json")[1])
    assert [each["id"] for each in listed][1] == made["id"]
    assert "--after" in batch("list", "--limit", "1")[2]
    assert [each["id"] for each in json.loads(batch("list", "--after", listed[0]["id"], "--json")[1])] == [made["id"]]
    code, out, _ = batch(made["input_file_id"], "-o", "again.jsonl")
    assert code == 1 and ids("again.jsonl") == ["0", "2"], "a file that is on the server already"


def test_wrong_lines_are_printed_with_their_numbers(batch: Call) -> None:
    Path("bad.jsonl").write_text("{\n" * 15)
    code, _, err = batch("bad.jsonl")
    assert code == 1 and "line 1: The line is no JSON object" in err and "… 5 more" in err
    assert not Path("bad.output.jsonl").exists()
    for arguments, text in (
        (["nowhere.jsonl"], "'nowhere.jsonl' cannot be read"),
        (["bad.jsonl", "-o", "no/folder"], "there is no folder 'no'"),
        (["bad.jsonl", "--path", "/v1/nowhere"], "'/v1/nowhere' is none of"),
        (["bad.jsonl", "--window", "soon"], "completion_window"),
        (["show", "batch_1"], "There is no batch 'batch_1'"),
    ):
        code, _, err = batch(*arguments)
        assert code == 1 and text in err, err


def test_a_batch_is_left_followed_and_cancelled(batch: Call) -> None:
    written("in.jsonl", {}, {"fake": {"hang": True}})
    name = batch("in.jsonl", "--detach")[1].strip()
    assert json.loads(batch("in.jsonl", "--detach", "--json")[1])["status"] == "validating"
    assert json.loads(batch("cancel", name, "--json")[1])["status"] in ("cancelling", "cancelled")
    code, out, _ = batch("follow", name, "-o", "out.jsonl")
    assert code == 1 and "cancelled" in out and ids("out.errors.jsonl")[-1] == "1"
    for each in json.loads(batch("list", "--json")[1]):
        if each["status"] == "in_progress":
            batch("cancel", each["id"])


def begun(client: Client) -> str:
    """The id of the newest batch once one of its requests is answered."""

    def look() -> str | None:
        (newest,) = client.batches.list(limit=1)["data"]
        return newest["id"] if newest["request_counts"]["completed"] == 1 else None

    return wait_for(look, seconds=60, pause=0.05)


def test_ctrl_c_cancels_and_writes_what_was_answered(batch: Call, server: Served, tmp_path: Path) -> None:
    written("in.jsonl", {}, {"fake": {"hang": True}})
    with Client(server.url) as client:
        process = start("batch", str(tmp_path / "in.jsonl"), "-e", server.url)
        assert process.stderr is not None and "Ctrl-C" in process.stderr.readline()
        name = begun(client)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130 and "Cancelling" in err, err
        assert client.batches.get(name)["status"] == "cancelled"
    assert (ids("in.output.jsonl"), ids("in.errors.jsonl")) == (["0"], ["1"])


@pytest.mark.parametrize(("answer", "status"), [("n\n", "in_progress"), ("y\n", "cancelled")])
def test_ctrl_c_at_a_terminal_asks(batch: Call, server: Served, tmp_path: Path, answer: str, status: str) -> None:
    written("in.jsonl", {}, {"fake": {"hang": True}})
    with Client(server.url) as client:
        with Terminal("batch", str(tmp_path / "in.jsonl"), "-e", server.url) as terminal:
            terminal.expect("Ctrl-C")
            name = begun(client)
            terminal.type("\x03")
            terminal.expect("Cancel the batch?")
            terminal.type(answer)
            assert terminal.wait() == 130
        assert client.batches.get(name)["status"] == status
        if status == "in_progress":
            client.batches.cancel(name)
    assert Path("in.output.jsonl").exists() is (status == "cancelled")
