"""The process of a llama.cpp replica: configures llama.cpp's server, and ends it cleanly on SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
import xllamacpp

from modelyard.core.fetching import hosts_of_replica
from modelyard.core.types import Address, ModelType
from modelyard.engines.llama_cpp import CONFIG_VARIABLE, TOKEN_VARIABLE
from modelyard.engines.llama_cpp.faults import NO_PROJECTOR
from modelyard.engines.llama_cpp.front import Front, serve, vocabulary
from modelyard.engines.llama_cpp.options import LlamaConfig, adapters, tensor_shares
from modelyard.engines.loop import run_loop
from modelyard.engines.media import Media

BYTES_PER_THREAD = 64 * 1024 * 1024
"""Bytes of weights per thread above which another thread is worthwhile; below it, threads mostly wait for each other."""

WAITING_PER_SLOT = 2
"""Requests per slot that wait inside llama.cpp instead of in our front, so that a slot never idles."""

PROBABILITIES = ("qwen3", "qwen3vl")
"""Architectures whose rerank scores llama.cpp returns after a softmax."""


def params_of(config: LlamaConfig, token: str) -> Any:
    """llama.cpp's parameters for one replica."""
    options = config.options
    params = xllamacpp.CommonParams()
    params.model.path = config.path
    params.model_alias = {config.alias()}
    params.n_parallel = options.n_parallel
    params.n_ctx = config.n_ctx * options.n_parallel
    params.n_batch = max(options.n_batch, config.n_ubatch) if config.type is not ModelType.LLM else options.n_batch
    params.n_ubatch = min(config.n_ubatch, params.n_batch)
    params.cache_prompt = options.cache_prompt
    params.cache_ram_mib = options.cache_ram_mib
    params.cache_idle_slots = options.cache_ram_mib > 0
    params.ctx_shift = options.context_shift
    params.warmup = options.warmup
    params.verbosity = options.verbosity
    params.sampling.seed = options.seed & 0xFFFFFFFF
    params.ui = False
    params.prefill_assistant = False  # a final assistant message is answered, not continued, as on other engines
    params.fit_params = False
    params.endpoint_slots = params.endpoint_metrics = True  # for `figures.py`; the gateway forwards neither
    if token:
        params.api_keys = [token]
    _listen(params, config)
    _threads(params, config)
    _devices(params, config)
    _files(params, config)
    _rope(params, config)
    _task(params, config)
    return params


def _listen(params: Any, config: LlamaConfig) -> None:
    if config.uds:
        inner = Path(config.uds).with_suffix(".llama.sock")
        inner.unlink(missing_ok=True)
        params.hostnames = [str(inner)]
    else:
        params.hostnames = ["127.0.0.1"]
        params.port = 0


def _threads(params: Any, config: LlamaConfig) -> None:
    options = config.options
    threads = options.n_threads or threads_for(Path(config.path).stat().st_size, cpus())
    if threads:
        params.cpuparams.n_threads = threads
    if batch := options.n_threads_batch or threads:
        params.cpuparams_batch.n_threads = batch


