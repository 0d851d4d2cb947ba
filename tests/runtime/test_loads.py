"""The load of processes and of the machine, measured on real processes."""

from __future__ import annotations

import subprocess
import sys

from modelyard.runtime.loads import LoadMeter

CHILD = "import sys\nfor _ in range(4_000_000): pass\nprint('done', flush=True)\nsys.stdin.read()"
WORK = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {CHILD!r}])"


def test_a_tree_of_processes_is_measured_as_one() -> None:
    meter = LoadMeter()
    process = subprocess.Popen([sys.executable, "-c", WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        devices, loads = meter.measure({"a": process.pid})
        assert loads["a"].cpu is None and devices["server"].cpu is None, "nothing to compare with yet"
        assert process.stdout is not None and process.stdout.readline() == "done\n"
        devices, loads = meter.measure({"a": process.pid})
        busy = loads["a"]
        assert busy.cpu is not None and busy.memory is not None and busy.memory > 10_000_000, "of parent and child"
        assert devices["cpu"].cpu is not None and devices["cpu"].memory
    finally:
        process.communicate("")
    _, gone = meter.measure({"a": process.pid})
    assert (gone["a"].cpu, gone["a"].memory) == (None, None)
