"""Deciding what to do: case by case, and that repeated deciding always arrives at what is wanted."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from modelyard.control.diff import (
    BACKOFF_LIMIT,
    SETTLED,
    Action,
    Desired,
    Drain,
    Remove,
    Replica,
    RestartPolicy,
    Slot,
    SlotKey,
    Start,
    Stop,
    after_crash,
    diff,
    summary,
)
from modelyard.core.types import Launch, Model, ReplicaState

POLICY = RestartPolicy(restart_backoff=0.5, restart_limit=3, drain_timeout=10)
READY, STARTING, DRAINING = ReplicaState.READY, ReplicaState.STARTING, ReplicaState.DRAINING


def want(uid: str = "m", count: int = 1, generation: int = 1, terminating: bool = False) -> Desired:
    launch = Launch(uid, Model(uid), "fake")
    return Desired(uid, launch, tuple(range(count)), generation, terminating, True, 0.0)


def replica(ordinal: int = 0, state: ReplicaState = READY, generation: int = 1, uid: str = "m") -> Replica:
    return Replica(f"{uid}-rep{ordinal}-1", uid, ordinal, generation, state, since=0.0)


def decide(
    desired: list[Desired],
    replicas: list[Replica],
    slots: dict[SlotKey, Slot] | None = None,
    in_flight: dict[str, int] | None = None,
    now: float = 0.0,
) -> list[Action]:
    return diff(desired, replicas, slots or {}, in_flight or {}, now, POLICY)


def test_what_is_missing_is_started() -> None:
    assert decide([want(count=2)], [replica(0)]) == [Start("m", 1)]


def test_nothing_to_do() -> None:
    assert decide([want(count=2)], [replica(0), replica(1, STARTING)]) == []


def test_scaling_down_drains_first() -> None:
    assert decide([want()], [replica(0), replica(1)]) == [Drain("m-rep1-1")]


def test_a_replica_that_is_still_loading_is_not_drained_but_stopped() -> None:
    assert decide([want()], [replica(0), replica(1, STARTING)]) == [Stop("m-rep1-1")]


def test_draining_waits_for_answers_in_flight_and_not_for_ever() -> None:
    draining = replica(1, DRAINING)
    busy = {draining.name: 3}
    assert decide([want()], [replica(0), draining], in_flight=busy, now=9) == []
    assert decide([want()], [replica(0), draining], in_flight=busy, now=10) == [Stop(draining.name)]
    assert decide([want()], [replica(0), draining]) == [Stop(draining.name)]


def test_what_was_told_to_stop_is_left_alone() -> None:
    assert decide([want()], [replica(0), replace(replica(1, DRAINING), stopping=True)]) == []


def test_a_new_generation_replaces_the_old_one_after_it_is_gone() -> None:
    wanted = want(generation=2)
    assert decide([wanted], [replica(0)]) == [Drain("m-rep0-1")]
    assert decide([wanted], [replace(replica(0, DRAINING), stopping=True)]) == []
    assert decide([wanted], []) == [Start("m", 0)]


def test_termination_ends_with_the_row() -> None:
    assert decide([want(terminating=True)], [replica(0)]) == [Drain("m-rep0-1")]
    assert decide([want(terminating=True)], []) == [Remove("m")]


def test_replicas_nobody_wants() -> None:
    assert decide([], [replica(0, STARTING)]) == [Stop("m-rep0-1")]


def test_back_off_and_giving_up() -> None:
    waiting = {("m", 0): Slot(1, crashes=1, retry_at=5.0)}
    assert decide([want()], [], waiting, now=4.9) == []
    assert decide([want()], [], waiting, now=5.0) == [Start("m", 0)]
    assert decide([want()], [], {("m", 0): Slot(1, given_up=True)}, now=1e9) == []
    assert decide([want(generation=2)], [], {("m", 0): Slot(1, given_up=True)}) == [Start("m", 0)]


def test_crashes_double_the_wait_until_the_limit() -> None:
    slot = None
    waits = []
    for _ in range(POLICY.restart_limit):
        slot = after_crash(slot, 1, True, 0.0, "boom", 100.0, POLICY)
        waits.append(slot.retry_at - 100.0)
        assert not slot.given_up
    assert waits == [0.5, 1.0, 2.0]
    assert after_crash(slot, 1, True, 0.0, "boom", 100.0, POLICY).given_up
    assert after_crash(Slot(1, crashes=50), 1, True, 0.0, "", 0.0, POLICY).retry_at == BACKOFF_LIMIT


def test_a_launch_that_never_was_ready_fails_at_once() -> None:
    assert after_crash(None, 1, False, 0.0, "no such file", 0.0, POLICY).given_up


def test_a_replica_that_ran_well_for_long_starts_counting_anew() -> None:
    assert after_crash(Slot(1, crashes=3), 1, True, SETTLED, "boom", 0.0, POLICY).crashes == 1


def test_summary_of_a_model() -> None:
    assert summary(want(), [replica(0)], {}, 0)[0] is READY
    assert summary(want(count=2), [replica(0), replica(1, STARTING)], {}, 0)[0] is READY
    assert summary(want(), [replica(0, STARTING)], {}, 0)[0] is STARTING
    assert summary(want(terminating=True), [replica(0)], {}, 0)[0] is DRAINING
    coming = (ReplicaState.DOWNLOADING, "its weights are being downloaded: 3 of 5 files, 45 %")
    assert summary(want(), [], {}, 0, "3 of 5 files, 45 %") == coming
    assert summary(want(), [replica(0, STARTING)], {}, 0, "3 of 5 files, 45 %")[0] is STARTING
    failed = {("m", 0): Slot(1, crashes=1, given_up=True, error="cannot read the file")}
    assert summary(want(), [], failed, 0) == (ReplicaState.FAILED, "cannot read the file")
    state, reason = summary(want(), [], {("m", 0): Slot(1, crashes=2, retry_at=3, error="killed by signal 9")}, 1)
    assert state is ReplicaState.PENDING
    assert reason == "it crashed 2 time(s), killed by signal 9; the next start is in 2.0 s"


STATES = st.sampled_from([READY, STARTING, DRAINING])


@given(
    wanted=st.lists(st.integers(0, 3), max_size=3),
    terminating=st.booleans(),
    existing=st.dictionaries(st.integers(0, 4), st.tuples(STATES, st.integers(1, 2))),
)
def test_deciding_and_doing_arrives(
    wanted: list[int], terminating: bool, existing: dict[int, tuple[ReplicaState, int]]
) -> None:
    """Whatever there is, carrying the actions out again and again ends in what is wanted, and then in no action."""
    desired = [replace(want(generation=2, terminating=terminating), ordinals=tuple(sorted(set(wanted))))]
    replicas = {ordinal: replica(ordinal, state, generation) for ordinal, (state, generation) in existing.items()}
    for _ in range(10):
        actions = decide(desired, list(replicas.values()))
        for action in actions:
            match action:
                case Start(_, ordinal):
                    assert ordinal not in replicas
                    replicas[ordinal] = replica(ordinal, READY, 2)
                case Drain(name):
                    (ordinal,) = [key for key, each in replicas.items() if each.name == name]
                    replicas[ordinal] = replace(replicas[ordinal], state=DRAINING)
                case Stop(name):
                    replicas = {key: each for key, each in replicas.items() if each.name != name}
                case Remove(_):
                    desired = []
        if not actions:
            break
    else:
        raise AssertionError("it never came to rest")
    assert sorted(replicas) == ([] if terminating else sorted(set(wanted)))
    assert bool(desired) is not terminating
