"""Command-line agents for the tests, made once per checkout from packages of npm: Claude Code, Codex, Continue.

`python -m tests.agent_environment` makes them before the tests begin, which `make test` does. `tests/agents/package-lock.json`
pins them by hash. They run offline: their only server is ours.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from tools.node import installed, node

TESTS = Path(__file__).resolve().parent
FOLDER = TESTS.parent / ".venv" / "agents"
RECIPE = TESTS / "agents"


def lacks() -> str | None:
    """What this machine lacks for the agents; None if nothing."""
    if sys.platform == "linux" and platform.machine() == "x86_64":
        return None
    return f"the tests' agents are for Linux on x86_64, and this is {sys.platform} on {platform.machine()}"


def claude_code() -> list[str]:
    """The words with which a command of Claude Code begins."""
    return [str(_modules() / "@anthropic-ai" / "claude-code-linux-x64" / "claude")]


def codex() -> list[str]:
    """The words with which a command of Codex begins."""
    return [str(_modules() / "@openai" / "codex-linux-x64" / "vendor" / "x86_64-unknown-linux-musl" / "bin" / "codex")]


def continue_cli() -> list[str]:
    """The words with which a command of Continue's `cn` begins."""
    return [node(), str(_modules() / "@continuedev" / "cli" / "dist" / "cn.js")]


def _modules() -> Path:
    """The folder of the programs, which are installed now if they are not there or were made by another lock file."""
    with installed(FOLDER, RECIPE, "agents for the tests"):
        return FOLDER / "node_modules"


if __name__ == "__main__":
    missing = lacks()
    print(missing or f"agents: {_modules()}", file=sys.stderr)
