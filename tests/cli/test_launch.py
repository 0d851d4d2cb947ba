"""`modelyard launch`: what it sends, how it shows what goes on, and what Ctrl-C does."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from modelyard.cli.launch import absolute, separate_adapters, split_words
from tests.cli.conftest import Printed
from tests.cli.terminal import Terminal, start, words_of
from tests.client.stub import Answer, Stub, StubRequest, Write, error_answer, json_answer, model

Call = Callable[..., Printed]

PROGRESS = "GET /v1/models/m/progress"
LOADING = {"progress": 0.5, "stage": "loading", "info": "reading weights", "replicas": []}


@pytest.fixture
def launching(stub: Stub) -> Iterator[Stub]:
    """A server on which the launch of `m` goes on until the test says otherwise."""
    stub.routes |= {
        "POST /v1/models": json_answer({"model_uid": "m"}),
        "GET /v1/models/m": json_answer(model("m")),
        "POST /v1/models/m/cancel": json_answer(None),
        PROGRESS: json_answer(LOADING),
    }
    yield stub


def then(*steps: dict[str, Any]) -> Answer:
    """Answer with one step after the other, the last one for ever."""
    left = list(steps)

    def answer(request: StubRequest, write: Write) -> None:
        json_answer(left.pop(0) if len(left) > 1 else left[0])(request, write)

    return answer


def step(progress: float, stage: str, info: str = "") -> dict[str, Any]:
    return {"progress": progress, "stage": stage, "info": info, "replicas": []}


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (["demo"], (["demo"], {})),
        (["demo", "--n-ctx", "4096"], (["demo"], {"n_ctx": "4096"})),
        (["--n-ctx", "4096", "demo"], (["demo"], {"n_ctx": "4096"})),
        (["demo", "--a-b=c=d", "--flag"], (["demo"], {"a_b": "c=d", "flag": "true"})),
        (["demo", "--flag", "--temp", "-1"], (["demo"], {"flag": "true", "temp": "-1"})),
        (["demo", "--on=true", "--half", "-.5"], (["demo"], {"on": "true", "half": "-.5"})),
        (["a", "b"], (["a", "b"], {})),
    ],
)
def test_unknown_options_go_to_the_engine(rest: list[str], expected: object) -> None:
    assert split_words(rest) == expected


def test_an_unknown_short_option_is_refused(call: Call) -> None:
    with pytest.raises(click.NoSuchOption):
        split_words(["demo", "-x", "1"])
    assert call("launch", "demo", "-x", "1").code == 2
    assert call("launch", "a", "b").code == 2
    assert call("launch").code == 2


def test_paths_are_made_absolute_and_names_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()
    (tmp_path / "w.gguf").touch()
    assert absolute("demo") == "demo"
    assert absolute("./demo") == str(tmp_path / "demo")
    assert absolute("w.gguf") == str(tmp_path / "w.gguf")
    assert absolute("Qwen/Qwen3-0.6B") == "Qwen/Qwen3-0.6B"


def test_a_launch_sends_what_its_options_say(launching: Stub, call: Call) -> None:
    words = "launch demo -u m -en llama.cpp -s 0.5 -r 2 --n-gpu none --gpu-idx 0,1 --context-length 2048 -ev A 1 -ev B 2 -lm x y"
    done = call(*words.split(), "--flash-attn", "--n-parallel=4", "--no-wait", "-e", launching.url)
    assert (done.code, done.out, done.err) == (0, "m\n", "")
    assert launching.last().path == "/v1/models?wait_ready=false"
    assert launching.last().body == {
        "model_name": "demo",
        "model_uid": "m",
        "model_engine": "llama.cpp",
        "model_size_in_billions": "0.5",
        "replica": 2,
        "n_worker": 1,
        "n_gpu": None,
        "gpu_idx": [0, 1],
        "envs": {"A": "1", "B": "2"},
        "peft_model_config": {"lora_list": [{"lora_name": "x", "local_path": "y"}]},
        "n_ctx": 2048,
        "flash_attn": "true",
        "n_parallel": "4",
    }


def test_the_uid_is_printed_when_the_model_is_ready(launching: Stub, call: Call) -> None:
    launching.routes[PROGRESS] = then(step(0.0, "pending"), LOADING, LOADING, step(1.0, "completed"))
    done = call("launch", "demo", "-e", launching.url)
    assert (done.code, done.out) == (0, "m\n")
    assert done.err == "m: pending\nm: loading: reading weights\nm: completed\n"


def test_a_failed_launch_says_why(launching: Stub, call: Call) -> None:
    launching.routes[PROGRESS] = json_answer(step(1.0, "failed", "CUDA out of memory (exit code 1)"))
    launching.routes["GET /v1/models/m/logs"] = json_answer({"uid": "m", "replica": None, "lines": ["boom", "bang"]})
    done = call("launch", "demo", "-e", launching.url)
    assert (done.code, done.out) == (1, "")
    end = "  boom\n  bang\nError: Launching m failed: CUDA out of memory (exit code 1)\n"
    assert done.err == f"m: failed\n{end}"


def test_a_refused_or_vanished_launch_is_one_sentence(launching: Stub, call: Call) -> None:
    launching.routes[PROGRESS] = json_answer(step(0.0, "pending"))
    launching.routes["GET /v1/models/m"] = error_answer("model_not_found", "Model 'm' not found.", 404)
    done = call("launch", "demo", "-e", launching.url)
    assert (done.code, done.err) == (1, "Error: Model 'm' not found.\n")
    launching.routes["POST /v1/models"] = error_answer("model_exists", "Model 'm' is already here.", 409)
    assert call("launch", "demo", "-e", launching.url).err == "Error: Model 'm' is already here.\n"


def test_ctrl_c_without_a_terminal_cancels(launching: Stub) -> None:
    with start("launch", "demo", "-e", launching.url) as child:
        assert child.stderr is not None
        assert child.stderr.readline() == "m: loading: reading weights\n"
        os.kill(child.pid, signal.SIGINT)
        _, err = child.communicate(timeout=20)
    assert child.returncode == 130
    assert "was cancelled" in err
    assert launching.last().path == "/v1/models/m/cancel"


def test_ctrl_c_at_a_terminal_asks(launching: Stub) -> None:
    with Terminal("launch", "demo", "-e", launching.url) as terminal:
        terminal.expect("reading weights")
        terminal.interrupt()
        terminal.expect("Cancel the launch? [y/N]")
        terminal.type("n\r")
        terminal.expect("reading weights")
        terminal.interrupt()
        terminal.expect("Cancel the launch? [y/N]")
        terminal.type("y\r")
        terminal.expect("The launch of m was cancelled.")
        assert terminal.wait() == 130
    assert [request.path for request in launching.requests].count("/v1/models/m/cancel") == 1


def test_a_second_ctrl_c_leaves_the_launch_alone(launching: Stub) -> None:
    with Terminal("launch", "demo", "-e", launching.url) as terminal:
        terminal.expect("reading weights")
        terminal.interrupt()
        terminal.expect("Cancel the launch? [y/N]")
        terminal.interrupt()
        terminal.expect("The launch of m continues")
        assert terminal.wait() == 130
    assert "/v1/models/m/cancel" not in [request.path for request in launching.requests]


def test_a_terminal_shows_a_bar(launching: Stub) -> None:
    launching.routes[PROGRESS] = then(LOADING, LOADING, step(1.0, "completed"))
    with Terminal("launch", "demo", "-e", launching.url) as terminal:
        terminal.expect("50%")
        terminal.expect("loading: reading weights")
        assert terminal.wait() == 0
    assert terminal.seen.splitlines()[-1].endswith("m")


def test_every_flag_of_xinference_is_taken(launching: Stub, call: Call) -> None:
    words = [
        *words_of("launch --model-name demo --model-type LLM --model-engine vLLM --model-uid m --size-in-billions 1_8"),
        *words_of(
            "--model-format pytorch --quantization none --replica 2 --n-worker 1 --n-gpu 2 --worker-ip 127.0.0.1"
        ),
        *words_of("--enable-thinking false --lora-modules a /x --lora-modules b /y --env K V --trust-remote-code True"),
        *words_of("-ld scale 1 -fd fuse 2 -qc load_in_4bit True --disable-virtual-env -vp torch -vp numpy"),
        *words_of('--replica-config [{"role":"hybrid"}] --gpu_memory_utilization 0.8 --no-wait'),
    ]
    done = call(*words, "-e", launching.url)
    assert done.code == 0, done.err
    body = launching.last().body
    adapters = [{"lora_name": "a", "local_path": "/x"}, {"lora_name": "b", "local_path": "/y"}]
    assert body == {
        "model_name": "demo",
        "model_type": "LLM",
        "model_engine": "vLLM",
        "model_uid": "m",
        "model_size_in_billions": "1_8",
        "model_format": "pytorch",
        "quantization": "none",
        "replica": 2,
        "n_worker": 1,
        "n_gpu": 2,
        "worker_ip": "127.0.0.1",
        "enable_thinking": False,
        "peft_model_config": {
            "lora_list": adapters,
            "image_lora_load_kwargs": {"scale": "1"},
            "image_lora_fuse_kwargs": {"fuse": "2"},
        },
        "envs": {"K": "V"},
        "quantization_config": {"load_in_4bit": "True"},
        "enable_virtual_env": False,
        "virtual_env_packages": ["torch", "numpy"],
        "replica_config": [{"role": "hybrid"}],
        "trust_remote_code": "True",
        "gpu_memory_utilization": "0.8",
    }
    wrong = call("launch", "demo", "--replica-config", "{", "-e", launching.url)
    assert wrong.code == 2 and "is not JSON" in wrong.err


def test_every_alias_is_sent(launching: Stub, call: Call) -> None:
    assert call(*words_of("launch demo --alias gpt-4o --alias claude-x --no-wait"), "-e", launching.url).code == 0
    assert launching.last().body["aliases"] == ["gpt-4o", "claude-x"]


def test_each_file_of_a_download_has_a_bar(launching: Stub) -> None:
    def files(*done: int) -> list[dict[str, Any]]:
        return [
            {"file_name": f"part-{number}.gguf", "downloaded": each * 2**20, "total": 4 * 2**20}
            for number, each in enumerate(done)
        ]

    half = {**step(0.25, "downloading", "1 of 2 files"), "download_files": files(4, 1)}
    launching.routes[PROGRESS] = then(half, half, step(0.95, "loading"), step(1.0, "completed"))
    with Terminal("launch", "demo", "-e", launching.url) as terminal:
        terminal.expect("downloading: 1 of 2 files")
        terminal.expect("part-0.gguf 4.0 MB of 4.0 MB")
        terminal.expect("part-1.gguf 1.0 MB of 4.0 MB")
        assert terminal.wait() == 0


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (["-lm", "a", "/x"], ["--lora-modules", "a", "/x"]),
        (
            ["--lora-modules", "a=/x", "b=/y", "demo"],
            ["--lora-modules", "a", "/x", "--lora-modules", "b", "/y", "demo"],
        ),
        (["--lora_modules=a=/x", "--n", "1"], ["--lora-modules", "a", "/x", "--n", "1"]),
        (["demo", "--key=value"], ["demo", "--key=value"]),
    ],
)
def test_adapters_are_read_in_every_spelling(typed: list[str], read: list[str]) -> None:
    assert separate_adapters(typed) == read
