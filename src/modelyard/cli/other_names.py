"""Words of other programs after `modelyard`: those that mean one of our commands, and those that get a sentence."""

from __future__ import annotations

ALIASES = {
    "ps": "list",
    "stop": "terminate",
    "rm": "remove-cache",
}
"""Commands of Ollama and Docker → ours with the same meaning."""

SENTENCES = {
    "create": "`modelyard register` registers a model of your own, and `modelyard launch PATH` starts one from its files",
    "push": "models are not published by this program; use the hub's own",
    "ls": "`modelyard list` lists the launched models, and `modelyard cached` those whose files are on the server",
    "start": "`modelyard serve` starts a server, with `--all-webui` as Langchain-Chatchat does",
    "init": "nothing has to be prepared: `modelyard serve` creates what it needs",
    "complete": "`modelyard generate` continues a text",
    "run-batch": "`modelyard batch` has the requests of a file answered",
    "supervisor": "there is one kind of server: `modelyard serve`",
    "worker": "there is one kind of server: `modelyard serve`",
    "web-ui": "`modelyard serve --open` opens the server's page, and `modelyard app-ui` that of one model",
    "merge-lora": "`modelyard export --merge_lora true` merges an adapter into its base",
    "eval": "`modelyard kb evaluate` measures knowledge bases, and `modelyard bench` speed",
    "pt": "training is not available yet",
    "rlhf": "training is not available yet",
}
"""Commands of Ollama, Xinference, vLLM, ms-swift and Langchain-Chatchat without a command of the same meaning → what there is."""

EPILOG = "Also: " + ", ".join(f"{name} for {ours}" for name, ours in ALIASES.items()) + "."
