"""Hugging Face transformers as an engine: all causal language models that it supports, batched by `serving/batching.py`.

Pure, except for `load`, which runs inside the replica and imports large libraries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from modelyard.core.errors import InvalidParameter
from modelyard.core.memory import PYTORCH, footprint
from modelyard.core.trust import Privilege
from modelyard.core.types import Adapter, Address, Footprint, Hardware, Launch, Model, ModelType, Recipe, Step, Task
from modelyard.engines.base import ADAPTERS, Command, Fit, Profile, describe_exit, last_words
from modelyard.engines.rules import without_tools
from modelyard.engines.served import ReplicaConfig, ServedEngine, configure, served
from modelyard.engines.transformers.options import NAME, TransformersOptions, context, privileges, read, template_text
from modelyard.engines.transformers.rules import RULES

PROFILE = Profile(
    "Transformers",
    formats=frozenset({"pytorch", "gptq", "awq", "bnb", "fp4"}),
    aliases=frozenset({"hf", "huggingface", "pytorch", "pt"}),
    memory=PYTORCH,
    rank=1,
)

LIBRARIES = (
    *("transformers>=5.10", "accelerate>=1.10", "safetensors>=0.6"),
    *("peft>=0.20", "llguidance>=1.7", "pillow>=12"),  # adapters, constrained answers, pictures
)

TORCH = Step(("torch==2.13.0",))
"""torch's files differ between package sources, so no lock file lists it. Its dependencies are installed before."""

RECIPE = Recipe(
    proof="transformers",
    steps=(Step(LIBRARIES, lock="transformers-cpu.txt"), TORCH),
    gpu_steps=(Step(LIBRARIES, lock="transformers-gpu.txt"), TORCH),
    show=("transformers", "torch"),
)

NO_TOOLS = "its chat template has no place for tools"

NO_TRAITS = {
    "dora": "DoRA scales the model's own weights",
    "bias": "it changes the model's biases",
    "modules_to_save": "it brings whole modules",
    "parameters": "it changes single parameters",
}
"""Feature → why an adapter with it is not served, although PEFT could load it: other requests would be answered wrongly."""

VISION = "vision"

PICTURE_BYTES = 256 * 1024 * 1024
"""Maximum bytes of prepared pictures that are kept until their answers begin."""

RAISED = re.compile(r"^(?:[\w.]+\.)?(\w*(?:Error|Exception)|CannotStart): (.+)")
"""Matches the last line of a traceback; for our own errors the class name is removed."""


class Transformers(ServedEngine):
    """The registered engine."""

    name = NAME
    profile = PROFILE
    Options = TransformersOptions
    rules = RULES
    environment = RECIPE

    def fits(self, model: Model, hardware: Hardware) -> Fit:
        if model.type is not ModelType.LLM:
            return Fit(0, f"it runs language models, not type '{model.type}'")
        if model.format not in PROFILE.formats:
            return Fit(0, f"it runs Hugging Face folders, not format '{model.format}'")
        if model.format != "pytorch" and not hardware.gpus:
            return Fit(0, f"format '{model.format}' needs a GPU")
        if model.shape is not None and 0 < model.shape.cached_layers < model.shape.layers:
            return Fit(0, "it has layers that keep a state instead of keys and values, which cannot be batched here")
        if VISION in model.abilities:
            return Fit(50, "transformers runs it; whether it sees pictures here is tried when it is loaded")
        return Fit(50, "transformers runs any causal language model that it knows")

    def footprint(self, launch: Launch) -> Footprint:
        options = read(launch)
        model = launch.model
        wide = not launch.gpus and options.dtype in ("auto", "float32")
        weights = model.weights_bytes
        if wide and model.shape is not None and model.shape.parameters:
            weights = max(weights, 4 * model.shape.parameters)
        kind = "f32" if wide else "f16"
        found = footprint(
            weights,
            model.shape,
            PYTORCH,
            context=context(launch, options),
            parallel=options.max_num_seqs,
            batch=options.max_num_batched_tokens,
            key=kind,
            value=kind,
            on_gpu=bool(launch.gpus),
        )
        seen = seeing_bytes(model, context(launch, options), 4 if wide else 2)
        return replace(found, activations=found.activations + seen)

    def check(self, launch: Launch) -> None:
        context(launch, read(launch))

    def command(self, launch: Launch, listen: Address, token: str) -> Command:
        options = read(launch)
        model = launch.model
        if model.path is None:
            raise InvalidParameter("model_path", f"'{model.name}' has no folder on this machine.")
        length = context(launch, options)
        return served(
            configure(launch, model.path, listen, options, length),
            listen,
            token,
            tasks=frozenset({Task.CHAT, Task.COMPLETION, Task.TOKENIZATION}),
            rules=RULES if _takes_tools(model, options) else without_tools(RULES, NO_TOOLS),
            context_length=length,
            hot_adapters=True,
            # Threads that wait by spinning block a shared machine: 9 tokens a second instead of 440.
            env={"TOKENIZERS_PARALLELISM": "false", "OMP_WAIT_POLICY": "passive"},
        )

    def privileges(self, launch: Launch) -> Iterable[Privilege]:
        return privileges(read(launch))

    def check_adapter(self, launch: Launch, adapter: Adapter) -> None:
        if adapter.format != "peft":
            raise InvalidParameter(
                ADAPTERS, f"transformers takes folders that PEFT saved, and '{adapter.path}' is a GGUF file."
            )
        for trait in adapter.traits:
            if trait in NO_TRAITS:
                raise InvalidParameter(
                    ADAPTERS,
                    f"the transformers engine cannot mix '{adapter.name}' with others in a batch: {NO_TRAITS[trait]}.",
                )

    def explain(self, log: Sequence[str], exit_code: int | None) -> str:
        for line in reversed([line.strip() for line in log]):
            if found := RAISED.match(line):
                kind = "" if found[1] == "CannotStart" else f"{found[1]}: "
                return f"{kind}{found[2]} ({describe_exit(exit_code)})"
        return last_words(log, exit_code)

    def load(self, config: ReplicaConfig) -> Any:
        """Load weights and tokenizer, as an `engines.generation.Language`."""
        from modelyard.engines.transformers.model import Passes, load_weights
        from modelyard.engines.transformers.recordings import can_record, cuda_graphs
        from modelyard.engines.transformers.text import TransformersLanguage
        from modelyard.engines.transformers.vision_check import load_and_check_sight

        options = msgspec.convert(config.options, TransformersOptions)
        model = load_weights(config, options)
        recorder = cuda_graphs if can_record(model) and not options.enforce_eager else None
        backend = Passes(model, options.max_num_seqs, recorder)
        sight, blind = load_and_check_sight(config.path, model, backend, options.trust_remote_code)
        language = TransformersLanguage(config, options, backend, sight, blind)
        backend.grammars = language.grammars
        return language


def seeing_bytes(model: Model, context: int, element: int) -> int:
    """Additional memory of a model with vision: prepared pictures, and the embeddings of the prompt being read."""
    if VISION not in model.abilities:
        return 0
    return PICTURE_BYTES + (context * model.shape.hidden * element if model.shape else 0)


def _takes_tools(model: Model, options: TransformersOptions) -> bool:
    """Whether the template of the launch, or else the model's, supports tools; assumed if the model has not been examined."""
    if options.chat_template:
        return "tools" in template_text(options.chat_template)
    return not model.abilities or "tools" in model.abilities


engine = Transformers()
