"""The control loop: compares desired and observed models, and acts. The only caller of `Host.start` and `Host.stop`.

Every change wakes the loop, and it also runs at intervals. Everything runs on one event loop, so its state needs no
lock; other code receives frozen views of it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import TypeVar

from modelyard.catalog.find import as_downloaded
from modelyard.control import diff as deciding
from modelyard.control import routing
from modelyard.control.adapter_sync import AdapterSync
from modelyard.control.diff import Desired, Drain, Remove, Replica, RestartPolicy, Slot, SlotKey, Start, Stop
from modelyard.control.downloads import Downloads, DownloadView
from modelyard.control.interpreters import resolved
from modelyard.control.journal import Journal
from modelyard.control.placement import Claims, place
from modelyard.control.places import check_there
from modelyard.control.privileges import keyed
from modelyard.control.processes import process_spec
from modelyard.control.views import ModelView, RunningReplica
from modelyard.core.config import Settings
from modelyard.core.errors import ModelyardError
from modelyard.core.traffic import Traffic
from modelyard.core.types import Adapter, Footprint, Launch, ReplicaState, RouteTable
from modelyard.db.session import TROUBLE
from modelyard.engines import ENGINES
from modelyard.engines.base import Remote
from modelyard.jobs.service import Jobs
from modelyard.runtime.base import Host, ProcessState, ProcessView

log = logging.getLogger(__name__)
T = TypeVar("T")

DRAIN_POLL = 0.05  # seconds between checks of a draining replica's requests in flight
LOADING_GRACE = 0.5  # seconds between SIGTERM and SIGKILL for a replica without requests to finish
EXPLAIN_LINES = 400  # lines of a dead engine's output that are searched for its error


class Reconciler:
    """Owns all replicas. Calls `publish` with a new `RouteTable` whenever it differs from the previous one."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        host: Host,
        traffic: Traffic,
        publish: Callable[[RouteTable], None],
        jobs: Jobs,
    ) -> None:
        self._settings = settings
        self._policy = RestartPolicy(settings.restart_backoff, settings.restart_limit, settings.drain_timeout)
        self._journal = journal
        self._host = host
        self._traffic = traffic
        self._publish = publish
        self._desired: dict[str, Desired] = {}
        self._running: dict[str, RunningReplica] = {}
        self._needs: dict[str, tuple[Launch, Footprint]] = {}
        self._slots: dict[SlotKey, Slot] = {}
        self.held: frozenset[str] = frozenset()
        """Models that wait for their autostart priority; none of their replicas is started yet."""
        self._asked: set[str] = set()
        """Replicas that were signalled to stop: their end is not a crash."""
        self._stops: set[asyncio.Task[None]] = set()
        self._serial = count(1)
        self._adapter_sync = AdapterSync(self._adapted, journal.event, settings.start_timeout)
        self._requested_look = 0
        self._read_look = 0
        """The last requested look that the rows of `_desired` answer."""
        self._looked = 0
        self._table = RouteTable()
        self._nudged = asyncio.Event()
        self._stepped = asyncio.Event()
        self._reload_at = 0.0
        self._compared_at = 0.0
        """When the last step compared desired and observed models; monotonic."""
        self._described: set[tuple[str, int]] = set()
        """Uid and generation of models whose downloaded files were read."""
        self.downloads = Downloads(settings, jobs, self._nudged.set)
        host.subscribe(lambda replica: self._nudged.set())

    async def look(self) -> None:
        """Wait until one step of the loop has read the changed rows."""
        self._requested_look += 1
        target = self._requested_look
        self._reload_at = 0.0
        self._nudged.set()
        await self.until(lambda: True if self._looked >= target else None)

    async def until(self, settled: Callable[[], T | None]) -> T:
        """Wait until `settled()` returns something other than None; it is called after every step of the loop."""
        while (value := settled()) is None:
            await self._stepped.wait()
        return value

    def view(self, uid: str) -> ModelView | None:
        """One model, or None if it is not desired."""
        target = self._desired.get(uid)
        if target is None:
            return None
        mine = tuple(sorted(self._of(uid), key=lambda running: running.replica.ordinal))
        coming = self._download(target) if not mine else None
        state, reason = deciding.summary(
            target,
            [running.replica for running in mine],
            self._slots,
            time.monotonic(),
            coming.reason if coming else "",
        )
        slots = {
            ordinal: slot
            for (owner, ordinal), slot in self._slots.items()
            if owner == uid and slot.generation == target.generation
        }
        adapters = tuple(routing.adapter_view(each, state, mine, self._adapter_sync) for each in target.launch.adapters)
        return ModelView(target, state, reason, mine, slots, coming, adapters)

    def owner(self, name: str) -> ModelView | None:
        """The model that has an adapter or an alias of this name."""
        for uid, target in self._desired.items():
            if name in target.launch.aliases or any(each.name == name for each in target.launch.adapters):
                return self.view(uid)
        return None

    def carries(self, uid: str, adapter: Adapter) -> bool:
        """Whether a replica of a model has an adapter, or is changing its adapters."""
        return any(self._adapter_sync.carries(running.replica.name, adapter) for running in self._of(uid))

    def _download(self, target: Desired) -> DownloadView | None:
        download = target.launch.model.download
        return self.downloads.of(download) if download is not None else None

    def views(self) -> list[ModelView]:
        """Every desired model, oldest first."""
        return [view for uid in self._desired if (view := self.view(uid))]

    def claims(self) -> Claims:
        """The memory that replicas claim, for placement."""
        claims = Claims()
        for running in self._running.values():
            claims = claims.plus(running.placement, loading=running.replica.state is ReplicaState.STARTING)
        return claims

    def need(self, launch: Launch) -> Footprint:
        """The memory that one replica of a launch needs, computed once per launch."""
        entry = self._needs.get(launch.uid)
        if entry is None or entry[0] != launch:
            entry = self._needs[launch.uid] = (launch, ENGINES.get(launch.engine).footprint(launch))
        return entry[1]

    def _of(self, uid: str) -> list[RunningReplica]:
        return [running for running in self._running.values() if running.replica.uid == uid]

    async def run(self) -> None:
        """Run the loop until it is cancelled."""
        while True:
            try:
                await self.step()
            except TROUBLE as error:
                self._postpone(error)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._nudged.wait()

    def _pause(self) -> float:
        now = time.monotonic()
        times = [self._reload_at]
        # of those that came due since the step compared them, too
        times += [
            slot.retry_at for slot in self._slots.values() if not slot.given_up and slot.retry_at > self._compared_at
        ]
        if any(running.replica.state is ReplicaState.DRAINING for running in self._running.values()):
            times.append(now + DRAIN_POLL)
        return max(0.0, min(times) - now)

    async def step(self) -> None:
        """Read the rows and the host's processes once, and carry out the resulting actions."""
        self._nudged.clear()
        if time.monotonic() >= self._reload_at:
            await self._reload()
        for view in self._host.observe():
            self._absorb(view)
        self._announce()  # before the first await, so that a model that is visibly ready has its route
        replicas = [running.replica for running in self._running.values()]
        due = [target for target in self._desired.values() if target.terminating or target.uid not in self.held]
        self._compared_at = time.monotonic()
        for action in deciding.diff(
            due, replicas, self._slots, self._traffic.in_flight, self._compared_at, self._policy
        ):
            match action:
                case Start(uid, ordinal):
                    await self._start(self._desired[uid], ordinal)
                case Drain(name):
                    self._running[name] = self._running[name].moved(ReplicaState.DRAINING)
                    self._nudged.set()
                case Stop(name):
                    self._stop(name)
                case Remove(uid):
                    await self._remove(uid)
        self.downloads.keep(
            (target.uid, target.launch.model.download)
            for target in self._desired.values()
            if target.launch.model.download is not None and not target.terminating
        )
        self._adapt()
        self._announce()
        try:
            await self._journal.flush()
        finally:
            self._looked = self._read_look
            stepped, self._stepped = self._stepped, asyncio.Event()
            stepped.set()

    async def _reload(self) -> None:
        """Read the rows. While the database cannot be used, processes are still watched, for the rows that are known."""
        self._reload_at = time.monotonic() + self._settings.resync_interval
        look = self._requested_look
        try:
            rows = await self._journal.load()
        except TROUBLE as error:
            self._postpone(error)
        else:
            self._desired = {target.uid: target for target in rows}
            self._read_look = look

    def _postpone(self, error: Exception) -> None:
        """Read the rows again after a pause, because the database cannot be used."""
        log.warning("%s; the control loop goes on with what it knows", error)
        self._reload_at = time.monotonic() + self._policy.restart_backoff

    def _absorb(self, view: ProcessView) -> None:
        """Update a replica by the host's view of its process."""
        running = self._running.get(view.replica)
        if running is None:
            return
        state = running.replica.state
        if view.state is ProcessState.EXITED:
            del self._running[view.replica]
            if view.replica not in self._asked:
                self._crashed(running, view)
            self._asked.discard(view.replica)
            self._adapter_sync.forget(view.replica)
            self._traffic.forget(view.replica)
            self._host.forget(view.replica)
        elif view.state is ProcessState.READY and state is ReplicaState.STARTING and not running.replica.stopping:
            self._running[view.replica] = replace(running.moved(ReplicaState.READY), pid=view.pid)
            self._journal.became_ready(running.replica.uid)
            seconds = (view.ready_at or 0) - view.started_at
            self._say(running, "INFO", f"is ready after {seconds:.1f} s")
        elif view.state is ProcessState.STOPPING and not running.replica.stopping:
            self._running[view.replica] = running.moved(ReplicaState.DRAINING, stopping=True)
        elif running.pid != view.pid:
            self._running[view.replica] = replace(running, pid=view.pid)

    def _crashed(self, running: RunningReplica, view: ProcessView) -> None:
        replica = running.replica
        _, lines = self._host.logs(replica.uid, replica.name, EXPLAIN_LINES)
        target = self._desired.get(replica.uid)
        error = view.error
        if not error and target is not None:
            error = ENGINES.get(target.launch.engine).explain(lines, view.exit_code)
        ready_for = 0.0 if view.ready_at is None else time.time() - view.ready_at
        self._failed(replica.uid, replica.ordinal, replica.generation, error, ready_for, view.ready_at is not None)

    def _failed(
        self, uid: str, ordinal: int, generation: int, error: str, ready_for: float = 0.0, ready: bool = False
    ) -> None:
        """Record that a replica died or could not be started."""
        target = self._desired.get(uid)
        was_ready = ready or (target is not None and target.was_ready)
        slot = deciding.after_crash(
            self._slots.get((uid, ordinal)), generation, was_ready, ready_for, error, time.monotonic(), self._policy
        )
        self._slots[uid, ordinal] = slot
        then = "it is given up" if slot.given_up else f"next start in {slot.retry_at - time.monotonic():.1f} s"
        self._journal.event(uid, "ERROR", f"Replica {ordinal} failed: {error}; {then}")
        log.warning("%s: replica %d failed: %s; %s", uid, ordinal, error, then)

    async def _start(self, target: Desired, ordinal: int) -> None:
        if not await self._has_weights(target, ordinal):
            return
        target = self._desired[target.uid]
        here = tuple(adapter for adapter in target.launch.adapters if os.path.exists(adapter.path))
        launch = replace(target.launch, adapters=here)
        name = f"{target.uid}-rep{ordinal}-{next(self._serial)}"
        try:
            engine = ENGINES.get(launch.engine)
            check_there(launch.model)
            need = self.need(launch)
            spot = place(launch, need, self._host.hardware(), self.claims(), self._settings.memory_headroom)
            plan = engine.command(launch, self._host.listen(name), secrets.token_urlsafe(24))
            if isinstance(plan, Remote):
                plan = keyed(plan, self._settings, os.environ)
            else:
                plan = resolved(plan, engine, self._settings.engines_folder)
                absent = [adapter for adapter in target.launch.adapters if adapter not in here]
                self._adapter_sync.started(name, () if plan.hot_adapters else here, absent)
        except Exception as error:
            # engines may be third-party code: an unexpected error fails this model only
            if not isinstance(error, ModelyardError):
                log.exception("engine %s could not say how to run %s", launch.engine, target.uid)
            self._failed(target.uid, ordinal, target.generation, str(error) or repr(error))
            self._nudged.set()
            return
        state = ReplicaState.READY if isinstance(plan, Remote) else ReplicaState.STARTING
        replica = Replica(name, target.uid, ordinal, target.generation, state, time.monotonic())
        self._running[name] = RunningReplica(replica, plan, spot, need, time.time())
        if isinstance(plan, Remote):
            self._journal.became_ready(target.uid)
            self._journal.event(target.uid, "INFO", f"Replica {ordinal} is the server at {plan.address}")
            return
        self._journal.event(target.uid, "INFO", f"Replica {ordinal} is starting on {launch.engine}")
        await self._host.start(process_spec(target, name, plan, spot, self._settings))

    async def _has_weights(self, target: Desired, ordinal: int) -> bool:
        """Whether the files are here; if not, they are being downloaded, or the download failed."""
        model = target.launch.model
        if model.download is None:
            return True
        known = self.downloads.of(model.download) is not None
        try:
            key = (target.uid, target.generation)
            if not self.downloads.has_arrived(model.download, (*key, ordinal), target.created_at):
                if not known:
                    size = model.download.size / 1e6
                    sentence = f"Downloading {model.download.model_id} from {model.download.hub}, {size:.1f} MB"
                    self._journal.event(target.uid, "INFO", sentence)
                return False
            if key not in self._described:
                current = await asyncio.to_thread(as_downloaded, model)
                self._described.add(key)
                if current != model:
                    target = replace(target, launch=replace(target.launch, model=current))
                    self._desired[target.uid] = target
                    self._journal.described(target)
        except ModelyardError as error:
            self._failed(target.uid, ordinal, target.generation, error.message)
            self._nudged.set()
            return False
        return True

    def _stop(self, name: str) -> None:
        running = self._running[name]
        self._say(running, "INFO", "is stopping")
        if isinstance(running.plan, Remote):
            del self._running[name]
            self._nudged.set()
            return
        loading = running.replica.state is ReplicaState.STARTING
        grace = LOADING_GRACE if loading else self._settings.stop_timeout
        self._running[name] = running.moved(ReplicaState.DRAINING, stopping=True)
        self._asked.add(name)
        task = asyncio.create_task(self._host.stop(name, grace), name=f"stop {name}")
        self._stops.add(task)
        task.add_done_callback(self._stops.discard)

    async def _remove(self, uid: str) -> None:
        await self._journal.remove(uid)
        self._desired.pop(uid, None)
        self._needs.pop(uid, None)
        self._slots = {key: slot for key, slot in self._slots.items() if key[0] != uid}
        self._journal.event(uid, "INFO", "Terminated")

    def _say(self, running: RunningReplica, kind: str, what: str) -> None:
        self._journal.event(running.replica.uid, kind, f"Replica {running.replica.ordinal} {what}")
        log.info("%s: replica %d %s", running.replica.uid, running.replica.ordinal, what)

    def _adapt(self) -> None:
        """Begin the changes that load the desired adapters onto the ready replicas."""
        self._adapter_sync.step(
            routing.carriers(self._running.values()),
            {uid: target.launch.adapters for uid, target in self._desired.items() if not target.terminating},
        )

    def _adapted(self) -> None:
        """Handle a finished change of a replica's adapters."""
        self._announce()
        self._nudged.set()

    def _announce(self) -> None:
        """Publish the routes if they changed."""
        routes = routing.routes(self.views())
        if routes != self._table.routes:
            self._table = RouteTable(routes, self._table.version + 1)
            self._publish(self._table)
