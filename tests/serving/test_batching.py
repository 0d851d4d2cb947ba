"""The scheduler: answers join and leave, and each is what it would be alone. Its backend remembers what it was told."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from modelyard.core.errors import InvalidParameter
from modelyard.core.stops import Stops
from modelyard.engines.generation import NOTHING, PromptSource, SampledToken, SamplingParams
from modelyard.serving.batching import AnswerPiece, AnswerSequence, Scheduler
from modelyard.serving.text import Characters

WORDS = 500
END = 499


def following(tokens: Sequence[int]) -> int:
    """The token that follows: it depends on every token before and on where each stands."""
    return sum((place + 1) * token for place, token in enumerate(tokens)) % (WORDS - 1)


def alone(prompt: Sequence[int], count: int) -> list[int]:
    tokens = list(prompt)
    for _ in range(count):
        tokens.append(following(tokens))
    return tokens[len(prompt) :]


class Remembering:
    """A backend whose keys and values are the tokens themselves, so that a wrong row or column shows."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.memory: list[list[int]] = [[] for _ in range(rows)]
        self.passes: list[int] = []
        """Answers that were given a token, per pass."""
        self.reads: list[int] = []
        self.told = [False] * rows
        """By row, whether its prompt is told."""
        self.fail = False
        self.spoiled: int | None = None
        """The row whose next token has a problem."""
        self.complete = 0
        """A token after which a grammar allows nothing."""
        self.unreadable: int | None = None
        """A token that no prompt may have."""

    def begin(self, row: int, sampling: SamplingParams, prompt: Sequence[int], source: PromptSource) -> None:
        assert row < self.rows
        self.told[row] = sampling.prompt_logprobs is not None

    def read(self, row: int, start: int, tokens: Sequence[int]) -> Sequence[SampledToken]:
        assert len(self.memory[row]) >= start
        if self.unreadable in tokens:
            raise InvalidParameter("messages", "a picture cannot be read.")
        self.memory[row][start:] = tokens
        self.reads.append(len(tokens))
        seen = [self.memory[row][: start + count] for count in range(1, len(tokens) + 1)]
        return [SampledToken(following(each)) for each in seen] if self.told[row] else []

    def write(self, last: Sequence[int | None], lengths: Sequence[int]) -> list[SampledToken | None]:
        if self.fail:
            raise RuntimeError("out of memory")
        assert len(lengths) == self.rows
        drawn: list[SampledToken | None] = []
        for row, (token, length) in enumerate(zip(last, lengths, strict=False)):
            self.memory[row][length:] = [0 if token is None else token]
            drawn.append(None if token is None else SampledToken(following(self.memory[row])))
        if self.spoiled is not None:
            drawn[self.spoiled], self.spoiled = SampledToken(0, problem="the grammar is at odds"), None
        drawn = [one and replace(one, complete=one.token == self.complete) for one in drawn]
        self.passes.append(sum(token is not None for token in last))
        return drawn

    def copy(self, source: int, target: int, length: int) -> None:
        self.memory[target][:length] = self.memory[source][:length]

    def move(self, source: int, target: int, length: int) -> None:
        self.copy(source, target, length)
        self.told[target] = self.told[source]

    def load_adapter(self, key: str, path: str, scale: float) -> None:
        raise AssertionError("nobody asks for it here")

    def unload_adapter(self, key: str) -> None:
        raise AssertionError("nobody asks for it here")

    def reset(self) -> None:
        self.memory = [[] for _ in range(self.rows)]


class Collected:
    """An answer and what came of it."""

    def __init__(
        self,
        prompt: list[int],
        most: int,
        stops: tuple[str, ...] = (),
        ends: tuple[int, ...] = (),
        source: PromptSource = NOTHING,
        told: int | None = None,
        least: int = 0,
    ) -> None:
        self.pieces: list[AnswerPiece] = []
        self.done = threading.Event()
        characters = Characters(lambda tokens: "".join(f"{token} " for token in tokens))
        sampling = SamplingParams(prompt_logprobs=told, least=least)
        self.generation = AnswerSequence(
            prompt, sampling, most, frozenset(ends), characters, Stops(stops), self.take, source
        )

    def take(self, pieces: list[AnswerPiece]) -> None:
        self.pieces += pieces
        if pieces[-1].finish or pieces[-1].error:
            self.done.set()

    @property
    def tokens(self) -> list[int]:
        return [piece.drawn.token for piece in self.pieces if piece.drawn]

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)


