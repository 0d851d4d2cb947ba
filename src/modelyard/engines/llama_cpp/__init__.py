"""llama.cpp's own server as an engine: fit, memory, the command of a replica, and the reason of its death.

Pure; only `__main__.py`, which runs inside the replica's process, imports `xllamacpp`.
"""

from __future__ import annotations

import functools
import importlib.util
import mmap
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from modelyard.core.errors import InvalidParameter
from modelyard.core.memory import MEBIBYTE, Runtime, footprint
from modelyard.core.trust import Privilege
from modelyard.core.types import Adapter, Address, Footprint, Hardware, Launch, Model, ModelType, Task
from modelyard.engines.base import ADAPTERS, Command, Engine, Fit, Profile, describe_exit, last_words, token_header
from modelyard.engines.llama_cpp.figures import FIGURES
from modelyard.engines.llama_cpp.options import (
    NAME,
    LlamaCppOptions,
    adapters,
    configure,
    context,
    privileges,
    projector,
    read,
    ubatch,
    usable_context,
)
from modelyard.engines.llama_cpp.rules import RULES
from modelyard.engines.rules import without_tools

CONFIG_VARIABLE = "LLAMA_REPLICA_CONFIG"
TOKEN_VARIABLE = "LLAMA_REPLICA_TOKEN"
"""Environment variable with the replica's token; argument lists are readable by every user."""

TASKS = {
    ModelType.LLM: frozenset({Task.CHAT, Task.COMPLETION, Task.TOKENIZATION, Task.DETOKENIZATION}),
    ModelType.EMBEDDING: frozenset({Task.EMBEDDING, Task.TOKENIZATION, Task.DETOKENIZATION}),
    ModelType.RERANK: frozenset({Task.RERANK, Task.TOKENIZATION, Task.DETOKENIZATION}),
}

RUNTIME = Runtime(
    process=48 * MEBIBYTE, widths=12, logits=512, element=4, mask=3, word=180, parallel=4, batch=512, byte_cache="q8_0"
)

PROFILE = Profile(
    "llama.cpp",
    formats=frozenset({"ggufv2"}),
    types=tuple(TASKS),
    aliases=frozenset({"llamacpp", "xllamacpp", "llama_cpp_python", "ggml"}),
    memory=RUNTIME,
    rank=4,
)

NO_TOOLS = "llama.cpp cannot offer tools, for the model's chat template has no place for them"

GPU_BACKENDS = (b"ggml_backend_cuda", b"ggml_backend_vk", b"ggml_backend_sycl", b"ggml_backend_metal")
"""Names of functions that only builds for GPUs contain."""

PREFIX = re.compile(r"^[\d.]+ [A-Z] (?:\w+ +)?\w+: ")
TEMPLATE = "common_chat_templates_init: error: "
TWICE = re.compile(r"^error loading model: (?=error loading model)")
TELLING = (
    "gguf_init_from_",
    "error loading model",
    "unknown model architecture",
    "failed to allocate",
    "unable to allocate",
    "out of memory",
    "failed to load LoRA",
    "couldn't bind",
    "failed to parse chat template",
    "GGML_ASSERT",
    "failed to open",
)
"""Words in the lines with llama.cpp's actual error; later lines only say that it failed."""


