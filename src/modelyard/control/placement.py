"""Decides which devices provide a replica's memory, or why there is not enough of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelyard.core.errors import NotEnoughMemory
from modelyard.core.types import Device, Footprint, Hardware, Launch

GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Placement:
    """The devices of one replica, with the bytes of memory that it takes from each."""

    devices: tuple[str, ...]
    bytes_each: int

    @property
    def gpu_indexes(self) -> tuple[int, ...]:
        return tuple(int(name.partition(":")[2]) for name in self.devices if ":" in name)


@dataclass(frozen=True, slots=True)
class Claims:
    """Bytes of memory per device that replicas are expected to use: `all` replicas, and those that are still `loading`."""

    held: Mapping[str, int] = field(default_factory=dict)
    loading: Mapping[str, int] = field(default_factory=dict)
    """Memory that replicas will take, and that the device still reports as free."""

    def plus(self, spot: Placement, *, loading: bool) -> Claims:
        """These claims and those of one more replica."""
        more = {device: self.held.get(device, 0) + spot.bytes_each for device in spot.devices}
        if not loading:
            return Claims({**self.held, **more}, self.loading)
        fresh = {device: self.loading.get(device, 0) + spot.bytes_each for device in spot.devices}
        return Claims({**self.held, **more}, {**self.loading, **fresh})


@dataclass(frozen=True, slots=True)
class Machine:
    """The hardware of this machine, and the memory that replicas have claimed of it."""

    hardware: Hardware
    claims: Claims = field(default_factory=Claims)
    headroom: float = 0.05
    """Part of each device's memory that is left free, from 0 to 1."""
    engines: Path | None = None
    """The folder of the engine environments."""


def place(launch: Launch, need: Footprint, hardware: Hardware, claims: Claims, headroom: float) -> Placement:
    """Place one more replica. Raises `NotEnoughMemory` with the figures.

    The kernel counts memory-mapped weights as free memory. So the usable memory is the minimum of what the device reports
    as free and of what the claims of replicas leave.
    """
    if launch.gpus:
        return _on_gpus(launch, need, hardware, claims, headroom)
    free = usable(hardware.cpu, claims, headroom)
    if need.total > free:
        raise _refusal(launch.uid, need, need.total, free, hardware.cpu)
    return Placement((hardware.cpu.name,), need.total)


def _on_gpus(launch: Launch, need: Footprint, hardware: Hardware, claims: Claims, headroom: float) -> Placement:
    freest = _freest(launch, hardware, claims, headroom)
    if len(freest) < launch.gpus:
        raise NotEnoughMemory(launch.uid, f"it asks for {launch.gpus} GPU(s), and {len(freest)} may be used here.")
    least = -(-need.total // launch.gpus)
    each = max([least, *(int(need.share * gpu.memory_total) for gpu in freest)])
    for gpu in freest:
        free = usable(gpu, claims, headroom)
        if each > free:
            raise _refusal(launch.uid, need, each, free, gpu)
        if need.share and least > (most := int(need.share * gpu.memory_total)):
            raise _refusal(launch.uid, need, least, most, gpu)
    return Placement(tuple(gpu.name for gpu in freest), each)


def _freest(launch: Launch, hardware: Hardware, claims: Claims, headroom: float) -> list[Device]:
    """The number of GPUs that the launch needs, of those it may use, with the most free memory first."""
    allowed = [gpu for index, gpu in enumerate(hardware.gpus) if not launch.gpu_idx or index in launch.gpu_idx]
    return sorted(allowed, key=lambda gpu: usable(gpu, claims, headroom), reverse=True)[: launch.gpus]


def capacity(launch: Launch, hardware: Hardware) -> int:
    """Bytes of memory, free or not, of all devices that a replica would use."""
    if not launch.gpus:
        return hardware.cpu.memory_total
    return sum(gpu.memory_total for gpu in _freest(launch, hardware, Claims(), 0.0))


def fits_on(need: Footprint, machine: Machine, share: float = 1.0) -> dict[str, bool]:
    """Device → whether one replica fits there now, and within its share of a GPU."""
    claims, headroom = machine.claims, machine.headroom
    cpu, *gpus = machine.hardware.devices
    fits = {cpu.name: need.total <= usable(cpu, claims, headroom)}
    for gpu in gpus:
        fits[gpu.name] = need.total <= min(usable(gpu, claims, headroom), int(share * gpu.memory_total))
    return fits


def usable(device: Device, claims: Claims, headroom: float) -> int:
    """Bytes of a device that one more replica may take."""
    most = int(device.memory_total * (1 - headroom))
    reported = device.memory_free - claims.loading.get(device.name, 0)
    return max(0, min(reported, most - claims.held.get(device.name, 0)))


def _refusal(uid: str, need: Footprint, each: int, free: int, device: Device) -> NotEnoughMemory:
    overhead = need.overhead + need.activations
    minimum = f"; it takes {need.share:.0%} of a GPU in any case, by gpu_memory_utilization" if need.share else ""
    parts = f"weights {show(need.weights)}, KV cache {show(need.kv_cache)}, overhead {show(overhead)}{minimum}"
    sentence = (
        f"a replica needs {show(each)} ({parts}), and {show(free)} of {show(device.memory_total)} can be used on "
        f"{device.name}. A smaller context, fewer parallel requests or a smaller quantisation needs less."
    )
    memory: dict[str, int | str] = {**need.figures(), "each": each, "free": free, "device": device.name}
    return NotEnoughMemory(uid, sentence, memory)


def show(size: int) -> str:
    """A number of bytes as text, such as `1.5 GiB`."""
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{size / 1024**2:.0f} MiB"