def cpus() -> int:
    """Number of CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_for(weights: int, available: int) -> int:
    """Number of threads for this many bytes of weights; 0 means llama.cpp's default, the physical cores."""
    useful = max(1, weights // BYTES_PER_THREAD)
    return 0 if useful >= available else useful


def _devices(params: Any, config: LlamaConfig) -> None:
    options = config.options
    params.n_gpu_layers = 9999 if config.n_gpu_layers < 0 else config.n_gpu_layers
    params.main_gpu = options.main_gpu
    params.split_mode = xllamacpp.llama_split_mode[f"LLAMA_SPLIT_MODE_{options.split_mode.upper()}"]
    if shares := tensor_shares(options):
        places = len(params.tensor_split)
        params.tensor_split = [*shares, *[0.0] * places][:places]
    flash = {"auto": "AUTO", "on": "ENABLED", "off": "DISABLED"}[options.flash_attn]
    params.flash_attn_type = xllamacpp.llama_flash_attn_type[f"LLAMA_FLASH_ATTN_TYPE_{flash}"]
    params.cache_type_k = xllamacpp.ggml_type[f"GGML_TYPE_{options.cache_type_k.upper()}"]
    params.cache_type_v = xllamacpp.ggml_type[f"GGML_TYPE_{options.cache_type_v.upper()}"]
    mode = {(True, False): "MMAP", (True, True): "MMAP_MLOCK", (False, True): "MLOCK", (False, False): "NONE"}
    params.load_mode = xllamacpp.llama_load_mode[f"LLAMA_LOAD_MODE_{mode[options.use_mmap, options.use_mlock]}"]


def _files(params: Any, config: LlamaConfig) -> None:
    options = config.options
    if options.mmproj:
        params.mmproj.path = str(Path(options.mmproj).expanduser())
    params.lora_adapters = [
        *(
            xllamacpp.CommonAdapterLoraInfo(str(Path(path).expanduser()), options.lora_scale)
            for path in adapters(options)
        ),
        *(xllamacpp.CommonAdapterLoraInfo(path, 0.0) for _, path, _ in config.adapters),  # requests activate them
    ]


def _rope(params: Any, config: LlamaConfig) -> None:
    options = config.options
    if options.rope_scaling != "auto":
        kind = f"LLAMA_ROPE_SCALING_TYPE_{options.rope_scaling.upper()}"
        params.rope_scaling_type = xllamacpp.llama_rope_scaling_type[kind]
    params.rope_freq_base = options.rope_freq_base
    params.rope_freq_scale = options.rope_freq_scale
    params.yarn_orig_ctx = options.yarn_orig_ctx


def _task(params: Any, config: LlamaConfig) -> None:
    options = config.options
    if config.type is ModelType.LLM:
        if config.chat_template:
            params.chat_template = template_text(config.chat_template)
        reasoning = options.reasoning_format.upper().replace("-", "_")
        params.reasoning_format = xllamacpp.common_reasoning_format[f"COMMON_REASONING_FORMAT_{reasoning}"]
        params.sampling.reasoning_budget_tokens = options.reasoning_budget
        if options.enable_thinking is not None:
            params.enable_reasoning = int(options.enable_thinking)
            value = "true" if options.enable_thinking else "false"
            params.default_template_kwargs = {"enable_thinking": value, "thinking": value}
        return
    params.embedding = True
    pooling = "rank" if config.type is ModelType.RERANK else options.pooling
    if pooling != "auto":
        params.pooling_type = xllamacpp.llama_pooling_type[f"LLAMA_POOLING_TYPE_{pooling.upper()}"]


def template_text(given: str) -> str:
    """A chat template, given as text or as the path of a file."""
    if "{" not in given and (file := Path(given).expanduser()).is_file():
        return file.read_text(encoding="utf-8")
    return given


def main() -> None:
    """Load the model and serve until SIGTERM. Exits with 1 if llama.cpp cannot load; its error is on stderr."""
    config = msgspec.json.decode(os.environ.pop(CONFIG_VARIABLE), type=LlamaConfig)
    token = os.environ.pop(TOKEN_VARIABLE, "")
    try:
        server = xllamacpp.Server(params_of(config, token))
    except RuntimeError as error:
        sys.exit(f"llama.cpp could not start: {error}")
    code = run_loop(serve_until_stopped(config, inner_address(server.listening_address), token))
    # llama.cpp's own shutdown waits for requests in progress, and may crash; the control plane has drained us already.
    os._exit(code)


def inner_address(text: str) -> Address:
    """llama.cpp's own listening address, which only this process uses."""
    if text.startswith("unix://"):
        return Address(uds=text.removeprefix("unix://"))
    host, _, port = text.rpartition("://")[2].rpartition(":")
    return Address(host=host, port=int(port))


async def serve_until_stopped(config: LlamaConfig, inner: Address, token: str) -> int:
    """Open the front and keep it open; returns the exit code."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    # llama.cpp has installed its own signal handlers, which are replaced here.
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    listen = Address(uds=config.uds, host=config.host, port=config.port)
    if listen.uds:
        Path(listen.uds).unlink(missing_ok=True)
    gate = asyncio.Semaphore(config.options.n_parallel * WAITING_PER_SLOT)
    await serve(
        listen,
        Front(
            inner,
            config.architecture not in PROBABILITIES,
            gate,
            config.stops,
            config.loras(),
            config.alias(),
            config.options.enable_thinking,
            await vocabulary(inner, token),
            config.n_ctx,
            media=Media(hosts_of_replica(), "" if config.options.mmproj else NO_PROJECTOR),
        ),
    )
    print(f"{config.uid} is listening on {listen}", flush=True)
    await stopped.wait()
    for path in (listen.uds, inner.uds):
        if path:
            Path(path).unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    main()
