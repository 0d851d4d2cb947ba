"""The interface of loaders: the source file with its limits, and the handling of damaged files."""

from __future__ import annotations

import re
import struct
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from zipfile import BadZipFile

from modelyard.core.errors import DocumentUnreadable
from modelyard.core.wording import reason
from modelyard.knowledge.documents.loaders.encoding import NotText, decode
from modelyard.knowledge.types import Block, LoadedDocument

DAMAGE: tuple[type[Exception], ...] = (
    *(ArithmeticError, AssertionError, AttributeError, BufferError, EOFError, LookupError, NotImplementedError),
    *(OSError, RecursionError, SyntaxError, TypeError, ValueError, BadZipFile, struct.error, zlib.error),
)
"""Errors that parsers raise on damaged or mislabelled files."""


@dataclass(frozen=True, slots=True)
class LoadLimits:
    """Limits of one document. A document above a limit is refused, never cut."""

    max_bytes: int = 200 << 20
    """Bytes of the file."""
    max_decompressed_bytes: int = 512 << 20
    """Total bytes of all files inside a docx, xlsx or pptx."""
    max_members: int = 20_000
    """Number of files inside a docx, xlsx or pptx."""
    max_pages: int = 5_000
    """Number of pages, sheets or slides."""
    max_characters: int = 20_000_000
    """Characters of the text."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file for a loader to read."""

    data: bytes
    name: str
    """The file's name, as the user knows it; errors and notes contain it."""
    extension: str
    """The format as an extension in lower case without the dot; determined by the first bytes if the name is wrong."""
    limits: LoadLimits
    ocr: bool = False
    depth: int = 0
    """Number of files that contain it: 1 for an attachment of an e-mail."""
    notes: dict[str, int] = field(default_factory=dict, compare=False)
    """Sentences about what was left out, each with its count; `note` adds to them."""

    def note(self, sentence: str) -> None:
        """Add a sentence about content that the text lacks, such as "The attachment 'x.zip' was not read."."""
        line = " ".join(clean(sentence).split())
        line = line if len(line) <= LONGEST_NOTE else f"{line[: LONGEST_NOTE - 1]}…"
        self.notes[line] = self.notes.get(line, 0) + 1

    def unreadable(self, problem: str) -> DocumentUnreadable:
        """The error to raise. `problem` follows "Cannot read 'NAME': ": a sentence such as `it has no pages.`"""
        return DocumentUnreadable(self.name, problem)

    def text(self, declared: str | None = None) -> tuple[str, str]:
        """The text, with newlines as `\\n`, and its encoding. Raises `DocumentUnreadable` if the bytes are not text."""
        try:
            text, encoding = decode(self.data, declared)
        except NotText as error:
            raise self.unreadable(f"it is not text: {error}.") from error
        self.allow(len(text))
        if " and " in encoding:
            self.note(f"Its lines are in several encodings and were read as {encoding}.")
        if (lost := text.count("\ufffd")) and b"\xef\xbf\xbd" not in self.data:
            are = "character is" if lost == 1 else "characters are"
            self.note(f"{lost:,} {are} damaged, or in another encoding than {encoding}.")
        return text, encoding

    def allow(self, characters: int) -> None:
        """Raise `DocumentUnreadable` if a text of this length exceeds the limit."""
        if characters > self.limits.max_characters:
            raise self.unreadable(f"its text is longer than {self.limits.max_characters:,} characters, the limit.")

    def allow_pages(self, pages: int, noun: str = "pages") -> None:
        """Raise `DocumentUnreadable` if there are too many pages."""
        if pages > self.limits.max_pages:
            raise self.unreadable(f"it has {pages:,} {noun}; the limit is {self.limits.max_pages:,}.")


MOST_NOTES = 50
LONGEST_NOTE = 300


def listed(notes: Mapping[str, int]) -> list[str]:
    """The notes of a document in their order, with the count of repeated ones; at most `MOST_NOTES`."""
    lines = [f"{line} ({count} times)" if count > 1 else line for line, count in notes.items()]
    more = [f"And {len(lines) - MOST_NOTES:,} more notes."] if len(lines) > MOST_NOTES else []
    return lines[:MOST_NOTES] + more


Loader = Callable[[Source], LoadedDocument]
"""A loader, as it is registered. It raises `DocumentUnreadable`, with the help of `Source.unreadable` and `parsing`."""


@contextmanager
def parsing(source: Source, what: str, *errors: type[Exception]) -> Iterator[None]:
    """Convert a parser's errors, `DAMAGE` and `errors`, to `DocumentUnreadable`, and suppress its warnings."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DocumentUnreadable:
        raise
    except (*DAMAGE, *errors) as error:
        raise source.unreadable(f"the {what} is damaged ({reason(error)[:120]}).") from error


SURROGATE = re.compile("[\ud800-\udfff]")
UNSEEN = re.compile("[\u00ad\u2060\ufeff]")
"""Soft hyphens and zero-width marks, which would prevent matches in a search."""
BLANK_LINES = re.compile(r"\s*\n")


def clean(text: str) -> str:
    """The text without NULs, lone surrogates, soft hyphens, `\\r` and blank lines at the ends."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        text = text.replace("\0", "")
    if not text.isascii():
        text = UNSEEN.sub("", SURROGATE.sub("\ufffd", text))
    text = text.rstrip()
    leading = BLANK_LINES.match(text)
    return text[leading.end() :] if leading else text


def cleaned(blocks: Iterable[Block]) -> list[Block]:
    """The blocks that have text, each cleaned."""
    texts = ((block, clean(block.text)) for block in blocks)
    return [block if block.text == text else replace(block, text=text) for block, text in texts if text.strip()]


def known(**metadata: object) -> dict[str, str]:
    """The non-empty metadata, as clean single lines of at most 500 characters."""
    texts = ((key, " ".join(clean(str(value or "")).split())[:500]) for key, value in metadata.items())
    return {key: text for key, text in texts if text}
