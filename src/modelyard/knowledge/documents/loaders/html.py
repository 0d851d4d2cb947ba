"""Web pages: title, headings, paragraphs, lists, tables and code. `page_parts.py` converts or removes other elements."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from modelyard.knowledge.documents.loaders import tables
from modelyard.knowledge.documents.loaders.base import Source, parsing
from modelyard.knowledge.documents.loaders.page_parts import simplify
from modelyard.knowledge.documents.loaders.prose import BETWEEN
from modelyard.knowledge.types import Block, BlockKind, LoadedDocument

CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]+)|<\?xml[^>]{0,100}?encoding=["']([\w.-]+)""", re.I
)
DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_BLOCKS = (
    "address article aside blockquote body center dd details dialog dir div dl dt fieldset figcaption figure footer form "
    "header hgroup hr legend li main menu optgroup p section summary table tbody td tfoot th thead tr ul ol"
)
BLOCKS = frozenset(_BLOCKS.split())
HEADINGS = {f"h{level}": level for level in range(1, 7)}
SPACE = re.compile(r"[ \t\f\u00a0]+")
BREAK = "\x1e"
"""Placeholder for `<br>` until white space is collapsed."""
DEEPEST = 150
"""Maximum nesting of elements; below it, only the text is read."""
LISTS = frozenset({"ul", "ol"})
DEEPEST_LIST = 10
WIDEST_SPAN = 50
TALLEST_SPAN = 1000
"""Maximum number of columns and rows that a cell may span."""


def load(source: Source) -> LoadedDocument:
    """Read the page."""
    text, encoding = source.text(declared(source.data))
    loaded = parse(source, text)
    title, description = loaded.metadata.get("title"), loaded.metadata.get("description")
    blocks = list(loaded.blocks)
    if title and title.strip() and not any(block.kind is BlockKind.HEADING and block.level == 1 for block in blocks):
        blocks.insert(0, Block(" ".join(title.split()), BlockKind.HEADING, 1))
    if not loaded.blocks and description:
        source.note("The page is written by scripts, which were not run: only its title and description were read.")
        blocks.append(Block(description))
    elif not loaded.blocks:
        blocks = []
    return LoadedDocument(blocks, {**loaded.metadata, "encoding": encoding})


def declared(data: bytes) -> str | None:
    """The encoding that a page declares."""
    found = CHARSET.search(data[:4096])
    return (found[1] or found[2]).decode() if found else None


def parse(source: Source, text: str) -> LoadedDocument:
    """Read a page that is decoded already."""
    from lxml import etree

    with parsing(source, "page", etree.LxmlError):
        root = _tree(source, text)
        if root is None:
            return LoadedDocument([])
        title = root.findtext(".//head/title") or root.findtext(".//title") or ""
        metas = {
            str(each.get("name") or each.get("property")).lower(): each.get("content") or ""
            for each in root.iter("meta")
        }
        _simplify(root, source, 0)
        walk = _HtmlWalk(source)
        walk.children(root, 0)
        walk.flush()
    description = metas.get("description") or metas.get("og:description") or ""
    metadata = {"title": title, "author": metas.get("author", ""), "description": description}
    return LoadedDocument(walk.blocks, {**metadata, "language": root.get("lang") or ""})


def _tree(source: Source, text: str) -> Any:
    """The element tree of a page; None if it has no elements."""
    from lxml import etree, html

    parser = html.HTMLParser(no_network=True, huge_tree=False, remove_comments=True, remove_pis=True, encoding="utf-8")
    bare = DECLARATION.sub("", text)
    try:
        root = html.document_fromstring(bare.encode("utf-8", "replace"), parser=parser) if bare.strip() else None
    except etree.ParserError:  # the page consists of comments
        return None
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):  # the parser dropped the rest
        raise source.unreadable("its elements stand too deep inside one another, or one text in it is too long.")
    return root


def _simplify(root: Any, source: Source, depth: int) -> None:
    def inside(page: str, at: int) -> Any:
        tree = _tree(source, page)
        if tree is not None:
            _simplify(tree, source, at)
        return tree

    simplify(root, source, inside, depth)


def _inline(text: str | None) -> str:
    """A text node as displayed: white space collapsed, and removed at line breaks in East Asian text."""
    return SPACE.sub(" ", BETWEEN.sub("", text.replace("\r", "")).replace("\n", " ")) if text else ""


def _tidy(text: str) -> str:
    lines = (SPACE.sub(" ", line).strip() for line in text.split(BREAK))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def _text(element: Any, skip: frozenset[str] = frozenset()) -> str:
    """The text of an element, without the elements in `skip`."""
    return _tidy("".join(_parts(element, skip, 0)))


def _parts(element: Any, skip: frozenset[str], depth: int) -> Iterator[str]:
    if depth > DEEPEST:
        yield " ".join(element.itertext())
        return
    yield _inline(element.text)
    for child in element:
        if isinstance(child.tag, str) and child.tag not in skip:
            around = BREAK if child.tag == "br" or child.tag in BLOCKS or child.tag in HEADINGS else ""
            yield around if child.tag not in {"td", "th"} else " "
            yield from _parts(child, skip, depth + 1)
            yield "" if child.tag in {"br", "td", "th"} else around
        yield _inline(child.tail)


