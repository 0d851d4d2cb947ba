"""Users' templates, parsed and rendered in child processes: Jinja's sandbox prevents code, but not loops and memory use.

A few processes are started on demand and kept. Each renders one template at a time, within the limits of
`template_limits.py`; if it dies, only that template fails.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import IO, Any

from modelyard.core.template_limits import LENGTH, MEMORY, READY, SECONDS

MOST_PROCESSES = 4
LONGEST_TEMPLATE = 256 << 10
"""Maximum characters of a template; the longest chat templates in use have about 50,000."""
DEEPEST = 100
"""Maximum nesting of brackets."""
START_SECONDS = 60.0
ANSWER_SECONDS = 60.0
"""Seconds after which a process without an answer is killed; usually the limit of processor time ends it earlier."""

BRACKETS = re.compile(r"[][(){}]")


class TemplateProblem(Exception):
    """The reason why a template cannot be used, as a sentence without its full stop."""


class TemplateProcesses:
    """The child processes, at most `MOST_PROCESSES`. All methods are thread-safe; those that are not coroutines block."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(MOST_PROCESSES)
        self._idle: list[subprocess.Popen[bytes]] = []
        self._threads: ThreadPoolExecutor | None = None
        self._registered = False

    async def render(self, template: str, values: Mapping[str, Any]) -> str:
        """Render a template with values that are JSON. Raises `TemplateProblem`."""
        with self._lock:
            self._threads = self._threads or ThreadPoolExecutor(MOST_PROCESSES, "templates")
            threads = self._threads
        return await asyncio.get_running_loop().run_in_executor(threads, self._text, template, dict(values))

    def parse(self, template: str) -> None:
        """Raise `TemplateProblem` for a chat template with a syntax error."""
        self._text(template, None)

    def close(self) -> None:
        """End the idle processes; a later template starts a new one."""
        with self._lock:
            idle, self._idle = self._idle, []
            threads, self._threads = self._threads, None
        for process in idle:
            _end(process)
        if threads is not None:
            threads.shutdown(wait=False)

    def _text(self, template: str, values: dict[str, Any] | None) -> str:
        check_size(template)
        message: dict[str, Any] = {"template": template}
        if values is not None:
            message["values"] = values
        with self._free:
            process = self._taken()
            whole = False
            try:
                reply = _exchange(process, json.dumps(message).encode())
                whole = True
            except (EOFError, BrokenPipeError):
                raise TemplateProblem(_why(process)) from None
            except TimeoutError:
                raise TemplateProblem(f"it takes more than {ANSWER_SECONDS:g} s") from None
            finally:
                self._give_back(process) if whole else _end(process)
        if "problem" in reply:
            raise TemplateProblem(reply["problem"])
        return reply["text"]

    def _taken(self) -> subprocess.Popen[bytes]:
        """Take an idle process that is alive, or start a new one."""
        with self._lock:
            while self._idle:
                process = self._idle.pop()
                if process.poll() is None:
                    return process
                _end(process)
            if not self._registered:
                self._registered = True
                atexit.register(self.close)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "modelyard.core.template_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            _read(process, len(READY), START_SECONDS)
        except (EOFError, TimeoutError):
            _end(process)
            raise TemplateProblem("the process that renders templates does not start") from None
        return process

    def _give_back(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._idle.append(process)


def check_size(template: str) -> None:
    """Raise `TemplateProblem` for a template that is too long or nested too deeply to be compiled."""
    if len(template) > LONGEST_TEMPLATE:
        raise TemplateProblem(f"it has more than {LONGEST_TEMPLATE:,} characters")
    depth = 0
    for bracket in BRACKETS.finditer(template):
        depth = max(0, depth + (1 if bracket[0] in "[({" else -1))
        if depth > DEEPEST:
            raise TemplateProblem(f"its brackets are nested too deeply, over {DEEPEST} levels")


def _exchange(process: subprocess.Popen[bytes], message: bytes) -> dict[str, str]:
    stdin = _pipe(process.stdin)
    stdin.write(LENGTH.pack(len(message)) + message)
    stdin.flush()
    (length,) = LENGTH.unpack(_read(process, LENGTH.size, ANSWER_SECONDS))
    reply: dict[str, str] = json.loads(_read(process, length, ANSWER_SECONDS))
    return reply


def _read(process: subprocess.Popen[bytes], size: int, seconds: float) -> bytes:
    """Read exactly `size` bytes. Raises `EOFError` if the process ends first, and `TimeoutError`."""
    stdout = _pipe(process.stdout)
    waiting = select.poll()
    waiting.register(stdout, select.POLLIN)
    data = b""
    while len(data) < size:
        if not waiting.poll(seconds * 1000):
            raise TimeoutError
        part = stdout.read1(min(size - len(data), 1 << 16))  # type: ignore[attr-defined]
        if not part:
            raise EOFError
        data += part
    return data


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def _why(process: subprocess.Popen[bytes]) -> str:
    """The reason why a process ended."""
    code = process.wait()
    if code == -signal.SIGPROF:
        return f"it takes more than {SECONDS:g} s of processor time"
    return f"the process that renders it broke down (it may use {MEMORY >> 20} MiB of memory)"


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with suppress(BrokenPipeError):  # unwritten data is lost with its reader
            _pipe(pipe).close()


PROCESSES = TemplateProcesses()
"""The processes of this server; none is started before the first template."""
