"""A `Host` that is this machine: processes under shims, Unix sockets in a private folder, logs in files."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable, Sequence

from modelyard.core.config import Settings
from modelyard.core.types import Address, Hardware
from modelyard.runtime import hardware
from modelyard.runtime.base import ProcessSpec, ProcessState, ProcessView
from modelyard.runtime.logs import LogBlock, LogFile, LogFolder
from modelyard.runtime.process import ReplicaProcess, Watch
from modelyard.runtime.run_folder import RunFolder


def never(replica: str) -> float | None:
    """The `last_byte` of a host without a gateway: no replica has sent anything."""
    return None


class LocalHost:
    """Processes on this machine. Create and use it on one event loop."""

    def __init__(self, settings: Settings, last_byte: Callable[[str], float | None] = never) -> None:
        self._subscribers: list[Callable[[str], None]] = []
        self._watch = Watch(settings.health_interval, settings.health_timeout, settings.health_failures, last_byte)
        self._logs = LogFolder(settings.log_folder)
        self._run = RunFolder(settings.folder / "run")
        self._processes: dict[str, ReplicaProcess] = {}

    def subscribe(self, changed: Callable[[str], None]) -> None:
        self._subscribers.append(changed)

    def _changed(self, replica: str) -> None:
        for changed in self._subscribers:
            changed(replica)

    async def start(self, spec: ProcessSpec) -> None:
        process = ReplicaProcess(
            spec,
            lambda: self._logs.create(spec.uid, spec.replica),
            self._watch,
            self._changed,
            None if spec.address is None else self._run.temporary(),
        )
        self._processes[spec.replica] = process
        await process.start()

    async def stop(self, replica: str, grace: float) -> None:
        if process := self._processes.get(replica):
            await process.stop(grace)

    def observe(self) -> Sequence[ProcessView]:
        return [process.view for process in self._processes.values()]

    def forget(self, replica: str) -> None:
        process = self._processes.get(replica)
        if process is not None and process.view.state is ProcessState.EXITED:
            del self._processes[replica]

    def listen(self, replica: str) -> Address:
        if sys.platform != "win32":
            return Address(uds=str(self._run.socket()))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return Address(port=probe.getsockname()[1])

    def hardware(self) -> Hardware:
        return hardware.inspect()

    def logs(self, uid: str, replica: str | None, lines: int) -> tuple[str | None, Sequence[str]]:
        return self._logs.tail(uid, replica, lines)

    def log_start(self, uid: str, replica: str | None, lines: int) -> tuple[str | None, int]:
        return self._logs.start(uid, replica, lines)

    def read_log(self, uid: str, replica: str, offset: int) -> tuple[Sequence[str], int]:
        return self._logs.read_on(uid, replica, offset)

    def log_files(self, uid: str) -> Sequence[LogFile]:
        return self._logs.files(uid)

    def read_log_before(self, uid: str, replica: str, end: int) -> LogBlock:
        return self._logs.read_before(uid, replica, end)

    def remove_logs(self, uid: str) -> None:
        self._logs.remove(uid)

    async def close(self) -> None:
        await asyncio.gather(*(process.stop(1.0) for process in self._processes.values()))
        await asyncio.to_thread(self._run.close)
