"""Dynamic batching: what shares a pass, in which turn, and what becomes of texts whose client leaves. No model here."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import ContextLengthExceeded, InternalError, InvalidParameter, Unavailable
from modelyard.core.types import ModelType
from modelyard.engines.served import ReplicaConfig
from modelyard.serving.encoding import (
    FIRST,
    LEAST,
    TURN,
    WASTE,
    WINDOW,
    Batcher,
    Encoding,
    EncodingJob,
    Turn,
    cut,
    draw,
)


@dataclass(frozen=True)
class FakeText:
    size: int
    group: int = 0
    name: str = ""


def texts(*sizes: int, name: str = "") -> list[FakeText]:
    return [FakeText(size, name=f"{name}{index}") for index, size in enumerate(sizes)]


def job(*given: FakeText) -> EncodingJob:
    return EncodingJob(given, cast(Any, None))  # nobody waits for it here


def pieces(ring: deque[EncodingJob], tokens: int) -> list[tuple[int, int]]:
    """Each drawn text as the position its job had in the ring, and its index."""
    jobs = list(ring)
    return [(jobs.index(each), index) for each, index in draw(ring, tokens)]


def test_jobs_are_drawn_from_in_turn_and_longest_texts_first() -> None:
    ring = deque([job(*texts(5, 9, 7)), job(*texts(3)), job(*texts(1, 2))])
    assert pieces(ring, 1000) == [(0, 1), (1, 0), (2, 1), (0, 2), (2, 0), (0, 0)]
    assert not ring


def test_a_draw_ends_with_its_tokens_and_the_next_goes_on_from_there() -> None:
    ring = deque([job(*texts(*[10] * 100)), job(*texts(10))])
    assert pieces(ring, 30) == [(0, 0), (1, 0), (0, 1)]
    assert len(ring) == 1
    assert len(ring[0].left) == 98


def test_who_has_gone_is_not_drawn_from() -> None:
    ring = deque([job(*texts(10, 10)), job(*texts(4))])
    ring[0].abandoned = True
    assert pieces(ring, 100) == [(1, 0)]


@given(st.lists(st.tuples(st.integers(1, 300), st.integers(0, 2)), max_size=200), st.integers(50, 3000))
def test_batches_hold_every_text_once_and_keep_to_the_budget(sizes: list[tuple[int, int]], budget: int) -> None:
    given_texts = [FakeText(size, group) for size, group in sizes]
    one = job(*given_texts)
    batches = cut([(one, index) for index in range(len(sizes))], budget)
    assert sorted(index for batch in batches for _, index in batch) == list(range(len(sizes)))
    for batch in batches:
        members = [given_texts[index] for _, index in batch]
        padded = len(members) * max(text.size for text in members)
        assert len(members) == 1 or padded <= budget
        assert padded - sum(text.size for text in members) <= budget // WASTE
        assert len({text.group for text in members}) == 1


class Model:
    """Computes only when told to, and keeps what it was given. Its time is what its passes take, and that is for us to say."""

    def __init__(self, free: bool = False, seconds_per_token: float = 0.0) -> None:
        self.passes: list[list[FakeText]] = []
        self.seconds = 0.0
        self._seconds_per_token = seconds_per_token
        self._may = threading.Semaphore(1_000_000 if free else 0)
        self._begun = threading.Semaphore(0)

    def run(self, batch: Sequence[FakeText]) -> Sequence[Any]:
        self.passes.append(list(batch))
        self._begun.release()
        self._may.acquire()
        self.seconds += self._seconds_per_token * sum(text.size for text in batch)
        if any(text.name.startswith("poison") for text in batch):
            raise ValueError("it cannot be computed")
        return [text.name.upper() for text in batch]

    async def begun(self) -> None:
        """Wait for the next pass to begin."""
        await asyncio.to_thread(self._begun.acquire)

    def go(self, passes: int = 1) -> None:
        self._may.release(passes)

    @property
    def seen(self) -> list[str]:
        return [text.name for batch in self.passes for text in batch]


def with_batcher(model: Model, budget: int, test: Callable[[Batcher], Awaitable[None]]) -> None:
    async def run() -> None:
        batcher = Batcher(model.run, budget, clock=lambda: model.seconds)
        try:
            await test(batcher)
        finally:
            batcher.close()
            model.go(1_000_000)

    asyncio.run(run())


def test_every_request_gets_its_own_results_in_its_own_order() -> None:
    model = Model(free=True)
    requests = [texts(*[(7 * row + column) % 50 + 1 for column in range(row)], name=f"r{row}-") for row in range(1, 60)]

    async def test(batcher: Batcher) -> None:
        answers = await asyncio.gather(*(batcher.compute(each) for each in requests))
        assert answers == [[text.name.upper() for text in each] for each in requests]

    with_batcher(model, 400, test)


def test_requests_at_once_share_passes_and_none_is_larger_than_the_budget() -> None:
    model = Model()

    async def test(batcher: Batcher) -> None:
        first = asyncio.ensure_future(batcher.compute(texts(5, name="first")))
        await model.begun()
        others = [asyncio.ensure_future(batcher.compute(texts(10, name=f"o{row}-"))) for row in range(64)]
        await asyncio.sleep(0)  # each of them runs until it waits
        model.go(1_000_000)
        await asyncio.gather(first, *others)

    with_batcher(model, 320, test)
    assert [len(batch) for batch in model.passes] == [1, 32, 32]


def test_two_thousand_texts_go_in_passes_of_the_budget() -> None:
    model = Model(free=True)

    async def test(batcher: Batcher) -> None:
        assert len(await batcher.compute(texts(*[index % 200 + 1 for index in range(2000)]))) == 2000

    with_batcher(model, 1024, test)
    assert max(len(batch) * max(text.size for text in batch) for batch in model.passes) <= 1024


def test_a_small_request_does_not_wait_for_a_huge_one() -> None:
    model = Model()

    async def test(batcher: Batcher) -> None:
        huge = asyncio.ensure_future(batcher.compute(texts(*[10] * 1000, name="huge")))
        await model.begun()
        small = asyncio.ensure_future(batcher.compute(texts(10, name="small")))
        await asyncio.sleep(0)
        model.go(2 * WINDOW)
        assert await small == ["SMALL0"]
        assert not huge.done()
        huge.cancel()

    with_batcher(model, 100, test)
    assert len(model.seen) < 100


def test_a_question_waits_a_turn_however_slow_the_model_is() -> None:
    model, known = Model(seconds_per_token=0.001), 3

    async def test(batcher: Batcher) -> None:
        huge = asyncio.ensure_future(batcher.compute(texts(*[10] * 2000, name="huge")))
        for _ in range(known):
            await model.begun()
            model.go()
        await model.begun()
        question = asyncio.ensure_future(batcher.compute(texts(10, name="question")))
        await asyncio.sleep(0)
        model.go(1_000_000)
        assert await question == ["QUESTION0"]
        huge.cancel()

    with_batcher(model, 4096, test)
    answered = next(place for place, batch in enumerate(model.passes) if any("question" in text.name for text in batch))
    waited = sum(text.size for batch in model.passes[known : answered + 1] for text in batch)
    assert 0.001 * waited <= 2 * TURN + 0.02


@given(st.floats(1e-6, 0.5), st.integers(LEAST, 100_000))
def test_turns_come_to_take_as_long_as_they_may(seconds_per_token: float, most: int) -> None:
    turn = Turn(most)
    assert turn.tokens == min(FIRST, most)
    for _ in range(40):
        turn.took(turn.tokens, seconds_per_token * turn.tokens)
    assert turn.tokens in (LEAST, most) or TURN / 2 <= seconds_per_token * turn.tokens <= TURN


def test_a_turn_that_was_not_full_says_nothing_of_the_next() -> None:
    turn = Turn(4096)
    turn.took(8, 0.03)
    assert turn.tokens == FIRST


def test_what_nobody_waits_for_is_not_computed() -> None:
    model = Model()

    async def test(batcher: Batcher) -> None:
        left = asyncio.ensure_future(batcher.compute(texts(*[10] * 1000, name="left")))
        await model.begun()
        left.cancel()
        with pytest.raises(asyncio.CancelledError):
            await left
        model.go(1_000_000)
        assert await batcher.compute(texts(10, name="other")) == ["OTHER0"]

    with_batcher(model, 100, test)
    assert [name for name in model.seen if name.startswith("left")] == [f"left{index}" for index in range(10)]


def test_a_text_that_cannot_be_computed_fails_alone() -> None:
    model = Model()

    async def test(batcher: Batcher) -> None:
        first = asyncio.ensure_future(batcher.compute(texts(10, name="first")))
        await model.begun()
        good = [asyncio.ensure_future(batcher.compute(texts(10, 10, name=f"good{row}-"))) for row in range(5)]
        bad = asyncio.ensure_future(batcher.compute(texts(10, 10, name="poison")))
        await asyncio.sleep(0)
        model.go(1_000_000)
        await first
        for row, answer in enumerate(await asyncio.gather(*good)):
            assert answer == [f"GOOD{row}-0", f"GOOD{row}-1"]
        with pytest.raises(InternalError, match="it cannot be computed"):
            await bad
        assert await batcher.compute(texts(1, name="later")) == ["LATER0"]

    with_batcher(model, 1000, test)


@dataclass(frozen=True)
class Options:
    max_waiting: int = 10
    truncate: bool = False


class Counter:
    """An encoder whose tokens are letters."""

    limit, budget, special, width = 8, 100, 2, 0
    default_prompt = ""
    vocabulary, multi_label = 26, True
    labels: Sequence[str] = ("",)

    def __init__(self, options: Options) -> None:
        self.options = options
        self.prompts: Mapping[str, str] = {}

    def read(self, given: Sequence[str], prompt: str = "", keep: int = 0) -> list[Any]:
        return [FakeText(len(one[: keep or None]), name=one) for one in given]

    def read_pairs(self, query: str, documents: Sequence[str], keep: int = 0) -> list[Any]:
        return self.read([query + one for one in documents], keep=keep)

    def read_ids(self, ids: Sequence[int], keep: int = 0) -> Any:
        return FakeText(len(ids))

    def tokens(self, text: str, special: bool) -> list[int]:
        return [ord(each) for each in text]

    def text(self, tokens: Sequence[int]) -> str:
        return "".join(map(chr, tokens))

    def run(self, given: Sequence[Any]) -> Sequence[Any]:
        return [text.size for text in given]


def with_encoding(options: Options, test: Callable[[Encoding], Awaitable[None]]) -> None:
    config = ReplicaConfig(
        uid="m", engine="e", type=ModelType.EMBEDDING, path="/nowhere", uds=None, host="", port=0, options={}
    )  # fmt: skip

    async def run() -> None:
        encoding = Encoding(Counter(options), config)
        try:
            await test(encoding)
        finally:
            encoding.close()

    asyncio.run(run())


async def read(encoding: Encoding, given: list[str]) -> list[Any]:
    keep = encoding.keep(None)
    return await encoding.read(
        len(given), lambda start, end: encoding.encoder.read(given[start:end], "", keep), "input"
    )


def test_too_many_waiting_texts_are_refused_but_one_request_alone_never_is() -> None:
    async def test(encoding: Encoding) -> None:
        with encoding.room(50):
            assert encoding.counters()["texts_waiting"] == 50
            with pytest.raises(Unavailable, match="max_waiting"), encoding.room(1):
                pass
        with encoding.room(4), encoding.room(6):
            pass
        assert encoding.counters()["texts_waiting"] == 0

    with_encoding(Options(), test)


def test_a_text_that_is_too_long_is_named() -> None:
    async def test(encoding: Encoding) -> None:
        with pytest.raises(ContextLengthExceeded, match=r"length is 8 tokens.* has 9 in 'input\[70\]'") as caught:
            await read(encoding, [*["short"] * 70, "ninewords", "short"])
        assert caught.value.param == "input[70]"

    with_encoding(Options(), test)


def test_it_is_cut_where_the_launch_says_so() -> None:
    async def test(encoding: Encoding) -> None:
        assert [text.size for text in await read(encoding, ["ninewords", "short"])] == [8, 5]

    with_encoding(Options(truncate=True), test)


@pytest.mark.parametrize(("length", "kept"), [(None, 0), (-1, 8), (3, 3), (100, 8)])
def test_how_much_of_a_text_is_kept(length: int | None, kept: int) -> None:
    async def test(encoding: Encoding) -> None:
        assert encoding.keep(length) == kept

    with_encoding(Options(), test)


@pytest.mark.parametrize("length", [0, 2, -2])
def test_a_cut_that_leaves_nothing_is_refused(length: int) -> None:
    async def test(encoding: Encoding) -> None:
        with pytest.raises(InvalidParameter, match="truncate_prompt_tokens"):
            encoding.keep(length)

    with_encoding(Options(), test)
