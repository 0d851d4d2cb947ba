"""The result of a launch that only says what it would do."""

from __future__ import annotations

from dataclasses import dataclass

from modelyard.control.downloads import disk_of
from modelyard.control.placement import Machine, Placement
from modelyard.core.errors import ModelyardError
from modelyard.core.types import Footprint, Launch
from modelyard.engines import ENGINES

NOTHING = Footprint(0, 0, 0)


@dataclass(frozen=True, slots=True)
class DryRun:
    """What was decided before the row would be written, or before an error."""

    machine: Machine
    """Hardware and claims by which it was decided."""
    launch: Launch | None = None
    need: Footprint = NOTHING
    """Memory of one replica of `launch`."""
    missing_bytes: int = 0
    """Bytes of its download that are not on this machine."""
    disk_free: int = 0
    """Bytes that are free where the download would be kept."""
    placements: tuple[Placement, ...] = ()
    """One for each replica."""
    refusal: ModelyardError | None = None
    """The error that the launch would raise."""


def measured(machine: Machine, launch: Launch) -> DryRun:
    """A launch with the memory and the disk space that it would take. Reads file systems, so call it in a thread."""
    need = ENGINES.get(launch.engine).footprint(launch)
    if launch.model.download is None:
        return DryRun(machine, launch, need)
    _, missing, free = disk_of(launch.model.download)
    return DryRun(machine, launch, need, missing, free)
