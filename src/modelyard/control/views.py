"""What the control loop lets others know of a model, of its replicas and of its adapters: frozen data."""

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
    """One replica with everything that was decided about it."""

    replica: Replica
    plan: Command | Remote
    placement: Placement
    footprint: Footprint
    created_at: float
    """Unix time."""
    pid: int | None = None

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.replica.name, self.plan.address, self.plan.headers)

    def moved(self, state: ReplicaState, *, stopping: bool = False) -> RunningReplica:
        """The same replica in another state, from now on."""
        return replace(self, replica=replace(self.replica, state=state, since=time.monotonic(), stopping=stopping))


@dataclass(frozen=True, slots=True)
class ModelView:
    """What is known of one model right now."""

    desired: Desired
    state: ReplicaState
    reason: str
    replicas: tuple[RunningReplica, ...]
    slots: Mapping[int, Slot]
    """Ordinal → its crashes, of the current generation."""
    download: DownloadView | None = None
    """Of its weights, while they are on their way."""
    adapters: tuple[AdapterView, ...] = ()
    """In the order in which they were given."""


@dataclass(frozen=True, slots=True)
class AdapterView:
    """What is known of one adapter of a model right now."""

    adapter: Adapter
    state: ReplicaState
    """`READY` as soon as one replica has it; `FAILED` when every ready replica refused it."""
    reason: str = ""
    replicas: tuple[RunningReplica, ...] = ()
    """Those that have it."""
    settled: bool = True
    """Every ready replica has it or has refused it."""
