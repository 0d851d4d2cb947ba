"""The result of a dry run: what a launch would do."""

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
    """The decisions of a launch up to its row, or up to its error."""

    machine: Machine
    """Hardware and claims on which the decisions are based."""
    launch: Launch | None = None
    need: Footprint = NOTHING
    """Memory that one replica needs."""
    missing_bytes: int = 0
    """Bytes of the download that are not on this machine."""
    disk_free: int = 0
    """Free bytes of the disk to which the files would be downloaded."""
    placements: tuple[Placement, ...] = ()
    """The placement of each replica."""
    refusal: ModelyardError | None = None
    """The error that the launch would raise."""


def measured(machine: Machine, launch: Launch) -> DryRun:
    """A launch with the memory and disk space that it would need. Reads file systems, so call it in a thread."""
    need = ENGINES.get(launch.engine).footprint(launch)
    if launch.model.download is None:
        return DryRun(machine, launch, need)
    _, missing_bytes, free = disk_of(launch.model.download)
    return DryRun(machine, launch, need, missing_bytes, free)
