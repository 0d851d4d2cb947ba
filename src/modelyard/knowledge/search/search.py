"""Searches by words and by vectors side by side, weighs them as the base's probe says, then ranks by a model where one runs."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
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
from modelyard.knowledge.search.chunk_cache import ChunkCache
from modelyard.knowledge.search.explain import SearchStages, Stopwatch, explained_base, explanation
from modelyard.knowledge.search.filters import matching
from modelyard.knowledge.search.fusion import WeighedChunk, Weights, behind, weighed
from modelyard.knowledge.search.highlights import with_highlights
from modelyard.knowledge.search.reranking import CANDIDATES as RANKED_HITS
from modelyard.knowledge.search.reranking import MOST_HITS as MOST_RANKED
from modelyard.knowledge.search.reranking import Ranker, Reranking
from modelyard.knowledge.search.syntax import ParsedQuery, codes, fold, is_identifier, parse
from modelyard.knowledge.types import Models, indexed_text
from modelyard.protocol.hits import Explanation, Hit, Scores

log = logging.getLogger(__name__)

FEWEST_CANDIDATES = 50
"""Candidates of words and of vectors, at least."""
FILTERED_CANDIDATES = 500
"""As `FEWEST_CANDIDATES`, for a query with a phrase or an excluded word, which most candidates may not fit."""
OF_IDENTIFIERS = 0.4
"""Part of the usual weight of vectors for a query of nothing but part numbers and codes; fitted on `benchmarks/knowledge_set`."""
MOST_HITS = 200
LONGEST_QUERY = 10_000
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
    """None reranks if there is a rerank model that answers; True raises that model's errors."""
    rerank_model: str | None = None
    """None for that of a base, else one that runs, if it reads the query and is quick."""
    min_score: float = 0.0
    similarities: bool = False
    """Whether hits found by words only also get a cosine similarity."""
    models: Models | None = None
    """The models on behalf of a caller, so that tokens count for it; None for those of the server."""
    explain: bool = False
    """Whether the result explains how its hits came about."""

    @property
    def embeds(self) -> bool:
        """Whether a model is asked for the vector of the text."""
        return self.mode is not Mode.LEXICAL and any(base.embedding_model for base in self.bases)

    @property
    def named_ranker(self) -> str | None:
        """The rerank model that the query names, else that of its first base that has one."""
        return self.rerank_model or next((base.rerank_model for base in self.bases if base.rerank_model), None)

    def of(self, text: str) -> Query:
        """The same search for another text."""
        return replace(self, text=text)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The chunks that a search found, best first."""

    hits: Sequence[Hit]
    notes: Sequence[str] = ()
    """Sentences for people, such as that a base has no embedding model, or that the rerank model did not answer."""
    rerank_model: str | None = None
    """The model that ranked the hits."""
    explanation: Explanation | None = None
    """If the query asks for it."""


@dataclass(frozen=True, slots=True)
class BaseMatches:
    """The chunks that one base found."""

    chunks: Mapping[int, WeighedChunk]
    weights: Weights
    notes: Sequence[str] = ()
    outside: Mapping[int, WeighedChunk] = field(default_factory=dict)
    """If the query asks for an explanation: chunks whose documents its filter excludes."""


class Search:
    """Searches bases."""

    def __init__(
        self, database: Database, indexes: IndexPool, models: Models, probes: Probes, rerank_seconds: float = 0.0
    ) -> None:
        self._database = database
        self._indexes = indexes
        self._models = models
        self._probes = probes
        self.chunks = ChunkCache(database)
        self.reranking = Reranking(models, rerank_seconds)
        self.on_use: Callable[[Sequence[KnowledgeBase]], Awaitable[None]] | None = None
        """Called with the bases of each search."""

    def asks_models(self, query: Query) -> bool:
        """Whether a model is asked: for the vector of the text, or to rank hits."""
        return query.embeds or self._ranker(query) is not None

    async def search(self, query: Query) -> SearchResult:
        """Return the best chunks. Raises `InvalidParameter`, and the errors of the models' server."""
        if not query.text.strip():
            raise InvalidParameter("query", "it is empty.")
        if len(query.text) > LONGEST_QUERY:
            raise InvalidParameter("query", f"a query has at most {LONGEST_QUERY} characters.")
        if not 1 <= query.k <= MOST_HITS:
            raise InvalidParameter("top_k", f"between 1 and {MOST_HITS}.")
        if self.on_use is not None:
            await self.on_use(query.bases)
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
        ranker = self._ranker(query)
        if query.rerank and ranker is None:
            raise InvalidParameter("rerank", "no model for it is named, the knowledge base has none, and none runs.")
        parsed = parse(query.text)
        depth = max(FILTERED_CANDIDATES if parsed.filters else FEWEST_CANDIDATES, (4 if ranker else 2) * query.k)
        query, watch = replace(query, text=parsed.text), Stopwatch()
        with watch.stage("total"):
            result = await self._ranked(query, parsed, depth, ranker, watch)
        if result.explanation is not None:
            result.explanation.milliseconds.update(watch.milliseconds)
        return result

    def _ranker(self, query: Query) -> Ranker | None:
        """The rerank model of a query; None if none ranks its hits."""
        running = (query.models or self._models).rankers()
        ranker = self.reranking.ranker(query.named_ranker, running, query.text, query.rerank)
        return None if ranker is not None and not ranker.named and query.k > MOST_RANKED else ranker

    async def _ranked(
        self, query: Query, parsed: ParsedQuery, depth: int, ranker: Ranker | None, watch: Stopwatch
    ) -> SearchResult:
        """The best of `depth` candidates. Without `ranker`, none is reranked."""
        names = {base.id: base.name for base in query.bases}
        found = await asyncio.gather(*(self._matches(base, query, depth, watch) for base in query.bases))
        weighed_chunks = {number: each for matches in found for number, each in matches.chunks.items()}
        notes = list(dict.fromkeys([*parsed.notes, *(note for each in found for note in each.notes)]))
        patterns = codes(query.text) if query.mode is Mode.HYBRID else []
        kept = depth if ranker or parsed.filters or query.explain or patterns else query.k + 5
        best = sorted(weighed_chunks, key=lambda number: -weighed_chunks[number].odds)[:kept]
        with watch.stage("read"):
            chunks = await self.chunks.read(best, names)
        if len(chunks) < len(best) and (fresh := await self._moved_on(query)) is not None:
            raise Outdated(fresh)
        if patterns:
            best = list(weighed_chunks := await asyncio.to_thread(_codes_first, patterns, chunks, weighed_chunks))
        admitted = best = [number for number in best if number in chunks]
        if parsed.filters:
            with watch.stage("filter"):
                admitted = await asyncio.to_thread(lambda: [each for each in best if parsed.admits(chunks[each].text)])
        most = weighed_chunks[admitted[0]].odds if admitted else 0.0
        scored = {number: _scored(chunks[number], weighed_chunks[number].scores(most)) for number in best}
        candidates, hits = list(scored.values()), [scored[number] for number in admitted]
        by_model, left = None, list[Hit]()
        if ranker and hits:
            if not ranker.named:
                hits, left = hits[: max(RANKED_HITS, query.k)], hits[max(RANKED_HITS, query.k) :]
            with watch.stage("rerank"):
                reranked = await self.reranking.rank(ranker, query.models, query.text, hits, strict=bool(query.rerank))
            hits, by_model = reranked.hits, reranked.model
            notes += reranked.notes
        ranked, hits = [*hits, *left], [each for each in hits if each.score >= query.min_score][: query.k]
        if query.similarities:
            hits = await self._with_similarities(query, hits)
        hits = [with_highlights(query.text, each) for each in hits]
        if not query.explain:
            return SearchResult(hits, notes, by_model)
        outside = {number: each for matches in found for number, each in matches.outside.items()}
        others = (await self.chunks.read(list(outside), names)).items()
        excluded = [_scored(chunk, outside[number].scores(most)) for number, chunk in others]
        stages = SearchStages(candidates, ranked, hits, query.min_score, excluded)
        async with self._database.session() as session:
            bases = [
                await explained_base(session, base, each.weights, len(each.chunks))
                for base, each in zip(query.bases, found, strict=True)
            ]
        return SearchResult(hits, notes, by_model, await asyncio.to_thread(explanation, parsed, stages, bases))

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
            wider = matches
            if query.explain and documents is not None:
                wider = await self._indexes.use(base, lambda store: store.matches(words, vector, depth, None))
        prior = [] if vector is None else await self._usual(base, query.text, vector)
        chunks = weighed(matches, weights, prior)
        outside = {}
        if wider is not matches:
            outside = {n: each for n, each in weighed(wider, weights, prior).items() if n not in chunks}
        return BaseMatches(chunks, weights, notes, outside)

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


def _codes_first(
    patterns: Sequence[re.Pattern[str]], chunks: Mapping[int, Hit], found: Mapping[int, WeighedChunk]
) -> dict[int, WeighedChunk]:
    """What was found of these chunks, best first; those with all codes of the query before those with parts of them."""
    texts = {number: fold(indexed_text(hit.heading, hit.text)) for number, hit in chunks.items()}
    whole = {number for number, text in texts.items() if all(code.search(text) for code in patterns)}
    return behind({number: found[number] for number in chunks}, whole)


def _scored(hit: Hit, scores: Scores) -> Hit:
    return msgspec.structs.replace(hit, score=scores.fused, scores=scores)
