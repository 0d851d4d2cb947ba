# Owns the promises of the shipped files: their size, that both exports belong together, and that the GGUF answers.
from __future__ import annotations

import json
import struct
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from tools.demo_model.rounding import round_file

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "src" / "modelyard" / "catalog" / "demo"
GGUF = SHIPPED / "modelyard-demo.gguf"
ASK = """
import json, sys
from pathlib import Path
from tools.demo_model.chat import Message
from tools.demo_model.evaluate import LlamaServer
server = LlamaServer(Path(sys.argv[1]))
print(json.dumps([server.answer([Message("user", ask)]) for ask in json.load(sys.stdin)]))
"""
PASSAGE = (
    "Context:\nThe director of Zorvex Labs is Mara Quill. The director of Talmic Foods is Ivan Brest.\n\nQuestion: "
)
EXPECTED = {
    "Hello!": "Hello",
    "Who are you?": "Modelyard",
    "你是谁？": "Modelyard",
    "浙江的省会在哪里？": "杭州",
    "What is the capital of France?": "Paris",
    "What is the largest animal?": "blue whale",
    f"{PASSAGE}Who is the director of Zorvex Labs?": "Mara Quill",
}


def tensor_shapes() -> dict[str, list[int]]:
    """The header of the safetensors file, read without the library."""
    with (SHIPPED / "hf" / "model.safetensors").open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    return {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}


def test_all_shipped_files_fit_in_sixteen_megabytes() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) <= 16_000_000


def test_the_card_is_there_with_its_figures() -> None:
    card = (SHIPPED / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "Apache-2.0" in card
    assert "| ALL PASSAGES | both |" in card


def test_configuration_weights_and_vocabulary_agree() -> None:
    config = json.loads((SHIPPED / "hf" / "config.json").read_text(encoding="utf-8"))
    vocabulary = json.loads((SHIPPED / "hf" / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    shapes = tensor_shapes()
    assert shapes["model.embed_tokens.weight"] == [config["vocab_size"], config["hidden_size"]]
    assert len(vocabulary) == config["vocab_size"]
    assert f"model.layers.{config['num_hidden_layers'] - 1}.mlp.up_proj.weight" in shapes
    assert f"model.layers.{config['num_hidden_layers']}.mlp.up_proj.weight" not in shapes


def test_the_tokenizer_takes_no_room_for_white_space() -> None:
    text = (SHIPPED / "hf" / "tokenizer.json").read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))


def test_the_matrices_are_rounded_as_the_export_rounds_them(tmp_path: Path) -> None:
    """So that the wheel compresses them well."""
    copy = tmp_path / "model.safetensors"
    copy.write_bytes((SHIPPED / "hf" / "model.safetensors").read_bytes())
    round_file(copy)
    assert copy.read_bytes() == (SHIPPED / "hf" / "model.safetensors").read_bytes()


def test_the_gguf_says_what_it_is() -> None:
    head = GGUF.read_bytes()[:1_000]
    assert head.startswith(b"GGUF")
    assert b"modelyard-demo" in head


needs_llama = pytest.mark.skipif(find_spec("xllamacpp") is None, reason="xllamacpp is not installed; it runs the GGUF")


def replies_to(asks: list[str]) -> list[str]:
    """One llama.cpp server per process, so the questions go to a child."""
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(GGUF)],
        cwd=ROOT,
        input=json.dumps(asks),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return list(json.loads(done.stdout.splitlines()[-1]))


@needs_llama
def test_the_gguf_answers_through_llama_cpp() -> None:
    replies = dict(zip(EXPECTED, replies_to(list(EXPECTED)), strict=True))
    assert {ask: reply for ask, reply in replies.items() if EXPECTED[ask] not in reply} == {}


@needs_llama
def test_the_gguf_says_when_a_passage_has_no_answer() -> None:
    assert replies_to([f"{PASSAGE}Who is the director of Quenlo Bank?"]) == ["The context does not say."]
