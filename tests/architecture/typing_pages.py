"""A page of docs/ as a newcomer types it: its blocks in order, in one folder, against one server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from modelyard.api.routes import ROUTES
from modelyard.core.config import Settings
from tests.live import Live

WRITTEN = "http://127.0.0.1:9997"
"""The address in the pages."""


@dataclass(frozen=True)
class DocsPage:
    """The text of a page."""

    text: str

    @classmethod
    def of(cls, name: str) -> DocsPage:
        """The page of a name, such as `files.md`."""
        return cls((Path(__file__).resolve().parents[2] / "docs" / name).read_text(encoding="utf-8"))

    def blocks(self, *kinds: str) -> list[str]:
        """The blocks of code, which must be of these languages."""
        found: list[tuple[str, str]] = re.findall(r"```(\w+)\n(.*?)```", self.text, re.DOTALL)
        assert [kind for kind, _ in found] == [*kinds], "say in the test what the new block is"
        return [text for _, text in found]

    def routes(self) -> set[tuple[str, str]]:
        """The methods and paths in the text."""
        return set(re.findall(r"`(GET|POST|PATCH|DELETE) (/[^\s?`]+)", self.text))

    def check_settings(self) -> None:
        """The page names settings, and all of them exist."""
        found = {match.lower() for match in re.findall(r"MODELYARD_([A-Z_]+)", self.text)}
        assert found and found <= set(Settings.model_fields)


def known_routes() -> set[tuple[str, str]]:
    """The methods and paths of all management routes."""
    return {(route.method, route.path) for route in ROUTES}


@dataclass(frozen=True)
class PageTypist:
    """A person in a folder, whose commands reach a server."""

    server: Live
    folder: Path

    def python(self, code: str) -> str:
        """What a program prints; it must end well."""
        return self._types(sys.executable, "-c", code)

    def shell(self, commands: str) -> str:
        """What commands print; each must end well."""
        return self._types("bash", "-ec", commands)

    def _types(self, *argv: str) -> str:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {**os.environ, "MODELYARD_ENDPOINT": self.server.url, "PATH": path}
        command = [each.replace(WRITTEN, self.server.url) for each in argv]
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"{argv}: {done.stderr}"
        return done.stdout
