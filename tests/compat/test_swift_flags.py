"""ms-swift's command lines as what shall run: the seed's own lines, both spellings, and what is refused."""

from __future__ import annotations

import shlex

import click
import pytest

from modelyard.compat.swift.flags import options, parse
from modelyard.core.types import Address, Device, Hardware, Launch, Model, Shape
from modelyard.engines import ENGINES

GIB = 1024**3


@pytest.mark.parametrize(
    ("line", "part", "found"),
    [
        ("--model_type qwen-7b-chat --infer_backend vllm", "model", {"model_type": "qwen-7b-chat", "backend": "vllm"}),
        ("--model_id_or_path a/b", "model", {"model": "a/b"}),
        ("--lora-modules a=/x b=/y", "model", {"adapters": ["a=/x", "b=/y"]}),
        ("--adapters /x", "model", {"adapters": ["/x"]}),
        ("--tensor_parallel_size 4", "engine", {"tensor_parallel_size": "4"}),
        (
            "--vllm_tensor_parallel_size=2 --max-model-len 2048",
            "engine",
            {"tensor_parallel_size": "2", "max_model_len": "2048"},
        ),
        ("--vllm_enable_lora true", "engine", {"enable_lora": "true"}),
        ("--max_new_tokens 5 --temperature -0.5", "answer", {"max_tokens": 5, "temperature": -0.5}),
        ("--stop_words a b --stream false", "answer", {"stop": ["a", "b"], "stream": False}),
        ("--port 1", "own", {"port": "1"}),
        ("--verbose --merge_lora", "model", {"verbose": "true", "merge_lora": "true"}),
        ("--vllm_enable_lora --enforce_eager", "engine", {"enable_lora": "true", "enforce_eager": "true"}),
    ],
)
def test_both_spellings_of_a_flag_are_read(line: str, part: str, found: dict[str, object]) -> None:
    assert getattr(parse(shlex.split(line), ("port",)), part) == found


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("--model_tpye x", "--model_type"),
        ("stray", "not a flag"),
        ("--model_type a b", "one value"),
        ("--temperature hot", "number"),
        ("--model_id_or_path --infer_backend pt", "--model_id_or_path takes a value"),
        ("--tensor_parallel_size", "--tensor_parallel_size takes a value"),
        ("--adapters --stream", "--adapters takes a value"),
        ("--stream maybe", "neither"),
    ],
)
def test_unknown_and_misplaced_flags_are_refused(line: str, says: str) -> None:
    with pytest.raises(click.UsageError, match=says):
        parse(line.split())


def test_four_gpus() -> None:
    """The seed's `--tensor_parallel_size 4`, on a machine that has them, as vLLM's own command line."""
    flags = parse(["--model_type", "qwen-7b-chat", "--tensor_parallel_size", "4"])
    shape = Shape(32, 4096, 32, 32, 128)
    model = Model("qwen-7b-chat", path="/weights", context_length=8192, weights_bytes=15 * GIB, shape=shape)
    gpus = tuple(Device(f"cuda:{index}", "A100", 80 * GIB, 80 * GIB) for index in range(4))
    hardware = Hardware(64, (Device("cpu", "main memory", 256 * GIB, 256 * GIB), *gpus))
    engine = ENGINES.get("vllm")
    assert engine.fits(model, hardware).score > 0
    launch = Launch("qwen-7b-chat", model, "vllm", options(flags, "vllm"), gpus=len(hardware.gpus))
    argv = engine.command(launch, Address(uds="/s"), "token").argv  # type: ignore[union-attr]
    assert argv[argv.index("--tensor-parallel-size") + 1] == "4"
    assert argv[argv.index("--served-model-name") + 1] == "qwen-7b-chat"


def test_room_for_adapters_is_for_vllm() -> None:
    flags = parse(["--vllm_enable_lora", "true", "--max_model_len", "64"])
    assert options(flags, "transformers") == {"max_model_len": "64"}
