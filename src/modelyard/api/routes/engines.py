"""Routes for engines: what they are, their installation, which can run a model here, and the memory that it would need."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Body

from modelyard.api.routes.jobs import create_job
from modelyard.compat.command_lines import meaning
from modelyard.control.engine_installs import KIND, unfinished
from modelyard.control.engine_list import engine_list
from modelyard.control.estimates import Entry, Estimate, cache_type, engines_of, estimate_memory
from modelyard.core.access import ADMIN
from modelyard.core.types import ModelType
from modelyard.engines.names import title_of
from modelyard.protocol.engines import (
    EngineEstimate,
    EngineList,
    EngineTable,
    EstimateRequest,
    EstimateResponse,
    InstallRequest,
)
from modelyard.protocol.jobs import CreateJob, JobInfo
from modelyard.protocol.launch_plans import CommandLaunch, CommandLine, LaunchRecord
from modelyard.web.base_access import check_models
from modelyard.web.deps import Parts, TheDeployments, TheGrant, TheParts, TheTrust
from modelyard.web.file_access import check_files, check_path, may_name_files
from modelyard.web.launch_plans import launch_record
from modelyard.web.router import Router

router = Router("/v1", tags=["engines"])

TYPES = tuple(kind.lower() for kind in ModelType)


@router.get("/engines", scope="models:list")
async def list_engines(parts: TheParts) -> EngineList:
    """Every engine: whether it is installed, why not, what it runs, and the JSON Schema of its options and of a launch."""
    machine = await parts.deployments.machine()
    installing = {engine: job.id for engine, job in unfinished(parts.jobs).items()}
    return await asyncio.to_thread(engine_list, parts.settings.engines_folder, machine.hardware, installing)


@router.post("/engines/{engine}/install", scope=ADMIN)
async def install(
    engine: str,
    parts: TheParts,
    grant: TheGrant,
    trust: TheTrust,
    body: Annotated[InstallRequest | None, Body()] = None,
) -> JobInfo:
    """Make an engine's environment, as a job of the kind `engine_install`; one that is in progress is the answer.

    Follow it with `GET /v1/jobs/{job}/events`.
    """
    parameters = {"engine": engine, "upgrade": (body or InstallRequest()).upgrade}
    return await create_job(CreateJob(kind=KIND, parameters=parameters), parts, grant, trust)


@router.get(
    "/engines/{model_type}/{model_name:path}",
    scope="models:list",
    response_model=EngineTable,
    response_model_exclude_unset=True,
)
async def engines_of_type(
    model_type: str,
    model_name: str,
    parts: TheParts,
    grant: TheGrant,
    enable_virtual_env: bool | None = None,
    reasons: bool = False,
) -> dict[str, list[Entry] | str]:
    """The engines that can run a model of a type here, with formats and sizes; a hub's repository is `owner/name`.

    With `reasons=true` the other engines are included, each with the reason in place of the list.
    """
    if model_type.lower() not in TYPES:
        return await _engines(f"{model_type}/{model_name}", None, parts, grant, reasons)
    return await _engines(model_name, model_type, parts, grant, reasons)


@router.get("/engines/{model_name}", scope="models:list", response_model=EngineTable, response_model_exclude_unset=True)
async def engines(
    model_name: str,
    parts: TheParts,
    grant: TheGrant,
    enable_virtual_env: bool | None = None,
    reasons: bool = False,
) -> dict[str, list[Entry] | str]:
    """The engines that can run a model here, with formats and sizes; `reasons=true` also lists those that cannot."""
    return await _engines(model_name, None, parts, grant, reasons)


async def _engines(
    name: str, kind: str | None, parts: Parts, grant: TheGrant, reasons: bool
) -> dict[str, list[Entry] | str]:
    check_path(grant, name)
    check_models(grant, name)
    machine = await parts.deployments.machine()
    return await asyncio.to_thread(engines_of, name, kind, parts.catalog, machine, reasons, may_name_files(grant))


@router.post("/models/estimate", scope="models:list")
async def estimate(
    body: EstimateRequest, parts: TheParts, deployments: TheDeployments, grant: TheGrant
) -> EstimateResponse:
    """The memory that a model needs, from the catalog, a hub's metadata or its files; nothing is downloaded or started."""
    check_files(grant, body.model_path)
    check_path(grant, body.model_name)
    check_models(grant, body.model_name)
    machine = await deployments.machine()
    model, context, found = await asyncio.to_thread(
        estimate_memory, body, parts.catalog, machine, may_name_files(grant)
    )
    return EstimateResponse(
        **_figures(found[0]).model_dump(),
        model_name=model.name,
        model_type=model.type,
        model_format=model.format,
        quantization=model.quantization,
        model_size_in_billions=model.size_in_billions,
        context_length=context,
        kv_cache_dtype=cache_type(body.kv_cache_dtype),
        model_engine=title_of(found[0].engine),
        engines={title_of(each.engine): _figures(each) for each in found},
    )


@router.post("/launch_commands", scope="models:write", audited=False)
async def read_command(body: CommandLine) -> CommandLaunch:
    """The launch that a command line of Modelyard, Xinference, vLLM or ms-swift asks for, to be edited; nothing is started."""
    found = meaning(body.command)
    return CommandLaunch(program=found.program, launch=found.launch, without_effect=found.without_effect)


@router.get("/launches/{uid:path}", scope="models:write")
async def get_launch(uid: str, deployments: TheDeployments) -> LaunchRecord:
    """What a model was launched with, to launch it again or another like it; secrets are left out."""
    request = await deployments.request(uid)
    return launch_record(request, len(deployments.view(uid).desired.ordinals))


def _figures(one: Estimate) -> EngineEstimate:
    return EngineEstimate(**one.need.figures(), n_parallel=one.parallel, fits=dict(one.fits))
