"""Fixtures of the client's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modelyard.client import Client
from tests.client.stub import Stub


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A scripted server."""
    with Stub() as server:
        yield server


@pytest.fixture
def client(stub: Stub) -> Iterator[Client]:
    """A client of the scripted server."""
    with Client(stub.url, timeout=20) as one:
        yield one
