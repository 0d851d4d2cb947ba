"""Chooses what a model reads of the sources: as many as fit into its context, the best ones with the text around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from sqlalchemy import and_, select
from sqlalchemy.orm import aliased

from modelyard.db.session import Database
from modelyard.db.tables import KnowledgeChunk
from modelyard.knowledge.answering.summaries import GAP, estimate_tokens
from modelyard.knowledge.search.fusion import RELEVANT
from modelyard.protocol.hits import Hit

CHARACTERS: Final = 6000
"""Maximum characters of sources in a prompt. The first source is always included."""
ANSWER: Final = 1024
"""Tokens that are left for an answer where the request does not say how many; a quarter of a context that is shorter."""
INSTRUCTION: Final = 150
"""Tokens of a prompt beside the question and the sources."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A hit with the text around it."""

    hit: Hit
    before: str = ""
    after: str = ""

    @property
    def whole(self) -> Hit:
        """The hit with all that the model reads as its text."""
        return msgspec.structs.replace(self.hit, text=f"{self.before}{self.hit.text}{self.after}")


@dataclass(frozen=True, slots=True)
class Room:
    """How much of the sources a model can read."""

    characters: int = CHARACTERS
    tokens: float = float("inf")

    def without(self, text: str) -> Room:
        """What is left after a text."""
        return Room(self.characters - len(text), self.tokens - estimate_tokens(text))

    def has(self, text: str) -> bool:
        """Whether a text fits."""
        left = self.without(text)
        return left.characters >= 0 and left.tokens >= 0


def room(context: int | None, question: str, history: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> Room:
    """What a model with a context of so many tokens can read beside the talk and its own answer. None: not known."""
    if context is None:
        return Room()
    talk = estimate_tokens("\n".join([question, *(str(each.get("content") or "") for each in history)]))
    return Room(tokens=prompt_limit(context, options) - INSTRUCTION - talk)


def prompt_limit(context: int, options: Mapping[str, Any]) -> int:
    """The tokens of a prompt that leaves room for the answer in a context of so many tokens."""
    limit = options.get("max_completion_tokens") or options.get("max_tokens")
    return context - min(limit if isinstance(limit, int) else ANSWER, context // 4)


def shortened(found: Sequence[Passage], characters: int) -> list[Passage]:
    """Passages of at most so many characters: first without the text around hits, then without the last hits.

    The first hit is always there; it is cut if it is longer.
    """
    first, *others = found
    chosen = [Passage(_beginning(first.hit, characters))]
    left = characters - len(chosen[0].hit.text)
    for passage in others:
        if (left := left - len(passage.hit.text)) < 0:
            break
        chosen.append(Passage(passage.hit))
    for number, passage in enumerate(found[: len(chosen)]):
        around = len(passage.before) + len(passage.after)
        if 0 < around <= left:
            left -= around
            chosen[number] = passage
    return chosen


def _beginning(hit: Hit, characters: int) -> Hit:
    """A hit with the beginning of its text."""
    if len(hit.text) <= characters:
        return hit
    text = hit.text[:characters]
    end = hit.end if hit.start is None else hit.start + len(text)
    return msgspec.structs.replace(hit, text=text, end=end)


def fitting(hits: Sequence[Hit], space: Room) -> list[Hit]:
    """The hits up to the first that does not fit; at least one."""
    chosen: list[Hit] = []
    for hit in hits:
        if chosen and not space.has(hit.text):
            break
        space = space.without(hit.text)
        chosen.append(hit)
    return chosen


async def passages(database: Database, hits: Sequence[Hit], space: Room) -> list[Passage]:
    """The hits as passages; those that are likely about the question with the chunks beside them in their section.

    The best come first. A chunk is added once, and only while there is room for it beside all hits.
    """
    found = {hit.chunk_id: Passage(hit) for hit in hits}
    relevant = [hit.chunk_id for hit in hits if hit.score >= RELEVANT]
    for hit in hits:
        space = space.without(hit.text)
    taken = set(found)
    for number, neighbour in await _neighbours(database, relevant):
        passage = found[number]
        text = neighbour.beyond(passage.hit)
        if neighbour.chunk.id in taken or not text.strip() or not space.has(text):
            continue
        taken.add(neighbour.chunk.id)
        space = space.without(text)
        found[number] = replace(passage, after=text) if neighbour.behind else replace(passage, before=text)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A chunk beside a hit, in the same document and below the same headings."""

    chunk: KnowledgeChunk
    behind: bool
    """Whether it follows the hit, rather than precedes it."""

    def beyond(self, hit: Hit) -> str:
        """Its text without what the hit repeats of it, and with the blank between the two."""
        text = self.chunk.text
        if self.chunk.edited or None in (self.chunk.start, self.chunk.end, hit.start, hit.end):
            return f"{GAP}{text}" if self.behind else f"{text}{GAP}"
        assert self.chunk.start is not None and self.chunk.end is not None
        assert hit.start is not None and hit.end is not None
        header = max(0, len(text) - (self.chunk.end - self.chunk.start))  # of a table, which each part of it repeats
        if self.behind:
            gap = self.chunk.start - hit.end
            return GAP[:gap] + text[header - gap :] if gap < 0 else GAP[:gap] + text[header:]
        gap = hit.start - self.chunk.end
        return text[:gap] if gap < 0 else text + GAP[:gap]


async def _neighbours(database: Database, numbers: Sequence[int]) -> list[tuple[int, Neighbour]]:
    """The chunks beside those with these ids, in the order of the ids; the following one before the preceding one."""
    if not numbers:
        return []
    found = aliased(KnowledgeChunk)
    beside = and_(
        KnowledgeChunk.document_id == found.document_id,
        KnowledgeChunk.generation == found.generation,
        KnowledgeChunk.position.in_((found.position - 1, found.position + 1)),
        KnowledgeChunk.heading == found.heading,
        KnowledgeChunk.enabled,
    )
    query = select(found.id, found.position, KnowledgeChunk).join(KnowledgeChunk, beside).where(found.id.in_(numbers))
    async with database.session() as session:
        rows = (await session.execute(query)).all()
    pairs = [(number, Neighbour(chunk, chunk.position > position)) for number, position, chunk in rows]
    return sorted(pairs, key=lambda pair: (numbers.index(pair[0]), not pair[1].behind))
