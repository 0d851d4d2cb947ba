"""reStructuredText: headings by their underlines, tables, code blocks, paragraphs; included files are noted."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelyard.knowledge.documents.loaders import rst_tables
from modelyard.knowledge.documents.loaders.base import Source
from modelyard.knowledge.types import Block, BlockKind, LoadedDocument

LINE = re.compile(r"([!-/:-@\[-`{-~])\1{2,}\s*$")
CODE = re.compile(r"\s*\.\. (?:code|code-block|sourcecode|highlight|literalinclude|parsed-literal)::")
OPTION = re.compile(r":[\w -]{1,40}:(?:\s|$)")
CAPTION = re.compile(r"\s*:caption:\s+(\S.*)$")
INCLUDED = re.compile(r"\s*(?:\.\. (?:include|literalinclude)::|:(?:file|url):)\s+(\S.*)$")
"""Directives whose content is in another file."""


def load(source: Source) -> LoadedDocument:
    """Read the blocks; heading levels follow the order in which their underline styles appear."""
    text, encoding = source.text()
    lines = text.expandtabs(8).split("\n")
    for line in lines:
        if included := INCLUDED.match(line):
            source.note(f"The included file '{included[1].strip()}' was not read.")
    blocks = list(_blocks(lines))
    title = next((block.text for block in blocks if block.kind is BlockKind.HEADING), "")
    return LoadedDocument(blocks, {"title": title, "encoding": encoding})


def _blocks(lines: list[str]) -> Iterator[Block]:
    styles: list[str] = []
    paragraph: list[str] = []
    at = 0
    while at < len(lines):
        special = None if paragraph else _heading(lines, at, styles) or rst_tables.table(lines, at)
        ends = not lines[at].strip() and "".join(paragraph[-1:]).endswith("::")
        literal = ends or CODE.match(lines[at]) is not None
        if special or literal or not lines[at].strip():
            if paragraph:
                yield Block("\n".join(paragraph).removesuffix("::") if literal else "\n".join(paragraph))
                paragraph = []
        else:
            paragraph.append(lines[at].rstrip())
        if special:
            block, at = special
            yield block
        elif literal:
            if not ends and (caption := _caption(lines, at + 1)):
                yield Block(caption)
            code, at = _indented(lines, at + 1)
            yield Block(code, BlockKind.CODE)
        else:
            at += 1
    yield Block("\n".join(paragraph))


def _heading(lines: list[str], at: int, styles: list[str]) -> tuple[Block, int] | None:
    """A line that is underlined, and perhaps overlined, with as many characters as it is long."""
    over = LINE.match(lines[at])
    title = at + 1 if over else at
    if title + 1 >= len(lines) or not lines[title].strip() or LINE.match(lines[title]):
        return None
    under = LINE.match(lines[title + 1])
    text = lines[title].strip()
    if not under or (over and over[1] != under[1]) or len(lines[title + 1].strip()) < min(len(text), 4):
        return None
    style = f"{'over' if over else ''}{under[1]}"
    if style not in styles:
        styles.append(style)
    return Block(text, BlockKind.HEADING, styles.index(style) + 1), title + 2


def _caption(lines: list[str], at: int) -> str:
    """The name in the options of a code block."""
    while at < len(lines) and OPTION.match(lines[at].strip()):
        if caption := CAPTION.match(lines[at]):
            return caption[1].strip()
        at += 1
    return ""


def _indented(lines: list[str], at: int) -> tuple[str, int]:
    """Indented code, without its indentation and options."""
    end = at
    while end < len(lines) and (not lines[end].strip() or lines[end][0] == " "):
        end += 1
    body = lines[at:end]
    while body and (not body[0].strip() or OPTION.match(body[0].strip())):
        body = body[1:]
    margin = min((len(line) - len(line.lstrip()) for line in body if line.strip()), default=0)
    return "\n".join(line[margin:].rstrip() for line in body).strip("\n"), end
