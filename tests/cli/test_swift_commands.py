"""`modelyard deploy`, `infer` and `export` whole: a server and its model, a talk and a file of questions, and what is refused."""

from __future__ import annotations

import io
import json
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.cli.main import run
from modelyard.infer import Engine
from tests.adapter_files import peft_adapter
from tests.cli.terminal import start
from tests.processes import wait_for

MODEL = ("--model_type", "modelyard-demo", "--infer_backend", "fake")
ROWS: list[Any] = [{"query": "one"}, {"query": "two"}, {"no": "question"}]


@pytest.fixture(scope="module")
def running() -> Iterator[Engine]:
    """One engine for all tests of this file: each start of a server takes seconds."""
    with Engine(model_type="modelyard-demo", infer_backend="fake") as engine:
        yield engine


@pytest.fixture
def engine(running: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    """The engine that `modelyard infer` would have started; the command's own end leaves it running."""

    class Shared:
        def __init__(self, *arguments: Any, **options: Any) -> None:
            assert (options["model_type"], options["infer_backend"]) == ("modelyard-demo", "fake")

        def __enter__(self) -> Engine:
            return running

        def __exit__(self, *error: object) -> None:
            return None

    monkeypatch.setattr("modelyard.infer.engine.Engine", Shared)
    monkeypatch.chdir(tmp_path)
    return running


@pytest.fixture
def rows(tmp_path: Path) -> str:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    return str(path)


def typed(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def answers(path: Path) -> dict[int, dict[str, Any]]:
    return {row["index"]: row for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())}


def test_a_file_of_questions_is_answered_and_a_second_run_goes_on(
    engine: Engine, rows: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "answers.jsonl"
    line = ["infer", *MODEL, "--val_dataset", rows, "--result_path", str(out), "--max_new_tokens", "4"]
    assert run([*line, "--max_concurrency", "2"]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["num_samples"] == 2
    assert "1 rows could not be answered" in printed.err and str(out) in printed.err
    found = answers(out)
    assert found[0]["response"] and found[1]["response"] and "neither 'query'" in found[2]["error"]
    assert run([*line, "--json", "true"]) == 1
    printed = capsys.readouterr()
    assert "2 rows were answered before" in printed.err and json.loads(printed.out)["result_path"] == str(out)
    other = [*line, "--result_path", str(tmp_path / "two.jsonl")]
    assert run([*other, "--val_dataset_sample", "2"]) == 0


def test_answers_lie_beside_the_checkpoint_or_here(
    engine: Engine, rows: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "args.json").write_text(json.dumps({"val_dataset": rows}), encoding="utf-8")
    line = ["infer", *MODEL, "--ckpt_dir", str(tmp_path), "--load_dataset_config", "true", "--show_dataset_sample", "1"]
    assert run(line) == 0
    (result,) = (tmp_path / "infer_result").iterdir()
    assert sorted(answers(result)) == [0]
    (tmp_path / "args.json").write_text("{}", encoding="utf-8")
    assert run(line) == 2 and "names no val_dataset" in capsys.readouterr().err


def test_a_talk_remembers_until_it_is_cleared(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[list[dict[str, Any]]] = []
    infer = engine.infer

    def listening(requests: Any, *rest: Any, **options: Any) -> list[Any]:
        asked.append(requests[0].messages)
        return infer(requests, *rest, **options)

    monkeypatch.setattr(engine, "infer", listening)
    typed(
        "hello\nmore\nclear\n\nreset-system\nBe brief.\nagain\nmulti-line\nfirst\nsecond#\nsingle-line\nlast\nquit\nnever\n",
        monkeypatch,
    )
    assert run(["infer", *MODEL, "--system", "Be kind."]) == 0
    roles = [[message["role"] for message in each] for each in asked]
    assert roles[:2] == [["system", "user"], ["system", "user", "assistant", "user"]]
    assert [message["content"] for message in asked[2]] == ["Be brief.", "again"]
    assert asked[3][-1]["content"] == "first\nsecond" and asked[4][-1]["content"] == "last" and len(asked) == 5
    printed = capsys.readouterr()
    assert printed.out.count("<<<") == 12 and "<<<[SYSTEM]" in printed.out and "<<<[M]" in printed.out


def test_whole_answers_and_errors_of_a_talk(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed("hello\nhello again\n", monkeypatch)
    assert run(["infer", *MODEL, "--stream", "false"]) == 0, "the end of the input ends the talk"
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and all(line.startswith("<<< ") for line in lines)
    typed("hello\nhello\n", monkeypatch)
    assert run(["infer", *MODEL, "--top_p", "9"]) == 0
    printed = capsys.readouterr()
    assert printed.err.count("Error: Parameter 'top_p'") == 2 and printed.out == "<<< <<< <<< "


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            "infer --model_type modelyard-demo --val_dataset {rows} --val_dataset_sample few",
            "--val_dataset_sample is a number",
        ),
        ("deploy --ckpt_dir x --merge_lora true", "Merge first"),
        ("app-ui --ckpt_dir x --merge_lora true", "Merge first"),
        ("app-ui --model_type modelyard-demo --share true", "--share is not here"),
        ("app-ui --model_type modelyard-demo --server_prot 1", "Did you mean --server_port?"),
        ("export --ckpt_dir x --quant_bits 4", "--quant_bits is not available yet"),
        ("export --merge_lora true", "No checkpoint"),
        ("export --ckpt_dir x", "nothing to do without --merge_lora true"),
    ],
)
def test_what_is_refused_before_anything_starts(
    line: str, says: str, rows: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(line.format(rows=rows).split()) == 2
    assert says in capsys.readouterr().err


def test_an_export_says_which_base_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    adapter = peft_adapter(tmp_path / "adapter")
    line = ["export", "--merge_lora", "true", "--adapters", f"a={adapter}"]
    assert run(line) == 1 and "does not name the model that it was trained on" in capsys.readouterr().err
    assert run([*line, "--model", "modelyard-demo"]) == 1
    assert "has no folder of weights on this machine" in capsys.readouterr().err
    assert run(["export", "--merge_lora", "true", "--ckpt_dir", str(tmp_path / "missing")]) == 1
    assert "There is nothing at" in capsys.readouterr().err


def test_a_deployed_model_answers_to_its_key_alone_and_ends_with_ctrl_c() -> None:
    server = start("deploy", *MODEL, "--port", "0", "--api_key", "sesame", "--served_model_name", "mine")
    assert server.stdout is not None
    printed = ""
    while not (found := re.search(r"^mine is ready at (\S+)/v1", printed, re.MULTILINE)):
        line = server.stdout.readline()
        assert line, server.communicate()
        printed += line
    body = {"model": "mine", "messages": [{"role": "user", "content": "hi"}]}
    with httpx.Client(base_url=found[1]) as client:
        assert client.post("/v1/chat/completions", json=body).status_code == 401
        answer = client.post("/v1/chat/completions", json=body, headers={"authorization": "Bearer sesame"})
        assert answer.json()["choices"][0]["message"]["content"]
    server.send_signal(signal.SIGINT)
    server.communicate(timeout=30)
    assert server.returncode == 0


def test_app_ui_opens_the_chat_with_its_model(tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}.part && mv {opened}.part {opened}\n')
    script.chmod(0o755)
    server = start("app-ui", *MODEL, "--server_port", "0", "--served_model_name", "my model", BROWSER=f"{script} %s")
    address = wait_for(lambda: opened.read_text() if opened.exists() else None, seconds=60)
    found = re.fullmatch(r"(http://127\.0\.0\.1:\d+)/ui/#/chat\?model=my%20model", address)
    assert found and "<title>Modelyard</title>" in httpx.get(f"{found[1]}/ui/").text
    server.send_signal(signal.SIGINT)
    printed, _ = server.communicate(timeout=30)
    assert (server.returncode, printed.splitlines()[0]) == (0, f"my model is ready at {address}")
