"""The local host with real children: they become ready, die, hang, hide, and none is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop

from modelyard.core.config import Settings
from modelyard.core.types import Address
from modelyard.runtime.base import ProcessSpec, ProcessState, ProcessView
from modelyard.runtime.local import LocalHost
from tests.processes import alive, marked, wait_for

ANSWER = """
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(16)
def answer():
    connection, _ = listener.accept()
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\\r\\ncontent-length: 0\\r\\n\\r\\n")
    connection.close()
"""

SERVE = ANSWER + "print('up', flush=True)\nwhile True: answer()\n"
IGNORE_SIGTERM = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVE
RUNAWAYS = (
    "import subprocess, sys\n"
    "for session in (False, True):\n"
    "    subprocess.Popen([sys.executable, '-c', 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "time.sleep(1000)'], start_new_session=session)\n" + SERVE
)
ONE_ANSWER = ANSWER + "answer()\nimport time\ntime.sleep(1000)\n"
NO_ANSWER = "import time\ntime.sleep(1000)\n"


def spec(code: str, address: Address, mark: str = "", start_timeout: float = 20.0) -> ProcessSpec:
    return ProcessSpec(
        replica="m-rep0-1",
        uid="m",
        argv=(sys.executable, "-c", code, str(address.uds)),
        env={"TEST_MARK": mark or uuid.uuid4().hex},
        address=address,
        health_path="/health",
        start_timeout=start_timeout,
    )


class Observer:
    """A host that remembers each state its one process went through, and lets tests wait for one."""

    def __init__(self, settings: Settings) -> None:
        self.host = LocalHost(settings)
        self.host.subscribe(self._changed)
        self.seen: list[ProcessState] = []
        self._event = asyncio.Event()

    def _changed(self, replica: str) -> None:
        state = self.view().state
        if not self.seen or self.seen[-1] is not state:
            self.seen.append(state)
        self._event.set()

    def view(self) -> ProcessView:
        (view,) = self.host.observe()
        return view

    async def until(self, state: ProcessState) -> ProcessView:
        async with asyncio.timeout(30):
            while self.view().state is not state:
                self._event.clear()
                await self._event.wait()
        return self.view()


Scenario = Callable[[Observer], Awaitable[None]]


def play(settings: Settings, scenario: Scenario) -> None:
    """Run a scenario on the server's own kind of event loop; whatever it leaves is closed."""

    async def go() -> None:
        observer = Observer(settings)
        try:
            await scenario(observer)
        finally:
            await observer.host.close()

    uvloop.run(go())


def test_a_process_becomes_ready_and_stops(settings: Settings) -> None:
    async def scenario(observer: Observer) -> None:
        address = observer.host.listen("m-rep0-1")
        await observer.host.start(spec(SERVE, address))
        ready = await observer.until(ProcessState.READY)
        assert ready.pid is not None and alive(ready.pid)
        await observer.host.stop("m-rep0-1", 5)
        assert observer.view().exit_code == -signal.SIGTERM
        assert observer.seen == [
            ProcessState.STARTING,
            ProcessState.READY,
            ProcessState.STOPPING,
            ProcessState.EXITED,
        ]
        assert not Path(str(address.uds)).exists()
        assert observer.host.logs("m", "m-rep0", 5) == ("m-rep0-1", ["up"])
        observer.host.forget("m-rep0-1")
        assert not observer.host.observe()

    play(settings, scenario)


@pytest.mark.parametrize("code", [IGNORE_SIGTERM, RUNAWAYS], ids=["ignores SIGTERM", "children that left the group"])
def test_stopping_leaves_no_descendant(settings: Settings, code: str) -> None:
    async def scenario(observer: Observer) -> None:
        mark = uuid.uuid4().hex
        await observer.host.start(spec(code, observer.host.listen("m-rep0-1"), mark))
        await observer.until(ProcessState.READY)
        assert len(marked(mark)) >= 2
        await observer.host.stop("m-rep0-1", 0.1)
        assert observer.view().state is ProcessState.EXITED
        assert not marked(mark)

    play(settings, scenario)


def test_the_end_of_the_engine_ends_its_children(settings: Settings) -> None:
    async def scenario(observer: Observer) -> None:
        mark = uuid.uuid4().hex
        code = RUNAWAYS.replace("while True: answer()", "answer()\nsys.exit(7)")
        await observer.host.start(spec(code, observer.host.listen("m-rep0-1"), mark))
        exited = await observer.until(ProcessState.EXITED)
        assert exited.exit_code == 7
        assert not marked(mark)

    play(settings, scenario)


def test_a_process_that_never_answers_is_given_up(settings: Settings) -> None:
    async def scenario(observer: Observer) -> None:
        await observer.host.start(spec(NO_ANSWER, observer.host.listen("m-rep0-1"), start_timeout=0.3))
        exited = await observer.until(ProcessState.EXITED)
        assert exited.error == "it did not become healthy within 0.3 s"

    play(settings, scenario)


