"""Command lines of four programs are read as launches; lines of Modelyard's own come back as the request they were made of."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard.compat.command_lines import meaning
from modelyard.control.command_line import command_line
from modelyard.core.errors import InvalidParameter
from modelyard.protocol.models import LaunchRequest
from tests.control.test_command_line import BODIES, as_text


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_a_line_that_was_made_of_a_request_is_read_as_that_request(body: dict[str, Any]) -> None:
    request = LaunchRequest.model_validate(body)
    line = command_line(request)
    assert line is not None
    found = LaunchRequest.model_validate(meaning(line).launch)
    texts = as_text(found)
    if modules := (found.model_extra or {}).get("lora_modules"):
        pairs = (each.partition("=") for each in modules)
        config = {"lora_list": [{"lora_name": name, "local_path": path} for name, _, path in pairs]}
        texts["peft_model_config"] = config
    expected = as_text(request)
    assert {name: str(value) for name, value in texts.items() if value is not None} == {
        name: str(value) for name, value in expected.items() if value is not None
    }


LINES: list[tuple[str, dict[str, Any], list[str]]] = [
    (
        "xinference launch -en vLLM -n qwen2.5-instruct -s 0_5 -f pytorch -q none -r 2 -e http://h:9997 --gpu-idx 0,1",
        {
            "model_engine": "vLLM",
            "model_name": "qwen2.5-instruct",
            "model_size_in_billions": "0_5",
            "model_format": "pytorch",
            "quantization": "none",
            "replica": "2",
            "gpu_idx": [0, 1],
        },
        ["-e"],
    ),
    (
        "$ CUDA_VISIBLE_DEVICES=1 HF_HOME=/data vllm serve Qwen/Qwen3-8B \\\n  --max-model-len 8192 --served-model-name q r \\\n"
        "  --no-enable-prefix-caching --enforce-eager --port=8000 --lora-modules a=/x b=/y",
        {
            "model_engine": "vllm",
            "max_model_len": "8192",
            "model_uid": "q",
            "aliases": ["r"],
            "gpu_idx": [1],
            "enable_prefix_caching": False,
            "enforce_eager": True,
            "lora_modules": ["a=/x", "b=/y"],
            "model_name": "Qwen/Qwen3-8B",
            "envs": {"HF_HOME": "/data"},
        },
        ["--port"],
    ),
    (
        "python3 -m vllm.entrypoints.openai.api_server --model /models/q --dtype half",
        {"model_engine": "vllm", "model_name": "/models/q", "dtype": "half"},
        [],
    ),
    (
        "swift deploy --model Qwen/Qwen2-7B --infer_backend vllm --vllm_max_model_len 4096 --adapters /a n=/b --port 8000 "
        "--temperature 0",
        {
            "model_name": "Qwen/Qwen2-7B",
            "model_engine": "vllm",
            "max_model_len": "4096",
            "lora_modules": ["default-lora=/a", "n=/b"],
        },
        ["--port", "--temperature"],
    ),
    (
        "/opt/bin/swift deploy --model_type qwen-7b-chat",
        {"model_name": "Qwen/Qwen-7B-Chat", "download_hub": "huggingface", "model_uid": "qwen-7b-chat"},
        [],
    ),
    (
        "modelyard launch demo --no-wait --use-mlock -u x",
        {"model_name": "demo", "use_mlock": True, "model_uid": "x"},
        ["--no-wait"],
    ),
]


@pytest.mark.parametrize(("line", "launch", "without_effect"), LINES, ids=lambda value: str(value)[:30])
def test_lines_of_other_programs(line: str, launch: dict[str, Any], without_effect: list[str]) -> None:
    found = meaning(line)
    assert (found.launch, found.without_effect) == (launch, without_effect)


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("rm -rf /", "none of modelyard launch"),
        ("", "none of modelyard launch"),
        ("modelyard launch 'demo", "cannot be read"),
        ("modelyard launch a b", "more than one model"),
        ("modelyard launch a --gpu-idx x", "0,1"),
        ("modelyard launch --model-uid", "takes a value"),
        ("modelyard launch a --gpu-idx " + "9" * 5000, "0,1"),
        ("modelyard launch a --replica-config {", "not JSON"),
        ("modelyard launch a --replica-config " + "[" * 100_000, "not JSON"),
        ("swift deploy --modell x", "--model"),
        ("swift deploy demo", "not a flag"),
    ],
)
def test_a_line_that_cannot_be_read_says_why(line: str, part: str) -> None:
    with pytest.raises(InvalidParameter, match=part):
        meaning(line)


@pytest.mark.parametrize("number", ["²", "9" * 5000, "x"])
def test_what_is_no_number_of_gpus_stays_a_word(number: str) -> None:
    """The launch refuses it by name; other digits and very long numbers are no integers for Python."""
    assert meaning(f"modelyard launch a --n-gpu {number}").launch["n_gpu"] == number
    assert "gpu_idx" not in meaning(f"CUDA_VISIBLE_DEVICES={number} modelyard launch a").launch
