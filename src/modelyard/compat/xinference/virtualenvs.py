"""Xinference's routes for virtual environments, which list those that `modelyard engine install` created.

Xinference creates one per model and engine; here an engine has one for all models, so `model_name` selects the
environments of the engines that run launched models of that name.
"""

from __future__ import annotations

import asyncio
import os

from modelyard.core.errors import Conflict, NotFound
from modelyard.engines.names import canonical_name, title_of
from modelyard.protocol.workers import (
    InstalledPackage,
    InstalledPackageList,
    SuccessResult,
    VirtualEnvironment,
    VirtualEnvironmentList,
)
from modelyard.runtime.environments import Environment, Environments
from modelyard.web.deps import Parts, TheAddress, TheParts
from modelyard.web.router import Router

router = Router("/v1/virtualenvs", tags=["cluster"])


@router.get("", scope="virtualenv:list")
async def list_environments(
    parts: TheParts,
    address: TheAddress,
    model_name: str | None = None,
    model_engine: str | None = None,
    python_version: str | None = None,
    worker_ip: str | None = None,
) -> VirtualEnvironmentList:
    """The engine environments. There is one machine, so `worker_ip` has no effect."""
    host = address.rpartition(":")[0]
    return VirtualEnvironmentList(
        list=[
            VirtualEnvironment(
                model_name=model_name,
                model_engine=title_of(found.engine),
                python_version=found.python_version,
                path=found.folder,
                real_path=os.path.realpath(found.folder),
                actor_ip_address=host,
                versions=dict(found.versions),
                installed_at=found.installed_at,
            )
            for found in await _selected(parts, model_name, model_engine, python_version)
        ]
    )


@router.get("/packages", scope="virtualenv:list")
async def list_packages(
    parts: TheParts,
    model_name: str | None = None,
    model_engine: str | None = None,
    python_version: str | None = None,
    worker_ip: str | None = None,
) -> InstalledPackageList:
    """The packages in the engine environments, each with its installed version."""
    environments = await _selected(parts, model_name, model_engine, python_version)
    return InstalledPackageList(
        list=[
            InstalledPackage(model_engine=title_of(found.engine), name=name, version=version)
            for found in environments
            for name, version in (await asyncio.to_thread(_environments(parts).locked, found.engine)).items()
        ]
    )


@router.delete("", scope="virtualenv:delete")
async def remove_environment(
    parts: TheParts,
    model_name: str | None = None,
    model_engine: str | None = None,
    python_version: str | None = None,
    worker_ip: str | None = None,
) -> SuccessResult:
    """Delete the environment of the engine that `model_engine` names, unless a launched model runs on it."""
    if not model_engine:
        raise NotFound("Models have no virtual environments of their own here: name an engine with model_engine.")
    title = title_of(canonical_name(model_engine))
    for found in await _selected(parts, None, model_engine, python_version):
        if users := [
            each.desired.uid for each in parts.deployments.views() if each.desired.launch.engine == found.engine
        ]:
            raise Conflict(f"{title} runs {', '.join(users)}; terminate them before its environment is deleted.")
        if await asyncio.to_thread(_environments(parts).remove, found.engine):
            return SuccessResult()
    raise NotFound(f"There is no virtual environment of {title} here; GET /v1/virtualenvs lists the existing ones.")


def _environments(parts: Parts) -> Environments:
    return Environments(parts.settings.engines_folder)


async def _selected(
    parts: Parts, model_name: str | None, model_engine: str | None, python_version: str | None
) -> list[Environment]:
    """The environments that match all given properties."""
    launches = [view.desired.launch for view in parts.deployments.views()]
    engines = {launch.engine for launch in launches if model_name in (launch.uid, launch.model.name)}
    return [
        found
        for found in await asyncio.to_thread(_environments(parts).all)
        if (not model_name or found.engine in engines)
        and (not model_engine or found.engine == canonical_name(model_engine))
        and (not python_version or found.python_version == python_version)
    ]
