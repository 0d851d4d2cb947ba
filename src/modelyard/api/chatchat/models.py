"""Chatchat's routes about language models: which run, which could, how each is configured, stopping and changing them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict

from modelyard.api.chatchat.base import BaseResponse, ChatchatRoute, Refused
from modelyard.api.chatchat.model_change import language_models, ready, release
from modelyard.api.deps import Parts, TheAddress, TheGrant, TheParts, TheTrust
from modelyard.catalog.family import Family
from modelyard.catalog.hubs import HUBS
from modelyard.catalog.hubs.complete import repository
from modelyard.catalog.resolve import quantizations
from modelyard.control.autostart import Entry
from modelyard.control.views import ModelView
from modelyard.core.access import Grant
from modelyard.core.errors import NotFound
from modelyard.core.types import ModelType
from modelyard.engines.external import NAME as EXTERNAL
from modelyard.engines.names import engine_spelled
from modelyard.protocol.bounds import Few

router = APIRouter(prefix="/llm_model", tags=["chatchat"], route_class=ChatchatRoute)

LOCAL, ONLINE, WORKER = "local", "online", "worker"
VLLM = "vllm"
Config = dict[str, Any]


class Listing(BaseModel):
    """Both fields are there for Chatchat's clients, and change nothing."""

    controller_address: str | None = None
    placeholder: str | None = None


class Types(BaseModel):
    """Which kinds of configured models to list: `local`, `online`, `worker`."""

    types: Few[str] = [LOCAL, ONLINE]
    placeholder: str | None = None


class Named(BaseModel):
    """One model."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    placeholder: str | None = None


class Stop(BaseModel):
    """A model to stop."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    controller_address: str | None = None


class Change(Stop):
    """A model to put in the place of another."""

    new_model_name: str


@router.post("/list_running_models")
async def list_running_models(
    parts: TheParts, grant: TheGrant, address: TheAddress, body: Annotated[Listing | None, Body()] = None
) -> BaseResponse:
    """Language models that answer now, with their configurations."""
    basic = await _basic(parts, address)
    return BaseResponse(data={uid: _of_view(view, basic) for uid, view in ready(parts, grant).items()})


@router.post("/list_config_models")
async def list_config_models(
    parts: TheParts, grant: TheGrant, address: TheAddress, body: Annotated[Types | None, Body()] = None
) -> BaseResponse:
    """Language models that could run: those launched, those with an autostart entry, and the families of the catalog."""
    types = (body or Types()).types
    basic = await _basic(parts, address)
    own = await _own(parts, grant, basic)
    families = await asyncio.to_thread(_families, parts, basic) if LOCAL in types else {}
    seen = {name: config for name, config in families.items() if grant is None or grant.sees(name)}
    online = {name: config for name, config in own.items() if config.get("online_api")}
    found = {
        LOCAL: {**{name: config for name, config in own.items() if name not in online}, **_without(seen, own)},
        ONLINE: online,
        WORKER: own,
    }
    return BaseResponse(data={kind: models for kind, models in found.items() if kind in types})


@router.post("/get_model_config")
async def get_model_config(body: Named, parts: TheParts, grant: TheGrant, address: TheAddress) -> BaseResponse:
    """How one model is configured; never its keys."""
    name = body.model_name
    if grant is not None:
        grant.check_model(name)
    basic = await _basic(parts, address)
    own = await _own(parts, grant, basic)
    if name in own:
        return BaseResponse(data=own[name])
    try:
        family = await asyncio.to_thread(parts.catalog.get, name, ModelType.LLM)
    except NotFound:
        raise Refused(404, f"未找到模型 {name}", {}) from None
    cached = {entry.name: str(entry.cached.path) for entry in await parts.caching.entries(family.name)}
    return BaseResponse(data=await asyncio.to_thread(_of_family, family, cached, basic))


@router.post("/stop")
async def stop(body: Stop, parts: TheParts, grant: TheGrant, trust: TheTrust) -> BaseResponse:
    """Stop a language model, whatever its state; the answer comes when its memory is free."""
    return BaseResponse(**await release(parts, grant, trust, body.model_name))


