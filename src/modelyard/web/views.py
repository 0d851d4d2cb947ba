"""Converts the control loop's views of models, replicas, adapters and downloads, and jobs, to response bodies."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from modelyard.catalog.inventory import InventoryEntry
from modelyard.control.downloads import DownloadView
from modelyard.control.views import AdapterView, ModelView, RunningReplica
from modelyard.core.aliases import Aliases
from modelyard.core.traffic import Traffic
from modelyard.core.types import Model, ModelType, ReplicaState
from modelyard.engines import ENGINES
from modelyard.engines.names import title_of
from modelyard.jobs.service import Jobs
from modelyard.jobs.types import Job, JobState
from modelyard.protocol.adapters import AdapterInfo
from modelyard.protocol.cache import CachedModel, DownloadInfo
from modelyard.protocol.jobs import JobInfo, JobProblem, JobProgressInfo
from modelyard.protocol.models import LaunchProgress, ModelInfo, ReplicaInfo, ReplicaProgress

STATUS = {
    ReplicaState.PENDING: "CREATING",
    ReplicaState.DOWNLOADING: "LOADING",
    ReplicaState.STARTING: "LOADING",
    ReplicaState.READY: "READY",
    ReplicaState.DRAINING: "TERMINATING",
    ReplicaState.STOPPED: "TERMINATED",
    ReplicaState.FAILED: "ERROR",
}
"""Our states → the names that Xinference's clients know."""

STAGE = {
    ReplicaState.PENDING: ("pending", 0.0),
    ReplicaState.DOWNLOADING: ("downloading", 0.1),
    ReplicaState.STARTING: ("loading", 0.5),
    ReplicaState.READY: ("completed", 1.0),
    ReplicaState.DRAINING: ("cancelled", 1.0),
    ReplicaState.STOPPED: ("cancelled", 1.0),
    ReplicaState.FAILED: ("failed", 1.0),
}
"""State of a replica → the stage of its launch, and its progress from 0 to 1."""

WORKER = "127.0.0.1"


def model_info(view: ModelView) -> ModelInfo:
    """A model in lists and descriptions."""
    launch, model = view.desired.launch, view.desired.launch.model
    footprint = view.replicas[0].footprint if view.replicas else ENGINES.get(launch.engine).footprint(launch)
    context = view.replicas[0].plan.context_length if view.replicas else None
    context = context or model.context_length or None
    return ModelInfo(
        id=launch.uid,
        created=int(view.desired.created_at),
        model_uid=launch.uid,
        model_type=model.type.value,
        model_name=model.name,
        model_engine=title_of(launch.engine),
        model_format=model.format,
        model_size_in_billions=model.size_in_billions,
        model_family=model.family or model.name,
        quantization=model.quantization,
        context_length=context,
        model_ability=list(model.abilities) or DEFAULT_ABILITIES.get(model.type, []),
        model_lang=list(model.languages),
        model_description=model.description,
        model_hub=model.hub,
        model_revision=model.revision,
        revision=model.revision,
        dimensions=model.dimensions,
        max_tokens=context,
        max_model_len=context,
        root=model.path or model.model_id,
        address=str(view.replicas[0].plan.address) if view.replicas else None,
        accelerators=[str(index) for running in view.replicas for index in running.placement.gpu_indexes],
        replica=len(view.desired.ordinals),
        replica_ready=sum(running.replica.state is ReplicaState.READY for running in view.replicas),
        status=STATUS[view.state],
        error=view.reason or None,
        memory=footprint.figures(),
        **of_type(model),
    )


def adapter_model(view: ModelView, each: AdapterView) -> ModelInfo:
    """An adapter in a list of models: the description of its model under the adapter's name."""
    adapter = each.adapter
    return model_info(view).model_copy(
        update={
            "id": adapter.name,
            "model_uid": adapter.name,
            "parent": view.desired.uid,
            "root": adapter.path,
            "status": STATUS[each.state],
            "error": each.reason or None,
            "replica_ready": len(each.replicas),
            "memory": None,
        }
    )


