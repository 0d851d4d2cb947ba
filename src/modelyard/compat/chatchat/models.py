"""Chatchat's routes about language models: listing running and configured ones, their configurations, stopping, changing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import Body
from pydantic import ConfigDict

from modelyard.catalog.family import Family
from modelyard.catalog.hubs import HUBS
from modelyard.catalog.hubs.complete import repository
from modelyard.catalog.resolve import quantizations
from modelyard.compat.chatchat.base import BaseResponse, ChatchatRefused, ChatchatResponse, ChatchatRoute
from modelyard.compat.chatchat.model_change import language_models, ready_language_models, release
from modelyard.control.autostart import AutostartRow
from modelyard.control.views import ModelView
from modelyard.core.access import Grant
from modelyard.core.errors import NotFound
from modelyard.core.types import ModelType
from modelyard.engines.external import NAME as EXTERNAL
from modelyard.engines.names import canonical_name
from modelyard.protocol.bounds import Few
from modelyard.protocol.chatchat import ModelConfig, ReleaseAnswer
from modelyard.protocol.deferred import DeferredModel
from modelyard.web.deps import Parts, TheAddress, TheGrant, TheParts, TheTrust
from modelyard.web.router import Router

router = Router("/llm_model", tags=["chatchat"], route_class=ChatchatRoute)

LOCAL, ONLINE, WORKER = "local", "online", "worker"
VLLM = "vllm"


class RunningModelsResponse(ChatchatResponse[dict[str, ModelConfig]]):
    """Configurations by model uid."""


class ConfiguredModelsResponse(ChatchatResponse[dict[str, dict[str, ModelConfig]]]):
    """Configurations by `local`, `online` and `worker`, and by model name."""


class ModelConfigResponse(ChatchatResponse[ModelConfig]):
    """One model's configuration; empty if the model is unknown."""


class RunningModelsBody(DeferredModel):
    """Both fields are accepted for Chatchat's clients and have no effect."""

    controller_address: str | None = None
    placeholder: str | None = None


class ConfiguredModelsBody(DeferredModel):
    """The kinds of configured models to list: `local`, `online`, `worker`."""

    types: Few[str] = [LOCAL, ONLINE]
    placeholder: str | None = None


class ModelNameBody(DeferredModel):
    """One model."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    placeholder: str | None = None


class StopModelBody(DeferredModel):
    """A model to stop."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    controller_address: str | None = None


class ChangeModelBody(StopModelBody):
    """A model to replace by another."""

    new_model_name: str


@router.post("/list_running_models", scope="models:list")
async def list_running_models(
    parts: TheParts, grant: TheGrant, address: TheAddress, body: Annotated[RunningModelsBody | None, Body()] = None
) -> RunningModelsResponse:
    """List the language models that are ready, with their configurations."""
    basic = await _basic(parts, address)
    return RunningModelsResponse(
        data={uid: _of_view(view, basic) for uid, view in ready_language_models(parts, grant).items()}
    )


@router.post("/list_config_models", scope="models:list")
async def list_config_models(
    parts: TheParts, grant: TheGrant, address: TheAddress, body: Annotated[ConfiguredModelsBody | None, Body()] = None
) -> ConfiguredModelsResponse:
    """List the language models that are launched, have an autostart entry, or are families of the catalog."""
    types = (body or ConfiguredModelsBody()).types
    basic = await _basic(parts, address)
    own = await _own(parts, grant, basic)
    families = await asyncio.to_thread(_families, parts, basic) if LOCAL in types else {}
    visible = {name: config for name, config in families.items() if grant is None or grant.sees(name)}
    online = {name: config for name, config in own.items() if config.get("online_api")}
    offline = {name: config for name, config in own.items() if name not in online}
    local = {**offline, **{name: config for name, config in visible.items() if name not in own}}
    models = {LOCAL: local, ONLINE: online, WORKER: own}
    return ConfiguredModelsResponse(data={kind: configs for kind, configs in models.items() if kind in types})


@router.post("/get_model_config", scope="models:list")
async def get_model_config(
    body: ModelNameBody, parts: TheParts, grant: TheGrant, address: TheAddress
) -> ModelConfigResponse:
    """Return one model's configuration, without its keys."""
    name = body.model_name
    if grant is not None:
        grant.check_model(name)
    basic = await _basic(parts, address)
    own = await _own(parts, grant, basic)
    if name in own:
        return ModelConfigResponse(data=own[name])
    try:
        family = await asyncio.to_thread(parts.catalog.get, name, ModelType.LLM)
    except NotFound:
        raise ChatchatRefused(404, f"未找到模型 {name}", {}) from None
    cached = {entry.name: str(entry.cached.path) for entry in await parts.caching.entries(family.name)}
    return ModelConfigResponse(data=await asyncio.to_thread(_of_family, family, cached, basic))


