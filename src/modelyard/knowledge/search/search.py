"""Searching: words and vectors side by side, fused by rank, then ranked by a model where one runs."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import select

from modelyard.core.errors import IndexUnavailable, InvalidParameter, KnowledgeBaseNotFound, ModelyardError
from modelyard.db.session import Database
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument, KnowledgeVector
from modelyard.knowledge.indexing.index_pool import Indexes
from modelyard.knowledge.indexing.vectors import as_vector, unit
from modelyard.knowledge.search.filters import matching
from modelyard.knowledge.search.highlights import Span, highlights
from modelyard.knowledge.types import Models, Store

log = logging.getLogger(__name__)

RANK_CONSTANT = 60
"""Of reciprocal rank fusion, as in Cormack, Clarke and Büttcher (2009)."""
FEWEST_CANDIDATES = 20
"""Of each list. More of them let passages in that share only a frequent word, which costs more than it finds."""
MOST_HITS = 200
LONGEST_QUERY = 10_000
ROWS_KEPT = 50_000
TRIES = 3
"""Of a search whose base is indexed anew while it runs."""


class Outdated(Exception):
    """A base has another generation now; `bases` are as they are now. Never leaves this file."""

    def __init__(self, bases: Sequence[KnowledgeBase]) -> None:
        super().__init__("indexed anew")
        self.bases = bases


class Mode(StrEnum):
    """What is searched by."""

    HYBRID = "hybrid"
    LEXICAL = "lexical"
    VECTOR = "vector"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One search."""

    text: str
    bases: Sequence[KnowledgeBase]
    k: int = 5
    mode: Mode = Mode.HYBRID
    where: Mapping[str, Any] = field(default_factory=dict)
    """What documents must have; see `filters.py`."""
    rerank: bool | None = None
    """None for where a base has a model for it that answers; True raises what that model raises."""
    rerank_model: str | None = None
    min_score: float = 0.0
    similarities: bool = False
    """Whether every hit shall have its similarity, those too that were found by words."""
    models: Models | None = None
    """Models as a caller may use them, so that their tokens count for the caller; None for the room's own."""

    @property
    def asks_models(self) -> bool:
        """Whether a model may be asked for it: for a vector of the text, or to rank what is found."""
        embeds = self.mode is not Mode.LEXICAL and any(base.embedding_model for base in self.bases)
        ranks = self.rerank_model or any(base.rerank_model for base in self.bases)
        return embeds or bool(self.rerank is not False and ranks)


