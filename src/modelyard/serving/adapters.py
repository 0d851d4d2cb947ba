"""The LoRA adapters of a replica: a table by name, the choice of an adapter by a request's `model`, and the routes that
load and unload them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING

import msgspec

from modelyard.core.errors import AdapterNotFound, InvalidParameter, ModelNotFound
from modelyard.engines.generation import NOTHING, Backend, PromptSource
from modelyard.serving.app import Answer, ReplicaRequest
from modelyard.serving.batching import Scheduler

if TYPE_CHECKING:
    from modelyard.serving.generating import Writer


class LoadAdapterBody(msgspec.Struct, kw_only=True):
    """Body of `/v1/load_lora_adapter`."""

    lora_name: str
    lora_path: str
    lora_scale: float = 1.0
    load_inplace: bool = False


class UnloadAdapterBody(msgspec.Struct, kw_only=True):
    """Body of `/v1/unload_lora_adapter`."""

    lora_name: str


class AdapterTable:
    """Adapters by name. Used on the event loop only; the scheduler's thread changes the weights."""

    def __init__(self, uid: str, backend: Backend, scheduler: Scheduler) -> None:
        self._uid = uid
        self._backend = backend
        self._scheduler = scheduler
        self._serial = count(1)
        self._keys: dict[str, str] = {}
        """Name → cache key. A key is never used for two adapters, because answers with equal keys share cached prompts."""
        self._paths: dict[str, str] = {}
        self._changing = asyncio.Lock()

    @property
    def paths(self) -> Mapping[str, str]:
        """Name → the path that it was loaded from."""
        return self._paths

    def source(self, model: str) -> PromptSource:
        """Return the adapter that a request's `model` names, if any. Raises `ModelNotFound`."""
        if model == self._uid:
            return NOTHING
        if model not in self._keys:
            raise ModelNotFound(model, [self._uid, *self._keys])
        return PromptSource(adapter=self._keys[model])

    def check(self, source: PromptSource) -> None:
        """Raise `ModelNotFound` if the adapter was unloaded after the request was read."""
        if source.adapter and source.adapter not in self._keys.values():
            raise ModelNotFound.unloaded(self._uid)

    async def load(self, body: LoadAdapterBody) -> None:
        """Load an adapter. Raises `AdapterNotFound` or `InvalidParameter`, and then changes nothing."""
        if not os.path.exists(body.lora_path):
            raise AdapterNotFound.at(body.lora_name, body.lora_path)
        async with self._changing:
            if body.lora_name == self._uid or (body.lora_name in self._keys and not body.load_inplace):
                problem = f"'{body.lora_name}' is loaded already; load_inplace puts another in its place."
                raise InvalidParameter("lora_name", problem)
            key = f"adapter{next(self._serial)}"
            await asyncio.wrap_future(
                self._scheduler.between_rounds(lambda: self._backend.load_adapter(key, body.lora_path, body.lora_scale))
            )
            old = self._keys.get(body.lora_name)
            self._keys[body.lora_name], self._paths[body.lora_name] = key, body.lora_path
            self._forget(old)

    async def unload(self, name: str) -> None:
        """Hide the adapter from new requests; answers in progress finish. Raises `AdapterNotFound`."""
        async with self._changing:
            if name not in self._keys:
                raise AdapterNotFound(name, list(self._keys))
            del self._paths[name]
            self._forget(self._keys.pop(name))

    def _forget(self, key: str | None) -> None:
        if key is not None:
            self._scheduler.between_rounds(lambda: self._backend.unload_adapter(key), free=key)


async def load(request: ReplicaRequest, writer: Writer) -> Answer:
    """The handler of `/v1/load_lora_adapter`."""
    body = request.read(LoadAdapterBody)
    await writer.adapters.load(body)
    return msgspec.json.encode(f"Success: LoRA adapter '{body.lora_name}' added successfully.")


async def unload(request: ReplicaRequest, writer: Writer) -> Answer:
    """The handler of `/v1/unload_lora_adapter`."""
    body = request.read(UnloadAdapterBody)
    await writer.adapters.unload(body.lora_name)
    return msgspec.json.encode(f"Success: LoRA adapter '{body.lora_name}' removed successfully.")
