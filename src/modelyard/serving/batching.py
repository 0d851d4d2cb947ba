"""Continuous batching: answers join and leave a running batch between two tokens. One thread has exclusive use of the model."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import NamedTuple

from modelyard.core.errors import InvalidParameter, ModelyardError
from modelyard.core.stops import Stops
from modelyard.engines.generation import NOTHING, Backend, PromptSource, SampledToken, SamplingParams
from modelyard.serving.text import Characters

log = logging.getLogger(__name__)

WORTH_COPYING = 16
"""Tokens that two prompts must share at their beginning before cached keys and values are copied from one to the other."""


class AnswerPiece(NamedTuple):
    """One token of an answer, or its end, with the text that it adds."""

    text: str = ""
    drawn: SampledToken | None = None
    finish: str | None = None
    """`stop` or `length`, in the last piece."""
    error: str | None = None
    """The error message, in the last piece of an answer that failed."""
    prompt_drawn: Sequence[SampledToken] = ()
    """Tokens of the prompt with their log probabilities, if the request asks for them."""
    reused: int = 0
    """In the last piece: tokens of the prompt whose keys and values came from the cache of another answer."""
    end: int | None = None
    """The token that ended the answer. It counts as a token and has no text."""
    stop: str | None = None
    """In the last piece: the stop string that ended the answer."""


@dataclass(eq=False, slots=True)
class AnswerSequence:
    """One answer, from its prompt to its last token. Only the scheduler changes it, except for `cancelled`."""

    prompt: list[int]
    sampling: SamplingParams
    most: int
    """Maximum number of tokens; with 0 the prompt is read and nothing is generated."""
    ends: frozenset[int]
    """Ids of the tokens that end the answer."""
    characters: Characters
    stops: Stops
    deliver: Callable[[list[AnswerPiece]], None]
    """Called in the scheduler's thread, once per token."""
    source: PromptSource = NOTHING
    cancelled: bool = False
    """Set by the request when its client has disconnected."""
    written: int = 0
    reused: int = 0
    tokens: list[int] = field(default_factory=list)
    """Tokens of prompt and answer."""

    def __post_init__(self) -> None:
        self.tokens = list(self.prompt)

    def take(self, drawn: SampledToken) -> list[AnswerPiece]:
        """Add one token; the last piece has the finish reason."""
        if drawn.problem is not None:
            return [AnswerPiece(error=drawn.problem)]
        self.written += 1
        if drawn.token in self.ends:
            return [self._end("stop")._replace(end=drawn.token)]
        self.tokens.append(drawn.token)
        text = self.characters.add(drawn.token)
        piece = AnswerPiece(text if self.written <= self.sampling.least else self.stops.add(text), drawn)
        if self.stops.met:
            return [piece, AnswerPiece(finish="stop", reused=self.reused, stop=self.stops.found)]
        if drawn.complete:
            return [piece, self._end("stop")]
        return [piece, self._end("length")] if self.written >= self.most else [piece]

    def _end(self, how: str) -> AnswerPiece:
        text = self.stops.add(self.characters.end())
        if self.stops.met:
            return AnswerPiece(text, finish="stop", reused=self.reused, stop=self.stops.found)
        return AnswerPiece(text + self.stops.end(), finish=how, reused=self.reused)


@dataclass(eq=False, slots=True)
class QueuedCall:
    """A call that the scheduler makes between two rounds."""

    do: Callable[[], None]
    free: str = ""
    """If set, the call waits until no answer uses this adapter."""
    done: Future[None] = field(default_factory=Future)

    def run(self) -> None:
        try:
            self.do()
        except ModelyardError as error:
            self.done.set_exception(error)
        except Exception as error:
            # the top of a call for another thread: whatever a library raises, this thread continues
            log.exception("a queued call failed")
            self.done.set_exception(error)
        else:
            self.done.set_result(None)