@router.post("/stop", scope="models:write")
async def stop(body: StopModelBody, parts: TheParts, grant: TheGrant, trust: TheTrust) -> BaseResponse:
    """Stop a language model in any state; responds when its memory is free."""
    return BaseResponse(**await release(parts, grant, trust, body.model_name))


@router.post("/change", scope="models:write", response_model=ReleaseAnswer)
async def change(body: ChangeModelBody, parts: TheParts, grant: TheGrant, trust: TheTrust) -> dict[str, Any]:
    """Replace a running language model by another; responds when the new one is ready or has failed to start."""
    return await release(parts, grant, trust, body.model_name, body.new_model_name)


async def _basic(parts: Parts, address: str) -> ModelConfig:
    """Return the fields that all configurations share."""
    host, _, port = address.rpartition(":")
    hardware = await asyncio.to_thread(parts.host.hardware)
    device = "cuda" if hardware.gpus else "cpu"
    return {"host": host.strip("[]"), "port": int(port), "device": device, "infer_turbo": False}


async def _own(parts: Parts, grant: Grant | None, basic: ModelConfig) -> dict[str, ModelConfig]:
    """Return the configurations of models that are launched or have an autostart entry."""
    entries = [each for each in await parts.autostarts.entries() if grant is None or grant.sees(each.uid)]
    configs = {each.uid: _of_entry(each, basic) for each in entries if _is_llm(each)}
    return configs | {uid: _of_view(view, basic) for uid, view in language_models(parts, grant).items()}


def _is_llm(entry: AutostartRow) -> bool:
    """Whether an entry launches a language model; one without a type counts as such."""
    kind = entry.launch.get("model_type")
    return kind is None or str(kind).lower() == ModelType.LLM.lower()


def _of_view(view: ModelView, basic: ModelConfig) -> ModelConfig:
    launch, model = view.desired.launch, view.desired.launch.model
    config: ModelConfig = {**basic, "infer_turbo": VLLM if launch.engine == VLLM else False}
    if launch.engine == EXTERNAL:
        return {**config, "online_api": True}
    if view.replicas:
        on_gpu = any(running.placement.gpu_indexes for running in view.replicas)
        config["device"] = "cuda" if on_gpu else "cpu"
    config["model_path"] = model.path or model.model_id or model.name
    return config | _exists(model.path)


def _of_entry(entry: AutostartRow, basic: ModelConfig) -> ModelConfig:
    launch = entry.launch
    engine = canonical_name(str(launch.get("model_engine") or launch.get("engine") or ""))
    config: ModelConfig = {**basic, "infer_turbo": VLLM if engine == VLLM else False}
    if engine == EXTERNAL:
        return {**config, "online_api": True}
    path = str(launch.get("model_path") or launch.get("model_name") or entry.uid)
    return {**config, "model_path": path} | _exists(path if path.startswith("/") else None)


def _of_family(family: Family, cached: dict[str, str], basic: ModelConfig) -> ModelConfig:
    here = cached.get(family.name) or next(_own_files(family), None)
    return {**basic, "model_path": here or next(_ids(family), family.name)} | _exists(here)


def _families(parts: Parts, basic: ModelConfig) -> dict[str, ModelConfig]:
    """Return the configurations of all families of the catalog, those whose weights are on this machine first."""
    cached = {entry.name: str(entry.cached.path) for entry in parts.caching.here()}
    configs = {
        family.name: _of_family(family, cached, basic)
        for family in sorted(parts.catalog.families(ModelType.LLM), key=_key)
    }
    return dict(sorted(configs.items(), key=lambda item: "model_path_exists" not in item[1]))


def _key(family: Family) -> str:
    return family.name.lower()


def _own_files(family: Family) -> Iterator[str]:
    """Yield the paths of files that come from no hub: those of this package, or registered by path."""
    for spec in family.specs:
        for name, source in spec.src.items():
            for quantization in quantizations(spec) if source.path and name in HUBS else ():
                if (path := HUBS.get(name).locate(source, quantization)) is not None:
                    yield str(path)


def _ids(family: Family) -> Iterator[str]:
    """Yield the family's repository ids on the hubs."""
    for spec in family.specs:
        for source in spec.src.values():
            if model_id := repository(source, next(iter(quantizations(spec)), "")):
                yield model_id


def _exists(path: str | None) -> ModelConfig:
    return {"model_path_exists": True} if path and Path(path).exists() else {}
