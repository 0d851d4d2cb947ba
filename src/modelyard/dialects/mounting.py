"""Mounts every dialect of a server."""

from __future__ import annotations

import shlex

from modelyard.dialects.anthropic.app import AnthropicApi
from modelyard.dialects.attachments import Attachments
from modelyard.dialects.chat_files import ChatFiles
from modelyard.dialects.chat_input import ChatInput
from modelyard.dialects.ollama.app import OllamaApi
from modelyard.dialects.ollama.names import launch_command
from modelyard.dialects.responses.app import ResponsesApi
from modelyard.dialects.responses.background import BackgroundRuns
from modelyard.dialects.responses.hosted_kinds import hosted_tools
from modelyard.dialects.responses.stored import StoredHistory
from modelyard.dialects.scoring.moderations import ModerationsApi
from modelyard.dialects.scoring.scores import ScoringApi
from modelyard.web.deps import Parts


def mount_dialects(parts: Parts) -> None:
    """Mount the apps of all dialects at their paths."""
    parts.gateway.launch_command = lambda name: _launch_command(parts, name)
    OllamaApi(parts).mount()
    attachments = Attachments(parts.knowledge, parts.files, parts.settings.max_body_bytes)
    history, background = StoredHistory(parts.responses.store), BackgroundRuns(parts.responses)
    ResponsesApi(parts.gateway, attachments, history, hosted_tools(parts), background).mount()
    AnthropicApi(parts.gateway, attachments).mount()
    ScoringApi(parts.gateway).mount()
    ChatInput(parts.gateway).mount()
    ChatFiles(parts.gateway, attachments).mount()
    ModerationsApi(parts.gateway).mount()


def _launch_command(parts: Parts, name: str) -> str | None:
    """The command that launches the family of this name, else the one that Ollama's name means; None if there is none."""
    families = parts.catalog.names()
    exact = next((family for family in families if family.lower() == name.lower()), None)
    return f"modelyard launch {shlex.quote(exact)}" if exact else launch_command(name, families)
