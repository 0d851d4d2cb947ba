"""Launch options of vLLM, and their form on its command line."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from modelyard.core.errors import InvalidParameter
from modelyard.core.memory import kv_bytes
from modelyard.core.trust import Privilege
from modelyard.core.types import Json, Launch
from modelyard.engines.base import flag, option_privileges, read_options, template_privileges
from modelyard.engines.vllm import flags

NAME = "vllm"
GIB = 1024**3

USUAL_CONTEXT = 8192
UNKNOWN_CONTEXT = 4096
"""Tokens of context on the CPU if the launch gives no number: the model's own context, but at most this."""

ALIASES = {
    "context_length": "max_model_len",
    "n_ctx": "max_model_len",
    "tp": "tensor_parallel_size",
    "tp_size": "tensor_parallel_size",
    "pp": "pipeline_parallel_size",
    "dp": "data_parallel_size",
    "n_parallel": "max_num_seqs",
}
"""Names in Xinference, ms-swift and our other engines → ours. A leading `vllm_`, as in ms-swift, is removed as well."""

OURS = frozenset(
    {"--model", "--served-model-name", "--host", "--port", "--uds", "--api-key", "--root-path", "--middleware", "--config",
     "--lora-modules", "--ssl-keyfile", "--ssl-certfile", "--ssl-ca-certs", "--grpc", "--headless",
     "--allowed-local-media-path", "--allowed-media-domains"}
)  # fmt: skip
"""Arguments that only the server sets: address, key, name, and what may be fetched."""

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Valid values of `--max-lora-rank`."""

Parallel = Annotated[int, Meta(ge=1, le=1024)]


class VllmOptions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Options of a launch on vLLM. If omitted, vLLM or the model decides."""

    tensor_parallel_size: Annotated[
        int, Meta(ge=0, description="GPUs that share each layer; 0 is all the launch has, over the other two sizes")
    ] = 0
    pipeline_parallel_size: Annotated[int, Meta(ge=1, description="Groups of layers, each on GPUs of its own")] = 1
    data_parallel_size: Annotated[int, Meta(ge=1, description="Copies of the weights behind one replica")] = 1
    gpu_memory_utilization: Annotated[
        float, Meta(gt=0, le=1, description="Part of each GPU's memory that it takes, needed or not")
    ] = 0.9
    max_model_len: Annotated[
        int, Meta(ge=0, description="Context of each request in tokens; 0 is the model's own, on the CPU up to 8192")
    ] = 0
    max_num_seqs: Annotated[int, Meta(ge=0, description="Requests computed at once; 0 is vLLM's own choice")] = 0
    max_num_batched_tokens: Annotated[int, Meta(ge=0, description="Most tokens per step; 0 is vLLM's own choice")] = 0
    dtype: Annotated[
        Literal["auto", "half", "float16", "bfloat16", "float", "float32"], Meta(description="Type of the weights")
    ] = "auto"
    quantization: Annotated[str, Meta(description="How the weights are quantised; empty: as the files say")] = ""
    kv_cache_dtype: Annotated[str, Meta(description="Type of the cached keys and values: auto, fp8, …")] = "auto"
    enable_prefix_caching: Annotated[
        bool | None, Meta(description="Reuse what was computed for an equal beginning; unset: vLLM's own choice")
    ] = None
    enforce_eager: Annotated[
        bool | None, Meta(description="No compiled graphs: starts sooner, answers slower; unset: on the CPU only")
    ] = None
    cpu_kv_cache_gib: Annotated[
        int, Meta(ge=0, description="On the CPU: GiB for keys and values; 0 holds four requests of full length")
    ] = 0
    reasoning_parser: Annotated[
        str,
        Meta(description="How thoughts are told from the answer: qwen3, deepseek_r1, …; they go to reasoning_content"),
    ] = ""
    tool_call_parser: Annotated[
        str, Meta(description="How tool calls are read: hermes, llama3_json, …; allows tools")
    ] = ""
    chat_template: Annotated[str, Meta(description="Jinja text, or the path of a file with it; empty: the model's")] = (
        ""
    )
    enable_thinking: Annotated[bool | None, Meta(description="Default of the template's thinking switch")] = None
    trust_remote_code: Annotated[bool, Meta(description="Run Python that comes with the weights")] = False
    seed: Annotated[int, Meta(ge=0, description="Seed of requests that name none")] = 0
    enable_lora: Annotated[
        bool, Meta(description="Make room for LoRA adapters that come while it runs; launching with some does so too")
    ] = False
    max_loras: Annotated[
        int, Meta(ge=0, description="Adapters in one batch; 0 is as many as it is launched with, 1 at least")
    ] = 0
    max_lora_rank: Annotated[
        int, Meta(ge=0, description="Highest rank of an adapter; 0 is that of those it is launched with, 16 at least")
    ] = 0
    vllm_args: Annotated[
        str | list[str], Meta(description='More arguments of vLLM\'s own: a list, or text such as "--max-logprobs 5"')
    ] = []


