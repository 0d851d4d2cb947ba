# Owns the number of compute threads: fewer while other processes need the cores, because a starved thread holds up all.
from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch

PROC_STAT = Path("/proc/stat")
BUSY_SHARE = 0.35


def busy_seconds() -> float:
    """Processor seconds that the whole machine has spent since it started, without idle and I/O wait."""
    counts = [int(word) for word in PROC_STAT.read_text(encoding="ascii").splitlines()[0].split()[1:9]]
    user, nice, system, _idle, _wait, irq, soft_irq, steal = counts
    return (user + nice + system + irq + soft_irq + steal) / os.sysconf("SC_CLK_TCK")


@dataclass
class Cores:
    """Call `adapt` between steps. Does nothing where there is no /proc/stat."""

    most: int = field(default_factory=torch.get_num_threads)
    _seen: tuple[float, float, float] | None = None

    def adapt(self) -> None:
        if not PROC_STAT.exists():
            return
        now = (time.monotonic(), busy_seconds(), time.process_time())
        before, self._seen = self._seen, now
        if before is None:
            return
        wall, machine, own = (late - early for late, early in zip(now, before, strict=True))
        others = max(0.0, machine - own) / max(wall, 0.1)
        torch.set_num_threads(max(1, self.most - int(others + 1 - BUSY_SHARE)))
