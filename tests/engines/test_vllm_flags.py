"""Which of vLLM's arguments every caller may give, held against the parser of the vLLM that is installed."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from modelyard.engines.vllm.flags import COUNTS, LISTS, SWITCHES, VALUES, is_open, named, privileges
from tests.engine_environments import environment

NUMBERS = ("int", "float", "human_readable_int", "human_readable_int_or_auto", "_optional_type")
"""Types of the parser that take numbers; `_optional_type` takes one of several types, and what has it was read by hand."""

WORDS = frozenset({"quantization", "reasoning-parser", "response-role", "tool-call-parser", "optimization-level"})
"""Free text for vLLM's parser, which later stages look up in tables of vLLM's own, or write into answers."""

OPTIONAL = frozenset({
    "kv-cache-memory-bytes", "mamba-block-size", "max-cpu-loras", "max-log-len", "max-num-active-seqs", "max-num-queued-reqs",
    "max-num-queued-tokens", "max-num-scheduled-tokens", "max-parallel-loading-workers", "num-gpu-blocks-override",
    "quantization", "tool-call-parser", "video-pruning-rate",
})  # fmt: skip

DANGEROUS = frozenset({
    "worker-cls", "worker-extension-cls", "scheduler-cls", "logits-processors", "io-processor-plugin", "tool-parser-plugin",
    "reasoning-parser-plugin", "middleware", "distributed-executor-backend", "kv-transfer-config", "kv-events-config",
    "ec-transfer-config", "trust-remote-code", "hf-overrides", "model-class-overrides", "config-format", "load-format",
    "model-loader-extra-config", "model-impl", "tokenizer-mode", "compilation-config", "additional-config",
    "speculative-config", "spec-model", "weight-transfer-config", "profiler-config", "structured-outputs-config",
    "override-generation-config", "generation-config", "hf-config-path", "tokenizer", "download-dir", "config", "model",
    "hf-token", "api-key", "allowed-local-media-path", "allowed-media-domains", "chat-template", "lora-modules",
    "default-mm-loras", "ssl-keyfile", "ssl-certfile", "ssl-ca-certs", "otlp-traces-endpoint", "tool-server", "host", "port",
    "uds", "master-addr", "data-parallel-address", "data-parallel-backend", "enable-prompt-embeds", "enable-mm-embeds",
    "trust-request-chat-template", "trust-request-mm-kwargs", "enable-log-requests", "enable-log-outputs", "log-config-file",
    "pt-load-map-location", "mm-encoder-fp8-scale-path", "mm-encoder-fp8-scale-save-path", "mm-processor-kwargs",
    "media-io-kwargs", "collect-detailed-traces", "kv-offloading-backend", "grpc", "headless", "revision", "code-revision",
})  # fmt: skip

LOOK = """
import json
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser
actions = make_arg_parser(FlexibleArgumentParser())._actions
print(json.dumps([{
    "flags": action.option_strings, "nargs": action.nargs, "type": getattr(action.type, "__name__", ""),
    "choices": None if action.choices is None else len(list(action.choices)),
} for action in actions if action.option_strings]))
"""


@pytest.fixture(scope="module")
def parser() -> dict[str, dict[str, Any]]:
    """Name → what vLLM's own parser knows of it."""
    shown = subprocess.run(
        [environment("vllm").python, "-c", LOOK], capture_output=True, text=True, timeout=300, check=True
    )
    actions = json.loads(shown.stdout.splitlines()[-1])
    return {named(flag): action for action in actions for flag in action["flags"] if flag.startswith("--")}


def test_open_switches_take_nothing(parser: dict[str, dict[str, Any]]) -> None:
    assert [name for name in SWITCHES if parser[name]["nargs"] != 0] == []


