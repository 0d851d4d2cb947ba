"""sentence-transformers as an engine: embedding models, and cross-encoders that rank documents.

Pure; only `encoder.py`, which runs inside the replica's process, imports the library.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from modelyard.core.errors import InvalidParameter
from modelyard.core.memory import MEBIBYTE
from modelyard.core.trust import Privilege
from modelyard.core.types import Address, Footprint, Hardware, Launch, Model, ModelType, Recipe, Step, Task
from modelyard.engines.base import Command, Fit, Profile, describe_exit, last_words
from modelyard.engines.sentence_transformers.options import (
    NAME,
    SentenceTransformersOptions,
    batch_tokens,
    privileges,
    read,
)
from modelyard.engines.sentence_transformers.rules import RULES
from modelyard.engines.served import ReplicaConfig, ServedEngine, configure, served

TASKS = {
    ModelType.EMBEDDING: frozenset({Task.EMBEDDING, Task.TOKENIZATION}),
    ModelType.RERANK: frozenset({Task.RERANK, Task.CLASSIFICATION, Task.TOKENIZATION}),
}

PROFILE = Profile(
    "sentence_transformers",
    formats=frozenset({"pytorch"}),
    types=tuple(TASKS),
    aliases=frozenset({"sentence_transformer"}),
)

LIBRARIES = ("transformers>=5.10", "sentence-transformers>=6.0")

TORCH = Step(("torch==2.13.0",))
"""torch's files differ between package sources, so no lock file lists it. Its dependencies are installed before."""

RECIPE = Recipe(
    proof="sentence_transformers",
    steps=(Step(LIBRARIES, lock="sentence_transformers-cpu.txt"), TORCH),
    gpu_steps=(Step(LIBRARIES, lock="sentence_transformers-gpu.txt"), TORCH),
    show=("sentence-transformers", "transformers", "torch"),
)

PROCESS = 500 * MEBIBYTE
"""Bytes of the interpreter with torch, transformers and sentence-transformers, before a model is loaded."""

CLASSIFY = "classify"
"""The ability of models with several labels, which do not rank."""

WIDTHS = 14
"""Values per token of a pass, in multiples of the residual stream's width: the feed-forward layer has four of them."""

TELLING = ("Error: ", "Exception: ", "out of memory")


class SentenceTransformers(ServedEngine):
    """The registered engine."""

    name = NAME
    profile = PROFILE
    Options = SentenceTransformersOptions
    rules = RULES
    environment = RECIPE

    def fits(self, model: Model, hardware: Hardware) -> Fit:
        if model.type not in TASKS:
            return Fit(0, f"it makes vectors and ranks documents, and does not run models of type '{model.type}'")
        if model.format not in PROFILE.formats:
            return Fit(0, f"it runs folders of PyTorch weights, not format '{model.format}'")
        architecture = model.architecture or ""
        if model.type is ModelType.RERANK and architecture and not architecture.endswith("ForSequenceClassification"):
            return Fit(0, f"it ranks and classifies with heads of classifiers, not with '{architecture}'")
        return Fit(75, "sentence-transformers runs such folders natively")

    def footprint(self, launch: Launch) -> Footprint:
        options = read(launch)
        shape = launch.model.shape
        if shape is None:
            return Footprint(launch.model.weights_bytes, 0, PROCESS)
        on_gpu = bool(launch.gpus)
        wide = options.dtype == "float32" or (options.dtype == "auto" and not on_gpu)
        element = 4 if wide else 2
        weights = max(launch.model.weights_bytes, shape.parameters * element)
        activations = batch_tokens(options, on_gpu) * shape.hidden * WIDTHS * element
        return Footprint(weights, 0, PROCESS, activations)

    def check(self, launch: Launch) -> None:
        read(launch)

    def command(self, launch: Launch, listen: Address, token: str) -> Command:
        options = read(launch)
        model = launch.model
        if model.path is None:
            raise InvalidParameter("model_path", f"'{model.name}' has no folder on this machine.")
        config = configure(launch, model.path, listen, options, options.max_length)
        return served(
            config,
            listen,
            token,
            tasks=TASKS.get(model.type, frozenset()) - ({Task.RERANK} if CLASSIFY in model.abilities else set()),
            # Threads that wait by spinning block a machine with other replicas.
            env={"OMP_WAIT_POLICY": "passive", "TOKENIZERS_PARALLELISM": "true"},
            rules=RULES,
            context_length=options.max_length or None,
        )

    def load(self, config: ReplicaConfig) -> Any:
        """Load the weights, inside the replica, as a `SentenceEncoder`."""
        from modelyard.engines.sentence_transformers.encoder import load

        return load(config, msgspec.convert(config.options, SentenceTransformersOptions))

    def privileges(self, launch: Launch) -> Iterable[Privilege]:
        return privileges(read(launch))

    def explain(self, log: Sequence[str], exit_code: int | None) -> str:
        lines = [line.strip() for line in log if line.strip()]
        for line in reversed(lines):
            if any(word in line for word in TELLING):
                return f"{line} ({describe_exit(exit_code)})"
        return last_words(lines, exit_code)


engine = SentenceTransformers()