@dataclass(frozen=True, slots=True)
class Scores:
    """Why a hit stands where it stands; higher is better in each, None where a list does not have it."""

    lexical: float | None = None
    """BM25."""
    similarity: float | None = None
    """Cosine, -1 to 1."""
    fused: float = 0.0
    """Reciprocal rank fusion, as a part of the best that could be: 0 to 1."""
    rerank: float | None = None
    """Of the ranking model, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is shown of a chunk."""

    id: int
    base: str
    document_id: int
    document: str
    position: int
    text: str
    start: int | None
    end: int | None
    page: int | None
    heading: str
    hash: str
    extra: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found."""

    row: Row
    score: float
    """0 to 1, higher is better: the ranking model's where there is one, else the fused one."""
    scores: Scores
    highlights: Sequence[Span] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What a search gives."""

    hits: Sequence[Hit]
    notes: Sequence[str] = ()
    """For people: that a base has no embedding model, or that the ranking model did not answer."""


class Search:
    """Searches bases. Text of chunks is remembered: an id means one text for ever."""

    def __init__(self, database: Database, indexes: Indexes, models: Models) -> None:
        self._database = database
        self._indexes = indexes
        self._models = models
        self._rows: OrderedDict[int, Row] = OrderedDict()
        self._forgotten = 0
        """How often something was forgotten: what was read before that is not remembered."""

    def forget(self, ids: Iterable[int]) -> None:
        """These chunks are shown in another way now."""
        self._forgotten += 1
        for each in ids:
            self._rows.pop(each, None)

    def forget_all(self) -> None:
        """A base has another name now."""
        self._forgotten += 1
        self._rows.clear()

    async def search(self, query: Query) -> Found:
        """The best chunks. Raises `InvalidParameter`, and what the models' server raises."""
        if not query.text.strip():
            raise InvalidParameter("query", "there is nothing to search for.")
        if len(query.text) > LONGEST_QUERY:
            raise InvalidParameter("query", f"a query has at most {LONGEST_QUERY} characters.")
        if not 1 <= query.k <= MOST_HITS:
            raise InvalidParameter("top_k", f"between 1 and {MOST_HITS}.")
        for _ in range(TRIES):
            try:
                return await self._found(query)
            except Outdated as outdated:
                query = replace(query, bases=outdated.bases)
            except IndexUnavailable:
                if (fresh := await self._moved_on(query)) is None:
                    raise
                query = replace(query, bases=fresh)
        return await self._found(query)

    async def _moved_on(self, query: Query) -> Sequence[KnowledgeBase] | None:
        """The bases as they are now, if one was indexed anew since they were read. Raises `KnowledgeBaseNotFound`."""
        async with self._database.session() as session:
            fresh = [await session.get(KnowledgeBase, base.id) for base in query.bases]
        found: list[KnowledgeBase] = []
        for before, now in zip(query.bases, fresh, strict=True):
            if now is None:
                raise KnowledgeBaseNotFound(before.name)
            found.append(now)
        same = all(a.generation == b.generation for a, b in zip(query.bases, found, strict=True))
        return None if same else found

    async def _found(self, query: Query) -> Found:
        model = query.rerank_model or next((base.rerank_model for base in query.bases if base.rerank_model), None)
        reranks = query.rerank is not False and model is not None
        if query.rerank and model is None:
            raise InvalidParameter("rerank", "no model for it is named, and the knowledge base has none.")
        depth = max(FEWEST_CANDIDATES, (4 if reranks else 2) * query.k)
        lists = await asyncio.gather(*(self._one(base, query, depth) for base in query.bases))
        scored = fused([each.lists for each in lists])
        notes = list(dict.fromkeys(note for each in lists for note in each.notes))
        kept = sorted(scored, key=lambda number: -scored[number].fused)[: depth if reranks else query.k + 5]
        rows = await self._shown(kept, {base.id: base.name for base in query.bases})
        if len(rows) < len(kept) and (fresh := await self._moved_on(query)) is not None:
            raise Outdated(fresh)
        hits = [Hit(rows[number], scored[number].fused, scored[number]) for number in kept if number in rows]
        if reranks and hits:
            assert model is not None
            hits, note = await self._reranked(model, query, hits)
            notes += note
        hits = [each for each in hits if each.score >= query.min_score][: query.k]
        if query.similarities:
            hits = await self._with_similarities(query, hits)
        return Found([replace(each, highlights=highlights(query.text, each.row.text)) for each in hits], notes)

    async def _one(self, base: KnowledgeBase, query: Query, depth: int) -> Lists:
        """What one base finds."""
        notes: list[str] = []
        vector: Sequence[float] | None = None
        if query.mode is not Mode.LEXICAL:
            if base.embedding_model is None:
                if query.mode is Mode.VECTOR:
                    raise InvalidParameter("mode", f"the knowledge base '{base.name}' has no embedding model.")
                notes.append(f"'{base.name}' is searched by words alone: it has no embedding model.")
            elif base.dimension is None:
                notes.append(f"'{base.name}' is searched by words alone: nothing in it has been embedded yet.")
            else:
                vector = await self._vector(base, query, notes)
        documents = await self._documents(base, query.where)

        def work(store: Store) -> list[list[tuple[int, float]]]:
            lexical = [] if query.mode is Mode.VECTOR else store.lexical(query.text, depth, documents)
            return [lexical, [] if vector is None else store.nearest(vector, depth, documents)]

        found = await self._indexes.use(base, work)
        return Lists(found[0], found[1], vector is not None and query.mode is Mode.HYBRID, notes)

    async def _vector(self, base: KnowledgeBase, query: Query, notes: list[str]) -> Sequence[float] | None:
        """The query's vector; None, and a note, where its model does not answer and words can do without."""
        assert base.embedding_model is not None
        try:
            models = query.models or self._models
            found = cast(Sequence[float], unit([await models.embed_query(base.embedding_model, query.text)])[0])
        except ModelyardError as error:
            if query.mode is Mode.VECTOR:
                raise
            notes.append(f"'{base.name}' was searched by words alone: {error.message}")
            return None
        if len(found) != base.dimension:
            notes.append(f"'{base.name}' was searched by words alone: '{base.embedding_model}' is another model now.")
            return None
        return found

    async def _documents(self, base: KnowledgeBase, where: Mapping[str, Any]) -> frozenset[int] | None:
        """Ids of the documents that a filter lets through; None for all."""
        if not where:
            return None
        matches = matching(where)
        asked = select(KnowledgeDocument.id, KnowledgeDocument.name, KnowledgeDocument.details).where(
            KnowledgeDocument.base_id == base.id
        )
        async with self._database.session() as session:
            rows = (await session.execute(asked)).all()
        return await asyncio.to_thread(
            lambda: frozenset(number for number, name, details in rows if matches({**details, "document": name}))
        )

    async def _shown(self, ids: Sequence[int], names: Mapping[int, str]) -> dict[int, Row]:
        found = {number: self._rows[number] for number in ids if number in self._rows}
        missing = [number for number in ids if number not in found]
        if missing:
            forgotten = self._forgotten
            asked = (
                select(KnowledgeChunk, KnowledgeDocument.name)
                .join(KnowledgeDocument, KnowledgeDocument.id == KnowledgeChunk.document_id)
                .where(KnowledgeChunk.id.in_(missing))
            )
            async with self._database.session() as session:
                chunks = (await session.execute(asked)).all()
            read = {chunk.id: _row(chunk, document, names.get(chunk.base_id, "")) for chunk, document in chunks}
            found |= read
            if forgotten == self._forgotten:
                self._rows.update(read)
            while len(self._rows) > ROWS_KEPT:
                self._rows.popitem(last=False)
        return found

    async def _reranked(self, model: str, query: Query, hits: list[Hit]) -> tuple[list[Hit], list[str]]:
        try:
            scores = await (query.models or self._models).rerank(model, query.text, [each.row.text for each in hits])
        except ModelyardError as error:
            if query.rerank:
                raise
            return hits, [f"The hits were not ranked by '{model}': {error.message}"]
        ranked = [
            replace(hit, score=score, scores=replace(hit.scores, rerank=score))
            for hit, score in zip(hits, scores, strict=True)
        ]
        return sorted(ranked, key=lambda hit: -hit.score), []

    async def _with_similarities(self, query: Query, hits: list[Hit]) -> list[Hit]:
        """The cosine of hits that only words found, from their vectors' rows."""
        models = {base.name: base.embedding_model for base in query.bases}
        missing = [each for each in hits if each.scores.similarity is None and models.get(each.row.base)]
        if not missing:
            return hits
        asked = select(KnowledgeVector.model, KnowledgeVector.hash, KnowledgeVector.vector).where(
            KnowledgeVector.hash.in_([each.row.hash for each in missing])
        )
        async with self._database.session() as session:
            vectors = {(model, name): vector for model, name, vector in (await session.execute(asked)).all()}
        done = {}
        for hit in missing:
            model = models[hit.row.base]
            stored = vectors.get((model, hit.row.hash)) if model else None
            if stored is not None and model is not None:
                try:
                    asked_vector = unit([await (query.models or self._models).embed_query(model, query.text)])[0]
                except ModelyardError:
                    break
                similarity = float(asked_vector @ as_vector(stored))
                done[hit.row.id] = replace(hit, scores=replace(hit.scores, similarity=similarity))
        return [done.get(each.row.id, each) for each in hits]


