"""Imports without garbage collection; what is imported is not collected later, and what is made later is."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc
from modelyard.core.heap import without_collection

with without_collection():
    import modelyard.protocol.models
    assert not gc.isenabled()
assert gc.isenabled()
assert gc.get_freeze_count() > 10_000

class Ring:
    ended = 0

    def __init__(self):
        self.itself = self

    def __del__(self):
        Ring.ended += 1

Ring()
gc.collect()
assert Ring.ended == 1
"""


def test_collection_begins_after_the_imports() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
