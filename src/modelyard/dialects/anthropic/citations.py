"""Places of citations in the text of a knowledge base's answer: a block ends behind the marks that cite its text. Pure."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from modelyard.knowledge.answering.citations import MARK
from modelyard.protocol.anthropic import SearchResultLocation, TextBlock

BEHIND = re.compile(rf"(?:[.。!！?？,，;；:：、)）”』」]|\s*(?:{MARK.pattern}))*")
"""What behind a mark belongs to its block: the end of the sentence and further marks."""
PERHAPS = re.compile(r"\s*(?:[\[【][\d\s,，、]{0,20})?")
"""The end of a text that may become such a mark."""
LONGEST_MARK = 32
"""Characters of a mark, at most."""

Ended = tuple[SearchResultLocation, ...]
"""The citations of the block that ends here."""
Part = str | Ended
Found = Sequence[Mapping[str, Any]]


class CitedText:
    """Divides a text while it arrives. A number is cited where its source is known, and at the end if it had no place."""

    def __init__(self) -> None:
        self._known: dict[int, SearchResultLocation] = {}
        self._cited: set[int] = set()
        """Numbers that have had a place."""
        self._tail = ""
        """The end of the text before, in which a mark may have begun."""
        self._behind: dict[int, SearchResultLocation] = {}
        """The citations of the marks before this place, if nothing but marks came after them."""
        self._held = ""
        """Text behind marks that may become a further mark."""

    def add(self, text: str, citations: Found = ()) -> Iterator[Part]:
        """The parts of a piece of text, with the citations that it is the first to have."""
        self.know(citations)
        while text:
            if self._behind:
                text = yield from self._add_behind(text)
            elif (cut := self._cut(text)) is None:
                self._tail = (self._tail + text)[-LONGEST_MARK:]
                yield text
                return
            else:
                yield text[:cut]
                text, self._tail = text[cut:], ""

    def know(self, citations: Found) -> None:
        """Learn the sources of numbers."""
        for each in citations:
            self._known.setdefault(int(each.get("number", 1)), citation(each))

    def end(self) -> Iterator[Part]:
        """The parts at the end of the text, with the citations that had no place."""
        if self._held:
            yield self._held
            self._held = ""
        rest = {number: each for number, each in self._known.items() if number not in self._cited}
        self._cited |= rest.keys()
        self._behind |= rest
        yield from self._ended()

    def _cut(self, text: str) -> int | None:
        """The place behind the first mark of a known source; None if there is none."""
        if not self._known:
            return None
        before = len(self._tail)
        for mark in MARK.finditer(self._tail + text):
            if mark.end() > before and self._take(mark.group()):
                return mark.end() - before
        return None

    def _take(self, marks: str) -> bool:
        """Note the citations of marks; returns whether there are any."""
        numbers = [number for number in map(int, re.findall(r"\d+", marks)) if number in self._known]
        self._behind |= {number: self._known[number] for number in numbers}
        self._cited.update(numbers)
        return bool(numbers)

    def _add_behind(self, text: str) -> Generator[Part, None, str]:
        """The parts of a piece of text behind a mark; returns what remains for the next block."""
        text, self._held = self._held + text, ""
        match = BEHIND.match(text)
        belonging, rest = text[: match.end()] if match else "", text[match.end() if match else 0 :]
        if belonging:
            self._take(" ".join(mark.group() for mark in MARK.finditer(belonging)))
            yield belonging
        if PERHAPS.fullmatch(rest):
            self._held = rest
            return ""
        yield from self._ended()
        return rest

    def _ended(self) -> Iterator[Part]:
        if self._behind:
            yield tuple(self._behind.values())
        self._behind = {}


def citation(found: Mapping[str, Any]) -> SearchResultLocation:
    """A citation of a knowledge base's answer in Anthropic's form."""
    base, document = quote(str(found.get("knowledge_base", "")), safe=""), found.get("document_id")
    return SearchResultLocation(
        cited_text=str(found.get("text", "")),
        source=f"/v1/knowledge_bases/{base}/documents/{document}/content",
        title=str(found.get("document", "")),
        search_result_index=max(0, int(found.get("number", 1)) - 1),
    )


def text_blocks(text: str, citations: Found) -> list[TextBlock]:
    """A whole text as blocks."""
    cited = CitedText()
    cited.know(citations)
    found: list[TextBlock] = []
    parts: list[str] = []
    for part in (*cited.add(text), *cited.end()):
        if isinstance(part, str):
            parts.append(part)
        else:
            found.append(TextBlock("".join(parts), list(part)))
            parts.clear()
    return [*found, TextBlock("".join(parts))] if parts else found
