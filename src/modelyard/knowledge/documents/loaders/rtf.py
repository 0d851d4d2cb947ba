"""Rich Text: paragraphs, headings and tables, then footnotes, comments, headers and footers, without deleted text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from modelyard.knowledge.documents.loaders.base import Source, parsing
from modelyard.knowledge.documents.loaders.package import web_address, with_address
from modelyard.knowledge.documents.loaders.pictures import note_pictures
from modelyard.knowledge.documents.loaders.rtf_blocks import RtfSink
from modelyard.knowledge.documents.loaders.rtf_words import (
    CHARSETS,
    ENTERED,
    HEADERS,
    HEADING,
    LINK,
    SIGNS,
    SKIPPED,
    TITLES,
    code_page,
)
from modelyard.knowledge.types import Block, LoadedDocument

TOKEN = re.compile(
    rb"\\'([0-9a-fA-F]{2})|\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\([^a-zA-Z])|([{}])|[\r\n]+|([^\\{}\r\n]+)|\\", re.DOTALL
)
DEEPEST = 5_000
"""Maximum nesting of groups."""
CAPTURED = frozenset({"title", "author", "fldinst", "objclass", "atnauthor", "ffl", "sn", "sv"})
"""Groups whose text is captured for another purpose than the document's text."""


@dataclass(slots=True)
class Group:
    """The state of the reader up to a closing brace."""

    sink: RtfSink
    skip: bool = False
    captured: list[str] | None = None
    destination: str = ""
    page: str = ""
    """The code page of the font; empty for that of the document."""
    after: int = 1
    """Number of characters that replace a `\\u` character in old readers."""
    hidden: bool = False
    deleted: bool = False
    start: int = 0


def load(source: Source) -> LoadedDocument:
    """The document."""
    with parsing(source, "RTF file"):
        reader = _RtfReader(source)
        reader.read()
        return LoadedDocument(reader.blocks(), reader.metadata)


