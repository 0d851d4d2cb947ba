"""Explains a search: where each candidate stood in each list, what was dropped and why, and how long the stages took."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument
from modelyard.knowledge.indexing.words import query_terms, terms
from modelyard.knowledge.search.fusion import Weights
from modelyard.knowledge.search.highlights import with_highlights
from modelyard.knowledge.search.syntax import ParsedQuery
from modelyard.knowledge.types import indexed_text
from modelyard.protocol.hits import ExplainedBase, ExplainedCandidate, Explanation, Hit


@dataclass(slots=True)
class Stopwatch:
    """The time of each stage of a search."""

    milliseconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage. Of stages that run at the same time for several bases, the slowest counts."""
        began = time.perf_counter()
        try:
            yield
        finally:
            took = 1000 * (time.perf_counter() - began)
            self.milliseconds[name] = round(max(took, self.milliseconds.get(name, 0.0)), 3)


@dataclass(frozen=True, slots=True)
class SearchStages:
    """What each stage of a search left."""

    fused: Sequence[Hit]
    """All candidates, by the fused score."""
    ranked: Sequence[Hit]
    """Those that the syntax of the query admits, by the rerank model where one ranked them."""
    final: Sequence[Hit]
    """The hits."""
    min_score: float
    outside: Sequence[Hit] = ()
    """What would be candidates without the filter of the query."""


async def explained_base(
    session: AsyncSession, base: KnowledgeBase, weights: Weights, candidates: int
) -> ExplainedBase:
    """How a base was searched, with what its searches do not see."""
    documents = select(func.count()).where(KnowledgeDocument.base_id == base.id, KnowledgeDocument.enabled.is_(False))
    chunks = (
        select(func.count())
        .select_from(KnowledgeChunk)
        .join(KnowledgeDocument, KnowledgeDocument.id == KnowledgeChunk.document_id)
        .where(
            KnowledgeChunk.base_id == base.id,
            KnowledgeChunk.generation == base.generation,
            KnowledgeChunk.enabled.is_(False),
            KnowledgeDocument.enabled.is_(True),
        )
    )
    return ExplainedBase(
        knowledge_base=base.name,
        words=weights.words,
        vectors=weights.vectors,
        candidates=candidates,
        disabled_documents=await session.scalar(documents) or 0,
        disabled_chunks=await session.scalar(chunks) or 0,
    )


def explanation(parsed: ParsedQuery, stages: SearchStages, bases: Sequence[ExplainedBase]) -> Explanation:
    """How the hits of a search came about."""
    words = query_terms(parsed.text)
    lexical = _ranks({hit.chunk_id: hit.scores.lexical for hit in stages.fused})
    vectors = _ranks({hit.chunk_id: hit.scores.similarity for hit in stages.fused})
    rerank = _ranks({hit.chunk_id: hit.scores.rerank for hit in stages.ranked})
    scored = {hit.chunk_id: hit for hit in stages.ranked}
    final = {hit.chunk_id: rank for rank, hit in enumerate(stages.final, 1)}
    return Explanation(
        text=parsed.text,
        terms=words,
        phrases=parsed.phrases,
        excluded=parsed.excluded,
        bases=bases,
        candidates=[
            ExplainedCandidate(
                hit=with_highlights(parsed.text, scored.get(hit.chunk_id, hit)).rounded(),
                rank=final.get(hit.chunk_id),
                lexical_rank=lexical.get(hit.chunk_id),
                vector_rank=vectors.get(hit.chunk_id),
                fused_rank=rank,
                rerank_rank=rerank.get(hit.chunk_id),
                terms=_shared(hit, words),
                dropped=None if hit.chunk_id in final else _reason(scored.get(hit.chunk_id), stages.min_score),
            )
            for rank, hit in enumerate(stages.fused, 1)
        ]
        + [
            _excluded(with_highlights(parsed.text, hit), words)
            for hit in sorted(stages.outside, key=lambda each: -each.score)
        ],
        milliseconds={},
    )


def _excluded(hit: Hit, words: list[str]) -> ExplainedCandidate:
    """A chunk that the filter of the query excludes."""
    return ExplainedCandidate(
        hit=hit.rounded(),
        rank=None,
        lexical_rank=None,
        vector_rank=None,
        fused_rank=None,
        rerank_rank=None,
        terms=_shared(hit, words),
        dropped="filter",
    )


def _shared(hit: Hit, words: list[str]) -> list[str]:
    """The terms of a query that a chunk has."""
    return sorted(set(terms(indexed_text(hit.heading, hit.text))).intersection(words), key=words.index)


def _reason(hit: Hit | None, min_score: float) -> str:
    """Why a candidate is no hit; None for one that the syntax of the query does not admit."""
    if hit is None:
        return "phrase"
    return "min_score" if hit.score < min_score else "top_k"


def _ranks(scores: Mapping[int, float | None]) -> dict[int, int]:
    """The rank of each chunk that has a score."""
    known = {number: score for number, score in scores.items() if score is not None}
    return {number: rank for rank, number in enumerate(sorted(known, key=lambda each: -known[each]), 1)}