@router.post("/change")
async def change(body: Change, parts: TheParts, grant: TheGrant, trust: TheTrust) -> dict[str, Any]:
    """Put another language model in the place of one that runs; the answer comes when it is ready, or could not start."""
    return await release(parts, grant, trust, body.model_name, body.new_model_name)


async def _basic(parts: Parts, address: str) -> Config:
    """What all configurations share."""
    host, _, port = address.rpartition(":")
    hardware = await asyncio.to_thread(parts.host.hardware)
    device = "cuda" if hardware.gpus else "cpu"
    return {"host": host.strip("[]"), "port": int(port), "device": device, "infer_turbo": False}


async def _own(parts: Parts, grant: Grant | None, basic: Config) -> dict[str, Config]:
    """Models that somebody launched, or made an autostart entry for."""
    entries = [each for each in await parts.autostarts.entries() if grant is None or grant.sees(each.uid)]
    found = {each.uid: _of_entry(each, basic) for each in entries if _is_llm(each)}
    return found | {uid: _of_view(view, basic) for uid, view in language_models(parts, grant).items()}


def _is_llm(entry: Entry) -> bool:
    """Whether an entry launches a language model, as far as it says."""
    kind = entry.launch.get("model_type")
    return kind is None or str(kind).lower() == ModelType.LLM.lower()


def _of_view(view: ModelView, basic: Config) -> Config:
    launch, model = view.desired.launch, view.desired.launch.model
    config = {**basic, "infer_turbo": VLLM if launch.engine == VLLM else False}
    if launch.engine == EXTERNAL:
        return {**config, "online_api": True}
    if view.replicas:
        on_gpu = any(running.placement.gpu_indexes for running in view.replicas)
        config["device"] = "cuda" if on_gpu else "cpu"
    config["model_path"] = model.path or model.model_id or model.name
    return config | _exists(model.path)


def _of_entry(entry: Entry, basic: Config) -> Config:
    launch = entry.launch
    engine = engine_spelled(str(launch.get("model_engine") or launch.get("engine") or ""))
    config = {**basic, "infer_turbo": VLLM if engine == VLLM else False}
    if engine == EXTERNAL:
        return {**config, "online_api": True}
    path = str(launch.get("model_path") or launch.get("model_name") or entry.uid)
    return {**config, "model_path": path} | _exists(path if path.startswith("/") else None)


def _of_family(family: Family, cached: dict[str, str], basic: Config) -> Config:
    here = cached.get(family.name) or next(_own_files(family), None)
    return {**basic, "model_path": here or next(_ids(family), family.name)} | _exists(here)


def _families(parts: Parts, basic: Config) -> dict[str, Config]:
    """Every family of the catalog, those that are on this machine first."""
    cached = {entry.name: str(entry.cached.path) for entry in parts.caching.here()}
    found = {
        family.name: _of_family(family, cached, basic)
        for family in sorted(parts.catalog.families(ModelType.LLM), key=_key)
    }
    return dict(sorted(found.items(), key=lambda item: "model_path_exists" not in item[1]))


def _key(family: Family) -> str:
    return family.name.lower()


def _own_files(family: Family) -> Iterator[str]:
    """Where files are that no hub has: of this package, or registered with their path."""
    for spec in family.specs:
        for name, source in spec.src.items():
            for quantization in quantizations(spec) if source.path and name in HUBS else ():
                if (found := HUBS.get(name).locate(source, quantization)) is not None:
                    yield str(found)


def _ids(family: Family) -> Iterator[str]:
    """What hubs call it."""
    for spec in family.specs:
        for source in spec.src.values():
            if found := repository(source, next(iter(quantizations(spec)), "")):
                yield found


def _exists(path: str | None) -> Config:
    return {"model_path_exists": True} if path and Path(path).exists() else {}


def _without(models: dict[str, Config], others: dict[str, Config]) -> dict[str, Config]:
    return {name: config for name, config in models.items() if name not in others}
