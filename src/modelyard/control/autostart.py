"""The models that the server launches when it starts, with their order and retries.

Every desired model is restored, even without an entry. An entry adds a priority, a number of retries, and a launch even if the
model was terminated; with `enabled: false` the model is not restored. A model without an entry has the default priority. Models
of equal priority start together. The next priority begins when each of them is ready or has failed once, so that retries do not
delay other models."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import delete, select

from modelyard.control.deployments import Deployments
from modelyard.control.reconcile import Reconciler
from modelyard.core.errors import (
    LaunchCancelled,
    ModelExists,
    ModelNotFound,
    ModelyardError,
    NotFound,
    PermissionDenied,
)
from modelyard.core.trust import OWNER, Trust
from modelyard.core.types import ReplicaState
from modelyard.db.session import Database, retried
from modelyard.db.tables import Autostart, Deployment, Event
from modelyard.protocol.models import LaunchRequest

log = logging.getLogger(__name__)

DEFAULT_PRIORITY = 100


class AutostartRow(msgspec.Struct, kw_only=True, frozen=True):
    """One row of `autostart`, decoded."""

    uid: str
    launch: Mapping[str, Any]
    enabled: bool = True
    priority: int = DEFAULT_PRIORITY
    max_retries: int = 3
    retry_interval_seconds: float = 30.0
    trusted: bool = True
    """Whether its author may run code on this machine, as `Launch.trusted`. Entries of versions without this field count as
    trusted."""

    @property
    def trust(self) -> Trust:
        """The trust with which the entry is launched."""
        return OWNER if self.trusted else Trust(False, f"Who wrote the autostart entry of '{self.uid}'")

    def request(self) -> LaunchRequest:
        """The launch request, with the uid of the entry."""
        return LaunchRequest.model_validate({**self.launch, "model_uid": self.uid})


@dataclass(frozen=True, slots=True)
class AutostartProgress:
    """The outcome of an entry since the server started."""

    status: str = "idle"
    attempts: int = 0
    error: str | None = None
    updated_at: float = 0.0


class Autostarts:
    """The entries, and the task that launches them once when the server starts."""

    def __init__(self, database: Database, deployments: Deployments, reconciler: Reconciler) -> None:
        self._database = database
        self._deployments = deployments
        self._reconciler = reconciler
        self._entries: dict[str, AutostartRow] = {}
        """The enabled entries at the server's start."""
        self._restored: dict[str, int] = {}
        """Desired models that wait for their turn → their priority."""
        self._progress: dict[str, AutostartProgress] = {}
        self._retries: set[asyncio.Task[None]] = set()

    async def entries(self) -> list[AutostartRow]:
        """Every entry, in the order in which they start."""
        async with self._database.session() as session:
            rows = (await session.scalars(select(Autostart))).all()
        entries = []
        for row in rows:
            try:
                entries.append(msgspec.convert({**row.entry, "uid": row.uid}, AutostartRow))
            except (
                msgspec.ValidationError
            ) as error:  # written by another version, which must not keep the server from starting
                log.warning("autostart: the entry of %s cannot be read: %s", row.uid, error)
        return sorted(entries, key=lambda entry: (entry.priority, entry.uid))

    async def check_family(self, name: str, trust: Trust) -> None:
        """Raise `PermissionDenied` if the caller would change a family that an entry of the owner names.

        The entry may run code from the model's folder, which only its author may choose.
        """
        if trust.full:
            return
        for entry in await self.entries():
            if entry.trusted and str(entry.launch.get("model_name")).lower() == name.lower():
                raise PermissionDenied(
                    f"{trust.caller} may not change what '{name}' means, because the autostart entry of '{entry.uid}' launches "
                    "it. It takes a key with the scope 'admin'."
                )

    async def get(self, uid: str) -> AutostartRow:
        """One entry. Raises `NotFound`."""
        for entry in await self.entries():
            if entry.uid == uid:
                return entry
        raise NotFound(f"There is no autostart entry for '{uid}'.")

    @retried
    async def put(self, entries: Sequence[AutostartRow]) -> None:
        """Add entries, or replace those of equal uid: all of them or none."""
        async with self._database.writing() as session:
            for entry in entries:
                fields = msgspec.to_builtins(entry)
                del fields["uid"]
                await session.merge(Autostart(uid=entry.uid, entry=fields))

    @retried
    async def remove(self, uid: str) -> None:
        """Delete an entry; the model keeps running. Raises `NotFound`."""
        async with self._database.freeing() as session:
            row = await session.get(Autostart, uid)
            if row is None:
                raise NotFound(f"There is no autostart entry for '{uid}'.")
            await session.delete(row)
        self._progress.pop(uid, None)

    def progress(self, uid: str) -> AutostartProgress:
        """The outcome of an entry since the server started."""
        return self._progress.get(uid, AutostartProgress())

    async def prepare(self) -> None:
        """Run before the control loop's first step: delete models with a disabled entry, hold back those of later priorities."""
        entries = await self.entries()
        disabled = [entry.uid for entry in entries if not entry.enabled]
        self._entries = {entry.uid: entry for entry in entries if entry.enabled}
        async with self._database.session() as session:
            launched = set(await session.scalars(select(Deployment.uid).where(Deployment.terminating.is_(False))))
            for uid in launched & set(disabled):
                await session.execute(delete(Deployment).where(Deployment.uid == uid))
                session.add(
                    Event(uid=uid, at=time.time(), kind="INFO", content="Not restored: its autostart entry is disabled")
                )
        for uid in disabled:
            self._note(uid, "disabled")
        if self._entries:
            self._restored = {uid: self._priority(uid) for uid in launched - set(disabled)}
            self._reconciler.held = frozenset(self._restored)
        for uid in self._entries:
            self._note(uid, "waiting")

    def _priority(self, uid: str) -> int:
        entry = self._entries.get(uid)
        return entry.priority if entry else DEFAULT_PRIORITY

    async def run(self) -> None:
        """Start one priority after the other; returns when the last retry is over."""
        try:
            turns = sorted((self._priority(uid), uid) for uid in {*self._entries, *self._restored})
            for priority, group in groupby(turns, key=lambda turn: turn[0]):
                uids = [uid for _, uid in group]
                log.info("autostart: priority %d, %s", priority, ", ".join(uids))
                self._reconciler.held -= frozenset(uids)
                await self._reconciler.look()
                await asyncio.gather(*(self._first(uid) for uid in uids))
            while self._retries:
                await asyncio.wait(self._retries)
        finally:
            self._reconciler.held = frozenset()
            for task in self._retries:
                task.cancel()
            await asyncio.gather(*self._retries, return_exceptions=True)

    async def _first(self, uid: str) -> None:
        """Make a model's first attempt; its retries run in a task of their own."""
        entry = self._entries.get(uid)
        if entry is None:
            await self._outcome(uid)
            return
        if uid in self._restored and self._reconciler.view(uid) is None:
            self._note(uid, "cancelled", error="It was terminated while it waited for its turn.")
            return
        if not await self._attempt(entry) and entry.max_retries:
            task = asyncio.create_task(self._again(entry), name=f"autostart {uid}")
            self._retries.add(task)
            task.add_done_callback(self._retries.discard)

    async def _again(self, entry: AutostartRow) -> None:
        for _ in range(entry.max_retries):
            self._note(entry.uid, "retrying", error=self.progress(entry.uid).error)
            await asyncio.sleep(entry.retry_interval_seconds)
            if await self._attempt(entry):
                return

    async def _attempt(self, entry: AutostartRow) -> bool:
        """Launch a model, or wait for the launch in progress; returns False if a retry makes sense."""
        uid, attempts = entry.uid, self.progress(entry.uid).attempts + 1
        self._note(uid, "starting", attempts=attempts)
        view = self._reconciler.view(uid)
        problem: ModelyardError | None = None
        if view is None or view.state is ReplicaState.FAILED:
            problem = await self._create(entry)
        problem = problem or await self._outcome(uid)
        match problem:
            case None:
                self._note(uid, "ready")
            case LaunchCancelled() | ModelNotFound():
                self._note(uid, "cancelled", error=problem.message)
            case _:
                self._note(uid, "failed", error=problem.message)
                log.warning("autostart: attempt %d at %s failed: %s", attempts, uid, problem.message)
                return False
        return True

    async def _create(self, entry: AutostartRow) -> ModelyardError | None:
        try:
            await self._deployments.create(entry.request(), entry.trust)
        except ModelExists:
            return None  # another caller has launched it just now
        except ModelyardError as error:
            return error
        except ValueError as error:  # an entry that an older version wrote
            return NotFound(f"Its launch cannot be read: {error}")
        return None

    async def _outcome(self, uid: str) -> ModelyardError | None:
        """Wait until a model is ready or has failed; returns its error."""
        try:
            await self._deployments.wait_ready(uid)
        except ModelyardError as error:
            return error
        return None

    def _note(self, uid: str, status: str, *, attempts: int | None = None, error: str | None = None) -> None:
        before = self.progress(uid)
        count = before.attempts if attempts is None else attempts
        self._progress[uid] = replace(before, status=status, attempts=count, error=error, updated_at=time.time())