def test_a_ready_process_that_stops_answering_is_given_up(settings: Settings) -> None:
    async def scenario(observer: Observer) -> None:
        await observer.host.start(spec(ONE_ANSWER, observer.host.listen("m-rep0-1")))
        exited = await observer.until(ProcessState.EXITED)
        assert "stopped answering health checks" in exited.error
        assert ProcessState.READY in observer.seen

    play(settings, scenario)


def test_a_busy_process_may_miss_health_checks(settings: Settings) -> None:
    async def scenario(observer: Observer) -> None:
        asked: list[str] = []
        many = asyncio.Event()

        def last_byte(replica: str) -> float:
            asked.append(replica)
            if len(asked) > settings.health_failures + 2:
                many.set()
            return float("inf")

        host = LocalHost(settings, last_byte)
        await host.start(spec(ONE_ANSWER, host.listen("m-rep0-1")))
        async with asyncio.timeout(30):
            await many.wait()
        assert host.observe()[0].state is ProcessState.READY
        await host.close()

    play(settings, scenario)


def test_a_program_that_does_not_exist_is_an_exit_with_an_error(settings: Settings) -> None:
    async def scenario(observer: Observer) -> None:
        address = observer.host.listen("m-rep0-1")
        missing = ProcessSpec("m-rep0-1", "m", ("/no/such/program",), {}, address, "/health", 5.0)
        await observer.host.start(missing)
        assert (await observer.until(ProcessState.EXITED)).exit_code == 127
        assert "cannot run /no/such/program: No such file or directory" in observer.host.logs("m", None, 5)[1][0]

    play(settings, scenario)


def test_a_log_that_cannot_be_written_is_an_exit_with_an_error(settings: Settings) -> None:
    """A full disk, say: the replica fails with the reason, and nothing else does."""

    async def scenario(observer: Observer) -> None:
        settings.folder.mkdir(parents=True, exist_ok=True)
        settings.folder.joinpath("logs").write_text("in the way")
        await observer.host.start(spec(SERVE, observer.host.listen("m-rep0-1")))
        assert (await observer.until(ProcessState.EXITED)).error.startswith("cannot start the process: ")

    play(settings, scenario)


KILLED = """
import asyncio, sys
from pathlib import Path
import uvloop
from modelyard.core.config import Settings
from tests.runtime.test_local import Observer, RUNAWAYS, spec
from modelyard.runtime.base import ProcessState

async def main():
    observer = Observer(Settings(home=Path(sys.argv[1])))
    await observer.host.start(spec(RUNAWAYS, observer.host.listen("m-rep0-1"), sys.argv[2]))
    await observer.until(ProcessState.READY)
    print("ready", flush=True)
    await asyncio.sleep(1000)

uvloop.run(main())
"""


@pytest.mark.parametrize("victim", ["server", "shim"])
def test_sigkill_leaves_no_engine(home: Path, victim: str) -> None:
    """Of the server, or of the shim: the engine, and what ignores SIGTERM below it, goes all the same."""
    mark = uuid.uuid4().hex
    server = subprocess.Popen([sys.executable, "-c", KILLED, str(home), mark], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None and server.stdout.readline() == "ready\n"
    family = marked(mark)
    assert len(family) == 4  # shim, engine, and its two runaway children
    if victim == "server":
        server.kill()
        wait_for(lambda: not marked(mark))
    else:
        (shim,) = [process for process in family if "shim.py" in " ".join(process.cmdline())]
        (engine,) = [process for process in family if process.ppid() == shim.pid]
        os.kill(shim.pid, signal.SIGKILL)
        wait_for(lambda: not alive(engine.pid))
        server.kill()
        for process in marked(mark):
            process.kill()  # without their shim, processes that left the group are nobody's; see ARCHITECTURE.md
    server.wait()
    server.stdout.close()


@pytest.mark.parametrize(("code", "exit_code"), [("print('done')", 0), ("raise SystemExit(7)", 7)])
def test_a_job_has_no_health_and_ends_with_its_own_exit_code(settings: Settings, code: str, exit_code: int) -> None:
    async def scenario() -> None:
        observer = Observer(settings)
        await observer.host.start(ProcessSpec("job-1", "job", (sys.executable, "-c", code), {}))
        view = await observer.until(ProcessState.EXITED)
        assert (view.exit_code, view.error, view.ready_at) == (exit_code, "", None)
        assert observer.seen == [ProcessState.STARTING, ProcessState.EXITED]
        await observer.host.close()

    uvloop.run(scenario())


def test_a_job_can_be_stopped(settings: Settings) -> None:
    async def scenario() -> None:
        observer = Observer(settings)
        await observer.host.start(ProcessSpec("job-1", "job", (sys.executable, "-c", NO_ANSWER), {}))
        pid = observer.view().pid
        assert pid is not None and alive(pid)
        await observer.host.stop("job-1", 5)
        assert observer.view().state is ProcessState.EXITED and not alive(pid)
        await observer.host.close()

    uvloop.run(scenario())
