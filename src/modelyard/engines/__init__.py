"""How a model is run. One engine is one file or folder, and one line in the registry or an entry point of another
package.

An engine says what it is (`profile`), which libraries are missing, how well it fits a model and a machine, whether a
launch makes sense (`check`), and which command starts a replica. All of that is pure; a test reads the command
without a GPU. Importing an engine's file imports no heavy library.

What each parameter of a request means to an engine is a table, `rules.py` in the engine's folder. An engine whose own
server differs from OpenAI's has a front in its replica that mends the difference where it arises, so that the gateway
stays a relay of bytes.

To add one, read "An engine of your own" in docs/engines.md, which says what each member means and what a replica must
answer, and copy `examples/plugin-engine/`.
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
