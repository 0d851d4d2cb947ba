"""What `modelyard launch` makes of its words, and what it prints of a launch, in this process."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from modelyard.cli.launch import absolute, request, separate_adapters, split_words
from tests.cli.conftest import Printed
from tests.client.stub import Stub, StubRequest, Write, error_answer, json_answer, model

Call = Callable[..., Printed]
PROGRESS = "GET /v1/models/m/progress"


def given(**fields: Any) -> dict[str, Any]:
    """The options of a command line that names none."""
    return {
        "model_name": None,
        "model_path": None,
        "n_gpu": "auto",
        "replica": 1,
        "env": (),
        "lora_modules": (),
        **fields,
    }


@pytest.mark.parametrize(
    ("rest", "options", "found"),
    [
        (("demo",), {}, {"model_name": "demo"}),
        (("demo",), {"model_name": "other"}, {"model_name": "other"}),
        (("--a", "1", "demo"), {}, {"model_name": "demo", "a": "1"}),
        ((), {"model_path": "/m"}, {"model_name": None, "model_path": "/m"}),
        (("d",), {"n_gpu": "none"}, {"model_name": "d", "n_gpu": None}),
        (("d",), {"n_gpu": "0"}, {"model_name": "d", "n_gpu": 0}),
        (("d",), {"n_gpu": "12"}, {"model_name": "d", "n_gpu": 12}),
        (("d",), {"gpu_idx": "0,2"}, {"model_name": "d", "gpu_idx": [0, 2]}),
        (("d",), {"context_length": 9}, {"model_name": "d", "n_ctx": 9}),
        (("d",), {"env": (("A", "1"), ("A", "2"))}, {"model_name": "d", "envs": {"A": "2"}}),
        (("d",), {"enable_thinking": False}, {"model_name": "d", "enable_thinking": False}),
        (("d",), {"quantization_config": (("a", "b"),)}, {"model_name": "d", "quantization_config": {"a": "b"}}),
        (("d",), {"replica_config": '{"a": [1]}'}, {"model_name": "d", "replica_config": {"a": [1]}}),
        (("d",), {"virtual_env_package": ("p",)}, {"model_name": "d", "virtual_env_packages": ["p"]}),
        (("d",), {"virtual_env_find_link": ("l",)}, {"model_name": "d", "virtual_env_find_links": ["l"]}),
        (
            ("d",),
            {"lora_modules": (("a", "/x"), ("b", "y"))},
            {
                "model_name": "d",
                "peft_model_config": {
                    "lora_list": [{"lora_name": "a", "local_path": "/x"}, {"lora_name": "b", "local_path": "y"}]
                },
            },
        ),
        (
            ("d",),
            {"image_lora_load_kwargs": (("s", "1"),), "image_lora_fuse_kwargs": (("f", "2"),)},
            {
                "model_name": "d",
                "peft_model_config": {"image_lora_load_kwargs": {"s": "1"}, "image_lora_fuse_kwargs": {"f": "2"}},
            },
        ),
    ],
)
def test_options_become_the_body_of_a_launch(
    rest: tuple[str, ...], options: dict[str, Any], found: dict[str, Any]
) -> None:
    usual = {"n_gpu": "auto", "replica": 1, "peft_model_config": None}
    assert request(rest, given(**options)) == {**usual, **found}


@pytest.mark.parametrize(
    ("rest", "options", "error"),
    [
        ((), {}, "No model"),
        (("a", "b"), {}, "One model at a time, not a, b"),
        (("a",), {"n_gpu": "-1"}, "is a number, auto or none"),
        (("a",), {"n_gpu": "all"}, "is a number, auto or none"),
        (("a",), {"gpu_idx": "0,x"}, "is a list such as 0,1"),
        (("a",), {"gpu_idx": ""}, "is a list such as 0,1"),
        (("a",), {"replica_config": "{"}, "is not JSON"),
        (("a", "-x"), {}, "-x"),
        (("a", "---x"), {}, "---x"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(rest: tuple[str, ...], options: dict[str, Any], error: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        request(rest, given(**options))
    assert error in caught.value.format_message()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["-1", "-.5", "-2x"], (["-1", "-.5", "-2x"], {})),
        (["--a"], ([], {"a": "true"})),
        (["--a="], ([], {"a": ""})),
        (["--a-b-c", "x", "y"], (["y"], {"a_b_c": "x"})),
        (["--a", "--b"], ([], {"a": "true", "b": "true"})),
        (["--a", "-1"], ([], {"a": "-1"})),
        (["--a-b=1", "--a-b", "2"], ([], {"a_b": "2"})),
    ],
)
def test_words_are_names_or_options_with_values(words: list[str], found: object) -> None:
    assert split_words(words) == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--lora-modules"], ["--lora-modules"]),
        (["-lm=a=/x"], ["--lora-modules", "a", "/x"]),
        (["-lm", "a=/x=y", "-q", "b=1"], ["--lora-modules", "a", "/x=y", "-q", "b=1"]),
        (["-lm", "a=/x", "--k=v"], ["--lora-modules", "a", "/x", "--k=v"]),
        (["-lm", "a", "/x", "b=c"], ["--lora-modules", "a", "/x", "b=c"]),
    ],
)
def test_pairs_after_the_flag_of_adapters_are_adapters(words: list[str], found: list[str]) -> None:
    assert separate_adapters(words) == found


def test_only_what_looks_like_a_path_and_exists_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("demo", "x.gguf", "sub"):
        (tmp_path / name).mkdir()
    for name, found in (
        ("demo", "demo"),
        ("sub/none", "sub/none"),
        ("none.gguf", "none.gguf"),
        ("x.gguf", str(tmp_path / "x.gguf")),
        ("./demo", str(tmp_path / "demo")),
        ("~/demo", str(tmp_path / "demo")),
        ("~", str(tmp_path)),
    ):
        assert absolute(name) == found, name


def step(stage: str, info: str | None = "", progress: float = 0.5) -> dict[str, Any]:
    return {"progress": progress, "stage": stage, "info": info, "replicas": []}


@pytest.fixture
def launching(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Stub]:
    """A server on which the launch of `m` takes the given steps, the last one for ever."""
    monkeypatch.setattr("modelyard.cli.launch_progress.POLL", 0)

    def launching(*steps: dict[str, Any]) -> Stub:
        left = list(steps)

        def answer(request: StubRequest, write: Write) -> None:
            json_answer(left.pop(0) if len(left) > 1 else left[0])(request, write)

        stub.routes |= {
            "POST /v1/models": json_answer({"model_uid": "m"}),
            "GET /v1/models/m": json_answer(model("m")),
            "POST /v1/models/m/cancel": json_answer(None),
            PROGRESS: answer,
        }
        return stub

    return launching


def test_each_new_stage_of_a_launch_is_a_line(launching: Callable[..., Stub], call: Call) -> None:
    stub = launching(
        step("pending"),
        step("pending"),
        step("loading", "a"),
        step("loading", "a", 0.7),
        step("loading", "b"),
        step("completed"),
    )
    done = call("launch", "demo")
    assert done == Printed(0, "m\n", "m: pending\nm: loading: a\nm: loading: b\nm: completed\n")
    assert [each.path for each in stub.requests].count("/v1/models/m") == 2, "a pending launch may have vanished"
    assert stub.requests[0].path == "/v1/models?wait_ready=false"


@pytest.mark.parametrize(
    ("end", "log", "err"),
    [
        (step("failed", "no memory"), ["one", "two"], "  one\n  two\nError: Launching m failed: no memory\n"),
        (step("failed", None), [], "Error: Launching m failed: the server gave no reason\n"),
        (step("cancelled"), ["one"], "Error: The launch of m was cancelled.\n"),
    ],
)
def test_a_launch_that_ends_badly_says_why(
    launching: Callable[..., Stub], call: Call, end: dict[str, Any], log: list[str], err: str
) -> None:
    stub = launching(end)
    stub.routes["GET /v1/models/m/logs"] = json_answer({"uid": "m", "replica": None, "lines": log})
    assert call("launch", "demo") == Printed(1, "", f"m: {end['stage']}\n{err}")
    asked = [each.path for each in stub.requests if "logs" in each.path]
    assert asked == ([] if end["stage"] == "cancelled" else ["/v1/models/m/logs?lines=15"])
    stub.routes["GET /v1/models/m/logs"] = error_answer("model_not_found", "gone", 404)
    assert call("launch", "demo").err.splitlines()[-1] == err.splitlines()[-1]


def test_no_wait_prints_the_uid_at_once(launching: Callable[..., Stub], call: Call) -> None:
    stub = launching(step("loading"))
    assert call("launch", "demo", "--no-wait") == Printed(0, "m\n", "")
    assert [each.method for each in stub.requests] == ["POST"]


class Keyboard(io.StringIO):
    """What is typed at a terminal."""

    def isatty(self) -> bool:
        return True


def test_ctrl_c_cancels_where_nobody_can_be_asked(
    launching: Callable[..., Stub], call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("modelyard.cli.launch.watch", interrupted)
    for stream in (io.StringIO(), Keyboard()):  # stderr is no terminal in either case
        monkeypatch.setattr(sys, "stdin", stream)
        stub = launching(step("loading"))
        assert call("launch", "demo") == Printed(130, "", "\nThe launch of m was cancelled.\n")
        assert stub.last().path == "/v1/models/m/cancel"


@pytest.mark.parametrize(("number", "code"), [("0", 2), ("1", 0), ("64", 0), ("65", 2)])
def test_a_launch_has_1_to_64_replicas(launching: Callable[..., Stub], call: Call, number: str, code: int) -> None:
    stub = launching(step("completed"))
    assert call("launch", "demo", "-r", number, "--no-wait").code == code
    assert code or stub.last().body["replica"] == int(number)


def test_the_body_of_a_launch_is_json(launching: Callable[..., Stub], call: Call) -> None:
    stub = launching(step("completed"))
    assert call("launch", "-n", "demo", "--enable-thinking", "true", "--x=1", "--no-wait").code == 0
    body = json.loads(json.dumps(stub.last().body))
    assert (body["model_name"], body["enable_thinking"], body["x"], body["n_gpu"]) == ("demo", True, "1", "auto")
    assert "env" not in body and "model_uid" not in body and "peft_model_config" not in body
