"""Launch options of llama.cpp, and the configuration that is passed to the replica's process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from modelyard.core.errors import InvalidParameter
from modelyard.core.trust import Privilege
from modelyard.core.types import Address, Json, Launch, ModelType
from modelyard.engines.base import option_privileges, read_options, template_privileges

NAME = "llama_cpp"

CacheType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]
Pooling = Literal["auto", "none", "mean", "cls", "last", "rank"]
Count = Annotated[int, Meta(ge=0)]

GENERATION_CONTEXT = 8192
EMBEDDING_CONTEXT = 2048
UNKNOWN_CONTEXT = 4096
"""Tokens of context if the launch gives no number: the model's own context, but at most this."""

ALIASES = {
    "context_length": "n_ctx",
    "max_model_len": "n_ctx",
    "ctx_size": "n_ctx",
    "parallel": "n_parallel",
    "threads": "n_threads",
    "gpu_layers": "n_gpu_layers",
}
"""Names in Xinference, ms-swift, vLLM and llama.cpp's own command line → ours."""


class LlamaCppOptions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Options of a launch on llama.cpp. Zero, empty or `auto` means a default that depends on the model."""

    n_ctx: Annotated[
        int,
        Meta(ge=0, description="Context of each request in tokens; 0 is the model's own, up to 8192 (embedding: 2048)"),
    ] = 0
    n_parallel: Annotated[int, Meta(ge=1, le=256, description="Requests computed at once; each has its own n_ctx")] = 4
    n_threads: Annotated[int, Meta(ge=0, description="CPU threads; 0 chooses by the size of the weights")] = 0
    n_threads_batch: Annotated[int, Meta(ge=0, description="CPU threads while reading prompts; 0 is n_threads")] = 0
    n_batch: Annotated[int, Meta(ge=1, description="Most prompt tokens per step")] = 2048
    n_ubatch: Annotated[
        int, Meta(ge=0, description="Most tokens per pass; 0 is 512, for embeddings and reranking n_ctx")
    ] = 0
    n_gpu_layers: Annotated[
        int | None, Meta(description="Layers on the GPU; -1 is all; unset: all if the launch has GPUs, else none")
    ] = None
    main_gpu: Annotated[int, Meta(ge=0, description="GPU for what is not split")] = 0
    split_mode: Annotated[
        Literal["none", "layer", "row"], Meta(description="How to spread the model over several GPUs")
    ] = "layer"
    tensor_split: Annotated[
        str | list[float], Meta(description='Share of each GPU: a list, or text such as "0.6,0.4"')
    ] = ""
    flash_attn: Annotated[Literal["auto", "on", "off"], Meta(description="Flash attention")] = "auto"
    cache_type_k: Annotated[CacheType, Meta(description="Type of the cached keys")] = "f16"
    cache_type_v: Annotated[CacheType, Meta(description="Type of the cached values")] = "f16"
    use_mmap: Annotated[bool, Meta(description="Map the weights instead of reading them")] = True
    use_mlock: Annotated[bool, Meta(description="Keep the weights from being swapped out")] = False
    cache_prompt: Annotated[bool, Meta(description="Reuse what a slot has computed for an equal beginning")] = True
    cache_ram_mib: Annotated[
        int, Meta(ge=0, description="Main memory for the prompts of earlier conversations, in MiB; 0 keeps none")
    ] = 0
    pooling: Annotated[Pooling, Meta(description="How token vectors become one; `auto` is what the file says")] = "auto"
    lora: Annotated[str | list[str], Meta(description="GGUF adapters to load, all of them active")] = []
    lora_scale: Annotated[float, Meta(description="Strength of the adapters")] = 1.0
    mmproj: Annotated[str, Meta(description="GGUF file of the vision or audio projector")] = ""
    chat_template: Annotated[str, Meta(description="Jinja text, or the path of a file with it; empty: the model's")] = (
        ""
    )
    enable_thinking: Annotated[bool | None, Meta(description="Default of the template's thinking switch")] = None
    reasoning_format: Annotated[
        Literal["none", "auto", "deepseek", "deepseek-legacy"],
        Meta(description="Where thoughts go: `none` leaves them in the content, others to reasoning_content"),
    ] = "auto"
    reasoning_budget: Annotated[int, Meta(ge=-1, description="Most tokens of thought; -1 is no limit")] = -1
    seed: Annotated[int, Meta(ge=-1, description="Seed of requests that name none; -1 is a new one each time")] = -1
    rope_scaling: Annotated[Literal["auto", "none", "linear", "yarn", "longrope"], Meta(description="RoPE scaling")] = (
        "auto"
    )
    rope_freq_base: Annotated[float, Meta(ge=0, description="RoPE base frequency; 0 is the model's")] = 0.0
    rope_freq_scale: Annotated[float, Meta(ge=0, description="RoPE frequency scale; 0 is the model's")] = 0.0
    yarn_orig_ctx: Annotated[int, Meta(ge=0, description="Context the model was trained for, for YaRN")] = 0
    context_shift: Annotated[bool, Meta(description="Forget the oldest tokens when the context is full")] = False
    warmup: Annotated[bool, Meta(description="Run once before taking requests")] = False
    verbosity: Annotated[int, Meta(ge=0, le=5, description="llama.cpp's log level: 1 errors, 2 warnings, 3 all")] = 1


OPEN = frozenset(
    {"n_ctx", "n_parallel", "n_threads", "n_threads_batch", "n_batch", "n_ubatch", "n_gpu_layers", "main_gpu", "split_mode",
     "tensor_split", "flash_attn", "cache_type_k", "cache_type_v", "use_mmap", "use_mlock", "cache_prompt", "cache_ram_mib",
     "pooling", "lora", "lora_scale", "mmproj", "chat_template", "enable_thinking", "reasoning_format", "reasoning_budget",
     "seed", "rope_scaling", "rope_freq_base", "rope_freq_scale", "yarn_orig_ctx", "context_shift", "warmup", "verbosity"}
)  # fmt: skip
"""Options that are open to every caller: `lora` and `mmproj` name GGUF files, as the launch itself may; `chat_template` has a
rule of its own below."""


class LlamaConfig(msgspec.Struct, kw_only=True, frozen=True):
    """The configuration of the replica's process, except for its token."""

    uid: str
    type: ModelType
    architecture: str | None
    path: str
    uds: str | None
    host: str
    port: int
    n_ctx: int
    """Tokens of context per request."""
    n_ubatch: int
    n_gpu_layers: int
    options: LlamaCppOptions
    chat_template: str = ""
    """Jinja text; empty for the model's own."""
    stops: tuple[str, ...] = ()
    """Strings that end every chat answer."""
    adapters: tuple[tuple[str, str, float], ...] = ()
    """Name, path and scale of adapters that a request may name as its model."""

    def alias(self) -> str:
        """llama.cpp's name of the model: its own, or with named adapters one that is as long as the longest name.

        llama.cpp writes it into every answer, where `front.py` overwrites it with the requested name.
        """
        if not self.adapters:
            return self.uid
        longest = max(len(msgspec.json.encode(name)) for name in (self.uid, *(name for name, _, _ in self.adapters)))
        return "model".ljust(longest, "_")

    def loras(self) -> dict[str, list[dict[str, float]]]:
        """Name → llama.cpp's `lora` field for a request: the adapters by number, in loading order.

        Includes the model's own name; empty if no adapter has a name.
        """
        if not self.adapters:
            return {}
        always = [self.options.lora_scale] * len(adapters(self.options))
        named = [*always, *[0.0] * len(self.adapters)]
        found = {self.uid: named}
        for number, (name, _, scale) in enumerate(self.adapters, len(always)):
            found[name] = [*named[:number], scale, *named[number + 1 :]]
        return {
            name: [{"id": number, "scale": scale} for number, scale in enumerate(scales)]
            for name, scales in found.items()
        }


