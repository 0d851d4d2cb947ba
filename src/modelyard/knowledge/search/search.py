"""Searches by words and by vectors side by side, weighs them as the base's probe says, then ranks by a model where one runs."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, cast

import msgspec
from sqlalchemy import select

from modelyard.core.errors import IndexUnavailable, InvalidParameter, KnowledgeBaseNotFound, ModelyardError
from modelyard.db.session import Database
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument, KnowledgeVector
from modelyard.knowledge.indexing.index_pool import IndexPool
from modelyard.knowledge.indexing.probes import USUAL_WEIGHT, Probes, probe_of
from modelyard.knowledge.indexing.scripts import script_of
from modelyard.knowledge.indexing.vectors import as_vector, unit
from modelyard.knowledge.search.explain import SearchStages, Stopwatch, explanation
from modelyard.knowledge.search.filters import matching
from modelyard.knowledge.search.fusion import Weights, fused
from modelyard.knowledge.search.highlights import highlights
from modelyard.knowledge.search.pages import matched_page
from modelyard.knowledge.search.syntax import ParsedQuery, is_identifier, parse
from modelyard.knowledge.types import Models
from modelyard.protocol.hits import Explanation, Hit, Scores

log = logging.getLogger(__name__)

FEWEST_CANDIDATES = 50
"""Candidates of words and of vectors, at least."""
FILTERED_CANDIDATES = 500
"""As `FEWEST_CANDIDATES`, for a query with a phrase or an excluded word, which most candidates may not fit."""
OF_IDENTIFIERS = 0.2
"""Part of the usual weight of vectors for a query of nothing but part numbers and codes."""
MOST_HITS = 200
LONGEST_QUERY = 10_000
MOST_KNOWN = 50_000
TRIES = 3
"""Attempts of a search whose base is re-indexed while it runs."""


class Outdated(Exception):
    """A base was re-indexed during a search; `bases` are its new rows. Never raised out of this file."""

    def __init__(self, bases: Sequence[KnowledgeBase]) -> None:
        super().__init__("indexed anew")
        self.bases = bases


class Mode(StrEnum):
    """Search modes."""

    HYBRID = "hybrid"
    LEXICAL = "lexical"
    VECTOR = "vector"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A search: the text, the bases, and the options."""

    text: str
    bases: Sequence[KnowledgeBase]
    k: int = 5
    mode: Mode = Mode.HYBRID
    where: Mapping[str, Any] = field(default_factory=dict)
    """A filter of documents by their metadata; see `filters.py`."""
    rerank: bool | None = None
    """None reranks if a base has a rerank model that answers; True raises that model's errors."""
    rerank_model: str | None = None
    min_score: float = 0.0
    similarities: bool = False
    """Whether hits found by words only also get a cosine similarity."""
    models: Models | None = None
    """The models on behalf of a caller, so that tokens count for it; None for those of the server."""
    explain: bool = False
    """Whether the result explains how its hits came about."""

    @property
    def asks_models(self) -> bool:
        """Whether a model may be used: for the vector of the text, or to rerank hits."""
        embeds = self.mode is not Mode.LEXICAL and any(base.embedding_model for base in self.bases)
        ranks = self.rerank_model or any(base.rerank_model for base in self.bases)
        return embeds or bool(self.rerank is not False and ranks)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The chunks that a search found, best first."""

    hits: Sequence[Hit]
    notes: Sequence[str] = ()
    """Sentences for people, such as that a base has no embedding model, or that the rerank model did not answer."""
    explanation: Explanation | None = None
    """If the query asks for it."""


@dataclass(frozen=True, slots=True)
class BaseMatches:
    """The scores of the chunks that one base found."""

    scores: Mapping[int, Scores]
    weights: Weights
    notes: Sequence[str] = ()


class Search:
    """Searches bases. Caches chunks, whose text never changes under one id."""

    def __init__(self, database: Database, indexes: IndexPool, models: Models, probes: Probes) -> None:
        self._database = database
        self._indexes = indexes
        self._models = models
        self._probes = probes
        self._known: OrderedDict[int, Hit] = OrderedDict()
        """Cached chunks of recent hits by id, without scores."""
        self._forgotten = 0
        """Number of invalidations. Rows that were read before the latest one are not cached."""

    def forget(self, ids: Iterable[int]) -> None:
        """Drop these chunks from the cache, because their position or details have changed."""
        self._forgotten += 1
        for each in ids:
            self._known.pop(each, None)

    def forget_all(self) -> None:
        """Drop all chunks from the cache, because a base was renamed."""
        self._forgotten += 1
        self._known.clear()

    async def search(self, query: Query) -> SearchResult:
        """Return the best chunks. Raises `InvalidParameter`, and the errors of the models' server."""
        if not query.text.strip():
            raise InvalidParameter("query", "is empty.")
        if len(query.text) > LONGEST_QUERY:
            raise InvalidParameter("query", f"a query has at most {LONGEST_QUERY} characters.")
        if not 1 <= query.k <= MOST_HITS:
            raise InvalidParameter("top_k", f"between 1 and {MOST_HITS}.")
        for _ in range(TRIES):
            try:
                return await self._result(query)
            except Outdated as outdated:
                query = replace(query, bases=outdated.bases)
            except IndexUnavailable:
                if (fresh := await self._moved_on(query)) is None:
                    raise
                query = replace(query, bases=fresh)
        return await self._result(query)

    async def _moved_on(self, query: Query) -> Sequence[KnowledgeBase] | None:
        """The new rows of the bases, if one was re-indexed after they were read. Raises `KnowledgeBaseNotFound`."""
        async with self._database.session() as session:
            fresh = [await session.get(KnowledgeBase, base.id) for base in query.bases]
        found: list[KnowledgeBase] = []
        for before, now in zip(query.bases, fresh, strict=True):
            if now is None:
                raise KnowledgeBaseNotFound(before.name)
            found.append(now)
        same = all(a.generation == b.generation for a, b in zip(query.bases, found, strict=True))
        return None if same else found

    async def _result(self, query: Query) -> SearchResult:
        """Make one attempt. Raises `Outdated` if a base was re-indexed during it."""
        model = query.rerank_model or next((base.rerank_model for base in query.bases if base.rerank_model), None)
        reranks = query.rerank is not False and model is not None
        if query.rerank and model is None:
            raise InvalidParameter("rerank", "no model for it is named, and the knowledge base has none.")
        parsed = parse(query.text)
        depth = max(FILTERED_CANDIDATES if parsed.filters else FEWEST_CANDIDATES, (4 if reranks else 2) * query.k)
        query, watch = replace(query, text=parsed.text), Stopwatch()
        with watch.stage("total"):
            result = await self._ranked(query, parsed, depth, model if reranks else None, watch)
        if result.explanation is not None:
            result.explanation.milliseconds.update(watch.milliseconds)
        return result

    async def _ranked(
        self, query: Query, parsed: ParsedQuery, depth: int, model: str | None, watch: Stopwatch
    ) -> SearchResult:
        """The best of `depth` candidates. Without `model`, none is reranked."""
        found = await asyncio.gather(*(self._matches(base, query, depth, watch) for base in query.bases))
        scores = {number: each for matches in found for number, each in matches.scores.items()}
        notes = list(dict.fromkeys([*parsed.notes, *(note for each in found for note in each.notes)]))
        kept = depth if model or parsed.filters or query.explain else query.k + 5
        best = sorted(scores, key=lambda number: -scores[number].fused)[:kept]
        with watch.stage("read"):
            chunks = await self._chunks(best, {base.id: base.name for base in query.bases})
        if len(chunks) < len(best) and (fresh := await self._moved_on(query)) is not None:
            raise Outdated(fresh)
        hits = candidates = [
            msgspec.structs.replace(chunks[number], score=scores[number].fused, scores=scores[number])
            for number in best
            if number in chunks
        ]
        if parsed.filters:
            with watch.stage("filter"):
                hits = await asyncio.to_thread(lambda: [hit for hit in candidates if parsed.admits(hit.text)])
        if model and hits:
            with watch.stage("rerank"):
                hits, note = await self._reranked(model, query, hits)
            notes += note
        ranked, hits = hits, [each for each in hits if each.score >= query.min_score][: query.k]
        if query.similarities:
            hits = await self._with_similarities(query, hits)
        hits = [_with_highlights(query.text, each) for each in hits]
        if not query.explain:
            return SearchResult(hits, notes)
        weights = [(base.name, each.weights, len(each.scores)) for base, each in zip(query.bases, found, strict=True)]
        stages = SearchStages(candidates, ranked, hits, query.min_score)
        return SearchResult(hits, notes, await asyncio.to_thread(explanation, parsed, stages, weights))

    async def _matches(self, base: KnowledgeBase, query: Query, depth: int, watch: Stopwatch) -> BaseMatches:
        """The `depth` best chunks of one base by words, and as many by vectors, with their scores."""
        notes: list[str] = []
        vector: Sequence[float] | None = None
        weights = Weights(words=0.0 if query.mode is Mode.VECTOR else 1.0, vectors=1.0)
        if query.mode is Mode.HYBRID:
            weights = replace(weights, vectors=self._weight(base, query.text, notes))
        if query.mode is not Mode.LEXICAL and weights.vectors:
            with watch.stage("embed"):
                vector = await self._vector(base, query, notes)
        if vector is None:
            weights = Weights(vectors=0.0)
        documents = await self._documents(base, query.where)
        words = None if query.mode is Mode.VECTOR else query.text
        with watch.stage("match"):
            matches = await self._indexes.use(base, lambda store: store.matches(words, vector, depth, documents))
        prior = [] if vector is None else await self._usual(base, query.text, vector)
        return BaseMatches(fused(matches, weights, prior), weights, notes)

    def _weight(self, base: KnowledgeBase, text: str, notes: list[str]) -> float:
        """The weight of vectors for a query of a base. A note says why there are none."""
        if base.embedding_model is None:
            notes.append(f"'{base.name}' is searched by words alone: it has no embedding model.")
            return 0.0
        if base.dimension is None:
            notes.append(f"'{base.name}' is searched by words alone: nothing in it has been embedded yet.")
            return 0.0
        probe = probe_of(base)
        weight = USUAL_WEIGHT if probe is None else probe.weight(script_of(text))
        if is_identifier(text):
            weight *= OF_IDENTIFIERS
        return weight

    async def _usual(self, base: KnowledgeBase, text: str, vector: Sequence[float]) -> list[float]:
        """The cosines of a query with passages that it is not about."""
        assert base.embedding_model is not None
        passages = await self._probes.passages(base.embedding_model)
        rows = passages.get(script_of(text))
        if rows is None or rows.shape[1] != len(vector):
            return []
        return cast(list[float], (rows @ vector).tolist())

    async def _vector(self, base: KnowledgeBase, query: Query, notes: list[str]) -> Sequence[float] | None:
        """The vector of the query. If its model does not answer, a hybrid search goes on without it and gets a note."""
        if base.embedding_model is None:
            raise InvalidParameter("mode", f"the knowledge base '{base.name}' has no embedding model.")
        if base.dimension is None:
            notes.append(f"nothing in '{base.name}' has been embedded yet.")
            return None
        try:
            models = query.models or self._models
            vector = cast(Sequence[float], unit([await models.embed_query(base.embedding_model, query.text)])[0])
        except ModelyardError as error:
            if query.mode is Mode.VECTOR:
                raise
            notes.append(f"'{base.name}' was searched by words alone: {error.message}")
            return None
        if len(vector) != base.dimension:
            notes.append(f"'{base.name}' was searched by words alone: '{base.embedding_model}' is another model now.")
            return None
        return vector

    async def _documents(self, base: KnowledgeBase, where: Mapping[str, Any]) -> frozenset[int] | None:
        """Ids of the documents that pass the filter; None for all."""
        if not where:
            return None
        matches = matching(where)
        statement = select(KnowledgeDocument.id, KnowledgeDocument.name, KnowledgeDocument.details).where(
            KnowledgeDocument.base_id == base.id
        )
        async with self._database.session() as session:
            rows = (await session.execute(statement)).all()
        return await asyncio.to_thread(
            lambda: frozenset(number for number, name, details in rows if matches({**details, "document": name}))
        )

    async def _chunks(self, ids: Sequence[int], names: Mapping[int, str]) -> dict[int, Hit]:
        """Chunks by id, without scores; `names` maps ids of bases to their names."""
        known = {number: self._known[number] for number in ids if number in self._known}
        missing = [number for number in ids if number not in known]
        if not missing:
            return known
        forgotten = self._forgotten
        statement = (
            select(KnowledgeChunk, KnowledgeDocument.name)
            .join(KnowledgeDocument, KnowledgeDocument.id == KnowledgeChunk.document_id)
            .where(KnowledgeChunk.id.in_(missing))
        )
        async with self._database.session() as session:
            rows = (await session.execute(statement)).all()
        read = {chunk.id: _hit(chunk, document, names.get(chunk.base_id, "")) for chunk, document in rows}
        if forgotten == self._forgotten:
            self._known.update(read)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return known | read

    async def _reranked(self, model: str, query: Query, hits: list[Hit]) -> tuple[list[Hit], list[str]]:
        try:
            scores = await (query.models or self._models).rerank(model, query.text, [each.text for each in hits])
        except ModelyardError as error:
            if query.rerank:
                raise
            return hits, [f"The hits were not ranked by '{model}': {error.message}"]
        ranked = [
            msgspec.structs.replace(hit, score=score, scores=msgspec.structs.replace(hit.scores, rerank=score))
            for hit, score in zip(hits, scores, strict=True)
        ]
        return sorted(ranked, key=lambda hit: -hit.score), []

    async def _with_similarities(self, query: Query, hits: list[Hit]) -> list[Hit]:
        """The hits; those found by words only get their cosine from the stored vectors."""
        missing = [each.chunk_id for each in hits if each.scores.similarity is None]
        models = {base.embedding_model for base in query.bases if base.embedding_model}
        if not missing or not models:
            return hits
        statement = (
            select(KnowledgeChunk.id, KnowledgeVector.model, KnowledgeVector.vector)
            .join(KnowledgeBase, KnowledgeBase.id == KnowledgeChunk.base_id)
            .join(
                KnowledgeVector,
                (KnowledgeVector.hash == KnowledgeChunk.hash)
                & (KnowledgeVector.model == KnowledgeBase.embedding_model),
            )
            .where(KnowledgeChunk.id.in_(missing))
        )
        async with self._database.session() as session:
            rows = (await session.execute(statement)).all()
        similarities: dict[int, float] = {}
        for number, model, vector in rows:
            try:
                of_query = unit([await (query.models or self._models).embed_query(model, query.text)])[0]
            except ModelyardError:
                break
            similarities[number] = float(of_query @ as_vector(vector))
        return [
            msgspec.structs.replace(
                each, scores=msgspec.structs.replace(each.scores, similarity=similarities[each.chunk_id])
            )
            if each.chunk_id in similarities
            else each
            for each in hits
        ]


def _with_highlights(query: str, hit: Hit) -> Hit:
    """A hit with the spans of what it shares with a query, and the page where most of that stands."""
    spans = highlights(query, hit.text)
    page = matched_page(query, hit.text, hit.page, hit.page_breaks) if hit.page_breaks else hit.page
    return msgspec.structs.replace(hit, highlights=spans, page=page)


def _hit(chunk: KnowledgeChunk, document: str, base: str) -> Hit:
    """A chunk as a hit, without scores."""
    return Hit(
        chunk_id=chunk.id,
        knowledge_base=base,
        document_id=chunk.document_id,
        document=document,
        page=chunk.page,
        page_breaks=[(offset, page) for offset, page in chunk.page_breaks],
        start=chunk.start,
        end=chunk.end,
        heading=chunk.heading,
        text=chunk.text,
    )
