"""The virtual environments of engines, `<home>/engines/<engine>/`: installing, locking, listing and removing them.

An environment is built under a temporary name and renamed when it is complete, so an incomplete one is never used. It has the
engine's libraries, the packages that our part of a replica needs, and a link to this package; nothing else of the server."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import modelyard
from modelyard.core.errors import InstallFailed
from modelyard.core.private import private_files, private_folder
from modelyard.core.types import Recipe, Step
from modelyard.core.wording import reason
from modelyard.runtime.installer import Installer

RECEIPT = "environment.json"
"""Name of the file that is written last; a folder without it is not an environment."""
LOCK = "requirements.lock"
LIGHT = ("msgspec", "uvicorn", "httptools", "uvloop", "jinja2")
"""What a replica of ours imports beside its engine. Lock files list them; where a recipe has no lock file, they get the
versions that the server has."""
PACKAGE = Path(modelyard.__file__).resolve().parent
LOCKS = PACKAGE / "engines" / "locks"
"""The lock files that come with Modelyard."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Environment:
    """A complete environment of one engine."""

    engine: str
    folder: str
    python: str
    """The interpreter, absolute."""
    installed_at: float
    """Unix time."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Versions of the packages in `Recipe.show`."""

    @property
    def python_version(self) -> str:
        """Such as `3.11`."""
        return _packages(Path(self.folder)).parent.name.removeprefix("python")


