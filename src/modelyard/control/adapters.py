"""Adapters of running models: loads, unloads and lists them. Checks, writes the row, and waits for every replica."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.catalog.adapters import read_adapter
from modelyard.control import adapter_files
from modelyard.control.deployments import Deployments
from modelyard.control.launch_plans import checked_uid
from modelyard.control.places import packed, unpacked
from modelyard.control.reconcile import Reconciler
from modelyard.control.views import AdapterView, ModelView
from modelyard.core.errors import (
    AdapterInvalid,
    AdapterNotFound,
    BadRequest,
    Conflict,
    InvalidParameter,
    ModelExists,
    ModelNotFound,
    ModelNotReady,
    ModelyardError,
)
from modelyard.core.types import Adapter, Launch, ModelType, ReplicaState
from modelyard.db.session import Database
from modelyard.db.tables import Deployment
from modelyard.engines.base import Command

NAME = "lora_name"


class Adapters:
    """Implements the adapter routes. Requests to replicas are sent by the control loop, not here."""

    def __init__(self, database: Database, deployments: Deployments, reconciler: Reconciler, home: Path) -> None:
        self._database = database
        self._home = home
        self._deployments = deployments
        self._reconciler = reconciler

    def all(self) -> list[tuple[ModelView, AdapterView]]:
        """Every adapter with its model, in the order in which they were loaded."""
        return [(view, each) for view in self._reconciler.views() for each in view.adapters]

    def find(self, name: str) -> tuple[ModelView, AdapterView] | None:
        """The adapter of a name with its model, or None."""
        return next((pair for pair in self.all() if pair[1].adapter.name == name), None)

    async def load(self, name: str, path: str, *, model: str | None, scale: float, replace_it: bool) -> str:
        """Load an adapter on every replica of a model, now and after restarts; returns the model's uid.

        `model` may be omitted if only one running model suits. If no replica can load it, the launch keeps its previous adapters.
        Raises `AdapterNotFound`, `AdapterInvalid`, `InvalidParameter`, `ModelExists` or `ModelNotFound`.
        """
        adapter = await asyncio.to_thread(read_adapter, checked_uid(name, NAME), path, scale)
        view = await self._suiting(adapter, model)
        uid = view.desired.uid
        async with self._deployments.naming:
            self._deployments.check_free(name, uid)
            adapters = self._deployments.view(uid).adapters
            before = next((each.adapter for each in adapters if each.adapter.name == name), None)
            if before is not None and not replace_it:
                raise InvalidParameter(
                    NAME, f"an adapter '{name}' is loaded already; load_inplace puts this one in its place."
                )
            if before == adapter:  # its files may have changed; the loop compares names and paths only
                await self._write(uid, lambda launch: _without(launch, name))
                await self._gone(uid, adapter)
            await self._write(uid, lambda launch: _with(launch, adapter))
        problem = await self._loaded(uid, adapter)
        if problem:
            await self._write(uid, lambda launch: _with(launch, before) if before else _without(launch, name))
            raise AdapterInvalid(path, problem)
        return uid

    async def unload(self, name: str) -> None:
        """Unload an adapter from every replica, also for later restarts. Raises `AdapterNotFound`."""
        pair = self.find(name)
        if pair is None:
            raise AdapterNotFound(name, [each.adapter.name for _, each in self.all()])
        view, each = pair
        _check_hot(view)
        await self._write(view.desired.uid, lambda launch: _without(launch, name))
        await self._gone(view.desired.uid, each.adapter)

    async def _suiting(self, adapter: Adapter, model: str | None) -> ModelView:
        """The model that an adapter is for. Raises why it does not suit the named model, or any."""
        if model:
            view = self._deployments.view(model)
            await asyncio.to_thread(_check, view, adapter)
            return view
        views = [view for view in self._reconciler.views() if view.desired.launch.model.type is ModelType.LLM]
        if not views:
            raise ModelNotFound.of_type("language")
        fits, problems = [], []
        for view in views:
            try:
                await asyncio.to_thread(_check, view, adapter)
                fits.append(view)
            except ModelyardError as error:
                problems.append(error)
        if not fits:
            raise (
                problems[0]
                if len(problems) == 1
                else BadRequest(
                    f"No running model can take adapter '{adapter.name}': "
                    + "; ".join(
                        f"{view.desired.uid}: {error.message}" for view, error in zip(views, problems, strict=True)
                    )
                )
            )
        if len(fits) > 1:
            names = ", ".join(view.desired.uid for view in fits)
            raise InvalidParameter("model", f"it is needed: adapter '{adapter.name}' would suit {names}.")
        return fits[0]

    async def _write(self, uid: str, change: Callable[[Launch], Launch]) -> None:
        async with self._database.writing() as session:
            row = await self._row(session, uid)
            row.launch = packed(change(unpacked(row.launch, self._home)), self._home)
        await self._reconciler.look()

    @staticmethod
    async def _row(session: AsyncSession, uid: str) -> Deployment:
        row = await session.get(Deployment, uid, with_for_update=True)
        if row is None or row.terminating:
            raise ModelNotFound(uid)
        return row

    async def _loaded(self, uid: str, adapter: Adapter) -> str:
        """Wait until every ready replica has loaded or refused the adapter; returns the first refusal."""

        def settled() -> AdapterView | str | None:
            view = self._reconciler.view(uid)
            if view is None or view.desired.terminating:
                return "the model was terminated meanwhile"
            adapter_view = next((each for each in view.adapters if each.adapter == adapter), None)
            if adapter_view is None:
                return "it was unloaded meanwhile"
            busy = view.state is ReplicaState.READY and not adapter_view.settled
            return None if busy else adapter_view

        outcome: AdapterView | str = await self._reconciler.until(settled)
        if isinstance(outcome, str):
            raise Conflict(f"Adapter '{adapter.name}' was not loaded: {outcome}.")
        return outcome.reason if outcome.state is ReplicaState.FAILED else ""

    async def _gone(self, uid: str, adapter: Adapter) -> None:
        """Wait until no replica has the adapter."""
        await self._reconciler.until(lambda: None if self._reconciler.carries(uid, adapter) else True)


def _check(view: ModelView, adapter: Adapter) -> None:
    launch = view.desired.launch
    _check_hot(view)
    if adapter.name == launch.uid:
        raise ModelExists(launch.uid, view.state.value, NAME)
    if adapter.name in launch.aliases:
        raise ModelExists(adapter.name, f"an alias of '{launch.uid}'", NAME)
    adapter_files.check(replace(launch, adapters=(*launch.adapters, adapter)), [adapter])


def _check_hot(view: ModelView) -> None:
    """Raises `ModelNotReady`, or `InvalidParameter` for an engine that cannot change its adapters."""
    if view.state is not ReplicaState.READY:
        raise ModelNotReady(view.desired.uid, view.state, view.reason)
    plan = view.replicas[0].plan if view.replicas else None
    if isinstance(plan, Command) and not plan.hot_adapters:
        launch = view.desired.launch
        raise InvalidParameter(
            NAME,
            f"'{launch.uid}', as it was launched on the {launch.engine} engine, takes no adapters while it runs; terminate it "
            "and launch it again with lora_modules.",
        )


def _with(launch: Launch, adapter: Adapter) -> Launch:
    """The launch with an adapter, which replaces one of equal name."""
    if any(each.name == adapter.name for each in launch.adapters):
        return replace(
            launch, adapters=tuple(adapter if each.name == adapter.name else each for each in launch.adapters)
        )
    return replace(launch, adapters=(*launch.adapters, adapter))


def _without(launch: Launch, name: str) -> Launch:
    return replace(launch, adapters=tuple(each for each in launch.adapters if each.name != name))