class _RtfReader:
    """Reads one document."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._body = RtfSink(source)
        self._group = Group(self._body)
        self._stack: list[Group] = []
        self._pending = bytearray()
        self._starred = False
        self._skipping = 0
        self._page = "cp1252"
        self._fonts: dict[int, str] = {}
        self._font = 0
        self._levels: dict[int, int] = {}
        self._style = 0
        self._level = 0
        self._in_table = False
        self._address = ""
        self._property = self._author = ""
        self._form: dict[str, int] = {}
        self._entries: list[str] = []
        self._state = ""
        """This field and the next two belong to the form field that is open."""
        self._pictures = 0
        self._beside: list[Block] = []
        self._margins: dict[str, Block] = {}
        self.metadata: dict[str, str] = {}
        self._words: dict[str, Callable[[str, int | None], None]] = {
            "u": self._unicode, "uc": self._fallback, "ansicpg": self._code_page, "f": self._use_font, "s": self._use_style,
            "fcharset": self._charset, "cpg": self._font_page, "outlinelevel": self._outline, "pard": self._plain_paragraph,
            "plain": self._plain, "v": self._hide, "deleted": self._delete, "par": self._paragraph, "sect": self._paragraph,
            "page": self._paragraph, "cell": self._cell, "row": self._row, "intbl": self._table, "trowd": self._table,
            "mac": self._other_page, "pc": self._other_page, "pca": self._other_page, "pict": self._picture,
        }  # fmt: skip

    def read(self) -> None:
        """Process the tokens."""
        data, at, end = self._source.data, 0, len(self._source.data)
        while at < end:
            token = TOKEN.match(data, at)
            if token is None:
                raise ValueError(f"unknown character at byte {at}")
            at = token.end() + self._take(token)
        while self._stack:
            self._close()

    def _take(self, token: re.Match[bytes]) -> int:
        """Process one token; returns the number of raw bytes after it that are not text."""
        if token[5]:
            self._open() if token[5] == b"{" else self._close()
        elif token[1]:
            self._byte(int(token[1], 16))
        elif token[6]:
            self._raw(token[6])
        elif token[2] == b"bin":
            return max(int(token[3] or 0), 0)
        elif token[2]:
            self._word(token[2].decode(), int(token[3]) if token[3] else None)
        elif token[4]:
            self._symbol(token[4].decode("latin-1"))
        return 0

    def blocks(self) -> list[Block]:
        """The blocks of the text, followed by those of notes, comments and headers."""
        self._flush()
        note_pictures(self._source, self._pictures)
        return [*self._body.blocks(), *self._beside, *self._margins.values()]

    def _open(self) -> None:
        self._flush()
        if len(self._stack) >= DEEPEST:
            raise self._source.unreadable("its groups are nested too deeply.")
        self._stack.append(self._group)
        start = len(self._group.sink.parts)
        self._group = replace(self._group, destination="", start=start)
        self._skipping = 0

    def _close(self) -> None:
        self._flush()
        self._skipping = 0
        if not self._stack:
            return
        group, self._group = self._group, self._stack.pop()
        name = group.destination
        if group.captured is not None and group.captured is not self._group.captured:
            self._capture(name, "".join(group.captured).strip())
        if group.sink is not self._group.sink:
            self._end(name, group.sink)
        elif name == "field" and self._address:
            parts = group.sink.parts
            parts[group.start :] = [with_address("".join(parts[group.start :]), self._address)]
            self._address = ""
        elif name == "formfield":
            self._state = self._field()
        elif name in {"fonttbl", "stylesheet"}:
            self._group.skip = self._stack[-1].skip if self._stack else False

    def _capture(self, name: str, text: str) -> None:
        """Use the text that a group has captured."""
        if name in {"title", "author"}:
            self.metadata[name] = text
        elif name == "fldinst":
            found = LINK.search(text)
            self._address = web_address(found[1]) if found else ""
            self._write(self._state)
            self._state = ""
        elif name == "objclass":
            self._source.note(f"An embedded file ({text}) was not read.")
        elif name == "atnauthor":
            self._author = text
        elif name == "ffl":
            self._entries.append(text)
        elif name == "sn":
            self._property = text
        elif name == "sv" and self._property == "wzDescription" and text:
            self._pictures -= 1
            self._beside.append(Block(f"Picture: {text}"))
        elif name == "stylesheet" and text:
            self._name_style(text)

    def _name_style(self, text: str) -> None:
        name = text.partition(";")[0].strip()
        found = HEADING.match(name)
        level = int(found[1]) if found else 1 if name.lower() in TITLES else 0
        if level:
            self._levels[self._style] = level

    def _end(self, name: str, sink: RtfSink) -> None:
        """Store the text of a footnote, comment, header or text box."""
        if name == "annotation":
            text = sink.text()
            who = f"Comment by {self._author}" if self._author else "Comment"
            self._beside += [Block(f"{who}: {text}")] if text else []
        elif name in HEADERS:
            found = (block for block in sink.blocks() if any(map(str.isalpha, block.text)))
            self._margins.update((block.text, block) for block in found)
        else:
            self._beside += sink.blocks()

    def _field(self) -> str:
        """The state of a check box, or the selected entry of a list."""
        kind, default = self._form.get("fftype", 0), self._form.get("ffdefres", 0)
        chosen = self._form.get("ffres", 25)
        chosen = default if chosen == 25 else chosen
        if kind == 1:
            return "☒" if chosen else "☐"
        return self._entries[chosen] if kind == 2 and 0 <= chosen < len(self._entries) else ""

    def _word(self, name: str, number: int | None) -> None:
        if self._skipping:
            self._skipping -= 1
            return
        starred, self._starred = self._starred, False
        special = self._words.get(name)
        if name in SIGNS or special is None or name not in {"f", "v", "s"}:
            self._flush()
        if special is not None and not (starred and name not in ENTERED):
            special(name, number)
        elif name in SIGNS:
            self._write(SIGNS[name])
        elif name in {"fftype", "ffres", "ffdefres"}:
            self._form[name] = number or 0
        else:
            self._begin(name, starred)

    def _begin(self, name: str, starred: bool) -> None:
        """Set the purpose of a group by its first word."""
        group = self._group
        if name in SKIPPED or (starred and name not in ENTERED):
            group.skip = True
            return
        if name == "upr":
            group.skip, group.destination = True, name
        elif name == "ud":
            group.skip = False
        elif name == "info":
            group.skip, group.destination = True, name
        elif name in {"fonttbl", "stylesheet"}:
            group.destination, group.captured = name, []
        elif name in CAPTURED:
            group.destination, group.captured, group.skip = name, [], False
        elif name in HEADERS or name in {"footnote", "annotation", "shptxt", "dptxbxtext"}:
            group.destination, group.sink, group.start = name, RtfSink(self._source), 0
        elif name in {"field", "formfield"}:
            group.destination = name
            self._form, self._entries = {}, []
            self._address = "" if name == "field" else self._address
            group.captured = [] if name == "formfield" else group.captured

    def _symbol(self, sign: str) -> None:
        if self._skipping:
            self._skipping -= 1
        elif sign == "*":
            self._starred = True
        elif sign in "\r\n":
            self._paragraph("par", None)
        elif sign in SIGNS:
            self._flush()
            self._write(SIGNS[sign])

    def _byte(self, value: int) -> None:
        if self._skipping:
            self._skipping -= 1
        elif not self._group.skip or self._group.captured is not None:
            self._pending.append(value)

    def _raw(self, text: bytes) -> None:
        skipped = min(self._skipping, len(text))
        self._skipping -= skipped
        if not self._group.skip or self._group.captured is not None:
            self._pending += text[skipped:]

    def _flush(self) -> None:
        if self._pending:
            text = self._pending.decode(self._group.page or self._page, "replace")
            self._pending.clear()
            self._write(text)

    def _write(self, text: str) -> None:
        group = self._group
        if group.captured is not None:
            group.captured.append(text)
            if group.destination == "" and text.rstrip().endswith(";") and self._within("stylesheet"):
                self._name_style("".join(group.captured))
                group.captured.clear()
        elif not group.skip and not group.deleted:
            if group.hidden and HIDDEN not in self._source.notes and text.strip():
                self._source.note(HIDDEN)
            group.sink.write(text)

    def _within(self, name: str) -> bool:
        return any(each.destination == name for each in self._stack[-2:])

    def _unicode(self, name: str, number: int | None) -> None:
        self._write(chr((number or 0) & 0xFFFF) if (number or 0) < 0x10000 else chr(min(number or 0, 0x10FFFF)))
        self._skipping = self._group.after

    def _fallback(self, name: str, number: int | None) -> None:
        self._group.after = min(max(number or 0, 0), 100)

    def _code_page(self, name: str, number: int | None) -> None:
        self._page = code_page(number or 1252)

    def _other_page(self, name: str, number: int | None) -> None:
        self._page = {"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}[name]

    def _use_font(self, name: str, number: int | None) -> None:
        self._flush()
        self._font = number or 0
        self._group.page = self._fonts.get(self._font, "")

    def _charset(self, name: str, number: int | None) -> None:
        if found := CHARSETS.get(number or 0):
            self._fonts[self._font] = found

    def _font_page(self, name: str, number: int | None) -> None:
        self._fonts[self._font] = code_page(number or 1252)

    def _use_style(self, name: str, number: int | None) -> None:
        self._style = number or 0
        self._level = self._levels.get(self._style, 0)

    def _outline(self, name: str, number: int | None) -> None:
        if self._within("stylesheet") or self._group.destination == "stylesheet":
            return
        self._level = (number or 0) + 1 if (number or 0) < 9 else 0

    def _plain_paragraph(self, name: str, number: int | None) -> None:
        self._level, self._in_table = 0, False

    def _plain(self, name: str, number: int | None) -> None:
        self._group.hidden = self._group.deleted = False
        self._group.page = ""

    def _hide(self, name: str, number: int | None) -> None:
        self._flush()
        self._group.hidden = number != 0

    def _delete(self, name: str, number: int | None) -> None:
        self._group.deleted = number != 0

    def _table(self, name: str, number: int | None) -> None:
        self._in_table = self._in_table or name == "intbl"

    def _paragraph(self, name: str, number: int | None) -> None:
        self._flush()
        if self._group.captured is None and not self._group.skip:
            self._group.sink.paragraph(self._level, self._in_table and name == "par")

    def _cell(self, name: str, number: int | None) -> None:
        if not self._group.skip:
            self._group.sink.cell()

    def _row(self, name: str, number: int | None) -> None:
        if not self._group.skip:
            self._group.sink.row()

    def _picture(self, name: str, number: int | None) -> None:
        if not self._group.skip:
            self._pictures += 1
        self._group.skip = True


HIDDEN = "It has hidden text, which was read."