OPEN = frozenset(
    {"tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size", "gpu_memory_utilization", "max_model_len",
     "max_num_seqs", "max_num_batched_tokens", "dtype", "quantization", "kv_cache_dtype", "enable_prefix_caching",
     "enforce_eager", "cpu_kv_cache_gib", "reasoning_parser", "tool_call_parser", "chat_template", "enable_thinking", "seed",
     "enable_lora", "max_loras", "max_lora_rank", "vllm_args"}
)  # fmt: skip
"""Options that are open to every caller; `chat_template` and `vllm_args` have rules of their own below."""


def read(launch: Launch) -> VllmOptions:
    """The launch's options, checked. Raises `UnknownOption` or `InvalidParameter`."""
    given: dict[str, Json] = {}
    for key, value in launch.options.items():
        name = spelled(key)
        if name in given:
            raise InvalidParameter(key, f"means '{name}', which is given already.")
        given[name] = value
    options = read_options(NAME, VllmOptions, given)
    _check_ranks(launch, options)
    _check_extra(options)
    return options


def privileges(options: VllmOptions) -> Iterator[Privilege]:
    """The options that are not open to every caller, as privileges."""
    yield from option_privileges(options, OPEN)
    yield from template_privileges(options.chat_template)
    yield from flags.privileges(extra(options))


def spelled(key: str) -> str:
    """Our name of an option."""
    plain = key.removeprefix("vllm_") if key.removeprefix("vllm_") in VllmOptions.__struct_fields__ else key
    return ALIASES.get(plain, plain)


def _check_ranks(launch: Launch, options: VllmOptions) -> None:
    ranks = max(1, options.tensor_parallel_size) * options.pipeline_parallel_size * options.data_parallel_size
    fits = launch.gpus % ranks == 0 if options.tensor_parallel_size == 0 else launch.gpus == ranks
    if launch.gpus and not fits:
        raise InvalidParameter(
            "tensor_parallel_size",
            f"tensor, pipeline and data parallel sizes make {ranks} processes, and the launch has {launch.gpus} GPU(s).",
        )


def _check_extra(options: VllmOptions) -> None:
    for word in extra(options):
        name = word.partition("=")[0].replace("_", "-")
        if name in OURS:
            raise InvalidParameter("vllm_args", f"it may not hold {name}, which is decided by the server.")