def models(view: ModelView, aliases: Aliases) -> list[ModelInfo]:
    """A model and its adapters, each followed by its aliases."""
    own = [model_info(view), *(adapter_model(view, each) for each in view.adapters)]
    return [info for each in own for info in with_aliases(each, aliases)]


def with_aliases(info: ModelInfo, aliases: Aliases) -> list[ModelInfo]:
    """A model's description with its aliases, and a description for each alias that is a single name."""
    names = list(aliases.of(info.id))
    single = [name for name in names if "*" not in name]
    return [info.model_copy(update={"aliases": names}), *(alias_model(info, name) for name in single)]


def alias_model(info: ModelInfo, name: str) -> ModelInfo:
    """A model's description under an alias."""
    return info.model_copy(update={"id": name, "alias_of": info.id, "aliases": []})


def adapter_info(view: ModelView, each: AdapterView) -> AdapterInfo:
    """An adapter in a list of adapters."""
    adapter = each.adapter
    return AdapterInfo(
        id=adapter.name,
        parent=view.desired.uid,
        root=adapter.path,
        status=STATUS[each.state],
        error=each.reason or None,
        rank=adapter.rank,
        target_modules=list(adapter.targets),
        scale=adapter.scale,
        size_bytes=adapter.size,
        replica_ready=len(each.replicas),
    )


def of_type(model: Model) -> dict[str, Any]:
    """The fields that Xinference's clients expect of a model of this type only."""
    languages = list(model.languages)
    match model.type:
        case ModelType.LLM:
            abilities = model.abilities or DEFAULT_ABILITIES[ModelType.LLM]
            return {
                "strict_system_first": False,
                "is_chat": "chat" in abilities,
                "is_multimodal": "vision" in abilities,
            }
        case ModelType.EMBEDDING:
            return {"language": languages}
        case ModelType.RERANK:
            return {"language": languages, "type": "normal"}
        case ModelType.IMAGE:
            return {"controlnet": None, "model_base": None}
        case _:
            return {}


DEFAULT_ABILITIES = {
    ModelType.LLM: ["chat", "generate"],
    ModelType.EMBEDDING: ["embed"],
    ModelType.RERANK: ["rerank"],
}
"""Model type → abilities of a model whose files name none."""


def replica_infos(view: ModelView, traffic: Traffic, worker: str = WORKER) -> list[ReplicaInfo]:
    """Every replica that should run, and those that are stopping; `worker` is the address of this server."""
    by_ordinal = {running.replica.ordinal: running for running in view.replicas}
    return [
        _replica_info(view, ordinal, by_ordinal.get(ordinal), traffic, worker)
        for ordinal in sorted({*view.desired.ordinals, *by_ordinal})
    ]


def _replica_info(
    view: ModelView, ordinal: int, running: RunningReplica | None, traffic: Traffic, worker: str
) -> ReplicaInfo:
    slot = view.slots.get(ordinal)
    error = slot.error if slot and running is None else None
    state = ReplicaState.FAILED if slot and slot.given_up and running is None else ReplicaState.PENDING
    if running is not None:
        state = running.replica.state
    return ReplicaInfo(
        replica_id=ordinal,
        replica_model_uid=f"{view.desired.uid}-rep{ordinal}",
        worker_address=worker,
        model_address=str(running.plan.address) if running else None,
        accelerators=[str(index) for index in running.placement.gpu_indexes] if running else [],
        status=STATUS[state],
        created_ts=int(running.created_at) if running else 0,
        error_message=error,
        gpu_idx=list(running.placement.gpu_indexes) or None if running else None,
        pid=running.pid if running else None,
        in_flight=traffic.in_flight.get(running.replica.name, 0) if running else 0,
        restarts=slot.crashes if slot else 0,
    )


