"""The lock files of engines' environments: complete, checked by hash, without torch and without an address of a registry."""

from __future__ import annotations

import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tools.locks import TORCH_FAMILY, locked_steps, server_versions

from modelyard.core.types import Step
from modelyard.engines import ENGINES
from modelyard.runtime.environments import LIGHT, LOCKS

ENTRY = re.compile(r"^([\w.-]+)==([^ ]+)(?: ; [^\\]+)? \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", re.MULTILINE)


STEPS = [found for engine in ENGINES for found in locked_steps(engine)]
"""Each step with a lock file, with what the recipe installs apart from it."""


def locked(lock: str) -> dict[str, list[str]]:
    """The versions of each package of a lock file; different Pythons may get different ones."""
    found: dict[str, list[str]] = {}
    for name, version in ENTRY.findall((LOCKS / lock).read_text(encoding="utf-8")):
        found.setdefault(name, []).append(version)
    return found


def test_every_engine_with_an_environment_is_installed_by_hashes() -> None:
    used = [step.lock for step, _ in STEPS]
    assert sorted(used) == sorted(path.name for path in LOCKS.iterdir()), "python -m tools.locks"
    for name in ENGINES:
        recipe = ENGINES.get(name).environment
        for chosen in (recipe.steps, recipe.gpu_steps) if recipe else ():
            assert not chosen or chosen[0].lock, (
                f"{name}: the lock file goes first, so that torch brings nothing unchecked"
            )


@pytest.mark.parametrize(("step", "apart"), STEPS, ids=lambda value: value.lock if isinstance(value, Step) else "")
def test_a_lock_file_fits_its_recipe(step: Step, apart: list[str]) -> None:
    text = (LOCKS / step.lock).read_text(encoding="utf-8")
    assert ENTRY.sub("", text) == "", "nothing but packages and their hashes: no address, no option"
    versions = locked(step.lock)
    for wanted in map(Requirement, step.packages):
        assert all(
            wanted.specifier.contains(each, prereleases=True) for each in versions[canonicalize_name(wanted.name)]
        )
    assert not {*TORCH_FAMILY, *(canonicalize_name(Requirement(each).name) for each in apart)} & versions.keys()
    assert all(each in versions for each in LIGHT)
    assert {f"{name}=={version}" for name in LIGHT for version in versions[name]} <= set(server_versions())
    assert all("==" in each for each in apart), "what has no hash has its version"


def test_lock_files_for_processors_bring_no_cuda() -> None:
    for step, _ in STEPS:
        cuda = [name for name in locked(step.lock) if name.startswith("nvidia-")]
        assert bool(cuda) == step.lock.endswith("-gpu.txt")
