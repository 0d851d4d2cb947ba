"""Commands that texts of the program and the docs tell people to type: each is one, with the options that it has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from modelyard.cli.main import cli

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src/modelyard").rglob("*.py"))
PAGES = sorted(
    [ROOT / "README.md", ROOT / "README.zh-CN.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs/zh").glob("*.md")]
)
WORD = r"(?:--?[a-zA-Z][\w-]*|[\w{}./:@$=+-]+)"
HINT = re.compile(rf"(?<![\w./-])(?<!-u )modelyard((?: {WORD})+)")


def texts(path: Path) -> Iterator[str]:
    """Every text of a module, `X` standing for what is put into it at run time; or a page as it is."""
    if path.suffix != ".py":
        yield path.read_text(encoding="utf-8").replace("\\\n", " ")
        return
    inside: set[ast.AST] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            inside.update(node.values)
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in inside:
            yield node.value


def wrong(words: list[str]) -> str:
    """What is wrong with the words behind `modelyard`; empty for a command that can be typed."""
    context = click.Context(cli, info_name="modelyard", help_option_names=["-h", "--help"])  # commands keep these
    command: click.Command = cli
    while isinstance(command, click.Group) and words:
        if words[0].startswith("-"):
            break
        found = command.get_command(context, words[0])
        if found is None and "make_context" in vars(type(command)):
            return ""  # a group that takes other words than its commands
        if found is None:
            return f"there is no command {words[0]!r} of {command.name or 'modelyard'}"
        command, words = found, words[1:]
        context = click.Context(command, parent=context, info_name=command.name)
    known = {name for parameter in command.get_params(context) for name in (*parameter.opts, *parameter.secondary_opts)}
    passes_on = command.context_settings.get("ignore_unknown_options", False)
    if passes_on or isinstance(command, click.Group):
        return ""
    unknown = [word for word in words if word.startswith("-") and word.partition("=")[0] not in known]
    return f"{command.name} has no {', '.join(unknown)}" if unknown else ""


def hints(path: Path) -> Iterator[list[str]]:
    for text in texts(path):
        for found in HINT.finditer(" ".join(text.split(" "))):
            words = [word.rstrip(".:") for word in found[1].split() if word.rstrip(".:")]
            while words and words[0].partition(":")[0] == "modelyard":
                words = words[1:]  # an image, a service or a container of that name stood before
            if words:
                yield words


def prose(words: list[str]) -> bool:
    """Whether `modelyard` stands in a sentence or before a command that is chosen at run time."""
    return words[0] in {"X", "command"}


@pytest.mark.parametrize("path", [*SOURCES, *PAGES], ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_texts_can_be_typed(path: Path) -> None:
    problems = [
        f"modelyard {' '.join(words)}: {why}" for words in hints(path) if not prose(words) and (why := wrong(words))
    ]
    assert problems == []


def test_a_wrong_hint_is_found() -> None:
    assert "no command" in wrong(["lanch", "demo"])
    assert "no command" in wrong(["kb", "adds"])
    assert "has no --nmae" in wrong(["key", "create", "--nmae", "me"])
    assert wrong(["key", "create", "--name", "me"]) == wrong(["launch", "demo", "--n-ctx", "5"]) == ""
    assert sum(1 for path in SOURCES for words in hints(path) if words) > 40
