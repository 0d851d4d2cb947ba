"""Describes the process that the host runs for a replica."""

from __future__ import annotations

from modelyard.control.diff import Desired
from modelyard.control.placement import Placement
from modelyard.core.config import Settings
from modelyard.core.fetching import HOSTS_VARIABLE
from modelyard.engines.base import Command
from modelyard.runtime.base import ProcessSpec


def process_spec(target: Desired, name: str, plan: Command, spot: Placement, settings: Settings) -> ProcessSpec:
    """The process of the replica called `name`: the engine's command, on the devices of the replica's placement."""
    gpus = ",".join(map(str, spot.gpu_indexes))
    return ProcessSpec(
        replica=name,
        uid=target.uid,
        argv=plan.argv,
        env={
            **plan.env,
            **target.launch.env,
            **({"CUDA_VISIBLE_DEVICES": gpus} if gpus else {}),
            HOSTS_VARIABLE: settings.fetch_hosts,  # last, so that the launch's own variables cannot override it
        },
        address=plan.address,
        health_path=plan.health_path,
        start_timeout=plan.start_timeout or settings.start_timeout,
    )
