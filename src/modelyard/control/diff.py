"""Decides which actions lead from the observed to the desired state. Pure: no clock, no database, no process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from modelyard.core.types import Launch, ReplicaState

SlotKey: TypeAlias = tuple[str, int]
"""Model uid and ordinal of the replica."""

BACKOFF_LIMIT = 60.0  # seconds
SETTLED = 60.0  # seconds of readiness after which earlier crashes are forgotten


@dataclass(frozen=True, slots=True)
class Desired:
    """A decoded row of the table `deployments`."""

    uid: str
    launch: Launch
    ordinals: tuple[int, ...]
    generation: int
    terminating: bool
    was_ready: bool
    created_at: float


@dataclass(frozen=True, slots=True)
class Replica:
    """The facts about a replica that decisions depend on."""

    name: str
    uid: str
    ordinal: int
    generation: int
    state: ReplicaState
    since: float
    """Monotonic time at which it entered this state."""
    stopping: bool = False
    """Whether its process was signalled to stop; the only thing left is to wait."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The crashes of one ordinal of a model within one generation."""

    generation: int
    crashes: int = 0
    retry_at: float = 0.0
    """Monotonic time before which this replica is not started again."""
    given_up: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """The settings that decisions depend on."""

    restart_backoff: float
    restart_limit: int
    drain_timeout: float


@dataclass(frozen=True, slots=True)
class Start:
    """Start a replica with this ordinal."""

    uid: str
    ordinal: int


@dataclass(frozen=True, slots=True)
class Drain:
    """Send the replica no new requests, and let those in progress finish."""

    replica: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the replica's process."""

    replica: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete the row of a model that has no replicas left."""

    uid: str


Action: TypeAlias = Start | Drain | Stop | Remove


def diff(
    desired: Iterable[Desired],
    replicas: Iterable[Replica],
    slots: Mapping[SlotKey, Slot],
    in_flight: Mapping[str, int],
    now: float,
    policy: RestartPolicy,
) -> list[Action]:
    """Return the actions that lead towards `desired`. All may be carried out at once; calling this again is always safe."""
    by_uid: dict[str, list[Replica]] = {}
    for replica in replicas:
        by_uid.setdefault(replica.uid, []).append(replica)
    actions: list[Action] = []
    for target in desired:
        mine = by_uid.pop(target.uid, [])
        for replica in mine:
            if not _is_current(replica, target):
                actions += _let_go(replica, in_flight, now, policy)
        if target.terminating:
            actions += [] if mine else [Remove(target.uid)]
        else:
            actions += _missing(target, mine, slots, now)
    for orphans in by_uid.values():
        for replica in orphans:
            actions += _let_go(replica, in_flight, now, policy)
    return actions


def _is_current(replica: Replica, target: Desired) -> bool:
    return (
        not target.terminating and replica.ordinal in target.ordinals and replica.generation == target.generation
    )  # fmt: skip


def _let_go(replica: Replica, in_flight: Mapping[str, int], now: float, policy: RestartPolicy) -> list[Action]:
    if replica.stopping:
        return []
    if replica.state is ReplicaState.READY:
        return [Drain(replica.name)]
    if replica.state is ReplicaState.DRAINING:
        waited = now - replica.since >= policy.drain_timeout
        return [Stop(replica.name)] if waited or not in_flight.get(replica.name) else []
    return [Stop(replica.name)]


def _missing(target: Desired, mine: Iterable[Replica], slots: Mapping[SlotKey, Slot], now: float) -> list[Action]:
    # a stopping replica must have ended before its ordinal is used again
    ordinals = {replica.ordinal for replica in mine}
    actions: list[Action] = []
    for ordinal in target.ordinals:
        slot = slots.get((target.uid, ordinal))
        if slot is not None and slot.generation == target.generation and (slot.given_up or now < slot.retry_at):
            continue
        if ordinal not in ordinals:
            actions.append(Start(target.uid, ordinal))
    return actions


def after_crash(
    slot: Slot | None, generation: int, was_ready: bool, ready_for: float, error: str, now: float, policy: RestartPolicy
) -> Slot:
    """Return the slot after its replica died: when it is restarted, or that it is given up.

    `ready_for` is how many seconds the replica was ready. A model that never was ready is given up at once, because a restart
    would fail for the same reason.
    """
    if slot is None or slot.generation != generation or ready_for >= SETTLED:
        slot = Slot(generation)
    crashes = slot.crashes + 1
    limit = policy.restart_limit if was_ready else 0
    wait = min(policy.restart_backoff * 2 ** (crashes - 1), BACKOFF_LIMIT)
    return replace(slot, crashes=crashes, retry_at=now + wait, given_up=crashes > limit, error=error)


def summary(
    target: Desired, replicas: Iterable[Replica], slots: Mapping[SlotKey, Slot], now: float, downloading: str = ""
) -> tuple[ReplicaState, str]:
    """Return the state of a model as a whole, and for people the reason why it takes no requests.

    `downloading` describes the progress of its download, if there is one.
    """
    states = [replica.state for replica in replicas if replica.uid == target.uid]
    if target.terminating:
        return ReplicaState.DRAINING, "it is being terminated"
    if ReplicaState.READY in states:
        return ReplicaState.READY, ""
    current = [slot for ordinal in target.ordinals if (slot := _current(slots, target, ordinal))]
    if target.ordinals and len(current) == len(target.ordinals) and all(slot.given_up for slot in current):
        return ReplicaState.FAILED, current[0].error
    if ReplicaState.STARTING in states:
        return ReplicaState.STARTING, "its weights are being loaded"
    if downloading:
        return ReplicaState.DOWNLOADING, f"its weights are being downloaded: {downloading}"
    waiting = [slot for slot in current if slot.retry_at > now]
    if waiting:
        first = min(waiting, key=lambda slot: slot.retry_at)
        return (
            ReplicaState.PENDING,
            f"it crashed {first.crashes} time(s), {first.error}; the next start is in {first.retry_at - now:.1f} s",
        )
    return ReplicaState.PENDING, "it is about to start"


def _current(slots: Mapping[SlotKey, Slot], target: Desired, ordinal: int) -> Slot | None:
    slot = slots.get((target.uid, ordinal))
    return slot if slot is not None and slot.generation == target.generation else None
