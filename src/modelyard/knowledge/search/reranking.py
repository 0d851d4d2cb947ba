"""Lets a rerank model rank hits: the one that is named, else one that runs, if it reads the query's language and is quick.

A model that nobody named must not make a search worse: before it ranks, it takes the reading test of embedding models (its
question must rank its own passage before others), and a search waits for it only so long.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from modelyard.core.errors import ModelyardError
from modelyard.knowledge.indexing.probes import ReadingItem, reading_test
from modelyard.knowledge.indexing.scripts import Script, script_of
from modelyard.knowledge.types import Models
from modelyard.protocol.hits import Hit

log = logging.getLogger(__name__)

CANDIDATES: Final = 20
"""Hits that a model which nobody named ranks, or as many as the search returns."""
MOST_HITS: Final = 50
"""Hits of a search up to which such a model is used."""
PAUSE: Final = 60.0
"""Seconds in which it is left out after it was too slow."""
QUESTIONS: Final = 12
"""Questions of a script in its reading test."""
PASSAGES: Final = 4
"""Passages among which it must find the one that answers."""
READS: Final = 0.8
"""The least share of the questions for a model that reads a script; a quarter is chance."""
TEST_AGAIN: Final = 3600.0
"""Seconds after which a model takes the test again: another one may have its name."""


@dataclass(frozen=True, slots=True)
class Ranker:
    """The rerank model of a search."""

    model: str
    named: bool
    """Whether the query or its base names it. Another one has little time."""


@dataclass(frozen=True, slots=True)
class ReadingResult:
    """The reading test of a model."""

    shares: Mapping[Script, float]
    """The share of the questions whose passage it ranked first; empty if the model did not answer."""
    at: float


@dataclass(frozen=True, slots=True)
class RankedHits:
    """Hits in the order of a rerank model, or as they were."""

    hits: list[Hit]
    model: str | None
    """The model that ranked them."""
    notes: Sequence[str] = ()


class Reranking:
    """Chooses rerank models and asks them. It remembers which of them read what, and which were too slow."""

    def __init__(self, models: Models, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`seconds` is how long a search waits for a model that nobody named; with 0 it is not used."""
        self._models = models
        self._seconds = seconds
        self._clock = clock
        self._results: dict[str, ReadingResult] = {}
        self._tests: dict[str, asyncio.Task[None]] = {}
        self._paused: dict[str, float] = {}
        """Model → when it may be used again."""

    def ranker(self, named: str | None, running: Sequence[str], text: str, rerank: bool | None) -> Ranker | None:
        """The model for a query: the one that the query or its base names, else the first running one that is good enough.

        A query that demands to be ranked (`rerank`) gets the first running one also if none is good enough.
        """
        if rerank is False:
            return None
        if named is not None:
            return Ranker(named, named=True)
        good = next((model for model in running if self._is_good(model, script_of(text))), None)
        if rerank:
            return Ranker(good or running[0], named=True) if running else None
        return None if good is None else Ranker(good, named=False)

    async def rank(
        self, ranker: Ranker, models: Models | None, text: str, hits: list[Hit], *, strict: bool
    ) -> RankedHits:
        """The hits, best first. With `strict`, the errors of the model are raised; else they become a note."""
        try:
            async with asyncio.timeout(None if ranker.named else self._seconds):
                scores = await (models or self._models).rerank(ranker.model, text, [each.text for each in hits])
        except TimeoutError:
            self._paused[ranker.model] = self._clock() + PAUSE
            return RankedHits(hits, None, [f"The hits were not ranked by '{ranker.model}': it was too slow."])
        except ModelyardError as error:
            if strict:
                raise
            return RankedHits(hits, None, [f"The hits were not ranked by '{ranker.model}': {error.message}"])
        ranked = [
            msgspec.structs.replace(hit, score=score, scores=msgspec.structs.replace(hit.scores, rerank=score))
            for hit, score in zip(hits, scores, strict=True)
        ]
        return RankedHits(sorted(ranked, key=lambda hit: -hit.score), ranker.model)

    async def close(self) -> None:
        """Cancel the tests that are being taken."""
        for task in self._tests.values():
            task.cancel()
        await asyncio.gather(*self._tests.values(), return_exceptions=True)

    def _is_good(self, model: str, script: Script) -> bool:
        """Whether a model that nobody named may rank: there is time for it, it was not too slow lately, and reads the script."""
        usable = self._seconds > 0 and self._paused.get(model, 0.0) <= self._clock()
        return usable and self._reads(model, script)

    def _reads(self, model: str, script: Script) -> bool:
        """Whether a model reads a script. It begins to take the test if it has not, and reads nothing until then."""
        result = self._results.get(model)
        if (result is None or result.at + TEST_AGAIN < self._clock()) and model not in self._tests:
            self._tests[model] = asyncio.create_task(self._test(model), name=f"reading test of {model}")
        return result is not None and result.shares.get(script, 0.0) >= READS

    async def _test(self, model: str) -> None:
        """Take the reading test, with the models of the server, so that it counts for no caller."""
        shares: dict[Script, float] = {}
        try:
            for script, items in _by_script().items():
                right = [await self._finds(model, items, place) for place in range(min(QUESTIONS, len(items)))]
                shares[script] = sum(right) / len(right)
        except ModelyardError as error:
            log.warning("whether '%s' can rank hits could not be measured: %s", model, error.message)
            shares = {}
        finally:
            del self._tests[model]
        self._results[model] = ReadingResult(shares, self._clock())

    async def _finds(self, model: str, items: Sequence[ReadingItem], place: int) -> bool:
        """Whether a model ranks the passage of a question before the next ones."""
        passages = [items[(place + step) % len(items)].passage for step in range(PASSAGES)]
        own, *others = await self._models.rerank(model, items[place].question, passages)
        return own > max(others)


def _by_script() -> Mapping[Script, Sequence[ReadingItem]]:
    found: defaultdict[Script, list[ReadingItem]] = defaultdict(list)
    for item in reading_test():
        found[item.script].append(item)
    return found
