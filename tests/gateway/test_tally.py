"""What is counted of requests: times in buckets, tokens of answers while they stream and at their end, and percentiles."""

from __future__ import annotations

from bisect import bisect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.gateway.exchange import LEFT, Exchange
from modelyard.gateway.middleware import tally
from modelyard.gateway.middleware.buckets import BOUNDS, BUCKETS, LONGEST, percentile
from modelyard.gateway.middleware.tally import Tallies
from modelyard.gateway.middleware.tokens import Tap
from tests.gateway.conftest import Replica, Yard, chat, route

EVENT = b'data: {"choices":[{"delta":{"content":"word"}}]}\n\n'
ROLE = b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
DONE = b"data: [DONE]\n\n"


def begun(tallies: Tallies, **fields: object) -> Exchange:
    exchange = Exchange(b"r", "POST", "/v1/chat/completions", 0.0, model="m", replica="m-rep0-1", status=200)
    for name, value in fields.items():
        setattr(exchange, name, value)
    tallies.begin(exchange)
    return exchange


def taken(tallies: Tallies) -> dict[int, int]:
    """All counts, of all replicas together."""
    found: dict[int, int] = {}
    for _, _, counts in tallies.take():
        for kind, count in counts:
            found[kind] = found.get(kind, 0) + count
    return found


def streaming(exchange: Exchange) -> Tap:
    exchange.tap = tap = Tap(400, streams=True)
    return tap


def see(tap: Tap, data: bytes, now: float) -> None:
    """What the relay does with a chunk."""
    if tap.waiting:
        tap.see_beginning(data, now)
    else:
        tap.stamp(now)


