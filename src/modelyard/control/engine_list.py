"""Describes every engine of this server: whether it is installed, why not, what it runs, and the schema of its options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from modelyard.control.interpreters import absent
from modelyard.core.errors import ModelyardError
from modelyard.core.types import Hardware
from modelyard.engines import ENGINES
from modelyard.engines.base import Engine
from modelyard.engines.option_schema import grouped, options_schema
from modelyard.protocol.engines import EngineInfo, EngineList, OwnEnvironment
from modelyard.protocol.models import LaunchRequest
from modelyard.runtime.environments import Environments


def engine_list(folder: Path, hardware: Hardware, installing: Mapping[str, str]) -> EngineList:
    """Every engine, by name, with the schema of a launch. Call it in a thread.

    `folder` holds the engine environments; `installing` has the ids of running installation jobs, by engine.
    """
    engines = [_of(name, folder, hardware).model_copy(update={"install_job": installing.get(name)}) for name in ENGINES]
    return EngineList(data=engines, launch=grouped(LaunchRequest.model_json_schema()))


def _of(name: str, folder: Path, hardware: Hardware) -> EngineInfo:
    """One engine; of a plug-in that cannot be imported, the reason alone."""
    try:
        engine = ENGINES.get(name)
        return engine_info(engine, folder, hardware)
    except (ModelyardError, ImportError) as error:
        return EngineInfo(id=name, title=name, installed=False, missing=[str(error)])


def engine_info(engine: Engine, folder: Path, hardware: Hardware) -> EngineInfo:
    """The description of an engine, and whether it can run on this machine."""
    profile, problems = engine.profile, list(absent(engine, folder))
    environment = Environments(folder).find(engine.name) if engine.environment else None
    return EngineInfo(
        id=engine.name,
        title=profile.title,
        installed=not problems,
        missing=problems,
        installable=engine.environment is not None,
        environment=OwnEnvironment(installed_at=environment.installed_at, versions=dict(environment.versions))
        if environment
        else None,
        devices=sorted(profile.devices),
        uses_gpus=bool(hardware.gpus) and not problems and engine.uses_gpus(),
        formats=sorted(profile.formats) or ([profile.weightless] if profile.weightless else []),
        model_types=[kind.value for kind in profile.types],
        aliases=sorted(profile.aliases),
        only_by_name=profile.only_by_name or bool(profile.weightless),
        options=options_schema(engine.Options),
    )
