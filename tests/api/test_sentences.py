"""Broken files by every way in: launch, register, estimate, adapters, documents, and the command line.

Each error is one sentence, said once, that names the file once and has none of Python's words.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.catalog.adapters import read_adapter
from modelyard.catalog.files import describe
from modelyard.cli.main import run
from modelyard.core.errors import ModelyardError
from tests.live import Live, live
from tests.sentences import flaws

DEMO = Path(__file__).parents[2] / "src/modelyard/catalog/demo/modelyard-demo.gguf"
EMPTY = struct.pack("<Q", 2) + b"{}"
CUT = struct.pack("<Q", 1000) + b"{"
CONFIG = json.dumps(
    {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2,
     "num_attention_heads": 4, "vocab_size": 100}
).encode()  # fmt: skip
LORA = json.dumps({"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj"]}).encode()
WEIGHTS = "model.safetensors"

FILES: dict[str, bytes] = {
    "empty.gguf": b"", "text.gguf": b"vm\nhello", "cut-head.gguf": DEMO.read_bytes()[:20],
    "cut-keys.gguf": DEMO.read_bytes()[:200], "cut-weights.gguf": DEMO.read_bytes()[:100_000],
    "version.gguf": b"GGUF" + struct.pack("<I", 99) + DEMO.read_bytes()[8:300], "plain": b"abc",
    "folder-cut/config.json": b"{", f"folder-cut/{WEIGHTS}": EMPTY,
    "folder-list/config.json": b"[]", f"folder-list/{WEIGHTS}": EMPTY,
    "folder-bytes/config.json": b"\xff\xfe\x00", f"folder-bytes/{WEIGHTS}": EMPTY,
    "folder-types/config.json": b'{"architectures": 7, "hidden_size": "x"}', f"folder-types/{WEIGHTS}": EMPTY,
    "folder-more-types/config.json": b'{"architectures": {}, "text_config": 3}', f"folder-more-types/{WEIGHTS}": EMPTY,
    "folder-no-weights/config.json": CONFIG,
    "folder-tokenizer/config.json": CONFIG, f"folder-tokenizer/{WEIGHTS}": EMPTY, "folder-tokenizer/tokenizer_config.json": b"{",
    "pipeline/model_index.json": b"{", "pipeline-type/model_index.json": b'{"_class_name": 7}',
    "two/a.gguf": DEMO.read_bytes()[:200], "two/b.gguf": DEMO.read_bytes()[:200],
    "no-config/readme.md": b"", "adapter-alone/adapter_config.json": LORA,
    "adapter-cut/adapter_config.json": b"{", "adapter-types/adapter_config.json": b'{"peft_type": 7}',
    "adapter-weights/adapter_config.json": LORA, "adapter-weights/adapter_model.safetensors": CUT,
    "adapter-huge/adapter_config.json": LORA, "adapter-huge/adapter_model.safetensors": b"\xff" * 9,
    "broken.json": b"{", "list.json": b"[1, 2]", "bytes.json": b"\xff\xfe", "rows.jsonl": b'{"a": 1',
    "broken.docx": b"PK\x03\x04xx", "broken.xlsx": b"PK\x03\x04xx", "broken.pptx": b"", "broken.pdf": b"%PDF-1.4 x",
    "broken.epub": b"PK\x03\x04", "broken.ipynb": b"{", "broken.png": b"\x89PNG",
}  # fmt: skip
MODELS = sorted(
    {name.partition("/")[0] for name in FILES if not name.startswith(("adapter", "broken", "list", "bytes", "rows"))}
)
ADAPTERS = sorted({name.partition("/")[0] for name in FILES if name.startswith("adapter")})
ABSENT = ("missing.gguf", "missing/folder", "plain/below", "x" * 300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("broken")
    for name, data in FILES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    (place / "locked").mkdir()
    return place


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    home = tmp_path_factory.mktemp("sentences") / "home"
    with live(home, {"HF_HUB_OFFLINE": "1"}, ("--demo-base",)) as running:
        yield running


@pytest.mark.parametrize("name", [*MODELS, *ABSENT])
def test_models(server: Live, folder: Path, name: str) -> None:
    path = str(folder / name)
    with pytest.raises(ModelyardError) as caught:
        describe(path)
    sentences = [caught.value.message]
    for body in ({"model_name": path}, {"model_name": "mine", "model_path": path, "model_type": "LLM"}):
        answer = server.http.post("/v1/models", json=body)
        assert answer.status_code in (400, 404, 503), answer.text
        sentences.append(answer.json()["message"])
    answer = server.http.post("/v1/models/estimate", json={"model_name": path})
    assert answer.status_code in (400, 404)
    sentences.append(answer.json()["message"])
    for each in sentences:
        assert flaws(each, path) == [], each


@pytest.mark.parametrize("name", [*ADAPTERS, *ABSENT, "empty.gguf", "cut-keys.gguf", "no-config"])
def test_adapters(server: Live, folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(folder / name)
    with pytest.raises(ModelyardError) as caught:
        read_adapter("mine", path)
    answer = server.http.post(
        "/v1/models", json={"model_name": "modelyard-demo", "model_uid": "demo", "lora_modules": [f"mine={path}"]}
    )
    assert answer.status_code in (400, 404)
    assert run(["export", "--ckpt_dir", path, "--merge_lora", "true"]) == 1
    for each in (caught.value.message, answer.json()["message"], capsys.readouterr().err):
        assert flaws(each, path) == [], each


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("broken.") and name != "broken.json"])
def test_documents(server: Live, folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kb", "add", "demo", str(folder / name), "-e", server.url]) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith(f"{name}: ")
    assert flaws(last, name) == [], last


COMMANDS = [
    ["infer", "--model", "modelyard-demo", "--val_dataset", "self-cognition#500"],
    *(["infer", "--model", "modelyard-demo", "--val_dataset", name] for name in ("missing.jsonl", "two", "bytes.json")),
    ["infer", "--model", "modelyard-demo", "--val_dataset", "broken.json"],
    *(["infer", "--model", name] for name in ("./missing", "./cut-keys.gguf")),
    *(["register", "--model-type", "LLM", "--file", name] for name in ("broken.json", "bytes.json", "list.json")),
    *(["kb", "evaluate", "demo", name] for name in ("missing.jsonl", "broken.json", "rows.jsonl", "two", "bytes.json")),
    ["launch", "--model-name", "./missing"], ["launch", "--model-name", "./cut-weights.gguf"],
    ["kb", "add", "demo", "missing.txt"], ["kb", "add", "nobase", "plain"], ["kb", "import-chatchat", "missing"],
    ["kb", "import-chatchat", "two"], ["list", "-e", "http://127.0.0.1:1"], ["list", "-e", "http://no.such.name.invalid"],
    ["list", "-e", "nonsense://x"], ["list", "-e", "http://[::1"], ["logs", "nobody"], ["terminate", "nobody"],
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands(
    server: Live, folder: Path, command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Errors go to stderr, and the exit code is 1; 2 is for wrong usage."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MODELYARD_ENDPOINT", server.url)
    monkeypatch.setenv("MODELYARD_HOME", str(folder / "home"))
    assert run(command) == 1
    printed = capsys.readouterr()
    errors = [line for line in printed.err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1 and "Error" not in printed.out
    assert flaws(errors[0].removeprefix("Error: "), command[-1]) == [], errors[0]


def test_output_that_cannot_be_written() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "modelyard", "version"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1 and "the disk is full." in done.stderr
    assert flaws(done.stderr) == []
