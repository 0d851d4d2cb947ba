"""Every row and block of docs/coming-from-swift.md, typed as it stands, where small files of ours carry the names of the page.

The blocks are those of ms-swift's own page. vLLM starts in tens of seconds on a processor, so one engine of each kind runs on it
for real (`REAL`), and the others on transformers: what a block or a row says is the same.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from modelyard.control.launching import plan_launch
from modelyard.control.placement import Machine
from modelyard.core.types import Address, Device, Hardware
from modelyard.engines import ENGINES
from modelyard.engines.base import Command
from modelyard.protocol.models import LaunchRequest
from tests.adapters import trained
from tests.causal_models import DEMO
from tests.engine_environments import give_environments
from tests.processes import wait_for

pytestmark = pytest.mark.timeout(600)

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "coming-from-swift.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `.+?` \| `(?P<here>.+?)` \| `(?P<answer>.+?)` \|$", re.MULTILINE)
ROWS = [(found["here"], found["answer"]) for found in ROW.finditer(PAGE)]
TERMINAL = [row for row in ROWS if "modelyard deploy" not in row[0]]
DEPLOYED = [row for row in ROWS if "modelyard deploy" in row[0]]
BLOCKS = re.findall(r"```(python|sh) ([\w.-]+)\n(.*?)```", PAGE, re.DOTALL)
OFFLINE = [text for _, where, text in BLOCKS if where == "offline"]
TALK = [(kind, where, text) for kind, where, text in BLOCKS if where != "offline"]

IDS = (
    "Qwen/Qwen-7B-Chat",
    "Qwen/Qwen-7B",
    "01-ai/Yi-6B-Chat",
    "Qwen/Qwen1.5-7B-Chat-GPTQ-Int4",
    "meta-llama/Llama-2-7b-chat-hf",
)
"""What the names of the page stand for, on the hub that they come from."""
REAL = ("yi-6b-chat", "LoRARequest", "--vllm_enable_lora true")
"""Words of what runs on vLLM."""
QUESTION = "浙江的省会是哪里？\nexit\n"
GPU = Device("cuda", "a GPU", 2**36, 2**36)


def checkpoint(folder: Path, name: str, model_type: str) -> None:
    """An adapter, with what ms-swift notes of its training."""
    shutil.copytree(trained()[name], folder)
    rows = folder / "val.jsonl"
    rows.write_text('{"query": "who are you?", "response": "x"}\n{"query": "你是谁？"}\n', encoding="utf-8")
    noted = {"model_type": model_type, "model_id_or_path": str(DEMO), "val_dataset": [str(rows)]}
    (folder / "args.json").write_text(json.dumps(noted), encoding="utf-8")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which everything is typed."""
    folder = tmp_path_factory.mktemp("swift")
    for model_id in IDS:
        cached = folder / "hf" / "hub" / f"models--{model_id.replace('/', '--')}"
        shutil.copytree(DEMO, cached / "snapshots" / "1")
        (cached / "refs").mkdir()
        (cached / "refs" / "main").write_text("1")
    give_environments(folder / "home", "transformers", "vllm")
    checkpoint(folder / "xxx/vx-xxx/checkpoint-xxx", "kakarot", "qwen-7b-chat")
    checkpoint(folder / "output/llama2-7b-chat/vx-xxx/checkpoint-xxx", "kakarot", "llama2-7b-chat")
    checkpoint(folder / "mnt/ckpt-1000", "kakarot", "llama3-8b-instruct")
    checkpoint(folder / "mnt/my-tuner", "xiaohuang", "llama3-8b-instruct")
    shutil.copytree(DEMO, folder / "vx-xxx/checkpoint-100-merged")
    return folder


