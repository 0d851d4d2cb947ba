"""Web applications: Open WebUI and Dify."""

from __future__ import annotations

import shlex

from modelyard.cli.integrations.setup import KEY_VARIABLE, Lines, Program, Setup, Target, assignment


def _open_webui(target: Target) -> Setup:
    lines = (
        f"OPENAI_API_BASE_URLS={target.listing_url} \\",
        f"{assignment('OPENAI_API_KEYS', target)} \\",
        f"DEFAULT_MODELS={shlex.quote(target.model)} ENABLE_OLLAMA_API=false \\",
        "open-webui serve",
    )
    notes = (
        "Open WebUI reads these variables at its first start; later they stand in Admin Settings, Connections.",
        _CONTAINER,
    )
    return Setup(blocks=(Lines("sh", "\n".join(lines)),), notes=notes)


def _dify(target: Target) -> Setup:
    key = f"the value of {KEY_VARIABLE}" if target.key.in_variable else target.key.literal
    fields = (
        "Model Type:                       LLM",
        f"Model Name:                       {target.model}",
        f"API Key:                          {key}",
        f"API endpoint URL:                 {target.openai_url}",
        "Completion mode:                  Chat",
        f"Model context size:               {target.context or 'as the model was launched'}",
        f"Function calling:                 {'Tool Call' if target.tools else 'Not Support'}",
        f"Stream function calling:          {'Support' if target.tools else 'Not Support'}",
        f"Vision Support:                   {'Support' if target.vision else 'Not Support'}",
    )
    notes = ("Enter these at Settings, Model Provider, OpenAI-API-compatible, Add Model.", _CONTAINER)
    return Setup(blocks=(Lines("text", "\n".join(fields)),), notes=notes)


_CONTAINER = (
    "From a container, 127.0.0.1 is the container: start the server with --host 0.0.0.0 and a key, and name this machine's "
    "address with --address."
)

PAGES = (
    Program("open-webui", "Open WebUI", _open_webui),
    Program("dify", "Dify", _dify),
)
