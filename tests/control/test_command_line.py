"""The command line of a launch: the command parses it back to an equal request."""

from __future__ import annotations

import shlex
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.cli import launch
from modelyard.control.command_line import command_line
from modelyard.protocol.models import LaunchRequest


def parsed(line: str) -> LaunchRequest:
    """The request that a command line sends."""
    program, verb, *words = shlex.split(line)
    assert (program, verb) == ("modelyard", "launch")
    with launch.command.make_context("launch", words) as context:
        given = {name: value for name, value in context.params.items() if name not in OWN}
        return LaunchRequest.model_validate(launch.request(context.params["rest"], given))


OWN = ("rest", "no_wait", "dry_run", "endpoint", "api_key")
"""Parameters of the command that are not part of the request."""


def as_text(request: LaunchRequest) -> dict[str, Any]:
    """The request with its engine's options as text, as a command line sends them."""
    extra = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in
             (request.model_extra or {}).items() if name != "lora_modules"}  # fmt: skip
    return {**request.model_dump(exclude=set(request.model_extra or {})), **extra}


BODIES: list[dict[str, Any]] = [
    {"model_name": "demo"},
    {"model_name": "a b'c", "model_uid": "中文", "replica": 3, "n_gpu": None, "aliases": ["gpt-4o", "-odd"]},
    {"model_name": "q", "model_size_in_billions": "1_8", "model_format": "gguf", "quantization": "q4_k_m", "n_gpu": 2},
    {"model_path": "/x/y.gguf", "model_engine": "llama.cpp", "gpu_idx": [0, 1], "n_ctx": 4096, "use_mlock": True},
    {"model_name": "q", "envs": {"A": "b c"}, "request_limits": 4, "enable_thinking": False, "n_parallel": 2},
    {"model_name": "q", "peft_model_config": {"lora_list": [{"lora_name": "a", "local_path": "/x"}]}},
    {"model_name": "q", "worker_ip": "127.0.0.1", "n_worker": 1, "enable_virtual_env": True, "seed": -1},
    {"model_name": "q", "replica_config": [{"role": "hybrid"}], "virtual_env_packages": ["torch"], "loud": ""},
]


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_a_line_sends_the_request_that_it_was_made_of(body: dict[str, Any]) -> None:
    request = LaunchRequest.model_validate(body)
    line = command_line(request)
    assert line is not None
    assert as_text(parsed(line)) == as_text(request)


def test_adapters_are_written_in_one_way() -> None:
    line = command_line(LaunchRequest.model_validate({"model_name": "q", "lora_modules": ["a=/x", "b=/y=z"]}))
    assert line == "modelyard launch --model-name q --lora-modules a /x --lora-modules b /y=z"


@pytest.mark.parametrize(
    "body",
    [
        {"tensor_split": [1, 2]},
        {"bad name": 1},
        {"envs": {"A": "-b"}},
        {"peft_model_config": {"lora_list": [{"lora_name": "a", "local_path": "/x", "lora_scale": 2}]}},
        {"lora_modules": [{"name": "a"}]},
        {"quantization_config": "int4"},
    ],
    ids=str,
)
def test_what_no_option_expresses_has_no_line(body: dict[str, Any]) -> None:
    assert command_line(LaunchRequest.model_validate({"model_name": "q", **body})) is None


TEXTS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=8).map(str.strip).filter(bool)


@given(TEXTS, TEXTS, st.integers(-9, 9))
def test_any_text_survives_the_shell(name: str, value: str, number: int) -> None:
    request = LaunchRequest.model_validate({"model_uid": name, "model_name": "q", "flavour": value, "amount": number})
    line = command_line(request)
    assert line is not None
    try:
        assert as_text(parsed(line)) == as_text(request)
    except click.UsageError as error:
        raise AssertionError(line) from error
