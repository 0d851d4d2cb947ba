"""Hits of a search and citations of an answer. msgspec encodes these structs, and `/openapi.json` documents them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from modelyard.protocol.documented import Documented


class Scores(Documented, frozen=True, kw_only=True):
    """The scores that decide a hit's rank. Higher is better in each; null where the score does not apply."""

    lexical: float | None = None
    """BM25 score."""
    similarity: float | None = None
    """Cosine similarity of the query's and the chunk's vectors, -1 to 1."""
    fused: float = 0.0
    """Combined score of words and vectors: the estimated probability that the chunk is about the query, 0 to 1."""
    rerank: float | None = None
    """Score of the rerank model, 0 to 1."""


class Hit(Documented, frozen=True, kw_only=True):
    """A chunk that a search found."""

    number: int | UnsetType = UNSET
    """Number of the citation; absent in hits of a search."""
    chunk_id: int
    knowledge_base: str
    document_id: int
    document: str
    """Name of the document."""
    page: int | None
    """Page, slide or sheet of the matching text, from 1; null where the format has none."""
    page_breaks: Sequence[tuple[int, int]] = ()
    """Where further pages begin: pairs of an offset in `text` and a page number."""
    start: int | None
    """Index of the chunk's first character in the document's text; null for a chunk that was written by hand."""
    end: int | None
    """Index after the chunk's last character."""
    heading: str
    """Headings above the chunk."""
    text: str
    score: float = 0.0
    """0 to 1, higher is better: the score of the rerank model if there is one, otherwise the fused score, whose middle is 0.5."""
    scores: Scores = Scores()
    highlights: Sequence[tuple[int, int]] = ()
    """Spans of `text` that match the query: pairs of start and end offsets."""

    def rounded(self) -> Hit:
        """The hit as it is sent: `score` and `fused` have six digits."""
        scores = msgspec.structs.replace(self.scores, fused=round(self.scores.fused, 6))
        return msgspec.structs.replace(self, score=round(self.score, 6), scores=scores)


class Citation(Hit, frozen=True, kw_only=True):
    """A chunk that an answer cites as its source."""

    number: int
    """The number in square brackets with which the answer cites this source."""
    before: str = ""
    """The text of the document directly before `text` that the model read."""
    after: str = ""
    """The text of the document directly after `text` that the model read."""

    @classmethod
    def of(cls, number: int, hit: Hit, before: str = "", after: str = "") -> Citation:
        """The hit as a source, as it is sent."""
        return cls(**{**msgspec.structs.asdict(hit.rounded()), "number": number, "before": before, "after": after})


class ExplainedBase(Documented, frozen=True, kw_only=True):
    """How one knowledge base was searched."""

    knowledge_base: str
    words: float
    """Weight of the lexical search; 0 if it was not used."""
    vectors: float
    """Weight of the vector search, which the base's probe determines for the query's script; 0 if it was not used."""
    candidates: int
    """Number of chunks that matched by words or by vectors."""
    disabled_documents: int
    """Number of documents that are excluded from searches by hand."""
    disabled_chunks: int
    """Number of chunks of other documents that are excluded from searches by hand."""


class ExplainedCandidate(Documented, frozen=True, kw_only=True):
    """A chunk that matched by words or by vectors, and whether it became a hit. Ranks count from 1; null if the chunk is not in
    that list."""

    hit: Hit
    rank: int | None
    """Rank among the hits; null if the chunk was dropped."""
    lexical_rank: int | None
    """Rank by the BM25 score."""
    vector_rank: int | None
    """Rank by the cosine similarity."""
    fused_rank: int | None
    """Rank by the fused score; null if the filter excludes the chunk."""
    rerank_rank: int | None
    """Rank by the score of the rerank model."""
    terms: Sequence[str]
    """Terms of the query that the chunk contains."""
    dropped: str | None
    """Why the chunk is not a hit; null if it is one. `filter`: its document does not satisfy the filter; `phrase`: it lacks a
    quoted phrase or contains an excluded word; `min_score`; `top_k`."""


class Explanation(Documented, frozen=True, kw_only=True):
    """Why a search returned these hits."""

    text: str
    """The query without its search syntax."""
    terms: Sequence[str]
    """Terms of the query as the index has them, without function words."""
    phrases: Sequence[str]
    """Quoted phrases of the query."""
    excluded: Sequence[str]
    """Words that hits must not contain."""
    bases: Sequence[ExplainedBase]
    candidates: Sequence[ExplainedCandidate]
    """Candidates by descending fused score, then those that the filter excludes."""
    milliseconds: dict[str, float]
    """Stage → its duration in milliseconds: `embed` and `match` (of the slowest base), `read`, `filter`, `rerank`, `total`."""


class SearchAnswer(Documented, frozen=True, kw_only=True):
    """Answer of a search."""

    object: str = "list"
    data: Sequence[Hit]
    notes: Sequence[str] = ()
    """Sentences for people, such as that a base is searched by words alone."""
    rerank_model: str | None = None
    """Uid of the rerank model that ranked the hits; null if none did."""
    explanation: Explanation | None = None
    """Why the search returned these hits; only if the request has `explain`."""
