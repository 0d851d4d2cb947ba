"""The suite's own rules: a skip that CI does not allow fails there, and each file's tests stay in one worker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = """
import pytest

def test_allowed():
    pytest.skip("needs a GPU")

def test_forbidden():
    pytest.skip("needs a tool that CI could install")

def test_with_half_a_character():
    print("\\ud800")
    assert "\\ud800" == "a"

@pytest.mark.xfail(reason="not a skip", strict=True)
def test_expected_to_fail():
    raise AssertionError
"""


def run(folder: Path, *arguments: str, **env: str) -> str:
    """What pytest prints about the tests above."""
    (folder / "test_it.py").write_text(TESTS)
    clean = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-p", "tests.suite", "--rootdir", str(folder), *arguments, "test_it.py"]
    done = subprocess.run(
        command, cwd=folder, env={**clean, "PYTHONPATH": str(ROOT), **env}, capture_output=True, text=True, check=False
    )
    return done.stdout


def test_a_skip_fails_in_ci_unless_its_reason_is_listed(tmp_path: Path) -> None:
    assert "1 failed, 2 skipped, 1 xfailed" in run(tmp_path)
    in_ci = run(tmp_path, CI="true")
    assert "2 failed, 1 skipped, 1 xfailed" in in_ci
    assert "skipped in CI: 'needs a tool that CI could install'" in in_ci


def test_a_file_is_one_group(tmp_path: Path) -> None:
    """Otherwise a module's server would start once in each worker."""
    output = run(tmp_path, "-n", "2", "-v")
    workers = {line.split("]")[0] for line in output.splitlines() if line.startswith("[gw")}
    assert len(workers) == 1, output
    assert "1 failed, 2 skipped, 1 xfailed" in output
