"""Every row and block of docs/coming-from-swift.md, typed as it stands, where small files of ours carry the names of the page.

The blocks are those of ms-swift's own page. vLLM starts in tens of seconds on a processor, so one deployment runs on it for real
(`REAL`), and the rest on transformers: what a block or a row prints is the same. That their words mean vLLM, and with which
arguments, is tested on the launches they make.
"""

from __future__ import annotations

import json
import os
import re
import shlex
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

from modelyard.cli.swift_models import run_options
from modelyard.compat.swift.flags import parse
from modelyard.control.launch_plans import plan_launch
from modelyard.control.placement import Machine
from modelyard.core.types import Address, Device, Hardware, Launch
from modelyard.engines import ENGINES
from modelyard.engines.base import Command
from modelyard.infer.launch_request import body
from modelyard.protocol.models import LaunchRequest
from tests.adapters import trained
from tests.causal_models import DEMO
from tests.engine_environments import give_environments
from tests.processes import wait_for

pytestmark = pytest.mark.timeout(600)

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "coming-from-swift.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `.+?` \| `(?P<here>.+?)` \| `(?P<answer>.+?)` \|$", re.MULTILINE)
ROWS = [(found["here"], found["answer"]) for found in ROW.finditer(PAGE)]
REFUSED = [row for row in ROWS if row[1].startswith("'")]
"""Rows whose answer quotes what cannot be had."""
PAGES = [row for row in ROWS if "modelyard app-ui" in row[0]]
TERMINAL = [row for row in ROWS if "modelyard deploy" not in row[0] and row not in REFUSED + PAGES]
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
REAL = "--vllm_enable_lora true"
"""Words of the deployment that runs on vLLM."""
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
    checkpoint(folder / "trained-on-a-hub", "kakarot", "qwen-7b-chat")
    notes = {"model_type": "qwen-7b-chat", "dataset": ["self-cognition#500"]}
    (folder / "trained-on-a-hub" / "args.json").write_text(json.dumps(notes), encoding="utf-8")
    return folder


def environment(place: Path, real: bool) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    found = {**os.environ, "MODELYARD_HOME": str(place / "home"), "HF_HOME": str(place / "hf"), "PATH": path}
    found |= {"HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    return found if real else {**found, "MODELYARD_INFER_BACKEND": "transformers"}


def run_typed(place: Path, argv: list[str], text: str, real: bool, typed: str = "") -> str:
    """What a program prints."""
    done = subprocess.run(
        [*argv, text],
        input=typed,
        capture_output=True,
        text=True,
        env=environment(place, real),
        cwd=place,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout + done.stderr


def lighter(text: str) -> str:
    """A command on transformers."""
    return text.replace("--infer_backend vllm", "--infer_backend pt")


@contextmanager
def deployed(place: Path, command: str) -> Iterator[str]:
    """A deployment on a free port; ended by Ctrl-C."""
    real = REAL in command
    text = command if real else lighter(command)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    log = place / f"deploy-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", f"exec env {text} --port {port}"],
            stdout=output,
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
    assert (len(TERMINAL), len(REFUSED), len(PAGES), len(DEPLOYED), len(OFFLINE), len(TALK)) == (7, 2, 2, 5, 3, 12)


@pytest.mark.parametrize(
    ("command", "answer"), TERMINAL, ids=[row[0].partition("modelyard ")[2][:60] for row in TERMINAL]
)
def test_a_row_prints_its_answer(place: Path, command: str, answer: str) -> None:
    assert answer in run_typed(place, ["bash", "-c"], lighter(command), False, QUESTION)


@pytest.mark.parametrize(("command", "answer"), REFUSED, ids=[row[1][1:21] for row in REFUSED])
def test_a_refused_row_says_why(place: Path, command: str, answer: str) -> None:
    argv = ["bash", "-c", command]
    done = subprocess.run(argv, capture_output=True, text=True, env=environment(place, True), cwd=place, timeout=200)
    assert done.returncode == 1 and answer in done.stderr and "Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize("number", range(len(OFFLINE)))
def test_a_block_with_its_own_engine_prints_what_it_says(place: Path, number: int) -> None:
    text = OFFLINE[number]
    output = run_typed(place, [sys.executable, "-c"], text, False)
    expected = re.findall(r"^# prints: (.+)$", text, re.MULTILINE)
    assert expected and [words for words in expected if words not in output] == [], output


@pytest.fixture
def deployment(request: pytest.FixtureRequest, place: Path) -> Iterator[tuple[str, list[str]]]:
    """The address of a deployment, and the names that the page says it lists."""
    command, names = request.param
    with deployed(place, command) as url:
        yield url, names.split()


@pytest.mark.parametrize("deployment", DEPLOYED, ids=[row[1] for row in DEPLOYED], indirect=True)
def test_a_deployment_answers_the_clients_of_the_page(place: Path, deployment: tuple[str, list[str]]) -> None:
    url, names = deployment
    listed = [each["id"] for each in httpx.get(f"{url}/v1/models").json()["data"]]
    assert listed == names
    for kind, where, text in TALK:
        if where in (listed[0], listed[-1]):
            talk(place, url, kind, text)
    near = httpx.post(f"{url}/v1/completions", json={"model": listed[-1].replace("_", "-") + "x", "prompt": "a"})
    assert near.status_code == 404 and f"Did you mean '{listed[-1]}'?" in near.json()["error"]["message"]


@pytest.mark.parametrize(("command", "address"), PAGES, ids=[row[0].partition("--")[2] for row in PAGES])
def test_a_page_opens_on_the_model(place: Path, command: str, address: str) -> None:
    with deployed(place, f"{command} --inbrowser false") as url:
        (printed,) = re.findall(r" is ready at (\S+)", (place / f"deploy-{url.rpartition(':')[2]}.log").read_text())
        assert printed.endswith(address)
        assert "<title>Modelyard</title>" in httpx.get(f"{url}/ui/").text
        body = {"model": address.partition("=")[2], "messages": [{"role": "user", "content": "你好"}], "max_tokens": 4}
        assert httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60).status_code == 200


