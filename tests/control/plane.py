"""A control plane without a gateway: the loop, its host and a database, with processes of the fake engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import uvloop

from modelyard.control.deployments import Deployments
from modelyard.control.journal import Journal
from modelyard.control.reconcile import Reconciler
from modelyard.control.views import ModelView
from modelyard.core.config import Settings
from modelyard.core.traffic import Traffic
from modelyard.core.trust import OWNER
from modelyard.core.types import ReplicaState, RouteTable
from modelyard.db.session import Database
from modelyard.jobs.service import Jobs
from modelyard.protocol.models import LaunchRequest
from modelyard.runtime.local import LocalHost

ELSEWHERE = {"model_engine": "external", "base_url": "http://127.0.0.1:9/v1"}
"""A launch of a server elsewhere: it has no process, and is ready as soon as the loop has seen it."""


class Plane:
    """A control plane without a gateway: what it would publish is kept."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.table = RouteTable()
        self.traffic = Traffic()
        self.database = database
        self.host = LocalHost(settings)
        self.jobs = Jobs(settings, database, self.host)
        self.reconciler = Reconciler(
            settings,
            Journal(database, settings.folder),
            self.host,
            self.traffic,
            self._publish,
            self.jobs,
        )
        self.deployments = Deployments(settings, database, self.host, self.reconciler)

    def _publish(self, table: RouteTable) -> None:
        self.table = table

    async def launch(self, uid: str = "m", replica: int = 1, **options: object) -> ModelView:
        request = LaunchRequest.model_validate(
            {"model_name": uid, "model_uid": uid, "model_engine": "fake", "replica": replica, **options}
        )
        await self.deployments.create(request, OWNER)
        await self.deployments.wait_ready(uid)
        return self.deployments.view(uid)

    async def connect(self, uid: str = "m", replica: int = 1, **options: object) -> ModelView:
        """Launch a server elsewhere."""
        return await self.launch(uid, replica, **{**ELSEWHERE, **options})

    async def until(self, condition: Callable[[ModelView], bool], uid: str = "m") -> ModelView:
        def settled() -> ModelView | None:
            view = self.reconciler.view(uid)
            return view if view is not None and condition(view) else None

        async with asyncio.timeout(30):
            return await self.reconciler.until(settled)


Scenario = Callable[[Plane], Awaitable[None]]


@asynccontextmanager
async def plane(settings: Settings, url: str, prepare: Scenario | None = None) -> AsyncIterator[Plane]:
    """A control plane for the time of a block. `prepare` is called before the loop's first step."""
    database = Database(url)
    await database.open()
    made = Plane(settings, database)
    if prepare is not None:
        await prepare(made)
    loop = asyncio.create_task(made.reconciler.run())
    test = asyncio.current_task()
    assert test is not None
    loop.add_done_callback(lambda task: task.cancelled() or test.cancel(f"the loop broke: {task.exception()!r}"))
    try:
        await made.reconciler.look()
        yield made
    finally:
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop
        await made.host.close()
        await database.close()


def play(settings: Settings, url: str, *scenarios: Scenario) -> None:
    """Each scenario on a control plane of its own, one after the other, over the same database."""

    async def go() -> None:
        for scenario in scenarios:
            async with plane(settings, url) as made:
                await scenario(made)

    uvloop.run(go())


def ready(count: int) -> Callable[[ModelView], bool]:
    return lambda view: sum(each.replica.state is ReplicaState.READY for each in view.replicas) == count
