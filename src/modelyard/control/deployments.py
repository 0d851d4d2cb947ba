"""Creating, scaling and removing models: check everything, write the row, commit, nudge the loop."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.catalog.index import FAMILIES, Catalog
from modelyard.control.downloads import check_disk
from modelyard.control.launching import plan_launch
from modelyard.control.placement import Claims, Machine, place
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
    NotFound,
)
from modelyard.core.trust import Trust
from modelyard.core.types import Address, Hardware, Launch, ReplicaState
from modelyard.db.session import Database, retried
from modelyard.db.tables import Deployment, Event
from modelyard.engines import ENGINES
from modelyard.engines.base import Remote
from modelyard.protocol.models import LaunchRequest
from modelyard.runtime.base import Host

EVENTS_SHOWN = 100


class Deployments:
    """What the management routes do. Nothing here starts or stops a process; the loop does."""

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
        """Held from the look whether a name is free until the control loop knows who has it."""

    async def create(self, request: LaunchRequest, trust: Trust) -> str:
        """Accept a launch and return its uid; the loop starts it. Refuses at once whatever cannot work, and what a caller
        of that trust may not ask for.
        """
        machine = await self.machine()
        launch = await self._planned(request, trust, machine)
        if launch.model.download is not None:
            await asyncio.to_thread(check_disk, launch.model.download)
        async with self.naming:
            launch = self._with_free_uid(launch, request)
            for adapter in launch.adapters:
                self.check_free(adapter.name, launch.uid)
            self._check_memory(launch, request.replica, machine.hardware, self._reconciler.claims())
            try:
                async with self._database.writing() as session:
                    await self._insert(session, launch, request)
            except ChangedMeanwhile:  # another server on the same database launched it between our look and our write
                raise ModelExists(launch.uid, "just launched") from None
            await self._reconciler.look()
        return launch.uid

    async def default_uid(self, request: LaunchRequest, trust: Trust) -> str:
        """The uid a launch gets that names none, if nobody has it."""
        return (await self.plan(request, trust)).uid

    async def plan(self, request: LaunchRequest, trust: Trust) -> Launch:
        """What a launch would be, without starting anything. Raises what `create` does of a launch in itself."""
        return await self._planned(request, trust, await self.machine())

    async def _planned(self, request: LaunchRequest, trust: Trust, machine: Machine) -> Launch:
        permit = Permit(trust, self._settings.allowances)
        launch = await asyncio.to_thread(plan_launch, request, machine, self._catalog, permit)
        engine = ENGINES.get(launch.engine)
        if engine.profile.remote and isinstance(remote := engine.command(launch, Address(), ""), Remote):
            keyed(remote, self._settings, os.environ)
        return launch

    async def request(self, uid: str) -> LaunchRequest:
        """What a model was launched with, so that it can be launched again. Raises `ModelNotFound`."""
        async with self._database.session() as session:
            row = await session.get(Deployment, uid)
        if row is None:
            raise ModelNotFound.among(uid, [each.desired.uid for each in self._reconciler.views()])
        return LaunchRequest.model_validate({**row.request, "model_uid": uid})

    async def machine(self) -> Machine:
        """What there is to run on at this moment, and what our replicas take of it."""
        hardware = await asyncio.to_thread(self._host.hardware)
        settings = self._settings
        return Machine(hardware, self._reconciler.claims(), settings.memory_headroom, settings.engines_folder)

    def _with_free_uid(self, launch: Launch, request: LaunchRequest) -> Launch:
        """A uid that was not asked for but follows from the model's name gets a suffix when it is taken."""
        view = self._reconciler.view(launch.uid)
        owner = self._reconciler.owner(launch.uid)
        if view is None and owner is not None:
            raise ModelExists(launch.uid, f"an adapter of '{owner.desired.uid}'")
        if view is None or view.state is ReplicaState.FAILED:
            return launch
        if request.model_uid is not None:
            raise ModelExists(launch.uid, view.state.value)
        return replace(launch, uid=f"{launch.uid[:91]}-{secrets.token_hex(4)}")

    def check_free(self, name: str, uid: str) -> None:
        """Raises `ModelExists` when an adapter of `uid` may not have a name."""
        view, owner = self._reconciler.view(name), self._reconciler.owner(name)
        if view is not None and view.desired.uid != uid:
            raise ModelExists(name, view.state.value, "lora_modules")
        if owner is not None and owner.desired.uid != uid:
            raise ModelExists(name, f"an adapter of '{owner.desired.uid}'", "lora_modules")

    def _check_memory(self, launch: Launch, replicas: int, hardware: Hardware, claims: Claims) -> None:
        """Place every new replica in thought, so that a launch is refused before anything starts."""
        need = self._reconciler.need(launch)
        for _ in range(replicas):
            spot = place(launch, need, hardware, claims, self._settings.memory_headroom)
            claims = claims.plus(spot, loading=True)

    async def _insert(self, session: AsyncSession, launch: Launch, request: LaunchRequest) -> None:
        old = await session.get(Deployment, launch.uid, with_for_update=True)
        generation = 1
        if old is not None:  # a failed one makes way, and what is left of its replicas is of an older generation
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
        session.add(Event(uid=launch.uid, at=time.time(), kind="INFO", content="Launch model"))
        for sentence in warnings(request):
            session.add(Event(uid=launch.uid, at=time.time(), kind="WARNING", content=sentence))

    async def wait_ready(self, uid: str) -> None:
        """Return when every replica is up or given up, and at least one is up.

        Raises `LaunchFailed` with the engine's own reason, or `LaunchCancelled`.
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
        """One model; raises `ModelNotFound` with what there is."""
        view = self._reconciler.view(uid)
        if view is None:
            raise ModelNotFound.among(uid, [each.desired.uid for each in self._reconciler.views()])
        return view

    def views(self) -> list[ModelView]:
        """Every model, oldest first."""
        return self._reconciler.views()

    async def remove(self, uid: str) -> None:
        """Return when the last replica of the model is gone and its memory is free."""
        target = self.view(uid).desired
        this = (Deployment.uid == uid, Deployment.generation == target.generation)
        async with self._database.freeing() as session:
            await session.execute(update(Deployment).where(*this).values(terminating=True))
        await self._reconciler.look()

        def gone() -> bool | None:
            view = self._reconciler.view(uid)  # the same uid may have been launched again
            return True if view is None or view.desired.created_at != target.created_at else None

        await self._reconciler.until(gone)

    async def cancel(self, uid: str) -> None:
        """Give up a launch that is not ready yet; one that is ready is terminated by `remove` only."""
        view = self.view(uid)
        if view.state is ReplicaState.READY:
            raise BadRequest(f"Model '{uid}' is ready; terminate it instead of cancelling its launch.")
        await self.remove(uid)

    @retried
    async def scale_up(self, uid: str, more: int) -> list[int]:
        """Add replicas at the lowest free numbers; returns these numbers."""
        view = self.view(uid)
        hardware = await asyncio.to_thread(self._host.hardware)
        self._check_memory(view.desired.launch, more, hardware, self._reconciler.claims())
        async with self._database.writing() as session:
            row = await self._live(session, uid)
            taken = set(row.ordinals)
            added = [ordinal for ordinal in range(len(taken) + more) if ordinal not in taken][:more]
            row.ordinals = sorted(taken | set(added))
        await self._reconciler.look()
        return added

    @retried
    async def remove_replica(self, uid: str, ordinal: int) -> int:
        """Let one replica go; returns how many stay wanted. The last one goes with its model only."""
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
            raise ModelNotFound.among(uid, [each.desired.uid for each in self._reconciler.views()])
        return row

    async def events(self, uid: str) -> list[Event]:
        """What happened to a model, oldest first; of models that are gone, too."""
        async with self._database.session() as session:
            query = select(Event).where(Event.uid == uid).order_by(Event.id.desc()).limit(EVENTS_SHOWN)
            found = list(await session.scalars(query))
        if not found:
            self.view(uid)
        return found[::-1]

    def logs(self, uid: str, replica: str | None, lines: int) -> tuple[str | None, Sequence[str]]:
        """The replica that was read and the end of what it printed; of models that are gone, too."""
        name, found = self._host.logs(uid, replica, lines)
        if name is None:
            self.view(uid)
        return name, found
