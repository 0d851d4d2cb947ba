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
    ("part", "names"),
    [
        (
            "model",
            {
                "model_type": "model_type",
                "model": "model",
                "model_id_or_path": "model",
                "ckpt_dir": "ckpt_dir",
                "infer_backend": "backend",
                "served_model_name": "served_name",
                "merge_lora": "merge_lora",
                "system": "system",
                "verbose": "verbose",
            },
        ),
        (
            "engine",
            {
                name: name.removeprefix("vllm_").replace("torch_dtype", "dtype")
                for name in [
                    "tensor_parallel_size",
                    "pipeline_parallel_size",
                    "data_parallel_size",
                    "gpu_memory_utilization",
                    "max_model_len",
                    "max_num_seqs",
                    "enforce_eager",
                    "enable_prefix_caching",
                    "quantization",
                    "reasoning_parser",
                    "enable_lora",
                    "max_loras",
                    "max_lora_rank",
                    "torch_dtype",
                    "dtype",
                    "vllm_max_model_len",
                    "vllm_quantization",
                ]
            },
        ),
    ],
)
def test_every_flag_has_its_meaning(part: str, names: dict[str, str]) -> None:
    for flag, name in names.items():
        for word in (f"--{flag}", f"--{flag.replace('_', '-')}"):
            assert getattr(parse([word, "x"]), part) == {name: "x"}, word


@pytest.mark.parametrize(
    ("flag", "text", "found"),
    [
        ("max_new_tokens", "5", {"max_tokens": 5}),
        ("max_tokens", "5", {"max_tokens": 5}),
        ("temperature", "0.5", {"temperature": 0.5}),
        ("top_p", "0.5", {"top_p": 0.5}),
        ("top_k", "5", {"top_k": 5}),
        ("repetition_penalty", "1.5", {"repetition_penalty": 1.5}),
        ("seed", "-5", {"seed": -5}),
        ("stream", "YES", {"stream": True}),
        ("stream", "0", {"stream": False}),
        ("stop_words", "a", {"stop": ["a"]}),
    ],
)
def test_flags_about_answers_are_numbers_truths_and_lists(flag: str, text: str, found: dict[str, object]) -> None:
    read = parse([f"--{flag}", text]).answer
    assert read == found and list(map(type, read.values())) == list(map(type, found.values()))


@pytest.mark.parametrize(
    "flag", ["merge_lora", "verbose", "stream", "enforce_eager", "enable_prefix_caching", "enable_lora"]
)
def test_a_switch_alone_is_true(flag: str) -> None:
    flags = parse([f"--{flag}"])
    [value] = [*flags.model.values(), *flags.engine.values(), *flags.answer.values()]
    assert value in ("true", True)


def test_adapters_add_up_and_other_flags_replace() -> None:
    flags = parse(
        [
            "--adapters",
            "/x",
            "/y",
            "--lora-modules",
            "a=/z",
            "--stop_words",
            "a",
            "--stop_words",
            "b",
            "--model",
            "1",
            "--model",
            "2",
        ]
    )
    assert flags.model == {"adapters": ["/x", "/y", "a=/z"], "model": "2"} and flags.answer == {"stop": ["b"]}
    assert parse(["--val_dataset", "a", "b"], ("val_dataset",)).own == {"val_dataset": ["a", "b"]}
    assert parse(["--own"], ("own",)).own == {"own": "true"}


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
