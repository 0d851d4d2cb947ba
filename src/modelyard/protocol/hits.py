"""What a search finds and what an answer cites: made by `knowledge`, encoded by msgspec, documented in `/openapi.json`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from modelyard.protocol.documented import Documented


class Scores(Documented, frozen=True, kw_only=True):
    """Why a hit stands where it stands. Higher is better in each; null where it does not apply."""

    lexical: float | None = None
    """BM25."""
    similarity: float | None = None
    """Cosine, -1 to 1."""
    fused: float = 0.0
    """What words and vectors say together, beside the best hit: how likely it is about the query, 0 to 1."""
    rerank: float | None = None
    """Of the ranking model: 0 to 1."""


class Hit(Documented, frozen=True, kw_only=True):
    """A chunk that was found, and where it stands."""

    number: int | UnsetType = UNSET
    chunk_id: int
    knowledge_base: str
    document_id: int
    document: str
    """Its name."""
    page: int | None
    """The page, slide or sheet of what it shares with the query, from 1; null where the format has none."""
    page_breaks: Sequence[tuple[int, int]] = ()
    """Where other pages begin in `text`: the offset, and the page."""
    start: int | None
    """First character in the document's text."""
    end: int | None
    heading: str
    text: str
    score: float = 0.0
    """0 to 1, higher is better: the ranking model's where there is one, else the fused one, of which 0.5 is the middle."""
    scores: Scores = Scores()
    highlights: Sequence[tuple[int, int]] = ()
    """Spans in `text` of what it shares with the query."""

    def rounded(self) -> Hit:
        """The hit as it is sent: `score` and `fused` have six digits."""
        scores = msgspec.structs.replace(self.scores, fused=round(self.scores.fused, 6))
        return msgspec.structs.replace(self, score=round(self.score, 6), scores=scores)


class Citation(Hit, frozen=True, kw_only=True):
    """A source of an answer."""

    number: int
    """What stands in brackets in the answer."""
    before: str = ""
    """What the model read of the document directly before `text`."""
    after: str = ""
    """What it read directly behind `text`."""

    @classmethod
    def of(cls, number: int, hit: Hit, before: str = "", after: str = "") -> Citation:
        """The hit as a source, as it is sent."""
        return cls(**{**msgspec.structs.asdict(hit.rounded()), "number": number, "before": before, "after": after})


class ExplainedBase(Documented, frozen=True, kw_only=True):
    """How one base was searched."""

    knowledge_base: str
    words: float
    """The weight of words; 0 leaves them out."""
    vectors: float
    """The weight of vectors, as the base's probe says for the script of the query; 0 leaves them out."""
    candidates: int
    """Chunks that words or vectors found."""
    disabled_documents: int
    """Documents that searches do not see, because somebody excluded them."""
    disabled_chunks: int
    """Such chunks of other documents."""


class ExplainedCandidate(Documented, frozen=True, kw_only=True):
    """A chunk that words or vectors found, and what became of it. Ranks are from 1; null where it is in no such list."""

    hit: Hit
    rank: int | None
    """Among the hits; null if it was dropped."""
    lexical_rank: int | None
    """By BM25, among the candidates."""
    vector_rank: int | None
    """By the cosine, among the candidates."""
    fused_rank: int | None
    """By the fused score; null for one that the filter excludes."""
    rerank_rank: int | None
    terms: Sequence[str]
    """The terms of the query that it has."""
    dropped: str | None
    """Why it is no hit: `filter` (its document does not pass it), `phrase` (it lacks a phrase, or has an excluded word),
    `min_score` or `top_k`."""


class Explanation(Documented, frozen=True, kw_only=True):
    """How the hits of a search came about."""

    text: str
    """What was searched for: the query without its syntax."""
    terms: Sequence[str]
    """Its terms as the index has them, without function words."""
    phrases: Sequence[str]
    excluded: Sequence[str]
    bases: Sequence[ExplainedBase]
    candidates: Sequence[ExplainedCandidate]
    """In the order of the fused scores; behind them those that the filter excludes."""
    milliseconds: dict[str, float]
    """Stage → its time: `embed` and `match` (of the slowest base), `read`, `filter`, `rerank`, `total`."""


class SearchAnswer(Documented, frozen=True, kw_only=True):
    """Answer of a search."""

    object: str = "list"
    data: Sequence[Hit]
    notes: Sequence[str] = ()
    """For people: that a base is searched by words alone, say."""
    rerank_model: str | None = None
    """The model that ranked the hits."""
    explanation: Explanation | None = None
    """How the hits came about, if the request asks for it (`explain`)."""