class LlamaCpp(Engine):
    """The registered engine."""

    name = NAME
    profile = PROFILE
    Options = LlamaCppOptions
    rules = RULES

    def missing(self) -> tuple[str, ...]:
        if importlib.util.find_spec("xllamacpp") is None:
            return ("xllamacpp is not installed: pip install xllamacpp.",)
        return ()

    def uses_gpus(self) -> bool:
        return _built_for_gpus()

    def fits(self, model: Model, hardware: Hardware) -> Fit:
        if model.format not in PROFILE.formats:
            return Fit(0, f"it runs GGUF files, not format '{model.format}'")
        if model.type not in TASKS:
            return Fit(0, f"it does not run models of type '{model.type}'")
        return Fit(80, "llama.cpp runs GGUF files natively")

    def footprint(self, launch: Launch) -> Footprint:
        options = read(launch)
        model = launch.model
        weights = model.weights_bytes + sum(
            _size(path) for path in (*adapters(options), projector(launch, options)) if path
        )
        weights += sum(adapter.size for adapter in launch.adapters)
        prompts = options.cache_ram_mib * MEBIBYTE
        if model.shape is None:
            return Footprint(weights, 0, RUNTIME.process + prompts + weights // 10)
        need = footprint(
            weights,
            model.shape,
            RUNTIME,
            context=context(launch, options),
            parallel=options.n_parallel,
            batch=ubatch(launch, options),
            key=options.cache_type_k,
            value=options.cache_type_v,
            on_gpu=bool(launch.gpus),
        )
        encoder = "bert" in (model.architecture or "")  # encoders have no KV cache
        return replace(need, kv_cache=0 if encoder else need.kv_cache, overhead=need.overhead + prompts)

    def check(self, launch: Launch) -> None:
        _check_files(read(launch))

    def command(self, launch: Launch, listen: Address, token: str) -> Command:
        options = read(launch)
        model = launch.model
        if model.path is None:
            raise InvalidParameter("model_path", f"'{model.name}' has no GGUF file on this machine.")
        _check_files(options)  # again, because a stored launch is started again after a restart of the server
        config = configure(launch, model.path, listen, options)
        lacks_tools = model.type is ModelType.LLM and model.abilities and "tools" not in model.abilities
        return Command(
            argv=(sys.executable, "-m", "modelyard.engines.llama_cpp"),
            address=listen,
            tasks=TASKS.get(model.type, frozenset()),
            env={
                # Threads that wait by spinning block a shared machine: 9 tokens a second instead of 275.
                "OMP_WAIT_POLICY": "passive",
                CONFIG_VARIABLE: msgspec.json.encode(config).decode(),
                **({TOKEN_VARIABLE: token} if token else {}),
            },
            headers=token_header(token),
            rules=without_tools(RULES, NO_TOOLS) if lacks_tools else RULES,
            context_length=usable_context(launch, options),
            figures=FIGURES,
        )

    def privileges(self, launch: Launch) -> Iterable[Privilege]:
        return privileges(read(launch))

    def check_adapter(self, launch: Launch, adapter: Adapter) -> None:
        if adapter.format != "gguf":
            raise InvalidParameter(
                ADAPTERS,
                f"llama.cpp takes adapters as GGUF files, and '{adapter.path}' is a folder of PEFT; llama.cpp's "
                "convert_lora_to_gguf.py makes one of it.",
            )

    def explain(self, log: Sequence[str], exit_code: int | None) -> str:
        lines = [line.strip() for line in log if line.strip()]
        for line in lines:
            if TEMPLATE in line:
                return f"the chat template cannot be used: {line.partition(TEMPLATE)[2]} ({describe_exit(exit_code)})"
            if any(word in line for word in TELLING):
                return f"{TWICE.sub('', PREFIX.sub('', line))} ({describe_exit(exit_code)})"
        return last_words([PREFIX.sub("", line) for line in lines], exit_code)


@functools.cache
def _built_for_gpus() -> bool:
    """Whether the installed library contains a GPU backend; searched in its bytes, because importing it is slow."""
    found = importlib.util.find_spec("xllamacpp")
    folders = found.submodule_search_locations if found else None
    for library in (file for folder in folders or () for file in Path(folder).glob("*.so")):
        with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as code:
            if any(code.find(name) >= 0 for name in GPU_BACKENDS):
                return True
    return False


def _size(path: str) -> int:
    file = Path(path).expanduser()
    return file.stat().st_size if file.is_file() else 0


def _check_files(options: LlamaCppOptions) -> None:
    named = [("lora", path) for path in adapters(options)]
    if options.mmproj:
        named.append(("mmproj", options.mmproj))
    for option, path in named:
        if not Path(path).expanduser().is_file():
            raise InvalidParameter(option, f"there is no file '{path}'.")


engine = LlamaCpp()
