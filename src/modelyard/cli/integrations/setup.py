"""What a program is given: the server, the model and the key, as settings of its own file or as lines for a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelyard.cli.integrations.settings_files import SettingsFile, render
from modelyard.core.names import BASE

KEY_VARIABLE = "MODELYARD_API_KEY"
"""The variable with the server's key, which Modelyard's own commands read, too."""
NO_KEY = "none"
"""The key in programs that insist on one, for a server that requires none."""


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where a program takes its key from: the environment, unless `text` is to stand in its configuration."""

    required: bool = False
    text: str | None = None

    @property
    def in_variable(self) -> bool:
        """Whether the program reads the key from the environment."""
        return self.required and self.text is None

    @property
    def literal(self) -> str:
        """The key where it may stand in the configuration, and a word where none is required."""
        return self.text or NO_KEY

    @property
    def shell(self) -> str:
        """The key inside double quotes of a shell."""
        return f"${KEY_VARIABLE}" if self.in_variable else self.literal

    @property
    def python(self) -> str:
        """The key as an expression of Python."""
        return f'os.environ["{KEY_VARIABLE}"]' if self.in_variable else f'"{self.literal}"'


@dataclass(frozen=True, slots=True)
class Target:
    """The server and the model that a program is pointed at. `context` is in tokens, None if it is not known."""

    url: str
    model: str
    context: int | None = None
    tools: bool = True
    vision: bool = False
    key: KeySource = field(default_factory=KeySource)

    @property
    def openai_url(self) -> str:
        """The base URL for OpenAI's clients."""
        return f"{self.url}/v1"

    @property
    def listing_url(self) -> str:
        """The base URL for clients that offer what `/models` lists, which has knowledge bases at a second prefix only."""
        return f"{self.url}/knowledge/v1" if self.model.startswith(BASE) else self.openai_url


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines to copy, with their language as code blocks of Markdown name it."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Setup:
    """The configuration of a program for a target: settings for its file, or blocks of lines."""

    file: SettingsFile | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    head: Mapping[str, Any] = field(default_factory=dict)
    """Settings that a new file begins with; those of a file that is there stay."""
    blocks: tuple[Lines, ...] = ()
    start: str = ""
    """The command that starts the program."""
    packages: str = ""
    """The packages of PyPI that the lines need."""
    notes: tuple[str, ...] = ()
    key_place: str = ""
    """Where the program reads the key from, if that is not the environment of its start."""

    def lines(self) -> tuple[Lines, ...]:
        """What a person copies."""
        if self.file is None:
            return self.blocks
        return (Lines(self.file.language, render(self.file.language, {**self.head, **self.settings})),)


@dataclass(frozen=True, slots=True)
class Program:
    """A program that can use the server."""

    name: str
    title: str
    setup: Callable[[Target], Setup]
    least_context: int = 0
    """Tokens of context that it needs to begin its work."""
    needs_tools: bool = False
    """Whether it is of no use with a model that calls no tools."""


def assignment(variable: str, target: Target) -> str:
    """The words before a command that pass the key in a variable of the program's own."""
    value = f'"{target.key.shell}"' if target.key.in_variable else target.key.literal
    return f"{variable}={value}"
