"""Launch options of SGLang, and their form on its command line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from modelyard.core.errors import InvalidParameter
from modelyard.core.trust import Privilege
from modelyard.core.types import Json, Launch
from modelyard.engines.base import flag, option_privileges, read_options, template_privileges

NAME = "sglang"

ALIASES = {
    "max_model_len": "context_length",
    "n_ctx": "context_length",
    "tp": "tensor_parallel_size",
    "tp_size": "tensor_parallel_size",
    "pp": "pipeline_parallel_size",
    "pp_size": "pipeline_parallel_size",
    "dp": "data_parallel_size",
    "dp_size": "data_parallel_size",
    "max_num_seqs": "max_running_requests",
    "gpu_memory_utilization": "mem_fraction_static",
}
"""Names in SGLang's own command line and in our other engines → ours. A leading `sglang_` is removed as well."""


class SglangOptions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Options of a launch on SGLang. If omitted, SGLang or the model decides."""

    tensor_parallel_size: Annotated[
        int, Meta(ge=0, description="GPUs that share each layer; 0 is all the launch has, over the other two sizes")
    ] = 0
    pipeline_parallel_size: Annotated[int, Meta(ge=1, description="Groups of layers, each on GPUs of its own")] = 1
    data_parallel_size: Annotated[int, Meta(ge=1, description="Copies of the weights behind one replica")] = 1
    mem_fraction_static: Annotated[
        float, Meta(gt=0, le=1, description="Part of each GPU's memory for weights and cache")
    ] = 0.88
    context_length: Annotated[
        int, Meta(ge=0, description="Context of each request in tokens; 0 is the model's own")
    ] = 0
    max_running_requests: Annotated[int, Meta(ge=0, description="Requests computed at once; 0 is SGLang's choice")] = 0
    chunked_prefill_size: Annotated[int, Meta(ge=0, description="Tokens of a prompt per step; 0 is its choice")] = 0
    dtype: Annotated[
        Literal["auto", "half", "float16", "bfloat16", "float", "float32"], Meta(description="Type of the weights")
    ] = "auto"
    quantization: Annotated[str, Meta(description="How the weights are quantised; empty: as the files say")] = ""
    kv_cache_dtype: Annotated[str, Meta(description="Type of the cached keys and values: auto, fp8_e5m2, …")] = "auto"
    enable_prefix_caching: Annotated[bool, Meta(description="Reuse what was computed for an equal beginning")] = True
    reasoning_parser: Annotated[str, Meta(description="How thoughts are told from the answer: qwen3, …")] = ""
    tool_call_parser: Annotated[str, Meta(description="How tool calls are read: qwen25, llama3, …; allows tools")] = ""
    chat_template: Annotated[str, Meta(description="Name or path of a chat template; empty: the model's")] = ""
    trust_remote_code: Annotated[bool, Meta(description="Run Python that comes with the weights")] = False
    seed: Annotated[int | None, Meta(description="Seed of its random numbers")] = None


OPEN = frozenset(
    {"tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size", "mem_fraction_static", "context_length",
     "max_running_requests", "chunked_prefill_size", "dtype", "quantization", "kv_cache_dtype", "enable_prefix_caching",
     "reasoning_parser", "tool_call_parser", "chat_template", "seed"}
)  # fmt: skip
"""Options that are open to every caller; `chat_template` has a rule of its own below."""

TEMPLATE_NAME = re.compile(r"\w[\w-]*")
"""Matches names of SGLang's own chat templates; file names contain a dot or a slash."""


def read(launch: Launch) -> SglangOptions:
    """The launch's options, checked. Raises `UnknownOption` or `InvalidParameter`."""
    given: dict[str, Json] = {}
    for key, value in launch.options.items():
        name = spelled(key)
        if name in given:
            raise InvalidParameter(key, f"means '{name}', which is given already.")
        given[name] = value
    options = read_options(NAME, SglangOptions, given)
    ranks = tensor_parallel(launch, options) * options.pipeline_parallel_size * options.data_parallel_size
    if launch.gpus and ranks != launch.gpus:
        raise InvalidParameter(
            "tensor_parallel_size",
            f"tensor, pipeline and data parallel sizes make {ranks} processes, and the launch has {launch.gpus} GPU(s).",
        )
    if ":" in launch.uid:
        raise InvalidParameter("model_uid", "SGLang takes no name with a colon.")
    return options


def privileges(options: SglangOptions) -> Iterator[Privilege]:
    """The options that are not open to every caller. SGLang reads Jinja from files only, so template text is not open either."""
    yield from option_privileges(options, OPEN)
    if not TEMPLATE_NAME.fullmatch(options.chat_template):
        yield from template_privileges(options.chat_template.replace("{", ""))


def spelled(key: str) -> str:
    """Our name of an option."""
    plain = key.removeprefix("sglang_")
    return ALIASES.get(plain, plain)


def tensor_parallel(launch: Launch, options: SglangOptions) -> int:
    """Number of GPUs that share each layer."""
    others = options.pipeline_parallel_size * options.data_parallel_size
    return options.tensor_parallel_size or max(1, launch.gpus // others)


def arguments(launch: Launch, options: SglangOptions) -> list[str]:
    """The options as arguments of SGLang's command line; options with SGLang's default are omitted."""
    made: list[str] = []
    for name, value in _flags(launch, options):
        if value is True:
            made.append(name)
        elif value not in (None, False, "", 0, "auto"):
            made += flag(name, str(value))
    return made


def _flags(launch: Launch, options: SglangOptions) -> Iterator[tuple[str, str | int | float | bool | None]]:
    for name, size in (
        ("--tp-size", tensor_parallel(launch, options)),
        ("--pp-size", options.pipeline_parallel_size),
        ("--dp-size", options.data_parallel_size),
    ):
        yield name, size if size > 1 else 0
    yield "--mem-fraction-static", options.mem_fraction_static
    yield "--context-length", options.context_length
    yield "--max-running-requests", options.max_running_requests
    yield "--chunked-prefill-size", options.chunked_prefill_size
    yield "--dtype", options.dtype
    yield "--quantization", options.quantization
    yield "--kv-cache-dtype", options.kv_cache_dtype
    yield "--disable-radix-cache", not options.enable_prefix_caching
    yield "--reasoning-parser", options.reasoning_parser
    yield "--tool-call-parser", options.tool_call_parser
    yield "--chat-template", options.chat_template
    yield "--trust-remote-code", options.trust_remote_code
    yield "--random-seed", options.seed
