"""Inspects this machine: cores, main memory (within the limit of a container) and NVIDIA GPUs."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from modelyard.core.types import Device, Hardware

CGROUP = Path("/sys/fs/cgroup")


def inspect() -> Hardware:
    """The cores that this process may use, and every device with its total and its present free memory, in bytes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return Hardware(cpu_count=cores, devices=(inspect_memory(), *_gpus()))


def inspect_memory() -> Device:
    """Main memory, within the limit of the container."""
    memory = psutil.virtual_memory()
    total, free = memory.total, memory.available
    limit, used = _read_cgroup("memory.max"), _read_cgroup("memory.current")
    if limit is not None and limit < total:
        reclaimable = _cgroup_cache()
        total = limit
        free = min(free, max(0, limit - (used or 0) + reclaimable))
    return Device("cpu", "main memory", total, free)


def _read_cgroup(name: str) -> int | None:
    try:
        text = (CGROUP / name).read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _cgroup_cache() -> int:
    """Bytes of page cache, which the kernel frees under memory pressure."""
    try:
        rows = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return 0
    return int(rows.get("inactive_file", 0)) + int(rows.get("active_file", 0))


def _gpus() -> list[Device]:
    import pynvml

    try:
        pynvml.nvmlInit()
        try:
            return [_gpu(index) for index in range(pynvml.nvmlDeviceGetCount())]
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return []  # no driver, or one that does not answer: nothing we could place a model on


def _gpu(index: int) -> Device:
    import pynvml

    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    name = pynvml.nvmlDeviceGetName(handle)
    return Device(f"cuda:{index}", str(name), int(memory.total), int(memory.free))
