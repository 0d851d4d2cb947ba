"""Markdown: headings, code fences, tables and paragraphs; front matter becomes metadata."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from html import unescape

from modelyard.knowledge.documents.loaders import tables
from modelyard.knowledge.documents.loaders.base import Source
from modelyard.knowledge.types import Block, BlockKind, LoadedDocument

HEADING = re.compile(r" {0,3}(#{1,6})(?=[ \t]|$)")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)$")
UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
RULE = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
CELL = re.compile(r"(?<!\\)\|")
BREAK = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
KEY = re.compile(r"([A-Za-z][\w -]{0,40}):[ \t]*(.*)$")
ITEM = re.compile(r"[ \t]+-[ \t]+(.*)|-[ \t]+(.*)$")
REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,30});")
PICTURE = re.compile(r"data:image/[\w.+-]{1,40};base64,[A-Za-z0-9+/=]{40,}")
FRONT_LINES = 200
LONGEST_VALUE = 500
"""Maximum characters of a front matter value that becomes metadata."""
LONGEST_RULE = 5000
"""Characters up to which a line may be the delimiter row of a table."""


def load(source: Source) -> LoadedDocument:
    """Read the blocks. The first heading of level 1 is the title, unless the front matter has one."""
    text, encoding = source.text()
    front, body, rest = front_matter(text)
    blocks = [Block(rest, BlockKind.CODE)] if rest else []
    blocks += parse(body, source)
    title = next((block.text for block in blocks if block.kind is BlockKind.HEADING and block.level == 1), "")
    return LoadedDocument(blocks, {"title": title, **front, "encoding": encoding})


def front_matter(text: str) -> tuple[Mapping[str, str], str, str]:
    """The flat values of YAML or TOML front matter, the text after it, and its lines if it has nested values."""
    lines = text.split("\n", FRONT_LINES)
    mark = lines[0].rstrip()
    if mark not in {"---", "+++"}:
        return {}, text, ""
    end = next((at for at, line in enumerate(lines[1:], 1) if line.rstrip() in {mark, "..."[: len(mark)]}), None)
    if end is None or (mark == "---" and not any(KEY.match(line) for line in lines[1:end])):
        return {}, text, ""
    rest, front = "\n".join(lines[end + 1 :]), "\n".join(lines[1:end])
    if mark == "---":
        values, whole = _yaml(lines[1:end])
        return values, rest, "" if whole else front
    try:
        found = tomllib.loads(front)
    except tomllib.TOMLDecodeError:
        return {}, rest, front
    whole = all(len(_flat(value)) <= LONGEST_VALUE and not isinstance(value, dict) for value in found.values())
    return {key: _flat(value) for key, value in found.items()}, rest, "" if whole else front


def _yaml(lines: list[str]) -> tuple[dict[str, str], bool]:
    """Parse `key: value` lines and lists below a key, and whether that is everything; other lines are read as text."""
    found: dict[str, str] = {}
    key, whole = "", True
    for line in lines:
        if pair := KEY.match(line):
            key, value = pair[1].strip(), pair[2].split(" #")[0].strip()
            if value[:1] == "[" and value[-1:] == "]":
                value = ", ".join(each.strip().strip("\"'") for each in value[1:-1].split(","))
            found[key] = "" if (more := value[:1] in {"|", ">", "{", "&", "*"}) else value.strip("\"'")
            whole = whole and not more
        elif key and (item := ITEM.match(line)) and not KEY.match(item[1] or item[2] or ""):
            found[key] = ", ".join(filter(None, [found[key], (item[1] or item[2] or "").strip().strip("\"'")]))
        elif line.strip() and not line.lstrip().startswith("#"):
            whole = False
    return found, whole and all(len(value) <= LONGEST_VALUE for value in found.values())


def _flat(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def parse(text: str, source: Source) -> Iterator[Block]:
    """The blocks of Markdown without front matter."""
    bare = without_comments(text)
    if len(bare) < len(text):
        source.note("Its comments were not read.")
    lines = bare.split("\n")
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
            yield _paragraph(pending, source)
            pending = []
        if block is not None and block.text:
            yield block
        at = after
    if pending:
        yield _paragraph(pending, source)


def _paragraph(lines: list[str], source: Source) -> Block:
    """A paragraph with its character references decoded, and without embedded pictures."""
    text = "\n".join(lines)
    if ";" in text and "&" in text:
        text = REFERENCE.sub(lambda match: unescape(match[0]), text)
    if "base64," in text:
        text, count = PICTURE.subn("", text)
        for _ in range(count):
            source.note("An embedded picture was not read.")
    return Block(text)


def _special(lines: list[str], at: int, pending: list[str]) -> tuple[Block | None, int]:
    """A block other than a paragraph at a line, and its end; an underlined heading takes its text from `pending`."""
    line = lines[at]
    if (fence := FENCE.match(line)) and _opens(fence):
        return _code(lines, at, fence[1])
    if heading := HEADING.match(line):
        return Block(_heading(line[heading.end() :].strip()), BlockKind.HEADING, len(heading[1])), at + 1
    if pending and (underline := UNDERLINE.match(line)) and not pending[-1].lstrip().startswith(("-", "*", "|", ">")):
        text = " ".join(each.strip() for each in pending)
        pending.clear()
        return Block(text, BlockKind.HEADING, 1 if underline[1][0] == "=" else 2), at + 1
    if "|" in line and at + 1 < len(lines) and _is_rule(lines[at + 1]):
        return _table(lines, at)
    if BREAK.match(line):
        return Block("", BlockKind.TEXT), at + 1
    return None, at + 1


def without_comments(text: str) -> str:
    """The text without `<!-- … -->` comments, except in code."""
    if "<!--" not in text:
        return text
    kept: list[str] = []
    fence, inside = "", False
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if not inside and mark and _opens(mark) and (not fence or (mark[1].startswith(fence) and not mark[2].strip())):
            fence = "" if fence else mark[1]
            kept.append(line)
            continue
        if fence:
            kept.append(line)
            continue
        line, inside = _uncommented(line, inside)
        kept.append(line)
    return "\n".join(kept) if not inside else text


def _opens(fence: re.Match[str]) -> bool:
    """Whether a line of three backticks opens a code block; with closing backticks on the line, it is inline code."""
    return fence[1][0] != "`" or "`" not in fence[2]


def _uncommented(line: str, inside: bool) -> tuple[str, bool]:
    """A line without its comments, and whether one continues after it; `inside` means that one continues from before."""
    kept: list[str] = []
    at = 0
    while True:
        if inside:
            end = line.find("-->", at)
            if end < 0:
                return "".join(kept), True
            at, inside = end + 3, False
        begin = line.find("<!--", at)
        if begin < 0 or line.count("`", 0, begin) % 2:
            return "".join([*kept, line[at:]]), False
        kept.append(line[at:begin])
        at, inside = begin + 4, True


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
    return Block("\n".join(lines[at + 1 : end]).strip("\n"), BlockKind.CODE), end + 1


def _table(lines: list[str], at: int) -> tuple[Block, int]:
    end = at + 2
    while end < len(lines) and lines[end].strip() and "|" in lines[end]:
        end += 1
    rows = [_cells(lines[each]) for each in range(at, end) if each != at + 1]
    return Block(tables.markdown(rows), BlockKind.TABLE), end


def _cells(line: str) -> list[str]:
    bare = line.strip().removeprefix("|")
    if bare.endswith("|") and not bare.endswith("\\|"):
        bare = bare[:-1]
    return [cell.strip().replace("\\|", "|") for cell in CELL.split(bare)]