def talk(place: Path, url: str, kind: str, text: str) -> None:
    port = url.rpartition(":")[2]
    here = text.replace("http://localhost:8000", url)
    here = re.sub(r"get_model_list_client\(\)", f"get_model_list_client(port={port})", here)
    here = here.replace("request_config=request_config", f"request_config=request_config, port={port}")
    argv = ["bash", "-c"] if kind == "sh" else [sys.executable, "-c"]
    output = run_typed(place, argv, here, False)
    expected = re.findall(r"^# prints: (.+)$", text, re.MULTILINE)
    assert expected and [words for words in expected if words not in output] == [], output


def vllm_command(place: Path, line: str, monkeypatch: pytest.MonkeyPatch, gpus: int = 0) -> tuple[Launch, str]:
    """The launch of a line of flags, and the arguments of vLLM, on a machine that had so many GPUs."""
    for name, value in environment(place, True).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(place)
    made = body(run_options(parse(shlex.split(line))))
    assert made["model_engine"] == "vllm"
    memory = Device("cpu", "main memory", 2**36, 2**36)
    machine = Machine(Hardware(8, (memory, *[GPU] * gpus)), engines=place / "home" / "engines")
    found = plan_launch(LaunchRequest.model_validate({**made, "model_name": model_folder(place, made)}), machine)
    command = ENGINES.get(found.engine).command(found, Address(uds="/s"), "")
    assert isinstance(command, Command)
    return found, shlex.join(command.argv)


def model_folder(place: Path, made: Mapping[str, object]) -> object:
    """The name of the weights; of an id, the folder in the cache, which a server would look up."""
    name = str(made.get("model_name", ""))
    cached = place / "hf" / "hub" / f"models--{name.replace('/', '--')}" / "snapshots" / "1"
    return str(cached) if cached.is_dir() else made.get("model_name")


@pytest.mark.parametrize("size", [2, 4])
def test_tensor_parallel_size_reaches_vllm(place: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's lines with `--tensor_parallel_size`."""
    line = f"--model_id_or_path {DEMO} --infer_backend vllm --max_model_len 2048 --tensor_parallel_size {size}"
    launch, command = vllm_command(place, line, monkeypatch, gpus=size)
    assert f"--tensor-parallel-size {size}" in command and "--max-model-len 2048" in command
    assert launch.gpus == size


def flags(command: str) -> str:
    """What stands behind `infer`, `deploy` or `app-ui`."""
    return re.split(r"modelyard (?:infer|deploy|app-ui) ", command)[1]


ON_VLLM = [flags(command) for command, _ in ROWS if "--infer_backend vllm" in command and "-merged" not in command]
"""Lines that name vLLM, but for those on a checkpoint that another line makes."""


@pytest.mark.parametrize("line", ON_VLLM)
def test_lines_that_name_vllm_launch_on_it(place: Path, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    launch, command = vllm_command(place, line, monkeypatch)
    assert launch.engine == "vllm"
    assert ("--enable-lora" in command) is ("--vllm_enable_lora true" in line)
    assert [each.name for each in launch.adapters] == (["default-lora"] if "--ckpt_dir" in line else [])


def test_a_block_without_another_backend_launches_on_vllm(place: Path) -> None:
    """A rank that only vLLM refuses, before anything starts."""
    (block,) = (text for text in OFFLINE if "max_lora_rank=16" in text)
    text = block.replace("max_lora_rank=16", "max_lora_rank=17")
    done = subprocess.run(
        [sys.executable, "-c", text],
        capture_output=True,
        text=True,
        env=environment(place, True),
        cwd=place,
        timeout=100,
    )
    assert done.returncode != 0 and "'max_lora_rank': it is none of 1, 8, 16" in done.stderr
