"""The arguments of vLLM that every caller may give as `vllm_args`: those that only set numbers and methods of computation.

The lists are allow-lists. Arguments of a later version of vLLM need a privilege until they have been reviewed: some of
vLLM's arguments import code (`--worker-cls`, `--logits-processors`, plugins of parsers, KV connectors), read files,
open addresses or send secrets, and others are JSON that can contain all of this (`--compilation-config`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from modelyard.core.trust import Privilege

SWITCHES = frozenset({
    "async-scheduling", "cudagraph-metrics", "disable-cascade-attn", "disable-chunked-mm-input", "disable-custom-all-reduce",
    "disable-hybrid-kv-cache-manager", "disable-log-stats", "disable-nccl-for-dp-synchronization", "disable-sliding-window",
    "enable-auto-tool-choice", "enable-chunked-prefill", "enable-dbo", "enable-eplb", "enable-expert-parallel",
    "enable-flashinfer-autotune", "enable-force-include-usage", "enable-lora", "enable-per-request-metrics",
    "enable-prefix-caching", "enable-prompt-tokens-details", "enable-server-load-tracking", "enforce-eager",
    "exclude-tools-when-tool-choice-none", "fully-sharded-loras", "interleave-mm-strings", "kv-cache-metrics",
    "kv-sharing-fast-prefill", "language-model-only", "mm-encoder-only", "return-tokens-as-token-ids",
    "scheduler-reserve-full-isl", "skip-mm-profiling", "specialize-active-lora", "use-tqdm-on-load",
})  # fmt: skip
"""Flags without a value; the prefix `no-` turns one off."""

VALUES = frozenset({
    # numbers
    "block-size", "cp-kv-cache-interleave-size", "cpu-offload-gb", "data-parallel-size",
    "dbo-decode-token-threshold", "dbo-prefill-token-threshold", "decode-context-parallel-size", "gpu-memory-utilization",
    "kv-cache-memory-bytes", "kv-cache-metrics-sample", "long-prefill-token-threshold", "mamba-block-size", "max-cpu-loras",
    "max-cudagraph-capture-size", "max-log-len", "max-logprobs", "max-lora-rank", "max-loras", "max-model-len",
    "max-num-active-seqs", "max-num-batched-tokens", "max-num-queued-reqs", "max-num-queued-tokens",
    "max-num-scheduled-tokens", "max-num-seqs", "max-parallel-loading-workers", "mm-processor-cache-gb",
    "num-gpu-blocks-override", "optimization-level", "pipeline-parallel-size", "prefill-context-parallel-size",
    "renderer-num-workers", "seed", "shutdown-timeout", "sse-keep-alive-interval", "stream-interval",
    "tensor-parallel-size", "ubatch-size", "video-pruning-rate", "watermark",
    # one of several words in a list of vLLM
    "chat-template-content-format", "convert", "dtype", "expert-placement-strategy", "kv-cache-dtype", "logprobs-mode",
    "lora-dtype", "mamba-cache-dtype", "mamba-ssm-cache-dtype", "mm-encoder-tp-mode", "performance-mode",
    "prefix-caching-hash-algo", "runner", "scheduling-policy", "tool-strict-level", "uvicorn-log-level",
    # names in tables of vLLM
    "quantization", "reasoning-parser", "response-role", "tool-call-parser",
})  # fmt: skip
"""Flags with a value, which is a number or a word."""

LISTS = frozenset({"cudagraph-capture-sizes"})
"""Flags with several numbers."""

COUNTS = frozenset({"limit-mm-per-prompt"})
"""Flags with an object of words and numbers, as JSON or piece by piece: `--limit-mm-per-prompt.image 2`."""

FLAG = re.compile(r"--[a-z][\w-]*(\.\w+)?")
WORD = re.compile(r"-?\d[\w.+-]*|\w[\w.+,-]*")
COUNT = re.compile(r'\{\s*("\w+"\s*:\s*\d+\s*,?\s*)*\}|\d+')
LONGEST_COUNT = 500
"""Maximum characters of such an object."""


def privileges(words: Sequence[str], param: str = "vllm_args") -> Iterator[Privilege]:
    """Yield a privilege for each argument that is not open, named after its flag: `vllm_args:worker-cls`."""
    position = 0
    while position < len(words):
        flag, equals, value = words[position].partition("=")
        given = [value] if equals else []
        position += 1
        while not equals and position < len(words) and not is_flag(words[position]):
            given.append(words[position])
            position += 1
        if not is_open(flag, given):
            yield Privilege(
                f"{param}:{named(flag)}", "such an argument of vLLM can name code, files, addresses or secrets"
            )


def is_flag(word: str) -> bool:
    """Whether vLLM would parse a word as the name of an argument; negative numbers are values."""
    return word.startswith("-") and not re.fullmatch(r"-\d[\d.]*", word)


def named(flag: str) -> str:
    """The name of an argument, without dashes and without the part after a dot."""
    return flag.lstrip("-").partition(".")[0].replace("_", "-")


def is_open(flag: str, values: Sequence[str]) -> bool:
    """Whether every caller may give an argument with these values. Short names and abbreviations are not open."""
    if not FLAG.fullmatch(flag):
        return False
    name = named(flag)
    if name in COUNTS:
        return len(values) == 1 and _is_count(values[0])
    if "." in flag:
        return False
    if name in SWITCHES or name.removeprefix("no-") in SWITCHES:
        return not values
    if name in LISTS:
        return bool(values) and all(value.isdecimal() for value in values)
    return name in VALUES and len(values) == 1 and bool(WORD.fullmatch(values[0]))


def _is_count(value: str) -> bool:
    return len(value) <= LONGEST_COUNT and bool(COUNT.fullmatch(value))