def environment(place: Path, real: bool) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    found = {**os.environ, "MODELYARD_HOME": str(place / "home"), "HF_HOME": str(place / "hf"), "PATH": path}
    found |= {"HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    return found if real else {**found, "MODELYARD_INFER_BACKEND": "transformers"}


def typed(place: Path, argv: list[str], text: str, real: bool, said: str = "") -> str:
    """What a program prints."""
    done = subprocess.run(
        [*argv, text],
        input=said,
        capture_output=True,
        text=True,
        env=environment(place, real),
        cwd=place,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout + done.stderr


def lighter(text: str) -> tuple[str, bool]:
    """A command as it is, and that it is real; or on transformers."""
    if any(word in text for word in REAL):
        return text, True
    return text.replace("--infer_backend vllm", "--infer_backend pt"), False


@contextmanager
def deployed(place: Path, command: str) -> Iterator[str]:
    """A deployment on a free port; ended by Ctrl-C."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    text, real = lighter(command)
    log = place / f"deploy-{port}.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            ["bash", "-c", f"exec env {text} --port {port}"],
            stdout=said,
            stderr=subprocess.STDOUT,
            env=environment(place, real),
            cwd=place,
            start_new_session=True,
        )
    try:

        def ready() -> bool:
            assert process.poll() is None, log.read_text(encoding="utf-8")
            return " is ready at " in log.read_text(encoding="utf-8")

        wait_for(ready, seconds=400)
        yield f"http://localhost:{port}"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, log.read_text(encoding="utf-8")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_the_page_has_everything() -> None:
    assert (len(TERMINAL), len(DEPLOYED), len(OFFLINE), len(TALK)) == (7, 5, 3, 12)


@pytest.mark.parametrize(
    ("command", "answer"), TERMINAL, ids=[row[0].partition("modelyard ")[2][:60] for row in TERMINAL]
)
def test_a_row_at_the_terminal(place: Path, command: str, answer: str) -> None:
    text, real = lighter(command)
    said = typed(place, ["bash", "-c"], text, real, QUESTION)
    assert answer in said


@pytest.mark.parametrize("number", range(len(OFFLINE)))
def test_a_block_with_an_engine_of_its_own(place: Path, number: int) -> None:
    text = OFFLINE[number]
    said = typed(place, [sys.executable, "-c"], text, any(word in text for word in REAL))
    expected = re.findall(r"^# prints: (.+)$", text, re.MULTILINE)
    assert expected and [words for words in expected if words not in said] == [], said


@pytest.mark.parametrize(("command", "names"), DEPLOYED, ids=[row[1] for row in DEPLOYED])
def test_a_deployment_and_who_talks_to_it(place: Path, command: str, names: str) -> None:
    with deployed(place, command) as url:
        listed = [each["id"] for each in httpx.get(f"{url}/v1/models").json()["data"]]
        assert listed == names.split()
        for kind, where, text in TALK:
            if where in (listed[0], listed[-1]):
                talk(place, url, kind, text)
        near = httpx.post(f"{url}/v1/completions", json={"model": listed[-1].replace("_", "-") + "x", "prompt": "a"})
        assert near.status_code == 404 and f"Did you mean '{listed[-1]}'?" in near.json()["error"]["message"]


def talk(place: Path, url: str, kind: str, text: str) -> None:
    port = url.rpartition(":")[2]
    here = text.replace("http://localhost:8000", url)
    here = re.sub(r"get_model_list_client\(\)", f"get_model_list_client(port={port})", here)
    here = here.replace("request_config=request_config", f"request_config=request_config, port={port}")
    argv = ["bash", "-c"] if kind == "sh" else [sys.executable, "-c"]
    said = typed(place, argv, here, False)
    expected = re.findall(r"^# prints: (.+)$", text, re.MULTILINE)
    assert expected and [words for words in expected if words not in said] == [], said


@pytest.mark.parametrize("size", [2, 4])
def test_tensor_parallel_is_vllms(place: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's lines with `--tensor_parallel_size`, on a machine that had so many GPUs."""
    from modelyard.cli.swift_flags import parse
    from modelyard.cli.swift_models import wanted
    from modelyard.infer.launching import body

    for name, value in environment(place, True).items():
        monkeypatch.setenv(name, value)
    line = f"--model_id_or_path {DEMO} --infer_backend vllm --max_model_len 2048 --tensor_parallel_size {size}"
    made: Mapping[str, object] = body(wanted(parse(line.split())))
    memory = Device("cpu", "main memory", 2**36, 2**36)
    machine = Machine(Hardware(8, (memory, *[GPU] * size)), engines=place / "home" / "engines")
    launch = plan_launch(LaunchRequest.model_validate(made), machine)
    command = ENGINES.get(launch.engine).command(launch, Address(uds="/s"), "")
    assert isinstance(command, Command)
    assert f"--tensor-parallel-size {size}" in " ".join(command.argv) and "--max-model-len 2048" in " ".join(
        command.argv
    )
    assert launch.gpus == size
