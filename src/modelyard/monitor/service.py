"""The parts that watch a server, as one: figures over time, the newest requests, usage by day, changes, and logs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from modelyard.control.deployments import Deployments
from modelyard.core.config import Settings
from modelyard.db.session import Database
from modelyard.gateway.app import Gateway
from modelyard.gateway.exchange import Exchange
from modelyard.jobs.service import Jobs
from modelyard.monitor.audit import AuditLog
from modelyard.monitor.engine_figures import EngineFigures, EngineWatch
from modelyard.monitor.logs.server_log import ServerLog
from modelyard.monitor.logs.service import LogService
from modelyard.monitor.prometheus import EngineCollector
from modelyard.monitor.requests import RequestLog
from modelyard.monitor.series import SeriesRecorder, without_serial
from modelyard.monitor.tracing import tracing
from modelyard.monitor.usage import Usage
from modelyard.runtime.base import Host
from modelyard.runtime.loads import Load


class Monitor:
    """What a server has done. It is told of each request at its end; `run` does the rest."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        gateway: Gateway,
        deployments: Deployments,
        jobs: Jobs,
        host: Host,
    ) -> None:
        self.engines = EngineWatch(deployments)
        self.series = SeriesRecorder(gateway.tallies, lambda: running_replicas(deployments), engines=self.engines.take)
        self.requests = RequestLog()
        self.usage = Usage(database)
        self.audit = AuditLog(database)
        self._server_log = ServerLog(settings.server_log_folder)
        self._server_log.attach()
        self.logs = LogService(settings, deployments, jobs, host, self._server_log)
        gateway.on_end = self._end
        self._tracing = gateway.tracer = tracing(settings.otlp_endpoint)
        collector = EngineCollector(self.series.totals, self.series.collect, self.series.running, self._present)
        gateway.meter.registry.register(collector)

    async def run(self) -> None:
        """Record until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.series.run())
            group.create_task(self.engines.run())
            group.create_task(self.usage.run())

    def _present(self) -> Iterator[tuple[tuple[str, str], EngineFigures]]:
        """What engines tell of their replicas now."""
        for model, replica in self.engines.replicas():
            yield (model, without_serial(replica)), self.engines.figures(replica)

    def of_replica(self, name: str) -> tuple[Load, EngineFigures]:
        """What the processes of a replica use, and what its engine tells; without figures where nothing is known."""
        return self.series.loads.get(name, Load()), self.engines.figures(name)

    async def close(self) -> None:
        """Write what is not written yet."""
        await self.usage.flush()
        if self._tracing is not None:
            await asyncio.to_thread(self._tracing.close)
        self._server_log.detach()

    def _end(self, exchange: Exchange) -> None:
        """Record a request that has ended."""
        self.requests.add(exchange)
        self.usage.add(exchange)


def running_replicas(deployments: Deployments) -> Iterator[tuple[str, str, int]]:
    """The model, the name and the process of each replica that has one."""
    for view in deployments.views():
        for running in view.replicas:
            if running.pid is not None:
                yield view.desired.uid, running.replica.name, running.pid
