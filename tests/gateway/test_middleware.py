"""Limits, token counts, metrics and abortable requests by themselves, with a clock of the test's own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.access import Grant, Quota
from modelyard.core.errors import RateLimited, RequestAborted
from modelyard.gateway import open_requests
from modelyard.gateway.exchange import LEFT, Exchange
from modelyard.gateway.middleware import access_log
from modelyard.gateway.middleware.limits import Limits
from modelyard.gateway.middleware.meter import Meter
from modelyard.gateway.middleware.tokens import BYTES_PER_TOKEN, HEAD, TAIL, Tap
from modelyard.gateway.open_requests import OpenRequests

READ = frozenset({"models:read"})


def grant(
    id: str = "1", requests: int | None = None, tokens: int | None = None, above: tuple[Quota, ...] = ()
) -> Grant:
    return Grant(id, "key", READ, None, requests, tokens, above=above)


# Limits


def test_a_request_counts_for_its_key_and_for_those_that_made_it() -> None:
    limits = Limits(lambda: 0.0)
    maker = Quota("maker", 3, 100)
    first, second = grant("first", above=(maker,)), grant("second", requests=2, above=(maker,))
    limits.begin(first)
    limits.begin(second)
    limits.begin(second)
    for refused in (first, second):
        with pytest.raises(RateLimited) as error:
            limits.begin(refused)
        assert error.value.retry_after == 60
    limits.begin(grant("free"))


def test_a_refused_request_counts_nowhere() -> None:
    limits = Limits(lambda: 0.0)
    maker = Quota("maker", 1)
    limits.begin(grant("other", above=(maker,)))
    both = grant("both", requests=1, above=(maker,))
    for _ in range(3):
        with pytest.raises(RateLimited, match="1 requests per minute"):
            limits.begin(both)
    limits.begin(grant("both", requests=1))


def test_tokens_count_when_an_answer_has_ended() -> None:
    now = [0.0]
    limits = Limits(lambda: now[0])
    key = grant(tokens=100, above=(Quota("maker", None, 150), Quota("free", 5, None)))
    limits.begin(key)
    limits.end(key, 99)
    limits.begin(key)
    limits.end(key, 0)
    limits.begin(key)
    now[0] = 30.5
    limits.end(key, 1)
    with pytest.raises(RateLimited, match="100 tokens per minute; try again in 30 s") as refused:
        limits.begin(key)
    assert refused.value.retry_after == 30, "seconds are rounded up"
    limits.begin(grant("other", above=(Quota("maker", None, 150),)))
    limits.end(grant("other", above=(Quota("maker", None, 150),)), 50)
    with pytest.raises(RateLimited, match="150 tokens"):
        limits.begin(grant("third", above=(Quota("maker", None, 150),)))


def test_counts_of_keys_that_are_gone_are_deleted_and_others_stay() -> None:
    limits = Limits(lambda: 0.0)
    one, two = grant("1", requests=1, tokens=1), grant("2", requests=1, tokens=1)
    for key in (one, two):
        limits.begin(key)
        limits.end(key, 1)
    limits.keep(["2", "3"])
    limits.begin(one)
    with pytest.raises(RateLimited):
        limits.begin(two)


# Tokens


def tokens(*chunks: bytes, request: int = 0) -> int:
    *before, last = chunks
    tap = Tap(request)
    for chunk in before:
        tap.see_beginning(chunk, 0.0)
    tap.see_end(last, 0.0, b"".join(before))
    return tap.tokens()


USAGE = b'"usage":{"total_tokens":7}'


@given(st.integers(0, len(USAGE)), st.integers(0, 3 * TAIL), st.integers(0, 3 * TAIL))
def test_the_count_of_an_engine_is_found_at_either_end_however_it_is_cut(cut: int, before: int, after: int) -> None:
    found = tokens(b"x" * before, USAGE[:cut], USAGE[cut:] + b"y" * after)
    seen = before + len(USAGE) <= HEAD or after + len(USAGE) <= TAIL
    assert found == (7 if seen else 0)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b'"usage":{"total_tokens":1} "usage":{"total_tokens":2}', 2),
        (b'"usage" : { "total_tokens" : 12 , "total_tokens":3}', 12),
        (b'"usage":{"input_tokens":3,"output_tokens":4,"input_tokens":9}', 7),
        (b'"usage":{"output_tokens":4}', 4),
        (b'"usage":{"total_tokens":0}', 0),
        (b'"total_tokens":9 "usage":null', 10),
        (b'"usage":{"total_tokens":1234567890123}', 123456789012),
        (b"data: a\n\ndata: b\n\ndata: c\n\n", 13),
        (b"no events", 10),
        (b"", 0),
    ],
)
def test_the_last_count_is_taken_and_else_events_and_bytes(answer: bytes, expected: int) -> None:
    assert BYTES_PER_TOKEN == 4
    assert tokens(answer, request=43) == expected


# Metrics and the log


def exchange(**more: object) -> Exchange:
    made = Exchange(b"id-1", "POST", "/v1/x", began=10.0, known_path=True, model="m", status=200, ended=13.0)
    for name, value in {"first_byte": 11.0, "bytes_in": 5, "bytes_out": 70, "replica": "m-rep0", **more}.items():
        setattr(made, name, value)
    return made


def test_a_request_is_measured_from_its_arrival() -> None:
    meter = Meter()
    meter.begin()
    meter.begin()
    assert b"modelyard_requests_in_flight 2.0" in meter.render()
    meter.end(exchange())
    meter.end(exchange(known_path=False, path="/secret", model="", status=LEFT, outcome="left", first_byte=0.0))
    text = meter.render().decode()
    labels = '{model="m",path="/v1/x"}'
    for name, number in {
        f"modelyard_time_to_first_byte_seconds_sum{labels}": 1.0,
        f"modelyard_request_duration_seconds_sum{labels}": 3.0,
        f"modelyard_request_bytes_total{labels}": 5.0,
        f"modelyard_response_bytes_total{labels}": 70.0,
        'modelyard_requests_total{model="m",outcome="complete",path="/v1/x",status="200"}': 1.0,
        'modelyard_requests_total{model="",outcome="left",path="",status="499"}': 1.0,
        'modelyard_request_duration_seconds_count{model="",path=""}': 1.0,
        "modelyard_requests_in_flight": 0.0,
    }.items():
        assert f"{name} {number}" in text
    assert "/secret" not in text
    assert 'modelyard_time_to_first_byte_seconds_count{model="",path=""}' not in text, "there was no first byte"


def test_a_request_is_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    access_log.write(exchange())
    access_log.write(exchange(model="", replica="", first_byte=0.0))
    first, second = [record.getMessage() for record in caplog.records if record.name == "modelyard.access"]
    assert first == "POST /v1/x 200 complete model=m replica=m-rep0 in=5 out=70 first_byte=1.000s total=3.000s id=id-1"
    assert "model=- replica=-" in second and "first_byte=0.000s" in second


# Requests in progress


class Request:
    """A request that can be aborted."""

    def __init__(self) -> None:
        self.reasons: list[RequestAborted] = []

    def abort(self, why: RequestAborted) -> None:
        self.reasons.append(why)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the time of requests in progress."""
    now = [100.0]
    monkeypatch.setattr(open_requests, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def to(seconds: float) -> None:
        now[0] = seconds

    return to


def test_requests_are_aborted_by_any_of_their_ids_until_they_end() -> None:
    requests, one, two = OpenRequests(), Request(), Request()
    with requests.track("m", {"a", "b"}, one, None):
        with requests.track("m", {"b"}, two, None):
            assert not requests.abort("n", "a", None, 0) and not requests.abort("m", "c", None, 0)
            assert requests.abort("m", "a", None, 0)
            assert (len(one.reasons), len(two.reasons)) == (1, 0)
            assert requests.abort("m", "b", None, 0)
            assert (len(one.reasons), len(two.reasons)) == (2, 1)
        assert requests.abort("m", "b", None, 0)
        assert (len(one.reasons), len(two.reasons)) == (3, 1)
    assert not requests.abort("m", "a", None, 0) and not requests.abort("m", "b", None, 0)
    assert requests._entries == {}, "nothing is left of them"


def test_an_aborted_id_is_refused_for_its_time_and_to_its_owner_alone(clock: Callable[[float], None]) -> None:
    requests, request = OpenRequests(), Request()
    mine, theirs = grant("mine"), grant("theirs")
    with requests.track("m", {"a"}, request, mine):
        assert not requests.abort("m", "a", theirs, 5)
        assert requests.abort("m", "a", mine, 5)
    with pytest.raises(RequestAborted), requests.track("m", {"b", "a"}, request, mine):
        pass
    with requests.track("m", {"a"}, request, theirs), requests.track("n", {"a"}, request, mine):
        pass
    clock(104.9)
    with pytest.raises(RequestAborted), requests.track("m", {"a"}, request, mine):
        pass
    clock(105.0)
    with requests.track("m", {"a"}, request, mine):
        assert requests.abort("m", "a", Grant("root", "root", frozenset({"admin"})), 0), "an administrator finds all"
    with requests.track("m", {"a"}, request, mine):
        pass


def test_aborted_ids_take_no_more_memory_than_there_is_for_them(
    clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_requests, "MAX_BLOCKED", 2)
    requests, request = OpenRequests(), Request()

    def is_refused(name: str) -> bool:
        try:
            with requests.track("m", {name}, request, None):
                return False
        except RequestAborted:
            return True

    def abort(name: str, seconds: float) -> None:
        with requests.track("m", {name}, request, None):
            assert requests.abort("m", name, None, seconds)

    for name, seconds in (("a", 5), ("b", 50), ("c", 50)):
        abort(name, seconds)
    assert [is_refused(name) for name in "abc"] == [True, True, False], "there is no room for the third"
    clock(105.0)
    abort("c", 50)
    assert [is_refused(name) for name in "abc"] == [False, True, True], "the first has made room"
