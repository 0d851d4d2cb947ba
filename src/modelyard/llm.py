"""The importable place of `swift.llm`'s names: `from modelyard.llm import get_vllm_engine`. They are in `compat/swift/llm.py`."""

from __future__ import annotations

from modelyard.compat.swift import llm
from modelyard.compat.swift.llm import *  # noqa: F403  # its `__all__` is the interface

__all__ = llm.__all__
