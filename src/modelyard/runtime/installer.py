"""Fills a virtual environment with packages: by uv if it is installed, else by venv and pip."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from modelyard.core.errors import InstallFailed
from modelyard.core.wording import reason

SOURCES = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
}
"""pip's setting of a package source → uv's variable for it, and the separator of several sources."""

UV_DEFAULTS = {"UV_SYSTEM_CERTS": "1", "UV_COMPILE_BYTECODE": "1"}
"""uv uses the system's certificates, as pip does, and compiles modules once rather than at each start of a replica."""


class Installer:
    """Makes one environment and installs into it. Output of the programs goes to stderr; failures raise `InstallFailed`."""

    def __init__(self, engine: str, place: Path) -> None:
        self._engine = engine
        self._python = place / "bin" / "python"
        self._place = place
        self._uv = uv()

    @property
    def title(self) -> str:
        """Name of the program that installs."""
        return "uv" if self._uv else "pip"

    def create(self) -> None:
        """Make an empty environment with the Python of this process."""
        if self._uv:
            self._run([*self._uv, "venv", "--quiet", "--python", sys.executable, str(self._place)])
        else:
            self._run([sys.executable, "-m", "venv", str(self._place)])

    def install(self, requirements: Sequence[str], *, dependencies: bool = True) -> None:
        """Install packages, given as requirements or as arguments of `pip install`."""
        extra = [] if dependencies else ["--no-deps"]
        if self._uv:
            self._run([*self._uv, "pip", "install", "--python", str(self._python), *extra, *requirements])
        else:
            self._run([str(self._python), "-m", "pip", "install", "--disable-pip-version-check", *extra, *requirements])

    def install_locked(self, lock: Path) -> None:
        """Install exactly what a lock file lists: wheels only, and only files whose hashes it has."""
        checked = ["--require-hashes", "--only-binary", ":all:"]
        self.install([*checked, "-r", str(lock)], dependencies=False)

    def check(self, module: str) -> None:
        """Raises `InstallFailed` unless the environment has a module; the module is not imported."""
        code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
        self._run([str(self._python), "-c", code])

    def _run(self, argv: list[str]) -> None:
        try:
            done = subprocess.run(
                argv, check=False, stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno(), env=environment(bool(self._uv))
            )
        except OSError as error:
            raise InstallFailed(self._engine, f"{argv[0]} cannot be run: {reason(error)}") from error
        if done.returncode:
            raise InstallFailed(self._engine, f"`{_shortened(argv)}` ended with exit code {done.returncode}; see above")


def _shortened(argv: Sequence[str]) -> str:
    """A command for an error message."""
    words = [Path(argv[0]).name, *argv[1:]]
    return " ".join(words if len(words) <= 12 else [*words[:12], "…"])


def uv() -> list[str]:
    """The command that runs uv; empty if it is not installed."""
    if found := shutil.which("uv"):
        return [found]
    return [sys.executable, "-m", "uv"] if importlib.util.find_spec("uv") else []


def environment(for_uv: bool) -> dict[str, str]:
    """Environment variables for the installer. uv, which does not read pip's configuration, gets pip's sources if it has none."""
    found = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    }
    if for_uv:
        found = UV_DEFAULTS | found
        if not any(name in found for name, _ in SOURCES.values()):
            found |= sources(pip_configuration())
    return found


def pip_configuration() -> str:
    """The output of `pip config list`; empty if there is no pip."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout if done.returncode == 0 else ""


def sources(configuration: str) -> Mapping[str, str]:
    """pip's sources as variables of uv, which is told to take the best version of all sources, as pip does."""
    found: dict[str, list[str]] = {}
    for line in configuration.splitlines():
        key, _, value = line.partition("=")
        option = key.rpartition(".")[2].strip()
        if option in SOURCES:
            words = value.strip().strip("'\"").replace("\\n", " ").split()
            found[option] = list(dict.fromkeys([*found.get(option, []), *words]))
    variables = {SOURCES[option][0]: SOURCES[option][1].join(words) for option, words in found.items()}
    return {**variables, "UV_INDEX_STRATEGY": "unsafe-best-match"} if variables else {}
