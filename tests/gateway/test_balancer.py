"""Picking a replica is pure: the same question gets the same answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.types import Address, Endpoint
from modelyard.gateway.balancer import affinity, pick
from modelyard.protocol.inference import ChatRequest, CompletionRequest, Message, RerankRequest

A, B, C = (Endpoint(name, Address(port=number)) for number, name in enumerate("abc", 1))


def test_fewest_in_flight() -> None:
    assert pick([A, B, C], {"a": 2, "b": 1, "c": 3}, (), b"x") is B
    assert pick([A, B, C], {"a": 2, "b": 1}, (), b"x") is C


def test_avoided_replicas_are_passed_over() -> None:
    assert pick([A, B, C], {"a": 2, "b": 1, "c": 3}, {"b"}, b"x") is A
    assert pick([A, B], {}, {"a", "b"}, b"x") is None
    assert pick([], {}, (), b"x") is None


@given(st.binary(), st.permutations([A, B, C]))
def test_ties_fall_the_same_way(key: bytes, order: list[Endpoint]) -> None:
    chosen = pick(order, {}, (), key)
    assert chosen is pick([A, B, C], {}, (), key)
    rest = [each for each in order if each is not chosen]
    gone, kept = rest
    assert pick([each for each in order if each is not gone], {}, (), key) is chosen
    assert kept is not chosen


def test_keys_spread() -> None:
    chosen = [pick([A, B, C], {}, (), str(number).encode()) for number in range(600)]
    assert all(chosen.count(each) > 100 for each in (A, B, C))


def test_a_conversation_keeps_its_key() -> None:
    start = [Message(role="system", content="You are terse."), Message(role="user", content="Hi")]
    later = [*start, Message(role="assistant", content="Hm."), Message(role="user", content="And?")]
    other = [start[0], Message(role="user", content="Bye")]
    keys = [affinity(ChatRequest(model="m", messages=messages)) for messages in (start, later, other)]
    assert keys[0] == keys[1] != keys[2]


def test_every_request_has_a_key() -> None:
    assert affinity(CompletionRequest(model="m", prompt="once upon")) == b"once upon"
    assert affinity(CompletionRequest(model="m", prompt=[[1, 2], [3]]))
    assert affinity(RerankRequest(model="m", query="q", documents=[])) == b"q"
    assert affinity(ChatRequest(model="m", messages=[Message(role="user", content=[{"type": "text", "text": "x"}])]))