def read(launch: Launch) -> LlamaCppOptions:
    """The launch's options, checked. Raises `UnknownOption` or `InvalidParameter`."""
    given: dict[str, Json] = {}
    for key, value in launch.options.items():
        name = ALIASES.get(key, key)
        if name in given and name != key:
            raise InvalidParameter(key, f"means '{name}', which is given too.")
        given[name] = value
    options = read_options(NAME, LlamaCppOptions, given)
    tensor_shares(options)
    return options


def privileges(options: LlamaCppOptions) -> Iterator[Privilege]:
    """The options that are not open to every caller, as privileges."""
    yield from option_privileges(options, OPEN)
    yield from template_privileges(options.chat_template)


def projector(launch: Launch, options: LlamaCppOptions) -> str:
    """The projector's path: that of the option, else the model's; empty without any."""
    return options.mmproj or launch.model.projector or ""


def context(launch: Launch, options: LlamaCppOptions) -> int:
    """Tokens of context per request."""
    if options.n_ctx:
        return options.n_ctx
    most = GENERATION_CONTEXT if launch.model.type is ModelType.LLM else EMBEDDING_CONTEXT
    return min(launch.model.context_length or UNKNOWN_CONTEXT, most)


def usable_context(launch: Launch, options: LlamaCppOptions) -> int:
    """Tokens of context per request that llama.cpp accepts: no more than the model was trained for, whatever `n_ctx` is."""
    tokens = context(launch, options)
    return min(tokens, launch.model.context_length or tokens)


def ubatch(launch: Launch, options: LlamaCppOptions) -> int:
    """Tokens of one pass. An encoder reads a whole text in one pass, so there it limits the text's length."""
    if options.n_ubatch:
        return options.n_ubatch
    return 512 if launch.model.type is ModelType.LLM else context(launch, options)


def gpu_layers(launch: Launch, options: LlamaCppOptions) -> int:
    """Number of layers on the GPU; -1 is all."""
    if options.n_gpu_layers is not None:
        return options.n_gpu_layers
    return -1 if launch.gpus else 0


def tensor_shares(options: LlamaCppOptions) -> tuple[float, ...]:
    """Each GPU's share; empty for equal shares."""
    given = options.tensor_split
    parts: list[str] | list[float] = [part for part in given.split(",") if part] if isinstance(given, str) else given
    try:
        return tuple(float(part) for part in parts)
    except ValueError:
        raise InvalidParameter("tensor_split", f"'{given}' is not a list of numbers.") from None


def adapters(options: LlamaCppOptions) -> tuple[str, ...]:
    """Paths of the LoRA files."""
    given = options.lora
    return tuple(part for part in given.split(",") if part) if isinstance(given, str) else tuple(given)


def configure(launch: Launch, path: str, listen: Address, options: LlamaCppOptions) -> LlamaConfig:
    """The configuration of a replica's process."""
    return LlamaConfig(
        uid=launch.uid,
        type=launch.model.type,
        architecture=launch.model.architecture,
        path=path,
        uds=listen.uds,
        host=listen.host,
        port=listen.port,
        n_ctx=context(launch, options),
        n_ubatch=ubatch(launch, options),
        n_gpu_layers=gpu_layers(launch, options),
        options=msgspec.structs.replace(options, mmproj=projector(launch, options)),
        chat_template=options.chat_template or launch.model.chat_template or "",
        stops=launch.model.stop,
        adapters=tuple((adapter.name, adapter.path, adapter.scale) for adapter in launch.adapters),
    )
