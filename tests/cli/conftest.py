"""Fixtures of the command line's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.client.stub import Stub


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A scripted server."""
    with Stub() as server:
        yield server
