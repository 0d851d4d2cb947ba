"""Dynamic batching for models that read a text in one pass: texts of many requests share each pass.

One thread tokenizes texts, another one computes. This module depends neither on HTTP nor on torch.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from modelyard.core.errors import ContextLengthExceeded, InternalError, InvalidParameter, ModelyardError, Unavailable
from modelyard.engines.served import ReplicaConfig

WINDOW = 2
"""Maximum number of passes whose texts are drawn together: enough to find texts of similar length."""

TURN = 0.2
"""Seconds that texts drawn together may take to compute: the longest wait of a question while a thousand passages are
computed."""

FIRST, LEAST = 1024, 64
"""Tokens that are drawn together before the model's speed is known, and with the slowest model."""

WASTE = 8
"""A pass may be padded by one part in this many."""

READ_AT_ONCE = 64
"""Texts that are tokenized in one go before the texts of other requests get their turn."""

SHORTER = "shorten it, or let truncate_prompt_tokens cut it"

T = TypeVar("T")


class TokenizedText(Protocol):
    """A text as tokens, in the form that an engine reads."""

    @property
    def size(self) -> int:
        """Number of tokens."""
        ...

    @property
    def group(self) -> int:
        """Only texts of one group share a pass."""
        ...


class LoadedEncoder(Protocol):
    """A loaded model, as an engine's `load` returns it."""

    limit: int
    budget: int
    prompts: Mapping[str, str]
    default_prompt: str
    special: int
    width: int
    vocabulary: int
    labels: Sequence[str]
    multi_label: bool
    options: Any

    def read(self, texts: Sequence[str], prompt: str = "", keep: int = 0) -> list[Any]: ...

    def read_pairs(self, query: str, documents: Sequence[str], keep: int = 0) -> list[Any]: ...

    def read_ids(self, ids: Sequence[int], keep: int = 0) -> Any: ...

    def tokens(self, text: str, special: bool) -> list[int]: ...

    def text(self, tokens: Sequence[int]) -> str: ...

    def run(self, texts: Sequence[Any]) -> Sequence[Any]: ...


class EncodingJob:
    """The texts of one request. The computing thread writes the results; they may be read when `done` is set."""

    def __init__(self, texts: Sequence[TokenizedText], done: asyncio.Future[None]) -> None:
        self.texts = texts
        self.done = done
        self.left = deque(sorted(range(len(texts)), key=lambda index: -texts[index].size))
        """Indices of the texts that are not drawn yet, the longest first."""
        self.missing = len(texts)
        self.results: list[Any] = [None] * len(texts)
        self.error: ModelyardError | None = None
        self.abandoned = False
        """Whether the client has disconnected."""


Piece = tuple[EncodingJob, int]
"""A job and the index of one of its texts."""


def draw(ring: deque[EncodingJob], tokens: int) -> list[Piece]:
    """Draw one text of each job in turn until there are `tokens` tokens. A job without texts left is removed from the ring."""
    pieces: list[Piece] = []
    while ring and tokens > 0:
        job = ring.popleft()
        if job.abandoned:
            continue
        index = job.left.popleft()
        pieces.append((job, index))
        tokens -= job.texts[index].size
        if job.left:
            ring.append(job)
    return pieces


def cut(pieces: Sequence[Piece], budget: int) -> list[list[Piece]]:
    """Group texts of similar length; each batch stays within the budget with all its texts padded to the longest one."""
    batches: list[list[Piece]] = []
    real, group = 0, 0
    for job, index in sorted(pieces, key=lambda piece: (piece[0].texts[piece[1]].group, piece[0].texts[piece[1]].size)):
        text = job.texts[index]
        padded = (len(batches[-1]) + 1) * text.size if batches else 0
        apart = padded > budget or padded - real - text.size > budget // WASTE or text.group != group
        if not batches or apart:
            batches.append([])
            real, group = 0, text.group
        batches[-1].append((job, index))
        real += text.size
    return batches


