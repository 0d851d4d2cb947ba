"""Stopping a language model, or putting another in its place, as Chatchat's controller does it. Nothing is lost by a change
that fails: the old model stays, or is started again where there is no memory for both."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.api.chatchat.base import launched
from modelyard.api.deps import Parts
from modelyard.catalog.find import looks_like_path
from modelyard.control.views import ModelView
from modelyard.core.access import Grant
from modelyard.core.errors import BadRequest, ModelNotFound, ModelyardError, NotEnoughMemory, NotFound, Unavailable
from modelyard.core.trust import OWNER, Trust
from modelyard.core.types import Launch, ModelType, ReplicaState
from modelyard.engines.external import NAME as EXTERNAL
from modelyard.protocol.models import LaunchRequest

FAILED = 500
Answer = dict[str, Any]
"""`code` and `msg`."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A launch, and how far it may go."""

    request: LaunchRequest
    trust: Trust


def language_models(parts: Parts, grant: Grant | None = None) -> dict[str, ModelView]:
    """Every language model by uid, whatever its state, that the key may know of."""
    return launched(parts, ModelType.LLM, grant)


def ready(parts: Parts, grant: Grant | None = None) -> dict[str, ModelView]:
    """Those of them that answer now."""
    found = language_models(parts, grant)
    return {uid: view for uid, view in sorted(found.items()) if view.state is ReplicaState.READY}


async def release(
    parts: Parts, grant: Grant | None, trust: Trust, name: str, new_name: str | None = None, keep_origin: bool = False
) -> Answer:
    """Stop a model; or start another, and stop the first unless `keep_origin`. Answers when it is done.

    The new one may be a path; it then goes by the name of its file or folder, which the answer says.
    """
    if new_name and uid_of(new_name) in ready(parts, grant):
        return {"code": FAILED, "msg": f"要切换的LLM模型 {new_name} 已经存在"}
    there = ready(parts, grant) if new_name else language_models(parts, grant)
    if name not in there:
        return {"code": FAILED, "msg": f"the model {name} is not available"}
    if not new_name:
        return await _stopped(parts, name, keep_origin)
    try:
        await _change(parts, there[name], new_name, keep_origin, trust)
    except ModelyardError as error:
        said = f"failed change model from {name} to {new_name}。错误信息是： {error.message}"
        return {"code": FAILED, "msg": said}
    return {"code": 200, "msg": f"sucess change model from {name} to {uid_of(new_name)}"}


def uid_of(name: str) -> str:
    """The uid of a model that is launched by a name: of a path, what stands last in it."""
    if not looks_like_path(name):
        return name
    return Path(name).name.removesuffix(".gguf") or name


async def _stopped(parts: Parts, name: str, keep_origin: bool) -> Answer:
    if keep_origin:
        return {"code": FAILED, "msg": f"failed to release model: {name}。keep_origin 需要 new_model_name"}
    try:
        await parts.deployments.remove(name)
    except ModelyardError as error:
        return {"code": FAILED, "msg": f"failed to release model: {name}。错误信息是： {error.message}"}
    return {"code": 200, "msg": f"sucess to release model: {name}"}


async def _change(parts: Parts, old: ModelView, new_name: str, keep_origin: bool, trust: Trust) -> None:
    """Start the new model beside the old one where memory is enough for both, else in its place. Raises why it failed.

    A GPU is given up before the other is started: what is left of it would have the new model on the CPU, or smaller.
    """
    new = await wanted(parts, new_name, trust)
    on_gpu = any(running.placement.gpu_indexes for running in old.replicas)
    if keep_origin or not on_gpu or await _remote(parts, new):
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


async def _planned(parts: Parts, new: Proposal) -> Launch | None:
    """What a launch would be; None where there is no memory for it now. Raises where it could not be, however much there were."""
    try:
        return await parts.deployments.plan(new.request, new.trust)
    except NotEnoughMemory:
        return None


async def _remote(parts: Parts, new: Proposal) -> bool:
    planned = await _planned(parts, new)
    return planned is not None and planned.engine == EXTERNAL


async def _check(parts: Parts, new: Proposal) -> None:
    """Raises where a model could not start, or not soon, however much memory there were."""
    planned = await _planned(parts, new)
    model = planned.model if planned else None
    if model and model.download and not await asyncio.to_thread(Path(model.path or "").exists):
        raise Unavailable(
            f"The weights of '{new.request.model_name}' are not on this machine yet, and there is no room for both models; "
            "bring them first (POST /v1/cache/models), so that nothing has to stop meanwhile."
        )


async def _replace(parts: Parts, old: ModelView, new_name: str, new: Proposal) -> None:
    """Stop a model and start another; if that fails, the first is started again. Raises why it failed."""
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
    """Launch and wait; what does not come up is taken away again. Raises why."""
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


async def wanted(parts: Parts, name: str, trust: Trust) -> Proposal:
    """How a model of that name is launched: as its autostart entry says, or as it was before it failed, else by its name.

    What was stored is launched with the trust that it was accepted with, a mere name with the caller's. Raises
    `ModelyardError` for a name that nothing is known of.
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
    """The launch of a model once more, with the trust that it was accepted with."""
    uid = view.desired.uid
    trust = OWNER if view.desired.launch.trusted else Trust(False, f"Who launched '{uid}'")
    return Proposal(await parts.deployments.request(uid), trust)