class _HtmlWalk:
    """Collects blocks; inline text is buffered until a block begins or ends."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.blocks: list[Block] = []
        self._waiting: list[str] = []
        self._special: dict[str, Callable[[Any, int], None]] = {
            **dict.fromkeys(("pre", "xmp", "listing", "plaintext"), self._pre),
            "ul": self._list,
            "ol": self._list,
            "table": self._table,
            "br": lambda element, depth: self._waiting.append(BREAK),
            **dict.fromkeys(HEADINGS, self._heading),
        }

    def add(self, text: str, kind: BlockKind = BlockKind.TEXT, level: int = 0) -> None:
        """Add a block, if it has text."""
        if text.strip():
            self.blocks.append(Block(text, kind, level))

    def flush(self) -> None:
        """End a paragraph."""
        text = _tidy("".join(self._waiting))
        self._waiting.clear()
        self.add(re.sub(r"\n{2,}", "\n", text))

    def children(self, element: Any, depth: int) -> None:
        """Read everything inside an element."""
        if depth > DEEPEST:
            self._waiting.append(" ".join(element.itertext()))
            return
        self._waiting.append(_inline(element.text))
        for child in element:
            if isinstance(child.tag, str):
                self._element(child, depth + 1)
            self._waiting.append(_inline(child.tail))

    def _element(self, element: Any, depth: int) -> None:
        if special := self._special.get(element.tag):
            if element.tag != "br":
                self.flush()
            special(element, depth)
        elif element.tag in BLOCKS:
            self.flush()
            self.children(element, depth)
            self.flush()
        else:
            self.children(element, depth)

    def _heading(self, element: Any, depth: int) -> None:
        self.add(" ".join(_text(element).split()), BlockKind.HEADING, HEADINGS[element.tag])

    def _pre(self, element: Any, depth: int) -> None:
        for line_break in element.iter("br"):
            line_break.tail = "\n" + (line_break.tail or "")
        self.add("".join(element.itertext()).expandtabs(4).strip("\n"), BlockKind.CODE)

    def _list(self, element: Any, depth: int) -> None:
        if any(True for _ in element.iter("table", "pre", *HEADINGS)):
            self.children(element, depth)
            self.flush()
        else:
            self.add("\n".join(_list_lines(element, 0)))

    def _table(self, element: Any, depth: int) -> None:
        """A layout table, or one that contains another table, is not a table block: its content is read instead."""
        rows = list(_rows(element, self._source))
        if any(True for _ in element.iterdescendants("table")) or max(map(len, rows), default=0) < 2:
            self.children(element, depth)
            self.flush()
            return
        caption = element.find("caption")
        if caption is not None:
            self.add(_text(caption))
        self.add(tables.markdown([row for row in rows if any(row)]), BlockKind.TABLE)


def _list_lines(element: Any, level: int) -> Iterator[str]:
    """A line per item, with the items of nested lists indented; deeply nested ones are joined into one line."""
    number = _number(element.get("start"), 1) - 1
    nested = LISTS if level < DEEPEST_LIST else frozenset()
    for child in element:
        if child.tag in nested:
            yield from _list_lines(child, level + 1)
        elif isinstance(child.tag, str):
            number = _number(child.get("value"), number + 1)
            mark = f"{number}." if element.tag == "ol" else "-"
            text = re.sub(r"\s*\n\s*", "\n" + "  " * (level + 1), _text(child, nested).strip())
            if text:
                yield f"{'  ' * level}{mark} {text}"
            for below in child.iter(*nested) if nested else ():
                if next(below.iterancestors("li", *LISTS), None) is child:
                    yield from _list_lines(below, level + 1)


def _number(value: str | None, usual: int) -> int:
    return int(value) if value and re.fullmatch(r"-?\d{1,9}", value.strip(), re.ASCII) else usual


def _rows(table: Any, source: Source) -> Iterator[list[str]]:
    """The cells of a table; those that span rows or columns are repeated."""
    spanning: dict[int, tuple[int, str]] = {}
    characters = 0
    for row in table.iter("tr"):
        cells: list[str] = []

        def fill(cells: list[str] = cells) -> None:
            while spanning.get(len(cells), (0, ""))[0] > 0:
                left, text = spanning[len(cells)]
                spanning[len(cells)] = (left - 1, text)
                cells.append(text)

        for cell in row.iterchildren("td", "th"):
            fill()
            text = _text(cell)
            down = _span(cell, "rowspan", TALLEST_SPAN)
            for _ in range(_span(cell, "colspan", WIDEST_SPAN)):
                spanning[len(cells)] = (down - 1, text)
                cells.append(text)
        fill()
        characters += sum(map(len, cells))
        source.allow(characters)
        yield cells


def _span(cell: Any, name: str, most: int) -> int:
    value = cell.get(name, "1").strip()
    return min(max(int(value), 1), most) if value.isascii() and value.isdigit() and len(value) < 6 else 1
