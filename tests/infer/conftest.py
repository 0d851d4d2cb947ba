"""The engine that the tests of this folder ask."""

from __future__ import annotations

import pytest

from modelyard.llm import LLMEngine


@pytest.fixture(scope="session")
def engine(demo_engine: LLMEngine) -> LLMEngine:
    """The demo model in a child process, which the tests of swift's names use too."""
    return demo_engine
