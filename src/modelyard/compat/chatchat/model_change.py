"""Stops a language model or replaces it by another, as Chatchat's controller does. If the change fails, the old model keeps
running, or is started again if there was no memory for both."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.catalog.find import looks_like_path
from modelyard.compat.chatchat.base import launched_models
from modelyard.control.views import ModelView
from modelyard.core.access import Grant
from modelyard.core.errors import BadRequest, ModelNotFound, ModelyardError, NotEnoughMemory, NotFound, Unavailable
from modelyard.core.trust import OWNER, Trust
from modelyard.core.types import Launch, ModelType, ReplicaState
from modelyard.engines.external import NAME as EXTERNAL
from modelyard.protocol.models import LaunchRequest
from modelyard.web.deps import Parts

FAILED = 500
Outcome = dict[str, Any]
"""`code` and `msg` of a response."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A launch request, and the trust that it is launched with."""

    request: LaunchRequest
    trust: Trust


def language_models(parts: Parts, grant: Grant | None = None) -> dict[str, ModelView]:
    """Return the language models by uid, in any state, that the key may see."""
    return launched_models(parts, ModelType.LLM, grant)


def ready_language_models(parts: Parts, grant: Grant | None = None) -> dict[str, ModelView]:
    """Return the language models that are ready and that the key may see, sorted by uid."""
    models = language_models(parts, grant)
    return {uid: view for uid, view in sorted(models.items()) if view.state is ReplicaState.READY}


async def release(
    parts: Parts, grant: Grant | None, trust: Trust, name: str, new_name: str | None = None, keep_origin: bool = False
) -> Outcome:
    """Stop a model, or start another and stop the first unless `keep_origin`. Returns when that is done.

    The new name may be a path; the model's uid is then the name of the file or folder, which the outcome names.
    """
    if new_name and uid_of(new_name) in ready_language_models(parts, grant):
        return {"code": FAILED, "msg": f"要切换的LLM模型 {new_name} 已经存在"}
    models = ready_language_models(parts, grant) if new_name else language_models(parts, grant)
    if name not in models:
        return {"code": FAILED, "msg": f"the model {name} is not available"}
    if not new_name:
        return await _stop(parts, name, keep_origin)
    try:
        await _change(parts, models[name], new_name, keep_origin, trust)
    except ModelyardError as error:
        return {"code": FAILED, "msg": f"failed change model from {name} to {new_name}。错误信息是： {error.message}"}
    return {"code": 200, "msg": f"sucess change model from {name} to {uid_of(new_name)}"}


def uid_of(name: str) -> str:
    """Return the uid of a model that is launched by name; of a path it is the last part, without `.gguf`."""
    if not looks_like_path(name):
        return name
    return Path(name).name.removesuffix(".gguf") or name


async def _stop(parts: Parts, name: str, keep_origin: bool) -> Outcome:
    if keep_origin:
        return {"code": FAILED, "msg": f"failed to release model: {name}。keep_origin 需要 new_model_name"}
    try:
        await parts.deployments.remove(name)
    except ModelyardError as error:
        return {"code": FAILED, "msg": f"failed to release model: {name}。错误信息是： {error.message}"}
    return {"code": 200, "msg": f"sucess to release model: {name}"}


async def _change(parts: Parts, old: ModelView, new_name: str, keep_origin: bool, trust: Trust) -> None:
    """Start the new model beside the old one if there is memory for both, else in its place. Raises the error of the launch.

    A model on a GPU is stopped first; otherwise the new one would be placed on the CPU, or shrunk to the remaining memory.
    """
    new = await proposal_of(parts, new_name, trust)
    on_gpu = any(running.placement.gpu_indexes for running in old.replicas)
    if keep_origin or not on_gpu or await _is_remote(parts, new):
        try:
            await _start(parts, uid_of(new_name), new)
        except NotEnoughMemory:
            if keep_origin:
                raise
        else:
            if not keep_origin:
                await parts.deployments.remove(old.desired.uid)
            return
    await _check(parts, new)
    await _replace(parts, old, new_name, new)


async def _plan(parts: Parts, new: Proposal) -> Launch | None:
    """Plan a launch; None if there is no memory for it now. Raises if it would fail with any amount of memory."""
    try:
        return await parts.deployments.plan(new.request, new.trust)
    except NotEnoughMemory:
        return None


async def _is_remote(parts: Parts, new: Proposal) -> bool:
    planned = await _plan(parts, new)
    return planned is not None and planned.engine == EXTERNAL


async def _check(parts: Parts, new: Proposal) -> None:
    """Raise if a model would fail to start with any amount of memory, or would have to be downloaded first."""
    planned = await _plan(parts, new)
    model = planned.model if planned else None
    if model and model.download and not await asyncio.to_thread(Path(model.path or "").exists):
        raise Unavailable(
            f"The weights of '{new.request.model_name}' are not on this machine yet, and there is no room for both models; "
            "download them first (POST /v1/cache/models), so that the old model can run in the meantime."
        )


async def _replace(parts: Parts, old: ModelView, new_name: str, new: Proposal) -> None:
    """Stop a model and start another; if that fails, start the first one again. Raises the error of the launch."""
    uid = old.desired.uid
    before = await _as_before(parts, old)
    await parts.deployments.remove(uid)
    try:
        await _start(parts, uid_of(new_name), new)
    except ModelyardError as error:
        try:
            await _start(parts, uid, before)
        except ModelyardError as again:
            raise BadRequest(f"{error.message} And '{uid}' did not start again: {again.message}") from error
        raise


async def _start(parts: Parts, uid: str, new: Proposal) -> None:
    """Launch a model and wait for it; a model that fails to start is removed. Raises the error of the launch."""
    deployments = parts.deployments
    view = language_models(parts).get(uid)
    if view is None or view.state is ReplicaState.FAILED:
        await deployments.create(new.request, new.trust)
    try:
        await deployments.wait_ready(uid)
    except ModelyardError:
        with contextlib.suppress(ModelNotFound):
            await deployments.remove(uid)
        raise


async def proposal_of(parts: Parts, name: str, trust: Trust) -> Proposal:
    """Return how to launch a model by name: by its autostart entry, else by its launch that failed, else by the name alone.

    Stored launches keep the trust that they were accepted with; a launch by name alone has the caller's. Raises
    `BadRequest` for an autostart entry that cannot be read.
    """
    try:
        entry = await parts.autostarts.get(name)
        return Proposal(entry.request(), entry.trust)
    except NotFound:
        pass
    except ValueError as error:  # an entry that an older version wrote
        raise BadRequest(f"The autostart entry of '{name}' cannot be read: {error}") from error
    if (view := language_models(parts).get(name)) is not None:
        return await _as_before(parts, view)
    return Proposal(LaunchRequest(model_name=name, model_uid=uid_of(name), model_type=ModelType.LLM.value), trust)


async def _as_before(parts: Parts, view: ModelView) -> Proposal:
    """Return the launch of a model again, with the trust that it was accepted with."""
    uid = view.desired.uid
    trust = OWNER if view.desired.launch.trusted else Trust(False, f"Who launched '{uid}'")
    return Proposal(await parts.deployments.request(uid), trust)
