"""Everything that a landing must pass, stage by stage, with the time of each: what `make test` runs.

Uses the standard library only, because its first stage makes the environment in which the others run. Arguments are passed on
to pytest. Exits with the code of the first stage that fails.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUDGET = 20
"""Minutes that all stages may take on two cores, with the packages in the installers' caches. CONTRIBUTING.md has the rule."""
MOST_WORKERS = 8
Commands = Mapping[str, list[str]]
"""The name of each stage, and its command."""


def rounds(arguments: list[str]) -> list[Commands]:
    """The stages in order. Those of one round run side by side: the type checker uses one core, installers wait for downloads."""
    venv = os.environ.get("VENV", ".venv")
    python = f"{venv}/bin/python"
    workers = min((os.cpu_count() or 1) + 1, MOST_WORKERS)  # many tests wait for a process to start
    pytest = [python, "-m", "pytest", "-n", str(workers)]
    return [
        {"packages": ["make", "--no-print-directory", f"{venv}/dev"]},
        {
            "check": ["make", "--no-print-directory", "check"],
            "engines": [python, "-m", "tests.engine_environments"],
            "clients": [python, "-m", "tests.client_environments"],
            "browser": [python, "-m", "tests.browser_environment"],
            "agents": [python, "-m", "tests.agent_environment"],
        },
        {"tests": [*pytest, "--durations", "10", *arguments]},
    ]


def run(command: list[str], output: int | None = None) -> tuple[int, bytes, float]:
    """Run a command in the project's folder; return its code, what it wrote if `output` is a pipe, and its seconds."""
    began = time.monotonic()
    # modules are compiled once, whatever the machine's settings
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    error = None if output is None else subprocess.STDOUT
    done = subprocess.run(command, cwd=ROOT, env=env, stdout=output, stderr=error, check=False)
    return done.returncode, done.stdout or b"", time.monotonic() - began


def side_by_side(commands: Commands, seconds: dict[str, float]) -> int:
    """Run stages at once, print what each has written when it has ended, and return the code of the first that failed."""
    failed = 0
    with ThreadPoolExecutor(len(commands)) as pool:
        futures = {pool.submit(run, command, subprocess.PIPE): name for name, command in commands.items()}
        for future in as_completed(futures):
            name = futures[future]
            code, output, seconds[name] = future.result()
            print(f"\n--- {name}", flush=True)
            sys.stdout.buffer.write(output)
            sys.stdout.flush()
            failed = failed or code
    return failed


def main() -> int:
    """Run the stages; print what each took, and a line when all of them together took more than the budget."""
    began = time.monotonic()
    seconds: dict[str, float] = {}
    code = 0
    for commands in rounds(sys.argv[1:]):
        if len(commands) > 1:
            code = side_by_side(commands, seconds)
        else:
            [(name, command)] = commands.items()
            code, _, seconds[name] = run(command)
        if code:
            break
    total = time.monotonic() - began
    rows = [f"{name:10} {taken:7.0f} s" for name, taken in [*seconds.items(), ("in all", total)]]
    print("\n".join(["", *rows]))
    if total > BUDGET * 60:
        print(f"Over the budget of {BUDGET} minutes; CONTRIBUTING.md says what a suite may add.")
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
