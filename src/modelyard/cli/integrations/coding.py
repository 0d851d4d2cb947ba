"""Agents that work in a terminal: Codex, Claude Code, opencode and Aider."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from modelyard.cli.integrations.settings_files import SettingsFile
from modelyard.cli.integrations.setup import KEY_VARIABLE, Program, Setup, Target, assignment

AGENT_CONTEXT = 16_384
"""Tokens that the first requests of Codex (9,000), Claude Code (6,000) and opencode (10,000) leave room in."""
SMALL_CONTEXT = 128_000
"""Below it, a result of a tool (Codex: 10,000 tokens) or an answer (Claude Code: 32,000) may be too large a part."""


def _codex(target: Target) -> Setup:
    provider = {
        "name": "Modelyard",
        "base_url": target.openai_url,
        "wire_api": "responses",
        "env_key": KEY_VARIABLE if target.key.in_variable else None,
        "experimental_bearer_token": target.key.text,
    }
    context = target.context or 0
    small = 0 < context < SMALL_CONTEXT
    settings = {
        "model": target.model,
        "model_provider": "modelyard",
        "model_context_window": target.context,
        "model_auto_compact_token_limit": context * 3 // 4 if small else None,
        "tool_output_token_limit": context // 8 if small else None,
        "model_providers": {"modelyard": provider},
    }
    folder = Path(os.environ.get("CODEX_HOME") or "~/.codex").expanduser()
    return Setup(SettingsFile(folder / "config.toml", "toml"), settings, start="codex")


def _claude(target: Target) -> Setup:
    names = ("ANTHROPIC_MODEL", *(f"ANTHROPIC_DEFAULT_{size}_MODEL" for size in ("OPUS", "SONNET", "HAIKU")))
    small = 0 < (target.context or 0) < SMALL_CONTEXT
    env = {
        "ANTHROPIC_BASE_URL": target.url,
        "ANTHROPIC_AUTH_TOKEN": None if target.key.in_variable else target.key.literal,
        "ANTHROPIC_API_KEY": None,  # it would be sent beside the token
        **dict.fromkeys(names, target.model),
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": str((target.context or 0) // 4) if small else None,
    }
    settings: dict[str, Any] = {"env": env}
    if target.key.in_variable:
        settings["apiKeyHelper"] = f"printenv {KEY_VARIABLE}"
    folder = Path(os.environ.get("CLAUDE_CONFIG_DIR") or "~/.claude").expanduser()
    return Setup(SettingsFile(folder / "settings.json", "json"), settings, start="claude")


def _opencode(target: Target) -> Setup:
    model: dict[str, Any] = {"name": target.model, "tool_call": True, "attachment": target.vision}
    if target.context:
        model["limit"] = {"context": target.context, "output": target.context // 4}
    key = f"{{env:{KEY_VARIABLE}}}" if target.key.in_variable else target.key.literal
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Modelyard",
        "options": {"baseURL": target.openai_url, "apiKey": key},
        "models": {target.model: model},
    }
    settings = {
        "$schema": "https://opencode.ai/config.json",
        "model": f"modelyard/{target.model}",
        "provider": {"modelyard": provider},
    }
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    return Setup(SettingsFile(folder / "opencode" / "opencode.json", "json"), settings, start="opencode")


def _aider(target: Target) -> Setup:
    settings = {"model": f"openai/{target.model}", "openai-api-base": target.openai_url}
    file = SettingsFile(Path("~/.aider.conf.yml").expanduser(), "yaml")
    return Setup(file, settings, start=f"{assignment('OPENAI_API_KEY', target)} aider")


CODING = (
    Program("codex", "Codex", _codex, AGENT_CONTEXT, needs_tools=True),
    Program("claude", "Claude Code", _claude, AGENT_CONTEXT, needs_tools=True),
    Program("opencode", "opencode", _opencode, AGENT_CONTEXT, needs_tools=True),
    Program("aider", "Aider", _aider),
)
