"""The registry of engines. Ours are listed here; other packages add theirs under the entry point `modelyard.engines`."""

from __future__ import annotations

from modelyard.core.registry import Registry
from modelyard.engines.base import Engine

ENGINES: Registry[Engine] = Registry(
    "engines",
    {
        "llama_cpp": "modelyard.engines.llama_cpp:engine",
        "external": "modelyard.engines.external:engine",
        "fake": "modelyard.engines.fake:engine",
        "sentence_transformers": "modelyard.engines.sentence_transformers:engine",
        "sglang": "modelyard.engines.sglang:engine",
        "transformers": "modelyard.engines.transformers:engine",
        "vllm": "modelyard.engines.vllm:engine",
    },
)
