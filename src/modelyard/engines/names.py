"""What people and the peer call engines, and which engines of the peer could run what. Data, and reading it."""

from __future__ import annotations

from dataclasses import dataclass

from modelyard.core.types import Model, ModelType

DISPLAY = {
    "llama_cpp": "llama.cpp",
    "vllm": "vLLM",
    "sglang": "SGLang",
    "transformers": "Transformers",
    "mlx": "MLX",
    "tensorrt_llm": "TRT-LLM",
}
"""Our name → the peer's, where they differ. Its clients compare these letter by letter."""

SPELLINGS = {
    "llamacpp": "llama_cpp",
    "xllamacpp": "llama_cpp",
    "llama_cpp_python": "llama_cpp",
    "ggml": "llama_cpp",
    "hf": "transformers",
    "huggingface": "transformers",
    "pytorch": "transformers",
    "trt_llm": "tensorrt_llm",
    "sentence_transformer": "sentence_transformers",
}
"""What peers and people call engines, beyond letter case, dots, spaces and dashes."""

LANGUAGE = (ModelType.LLM,)
TEXT = (ModelType.LLM, ModelType.EMBEDDING, ModelType.RERANK)
VECTORS = (ModelType.EMBEDDING, ModelType.RERANK)


@dataclass(frozen=True, slots=True)
class Known:
    """What an engine runs in general, whether this server has it or not."""

    formats: frozenset[str]
    types: tuple[ModelType, ...]


KNOWN = {
    "llama_cpp": Known(frozenset({"ggufv2"}), TEXT),
    "vllm": Known(frozenset({"pytorch", "gptq", "awq", "fp8", "fp4", "bnb", "compressed-tensors"}), TEXT),
    "sglang": Known(frozenset({"pytorch", "gptq", "awq", "fp8", "fp4", "bnb", "compressed-tensors"}), LANGUAGE),
    "transformers": Known(frozenset({"pytorch", "gptq", "awq", "bnb", "fp4"}), LANGUAGE),
    "mlx": Known(frozenset({"mlx"}), LANGUAGE),
    "tensorrt_llm": Known(frozenset({"pytorch"}), LANGUAGE),
    "sentence_transformers": Known(frozenset({"pytorch"}), VECTORS),
    "flag": Known(frozenset({"pytorch"}), VECTORS),
    "diffusers": Known(frozenset({"pytorch"}), (ModelType.IMAGE, ModelType.VIDEO)),
    "whisper": Known(frozenset({"pytorch"}), (ModelType.AUDIO,)),
}


def engine_spelled(name: str) -> str:
    """Our name of an engine that somebody calls `llama.cpp`, `vLLM` or `sentence-transformers`."""
    plain = name.strip().lower().replace(".", "_").replace("-", "_").replace(" ", "_")
    return SPELLINGS.get(plain, plain)


def displayed(name: str) -> str:
    """The peer's name of an engine of ours."""
    return DISPLAY.get(name, name)


def able(model: Model) -> list[str]:
    """Engines that run models like this one somewhere, best known first."""
    return [name for name, known in KNOWN.items() if model.format in known.formats and model.type in known.types]
