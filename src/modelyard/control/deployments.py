"""Creates, scales and removes models: checks the request, writes the row, commits, and wakes the control loop."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.catalog.index import FAMILIES, Catalog
from modelyard.control.downloads import check_disk
from modelyard.control.dry_run import DryRun, measured
from modelyard.control.journal import is_elsewhere
from modelyard.control.launch_plans import ALIASES, plan_launch
from modelyard.control.placement import Machine, Placement, place
from modelyard.control.places import packed
from modelyard.control.privileges import Permit, keyed
from modelyard.control.reconcile import Reconciler
from modelyard.control.unsupported_keys import warnings
from modelyard.control.views import ModelView
from modelyard.core.config import Settings
from modelyard.core.errors import (
    BadRequest,
    ChangedMeanwhile,
    LaunchCancelled,
    LaunchFailed,
    ModelExists,
    ModelNotFound,
    ModelyardError,
    NotFound,
)
from modelyard.core.trust import Trust
from modelyard.core.types import Address, Footprint, Hardware, Launch, ReplicaState
from modelyard.db.session import Database, retried
from modelyard.db.tables import Deployment, Event
from modelyard.engines import ENGINES
from modelyard.engines.base import ADAPTERS, Remote
from modelyard.engines.names import canonical_name
from modelyard.jobs.runner import log_name
from modelyard.protocol.models import LaunchRequest
from modelyard.runtime.base import Host

EVENTS_SHOWN = 100


class Deployments:
    """Implements the management routes of models. It starts and stops no process; the control loop does."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        host: Host,
        reconciler: Reconciler,
        catalog: Catalog = FAMILIES,
    ) -> None:
        self._settings = settings
        self._database = database
        self._host = host
        self._reconciler = reconciler
        self._catalog = catalog
        self.naming = asyncio.Lock()
        """Held from the check whether a name is free until the control loop has the model of that name."""
        self.on_event: Callable[[str, str, str], None] = lambda uid, kind, content: None
        """Called with the events of a launch: the model's uid, the kind, and the sentence."""

    async def create(self, request: LaunchRequest, trust: Trust) -> str:
        """Accept a launch and return its uid; the control loop starts it. Raises at once if the launch cannot work, and
        `PermissionDenied` if it exceeds the caller's trust.
        """
        machine = await self.machine()
        launch = await self._planned(request, trust, machine)
        await self._check_disk(launch)
        async with self.naming:
            launch = self._under_free_names(launch, request)
            self._placements(launch, self._reconciler.need(launch), request.replica, machine.hardware)
            try:
                async with self._database.writing() as session:
                    await self._insert(session, launch, request)
            except (
                ChangedMeanwhile
            ):  # another server with this database launched the uid between our check and our write
                raise ModelExists(launch.uid, "just launched") from None
            for kind, sentence in _launch_events(request):
                self.on_event(launch.uid, kind, sentence)
            await self._reconciler.look()
        return launch.uid

    async def default_uid(self, request: LaunchRequest, trust: Trust) -> str:
        """The uid of a launch that does not name one, if that uid is free."""
        return (await self.plan(request, trust)).uid

    async def plan(self, request: LaunchRequest, trust: Trust) -> Launch:
        """Return what a launch would become, without starting it. Raises the errors of `create` except those of taken names."""
        return await self._planned(request, trust, await self.machine())

    async def _planned(self, request: LaunchRequest, trust: Trust, machine: Machine) -> Launch:
        engine_name = request.model_engine or (request.model_extra or {}).get("engine")
        if not self._settings.local_models and not is_elsewhere(canonical_name(str(engine_name or ""))):
            raise BadRequest(
                "This server runs no models of its own (--lite); launch one of another server with the engine external, or "
                "start the server without --lite."
            )
        permit = Permit(trust, self._settings.allowances)
        launch = await asyncio.to_thread(plan_launch, request, machine, self._catalog, permit)
        engine = ENGINES.get(launch.engine)
        if engine.profile.remote and isinstance(remote := engine.command(launch, Address(), ""), Remote):
            keyed(remote, self._settings, os.environ)
        return launch

    async def dry_run(self, request: LaunchRequest, trust: Trust) -> DryRun:
        """What `create` would do, or the error that it would raise, by the same steps up to the row. Writes nothing."""
        machine = await self.machine()
        result = DryRun(machine)
        try:
            launch = await self._planned(request, trust, machine)
            result = await asyncio.to_thread(measured, machine, launch)
            await self._check_disk(launch)
            launch = self._under_free_names(launch, request)
            result = replace(result, launch=launch)
            spots = self._placements(launch, result.need, request.replica, machine.hardware)
            return replace(result, placements=tuple(spots))
        except ModelyardError as error:
            return replace(result, refusal=error)

    @staticmethod
    async def _check_disk(launch: Launch) -> None:
        """Raise `NotEnoughDisk` if what has to be downloaded does not fit on the disk."""
        if launch.model.download is not None:
            await asyncio.to_thread(check_disk, launch.model.download)

    async def request(self, uid: str) -> LaunchRequest:
        """The request that launched a model, for launching it again. Raises `ModelNotFound`."""
        async with self._database.session() as session:
            row = await session.get(Deployment, uid)
        if row is None:
            raise self._not_found(uid)
        return LaunchRequest.model_validate({**row.request, "model_uid": uid})

    async def machine(self) -> Machine:
        """The current hardware, and the memory that replicas claim of it."""
        hardware = await asyncio.to_thread(self._host.hardware)
        settings = self._settings
        return Machine(hardware, self._reconciler.claims(), settings.memory_headroom, settings.engines_folder)

    def _under_free_names(self, launch: Launch, request: LaunchRequest) -> Launch:
        """The launch with a free uid. Raises `ModelExists` for a name that something else has."""
        launch = self._with_free_uid(launch, request)
        for adapter in launch.adapters:
            self.check_free(adapter.name, launch.uid)
        for alias in launch.aliases:
            self.check_free(alias, launch.uid, ALIASES)
        return launch

    def _with_free_uid(self, launch: Launch, request: LaunchRequest) -> Launch:
        """The launch with a free uid: a suffix is added to a taken uid if that was derived from the model's name."""
        view = self._reconciler.view(launch.uid)
        owner = self._reconciler.owner(launch.uid)
        if view is None and owner is not None:
            raise ModelExists(launch.uid, _role(launch.uid, owner))
        if view is None or view.state is ReplicaState.FAILED:
            return launch
        if request.model_uid is not None:
            raise ModelExists(launch.uid, view.state.value)
        return replace(launch, uid=f"{launch.uid[:91]}-{secrets.token_hex(4)}")

    def check_free(self, name: str, uid: str, param: str = ADAPTERS) -> None:
        """Raise `ModelExists` if an adapter or alias of model `uid` may not have this name."""
        view, owner = self._reconciler.view(name), self._reconciler.owner(name)
        if view is not None and view.desired.uid != uid:
            raise ModelExists(name, view.state.value, param)
        if owner is not None and owner.desired.uid != uid:
            raise ModelExists(name, _role(name, owner), param)

    def _placements(self, launch: Launch, need: Footprint, replicas: int, hardware: Hardware) -> list[Placement]:
        """The devices of each new replica. Raises `NotEnoughMemory` unless all can be placed together."""
        claims, placements = self._reconciler.claims(), list[Placement]()
        for _ in range(replicas):
            placements.append(place(launch, need, hardware, claims, self._settings.memory_headroom))
            claims = claims.plus(placements[-1], loading=True)
        return placements

    async def _insert(self, session: AsyncSession, launch: Launch, request: LaunchRequest) -> None:
        old = await session.get(Deployment, launch.uid, with_for_update=True)
        generation = 1
        if old is not None:  # a failed model is replaced; its remaining replicas have an older generation
            view = self._reconciler.view(launch.uid)
            if view is None or view.state is not ReplicaState.FAILED or view.desired.generation != old.generation:
                raise ModelExists(launch.uid, "just launched")
            generation = old.generation + 1
            await session.delete(old)
            await session.flush()
        session.add(
            Deployment(
                uid=launch.uid,
                launch=packed(launch, self._settings.folder),
                request=request.model_dump(mode="json"),
                ordinals=list(range(request.replica)),
                generation=generation,
                terminating=False,
                was_ready=False,
                created_at=time.time(),
            )
        )
        for kind, sentence in _launch_events(request):
            session.add(Event(uid=launch.uid, at=time.time(), kind=kind, content=sentence))

    async def wait_ready(self, uid: str) -> None:
        """Wait until every replica is ready or given up, and at least one is ready.

        Raises `LaunchFailed` with the engine's reason, or `LaunchCancelled`.
        """

        def settled() -> ModelView | str | None:
            view = self._reconciler.view(uid)
            if view is None or view.desired.terminating:
                return "cancelled"
            ready = {each.replica.ordinal for each in view.replicas if each.replica.state is ReplicaState.READY}
            lost = {ordinal for ordinal, slot in view.slots.items() if slot.given_up}
            settled = all(each.settled for each in view.adapters)
            return view if ready | lost >= set(view.desired.ordinals) and (settled or not ready) else None

        outcome: ModelView | str = await self._reconciler.until(settled)
        if isinstance(outcome, str):
            raise LaunchCancelled(uid)
        if outcome.state is ReplicaState.FAILED:
            raise LaunchFailed(uid, outcome.reason)
        for each in outcome.adapters:
            if each.state is ReplicaState.FAILED:
                raise LaunchFailed(uid, f"the model runs without adapter '{each.adapter.name}': {each.reason}")

    def view(self, uid: str) -> ModelView:
        """One model. Raises `ModelNotFound`, whose message lists the models that exist, or names the model of an alias."""
        view = self._reconciler.view(uid)
        if view is None and (owner := self._reconciler.owner(uid)) and uid in owner.desired.launch.aliases:
            raise ModelNotFound.alias(uid, owner.desired.uid)
        if view is None:
            raise self._not_found(uid)
        return view

    def _not_found(self, uid: str) -> ModelNotFound:
        """The error for a uid that no model has."""
        views = self._reconciler.views()
        running = [each.desired.uid for each in views if each.state is ReplicaState.READY]
        return ModelNotFound(uid, running, [each.desired.uid for each in views])

    def views(self) -> list[ModelView]:
        """Every model, oldest first."""
        return self._reconciler.views()

    async def after_steps(self, look: Callable[[], None]) -> None:
        """Call `look` after every step of the control loop, until cancelled."""
        await self._reconciler.until(look)

    async def remove(self, uid: str) -> None:
        """Remove a model; returns when its last replica has ended and its memory is free."""
        target = self.view(uid).desired
        this = (Deployment.uid == uid, Deployment.generation == target.generation)
        async with self._database.freeing() as session:
            await session.execute(update(Deployment).where(*this).values(terminating=True))
        await self._reconciler.look()

        def gone() -> bool | None:
            view = self._reconciler.view(uid)  # the uid may have been launched again
            return True if view is None or view.desired.created_at != target.created_at else None

        await self._reconciler.until(gone)

    async def cancel(self, uid: str) -> None:
        """Cancel a launch that is not ready yet. Raises `BadRequest` for a ready model, which only `remove` ends."""
        view = self.view(uid)
        if view.state is ReplicaState.READY:
            raise BadRequest(f"Model '{uid}' is ready; terminate it instead of cancelling its launch.")
        await self.remove(uid)

    @retried
    async def scale_up(self, uid: str, more: int) -> list[int]:
        """Add replicas with the lowest free numbers; returns these numbers."""
        launch = self.view(uid).desired.launch
        hardware = await asyncio.to_thread(self._host.hardware)
        self._placements(launch, self._reconciler.need(launch), more, hardware)
        async with self._database.writing() as session:
            row = await self._live(session, uid)
            ordinals = set(row.ordinals)
            added = [ordinal for ordinal in range(len(ordinals) + more) if ordinal not in ordinals][:more]
            row.ordinals = sorted(ordinals | set(added))
        await self._reconciler.look()
        return added

    @retried
    async def remove_replica(self, uid: str, ordinal: int) -> int:
        """Remove one replica; returns how many remain. Raises `BadRequest` for the last one, which ends with its model only."""
        async with self._database.writing() as session:
            row = await self._live(session, uid)
            if ordinal not in row.ordinals:
                raise NotFound(f"Model '{uid}' has no replica {ordinal}; it has {', '.join(map(str, row.ordinals))}.")
            if len(row.ordinals) == 1:
                raise BadRequest(f"Replica {ordinal} is the last one of '{uid}'; terminate the model instead.")
            row.ordinals = [each for each in row.ordinals if each != ordinal]
            remaining = len(row.ordinals)
        await self._reconciler.look()
        return remaining

    async def _live(self, session: AsyncSession, uid: str) -> Deployment:
        row = await session.get(Deployment, uid, with_for_update=True)
        if row is None or row.terminating:
            raise self._not_found(uid)
        return row

    async def events(self, uid: str) -> list[Event]:
        """The events of a model, oldest first; also of models that were removed."""
        async with self._database.session() as session:
            query = select(Event).where(Event.uid == uid).order_by(Event.id.desc()).limit(EVENTS_SHOWN)
            rows = list(await session.scalars(query))
        if not rows:
            self.view(uid)
        return rows[::-1]

    async def event_page(
        self, uids: Collection[str] | None, kind: str | None, limit: int, before: int | None
    ) -> list[Event]:
        """The newest events of these models, or of all, also of removed ones, with an id below `before`."""
        query = select(Event).order_by(Event.id.desc()).limit(limit)
        if uids is not None:
            query = query.where(Event.uid.in_(sorted(uids)))
        if kind is not None:
            query = query.where(Event.kind == kind)
        if before is not None:
            query = query.where(Event.id < before)
        async with self._database.session() as session:
            return list(await session.scalars(query))

    def check_log(self, uid: str) -> None:
        """Raise `ModelNotFound` for the name of a job's log, which only the owner of the job may read."""
        if uid.startswith(log_name("")):
            self.view(uid)

    def logs(self, uid: str, replica: str | None, lines: int) -> tuple[str | None, Sequence[str]]:
        """The replica whose log was read, and the end of its output; also of models that were removed."""
        self.check_log(uid)
        name, output = self._host.logs(uid, replica, lines)
        if name is None:
            self.view(uid)
        return name, output


def _launch_events(request: LaunchRequest) -> list[tuple[str, str]]:
    """The first events of a model: kind and sentence."""
    return [("INFO", "Launch model"), *(("WARNING", sentence) for sentence in warnings(request))]


def _role(name: str, owner: ModelView) -> str:
    """What the name is of the model that has it, for a refusal."""
    kind = "alias" if name in owner.desired.launch.aliases else "adapter"
    return f"an {kind} of '{owner.desired.uid}'"