def made(rows: int, reading: int = 64) -> tuple[Remembering, Scheduler]:
    backend = Remembering(rows)
    return backend, Scheduler(backend, reading)


def rounds(scheduler: Scheduler, *answers: Collected) -> None:
    """Until all are done, without the thread."""
    while not all(answer.done.is_set() for answer in answers):
        take_in(scheduler)
        scheduler.round()


def take_in(scheduler: Scheduler, *answers: Collected) -> None:
    for answer in answers:
        scheduler.submit(answer.generation)
    while not scheduler._inbox.empty():
        found = scheduler._inbox.get()
        assert isinstance(found, AnswerSequence)
        scheduler._waiting.append(found)


def test_each_answer_is_what_it_is_alone() -> None:
    """Forty answers of different lengths on four rows: they wait, join, leave, move and share beginnings."""
    _, scheduler = made(rows=4, reading=30)
    shared = list(range(1, 41))
    prompts = [[*shared[: 20 + index % 20], index, index + 1] for index in range(40)]
    answers = [Collected(prompt, 1 + (7 * index) % 23) for index, prompt in enumerate(prompts)]
    take_in(scheduler, *answers)
    rounds(scheduler, *answers)
    for index, answer in enumerate(answers):
        assert answer.tokens == alone(prompts[index], 1 + (7 * index) % 23)
        assert answer.pieces[-1].finish == "length"
    assert scheduler.running == scheduler.waiting == 0
    assert scheduler.tokens_reused > 0


def test_an_answer_joins_while_another_is_under_way() -> None:
    backend, scheduler = made(rows=4)
    first, second = Collected([1, 2, 3], 10), Collected([4, 5], 3)
    take_in(scheduler, first)
    scheduler.round()
    take_in(scheduler, second)
    rounds(scheduler, first, second)
    assert backend.passes == [1, 2, 2, 2, 1, 1, 1, 1, 1, 1]


def test_a_long_prompt_does_not_hold_up_the_others() -> None:
    backend, scheduler = made(rows=2, reading=10)
    short, long = Collected([1, 2], 20), Collected(list(range(101)), 2)
    take_in(scheduler, short)
    scheduler.round()
    take_in(scheduler, long)
    rounds(scheduler, long)
    assert max(backend.reads) == 10
    assert len(short.tokens) >= 10
    rounds(scheduler, short)
    assert long.tokens == alone(list(range(101)), 2)
    assert short.tokens == alone([1, 2], 20)


def test_more_answers_than_rows_wait_in_order() -> None:
    _, scheduler = made(rows=1)
    answers = [Collected([index], 2) for index in range(3)]
    take_in(scheduler, *answers)
    rounds(scheduler, answers[0])
    assert not answers[1].pieces
    rounds(scheduler, *answers)


def test_a_cancelled_answer_frees_its_row_at_once() -> None:
    _backend, scheduler = made(rows=1)
    gone, waiting, never = Collected([1], 1000), Collected([2], 2), Collected([3], 2)
    take_in(scheduler, gone, never, waiting)
    scheduler.round()
    assert (scheduler.running, scheduler.waiting) == (1, 2)
    gone.generation.cancelled = never.generation.cancelled = True
    scheduler.round()
    assert len(gone.tokens) == 1 and len(waiting.tokens) == 1
    rounds(scheduler, waiting)
    assert waiting.tokens == alone([2], 2)
    assert never.tokens == [] and scheduler.running == scheduler.waiting == 0


def test_an_ending_token_is_neither_told_nor_part_of_the_text() -> None:
    _, scheduler = made(rows=1)
    third = alone([5, 6], 3)[2]
    answer = Collected([5, 6], 10, ends=(third,))
    take_in(scheduler, answer)
    rounds(scheduler, answer)
    assert answer.tokens == alone([5, 6], 2)
    assert (answer.pieces[-1].finish, answer.pieces[-1].end) == ("stop", third)