def test_open_values_are_numbers_or_words_that_vllm_lists(parser: dict[str, dict[str, Any]]) -> None:
    assert [name for name in VALUES if parser[name]["nargs"] is not None] == []
    loose = {name for name in VALUES if not parser[name]["choices"]}
    assert {name for name in loose if parser[name]["type"] not in NUMBERS} <= WORDS
    assert {name for name in loose if parser[name]["type"] == "_optional_type"} == OPTIONAL & VALUES


def test_lists_are_of_numbers(parser: dict[str, dict[str, Any]]) -> None:
    assert [(parser[name]["nargs"], parser[name]["type"]) for name in LISTS] == [("+", "int")]
    assert set(parser) >= COUNTS


def test_what_imports_reads_or_sends_is_there_and_closed(parser: dict[str, dict[str, Any]]) -> None:
    assert set(parser) >= DANGEROUS
    for name in DANGEROUS:
        assert [each.name for each in privileges([f"--{name}", "x"])] == [f"vllm_args:{name}"]


def test_everything_else_of_this_version_is_closed(parser: dict[str, dict[str, Any]]) -> None:
    """So is whatever a later version brings: only names on the lists are open."""
    listed = SWITCHES | VALUES | LISTS | COUNTS
    closed = {name for name in parser if name not in listed and name.removeprefix("no-") not in SWITCHES}
    for name in closed:
        assert not is_open(f"--{name}", []) and not is_open(f"--{name}", ["1"]), name
    assert len(closed) > len(listed)


def closed(*words: str) -> list[str]:
    return [each.name.removeprefix("vllm_args:") for each in privileges(words)]


@pytest.mark.parametrize(
    "words",
    [
        ["--max-logprobs", "5"],
        ["--max_logprobs=5", "--enforce-eager", "--no-enable-prefix-caching"],
        ["--cudagraph-capture-sizes", "1", "2", "4", "--seed", "3"],
        ["--watermark", "-0.5", "--max-model-len", "32k"],
        ["--limit-mm-per-prompt", '{"image": 2, "audio": 0}'],
        ["--limit-mm-per-prompt.image", "2", "--limit_mm_per_prompt.audio=1"],
        [],
    ],
)
def test_numbers_pass(words: list[str]) -> None:
    assert closed(*words) == []


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--worker-cls", "os.system"], ["worker-cls"]),
        (["--worker_extension_cls=x.Y", "--max-logprobs", "5"], ["worker-extension-cls"]),
        (["--logits-proc", "x:y"], ["logits-proc"]),  # abbreviations, as argparse takes them
        (["--compilation-config.backend", "x"], ["compilation-config"]),
        (["-cc.backend=x"], ["cc"]),
        (["-cc", "{}"], ["cc"]),
        (["-O3"], ["O3"]),
        (["--max-logprobs", "5", "/some/model"], ["max-logprobs"]),  # a second word would be the model
        (["/some/model"], ["/some/model"]),
        (["--max-logprobs", "--config", "/x.yaml"], ["max-logprobs", "config"]),
        (["--max-logprobs="], ["max-logprobs"]),
        (["--dtype", "/x"], ["dtype"]),
        (["--dtype", "a b"], ["dtype"]),
        (["--dtype.x", "half"], ["dtype"]),
        (["--enforce-eager", "x"], ["enforce-eager"]),
        (["--enforce-eager=x"], ["enforce-eager"]),
        (["--limit-mm-per-prompt", '{"image": "x"}'], ["limit-mm-per-prompt"]),
        (["--limit-mm-per-prompt.image.x", "2"], ["limit-mm-per-prompt"]),
        (["--limit-mm-per-prompt", "{" + " " * 1_000_000], ["limit-mm-per-prompt"]),
        (["--no-max-logprobs"], ["no-max-logprobs"]),
        (["--"], [""]),
        (["---max-logprobs", "5"], ["max-logprobs"]),
        (["--\nmax-logprobs", "5"], ["\nmax-logprobs"]),
    ],
)
def test_what_is_no_number_is_closed_under_its_name(words: list[str], names: list[str]) -> None:
    assert closed(*words) == names
