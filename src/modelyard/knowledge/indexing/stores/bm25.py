"""BM25 over packed postings, for stores whose database contains bytes: with tantivy's formula and constants.

A posting has 8 bytes: the row (4), how often the term occurs in it (2), its number of terms (2), both at most 65,535. The
postings of a term are concatenated, so that two pieces are merged by concatenation.
"""

from __future__ import annotations

import math
import struct
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Final

import numpy
from numpy.typing import NDArray

POSTING: Final = numpy.dtype([("row", "<u4"), ("count", "<u2"), ("length", "<u2")])
K1: Final = 1.2
B: Final = 0.75
MOST: Final = 0xFFFF
SPARSE: Final = 8
"""Rows per posting above which scores are not summed in one array over all rows."""

Rows = NDArray[numpy.int64]
Scores = NDArray[numpy.float64]


def pack(
    texts: Iterable[tuple[int, Sequence[str]]], only: Collection[str] | None = None
) -> tuple[dict[str, bytearray], int]:
    """The postings of each term in these pairs of row and terms, and the total number of terms; with `only`, of these terms."""
    postings: dict[str, bytearray] = defaultdict(bytearray)
    words = 0
    pack = struct.Struct("<IHH").pack
    for row, terms in texts:
        words += len(terms)
        length = min(len(terms), MOST)
        counts = Counter(terms)
        for term in counts if only is None else counts.keys() & only:
            postings[term] += pack(row, min(counts[term], MOST), length)
    return postings, words


def rarity(having: int, chunks: int) -> float:
    """The weight of a term that `having` of `chunks` have: the inverse document frequency of BM25."""
    return math.log1p((max(chunks - having, 0) + 0.5) / (having + 0.5))


def score(postings: Collection[bytes], chunks: int, words: int) -> tuple[Rows, Scores]:
    """The rows that contain any of these terms, and their BM25 scores. Each item of `postings` has all postings of one term."""
    average = max(words / max(chunks, 1), 1e-9)
    rows: list[Rows] = []
    parts: list[Scores] = []
    for data in postings:
        has = numpy.frombuffer(data, dtype=POSTING)
        count = has["count"].astype(numpy.float64)
        norm = K1 * (1 - B + B * has["length"] / average)
        rows.append(has["row"].astype(numpy.int64))
        parts.append(rarity(len(has), chunks) * count * (K1 + 1) / (count + norm))
    if not rows:
        return numpy.empty(0, dtype=numpy.int64), numpy.empty(0)
    everywhere = numpy.concatenate(rows)
    weights = numpy.concatenate(parts)
    if int(everywhere.max(initial=0)) > SPARSE * len(everywhere):
        where, places = numpy.unique(everywhere, return_inverse=True)
        return where, numpy.bincount(places, weights).astype(numpy.float64)
    sums = numpy.bincount(everywhere, weights).astype(numpy.float64)
    found = numpy.flatnonzero(sums)
    return found.astype(numpy.int64), sums[found]


def best(rows: Rows, scores: Scores, k: int) -> list[tuple[int, float]]:
    """The `k` rows with the highest scores, best first."""
    k = min(k, len(rows))
    if k <= 0:
        return []
    chosen = numpy.argpartition(scores, len(scores) - k)[len(scores) - k :]
    chosen = chosen[numpy.lexsort((rows[chosen], -scores[chosen]))]
    return list(zip(rows[chosen].tolist(), scores[chosen].tolist(), strict=True))


def keep_living(data: bytes, alive: NDArray[numpy.bool_], lengths: NDArray[numpy.int64]) -> bytes:
    """The postings whose row is alive. Writes the lengths of these rows into `lengths`."""
    found = numpy.frombuffer(data, dtype=POSTING)
    kept = found[alive[found["row"]]]
    lengths[kept["row"]] = kept["length"]
    return bytes(kept.tobytes())
