"""Engines by name, and the engines that could run a model: those of this server, and others of Xinference."""

from __future__ import annotations

from collections.abc import Iterator

from modelyard.core.memory import MEBIBYTE, Runtime
from modelyard.core.types import Model, ModelType
from modelyard.engines import ENGINES
from modelyard.engines.base import Profile

VECTORS = (ModelType.EMBEDDING, ModelType.RERANK)
PYTORCH = frozenset({"pytorch"})

ELSEWHERE = {
    "mlx": Profile("MLX", frozenset({"mlx"}), memory=Runtime(process=250 * MEBIBYTE, widths=12)),
    "tensorrt_llm": Profile("TRT-LLM", PYTORCH, aliases=frozenset({"trt_llm"}), devices=frozenset({"gpu"})),
    "flag": Profile("flag", PYTORCH, VECTORS),
    "diffusers": Profile("diffusers", PYTORCH, (ModelType.IMAGE, ModelType.VIDEO)),
    "whisper": Profile("whisper", PYTORCH, (ModelType.AUDIO,)),
}
"""Engines of Xinference that are not supported here, so that a refusal can name them. MLX's memory beside
weights and cache is an estimate."""


def profile_of(name: str) -> Profile | None:
    """The profile of an engine, supported here or not; None for an unknown name."""
    return ENGINES.get(name).profile if name in ENGINES else ELSEWHERE.get(name)


def profiles() -> Iterator[tuple[str, Profile]]:
    """Every engine with its profile: those of this server first, the best known ones at the front."""
    here = [(name, ENGINES.get(name).profile) for name in ENGINES]
    yield from sorted(here, key=lambda entry: -entry[1].rank)
    yield from ((name, profile) for name, profile in ELSEWHERE.items() if name not in ENGINES)


def canonical_name(name: str) -> str:
    """The registered name of an engine, for names such as `llama.cpp`, `vLLM` or `sentence-transformers`."""
    if name in ENGINES:
        return name
    plain = name.strip().lower().replace(".", "_").replace("-", "_").replace(" ", "_")
    if plain in ENGINES or plain in ELSEWHERE:
        return plain
    return next((known for known, profile in profiles() if plain in profile.aliases), plain)


def title_of(name: str) -> str:
    """The title of an engine, or the name itself if it is unknown."""
    profile = profile_of(name)
    return profile.title if profile else name


def able(model: Model) -> list[str]:
    """Engines that run models like this one on some machine, the best known first."""
    return [name for name, profile in profiles() if profile.runs(model)]
