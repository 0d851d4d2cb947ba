"""Fixtures of the command line's tests."""

from __future__ import annotations

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
def call(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Printed]:
    """Run a command in this process, against the scripted server: milliseconds where a process of its own takes 300."""
    monkeypatch.setenv("MODELYARD_ENDPOINT", stub.url)
    monkeypatch.setenv("MODELYARD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TZ", "UTC")

    def call(*arguments: str) -> Printed:
        code = run(arguments)
        out, err = capsys.readouterr()
        return Printed(code, out, err)

    return call
