"""Markdown: headings, code fences, tables and paragraphs; front matter becomes metadata."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping

from modelyard.knowledge.loaders import tables
from modelyard.knowledge.loaders.base import Source
from modelyard.knowledge.types import Block, Kind, Loaded

HEADING = re.compile(r" {0,3}(#{1,6})(?=[ \t]|$)")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)$")
UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
RULE = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
CELL = re.compile(r"(?<!\\)\|")
BREAK = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
KEY = re.compile(r"([A-Za-z][\w -]{0,40}):[ \t]*(.*)$")
ITEM = re.compile(r"[ \t]+-[ \t]+(.*)|-[ \t]+(.*)$")
FRONT_LINES = 200
LONGEST_RULE = 5000
"""Characters up to which a line may be the rule of a table."""


def load(source: Source) -> Loaded:
    """Its blocks. The first heading of level 1 is the title, unless the front matter has one."""
    text, encoding = source.text()
    front, body = front_matter(text)
    blocks = list(parse(body))
    title = next((block.text for block in blocks if block.kind is Kind.HEADING and block.level == 1), "")
    return Loaded(blocks, {"title": title, **front, "encoding": encoding})


def front_matter(text: str) -> tuple[Mapping[str, str], str]:
    """The flat values of YAML or TOML at the beginning, and the text behind it."""
    lines = text.split("\n", FRONT_LINES)
    mark = lines[0].rstrip()
    if mark not in {"---", "+++"}:
        return {}, text
    end = next((at for at, line in enumerate(lines[1:], 1) if line.rstrip() in {mark, "..."[: len(mark)]}), None)
    if end is None or (mark == "---" and not any(KEY.match(line) for line in lines[1:end])):
        return {}, text
    rest = "\n".join(lines[end + 1 :])
    if mark == "---":
        return _yaml(lines[1:end]), rest
    try:
        return {key: _flat(value) for key, value in tomllib.loads("\n".join(lines[1:end])).items()}, rest
    except tomllib.TOMLDecodeError:
        return {}, rest


def _yaml(lines: list[str]) -> dict[str, str]:
    """`key: value` lines and lists below a key. A YAML library would be one more for four lines of gain."""
    found: dict[str, str] = {}
    key = ""
    for line in lines:
        if pair := KEY.match(line):
            key, value = pair[1].strip(), pair[2].split(" #")[0].strip()
            if value[:1] == "[" and value[-1:] == "]":
                value = ", ".join(each.strip().strip("\"'") for each in value[1:-1].split(","))
            found[key] = value.strip("\"'")
        elif key and (item := ITEM.match(line)):
            found[key] = ", ".join(filter(None, [found[key], (item[1] or item[2] or "").strip().strip("\"'")]))
    return found


def _flat(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def parse(text: str) -> Iterator[Block]:
    """The blocks of Markdown without front matter."""
    lines = without_comments(text).split("\n")
    at = 0
    pending: list[str] = []
    while at < len(lines):
        line = lines[at]
        block, after = _special(lines, at, pending)
        if block is None and line.strip():
            pending.append(line.rstrip())
            at += 1
            continue
        if pending:
            yield Block("\n".join(pending))
            pending = []
        if block is not None and block.text:
            yield block
        at = after
    if pending:
        yield Block("\n".join(pending))


def _special(lines: list[str], at: int, pending: list[str]) -> tuple[Block | None, int]:
    """What begins at a line and is no paragraph, and where it ends; an underlined heading takes its text from `pending`."""
    line = lines[at]
    if fence := FENCE.match(line):
        return _code(lines, at, fence[1])
    if heading := HEADING.match(line):
        return Block(_heading(line[heading.end() :].strip()), Kind.HEADING, len(heading[1])), at + 1
    if pending and (underline := UNDERLINE.match(line)) and not pending[-1].lstrip().startswith(("-", "*", "|", ">")):
        text = " ".join(each.strip() for each in pending)
        pending.clear()
        return Block(text, Kind.HEADING, 1 if underline[1][0] == "=" else 2), at + 1
    if "|" in line and at + 1 < len(lines) and _is_rule(lines[at + 1]):
        return _table(lines, at)
    if BREAK.match(line):
        return Block("", Kind.TEXT), at + 1
    return None, at + 1


def without_comments(text: str) -> str:
    """Without what stands between `<!--` and `-->`."""
    kept, at = [], 0
    while (begin := text.find("<!--", at)) >= 0 and (end := text.find("-->", begin + 4)) >= 0:
        kept.append(text[at:begin])
        at = end + 3
    return "".join([*kept, text[at:]])


def _heading(text: str) -> str:
    bare = text.rstrip("#")
    return bare.rstrip() if not bare or bare[-1] in " \t" else text


def _is_rule(line: str) -> bool:
    return "|" in line and len(line) <= LONGEST_RULE and RULE.match(line) is not None


def _code(lines: list[str], at: int, mark: str) -> tuple[Block, int]:
    end = at + 1
    while end < len(lines):
        closing = lines[end].strip()
        if closing.startswith(mark) and not closing.strip(mark[0]):
            break
        end += 1
    return Block("\n".join(lines[at + 1 : end]).strip("\n"), Kind.CODE), end + 1


def _table(lines: list[str], at: int) -> tuple[Block, int]:
    end = at + 2
    while end < len(lines) and lines[end].strip() and "|" in lines[end]:
        end += 1
    rows = [_cells(lines[each]) for each in range(at, end) if each != at + 1]
    return Block(tables.markdown(rows), Kind.TABLE), end


def _cells(line: str) -> list[str]:
    bare = line.strip().removeprefix("|")
    if bare.endswith("|") and not bare.endswith("\\|"):
        bare = bare[:-1]
    return [cell.strip().replace("\\|", "|") for cell in CELL.split(bare)]
