"""Measures, for each script, how well vectors and words find passages, so that a search can weigh them.

Two tests. **Reading test**: short questions that share no word with the passages that answer them, in English and Chinese; they
come with the package, so that a model is known before a base holds anything. **Known items**: sentences taken out of the base's
own chunks, each of which must find the rest of its chunk among others; words take the same test.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from sqlalchemy import func, select

from modelyard.core.errors import ModelyardError
from modelyard.db.session import Database
from modelyard.db.statements import batched
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeVector
from modelyard.knowledge.documents.cuts import SENTENCE
from modelyard.knowledge.indexing.scripts import Script, script_of
from modelyard.knowledge.indexing.vectors import Vectors, as_vector, unit
from modelyard.knowledge.indexing.words import query_terms, terms
from modelyard.knowledge.types import Models, text_hash

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

log = logging.getLogger(__name__)

SAMPLE: Final = 512
"""Chunks of a script among which a sentence must find its own."""
LOOKED_AT: Final = 2048
"""Chunks of a base whose scripts are looked at."""
SENTENCES: Final = 64
"""Sentences of a script that are tried."""
FEWEST: Final = 8
"""Chunks of a script below which only the reading test counts."""
PLACES: Final = 5
"""A sentence has found its chunk if it is among this many."""
SENTENCE_LENGTH: Final = (12, 300)
"""Characters of a sentence that is tried."""
REST: Final = 20
"""Characters that must be left of a chunk without its sentence."""
GROWTH: Final = 2.0
"""How many times as many chunks a base must have for its probe to be made again."""

MOST_WEIGHT: Final = 1.6
LEAST_WEIGHT: Final = 0.05
"""Below this weight, vectors are left out."""
USUAL_WEIGHT: Final = 0.8
"""Weight of vectors where nothing is known."""
BY_RATIO: Final = 0.35
"""Weight of vectors that find as many chunks as words do; it grows with the square of their ratio."""
TEST_COUNTS_AS: Final = 16
"""Sentences that the reading test counts as, or that `USUAL_WEIGHT` does where there is no test of a script."""


class ScriptProbe(msgspec.Struct, frozen=True, kw_only=True):
    """How well the texts of one script are found."""

    weight: float
    """Of vectors in a hybrid search, where words have 1; 0 leaves them out."""
    reads: float | None = None
    """Share of the reading test that vectors passed; null where there is none for this script."""
    sentences: int = 0
    """Sentences that were tried."""
    by_vectors: float | None = None
    """Share of them whose chunk vectors found."""
    by_words: float | None = None
    """Share of them whose chunk words found."""


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """How well a model finds what is in a base."""

    model: str
    generation: int = 0
    chunks: int = 0
    """Chunks of the base when it was made."""
    scripts: Mapping[Script, ScriptProbe] = {}

    def weight(self, script: Script) -> float:
        """The weight of vectors for a query in a script."""
        found = self.scripts.get(script)
        return USUAL_WEIGHT if found is None else found.weight

    def outdated(self, generation: int, chunks: int) -> bool:
        """Whether another generation, or many more or fewer chunks, call for a new probe."""
        return self.generation != generation or not self.chunks / GROWTH < max(chunks, 1) < max(self.chunks, 1) * GROWTH


class ReadingItem(NamedTuple):
    """A question of the reading test, and the passage that answers it."""

    script: Script
    question: str
    passage: str


@dataclass(frozen=True, slots=True)
class SampledChunk:
    """A chunk of a base with its vector."""

    text: str
    vector: Sequence[float]


@dataclass(frozen=True, slots=True)
class KnownItem:
    """A sentence, and its chunk without it."""

    chunk: int
    """Place of its chunk in the sample."""
    sentence: str
    rest: str


class Probes:
    """Makes the probes of bases. It remembers what each model made of the reading test."""

    def __init__(self, database: Database, vectors: Vectors, models: Models) -> None:
        self._database = database
        self._vectors = vectors
        self._models = models
        self._shares: dict[str, Mapping[Script, float]] = {}
        self._passages: dict[str, Mapping[Script, Floats]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        """Base → the task that makes its probe."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when the probe of a base is stored."""

    async def is_ready(self, base_id: int, done: Callable[[], None]) -> bool:
        """Whether a base's probe is up to date, or cannot be made. Otherwise it is being made, and `done` is called after it."""
        if (task := self._tasks.get(base_id)) is not None:
            if not task.done():
                return False
            del self._tasks[base_id]
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("how well base %d is searched could not be measured", base_id, exc_info=error)
            return True
        async with self._database.session() as session:
            base = await session.get(KnowledgeBase, base_id)
        if base is None or base.embedding_model is None or base.dimension is None:
            return True
        present = probe_of(base)
        if present is not None and not present.outdated(base.generation, await self._count(base)):
            return True
        task = self._tasks[base_id] = asyncio.create_task(self._attempt(base))
        task.add_done_callback(lambda task: done())
        return base.temporary  # somebody waits for a base of one talk, and a search without a probe is good, too

    async def cancel(self) -> None:
        """Cancel the probes that are being made."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _attempt(self, base: KnowledgeBase) -> None:
        """Make the probe of a base and store it. A model that does not answer leaves the base with the one that it has."""
        try:
            await self.refresh(base)
        except ModelyardError as error:
            log.warning("how well '%s' is searched could not be measured: %s", base.name, error.message)

    async def passages(self, model: str) -> Mapping[Script, Floats]:
        """The vectors of the test's passages by script, as rows; none if the model never took the test.

        No query is about these passages, so they tell which cosines are usual for a query.
        """
        if (known := self._passages.get(model)) is None:
            texts = {text_hash(item.passage): item for item in reading_test()}
            stored = await self._vectors.known(model, list(texts))
            rows: defaultdict[Script, list[Sequence[float]]] = defaultdict(list)
            for name, item in texts.items():
                if (vector := as_vector(stored.get(name))) is not None:
                    rows[item.script].append(vector)
            known = self._passages[model] = {script: unit(vectors) for script, vectors in rows.items()}
        return known

    async def reading(self, model: str) -> Mapping[Script, float]:
        """Share of the test's questions of each script whose passage is the nearest. Raises what the model raises."""
        if (known := self._shares.get(model)) is not None:
            return known
        await self._vectors.ensure(model, {text_hash(item.passage): item.passage for item in reading_test()})
        self._passages.pop(model, None)
        shares = {}
        for script, passages in (await self.passages(model)).items():
            texts = [item.question for item in reading_test() if item.script == script]
            products = await self._query_vectors(model, texts) @ passages.T
            better = (products > products.diagonal()[:, None]).sum(axis=1)
            shares[script] = float((better == 0).mean())
        self._shares[model] = shares
        return shares

    async def refresh(self, base: KnowledgeBase) -> Probe | None:
        """Make the probe of a base anew and store it. None for a base without vectors. Raises what the embedding model raises."""
        if base.embedding_model is None:
            return None
        probe = await self._made(base, base.embedding_model)
        async with self._database.writing() as session:
            row = await session.get(KnowledgeBase, base.id)
            if row is not None and row.generation == base.generation and row.embedding_model == base.embedding_model:
                row.probe = msgspec.to_builtins(probe)
        self.on_change()
        return probe

    async def _made(self, base: KnowledgeBase, model: str) -> Probe:
        reading = await self.reading(model)
        scripts = {script: weighed(share) for script, share in reading.items()}
        numbers = await self._numbers(base)
        samples = await self._samples(numbers[:: max(1, -(-len(numbers) // LOOKED_AT))], model)
        for script, sample in samples.items():
            items = known_items(sample) if len(sample) >= FEWEST else []
            if not items:
                continue
            sentences = await self._query_vectors(model, [item.sentence for item in items])
            rests = unit(await self._models.embed(model, [item.rest for item in items]))
            by_vectors = await asyncio.to_thread(found_by_vectors, sample, items, sentences, rests)
            by_words = await asyncio.to_thread(found_by_words, sample, items)
            scripts[script] = weighed(reading.get(script), by_vectors, by_words)
        return Probe(model=model, generation=base.generation, chunks=len(numbers), scripts=scripts)

    async def _count(self, base: KnowledgeBase) -> int:
        query = select(func.count()).where(
            KnowledgeChunk.base_id == base.id, KnowledgeChunk.generation == base.generation
        )
        async with self._database.session() as session:
            return await session.scalar(query) or 0

    async def _numbers(self, base: KnowledgeBase) -> Sequence[int]:
        """The ids of all chunks of the present generation, in order."""
        ids = select(KnowledgeChunk.id).where(
            KnowledgeChunk.base_id == base.id, KnowledgeChunk.generation == base.generation
        )
        async with self._database.session() as session:
            return (await session.scalars(ids.order_by(KnowledgeChunk.id))).all()

    async def _samples(self, numbers: Sequence[int], model: str) -> dict[Script, list[SampledChunk]]:
        """Those of these chunks that have vectors, by script, `SAMPLE` of each at most."""
        samples: defaultdict[Script, list[SampledChunk]] = defaultdict(list)
        for some in batched(numbers):
            query = (
                select(KnowledgeChunk.text, KnowledgeVector.vector)
                .join(KnowledgeVector, KnowledgeVector.hash == KnowledgeChunk.hash)
                .where(KnowledgeVector.model == model, KnowledgeChunk.id.in_(some))
                .order_by(KnowledgeChunk.id)
            )
            async with self._database.session() as session:
                rows = (await session.execute(query)).all()
            for text, stored in rows:
                sample = samples[script_of(text)]
                if len(sample) < SAMPLE and (vector := as_vector(stored)) is not None:
                    sample.append(SampledChunk(text, vector))
        return samples

    async def _query_vectors(self, model: str, texts: Sequence[str]) -> Floats:
        return unit(await asyncio.gather(*(self._models.embed_query(model, text) for text in texts)))


@cache
def reading_test() -> tuple[ReadingItem, ...]:
    """The questions and passages of the reading test."""
    lines = (Path(__file__).parent / "reading_test.jsonl").read_text(encoding="utf-8").splitlines()
    items = map(json.loads, lines)
    return tuple(ReadingItem(Script(item["script"]), item["question"], item["passage"]) for item in items)


def probe_of(base: KnowledgeBase) -> Probe | None:
    """The stored probe of a base, if it has one of its present model."""
    if not base.probe:
        return None
    probe = msgspec.convert(base.probe, Probe)
    return probe if probe.model == base.embedding_model else None


def weighed(reads: float | None, by_vectors: Sequence[bool] = (), by_words: Sequence[bool] = ()) -> ScriptProbe:
    """A script's probe with the weight that follows from it."""
    tried = len(by_vectors)
    prior = USUAL_WEIGHT if reads is None else MOST_WEIGHT * reads**3
    weight = prior
    if tried:
        ratio = (sum(by_vectors) + 0.5) / (sum(by_words) + 0.5)
        measured = min(MOST_WEIGHT, BY_RATIO * ratio**2)
        weight = (tried * measured + TEST_COUNTS_AS * prior) / (tried + TEST_COUNTS_AS)
        if reads is not None and ratio < 1:
            weight = min(weight, prior)  # chunks share letters with their sentences, which is no reading
    return ScriptProbe(
        weight=round(weight, 3) if weight >= LEAST_WEIGHT else 0.0,
        reads=None if reads is None else round(reads, 3),
        sentences=tried,
        by_vectors=round(sum(by_vectors) / tried, 3) if tried else None,
        by_words=round(sum(by_words) / tried, 3) if tried else None,
    )


def known_items(sample: Sequence[SampledChunk]) -> list[KnownItem]:
    """A sentence of as many chunks as are tried, chosen in the same way each time."""
    step = max(1, len(sample) // SENTENCES)
    items = []
    for place in range(0, len(sample), step):
        text = sample[place].text
        least, most = SENTENCE_LENGTH
        sentences = [each for each in _sentences(text) if least <= len(each) <= min(most, len(text) - REST)]
        if sentences:
            sentence = random.Random(text_hash(text)).choice(sentences)
            items.append(KnownItem(place, sentence, text.replace(sentence, " ").strip()))
    return items[:SENTENCES]


def found_by_vectors(
    sample: Sequence[SampledChunk], items: Sequence[KnownItem], sentences: Floats, rests: Floats
) -> list[bool]:
    """Whether each sentence is nearer to the rest of its chunk than to all but a few other chunks."""
    chunks = unit([each.vector for each in sample])
    products = sentences @ chunks.T
    own = (sentences * rests).sum(axis=1)
    return [
        sum(bool(products[at, other] > own[at]) for other in _others(sample, item)) < PLACES
        for at, item in enumerate(items)
    ]


def found_by_words(sample: Sequence[SampledChunk], items: Sequence[KnownItem]) -> list[bool]:
    """As `found_by_vectors`, by BM25. The postings are of the sentences' terms; those of all terms would take 30 MB."""
    from modelyard.knowledge.indexing.stores import bm25  # numpy

    texts = [each.text for each in sample] + [item.rest for item in items]
    queries = [query_terms(item.sentence) for item in items]
    postings, words = bm25.pack(((row, terms(text)) for row, text in enumerate(texts)), {*chain(*queries)})
    found = []
    for at, item in enumerate(items):
        some = [bytes(postings[term]) for term in queries[at] if term in postings]
        rows, scores = bm25.score(some, len(texts), words)
        score = dict(zip(rows.tolist(), scores.tolist(), strict=True))
        own = score.get(len(sample) + at, 0.0)
        better = sum(score.get(other, 0.0) > own for other in _others(sample, item))
        found.append(own > 0 and better < PLACES)
    return found


def _others(sample: Sequence[SampledChunk], item: KnownItem) -> list[int]:
    """The places of the chunks that do not have the sentence; a neighbour may repeat it."""
    return [place for place, each in enumerate(sample) if place != item.chunk and item.sentence not in each.text]


def _sentences(text: str) -> list[str]:
    """The sentences of a text, stripped."""
    ends = [match.end() for match in SENTENCE.finditer(text)] + [len(text)]
    return [text[start:end].strip() for start, end in zip([0, *ends], ends, strict=False)]
