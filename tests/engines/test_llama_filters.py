"""Stop strings that the front looks for, by a real llama.cpp replica and by events that llama.cpp would send."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from modelyard.engines.llama_cpp import logprobs
from modelyard.engines.llama_cpp.filters import DONE, StopStrings, are_seen, encoded
from modelyard.engines.llama_cpp.streams import ChatEvents, CompletionEvents
from tests import make_gguf
from tests.engines.test_llama_cpp import CHAT, COMPLETION, HELLO, Replica, events_of, launch

TEXT = "abcdefghijkl"
WAYS = ((CHAT, {"messages": HELLO}), (COMPLETION, {"prompt": "a"}))


@pytest.fixture(scope="module")
def replica(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    folder = tmp_path_factory.mktemp("filters")
    made = Replica(folder, launch(make_gguf.chat_model(folder / "m.gguf")))
    yield made
    assert made.stop() == 0


def text_of(choice: dict[str, Any]) -> str:
    holder = choice.get("message", choice.get("delta", choice))
    return str(holder.get("text", holder.get("content")) or "")


def streamed(replica: Replica, path: str, **body: Any) -> tuple[dict[int, tuple[str, str]], dict[str, int]]:
    """Text and end of each choice, and the counts."""
    events = events_of(replica.post(path, **body, stream=True, stream_options={"include_usage": True}))
    assert len({(event["id"], event["created"]) for event in events}) == 1
    texts: dict[int, str] = {}
    ends: dict[int, str] = {}
    for choice in [choice for event in events for choice in event["choices"]]:
        texts[choice["index"]] = texts.get(choice["index"], "") + text_of(choice)
        assert choice["index"] not in ends
        if choice["finish_reason"]:
            ends[choice["index"]] = choice["finish_reason"]
    return {index: (text, ends[index]) for index, text in texts.items()}, counts(events[-1])


def counts(answer: dict[str, Any]) -> dict[str, int]:
    return {name: answer["usage"][name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}


@pytest.mark.parametrize("most", [1, 3, 6])
@pytest.mark.parametrize("stop", ["X", "cX", "bcX", "fX", "efX", "abcdefX", "ab", "cd", "f", "efg"])
@pytest.mark.parametrize(("path", "more"), WAYS)
def test_text_that_may_become_a_stop_is_not_lost_at_the_limit(
    replica: Replica, path: str, more: dict[str, Any], stop: str, most: int
) -> None:
    """The answer is what it is without the stop, cut where the stop begins, and counted as far as it was written."""
    body = {"guided_grammar": f'root ::= "{TEXT}"', "temperature": 0, "max_tokens": most, **more}
    full = text_of(replica.json(path, **body)["choices"][0])
    expected = full.partition(stop)[0], "stop" if stop in full else "length"
    for n in (1, 2):
        whole = replica.json(path, **body, n=n, stop=stop)
        found = {choice["index"]: (text_of(choice), choice["finish_reason"]) for choice in whole["choices"]}
        assert found == dict.fromkeys(range(n), expected)
        assert (found, counts(whole)) == streamed(replica, path, **body, n=n, stop=stop)
        written = counts(whole)["completion_tokens"]
        assert written == n * most if stop not in full else n <= written <= n * most
        assert whole["usage"]["total_tokens"] == whole["usage"]["prompt_tokens"] + written


def test_choices_end_by_themselves(replica: Replica) -> None:
    """One of two prompts meets the stop; the other one goes on to its limit."""
    body = {"prompt": ["ab", "abcd", "a"], "n": 2, "max_tokens": 24, "temperature": 3, "seed": 4, "ignore_eos": True}
    full = [text_of(choice) for choice in replica.json(COMPLETION, **body)["choices"]]
    stop = next(char for char in full[0][3:] if sum(char in text for text in full) < len(full))
    found, used = streamed(replica, COMPLETION, **body, stop=stop)
    assert found == {
        index: (text.partition(stop)[0], "stop" if stop in text else "length") for index, text in enumerate(full)
    }
    assert used == counts(replica.json(COMPLETION, **body, stop=stop))


@pytest.mark.parametrize(("path", "more"), WAYS)
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_of_no_tokens(replica: Replica, path: str, more: dict[str, Any], stream: bool) -> None:
    for body in ({}, {"n": 2, "stop": "a"}, {"logprobs": True if path == CHAT else 1}):
        if stream:
            found, used = streamed(replica, path, **more, **body, max_tokens=0)
        else:
            whole = replica.json(path, **more, **body, max_tokens=0)
            found = {choice["index"]: (text_of(choice), choice["finish_reason"]) for choice in whole["choices"]}
            used = counts(whole)
        assert found == dict.fromkeys(range(body.get("n", 1)), ("", "length"))  # type: ignore[call-overload]
        assert used["completion_tokens"] == 0 and used["total_tokens"] == used["prompt_tokens"] > 0


def test_token_ids_beyond_the_vocabulary_are_refused_by_name(replica: Replica) -> None:
    for path, more in WAYS:
        for key in ("1000000", "-1", "x", "٣"):
            answer = replica.post(path, **more, max_tokens=1, logit_bias={key: 1})
            assert answer.status_code == 400 and answer.json()["error"]["param"] == "logit_bias"
    for prompt in ([10**6], [[10**6]], ["a", [10**6]], [-1]):
        answer = replica.post(COMPLETION, prompt=prompt, max_tokens=1)
        assert answer.status_code == 400 and answer.json()["error"]["param"] == "prompt", answer.text


# Without a replica


def delta(part: str, text: str, written: int) -> bytes:
    timings = {"cache_n": 2, "prompt_n": 3, "predicted_n": written}
    choice = {"index": 0, "delta": {part: text}, "finish_reason": None}
    return encoded({"id": "c", "choices": [choice], "timings": timings})


def parts(data: bytes) -> dict[str, str]:
    found = {"content": "", "reasoning_content": ""}
    for event in data.split(b"\n\n"):
        for choice in msgspec.json.decode(event[6:])["choices"] if event.startswith(b"data: {") else ():
            for part, text in choice["delta"].items():
                found[part] += text
    return found


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_thoughts_and_text_are_searched_apart(size: int) -> None:
    """A stop does not begin in a thought and end in the text, and what a thought held back is not lost."""
    pieces = [("reasoning_content", "hm a"), ("content", "b"), ("content", "c a"), ("content", "b!")]
    stream = b"".join(delta(part, text, number + 1) for number, (part, text) in enumerate(pieces))
    stopping = StopStrings(["ab"], 1, counted=True)
    data = b"".join(stopping.feed(stream[place : place + size]) for place in range(0, len(stream), size))
    assert parts(data) == {"reasoning_content": "hm a", "content": "bc "}
    assert stopping.ended and data.endswith(DONE) and data.count(DONE) == 1
    usage = json.loads(data.split(b"\n\n")[-3][6:])["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (5, 4, 9)
    assert stopping.feed(delta("content", "more", 5)) == b""


@pytest.mark.parametrize(
    ("stops", "seen"),
    [((), False), (("a", "</think>"), False), (("<|im_end|>",), False), (("\n", "Observation:"), True)],
)
def test_stops_that_llama_cpp_takes_out_of_texts_are_left_to_it(stops: tuple[str, ...], seen: bool) -> None:
    assert are_seen(stops) is seen


def entry(number: int, text: str, alternative: str) -> dict[str, Any]:
    likeliest = {"id": number, "token": alternative, "bytes": list(alternative.encode()), "logprob": -0.5}
    return {**likeliest, "token": text, "bytes": list(text.encode()), "top_logprobs": [likeliest]}


def test_a_token_that_was_held_back_has_its_own_text() -> None:
    """With a stop, llama.cpp gives a token the text that is sent with it; the end of an answer is no part of it."""
    given = [entry(1141, "", " Modelyard"), entry(403, " Modelyard's", "'s"), entry(2, "", "")]
    told = logprobs.tokens(given, 1)
    assert [token["token"] for token in told] == [" Modelyard", "'s", ""]
    assert logprobs.without_end(told, "stop") == told[:2] and logprobs.without_end(told, "length") == told


def test_the_end_of_a_completion_is_not_told_and_silent_tokens_are() -> None:
    events = CompletionEvents(1, False, top=0)
    tokens: list[tuple[list[dict[str, Any]], str | None]] = [
        ([entry(5, "a", "a")], None), ([entry(9, "", "")], None), ([entry(6, "b", "b")], None),
        ([entry(2, "", "")], None), ([], "stop"),
    ]  # fmt: skip
    data = b"".join(
        events.feed(
            encoded({"choices": [{"index": 0, "text": "", "logprobs": {"content": told}, "finish_reason": end}]})
        )
        for told, end in tokens
    )
    found = [msgspec.json.decode(each[6:])["choices"][0]["logprobs"] for each in data.split(b"\n\n")[:-1]]
    assert [token for each in found if each for token in each["tokens"]] == ["a", "", "b"]


@pytest.mark.parametrize("cut", [1, 50, 10_000])
def test_events_of_one_answer_have_one_time_and_each_delta_has_content(cut: int) -> None:
    deltas = [{"role": "assistant", "content": None}, {"reasoning_content": 'a "created":9'}, {"content": '"created":7'},
              {"tool_calls": [{"index": 0, "function": {"arguments": "x"}}]}, {}]  # fmt: skip
    stream = b"".join(
        encoded({"choices": [{"delta": delta, "index": 0}], "created": 100 + number})
        for number, delta in enumerate(deltas)
    )
    events = ChatEvents(1, False)
    data = b"".join(events.feed(stream[place : place + cut]) for place in range(0, len(stream), cut))
    found = [msgspec.json.decode(each[6:]) for each in data.split(b"\n\n")[:-1]]
    assert [event["created"] for event in found] == [100] * 5
    assert [event["choices"][0]["delta"]["content"] for event in found] == ["", None, '"created":7', None, ""]
    assert found[1]["choices"][0]["delta"]["reasoning"] == 'a "created":9'


def test_text_that_is_held_back_comes_before_a_call() -> None:
    filter = StopStrings(["END"], 1, counted=False)
    call = {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]}
    deltas: list[dict[str, Any]] = [{"content": "a EN"}, call, {}]
    ends = [None, None, "tool_calls"]
    choices = [{"index": 0, "delta": each, "finish_reason": end} for each, end in zip(deltas, ends, strict=True)]
    events: list[dict[str, Any]] = [{"choices": [choice]} for choice in choices]
    found = filter.feed(b"".join(map(encoded, events)))
    seen = [json.loads(line[6:])["choices"][0] for line in found.decode().split("\n\n") if line.startswith("data: {")]
    assert [each["delta"] for each in seen] == [{"content": "a "}, {"content": "EN"}, call, {}]
    assert seen[-1]["finish_reason"] == "tool_calls"
