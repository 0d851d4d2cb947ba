"""The buckets in which times are counted, and percentiles of such counts. Pure.

Each bucket is a fifth wider than the one before, so that counts of many seconds and replicas can be added and their
percentiles are still known to within a tenth.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate

BUCKETS = 80
SHORTEST, LONGEST = 0.0002, 600.0
"""Seconds: the upper bound of the first bucket, and the lower bound of the last."""
BOUNDS = [SHORTEST * (LONGEST / SHORTEST) ** (number / (BUCKETS - 2)) for number in range(BUCKETS - 1)]
"""Upper bounds in seconds of all buckets but the last, which has none."""


def percentile(counts: Sequence[float], part: float) -> float | None:
    """The time in seconds below which `part` of the counted times lie, interpolated in its bucket; None without counts."""
    sums = [0.0, *accumulate(counts)]
    if not sums[-1]:
        return None
    rank = part * sums[-1]
    bucket = min(max(0, bisect(sums, rank) - 1), BUCKETS - 1)
    while bucket and not counts[bucket]:
        bucket -= 1
    low = BOUNDS[bucket - 1] if bucket else 0.0
    high = BOUNDS[bucket] if bucket < BUCKETS - 1 else LONGEST
    return low + (high - low) * min(1.0, (rank - sums[bucket]) / counts[bucket])
