"""All probes, in the order of the table."""

from __future__ import annotations

from tests.conformance import chatting, completing, constrained, drawing, scoring, shapes, vectors
from tests.conformance.feature import FEATURES as REGISTERED

_MORE = (shapes, drawing)
"""They register their probes when they are imported."""

_ROOMS = (
    chatting.CHAT,
    constrained.HELD,
    constrained.TOOLS,
    completing.COMPLETIONS,
    vectors.EMBEDDINGS,
    vectors.RERANK,
    scoring.CLASSIFIERS,
    scoring.TOKENS,
)

FEATURES = sorted(REGISTERED, key=lambda each: _ROOMS.index(each.room))
