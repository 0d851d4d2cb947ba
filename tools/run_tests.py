"""Everything that a landing must pass, stage by stage, with the time of each: what `make test` runs.

Uses the standard library only, because its first stage makes the environment in which the others run. Arguments are passed on
to pytest. Exits with the code of the first stage that fails.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUDGET = 20
"""Minutes that all stages may take on two cores, with the packages in the installers' caches. CONTRIBUTING.md has the rule."""
MOST_WORKERS = 8


def stages(arguments: list[str]) -> dict[str, list[str]]:
    """The name of each stage and its command, in order."""
    venv = os.environ.get("VENV", ".venv")
    python = f"{venv}/bin/python"
    workers = min((os.cpu_count() or 1) + 1, MOST_WORKERS)  # many tests wait for a process to start
    pytest = [python, "-m", "pytest", "-n", str(workers)]
    return {
        "packages": ["make", "--no-print-directory", f"{venv}/dev"],
        "check": ["make", "--no-print-directory", "check"],
        "engines": [python, "-m", "tests.engine_environments"],
        "clients": [python, "-m", "tests.client_environments"],
        "browser": [python, "-m", "tests.browser_environment"],
        "tests": [*pytest, "--durations", "10", *arguments],
    }


def main() -> int:
    """Run the stages; print what each took, and a line when all of them together took more than the budget."""
    seconds: dict[str, float] = {}
    code = 0
    for name, command in stages(sys.argv[1:]).items():
        began = time.monotonic()
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        seconds[name] = time.monotonic() - began
        if code:
            break
    total = sum(seconds.values())
    print(
        "\n".join(
            ["", *(f"{name:10} {taken:7.0f} s" for name, taken in seconds.items()), f"{'in all':10} {total:7.0f} s"]
        )
    )
    if total > BUDGET * 60:
        print(f"Over the budget of {BUDGET} minutes; CONTRIBUTING.md says what a suite may add.")
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
