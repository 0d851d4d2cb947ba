"""One replica's process under its shim: `starting → ready → stopping → exited`. Only this file changes that state."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from modelyard.core.environment import FOR_DOWNLOADS, cleaned
from modelyard.core.types import Address
from modelyard.core.wording import reason
from modelyard.runtime import shim
from modelyard.runtime.base import ProcessSpec, ProcessState, ProcessView
from modelyard.runtime.health import Health, check
from modelyard.runtime.run_folder import temporary_variables

SHIM = str(Path(shim.__file__).resolve())
ORPHAN_GRACE = 0.4  # seconds between SIGTERM and SIGKILL when the server has died
NOTHING: frozenset[str] = frozenset()
SWEEPS = 5  # looks for what a killed process has just forked
FIRST_POLL, LAST_POLL = 0.02, 0.5  # seconds between health checks while starting


@dataclass(frozen=True, slots=True)
class Watch:
    """Settings of health checks."""

    interval: float
    timeout: float
    failures: int
    last_byte: Callable[[str], float | None]
    """Monotonic time at which a replica last sent bytes to a client: a busy replica may miss health checks."""


class ReplicaProcess:
    """A process that is started once and never restarted; `changed` is called after each change of `view`."""

    def __init__(
        self,
        spec: ProcessSpec,
        make_log: Callable[[], Path],
        watch: Watch,
        changed: Callable[[str], None],
        temporary: Path | None = None,
    ) -> None:
        """`temporary` is the folder of its temporary files, which is removed when it has ended."""
        self.spec = spec
        self.view = ProcessView(spec.replica, spec.uid, ProcessState.STARTING, started_at=time.time())
        self._make_log = make_log
        self._watch = watch
        self._changed = changed
        self._temporary = temporary
        self._lifeline = -1
        self._shim: asyncio.subprocess.Process | None = None
        self._gone = asyncio.Event()
        self._life: asyncio.Task[None] | None = None

    def _set(self, **changes: object) -> None:
        self.view = replace(self.view, **changes)  # type: ignore[arg-type]
        self._changed(self.spec.replica)

    async def start(self) -> None:
        """Spawn the shim, which starts the engine. If spawning fails, the state becomes `exited`, with the error."""
        ours, theirs = -1, -1
        try:
            theirs, ours = os.pipe()
            with self._make_log().open("ab") as log:
                self._shim = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-S", SHIM, str(theirs), str(ORPHAN_GRACE), "--", *self.spec.argv),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={
                        **cleaned(os.environ, FOR_DOWNLOADS if self.spec.address is None else NOTHING),
                        **(temporary_variables(self._temporary) if self._temporary else {}),
                        **self.spec.env,
                    },
                    pass_fds=(theirs,),
                    start_new_session=True,
                )
        except (OSError, ValueError) as error:  # ValueError: an argument or variable that no process can have
            if ours >= 0:
                os.close(ours)
            await self._remove_temporary()
            self._gone.set()
            self._set(
                state=ProcessState.EXITED, error=f"cannot start the process: {reason(error)}", exited_at=time.time()
            )
            return
        finally:
            if theirs >= 0:
                os.close(theirs)
        self._lifeline = ours
        self._set(pid=self._shim.pid)
        self._life = asyncio.create_task(self._live(self._shim), name=f"replica {self.spec.replica}")

    async def _live(self, process: asyncio.subprocess.Process) -> None:
        address = self.spec.address
        checks = asyncio.create_task(self._check(address)) if address else None
        code = await process.wait()
        if code < 0:  # somebody killed the shim itself: nobody is left to kill what is below it
            await asyncio.to_thread(kill_session, process.pid)
        if checks:
            checks.cancel()
        os.close(self._lifeline)
        self._lifeline = -1
        if address and address.uds:
            with suppress(OSError):
                os.unlink(address.uds)
        await self._remove_temporary()
        exit_code = 128 - code if code > 128 else code
        self._gone.set()
        self._set(state=ProcessState.EXITED, exit_code=exit_code, exited_at=time.time())

    async def _remove_temporary(self) -> None:
        """Remove what the engine left in its folder for temporary files; adapters' links there lead elsewhere, and stay."""
        if self._temporary is not None:
            await asyncio.to_thread(shutil.rmtree, self._temporary, ignore_errors=True)

    async def _check(self, address: Address) -> None:
        """Wait until the process is healthy, then watch it; stop it if either fails."""
        problem = await self._become_ready(address) or await self._stay_ready(address)
        self._set(state=ProcessState.STOPPING, error=problem)
        self._signal_stop(ORPHAN_GRACE)

    async def _become_ready(self, address: Address) -> str:
        deadline = time.monotonic() + self.spec.start_timeout
        pause = FIRST_POLL
        while time.monotonic() < deadline:
            timeout = min(self._watch.timeout, max(0.05, deadline - time.monotonic()))
            found = await check(address, self.spec.health_path, timeout)
            if found is Health.NOT_HTTP:
                return "it answers its health check with something that is not HTTP"
            if found is Health.GOOD:
                if self.view.state is ProcessState.STARTING:
                    self._set(state=ProcessState.READY, ready_at=time.time())
                return ""
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, LAST_POLL)
        return f"it did not become healthy within {self.spec.start_timeout:g} s"

    async def _stay_ready(self, address: Address) -> str:
        missed = 0
        while missed < self._watch.failures:
            await asyncio.sleep(self._watch.interval)
            began = time.monotonic()
            good = await check(address, self.spec.health_path, self._watch.timeout) is Health.GOOD
            alive = good or (self._watch.last_byte(self.spec.replica) or 0) > began
            missed = 0 if alive else missed + 1
        return f"it stopped answering health checks ({missed} in a row)"

    def _signal_stop(self, grace: float) -> None:
        if self._lifeline >= 0:
            with suppress(BrokenPipeError):
                os.write(self._lifeline, f"stop {grace:g}\n".encode())

    async def stop(self, grace: float) -> None:
        """Stop the process, and return when its group is empty."""
        if self._gone.is_set():
            return
        if self.view.state is not ProcessState.STOPPING:
            self._set(state=ProcessState.STOPPING)
        self._signal_stop(grace)
        try:
            async with asyncio.timeout(grace + 5):
                await self._gone.wait()
        except TimeoutError:  # the shim itself is stuck or stopped; without it the kernel ends the engine
            if self._shim is not None:
                with suppress(ProcessLookupError):
                    os.killpg(self._shim.pid, signal.SIGKILL)
            await self._gone.wait()


def kill_session(leader: int) -> None:
    """Send SIGKILL to every process of a session whose leader is dead: helpers of an engine that did not notice its end."""
    for _ in range(SWEEPS):
        left = [pid for pid in psutil.pids() if _session(pid) == leader]
        if not left:
            return
        for pid in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return -1
