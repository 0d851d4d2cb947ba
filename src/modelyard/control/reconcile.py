"""The loop that closes the difference between what is wanted and what is: the only caller of `Host.start` and `Host.stop`.

It is nudged on every change and looks by itself once in a while. Everything runs on one event loop, so its state needs no
lock; what others may know of it they get as frozen views.
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
from modelyard.control.adapting import Adapting, Carrier
from modelyard.control.diff import Desired, Drain, Policy, Remove, Replica, Slot, SlotKey, Start, Stop
from modelyard.control.downloads import Downloads, DownloadView
from modelyard.control.installed import resolved
from modelyard.control.journal import Journal
from modelyard.control.permitting import keyed
from modelyard.control.placement import Claims, Placement, place
from modelyard.control.places import check_there
from modelyard.control.views import ModelView, Running
from modelyard.core.config import Settings
from modelyard.core.errors import ModelyardError
from modelyard.core.fetching import HOSTS_VARIABLE
from modelyard.core.traffic import Traffic
from modelyard.core.types import Adapter, Footprint, Launch, ReplicaState, RouteTable
from modelyard.db.session import TROUBLE
from modelyard.engines import ENGINES
from modelyard.engines.base import Command, Remote
from modelyard.jobs.service import Jobs
from modelyard.runtime.base import Host, ProcessSpec, ProcessState, ProcessView

log = logging.getLogger(__name__)
T = TypeVar("T")

DRAIN_POLL = 0.05  # seconds between looks at what is in flight on a draining replica
LOADING_GRACE = 0.5  # seconds between SIGTERM and SIGKILL for a replica that has nothing to finish
EXPLAIN_LINES = 400  # lines of a dead engine's output that may hold its reason


class Reconciler:
    """Owns every replica. `publish` is called with a new `RouteTable` whenever it differs from the last."""

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
        self._policy = Policy(settings.restart_backoff, settings.restart_limit, settings.drain_timeout)
        self._journal = journal
        self._host = host
        self._traffic = traffic
        self._publish = publish
        self._desired: dict[str, Desired] = {}
        self._running: dict[str, Running] = {}
        self._needs: dict[str, tuple[Launch, Footprint]] = {}
        self._slots: dict[SlotKey, Slot] = {}
        self.held: frozenset[str] = frozenset()
        """Models that wait for their turn while the server starts: nothing is started for them yet."""
        self._asked: set[str] = set()
        """Replicas that we told to stop: their end is no crash."""
        self._stops: set[asyncio.Task[None]] = set()
        self._serial = count(1)
        self._adapting = Adapting(self._adapted, journal.event, settings.start_timeout)
        self._wanted_look = 0
        self._looked = 0
        self._table = RouteTable()
        self._nudged = asyncio.Event()
        self._stepped = asyncio.Event()
        self._reload_at = 0.0
        self._described: set[tuple[str, int]] = set()
        """Uid and generation of models whose downloaded files were read."""
        self.downloads = Downloads(settings, jobs, self._nudged.set)
        host.subscribe(lambda replica: self._nudged.set())

    async def look(self) -> None:
        """The rows have changed: return when a step has taken them over."""
        self._wanted_look += 1
        wanted = self._wanted_look
        self._reload_at = 0.0
        self._nudged.set()
        await self.until(lambda: True if self._looked >= wanted else None)

    async def until(self, settled: Callable[[], T | None]) -> T:
        """Wait until `settled()`, asked again after every step of the loop, returns something."""
        while (value := settled()) is None:
            await self._stepped.wait()
        return value

    def view(self, uid: str) -> ModelView | None:
        """One model, or None if nobody wants it."""
        wanted = self._desired.get(uid)
        if wanted is None:
            return None
        mine = tuple(sorted(self._of(uid), key=lambda running: running.replica.ordinal))
        coming = self._download(wanted) if not mine else None
        state, reason = deciding.summary(
            wanted,
            [running.replica for running in mine],
            self._slots,
            time.monotonic(),
            coming.reason if coming else "",
        )
        slots = {
            ordinal: slot
            for (owner, ordinal), slot in self._slots.items()
            if owner == uid and slot.generation == wanted.generation
        }
        adapters = tuple(routing.adapter_view(each, state, mine, self._adapting) for each in wanted.launch.adapters)
        return ModelView(wanted, state, reason, mine, slots, coming, adapters)

    def owner(self, adapter: str) -> ModelView | None:
        """The model that an adapter of this name belongs to."""
        for uid, wanted in self._desired.items():
            if any(each.name == adapter for each in wanted.launch.adapters):
                return self.view(uid)
        return None

    def carries(self, uid: str, adapter: Adapter) -> bool:
        """Whether a replica of a model still has an adapter, or is busy with its adapters."""
        return any(self._adapting.carries(running.replica.name, adapter) for running in self._of(uid))

    def _download(self, wanted: Desired) -> DownloadView | None:
        download = wanted.launch.model.download
        return self.downloads.of(download) if download is not None else None

    def views(self) -> list[ModelView]:
        """Every wanted model, oldest first."""
        return [view for uid in self._desired if (view := self.view(uid))]

    def claims(self) -> Claims:
        """What our replicas hold, for placement."""
        claims = Claims()
        for running in self._running.values():
            claims = claims.plus(running.placement, loading=running.replica.state is ReplicaState.STARTING)
        return claims

    def need(self, launch: Launch) -> Footprint:
        """What one replica of a launch takes, computed once for the launch as it stands."""
        known = self._needs.get(launch.uid)
        if known is None or known[0] != launch:
            known = self._needs[launch.uid] = (launch, ENGINES.get(launch.engine).footprint(launch))
        return known[1]

    def _of(self, uid: str) -> list[Running]:
        return [running for running in self._running.values() if running.replica.uid == uid]

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.step()
            except TROUBLE as error:
                log.warning("%s; the control loop goes on with what it knows", error)
                self._reload_at = time.monotonic() + self._policy.restart_backoff
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._nudged.wait()

    def _pause(self) -> float:
        now = time.monotonic()
        times = [self._reload_at]
        times += [slot.retry_at for slot in self._slots.values() if not slot.given_up and slot.retry_at > now]
        if any(running.replica.state is ReplicaState.DRAINING for running in self._running.values()):
            times.append(now + DRAIN_POLL)
        return max(0.0, min(times) - now)

    async def step(self) -> None:
        """One look and everything it leads to."""
        self._nudged.clear()
        look = self._wanted_look
        if time.monotonic() >= self._reload_at:
            self._reload_at = time.monotonic() + self._settings.resync_interval
            self._desired = {wanted.uid: wanted for wanted in await self._journal.load()}
        for view in self._host.observe():
            self._absorb(view)
        self._announce()  # before anything is awaited: what can be read as ready is routed
        replicas = [running.replica for running in self._running.values()]
        due = [wanted for wanted in self._desired.values() if wanted.terminating or wanted.uid not in self.held]
        for action in deciding.diff(
            due, replicas, self._slots, self._traffic.in_flight, time.monotonic(), self._policy
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
            (wanted.uid, wanted.launch.model.download)
            for wanted in self._desired.values()
            if wanted.launch.model.download is not None and not wanted.terminating
        )
        self._adapt()
        self._announce()
        try:
            await self._journal.flush()
        finally:
            self._looked = look
            stepped, self._stepped = self._stepped, asyncio.Event()
            stepped.set()

    def _absorb(self, view: ProcessView) -> None:
        """Take over what the host saw of one process."""
        running = self._running.get(view.replica)
        if running is None:
            return
        state = running.replica.state
        if view.state is ProcessState.EXITED:
            del self._running[view.replica]
            if view.replica not in self._asked:
                self._crashed(running, view)
            self._asked.discard(view.replica)
            self._adapting.forget(view.replica)
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

    def _crashed(self, running: Running, view: ProcessView) -> None:
        replica = running.replica
        _, lines = self._host.logs(replica.uid, replica.name, EXPLAIN_LINES)
        wanted = self._desired.get(replica.uid)
        error = view.error
        if not error and wanted is not None:
            error = ENGINES.get(wanted.launch.engine).explain(lines, view.exit_code)
        ready_for = 0.0 if view.ready_at is None else time.time() - view.ready_at
        self._failed(replica.uid, replica.ordinal, replica.generation, error, ready_for, view.ready_at is not None)

    def _failed(
        self, uid: str, ordinal: int, generation: int, error: str, ready_for: float = 0.0, ready: bool = False
    ) -> None:
        """A replica died or could not even be started."""
        wanted = self._desired.get(uid)
        was_ready = ready or (wanted is not None and wanted.was_ready)
        slot = deciding.after_crash(
            self._slots.get((uid, ordinal)), generation, was_ready, ready_for, error, time.monotonic(), self._policy
        )
        self._slots[uid, ordinal] = slot
        then = "it is given up" if slot.given_up else f"next start in {slot.retry_at - time.monotonic():.1f} s"
        self._journal.event(uid, "ERROR", f"Replica {ordinal} failed: {error}; {then}")
        log.warning("%s: replica %d failed: %s; %s", uid, ordinal, error, then)

    async def _start(self, wanted: Desired, ordinal: int) -> None:
        if not await self._has_weights(wanted, ordinal):
            return
        wanted = self._desired[wanted.uid]
        here = tuple(adapter for adapter in wanted.launch.adapters if os.path.exists(adapter.path))
        launch = replace(wanted.launch, adapters=here)
        name = f"{wanted.uid}-rep{ordinal}-{next(self._serial)}"
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
                gone = [adapter for adapter in wanted.launch.adapters if adapter not in here]
                self._adapting.started(name, () if plan.hot_adapters else here, gone)
        except Exception as error:
            # an engine may be a stranger's: its defect is that model's trouble, not every model's
            if not isinstance(error, ModelyardError):
                log.exception("engine %s could not say how to run %s", launch.engine, wanted.uid)
            self._failed(wanted.uid, ordinal, wanted.generation, str(error) or repr(error))
            self._nudged.set()
            return
        state = ReplicaState.READY if isinstance(plan, Remote) else ReplicaState.STARTING
        replica = Replica(name, wanted.uid, ordinal, wanted.generation, state, time.monotonic())
        self._running[name] = Running(replica, plan, spot, need, time.time())
        if isinstance(plan, Remote):
            self._journal.became_ready(wanted.uid)
            self._journal.event(wanted.uid, "INFO", f"Replica {ordinal} is the server at {plan.address}")
            return
        self._journal.event(wanted.uid, "INFO", f"Replica {ordinal} is starting on {launch.engine}")
        await self._host.start(self._spec(wanted, name, plan, spot))

    async def _has_weights(self, wanted: Desired, ordinal: int) -> bool:
        """Whether the files are here; if not, they are on their way, or have failed to come."""
        model = wanted.launch.model
        if model.download is None:
            return True
        known = self.downloads.of(model.download) is not None
        try:
            key = (wanted.uid, wanted.generation)
            if not self.downloads.has_arrived(model.download, (*key, ordinal), wanted.created_at):
                if not known:
                    size = model.download.size / 1e6
                    said = f"Downloading {model.download.model_id} from {model.download.hub}, {size:.1f} MB"
                    self._journal.event(wanted.uid, "INFO", said)
                return False
            if key not in self._described:
                self._described.add(key)
                found = await asyncio.to_thread(as_downloaded, model)
                if found != model:
                    wanted = replace(wanted, launch=replace(wanted.launch, model=found))
                    self._desired[wanted.uid] = wanted
                    self._journal.described(wanted)
        except ModelyardError as error:
            self._failed(wanted.uid, ordinal, wanted.generation, error.message)
            self._nudged.set()
            return False
        return True

    def _spec(self, wanted: Desired, name: str, plan: Command, spot: Placement) -> ProcessSpec:
        gpus = ",".join(map(str, spot.gpu_indexes))
        return ProcessSpec(
            replica=name,
            uid=wanted.uid,
            argv=plan.argv,
            env={
                **plan.env,
                **wanted.launch.env,
                **({"CUDA_VISIBLE_DEVICES": gpus} if gpus else {}),
                HOSTS_VARIABLE: self._settings.fetch_hosts,  # the owner's word, whatever the launch has
            },
            address=plan.address,
            health_path=plan.health_path,
            start_timeout=plan.start_timeout or self._settings.start_timeout,
        )

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

    def _say(self, running: Running, kind: str, what: str) -> None:
        self._journal.event(running.replica.uid, kind, f"Replica {running.replica.ordinal} {what}")
        log.info("%s: replica %d %s", running.replica.uid, running.replica.ordinal, what)

    def _adapt(self) -> None:
        """Begin what brings the wanted adapters onto the ready replicas."""
        ready = [running for running in self._running.values() if running.replica.state is ReplicaState.READY]
        self._adapting.step(
            [
                Carrier(
                    each.replica.name, each.replica.uid, each.plan.address, each.plan.headers, each.plan.hot_adapters
                )
                for each in ready
                if isinstance(each.plan, Command)
            ],
            {uid: wanted.launch.adapters for uid, wanted in self._desired.items() if not wanted.terminating},
        )

    def _adapted(self) -> None:
        """A replica has an adapter, or not any more."""
        self._announce()
        self._nudged.set()

    def _announce(self) -> None:
        """Publish the routes if they changed."""
        routes = routing.routes(self.views())
        if routes != self._table.routes:
            self._table = RouteTable(routes, self._table.version + 1)
            self._publish(self._table)
