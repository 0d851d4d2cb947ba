"""Engines: libraries that run models. An engine is one file or folder, and one line in the registry or an entry point of
another package.

An engine declares its `profile`, which libraries are missing, how well it suits a model and a machine, whether a
launch is valid (`check`), and the command that starts a replica. All of this is pure; a test checks the command
without a GPU. Importing an engine's file imports no large library.

`rules.py` in an engine's folder is a table of what the engine does with each request parameter. If an engine's own
server deviates from OpenAI's API, a front inside its replica corrects that, so that the gateway stays
a relay of bytes.

To add an engine, read "An engine of your own" in docs/engines.md, which says what each member means and what a replica
must answer, and copy `examples/plugin-engine/`.
"""

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
