"""An engine's interpreter that has imported its libraries once, and forks for each script: each has a process of its own."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.engine_environments import engine_python

SERVER = """
import json, os, sys, traceback
exec(sys.argv[1])

def run(asked):
    said = os.open(asked["said"], os.O_WRONLY | os.O_CREAT)
    os.dup2(said, 1)
    os.dup2(said, 2)
    code = 1
    try:
        names = {"__name__": "__main__", "given": asked["given"]}
        exec(asked["script"], names)
        with open(asked["made"], "w", encoding="utf-8") as file:
            json.dump(names["made"], file)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

while line := sys.stdin.readline():
    child = os.fork()
    if not child:
        run(json.loads(line))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Nothing but imports is done before a fork, so no thread and no random state is shared."""


class KeptInterpreter:
    """One interpreter of an engine's environment; it ends with the process that started it."""

    def __init__(self, engine: str, imports: str, env: Mapping[str, str]) -> None:
        self._command = [engine_python(engine), "-W", "ignore", "-c", SERVER, imports]
        self._env = {**os.environ, **env}
        self._process: subprocess.Popen[str] | None = None
        self._alone = threading.Lock()
        atexit.register(self.close)

    def run(self, script: str, given: Mapping[str, Any]) -> Any:
        """What the script leaves in `made`; fails with what it printed."""
        with self._alone, tempfile.TemporaryDirectory() as folder:
            made, said = Path(folder, "made"), Path(folder, "said")
            asked = {"script": script, "given": given, "made": str(made), "said": str(said)}
            code = self._ask(json.dumps(asked))
            assert code == "0", said.read_text(encoding="utf-8") if said.exists() else "the interpreter ended"
            return json.loads(made.read_text(encoding="utf-8"))

    def _ask(self, line: str) -> str:
        """The exit code of one child; empty if the interpreter itself ended."""
        process = self._process or subprocess.Popen(
            self._command, env=self._env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._process = process
        assert process.stdin and process.stdout
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            code = process.stdout.readline().strip()
        except BaseException:  # a test that is out of time must not leave its answer to the next one
            self.close()
            raise
        if not code:
            self.close()
        return code

    def close(self) -> None:
        """End it, if it runs."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


@cache
def kept(engine: str, imports: str, threads: int) -> KeptInterpreter:
    """The interpreter of this test run for an engine; `imports` are the lines it runs before its first script."""
    env = {"HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": str(threads)}
    return KeptInterpreter(engine, imports, env)
