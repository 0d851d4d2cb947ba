"""Editors and their extensions: Continue, Zed and Cursor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from modelyard.cli.integrations.settings_files import SettingsFile
from modelyard.cli.integrations.setup import KEY_VARIABLE, Lines, Program, Setup, Target


def _continue(target: Target) -> Setup:
    model: dict[str, Any] = {
        "name": "Modelyard",
        "provider": "openai",
        "model": target.model,
        "apiBase": target.openai_url,
        "apiKey": f"${{{{ secrets.{KEY_VARIABLE} }}}}" if target.key.in_variable else target.key.literal,
        "roles": ["chat", "edit", "apply"],
        "capabilities": [*(["tool_use"] if target.tools else []), *(["image_input"] if target.vision else [])],
    }
    if target.context:
        model["defaultCompletionOptions"] = {"contextLength": target.context}
    head = {"name": "Local", "version": "1.0.0", "schema": "v1"}
    folder = Path(os.environ.get("CONTINUE_GLOBAL_DIR") or "~/.continue").expanduser()
    place = str(folder / ".env") if target.key.in_variable else ""
    file = SettingsFile(folder / "config.yaml", "yaml")
    return Setup(file, {"models": [model]}, head, start="cn", key_place=place)


def _zed(target: Target) -> Setup:
    abilities = {"tools": target.tools, "images": target.vision, "parallel_tool_calls": target.tools}
    model: dict[str, Any] = {
        "name": target.model,
        "display_name": target.model,
        "max_tokens": target.context or 32_768,
        "capabilities": {**abilities, "prompt_cache_key": False},
    }
    settings = {
        "language_models": {
            "openai_compatible": {"Modelyard": {"api_url": target.openai_url, "available_models": [model]}}
        },
        "agent": {"default_model": {"provider": "Modelyard", "model": target.model}},
    }
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    value = f"the key of the server in {KEY_VARIABLE}" if target.key.required else f"{KEY_VARIABLE}=none"
    notes = (f"Zed wants {value} in the environment that it is started from.",)
    return Setup(SettingsFile(folder / "zed" / "settings.json", "json"), settings, start="zed", notes=notes)


def _cursor(target: Target) -> Setup:
    key = f"the value of {KEY_VARIABLE}" if target.key.in_variable else target.key.literal
    fields = (
        f"Override OpenAI Base URL: {target.openai_url}",
        f"OpenAI API Key:           {key}",
        f"Add Custom Model:         {target.model}",
    )
    notes = (
        "Enter these at Cursor Settings, Models. Cursor's own servers send the requests, so they must reach the address.",
    )
    return Setup(blocks=(Lines("text", "\n".join(fields)),), notes=notes)


EDITORS = (
    Program("continue", "Continue", _continue),
    Program("zed", "Zed", _zed),
    Program("cursor", "Cursor", _cursor),
)
