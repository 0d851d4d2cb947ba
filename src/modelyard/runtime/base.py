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
    """Environment variables that are added to the server's own, from which its secrets and settings are removed."""
    address: Address | None = None
    """Address at which the process will listen. None for a job, which has no health checks: it is `starting` until it exits."""
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
    """Why the host stopped the process, such as `did not become healthy within 600 s`; empty if the host did not stop it."""
    started_at: float = 0.0
    """Unix time."""
    ready_at: float | None = None
    exited_at: float | None = None


class Host(Protocol):
    """Starts, watches and stops processes. It knows nothing about models and never restarts a process by itself."""

    def subscribe(self, changed: Callable[[str], None]) -> None:
        """Call `changed(replica)` on the event loop after every change of a process's state."""
        ...

    async def start(self, spec: ProcessSpec) -> None:
        """Spawn a process and return at once; its state is then `starting`, or `exited` if it could not be spawned."""
        ...

    async def stop(self, replica: str, grace: float) -> None:
        """Stop a process: SIGTERM, then SIGKILL after `grace` seconds. Returns when its whole process group is gone.

        Returns at once if the process is unknown or has exited.
        """
        ...

    def observe(self) -> Sequence[ProcessView]:
        """The state of every process; exited ones are included until `forget`."""
        ...

    def forget(self, replica: str) -> None:
        """Remove an exited process from `observe`. Its log is kept."""
        ...

    def listen(self, replica: str) -> Address:
        """A new address at which the replica may listen."""
        ...

    def hardware(self) -> Hardware:
        """The devices, and their free memory."""
        ...

    def logs(self, uid: str, replica: str | None, lines: int) -> tuple[str | None, Sequence[str]]:
        """The replica of that name, or the newest replica of the model, and the last lines of its log."""
        ...

    def log_start(self, uid: str, replica: str | None, lines: int) -> tuple[str | None, int]:
        """The replica of that name, or the newest of the model, and the offset at which the last whole lines of its log begin."""
        ...

    def read_log(self, uid: str, replica: str, offset: int) -> tuple[Sequence[str], int]:
        """The whole lines of a log from an offset in bytes on, and the offset after them."""
        ...

    def log_files(self, uid: str) -> Sequence[LogFile]:
        """The log files of a model's replicas or of a job's processes, the least recently changed first."""
        ...

    def read_log_before(self, uid: str, replica: str, end: int) -> LogBlock:
        """The whole lines of a log before an offset in bytes."""
        ...

    def remove_logs(self, uid: str) -> None:
        """Delete the logs of a model or job."""
        ...

    async def close(self) -> None:
        """Stop all processes at once."""
        ...
