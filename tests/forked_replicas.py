"""Replicas of our own engines that start in a second: an interpreter imports the engine's libraries once and forks for each.

A forked replica runs the same `main` as `python -m modelyard.serving`, with its own environment variables, log and exit code; it
only skips the imports. At least one replica of each engine is started as the server starts it, by the tests that use
`engine_server` and by those that ask for no fork.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from modelyard.engines.served import CONFIG_VARIABLE, TOKEN_VARIABLE
from tests.engine_environments import engine_python
from tests.processes import wait_for

PARENT = """
import json, os, signal, sys
exec(sys.argv[1])
from modelyard.serving.__main__ import main

def become_replica(order):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for name, number in ((os.devnull, 0), (order["log"], 1), (order["log"], 2)):
        file = os.open(name, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(order["env"])
    main()

def keep(order):
    "Fork the replica, say its process id, and write how it ends into a file."
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if not child:
        return True
    print(child, flush=True)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with open(order["ending"] + ".new", "w") as file:
        file.write(str(code))
    os.rename(order["ending"] + ".new", order["ending"])
    os._exit(0)

signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the keepers
while line := sys.stdin.readline():
    order = json.loads(line)
    if not os.fork() and keep(order):
        become_replica(order)
        break
"""
"""Nothing but imports is done before a fork, so no thread and no random state is shared."""

IMPORTS = {
    "transformers": "from transformers import AutoModelForCausalLM, AutoProcessor, AutoTokenizer, LlamaForCausalLM\n"
    "from modelyard.engines.transformers import model, recordings, seeing, text",
    "sentence_transformers": "from sentence_transformers import CrossEncoder, SentenceTransformer\n"
    "from transformers import BertForSequenceClassification, BertModel\n"
    "from modelyard.engines.sentence_transformers import encoder",
}


class ForkedReplica:
    """A replica's process, with what tests use of `subprocess.Popen`."""

    def __init__(self, pid: int, ending: Path) -> None:
        self.pid = pid
        self._ending = ending

    def poll(self) -> int | None:
        """The exit code, or None while it runs; a signal is a negative number."""
        return int(self._ending.read_text(encoding="utf-8")) if self._ending.exists() else None

    def wait(self, timeout: float) -> int:
        """The exit code, once it has ended."""
        wait_for(lambda: self.poll() is not None, seconds=timeout)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class Forks:
    """The interpreter that forks; it ends with the process that started it."""

    def __init__(self, engine: str, env: Mapping[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._count = 0
        self._process = subprocess.Popen(
            [engine_python(engine), "-c", PARENT, IMPORTS[engine]],
            env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        atexit.register(self.close)

    def start(self, env: Mapping[str, str], log: Path) -> ForkedReplica:
        """A replica with these environment variables, whose output goes to a new file."""
        process, ending = self._process, Path(self._folder.name, f"ending-{self._count}")
        self._count += 1
        log.write_bytes(b"")
        assert process.stdin and process.stdout
        process.stdin.write(json.dumps({"env": dict(env), "log": str(log), "ending": str(ending)}) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        assert line, "the interpreter that forks replicas has ended"
        return ForkedReplica(int(line), ending)

    def close(self) -> None:
        """End it. Replicas that still run are not ended."""
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()


@cache
def _forks(engine: str, env: tuple[tuple[str, str], ...]) -> Forks:
    return Forks(engine, dict(env))


def fork_replica(engine: str, env: Mapping[str, str], log: Path) -> ForkedReplica:
    """A replica of an engine, forked from an interpreter that had the same environment variables when it imported."""
    shared = {name: value for name, value in env.items() if name not in (CONFIG_VARIABLE, TOKEN_VARIABLE)}
    shared.pop("PYTEST_CURRENT_TEST", None)
    return _forks(engine, tuple(sorted(shared.items()))).start(env, log)