class Environments:
    """The environments of one home folder. Nothing is cached, so changes by other processes are seen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, engine: str) -> Environment | None:
        """The environment of an engine, if it is complete and linked to this package; else None."""
        place = self.folder / engine
        python = place / "bin" / "python"
        try:
            receipt = json.loads((place / RECEIPT).read_text(encoding="utf-8"))
            if not (link := _packages(place) / PACKAGE.name).exists() and link.is_symlink():
                _link(place)  # the package has moved since
            linked = os.path.samefile(_packages(place) / PACKAGE.name, PACKAGE)
        except (OSError, ValueError):
            return None
        if not linked or not os.access(python, os.X_OK):
            return None
        return Environment(engine, str(place), str(python), receipt["installed_at"], receipt["versions"])

    def orphaned(self, engine: str) -> str:
        """A sentence about an environment whose Python was removed or has moved; empty for any other environment."""
        python = self.folder / engine / "bin" / "python"
        if not python.is_symlink() or python.exists():
            return ""
        return f"The Python that {engine}'s environment was made with is gone: modelyard engine install {engine}."

    def all(self) -> list[Environment]:
        """All complete environments, by name."""
        names = sorted(place.name for place in self.folder.iterdir()) if self.folder.is_dir() else []
        return [found for name in names if not name.startswith(".") and (found := self.find(name))]

    def size(self, engine: str) -> int:
        """Bytes of all files of an environment."""
        return sum(
            os.lstat(os.path.join(above, name)).st_size
            for above, _, names in os.walk(self.folder / engine)
            for name in names
        )

    def lock_of(self, engine: str) -> Path:
        """The text of the lock file: the packages that were installed."""
        return self.folder / engine / LOCK

    def locked(self, engine: str) -> dict[str, str]:
        """The packages that were installed: name → version."""
        lines = self.lock_of(engine).read_text(encoding="utf-8").split()
        return dict(line.split("==", 1) for line in lines if "==" in line)

    def problems(self, engine: str, recipe: Recipe) -> list[str]:
        """Sentences about what is wrong with an environment; empty if it can be used.

        The engine's library is imported in it, and its packages are compared with its lock file.
        """
        found = self.find(engine)
        if found is None and (sentence := self.orphaned(engine)):
            return [sentence]
        if found is None:
            damaged = (self.folder / engine).exists()
            return [f"{engine} is {'damaged' if damaged else 'not installed'}: modelyard engine install {engine}."]
        place = self.folder / engine
        locked = self.locked(engine)
        here = _versions(place)
        changed = [
            f"{name} is {here.get(name, 'gone')}, and {version} was installed."
            for name, version in locked.items()
            if here.get(name) != version
        ]
        return [*changed, *([problem] if (problem := import_problem(found.python, recipe.proof)) else [])]

    def remove(self, engine: str) -> bool:
        """Delete an environment; False if there is none. Its replicas continue until they need another of its files."""
        place = self.folder / engine
        if not place.is_dir():
            return False
        with self._locked(engine, lambda text: None):
            self._discard(place)
        return True

    def install(
        self, engine: str, recipe: Recipe, *, gpu: bool, say: Say, lock: Path | None = None, upgrade: bool = False
    ) -> Environment:
        """Make the environment, or return the one that is there already, unless `upgrade` or `lock` asks for a new one.

        Raises `InstallFailed`; whatever goes wrong, and after Ctrl-C, the environment is as it was before.
        """
        with self._locked(engine, say), private_files():
            if not upgrade and lock is None and (found := self._relinked(engine)):
                say(f"{engine} is installed already; --upgrade makes it anew.")
                return found
            making = self.folder / f".{engine}.making"
            place = self.folder / engine
            try:
                self._make(making, engine, recipe, gpu, lock, say)
                _retarget(making, place)
                if place.exists():
                    self._discard(place)
                making.rename(place)
            except OSError as error:
                raise InstallFailed(engine, f"'{error.filename or self.folder}': {reason(error)}") from error
            finally:
                shutil.rmtree(making, ignore_errors=True)
        made = self.find(engine)
        if made is None:
            raise InstallFailed(engine, f"{place} is not whole")
        return made

    def _relinked(self, engine: str) -> Environment | None:
        """The existing environment, linked again if this package has moved since; None if there is none."""
        place = self.folder / engine
        if (place / RECEIPT).is_file() and (place / "bin" / "python").exists():
            _link(place)
        return self.find(engine)

    def _make(self, place: Path, engine: str, recipe: Recipe, gpu: bool, lock: Path | None, say: Say) -> None:
        steps = steps_for(recipe, gpu)
        shutil.rmtree(place, ignore_errors=True)
        installer = Installer(engine, place)
        say(f"Making an environment for {engine} with {installer.title} ...")
        installer.create()
        if lock is not None:
            say(f"Installing what {lock} lists ...")
            installer.install(["-r", str(lock.resolve())], dependencies=False)
        else:
            for number, step in enumerate(steps, 1):
                say(f"Step {number} of {len(steps)}: {step_title(step)} ...")
                if step.lock:
                    installer.install_locked(LOCKS / step.lock)
                else:
                    installer.install(step.packages, dependencies=step.dependencies)
            if not any(step.lock for step in steps):
                installer.install([f"{name}=={importlib.metadata.version(name)}" for name in _light()])
        _link(place)
        say(f"Checking that {recipe.proof} is there ...")
        installer.check(recipe.proof)
        versions = _versions(place)
        (place / LOCK).write_text("".join(f"{name}=={versions[name]}\n" for name in sorted(versions)), encoding="utf-8")
        versions_to_show = {name: versions[name] for name in recipe.show if name in versions}
        receipt = {
            "engine": engine,
            "installed_at": time.time(),
            "versions": versions_to_show,
            **origin_of(recipe, gpu),
        }
        (place / RECEIPT).write_text(json.dumps(receipt, indent=2), encoding="utf-8")

    def _discard(self, place: Path) -> None:
        """Delete a folder. It stops being an environment at once, even if deleting is interrupted."""
        (place / RECEIPT).unlink(missing_ok=True)
        aside = self.folder / f".{place.name}.old"
        shutil.rmtree(aside, ignore_errors=True)
        place.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)

    @contextmanager
    def _locked(self, engine: str, say: Say) -> Iterator[None]:
        """Hold the lock under which an environment is changed; another process waits."""
        try:
            private_folder(self.folder.parent)
            private_folder(self.folder)
            with private_files():
                holding = (self.folder / f".{engine}.lock").open("w", encoding="utf-8")
        except OSError as error:
            raise InstallFailed(engine, f"{self.folder} cannot be written: {reason(error)}") from error
        with holding:
            try:
                fcntl.flock(holding, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"Another process is installing {engine}; waiting for it ...")
                fcntl.flock(holding, fcntl.LOCK_EX)
            yield


def import_problem(python: str, module: str) -> str:
    """Why an interpreter cannot import a module; empty if it can."""
    done = subprocess.run(
        [python, "-W", "ignore", "-c", f"import {module}"], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return ""
    last = next(iter(done.stderr.strip().splitlines()[-1:]), f"exit code {done.returncode}")
    return f"{module} cannot be imported: {last}"


def step_title(step: Step) -> str:
    """The packages of a step, as text for people."""
    return ", ".join(step.packages) + (f", by the hashes of {step.lock}" if step.lock else "")


def steps_for(recipe: Recipe, gpu: bool) -> tuple[Step, ...]:
    """The steps of a recipe for a machine with or without a GPU."""
    return recipe.gpu_steps if gpu and recipe.gpu_steps else recipe.steps


def origin_of(recipe: Recipe, gpu: bool) -> dict[str, Any]:
    """What determines the packages of an environment, for its receipt: the recipe, and the SHA-256 of each lock file."""
    locks = {step.lock: (LOCKS / step.lock).read_bytes() for step in steps_for(recipe, gpu) if step.lock}
    return {
        "recipe": json.loads(json.dumps(asdict(recipe))),
        "locks": {name: hashlib.sha256(content).hexdigest() for name, content in locks.items()},
    }


def _light() -> list[str]:
    """The packages of `LIGHT` that the server has."""
    found = []
    for name in LIGHT:
        with suppress(importlib.metadata.PackageNotFoundError):
            importlib.metadata.version(name)
            found.append(name)
    return found


def _plain(name: str) -> str:
    """A package's name in the normal form by which names are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _versions(place: Path) -> dict[str, str]:
    found = importlib.metadata.distributions(path=[str(_packages(place))])
    return {_plain(each.metadata["Name"]): each.version for each in found if each.metadata["Name"]}


def _packages(place: Path) -> Path:
    """The folder `site-packages` of an environment."""
    return next((place / "lib").glob("python3.*/site-packages"), place / "lib" / "nowhere")


def _link(place: Path) -> None:
    """Link this package into an environment, without what lies beside it."""
    link = _packages(place) / PACKAGE.name
    new = link.with_name(f".{PACKAGE.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    new.symlink_to(PACKAGE, target_is_directory=True)
    new.replace(link)  # at once: other processes may look for it, or make it, too


def _retarget(place: Path, home: Path) -> None:
    """Rewrite the interpreter's absolute path in scripts to what it is after the rename."""
    old, new = os.fsencode(str(place)), os.fsencode(str(home))
    for script in (place / "bin").iterdir():
        if script.is_symlink() or not script.is_file():
            continue
        text = script.read_bytes()
        if old in text[:4096] and b"\0" not in text[:4096]:
            script.write_bytes(text.replace(old, new))