def tensor_parallel(launch: Launch, options: VllmOptions) -> int:
    """Number of GPUs that share each layer."""
    given = options.tensor_parallel_size
    return given or max(1, launch.gpus // (options.pipeline_parallel_size * options.data_parallel_size))


def context(launch: Launch, options: VllmOptions) -> int:
    """Tokens of context per request."""
    own = launch.model.context_length
    if options.max_model_len:
        return options.max_model_len
    return own if launch.gpus and own else min(own or UNKNOWN_CONTEXT, USUAL_CONTEXT)


def cpu_cache(launch: Launch, options: VllmOptions) -> int:
    """GiB of main memory for keys and values."""
    if options.cpu_kv_cache_gib or launch.model.shape is None:
        return options.cpu_kv_cache_gib or 1
    return max(1, math.ceil(kv_bytes(launch.model.shape, 4 * context(launch, options)) / GIB))


def eager(launch: Launch, options: VllmOptions) -> bool:
    """Whether vLLM runs without compiled graphs."""
    return not launch.gpus if options.enforce_eager is None else options.enforce_eager


def takes_adapters(launch: Launch, options: VllmOptions) -> bool:
    """Whether a replica can load adapters."""
    return options.enable_lora or bool(launch.adapters)


def has_zero_adapter(launch: Launch, options: VllmOptions) -> bool:
    """Whether the model itself is served through an adapter that changes nothing; see `zero.py`."""
    return takes_adapters(launch, options) and not launch.gpus


def lora_rank(launch: Launch, options: VllmOptions) -> int:
    """The maximum rank, rounded up to a value in `RANKS`."""
    highest = max((adapter.rank for adapter in launch.adapters), default=0)
    if options.max_lora_rank and options.max_lora_rank not in RANKS:
        raise InvalidParameter("max_lora_rank", f"it is none of {', '.join(map(str, RANKS))}.")
    return options.max_lora_rank or next((rank for rank in RANKS if rank >= max(16, highest)), RANKS[-1])


def extra(options: VllmOptions) -> tuple[str, ...]:
    """The user's own arguments. Raises `InvalidParameter` for an unclosed quotation mark."""
    given = options.vllm_args
    try:
        return tuple(shlex.split(given)) if isinstance(given, str) else tuple(given)
    except ValueError as error:
        raise InvalidParameter("vllm_args", f"it cannot be read: {error}.") from None


def arguments(launch: Launch, options: VllmOptions) -> list[str]:
    """The options as arguments of vLLM's command line; options with vLLM's default are omitted."""
    made: list[str] = []
    for name, value in _flags(launch, options):
        if value is True:
            made.append(name)
        elif value is False and name == "--enable-prefix-caching":
            made.append("--no-enable-prefix-caching")
        elif value not in (None, False, "", 0, "auto"):
            made += flag(name, str(value))
    return [*made, *extra(options)]


def _flags(launch: Launch, options: VllmOptions) -> Iterator[tuple[str, str | int | float | bool | None]]:
    yield "--tensor-parallel-size", _beyond_one(tensor_parallel(launch, options))
    yield "--pipeline-parallel-size", _beyond_one(options.pipeline_parallel_size)
    yield "--data-parallel-size", _beyond_one(options.data_parallel_size)
    if launch.gpus:
        yield "--gpu-memory-utilization", options.gpu_memory_utilization
    yield "--max-model-len", options.max_model_len or (0 if launch.gpus else context(launch, options))
    yield "--max-num-seqs", options.max_num_seqs
    yield "--max-num-batched-tokens", options.max_num_batched_tokens
    yield "--dtype", options.dtype
    yield "--quantization", options.quantization
    yield "--kv-cache-dtype", options.kv_cache_dtype
    yield "--enable-prefix-caching", options.enable_prefix_caching
    yield "--enforce-eager", eager(launch, options)
    yield "--reasoning-parser", options.reasoning_parser
    yield "--enable-auto-tool-choice", bool(options.tool_call_parser)
    yield "--tool-call-parser", options.tool_call_parser
    yield "--chat-template", options.chat_template or launch.model.chat_template
    yield "--default-chat-template-kwargs", _thinking(launch, options)
    yield "--trust-remote-code", options.trust_remote_code
    yield "--seed", options.seed
    with_adapters = takes_adapters(launch, options)
    at_once = (options.max_loras or max(1, len(launch.adapters))) + has_zero_adapter(launch, options)
    yield "--enable-lora", with_adapters
    yield "--max-loras", at_once if with_adapters else 0
    yield "--max-lora-rank", lora_rank(launch, options) if with_adapters else 0


def _beyond_one(size: int) -> int:
    return size if size > 1 else 0


def _thinking(launch: Launch, options: VllmOptions) -> str:
    if options.enable_thinking is None:
        return ""
    switch: Mapping[str, bool] = {launch.model.thinking_key or "enable_thinking": options.enable_thinking}
    return msgspec.json.encode(switch).decode()
