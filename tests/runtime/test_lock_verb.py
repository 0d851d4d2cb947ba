"""`make lock` keeps the versions that lock files list, unless it is asked for the newest."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.client_environments import ROOT, Recipe, compile_lock


def wheel(folder: Path, name: str, version: str, *requires: str) -> None:
    """A wheel without any module."""
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{info}/RECORD", "")


def versions(lock: Path) -> list[str]:
    """What a lock file pins."""
    return [line.partition(" ")[0] for line in lock.read_text(encoding="utf-8").splitlines() if "==" in line]


def test_versions_stay_when_a_requirement_is_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
    lock = tmp_path / "lock.txt"
    wheel(tmp_path, "toy", "1.0", "block")
    wheel(tmp_path, "block", "1.0")
    wheel(tmp_path, "bare", "1.0", "block")
    compile_lock(Recipe(("toy",), bare=("bare",)), lock, upgrade=False)
    assert versions(lock) == ["block==1.0", "toy==1.0", "bare==1.0"]
    for name in ("toy", "block", "bare", "more"):
        wheel(tmp_path, name, "2.0")
    wheel(tmp_path, "toy", "2.0", "block")
    further = Recipe(("toy", "more"), bare=("bare",))
    compile_lock(further, lock, upgrade=False)
    assert versions(lock) == ["block==1.0", "more==2.0", "toy==1.0", "bare==1.0"]
    compile_lock(further, lock, upgrade=True)
    assert versions(lock) == ["block==2.0", "more==2.0", "toy==2.0", "bare==2.0"]


def test_every_command_of_the_verb_follows_the_choice() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    _, _, recipe = text.partition("\nlock: ")
    help_line, *lines = recipe.partition("\n\n")[0].replace("\\\n", "").splitlines()
    assert len(lines) == 5 and all("$(UPGRADE)" in line and "--upgrade" not in line for line in lines)
    assert "UPGRADE=--upgrade" in help_line and "\nUPGRADE ?=\n" in text
