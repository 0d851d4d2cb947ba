"""Routes for launched models in Xinference's terms: instances, versions, launching by version, reload."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Body, Query

from modelyard.catalog.version import parse_version
from modelyard.compat.xinference.instances import instance, version_infos
from modelyard.control.architectures import supported_architectures
from modelyard.core.errors import BadRequest, InvalidParameter, NotFound
from modelyard.core.types import ModelType
from modelyard.protocol.lifecycle import (
    Instance,
    ModelVersionInfo,
    ReloadRequest,
    SupportedArchitectures,
    VersionLaunchRequest,
)
from modelyard.protocol.models import LaunchRequest, LaunchResponse
from modelyard.web.base_access import check_models
from modelyard.web.deps import TheAddress, TheDeployments, TheGrant, TheParts, TheTrust
from modelyard.web.router import Router

router = Router("/v1", tags=["models"])


@router.get("/models/instances", scope="models:list")
async def instances(
    deployments: TheDeployments,
    address: TheAddress,
    grant: TheGrant,
    model_name: str | None = Query(None),
    model_uid: str | None = Query(None),
) -> list[Instance]:
    """Every launched model with the state of each replica; only those of a name or a uid, if one is given."""
    return [
        instance(view, address)
        for view in deployments.views()
        if (grant is None or grant.sees(view.desired.uid))
        and model_uid in (None, "", view.desired.uid)
        and model_name in (None, "", view.desired.launch.model.name)
    ]


@router.post("/models/instance", scope="models:write", waits=True)
async def launch_by_version(
    body: VersionLaunchRequest, deployments: TheDeployments, trust: TheTrust, wait_ready: bool = True
) -> LaunchResponse:
    """Launch a model by its version string, as `GET /v1/models/{type}/{name}/versions` lists it."""
    version = parse_version(body.model_version)
    fields = body.model_dump(exclude={"model_version"}, exclude_unset=True)
    fields |= {"model_name": version.name, "model_size_in_billions": version.size}
    fields |= {"model_format": version.format, "quantization": version.quantization}
    uid = await deployments.create(LaunchRequest.model_validate(fields), trust)
    if wait_ready:
        await deployments.wait_ready(uid)
    return LaunchResponse(model_uid=uid)


@router.get("/models/vllm-supported", scope="models:list")
async def vllm_supported(parts: TheParts, deployments: TheDeployments) -> SupportedArchitectures:
    """The architectures of language models that vLLM runs here; empty if it is not installed."""
    machine = await deployments.machine()
    found = await asyncio.to_thread(supported_architectures, "vllm", parts.catalog, machine)
    return SupportedArchitectures(**found)


@router.get("/models/{model_type}/{model_name:path}/versions", scope="models:list")
def versions(
    model_type: str, model_name: str, parts: TheParts, address: TheAddress, grant: TheGrant
) -> list[ModelVersionInfo]:
    """Every size, format and quantisation of a family, and whether its files are on this machine."""
    check_models(grant, model_name)
    return version_infos(parts.catalog.get(model_name, model_kind(model_type)), address)


def model_kind(name: str) -> ModelType:
    """The model type of this name, in any letter case. Raises `InvalidParameter`, which lists the types."""
    for kind in ModelType:
        if kind.lower() == name.lower():
            return kind
    raise InvalidParameter("model_type", f"there is no type '{name}'; there are {', '.join(ModelType)}.")


@router.get("/models/{uid:path}/reload/config", scope="models:list", refuses=True)
async def reload_config(uid: str, deployments: TheDeployments) -> None:
    """The parameters that can be changed while the model runs: this server's engines have none."""
    raise not_reloadable(uid, deployments)


@router.get("/models/{uid:path}/reload", scope="models:read", refuses=True)
async def reload_status(uid: str, deployments: TheDeployments) -> None:
    """The last reload of a model: there never is one."""
    deployments.view(uid)
    raise NotFound(f"Model '{uid}' was never reloaded.")


@router.post("/models/{uid:path}/reload", scope="models:write", refuses=True)
async def reload(uid: str, deployments: TheDeployments, body: Annotated[ReloadRequest | None, Body()] = None) -> None:
    """Change parameters while the model runs, which no engine of this server supports."""
    raise not_reloadable(uid, deployments)


def not_reloadable(uid: str, deployments: TheDeployments) -> BadRequest:
    """The error for a model that cannot be reloaded. Raises `ModelNotFound`."""
    engine = deployments.view(uid).desired.launch.engine
    return BadRequest(
        f"Model '{uid}' runs on {engine}, which cannot change its parameters while it runs; "
        "terminate the model and launch it again."
    )
