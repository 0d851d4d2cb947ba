"""Fixtures of the command line's tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from modelyard.cli.main import run
from tests.client.stub import Stub


@dataclass(frozen=True)
class Printed:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A scripted server."""
    with Stub() as server:
        yield server


@pytest.fixture
def call(stub: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Printed]]:
    """Run a command in this process, against the scripted server: milliseconds where a process of its own takes 300."""

    def call(*arguments: str) -> Printed:
        code = run(arguments)
        out, err = capsys.readouterr()
        return Printed(code, out, err)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELYARD_ENDPOINT", stub.url)
        patch.setenv("MODELYARD_HOME", str(tmp_path / "home"))
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield call
    time.tzset()