@given(st.lists(st.floats(0.0002, 599.0), min_size=1, max_size=60), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_within_a_bucket_of_the_true_one(times: list[float], part: float) -> None:
    counts = [0.0] * BUCKETS
    for each in times:
        counts[bisect(BOUNDS, each)] += 1
    true = sorted(times)[min(len(times) - 1, max(0, -(-int(part * len(times) * 1000) // 1000) - 1))]
    found = percentile(counts, part)
    assert found is not None and true / 1.25 <= found <= max(times) * 1.25


def test_percentiles_at_the_ends() -> None:
    assert percentile([0.0] * BUCKETS, 0.5) is None
    assert percentile([4.0] + [0.0] * (BUCKETS - 1), 0.5) == pytest.approx(BOUNDS[0] / 2)
    assert percentile([0.0] * (BUCKETS - 1) + [4.0], 0.99) == LONGEST


def test_the_first_token_is_the_first_event_with_text_and_gaps_begin_there() -> None:
    tallies = Tallies()
    exchange = begun(tallies)
    tap = streaming(exchange)
    for at, data in ((1.0, ROLE), (2.0, EVENT), (2.5, EVENT), (4.5, EVENT)):
        see(tap, data, at)
    tap.see_end(DONE, 5.0)
    exchange.ended, exchange.usage = 5.0, tap.usage()
    tallies.end(exchange)
    found = taken(tallies)
    times = {first + bisect(BOUNDS, seconds) for first, seconds in (
        (tally.TTFT, 2.0), (tally.INTER_TOKEN, 0.5), (tally.INTER_TOKEN, 2.0), (tally.DURATION, 5.0)
    )}  # fmt: skip
    assert {kind for kind in found if kind < tally.REQUESTS} == times


def test_tokens_of_a_long_answer_are_counted_while_it_streams_and_once() -> None:
    tallies = Tallies()
    exchange = begun(tallies)
    tap = streaming(exchange)
    see(tap, ROLE, 1.0)
    amounts = []
    for second in range(3):
        for _ in range(10):
            see(tap, EVENT, 2.0 + second)
        amounts.append(taken(tallies).get(tally.TOKENS_OUT, 0))
    tap.see_end(EVENT + b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":30}}\n\n' + DONE, 5.0)
    exchange.ended, exchange.usage = 6.0, tap.usage()
    tallies.end(exchange)
    last = taken(tallies)
    assert all(amounts) and sum(amounts) + last[tally.TOKENS_OUT] == 30
    assert last[tally.TOKENS_IN] == 7


def test_events_without_tokens_are_taken_back_from_the_next_answer() -> None:
    tallies = Tallies()
    first = begun(tallies)
    tap = streaming(first)
    for _ in range(20):
        see(tap, EVENT, 1.0)
    ahead = taken(tallies)[tally.TOKENS_OUT]
    tap.see_end(b'data: {"usage":{"prompt_tokens":1,"completion_tokens":10}}\n\n' + DONE, 5.0)
    first.ended, first.usage = 2.0, tap.usage()
    tallies.end(first)
    second = begun(tallies)
    second.tap = Tap(0)
    second.tap.see_end(b'{"usage":{"prompt_tokens":1,"completion_tokens":9}}', 5.0)
    second.ended, second.usage = 2.0, second.tap.usage()
    tallies.end(second)
    assert ahead + taken(tallies)[tally.TOKENS_OUT] == 10 + 9


@pytest.mark.parametrize(
    ("fields", "errors", "timed"),
    [
        ({"status": 200}, 0, 1),
        ({"status": 500}, 1, 0),
        ({"status": 200, "outcome": "broken"}, 1, 0),
        ({"status": LEFT, "outcome": "left"}, 0, 0),
    ],
)
def test_a_client_that_left_is_no_error(fields: dict[str, object], errors: int, timed: int) -> None:
    tallies = Tallies()
    exchange = begun(tallies, **fields)
    exchange.ended = 1.0
    tallies.end(exchange)
    found = taken(tallies)
    assert found.get(tally.ERRORS, 0) == errors
    assert sum(count for kind, count in found.items() if kind < tally.REQUESTS) == timed
    assert found[tally.REQUESTS] == 1


def test_a_request_that_moves_to_another_replica_is_counted_there() -> None:
    tallies = Tallies()
    exchange = begun(tallies)
    exchange.replica = "m-rep1-1"
    tallies.begin(exchange)
    assert {key: in_flight for key, in_flight, _ in tallies.take()} == {("m", "m-rep0-1"): 0, ("m", "m-rep1-1"): 1}
    exchange.ended = 1.0
    tallies.end(exchange)
    taken(tallies)
    taken(tallies)
    assert not tallies.by_replica, "what counts nothing is forgotten"


def test_requests_over_a_socket_are_counted_by_model(yard: Yard, replica: Replica) -> None:
    yard.publish(route(replica.endpoint))
    yard.on_loop(lambda: taken(yard.gateway.tallies))
    assert yard.post(chat(stream=True, fake={"tokens": 20, "chunk_bytes": 8})).status == 200
    assert yard.post(chat(fake={"tokens": 7})).status == 200
    assert yard.post(chat("nobody")).status == 404
    found = yard.on_loop(lambda: taken(yard.gateway.tallies))
    assert (found[tally.REQUESTS], found[tally.ERRORS]) == (3, 1)
    assert found[tally.TOKENS_OUT] == 20 + 7
    assert sum(found.get(tally.TTFT + bucket, 0) for bucket in range(BUCKETS)) == 1


def test_a_chunk_of_several_events_counts_each() -> None:
    tap = Tap(0, streams=True)
    tap.see_beginning(EVENT, 1.0)
    tap.stamp(2.0)
    tap.see_large(EVENT * 4)
    tap.see_end(DONE, 3.0)
    assert tap.events == 1 + 4 + 1


def test_times_count_from_the_arrival_of_the_request() -> None:
    tallies = Tallies()
    exchange = begun(tallies, began=100.0)
    see(streaming(exchange), EVENT, 101.0)
    exchange.ended = 103.0
    tallies.end(exchange)
    found = taken(tallies)
    assert found[tally.DURATION + bisect(BOUNDS, 3.0)] == found[tally.TTFT + bisect(BOUNDS, 1.0)] == 1
