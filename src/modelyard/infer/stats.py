"""The statistics of a run: the six of ms-swift, time to first token, and time per later token. Pure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestSample:
    """The times and tokens of one answered request; times are in seconds on one clock."""

    began: float
    first: float
    """The time of the first piece of the answer."""
    ended: float
    prompt_tokens: int
    tokens: int


class InferStats:
    """Collects samples, from any thread; `compute` summarises them."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self._samples: list[RequestSample] = []
        self._lock = threading.Lock()

    def reset(self) -> None:
        """Delete all samples."""
        with self._lock:
            self._samples.clear()

    def add(self, sample: RequestSample) -> None:
        """Add the sample of an answered request."""
        with self._lock:
            self._samples.append(sample)

    def compute(self) -> dict[str, float]:
        """`num_prompt_tokens`, `num_generated_tokens`, `num_samples`, `runtime` (seconds), `samples/s`, `tokens/s`; and the
        means of `ttft` and `tpot` in seconds, if there were answers to compute them from.
        """
        with self._lock:
            samples = list(self._samples)
        runtime = max((each.ended for each in samples), default=0.0) - min(
            (each.began for each in samples), default=0.0
        )
        figures = six(
            sum(each.prompt_tokens for each in samples), sum(each.tokens for each in samples), len(samples), runtime
        )
        if samples:
            figures["ttft"] = sum(each.first - each.began for each in samples) / len(samples)
        later = [(each.ended - each.first) / (each.tokens - 1) for each in samples if each.tokens > 1]
        if later:
            figures["tpot"] = sum(later) / len(later)
        return figures


def six(prompt_tokens: int, tokens: int, samples: int, runtime: float) -> dict[str, float]:
    """The six statistics under ms-swift's names."""
    return {
        "num_prompt_tokens": prompt_tokens,
        "num_generated_tokens": tokens,
        "num_samples": samples,
        "runtime": runtime,
        "samples/s": samples / runtime if runtime > 0 else 0.0,
        "tokens/s": tokens / runtime if runtime > 0 else 0.0,
    }
