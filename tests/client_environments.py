"""Environments for other projects' clients, test suites and site builder, whose requirements disagree with those of the tests.

`python -m tests.client_environments` makes them before the tests begin, which `make test` does. `--lock` compiles their lock
files in `requirements/` before, and keeps the versions that they list unless `--upgrade` asks for the newest.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from modelyard.runtime.installer import uv
from tests.engine_environments import engine_python

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".venv" / "clients"
RECEIPT = "receipt.txt"
"""A copy of the lock file by which an environment was made; written last."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an environment holds."""

    requirements: tuple[str, ...]
    bare: tuple[str, ...] = ()
    """Packages that are installed without what they require, because only a part of them is used."""
    engine: str = ""
    """An engine whose environment the packages may import from."""


RECIPES = {
    "dialects": Recipe(("anthropic>=2.14", "ollama>=0.6.3")),
    "langchain": Recipe(
        ("langchain-anthropic>=1.7", "langchain-ollama>=1.1", "langchain-openai>=1.7", "langchain-tests>=1.1")
    ),
    "llamaindex": Recipe(("llama-index-llms-openai-like>=0.8",)),
    "site": Recipe(("zensical>=0.0.73",)),
    "swift": Recipe(
        ("aiohttp", "dacite", "datasets", "json-repair", "modelscope", "requests"),
        bare=("ms-swift==4.6.0",),
        engine="transformers",
    ),
}


def client_python(name: str) -> Path:
    """The interpreter of an environment, which is made now if it is not there or was made by another lock file."""
    place = FOLDER / name
    FOLDER.mkdir(parents=True, exist_ok=True)
    lock = lock_file(name).read_text(encoding="utf-8")
    with (FOLDER / f"{name}.lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        receipt = place / RECEIPT
        if not receipt.is_file() or receipt.read_text(encoding="utf-8") != lock:
            make(name, place)
            receipt.write_text(lock, encoding="utf-8")
    return place / "bin" / "python"


def make(name: str, place: Path) -> None:
    """Install exactly what the lock file lists."""
    print(f"installing {name} for the tests ...", file=sys.stderr, flush=True)
    shutil.rmtree(place, ignore_errors=True)
    subprocess.run([*uv(), "venv", "--quiet", "--python", sys.executable, str(place)], check=True)
    python = place / "bin" / "python"
    packages = ["--no-deps", "--require-hashes", "-r", str(lock_file(name))]
    subprocess.run([*uv(), "pip", "install", "--quiet", "--python", str(python), *packages], check=True)
    if engine := RECIPES[name].engine:
        (site_packages(python) / "engine.pth").write_text(f"{site_packages(Path(engine_python(engine)))}\n")


def site_packages(python: Path) -> Path:
    """Where an interpreter's environment keeps its packages."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip())


def lock_file(name: str) -> Path:
    """The lock file of an environment."""
    return ROOT / "requirements" / f"{name}.txt"


def compile_lock(recipe: Recipe, lock: Path, *, upgrade: bool) -> None:
    """Write a lock file: the requirements with all that they need, then the packages without."""
    options = ("--universal", "--python-version", "3.11", "--generate-hashes", *(["--upgrade"] if upgrade else []))
    silent = ("--quiet", "--no-header", "--no-annotate", "--no-emit-index-url")
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        for requirements, more in ((recipe.requirements, ()), (recipe.bare, ("--no-deps",))):
            part = Path(folder, "part.txt")
            if requirements:
                part.write_bytes(lock.read_bytes() if lock.is_file() else b"")  # uv keeps the versions that it lists
                argv = [*uv(), "pip", "compile", *options, *silent, *more, "-", "-o", str(part)]
                text = "\n".join(requirements)
                subprocess.run(argv, input=text, check=True, stdout=subprocess.DEVNULL, text=True)
                parts.append(part.read_text(encoding="utf-8"))
    lock.write_text("".join(parts), encoding="utf-8")


if __name__ == "__main__":
    for each in RECIPES:
        if "--lock" in sys.argv[1:]:
            compile_lock(RECIPES[each], lock_file(each), upgrade="--upgrade" in sys.argv[1:])
        print(f"{each}: {client_python(each)}", file=sys.stderr)
