"""Management routes for models. A uid may contain `/`, so longer paths come before shorter ones."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Header, Query, Request
from fastapi.responses import StreamingResponse

from modelyard.control.scaling import check_alike
from modelyard.core.access import Grant
from modelyard.core.errors import ModelNotFound
from modelyard.protocol.error_event import ErrorEvent
from modelyard.protocol.keys import Aborted, AbortRequest
from modelyard.protocol.launch_plans import LaunchPlanInfo
from modelyard.protocol.models import (
    CodexModelList,
    KnowledgeModel,
    LaunchProgress,
    LaunchRequest,
    LaunchResponse,
    LogPortion,
    ModelEvent,
    ModelInfo,
    ModelListInfo,
    ModelLogs,
    RemainingReplicas,
    ReplicaInfo,
    ScaleRequest,
    ScaleResponse,
)
from modelyard.web.deps import TheAdapters, TheAddress, TheDeployments, TheGrant, TheKnowledge, TheParts, TheTrust
from modelyard.web.detached import DetachedStream
from modelyard.web.knowledge_views import knowledge_model
from modelyard.web.launch_plans import launch_plan
from modelyard.web.log_following import LogFollower
from modelyard.web.route_access import StandingAccess, check
from modelyard.web.router import Router
from modelyard.web.sse import streamed
from modelyard.web.views import (
    adapter_model,
    alias_model,
    launch_progress,
    model_info,
    models,
    replica_infos,
    with_aliases,
)

LOGS = "logs:list"
"""The scope of what replicas print."""

router = Router("/v1/models", tags=["models"])


@router.post("", scope="models:write", waits=True)
async def launch(
    body: LaunchRequest, deployments: TheDeployments, trust: TheTrust, wait_ready: bool = True
) -> LaunchResponse:
    """Launch a model. With `wait_ready=false` the answer is sent before the model is ready; follow it with `/progress`."""
    uid = await deployments.create(body, trust)
    if wait_ready:
        await deployments.wait_ready(uid)
    return LaunchResponse(model_uid=uid)


@router.post("/plan", scope="models:write", audited=False)
async def plan(body: LaunchRequest, deployments: TheDeployments, trust: TheTrust) -> LaunchPlanInfo:
    """What a launch with this body would do, or why it would be refused; nothing is started, downloaded or stored."""
    return launch_plan(await deployments.dry_run(body, trust), body)


@router.get("", scope="models:list")
async def list_models(
    parts: TheParts,
    knowledge: TheKnowledge,
    grant: TheGrant,
    knowledge_bases: bool = False,
    client_version: Annotated[str | None, Query(description="Codex's version: adds `models`.", max_length=100)] = None,
) -> CodexModelList | ModelListInfo:
    """Every model that the key may use, in any state; each is followed by its LoRA adapters, which have a `parent`.

    Aliases are listed too, and have `alias_of`; patterns of the settings stand in `aliases` of their model.
    With `knowledge_bases`, also the bases that the key may read, as chat models with the name `kb:NAME`.
    """
    found: list[ModelInfo | KnowledgeModel] = [
        info for view in parts.deployments.views() for info in models(view, parts.gateway.aliases)
    ]
    if knowledge_bases:
        found += [knowledge_model(base) for base in await knowledge.bases.all()]
    kind = ModelListInfo if client_version is None else CodexModelList
    return kind(data=[info for info in found if grant is None or _sees(grant, info)])


def _sees(grant: Grant, info: ModelInfo | KnowledgeModel) -> bool:
    """Whether a key may use a model in a list, by its name or by the name that its alias stands for."""
    own = info.alias_of if isinstance(info, ModelInfo) else None
    return grant.sees(info.id) or (own is not None and grant.sees(own))


@router.get("/{uid:path}/progress", scope="models:read")
async def progress(uid: str, deployments: TheDeployments) -> LaunchProgress:
    """The progress of a launch; that of an unknown uid is `pending`."""
    try:
        return launch_progress(deployments.view(uid))
    except ModelNotFound:
        return launch_progress(None)


@router.post("/{uid:path}/cancel", scope="models:write")
async def cancel(uid: str, deployments: TheDeployments) -> None:
    """Cancel a launch that is not ready yet."""
    await deployments.cancel(uid)


@router.post("/{uid:path}/requests/{request_id:path}/abort", scope="models:read")
async def abort(
    uid: str,
    request_id: str,
    parts: TheParts,
    grant: TheGrant,
    body: Annotated[AbortRequest | None, Body()] = None,
) -> Aborted:
    """Abort a request by its `request_id` or `X-Request-ID`, and refuse that id for some time."""
    parts.deployments.view(uid)
    seconds = (body or AbortRequest()).block_duration
    return Aborted(msg="DONE" if parts.gateway.abort(uid, request_id, grant, seconds) else "NOT_FOUND")


@router.get("/{uid:path}/events", scope="models:read")
async def events(uid: str, deployments: TheDeployments) -> list[ModelEvent]:
    """The last hundred events of a model, oldest first."""
    found = await deployments.events(uid)
    return [ModelEvent(event_type=row.kind, event_ts=int(row.at), event_content=row.content) for row in found]


@router.get("/{uid:path}/replicas", scope="models:list")
async def replicas(uid: str, parts: TheParts, address: TheAddress) -> list[ReplicaInfo]:
    """The replicas of a model."""
    return replica_infos(parts.deployments.view(uid), parts.traffic, address)


@router.post("/{uid:path}/replicas", scope="models:write")
async def add_replicas(uid: str, body: ScaleRequest, parts: TheParts, address: TheAddress) -> ScaleResponse:
    """Add replicas like the present ones. The answer is sent while they start."""
    check_alike(body, parts.deployments.view(uid).desired.launch, address)
    added = await parts.deployments.scale_up(uid, body.replica)
    every = replica_infos(parts.deployments.view(uid), parts.traffic, address)
    infos = [info for info in every if info.replica_id in added]
    first = infos[0]
    return ScaleResponse(
        replica=len(infos),
        replicas=infos,
        replica_id=first.replica_id,
        replica_model_uid=first.replica_model_uid,
        worker_address=first.worker_address,
    )


@router.delete("/{uid:path}/replicas/{replica_id}", scope="models:write")
async def remove_replica(uid: str, replica_id: int, deployments: TheDeployments) -> RemainingReplicas:
    """Stop one replica after it has finished its requests."""
    return RemainingReplicas(remaining_replicas=await deployments.remove_replica(uid, replica_id))


@router.get("/{uid:path}/logs", scope=LOGS, response_model=ModelLogs, events=LogPortion | ErrorEvent)
async def logs(
    uid: str,
    request: Request,
    parts: TheParts,
    lines: Annotated[int, Query(ge=1, le=100_000)] = 200,
    replica: str | None = None,
    follow: bool = False,
    offset: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
    after: Annotated[str, Query(max_length=1000)] = "",
    last_event_id: Annotated[str, Header(max_length=1000)] = "",
) -> ModelLogs | StreamingResponse:
    """The last lines that a replica printed; without `replica`, the newest one.

    With `follow=true`, server-sent events with these lines and all further ones, also of replicas that are started later, until
    the model is gone. `offset` begins at a byte of the log instead. After an interruption, a client sends the last id that it
    received as `Last-Event-ID` or `after`.
    """
    if not follow:
        name, found = parts.deployments.logs(uid, replica, lines)
        return ModelLogs(uid=uid, replica=name, lines=list(found))

    def permit(grant: Grant | None) -> None:
        if grant is not None:
            check(grant, LOGS, uid)

    access = StandingAccess(parts.keys, request.scope["headers"], permit)
    follower = LogFollower(parts, uid, replica, access.current)
    if place := last_event_id or after:
        follower.go_on(place)
    else:
        follower.begin(lines, offset)
    return DetachedStream(streamed(follower.portions()))


@router.get("/{uid:path}", scope="models:list")
async def describe(uid: str, parts: TheParts) -> ModelInfo:
    """One model, adapter or alias."""
    aliases = parts.gateway.aliases
    name = aliases.model_of(uid)
    found = parts.adapters.find(name)
    info = adapter_model(*found) if found else model_info(parts.deployments.view(name))
    return with_aliases(info, aliases)[0] if name == uid else alias_model(info, uid)


@router.delete("/{uid:path}", scope="models:write", waits=True)
async def terminate(uid: str, deployments: TheDeployments, adapters: TheAdapters) -> None:
    """Finish running requests, stop every replica, and answer when the memory is free. An adapter is unloaded."""
    if adapters.find(uid):
        await adapters.unload(uid)
        return
    await deployments.remove(uid)
