"""`Host`: the interface between the control loop and the machine, or the cluster, that runs processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from modelyard.core.types import Address, Hardware
from modelyard.runtime.logs import LogBlock, LogFile


class ProcessState(StrEnum):
    """`starting → ready → stopping → exited`; any state may go to `exited`, and `exited` is final."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    EXITED = "exited"


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process to start and watch."""

    replica: str
    """Name of the replica, unique among all that ever ran: `<uid>-rep<ordinal>-<serial>`."""
    uid: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    """Added to the server's own environment without its secrets and settings."""
    address: Address | None = None
    """Where it will listen; None for a job, which has no health: it is `starting` until it has exited."""
    health_path: str = ""
    start_timeout: float = 0.0
    """Seconds from the start until `health_path` must have answered 200."""


@dataclass(frozen=True, slots=True)
class ProcessView:
    """The state of a process at one moment."""

    replica: str
    uid: str
    state: ProcessState
    pid: int | None = None
    exit_code: int | None = None
    """Of the engine itself; negative for a signal."""
    error: str = ""
    """Why the host stopped it, such as `did not become healthy within 600 s`; empty if the host did not."""
    started_at: float = 0.0
    """Unix time."""
    ready_at: float | None = None
    exited_at: float | None = None


class Host(Protocol):
    """Starts, watches and stops processes. It knows nothing of models and never restarts anything by itself."""

    def subscribe(self, changed: Callable[[str], None]) -> None:
        """Have `changed(replica)` called on the event loop after every change of a process's state."""
        ...

    async def start(self, spec: ProcessSpec) -> None:
        """Spawn a process and return at once; its state is then `starting`, or `exited` if it could not be spawned."""
        ...

    async def stop(self, replica: str, grace: float) -> None:
        """Return when the whole process group is gone: SIGTERM, `grace` seconds, SIGKILL.

        Unknown or exited: returns at once.
        """
        ...

    def observe(self) -> Sequence[ProcessView]:
        """All processes, exited ones included until `forget`."""
        ...

    def forget(self, replica: str) -> None:
        """Drop an exited process from `observe`. Its log stays."""
        ...

    def listen(self, replica: str) -> Address:
        """A fresh address at which the replica may listen."""
        ...

    def hardware(self) -> Hardware:
        """The devices, and how much of their memory is free."""
        ...

    def logs(self, uid: str, replica: str | None, lines: int) -> tuple[str | None, Sequence[str]]:
        """The name of a replica, or of the newest replica of a model, and the last lines that it wrote."""
        ...

    def log_start(self, uid: str, replica: str | None, lines: int) -> tuple[str | None, int]:
        """The name of a replica, or of the newest replica of a model, and the offset at which its last whole lines begin."""
        ...

    def read_log(self, uid: str, replica: str, offset: int) -> tuple[Sequence[str], int]:
        """Whole lines that a process has printed from an offset in bytes on, and the offset after them."""
        ...

    def log_files(self, uid: str) -> Sequence[LogFile]:
        """The log files of a model's replicas or of a job's processes, oldest change first."""
        ...

    def read_log_before(self, uid: str, replica: str, end: int) -> LogBlock:
        """Whole lines that a process has printed before an offset in bytes."""
        ...

    def remove_logs(self, uid: str) -> None:
        """Delete what the processes of a model or job have printed."""
        ...

    async def close(self) -> None:
        """Stop everything at once."""
        ...
