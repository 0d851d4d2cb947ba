"""Hits that tests of answers are made of."""

from __future__ import annotations

from modelyard.protocol.hits import Hit, Scores


def hit(
    text: str = "",
    score: float = 0.5,
    *,
    number: int = 1,
    start: int | None = 0,
    heading: str = "",
    rerank: float | None = None,
) -> Hit:
    """A hit of document 1 whose chunk has the id `number`. Without `start`, a chunk that was written by hand."""
    return Hit(
        chunk_id=number,
        knowledge_base="b",
        document_id=1,
        document="d",
        page=None,
        start=start,
        end=None if start is None else start + len(text),
        heading=heading,
        text=text,
        score=score,
        scores=Scores(fused=score, rerank=rerank),
    )
