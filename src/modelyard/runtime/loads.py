"""Measures how much of the CPU, memory and NVIDIA GPUs devices and trees of processes use. Blocking; call it in a thread."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from modelyard.runtime.hardware import inspect_memory


@dataclass(frozen=True, slots=True)
class Load:
    """The load of a device or of a tree of processes. A figure that is unknown or does not apply is None."""

    cpu: float | None = None
    """Percent: of one core for processes, of all cores for the device `cpu`."""
    memory: int | None = None
    """Bytes of main memory."""
    gpu: float | None = None
    """Percent of the time in which the GPU computed."""
    gpu_memory: int | None = None
    """Bytes of GPU memory."""


@dataclass(slots=True)
class LoadMeter:
    """Measures loads. CPU figures are means since the previous call, so the first call has none."""

    _before: dict[tuple[int, float], float] = field(default_factory=dict)
    """Process, by number and start → the CPU seconds that it had used at the call before."""
    _at: float = 0.0
    _gpus: bool | None = None
    """Whether NVIDIA's library works here; None before the first call."""

    def measure(self, roots: Mapping[str, int]) -> tuple[dict[str, Load], dict[str, Load]]:
        """The load of each device by name, with `server` for this process, and of each process with its descendants."""
        gpus, on_gpus = self._measure_gpus()
        used: dict[tuple[int, float], float] = {}
        now = time.monotonic()
        trees = {name: _tree(pid) for name, pid in roots.items()}
        seconds = now - self._at if self._at else 0.0
        loads = {name: self._load(tree, used, seconds, on_gpus) for name, tree in trees.items()}
        server = self._load([psutil.Process()], used, seconds, {})
        self._before, self._at = used, now
        machine = psutil.cpu_percent(None)
        memory = inspect_memory()
        whole = Load(machine if seconds else None, memory.memory_total - memory.memory_free)
        return {"cpu": whole, "server": server, **gpus}, loads

    def _load(
        self,
        tree: Iterable[psutil.Process],
        used: dict[tuple[int, float], float],
        seconds: float,
        on_gpus: Mapping[int, int],
    ) -> Load:
        cpu, memory, gpu_memory, known = 0.0, 0, 0, False
        for process in tree:
            with suppress(psutil.Error), process.oneshot():
                key = (process.pid, process.create_time())
                times = process.cpu_times()
                used[key] = times.user + times.system
                cpu += used[key] - self._before.get(key, used[key])
                memory += process.memory_info().rss
                gpu_memory += on_gpus.get(process.pid, 0)
                known = True
        if not known:
            return Load()
        return Load(100 * cpu / seconds if seconds else None, memory, None, gpu_memory or None)

    def _measure_gpus(self) -> tuple[dict[str, Load], dict[int, int]]:
        """The load of each GPU, and the GPU memory of each process."""
        if self._gpus is None and not has_nvml():
            self._gpus = False
        if self._gpus is False:
            return {}, {}
        import pynvml

        try:
            if self._gpus is None:
                pynvml.nvmlInit()
                self._gpus = True
            loads: dict[str, Load] = {}
            processes: dict[int, int] = {}
            for index in range(pynvml.nvmlDeviceGetCount()):
                handle = pynvml.nvmlDeviceGetHandleByIndex(index)
                loads[f"cuda:{index}"] = _gpu_load(handle)
                with suppress(pynvml.NVMLError):  # a slice of a GPU does not tell
                    for each in pynvml.nvmlDeviceGetComputeRunningProcesses(handle):
                        processes[each.pid] = processes.get(each.pid, 0) + (each.usedGpuMemory or 0)
        except pynvml.NVMLError:
            self._gpus = False  # no driver, or one that does not answer
            return {}, {}
        return loads, processes


def has_nvml() -> bool:
    """Whether NVIDIA's management library, a part of its driver, is installed. Does not import pynvml, which takes 6 MB."""
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return False
    return True


def _gpu_load(handle: object) -> Load:
    import pynvml

    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    percent = None
    with suppress(pynvml.NVMLError):  # a slice of a GPU does not tell
        percent = float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    return Load(gpu=percent, gpu_memory=int(memory.used))


def _tree(pid: int) -> list[psutil.Process]:
    """A process and its descendants; empty if it has ended."""
    if pid == os.getpid():
        return []
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []
