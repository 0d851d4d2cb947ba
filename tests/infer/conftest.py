"""One engine in a child process for all tests of this folder; `tests/suite.py` runs them in one worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modelyard.llm import LLMEngine, get_vllm_engine


@pytest.fixture(scope="session")
def engine() -> Iterator[LLMEngine]:
    """The demo model on llama.cpp, started as a program written for ms-swift starts it."""
    with get_vllm_engine("modelyard-demo", infer_backend="llama_cpp") as engine:
        assert isinstance(engine, LLMEngine)
        yield engine
