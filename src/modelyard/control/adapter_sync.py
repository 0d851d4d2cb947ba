"""Loads the desired adapters onto every replica of a model, and unloads others, one change at a time on each replica."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from modelyard.core.types import Adapter, Address
from modelyard.core.wording import reason
from modelyard.runtime.post import post

log = logging.getLogger(__name__)

LOAD, UNLOAD = "/v1/load_lora_adapter", "/v1/unload_lora_adapter"
"""vLLM's paths; every engine with `hot_adapters` answers them."""


@dataclass(frozen=True, slots=True)
class LoadAdapter:
    """The action of loading an adapter."""

    adapter: Adapter


@dataclass(frozen=True, slots=True)
class UnloadAdapter:
    """The action of unloading an adapter."""

    adapter: Adapter


Change: TypeAlias = LoadAdapter | UnloadAdapter


@dataclass(frozen=True, slots=True)
class Carrier:
    """A ready replica, with the facts needed to change its adapters."""

    replica: str
    uid: str
    address: Address
    headers: Sequence[tuple[bytes, bytes]]
    hot: bool
    """Whether it can load and unload adapters while it runs."""


@dataclass(slots=True)
class LoadedAdapters:
    """The adapters of one replica. Written by `AdapterSync` only, on the event loop."""

    loaded: dict[str, Adapter] = field(default_factory=dict)
    failed: dict[str, tuple[Adapter, str]] = field(default_factory=dict)
    """Adapters that could not be loaded, and why; they are not tried again on this replica."""
    task: asyncio.Task[None] | None = None


def next_change(
    desired: Iterable[Adapter], loaded: Mapping[str, Adapter], failed: Collection[Adapter]
) -> Change | None:
    """The next change towards the desired adapters. Adapters that are not desired, or have changed, are unloaded first. Pure."""
    names = {adapter.name: adapter for adapter in desired}
    for adapter in loaded.values():
        if names.get(adapter.name) != adapter:
            return UnloadAdapter(adapter)
    for adapter in names.values():
        if adapter.name not in loaded and adapter not in failed:
            return LoadAdapter(adapter)
    return None


class AdapterSync:
    """Changes adapters, as a part of the control loop. `changed` wakes the loop; `tell(uid, kind, sentence)` writes an event."""

    def __init__(self, changed: Callable[[], None], tell: Callable[[str, str, str], None], timeout: float) -> None:
        self._changed = changed
        self._tell = tell
        self._timeout = timeout
        self._held: dict[str, LoadedAdapters] = {}

    def started(self, replica: str, adapters: Iterable[Adapter], absent: Iterable[Adapter]) -> None:
        """Record that a replica starts with `adapters` from the beginning; the files of `absent` do not exist any more."""
        failed = {adapter.name: (adapter, f"there is nothing at {adapter.path} any more") for adapter in absent}
        self._held[replica] = LoadedAdapters({adapter.name: adapter for adapter in adapters}, failed)

    def forget(self, replica: str) -> None:
        """Delete the state of a replica that has ended."""
        state = self._held.pop(replica, None)
        if state is not None and state.task is not None:
            state.task.cancel()

    def has(self, replica: str, adapter: Adapter) -> bool:
        """Whether a replica serves exactly this adapter."""
        state = self._held.get(replica)
        return state is not None and state.loaded.get(adapter.name) == adapter

    def carries(self, replica: str, adapter: Adapter) -> bool:
        """Whether a replica has an adapter, or is loading or unloading one."""
        state = self._held.get(replica)
        return state is not None and (state.task is not None or state.loaded.get(adapter.name) == adapter)

    def problem(self, replica: str, adapter: Adapter) -> str:
        """Why a replica could not load an adapter; empty if it has loaded it or has not tried."""
        state = self._held.get(replica)
        failed = state.failed.get(adapter.name) if state else None
        return failed[1] if failed is not None and failed[0] == adapter else ""

    def step(self, carriers: Iterable[Carrier], desired: Mapping[str, Sequence[Adapter]]) -> None:
        """Begin the next change on each ready replica that has none in progress. `desired` is by model uid."""
        for carrier in carriers:
            state = self._held.setdefault(carrier.replica, LoadedAdapters())
            if not carrier.hot or state.task is not None:
                continue
            failed = [adapter for adapter, _ in state.failed.values()]
            change = next_change(desired.get(carrier.uid, ()), state.loaded, failed)
            if change is None:
                continue
            if isinstance(change, UnloadAdapter):  # the route of the adapter no longer includes this replica
                del state.loaded[change.adapter.name]
            state.task = asyncio.create_task(
                self._carry_out(carrier, state, change), name=f"adapters {carrier.replica}"
            )

    async def _carry_out(self, carrier: Carrier, state: LoadedAdapters, change: Change) -> None:
        adapter = change.adapter
        try:
            problem = await self._ask(carrier, change)
        finally:
            state.task = None
        if isinstance(change, LoadAdapter):
            if problem:
                state.failed[adapter.name] = (adapter, problem)
                self._tell(carrier.uid, "ERROR", f"Adapter '{adapter.name}' could not be loaded: {problem}")
            else:
                state.loaded[adapter.name] = adapter
                state.failed.pop(adapter.name, None)
                self._tell(carrier.uid, "INFO", f"Adapter '{adapter.name}' is loaded on {carrier.replica}")
        elif problem:
            log.warning("%s: adapter '%s' could not be unloaded: %s", carrier.replica, adapter.name, problem)
        self._changed()

    async def _ask(self, carrier: Carrier, change: Change) -> str:
        """Send a change to the replica. Returns the engine's error message; empty if it succeeded."""
        adapter = change.adapter
        body: dict[str, object] = {"lora_name": adapter.name}
        if isinstance(change, LoadAdapter):
            body["lora_path"] = adapter.path
            if adapter.scale != 1:
                body["lora_scale"] = adapter.scale
        path = LOAD if isinstance(change, LoadAdapter) else UNLOAD
        try:
            status, text = await post(carrier.address, path, body, carrier.headers, self._timeout)
        except OSError as error:
            return f"the replica did not answer: {reason(error)}"
        return "" if status == 200 else said(text) or f"status {status}"


def said(text: str) -> str:
    """The message in an engine's error body; empty if it has none."""
    try:
        body = json.loads(text)
    except ValueError:
        return text.strip()
    error = body.get("error", body) if isinstance(body, dict) else body
    return str(error.get("message", error) if isinstance(error, dict) else error)
