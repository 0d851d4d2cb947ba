"""Frozen views of models, replicas and adapters, which the control loop provides to other code."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from modelyard.control.diff import Desired, Replica, Slot
from modelyard.control.downloads import DownloadView
from modelyard.control.placement import Placement
from modelyard.core.types import Adapter, Endpoint, Footprint, ReplicaState
from modelyard.engines.base import Command, Remote


@dataclass(frozen=True, slots=True)
class RunningReplica:
    """One replica with its placement, plan and state."""

    replica: Replica
    plan: Command | Remote
    placement: Placement
    footprint: Footprint
    created_at: float
    """Unix time in seconds."""
    pid: int | None = None

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.replica.name, self.plan.address, self.plan.headers)

    def moved(self, state: ReplicaState, *, stopping: bool = False) -> RunningReplica:
        """This replica in another state, which begins now."""
        return replace(self, replica=replace(self.replica, state=state, since=time.monotonic(), stopping=stopping))


@dataclass(frozen=True, slots=True)
class ModelView:
    """The current state of one model."""

    desired: Desired
    state: ReplicaState
    reason: str
    replicas: tuple[RunningReplica, ...]
    slots: Mapping[int, Slot]
    """Ordinal → its crashes in the current generation."""
    download: DownloadView | None = None
    """The download of its weights, if it is in progress."""
    adapters: tuple[AdapterView, ...] = ()
    """In the order in which the launch lists them."""


@dataclass(frozen=True, slots=True)
class AdapterView:
    """The current state of one adapter of a model."""

    adapter: Adapter
    state: ReplicaState
    """`READY` as soon as one replica has loaded it; `FAILED` when every ready replica has refused it."""
    reason: str = ""
    replicas: tuple[RunningReplica, ...] = ()
    """The replicas that have loaded it."""
    settled: bool = True
    """Whether every ready replica has loaded or refused it."""