class Scheduler:
    """In every round, decides which prompts to read, and generates one token of every answer."""

    def __init__(self, backend: Backend, reading: int) -> None:
        """`reading` is the maximum number of prompt tokens to read between two tokens of the answers."""
        self._backend = backend
        self._reading = reading
        self._inbox: SimpleQueue[AnswerSequence | QueuedCall | None] = SimpleQueue()
        self._calls: list[QueuedCall] = []
        """Calls that wait for answers in progress, which use the adapter that the call changes."""
        self._waiting: deque[AnswerSequence] = deque()
        self._running: list[AnswerSequence] = []
        """By row."""
        self._known: list[list[int]] = [[] for _ in range(backend.rows)]
        """By row, the tokens whose keys and values are in the cache; a free row keeps those of its last answer."""
        self._sources: list[PromptSource] = [NOTHING] * backend.rows
        """By row, the adapter and pictures that those tokens were computed with."""
        self._closed = False
        self.tokens_read = self.tokens_reused = self.tokens_written = 0
        self._thread = threading.Thread(target=self._run, name="batching", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def submit(self, sequence: AnswerSequence) -> None:
        """Queue an answer. Thread-safe."""
        self._inbox.put(sequence)

    def between_rounds(self, do: Callable[[], None], free: str = "") -> Future[None]:
        """Call `do` in the scheduler's thread, between two rounds; the future raises what `do` raises. Thread-safe.

        With `free`, the call waits until the last answer that uses this adapter has ended.
        """
        call = QueuedCall(do, free)
        self._inbox.put(call)
        return call.done

    def close(self) -> None:
        """Stop after the current round."""
        self._inbox.put(None)

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def waiting(self) -> int:
        return len(self._waiting) + self._inbox.qsize()

    def _run(self) -> None:
        while self._collect():
            try:
                self.round()
            except Exception as error:
                # the top of the thread: whatever the model raises, later answers are computed
                log.exception("a pass failed")
                self._abandon(f"{type(error).__name__}: {error}")

    def _collect(self) -> bool:
        """Take over what was submitted; if there is nothing else to do, wait for it. Returns False after `close`."""
        try:
            while True:
                self._run_calls()
                idle = not self._running and not self._waiting
                found = self._inbox.get(block=idle)
                if found is None:
                    return False
                if isinstance(found, QueuedCall):
                    self._calls.append(found)
                else:
                    self._waiting.append(found)
        except Empty:
            return True

    def _run_calls(self) -> None:
        busy = {each.source.adapter for each in (*self._running, *self._waiting)} - {""}
        ready = [call for call in self._calls if call.free not in busy]
        self._calls = [call for call in self._calls if call.free in busy]
        for call in ready:
            call.run()

    def round(self) -> None:
        """Run one round; tests call it without the thread."""
        # Remove cancelled answers. Then read prompts, the oldest first, up to the limit of prompt tokens for a round, so that
        # answers in progress do not wait longer; one prompt may take several rounds, and a waiting answer takes a free row.
        self._drop_cancelled()
        budget = self._reading
        while budget > 0 and (row := self._unread()) is not None:
            budget -= self._read(row, budget)

        # Generate one token for every answer whose prompt is read (except for its last token), all in one pass. Answers
        # that have ended leave, and the last row moves into the gap, so that the active rows are always the first ones.
        ready = [self._is_ready(row) for row in range(len(self._running))]
        if any(ready):
            self._write(ready)

    def _unread(self) -> int | None:
        """Return the first row whose prompt is not read to its end, after admitting a waiting answer to a free row; or None."""
        for row in range(len(self._running)):
            if not self._is_ready(row):
                return row
        while self._waiting and len(self._running) < self._backend.rows:
            sequence = self._waiting.popleft()
            if not sequence.cancelled:
                self._admit(sequence)
                return len(self._running) - 1
        return None

    def _is_ready(self, row: int) -> bool:
        return len(self._known[row]) >= len(self._running[row].prompt) - 1

    def _admit(self, sequence: AnswerSequence) -> None:
        """Assign the next row to an answer, and copy the longest cached beginning of its prompt from another row."""
        row = len(self._running)
        usable = sequence.prompt[:-1]
        with_logprobs = sequence.sampling.prompt_logprobs is not None  # logprobs must be computed, so nothing is copied
        shared = [
            common(usable, known) if source == sequence.source and not with_logprobs else 0
            for known, source in zip(self._known, self._sources, strict=True)
        ]
        best = max(range(len(shared)), key=shared.__getitem__)
        if best != row and shared[best] >= max(WORTH_COPYING, shared[row] + 1):
            self._backend.copy(best, row, shared[best])
            shared[row] = shared[best]
        self._known[row] = usable[: shared[row]]
        self._sources[row] = sequence.source
        self.tokens_reused += shared[row]
        sequence.reused = shared[row]
        self._running.append(sequence)
        self._backend.begin(row, sequence.sampling, sequence.prompt, sequence.source)

    def _read(self, row: int, budget: int) -> int:
        """Read the next part of a prompt. Returns the tokens to subtract from the round's budget, at least 1."""
        known, prompt = self._known[row], self._running[row].prompt
        part = prompt[len(known) : min(len(known) + budget, len(prompt) - 1)]
        if part:
            try:
                logprobs = self._backend.read(row, len(known), part)
            except InvalidParameter as error:
                self._refuse(row, error.message)
                return len(part)
            known.extend(part)
            self.tokens_read += len(part)
            if logprobs:
                self._running[row].deliver([AnswerPiece(prompt_drawn=logprobs)])
        if not self._running[row].most and self._is_ready(row):
            self._running[row].deliver([AnswerPiece(finish="length")])
            self._leave(row)
        return max(1, len(part))

    def _write(self, ready: Sequence[bool]) -> None:
        last = [each.tokens[-1] if able else None for each, able in zip(self._running, ready, strict=True)]
        drawn = self._backend.write(last, [len(known) for known in self._known])
        ended = []
        for row, (sequence, token) in enumerate(zip(self._running, drawn, strict=True)):
            if token is None:
                continue
            self._known[row].append(sequence.tokens[-1])
            self.tokens_written += 1
            pieces = sequence.take(token)
            sequence.deliver(pieces)
            if pieces[-1].finish is not None or pieces[-1].error is not None:
                ended.append(row)
        for row in reversed(ended):
            self._leave(row)

    def _drop_cancelled(self) -> None:
        for row in reversed(range(len(self._running))):
            if self._running[row].cancelled:
                self._leave(row)
        if any(sequence.cancelled for sequence in self._waiting):
            self._waiting = deque(sequence for sequence in self._waiting if not sequence.cancelled)

    def _leave(self, row: int) -> None:
        """Close the gap: move the last row here; its old row keeps its cached tokens too."""
        last = len(self._running) - 1
        if row != last:
            self._backend.move(last, row, len(self._known[last]))
            self._running[row] = self._running[last]
            self._known[row] = list(self._known[last])
            self._sources[row] = self._sources[last]
        self._running.pop()

    def _refuse(self, row: int, problem: str) -> None:
        """End an answer whose prompt cannot be read; the others continue."""
        self._running[row].deliver([AnswerPiece(error=problem)])
        self._leave(row)

    def _abandon(self, problem: str) -> None:
        """End all answers after a failed pass, because the cache of every row may be damaged."""
        for sequence in self._running:
            sequence.deliver([AnswerPiece(error=problem)])
        self._running.clear()
        self._known = [[] for _ in range(self._backend.rows)]
        self._backend.reset()


def common(one: list[int], other: list[int]) -> int:
    """Count the tokens that two sequences share at their beginning."""
    most = min(len(one), len(other))
    if one[:most] == other[:most]:
        return most
    return next(index for index, (mine, theirs) in enumerate(zip(one, other, strict=False)) if mine != theirs)
