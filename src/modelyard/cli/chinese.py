"""The command line in Chinese: translated copies of the commands, click's own words, and help that wraps Chinese.

`chinese.json` has the Chinese of each English text: of paragraphs of help, of options, of click, and of sentences that
commands print.
"""

from __future__ import annotations

import copy
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import click

from modelyard.cli.language import say, speaking
from modelyard.cli.output import width
from modelyard.cli.sentences import SentenceTable

FILE = Path(__file__).with_name("chinese.json")
WIDE = "\u3000-\u303f\u3400-\u9fff\uff00-\uffef"
OPENING, CLOSING = "（《“「", "，。、；：？！）》”」…"
"""Punctuation that must not end a line, and punctuation that must not begin one."""
PIECE = re.compile(
    rf"\s+|[{OPENING}(\[]*(?:[^\s{WIDE}{OPENING}{CLOSING}]+|[^\s{OPENING}{CLOSING}])[{CLOSING})\]]*|[{OPENING}{CLOSING}]+[,;.)]*"
)
"""What stays on one line: white space, a word, or a Chinese character, with the punctuation beside it."""
CELL = re.compile(r"(.*\s{2,})(?!modelyard )(\S.*)")
"""A line of a table in a help text: its beginning, and the text of its last column."""

C = TypeVar("C", bound=click.Command)


@contextmanager
def chinese() -> Iterator[None]:
    """Let `say` and click use Chinese texts in a block."""
    texts: dict[str, dict[str, str]] = json.loads(FILE.read_text(encoding="utf-8"))
    modules = [module for name, module in sys.modules.items() if name.startswith("click.") and hasattr(module, "_")]
    before = [
        (module, name, vars(module)[name]) for module in modules for name in ("_", "ngettext") if name in vars(module)
    ]
    sentences = SentenceTable(texts["sentences"])
    with speaking(texts["help"] | texts["click"], sentences.translate):
        for module, name, _ in before:
            setattr(module, name, say if name == "_" else _plural)
        try:
            yield
        finally:
            for module, name, function in before:
                setattr(module, name, function)


def _plural(one: str, many: str, count: int) -> str:
    """What click takes from gettext for a number of things."""
    return say(one if count == 1 else many)


def translated(command: C) -> C:
    """A copy of a command, and of those below it, with help in the language of `say`."""
    made = copy.copy(command)
    made.context_class = ChineseContext
    made._help_option = None  # click keeps it with its text
    made.help = each_text(command.help, say)
    made.epilog = each_text(command.epilog, say)
    summary = say(command.short_help) if command.short_help else (made.help or "").partition("\n")[0]
    made.short_help = summary.partition("。")[0]
    made.params = [_translated_parameter(each) for each in command.params]
    if isinstance(made, click.Group):
        made.commands = {name: translated(each) for name, each in made.commands.items()}
    return made


def _translated_parameter(parameter: click.Parameter) -> click.Parameter:
    made = copy.copy(parameter)
    if isinstance(made, click.Option):
        made.help = each_text(made.help, say)
    return made


def each_text(text: str | None, translate: Callable[[str], str]) -> str | None:
    """A help text with each paragraph translated, and each line's last column in a table that is not wrapped (`\\b`)."""
    if text is None:
        return None
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        if paragraph.startswith("\b"):
            lines = paragraph.split("\n")
            cells = [CELL.fullmatch(line) for line in lines]
            pairs = zip(lines, cells, strict=True)
            paragraphs.append("\n".join(cell[1] + translate(cell[2]) if cell else line for line, cell in pairs))
        else:
            paragraphs.append(translate(" ".join(paragraph.split())))
    return "\n\n".join(paragraphs)


class ChineseFormatter(click.HelpFormatter):
    """Lays help out by columns of the terminal, two for a Chinese character, and breaks lines between Chinese characters."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        start = f"{say('Usage:') if prefix is None else prefix}{prog} "
        self._write_lines(wrapped(args, self.width, start, " " * width(start)))

    def write_heading(self, heading: str) -> None:
        self.write(f"{' ' * self.current_indent}{heading}：\n")

    def write_text(self, text: str) -> None:
        indent = " " * self.current_indent
        for number, paragraph in enumerate(text.split("\n\n")):
            if number:
                self.write("\n")
            if paragraph.startswith("\b"):
                self._write_lines(indent + line for line in paragraph.split("\n")[1:])
            else:
                self._write_lines(wrapped(paragraph, self.width, indent, indent))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        rows = list(rows)
        indent = self.current_indent
        column = indent + col_spacing + min(col_max, max(width(first) for first, _ in rows))
        for first, second in rows:
            start = f"{' ' * indent}{first}"
            if width(start) > column - col_spacing:
                self.write(f"{start}\n")
                start = ""
            start += " " * (column - width(start))
            self._write_lines(wrapped(second, self.width, start, " " * column))

    def _write_lines(self, lines: Iterable[str]) -> None:
        self.buffer.extend(f"{line.rstrip()}\n" for line in lines)


class ChineseContext(click.Context):
    """The context of translated commands."""

    formatter_class = ChineseFormatter


def wrapped(text: str, columns: int, start: str, indent: str) -> list[str]:
    """The lines of a text within a number of columns; `start` begins the first line, `indent` the others."""
    lines, line, space, empty = [], start, "", True
    for piece in PIECE.findall(text):
        if piece.isspace():
            space = "" if empty else piece
            continue
        if not empty and width(line + space + piece) > columns:
            lines.append(line)
            line, space = indent, ""
        line += space + piece
        space, empty = "", False
    return [*lines, line]
