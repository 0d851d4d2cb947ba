"""Output: tables and JSON on stdout, remarks on stderr. Does not import rich, which most commands do not need."""

from __future__ import annotations

import json
import select
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

import click

from modelyard.cli.language import say, translate
from modelyard.core.wording import in_bytes as in_bytes

T = TypeVar("T")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")

FIRST_LINE, NEXT_LINE = 2.0, 10.0
"""Seconds before the first line about the progress of a command, and between further ones."""
COLOURS = {
    "READY": "green",
    "LOADING": "yellow",
    "CREATING": "yellow",
    "TERMINATING": "yellow",
    "ERROR": "red",
    "WARNING": "yellow",
}
_CONTROLS = {code: None for code in (*range(9), *range(11, 32), *range(127, 160))}


def note(text: str, **style: Any) -> None:
    """Print a remark for people to stderr, in the language of the command line."""
    text = translate(text)
    click.echo(click.style(text, **style) if style else text, err=True)


class ProgressLines:
    """Lines about the progress of a command, for where stderr is no terminal, such as the log of a CI job.

    The first one comes soon, further ones seldom; with `--json` there are none.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        context = click.get_current_context(silent=True)
        self._silent = context is not None and bool(context.params.get("as_json"))
        self._clock = clock
        self._began = clock()
        self._next = self._began + FIRST_LINE

    def offer(self, text: Callable[[], str]) -> None:
        """Print a text with the seconds so far, if it is time for a line."""
        now = self._clock()
        if not self._silent and now >= self._next:
            self._next = now + NEXT_LINE
            note(f"{text()}, {now - self._began:.0f} s")


def print_sentence(sentence: str) -> None:
    """Print a result for people to stdout, in the language of the command line."""
    click.echo(translate(sentence))


def complain(sentence: str, colour: bool | None = None) -> None:
    """Print an error to stderr as click prints those of usage, with a red beginning."""
    beginning = say("Error: {message}").removesuffix("{message}")
    word = beginning.rstrip()
    click.echo(click.style(word, fg="red") + beginning.removeprefix(word) + translate(sentence), err=True, color=colour)


@contextmanager
def counting(what: str, total: int, unit: Literal["things", "bytes"] = "things") -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal, and lines elsewhere; the value is a function that adds to the count."""
    if not sys.stderr.isatty() or not total:
        yield _line_counter(what, total, in_bytes if unit == "bytes" else str)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    amount = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    columns = (TextColumn(translate(what)), BarColumn(bar_width=30), amount, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda count: progress.advance(task, count)


def _line_counter(what: str, total: int, text: Callable[[int], str]) -> Callable[[int], None]:
    """A function that adds to a count and prints lines about it; it prints nothing if there is no total."""
    lines, done = ProgressLines(), 0

    def add(count: int) -> None:
        nonlocal done
        done += count
        if total:
            lines.offer(lambda: f"{what}: {text(done)} of {text(total)}")

    return add


def agrees(question: str) -> bool:
    """Ask a yes-or-no question on stderr. Enter alone, and the end of piped input, mean no."""
    click.echo(f"{translate(question)} [y/N] ", nl=False, err=True)
    # input() would miss a Ctrl-C just before it starts to read; select returns five times a second.
    while not select.select([sys.stdin], [], [], 0.2)[0]:
        pass
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def print_json(value: Any) -> None:
    """Print JSON to stdout."""
    unicode = sys.stdout.encoding.lower().startswith("utf")
    click.echo(json.dumps(value, indent=2, ensure_ascii=not unicode))


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table to stdout, its columns as wide as their widest cell; some states are coloured."""
    cells = [[printable(cell).replace("\n", " ") for cell in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(titles, *cells, strict=True)]
    click.echo(_line(titles, widths, bold=True))
    for row in cells:
        click.echo(_line(row, widths))


def print_list(
    found: Sequence[T], titles: Sequence[str], row: Callable[[T], Sequence[str]], nothing: str, as_json: bool
) -> None:
    """Print what a command lists: as JSON, as a table, or the sentence `nothing` where there is nothing."""
    if as_json:
        print_json(found)
    elif found:
        print_table(titles, [row(each) for each in found])
    else:
        note(nothing)


def _line(cells: Sequence[str], widths: Sequence[int], bold: bool = False) -> str:
    padded = [cell + " " * (wide - width(cell)) for cell, wide in zip(cells, widths, strict=True)]
    padded[-1] = cells[-1]
    styled = [click.style(text, fg=COLOURS.get(text.strip()), bold=bold or None) for text in padded]
    return "  ".join(styled)


def about(name: str, problem: str) -> str:
    """An error of a document, preceded once by its name."""
    begun = f"Cannot read '{name}': "
    return printable(f"{name}: {problem.removeprefix(begun)}")


def width(text: str) -> int:
    """The columns of a text in a terminal: two for each Chinese character."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) != 0 for char in text)


def printable(text: str) -> str:
    """The text without control characters that could affect the terminal; tabs and newlines stay."""
    return text.translate(_CONTROLS)
