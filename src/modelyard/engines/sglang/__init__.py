"""SGLang as an engine: its own server behind our gateway, on NVIDIA GPUs.

Pure; does not import SGLang. Tests compare the text of its recipe and commands; they were not run, because that needs
a GPU. `start.py` runs inside the replica.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from modelyard.core.errors import InvalidParameter
from modelyard.core.memory import MEBIBYTE, Runtime, footprint
from modelyard.core.trust import Privilege
from modelyard.core.types import Address, Footprint, Hardware, Launch, Model, ModelType, ReplicaFigure, Task
from modelyard.engines.base import (
    PYTHON,
    Command,
    Engine,
    Fit,
    Profile,
    Recipe,
    Step,
    flag,
    token_header,
)
from modelyard.engines.rules import without_tools
from modelyard.engines.sglang.options import NAME, SglangOptions, arguments, privileges, read, tensor_parallel
from modelyard.engines.sglang.rules import RULES
from modelyard.engines.sglang.start import TOKEN_VARIABLE

RUNTIME = Runtime(process=1500 * MEBIBYTE, widths=12, logits=256, batch=8192, share=0.88)
"""Estimated, not measured."""

PROFILE = Profile(
    "SGLang",
    formats=frozenset({"pytorch", "gptq", "awq", "fp8", "fp4", "bnb", "compressed-tensors"}),
    devices=frozenset({"gpu"}),
    memory=RUNTIME,
    rank=2,
)

RECIPE = Recipe(
    proof="sglang",
    steps=(
        Step(("sglang==0.5.23",), lock="sglang-gpu.txt"),
        Step(("torch==2.14.1", "torchvision==0.29.2", "torchaudio==2.11.0", "torchcodec==0.17.0")),
    ),
    show=("sglang", "torch", "transformers"),
)

FIGURES: Mapping[str, Sequence[ReplicaFigure]] = {
    "sglang:num_queue_reqs": ("queued",),
    "sglang:token_usage": ("kv_cache",),
    "sglang:prompt_tokens_total": ("prefix_queries",),
    "sglang:cached_tokens_total": ("prefix_hits",),
}

NO_TOOLS = "this model was launched without a tool_call_parser, such as qwen25 or llama3"


class Sglang(Engine):
    """The registered engine."""

    name = NAME
    profile = PROFILE
    Options = SglangOptions
    rules = RULES
    environment = RECIPE

    def fits(self, model: Model, hardware: Hardware) -> Fit:
        if model.type is not ModelType.LLM:
            return Fit(0, f"it runs language models, not type '{model.type}'")
        if model.format not in PROFILE.formats:
            return Fit(0, f"it runs folders of weights as PyTorch keeps them, not format '{model.format}'")
        if not hardware.gpus:
            return Fit(0, "it takes a GPU")
        return Fit(85, "SGLang runs it on the GPU, many requests at once")

    def footprint(self, launch: Launch) -> Footprint:
        options = read(launch)
        model = launch.model
        length = options.context_length or model.context_length or 4096
        need = footprint(model.weights_bytes, model.shape, RUNTIME, context=length, on_gpu=bool(launch.gpus))
        copies = options.data_parallel_size
        processes = tensor_parallel(launch, options) * options.pipeline_parallel_size * copies
        return Footprint(
            weights=need.weights * copies,
            kv_cache=need.kv_cache * copies,
            overhead=need.overhead * processes,
            activations=need.activations * processes,
            share=options.mem_fraction_static,
        )

    def check(self, launch: Launch) -> None:
        read(launch)

    def command(self, launch: Launch, listen: Address, token: str) -> Command:
        options = read(launch)
        model = launch.model
        if model.path is None:
            raise InvalidParameter("model_path", f"'{model.name}' has no folder of weights on this machine.")
        return Command(
            argv=(
                *(PYTHON, "-m", "modelyard.engines.sglang.start", listen.uds or ""),
                *("--model-path", model.path, *flag("--served-model-name", launch.uid), "--enable-metrics"),
                *arguments(launch, options),
            ),
            address=listen,
            tasks=frozenset({Task.CHAT, Task.COMPLETION}),
            env={"HF_HUB_OFFLINE": "1", **({TOKEN_VARIABLE: token} if token else {})},
            headers=token_header(token),
            rules=RULES if options.tool_call_parser else without_tools(RULES, NO_TOOLS),
            context_length=options.context_length or None,
            figures=FIGURES,
        )

    def privileges(self, launch: Launch) -> Iterable[Privilege]:
        return privileges(read(launch))


engine = Sglang()
