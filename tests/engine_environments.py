"""Engines' own environments for the tests: made once per checkout by the real installer, and used from then on.

`python -m tests.engine_environments [ENGINE…]` makes them before the tests begin, which `make test` does.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from pathlib import Path

from modelyard.engines import ENGINES
from modelyard.runtime.environments import RECEIPT, Environment, Environments, origin_of

os.environ.setdefault("UV_COMPILE_BYTECODE", "0")  # compiled when a test imports them, which is a third of the modules

HOME = Path(__file__).resolve().parents[1] / ".venv" / "engines-home"
ENVIRONMENTS = Environments(HOME / "engines")


def environment(engine: str) -> Environment:
    """The environment of an engine, made now if it is not there or was made from another recipe or lock file."""
    recipe = ENGINES.get(engine).environment
    assert recipe is not None, f"{engine} has no environment of its own"
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / f"{engine}.lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        found = ENVIRONMENTS.find(engine)
        if found is not None:
            receipt = json.loads((Path(found.folder) / RECEIPT).read_text(encoding="utf-8"))
            if all(receipt.get(name) == value for name, value in origin_of(recipe, gpu=False).items()):
                return found
        return ENVIRONMENTS.install(engine, recipe, gpu=False, say=say, upgrade=found is not None)


def engine_python(engine: str) -> str:
    """The interpreter of an engine's environment."""
    return environment(engine).python


def give_environments(home: Path, *engines: str) -> None:
    """Let the server of a home folder find these engines' environments."""
    folder = home / "engines"
    folder.mkdir(parents=True, exist_ok=True)
    for engine in engines:
        (folder / engine).symlink_to(environment(engine).folder)


def say(text: str) -> None:
    """Progress, for who made the tests run."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    for name in sys.argv[1:] or [name for name in ENGINES if name != "sglang" and ENGINES.get(name).environment]:
        say(f"{name}: {environment(name).python}")