def launch_progress(view: ModelView | None) -> LaunchProgress:
    """The progress of a launch; that of an unknown uid is `pending`, as in Xinference."""
    if view is None:
        return LaunchProgress(progress=0.0, stage="pending")
    if view.download is not None:
        return download_progress(view.download)
    stage, progress = STAGE[view.state]
    least = DOWNLOADED if view.desired.launch.model.download is not None else 0.0
    replicas = []
    for running in view.replicas:
        replica_stage, replica_progress = STAGE[running.replica.state]
        replicas.append(
            ReplicaProgress(
                replica_id=running.replica.ordinal,
                replica_model_uid=f"{view.desired.uid}-rep{running.replica.ordinal}",
                progress=max(replica_progress, least),
                stage=replica_stage,
                updated_at=running.created_at,
            )
        )
    if view.state is not ReplicaState.FAILED and replicas:
        progress = sum(replica.progress for replica in replicas) / len(view.desired.ordinals)
    return LaunchProgress(progress=min(progress, 1.0), stage=stage, info=view.reason, replicas=replicas)


DOWNLOADED = 0.9
"""The part of a launch's progress that its download takes, if there is one; the rest is loading."""


def download_progress(view: DownloadView, full: float = DOWNLOADED) -> LaunchProgress:
    """The progress of a download; `full` is the progress of a finished one."""
    job = view.job
    stage = {JobState.DONE: "completed", JobState.FAILED: "failed"}.get(job.state, "downloading")
    progress = 1.0 if stage == "failed" else round(full * view.part, 4)
    info = str(job.error) if stage == "failed" else view.reason
    return LaunchProgress(progress=progress, stage=stage, info=info, download_files=download_files(view))


def download_files(view: DownloadView) -> list[dict[str, Any]]:
    """Every file with its progress, its name under our key and under Xinference's."""
    return [
        {
            "name": file.name,
            "file_name": file.name,
            "downloaded": here,
            "total": file.size or here,
            "progress": round(min(1.0, here / file.size), 4) if file.size else 1.0,
        }
        for file, here in view.files
    ]


WAITING = "waiting"
"""State of a queued download."""


def download_info(view: DownloadView) -> DownloadInfo:
    """A download as it is listed."""
    job, download = view.job, view.download
    failed = job.state is JobState.FAILED
    return DownloadInfo(
        uid=job.id,
        names=view.names,
        model_id=download.model_id,
        model_hub=download.hub,
        revision=download.revision,
        status=WAITING if job.state is JobState.QUEUED else job.state.value,
        progress=round(view.part, 4),
        downloaded=view.here,
        total=download.size,
        info=str(job.error) if failed else view.reason,
        files=download_files(view),
    )


def cached_model(entry: InventoryEntry) -> CachedModel:
    """A cached model as it is listed."""
    snapshot, path = entry.cached.snapshot, entry.cached.path
    return CachedModel(
        model_name=entry.name,
        model_type=entry.type.value if entry.type else None,
        model_size_in_billions=entry.size,
        model_format=entry.format,
        quantization=entry.quantization,
        model_version=entry.version,
        model_hub=snapshot.hub,
        model_id=snapshot.model_id,
        revision=snapshot.revision,
        path=str(path),
        real_path=str(path.resolve()),
        actor_ip_address=WORKER,
        size_bytes=entry.cached.size,
    )


def job_info(job: Job, jobs: Jobs) -> JobInfo:
    """A job in lists and descriptions."""
    kind = jobs.kinds.get(job.kind)
    return JobInfo(
        id=job.id,
        kind=job.kind,
        state=job.state.value,
        progress=JobProgressInfo(**asdict(job.progress)),
        owner=job.owner,
        parameters=dict(job.parameters),
        result=None if job.result is None else dict(job.result),
        error=None if job.error is None else JobProblem(code=job.error.code, message=job.error.message),
        attempts=job.attempts,
        pausable=kind is not None and kind.pausable,
        repeatable=kind is not None and kind.body is not None,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
    )