class Turn:
    """Decides how many tokens are drawn together: as many as the model computes in `TURN` seconds, by its measured speed."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.tokens = min(FIRST, most)

    def took(self, tokens: int, seconds: float) -> None:
        """Update the number by the time that a turn took."""
        if seconds > TURN:
            fitting = int(tokens * max(TURN / seconds, 1 / 8))  # a single slow turn may be an exception
            self.tokens = max(min(self.tokens, fitting), min(LEAST, self._most))
        elif seconds < TURN / 2 and tokens >= self.tokens:
            self.tokens = min(2 * self.tokens, self._most)


class Batcher:
    """A thread that computes the texts of requests. Create it on the event loop and call it from there only."""

    def __init__(
        self,
        run: Callable[[Sequence[Any]], Sequence[Any]],
        budget: int,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._run = run
        self._budget = budget
        self._clock = clock
        self._turn = Turn(WINDOW * budget)
        self._ring: deque[EncodingJob] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self.counts: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._work, name="batcher", daemon=True)
        self._thread.start()

    async def compute(self, texts: Sequence[TokenizedText]) -> list[Any]:
        """Return the results of texts, in their order. When cancelled, texts that are not computed yet are dropped."""
        job = EncodingJob(texts, self._loop.create_future())
        with self._changed:
            self._ring.append(job)
            self._changed.notify()
        try:
            await job.done
        finally:
            job.abandoned = True
        if job.error:
            raise job.error
        return job.results

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _work(self) -> None:
        """Draw, compute and deliver until `close`. An unexpected error ends the process, so that the replica restarts."""
        try:
            while pieces := self._draw():
                began = self._clock()
                for batch in cut(pieces, self._budget):
                    self._compute([piece for piece in batch if not piece[0].abandoned])
                self._turn.took(sum(job.texts[index].size for job, index in pieces), self._clock() - began)
        finally:
            if not self._closed:
                os.kill(os.getpid(), signal.SIGTERM)

    def _draw(self) -> list[Piece]:
        """Return the texts to compute next; waits for some. Empty after `close`."""
        with self._changed:
            pieces: list[Piece] = []
            while not pieces and not self._closed:
                self._changed.wait_for(lambda: self._ring or self._closed)
                pieces = draw(self._ring, self._turn.tokens)
            return [] if self._closed else pieces

    def _compute(self, batch: list[Piece]) -> None:
        """Run one pass. A failed pass is repeated in halves: they need less memory, and a faulty text fails alone."""
        if not batch:
            return
        try:
            rows = self._run([job.texts[index] for job, index in batch])
        except (RuntimeError, ValueError, LookupError, TypeError) as error:
            if len(batch) == 1:
                self._fail(batch[0][0], error)
                return
            middle = len(batch) // 2
            self._compute(batch[:middle])
            self._compute(batch[middle:])
            return
        self.counts["passes"] += 1
        self.counts["texts"] += len(batch)
        self._deliver(batch, rows)

    def _deliver(self, batch: list[Piece], rows: Sequence[Any]) -> None:
        whole = []
        for (job, index), row in zip(batch, rows, strict=True):
            job.results[index] = row
            job.missing -= 1
            if not job.missing:
                whole.append(job)
        if whole:
            self._loop.call_soon_threadsafe(_finish, whole)

    def _fail(self, job: EncodingJob, error: Exception) -> None:
        job.error = InternalError(f"{type(error).__name__}: {error}")
        job.abandoned = True
        self._loop.call_soon_threadsafe(_finish, [job])


def _finish(jobs: Sequence[EncodingJob]) -> None:
    for job in jobs:
        if not job.done.done():
            job.done.set_result(None)


class Encoding:
    """The prepared model of a replica that embeds or ranks texts."""

    def __init__(self, encoder: LoadedEncoder, config: ReplicaConfig) -> None:
        self.encoder = encoder
        self.uid = config.uid
        self._batcher = Batcher(encoder.run, encoder.budget)
        self._reader = ThreadPoolExecutor(1, "reader")
        self._waiting = 0
        self._tokens = 0

    @contextmanager
    def room(self, texts: int) -> Iterator[None]:
        """Reserve room for a number of texts. Raises `Unavailable` when too many wait; a lone request may have any number."""
        most = self.encoder.options.max_waiting
        if self._waiting and self._waiting + texts > most:
            raise Unavailable(
                f"{self._waiting} texts wait to be computed, and {most} may (max_waiting); try again later."
            )
        self._waiting += texts
        try:
            yield
        finally:
            self._waiting -= texts

    async def apart(self, work: Callable[[], T]) -> T:
        """Run long work in a thread, outside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._reader, work)

    async def read(self, count: int, some: Callable[[int, int], list[Any]], param: str) -> list[Any]:
        """Tokenize `count` texts with `some(start, end)`, part by part. Raises `ContextLengthExceeded`."""
        texts: list[Any] = []
        for start in range(0, count, READ_AT_ONCE):
            end = min(start + READ_AT_ONCE, count)
            texts += await self.apart(lambda start=start, end=end: some(start, end))  # type: ignore[misc]
            self._check(texts, start, param)
        return texts

    def _check(self, texts: Sequence[TokenizedText], start: int, param: str) -> None:
        limit = self.encoder.limit
        for index, text in enumerate(texts[start:], start):
            if text.size > limit:
                raise ContextLengthExceeded(f"{param}[{index}]", limit, text.size, SHORTER)
            if not text.size:
                raise InvalidParameter(f"{param}[{index}]", "it is empty: the model has nothing to read.")

    async def compute(self, texts: Sequence[TokenizedText]) -> list[Any]:
        """Return one result for each text."""
        self._tokens += sum(text.size for text in texts)
        return await self._batcher.compute(texts)

    def keep(self, length: int | None) -> int:
        """Return the number of tokens to cut each text to; 0 means no cut. Raises `InvalidParameter`."""
        limit, least = self.encoder.limit, self.encoder.special + 1
        if length is None:
            return limit if self.encoder.options.truncate else 0
        if length != -1 and length < least:
            problem = f"is {length}; it must be {least} at least, or -1 for the model's own limit of {limit}."
            raise InvalidParameter("truncate_prompt_tokens", problem)
        return limit if length == -1 else min(length, limit)

    def counters(self) -> Mapping[str, float]:
        return {
            "texts_waiting": self._waiting,
            "tokens_total": self._tokens,
            **{f"{name}_total": count for name, count in self._batcher.counts.items()},
        }

    def parts(self) -> Mapping[str, str]:
        return {}

    def close(self) -> None:
        self._batcher.close()
        self._reader.shutdown(wait=False, cancel_futures=True)
