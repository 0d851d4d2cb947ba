"""Where a replica's memory comes from, or why there is not enough of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelyard.core.errors import NotEnoughMemory
from modelyard.core.types import Device, Footprint, Hardware, Launch

GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Placement:
    """The devices of one replica and the bytes it takes from each."""

    devices: tuple[str, ...]
    bytes_each: int

    @property
    def gpu_indexes(self) -> tuple[int, ...]:
        return tuple(int(name.partition(":")[2]) for name in self.devices if ":" in name)


@dataclass(frozen=True, slots=True)
class Claims:
    """Bytes per device that our replicas are expected to take: of all that live, and of those still loading."""

    held: Mapping[str, int] = field(default_factory=dict)
    loading: Mapping[str, int] = field(default_factory=dict)
    """Not yet seen in the device's free memory."""

    def plus(self, spot: Placement, *, loading: bool) -> Claims:
        """With one more replica."""
        more = {device: self.held.get(device, 0) + spot.bytes_each for device in spot.devices}
        if not loading:
            return Claims({**self.held, **more}, self.loading)
        fresh = {device: self.loading.get(device, 0) + spot.bytes_each for device in spot.devices}
        return Claims({**self.held, **more}, {**self.loading, **fresh})


def place(launch: Launch, need: Footprint, hardware: Hardware, claims: Claims, headroom: float) -> Placement:
    """Devices for one more replica; raises `NotEnoughMemory` with the figures.

    Memory-mapped weights count as free to the kernel, so what is free is the smaller of what the device reports and of
    what our own claims leave of it.
    """
    if launch.gpus:
        return _on_gpus(launch, need, hardware, claims, headroom)
    free = _free(hardware.cpu, claims, headroom)
    if need.total > free:
        raise NotEnoughMemory(launch.uid, _figures(need, need.total, free, hardware.cpu))
    return Placement((hardware.cpu.name,), need.total)


def _on_gpus(launch: Launch, need: Footprint, hardware: Hardware, claims: Claims, headroom: float) -> Placement:
    allowed = [
        gpu for index, gpu in enumerate(hardware.gpus) if not launch.gpu_idx or index in launch.gpu_idx
    ]  # fmt: skip
    if len(allowed) < launch.gpus:
        raise NotEnoughMemory(launch.uid, f"it asks for {launch.gpus} GPU(s), and {len(allowed)} may be used here.")
    freest = sorted(allowed, key=lambda gpu: _free(gpu, claims, headroom), reverse=True)[: launch.gpus]
    each = -(-need.total // launch.gpus)
    for gpu in freest:
        free = _free(gpu, claims, headroom)
        if each > free:
            raise NotEnoughMemory(launch.uid, _figures(need, each, free, gpu))
    return Placement(tuple(gpu.name for gpu in freest), each)


def _free(device: Device, claims: Claims, headroom: float) -> int:
    usable = int(device.memory_total * (1 - headroom))
    reported = device.memory_free - claims.loading.get(device.name, 0)
    return max(0, min(reported, usable - claims.held.get(device.name, 0)))


def _figures(need: Footprint, each: int, free: int, device: Device) -> str:
    parts = (
        f"weights {show(need.weights)}, KV cache {show(need.kv_cache)}, overhead {show(need.overhead)}"
    )  # fmt: skip
    return (
        f"a replica needs {show(each)} ({parts}), and {show(free)} of {show(device.memory_total)} can be used on "
        f"{device.name}. A smaller context, fewer parallel requests or a smaller quantisation needs less."
    )


def show(size: int) -> str:
    """Bytes for people."""
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{size / 1024**2:.0f} MiB"