def test_no_stop_string_ends_an_answer_before_its_least_tokens() -> None:
    _, scheduler = made(rows=1)
    tokens = alone([5, 6], 6)
    for least, count in ((0, 2), (2, 6), (1, 2)):
        answer = Collected([5, 6], 6, stops=(f"{tokens[1]} ",), least=least)
        take_in(scheduler, answer)
        rounds(scheduler, answer)
        assert len(answer.tokens) == count


def test_a_stop_across_tokens_ends_the_answer_and_is_not_in_it() -> None:
    _, scheduler = made(rows=1)
    tokens = alone([5, 6], 6)
    stop = f"{tokens[2]} {tokens[3]}"
    answer = Collected([5, 6], 10, stops=(stop,))
    take_in(scheduler, answer)
    rounds(scheduler, answer)
    assert answer.text == f"{tokens[0]} {tokens[1]} "
    assert answer.pieces[-1].finish == "stop"
    assert len(answer.tokens) == 4


def test_the_same_prompt_again_is_read_once() -> None:
    backend, scheduler = made(rows=4)
    prompt = list(range(50))
    answers = [Collected(prompt, 3) for _ in range(4)]
    take_in(scheduler, *answers)
    rounds(scheduler, *answers)
    assert sum(backend.reads) == 49
    assert scheduler.tokens_reused == 3 * 49
    assert [answer.pieces[-1].reused for answer in answers] == [0, 49, 49, 49]


def test_a_failed_pass_fails_its_answers_and_not_later_ones() -> None:
    backend, scheduler = made(rows=2)
    scheduler.start()
    backend.fail = True
    lost = Collected(list(range(30)), 5)
    scheduler.submit(lost.generation)
    assert lost.done.wait(60)
    assert "out of memory" in str(lost.pieces[-1].error)
    backend.fail = False
    after = Collected(list(range(30)), 5)
    scheduler.submit(after.generation)
    assert after.done.wait(60)
    assert after.tokens == alone(list(range(30)), 5)
    scheduler.close()


def test_the_thread_serves_many_at_once_and_ends() -> None:
    backend, scheduler = made(rows=8)
    scheduler.start()
    answers = [Collected([index, index + 1], 50) for index in range(30)]
    for answer in answers:
        scheduler.submit(answer.generation)
    assert all(answer.done.wait(60) for answer in answers)
    for index, answer in enumerate(answers):
        assert answer.tokens == alone([index, index + 1], 50)
    assert max(backend.passes) == 8
    scheduler.close()
    scheduler._thread.join(60)
    assert not scheduler._thread.is_alive()


@pytest.mark.parametrize("length", [1, 2, 3])
def test_the_shortest_prompts(length: int) -> None:
    _, scheduler = made(rows=2)
    answer = Collected([7] * length, 4)
    take_in(scheduler, answer)
    rounds(scheduler, answer)
    assert answer.tokens == alone([7] * length, 4)


def test_work_is_shared_between_equal_sources_only() -> None:
    """An adapter, or a picture, makes something else of the same tokens."""
    prompt = list(range(1, 60))
    _, scheduler = made(rows=3)
    finish(scheduler, Collected(prompt, 3))
    finish(scheduler, Collected(prompt, 3, source=PromptSource(adapter="a")))
    assert scheduler.tokens_reused == 0
    finish(scheduler, Collected(prompt, 3, source=PromptSource(adapter="a")))
    assert scheduler.tokens_reused == len(prompt) - 1


def finish(scheduler: Scheduler, answer: Collected) -> None:
    take_in(scheduler, answer)
    rounds(scheduler, answer)


def test_a_queued_call_waits_for_the_answers_of_its_adapter_only() -> None:
    _, scheduler = made(rows=2)
    scheduler.start()
    try:
        long = Collected(list(range(1, 30)), 400, source=PromptSource(adapter="a"))
        scheduler.submit(long.generation)
        done: list[str] = []
        unloaded = scheduler.between_rounds(lambda: done.append("unloaded"), free="a")
        scheduler.between_rounds(lambda: done.append("at once")).result(timeout=60)
        assert done == ["at once"] or long.done.is_set()
        unloaded.result(timeout=60)
        assert long.done.is_set() and done == ["at once", "unloaded"]
    finally:
        scheduler.close()


def test_a_queued_call_that_raises_fails_its_future_and_no_answer() -> None:
    def refuse() -> None:
        raise InvalidParameter("lora_path", "no")

    _, scheduler = made(rows=2)
    scheduler.start()
    try:
        with pytest.raises(InvalidParameter, match="no"):
            scheduler.between_rounds(refuse).result(timeout=60)
        answer = Collected([1, 2, 3], 3)
        scheduler.submit(answer.generation)
        assert answer.done.wait(60)
    finally:
        scheduler.close()


def test_an_answer_that_cannot_follow_its_grammar_fails_alone() -> None:
    backend, scheduler = made(rows=3)
    answers = [Collected([index, index + 1], 6) for index in range(3)]
    take_in(scheduler, *answers)
    scheduler.round()
    backend.spoiled = 1
    rounds(scheduler, *answers)
    assert answers[1].pieces[-1].error == "the grammar is at odds"
    assert [answers[index].tokens for index in (0, 2)] == [alone([index, index + 1], 6) for index in (0, 2)]


def test_an_answer_ends_where_its_grammar_does() -> None:
    backend, scheduler = made(rows=1)
    tokens = alone([5, 6], 6)
    backend.complete = tokens[2]
    answer = Collected([5, 6], 6)
    finish(scheduler, answer)
    assert answer.tokens == tokens[:3] and answer.pieces[-1].finish == "stop"


def test_a_prompt_that_cannot_be_read_ends_alone() -> None:
    """Its row goes to the next; those under way and those after it are what they are alone."""
    backend, scheduler = made(rows=3, reading=4)
    backend.unreadable = 99
    before, bad, after = Collected([5, 6, 7], 12), Collected([*range(20, 26), 99, 3], 5), Collected([8, 9, 10, 11], 8)
    for each in (before, bad, after):
        scheduler.submit(each.generation)
    rounds(scheduler, before, bad, after)
    assert bad.tokens == [] and "a picture cannot be read" in str(bad.pieces[-1].error)
    assert before.tokens == alone([5, 6, 7], 12)
    assert after.tokens == alone([8, 9, 10, 11], 8)


def test_a_prompt_is_told_whole_though_another_has_read_it() -> None:
    _, scheduler = made(rows=3, reading=16)
    prompt = list(range(40))
    before, told, only = Collected(prompt, 3), Collected(prompt, 3, told=0), Collected(prompt, 0, told=0)
    for answer in (before, told, only):
        scheduler.submit(answer.generation)
        rounds(scheduler, answer)
    want = [following(prompt[:count]) for count in range(1, 40)]
    for answer in (told, only):
        assert [drawn.token for piece in answer.pieces for drawn in piece.prompt_drawn] == want
    assert told.tokens == before.tokens == alone(prompt, 3)
    assert (only.tokens, only.pieces[-1].finish) == ([], "length")
    after = Collected([*prompt, 1], 2)
    scheduler.submit(after.generation)
    rounds(scheduler, after)
    assert after.tokens == alone([*prompt, 1], 2) and scheduler.tokens_reused == 40 - 1


def test_prompts_that_are_only_told_make_room_for_others() -> None:
    _, scheduler = made(rows=2, reading=16)
    answers = [Collected(list(range(start, start + 30)), 0, told=0) for start in range(4)]
    answers += [Collected(list(range(50, 60)), 4)]
    for answer in answers:
        scheduler.submit(answer.generation)
    rounds(scheduler, *answers)
    assert all(sum(len(piece.prompt_drawn) for piece in answer.pieces) == 29 for answer in answers[:4])
    assert answers[4].tokens == alone(list(range(50, 60)), 4)