@dataclass(frozen=True, slots=True)
class Lists:
    """What one base found by words and by vectors, best first."""

    lexical: Sequence[tuple[int, float]]
    nearest: Sequence[tuple[int, float]]
    both: bool
    """Whether it was asked for both."""
    notes: Sequence[str] = ()

    @property
    def lists(self) -> tuple[Sequence[tuple[int, float]], Sequence[tuple[int, float]], bool]:
        """As `fused` takes them."""
        return self.lexical, self.nearest, self.both


def fused(
    lists: Iterable[tuple[Sequence[tuple[int, float]], Sequence[tuple[int, float]], bool]],
) -> dict[int, Scores]:
    """Reciprocal rank fusion of each base's lists, as a part of what first places in all of them would give."""
    ranks: dict[int, float] = defaultdict(float)
    lexical: dict[int, float] = {}
    similar: dict[int, float] = {}
    for by_words, by_vector, both in lists:
        best = (2 if both else 1) / (RANK_CONSTANT + 1)
        for found, scores in ((by_words, lexical), (by_vector, similar)):
            for place, (number, score) in enumerate(found, 1):
                ranks[number] += 1 / (RANK_CONSTANT + place) / best
                scores[number] = score
    return {number: Scores(lexical.get(number), similar.get(number), rank) for number, rank in ranks.items()}


def _row(chunk: KnowledgeChunk, document: str, base: str) -> Row:
    return Row(
        chunk.id,
        base,
        chunk.document_id,
        document,
        chunk.position,
        chunk.text,
        chunk.start,
        chunk.end,
        chunk.page,
        chunk.heading,
        chunk.hash,
        chunk.extra,
    )
