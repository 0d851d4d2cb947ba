"""The parts that watch a server, as one: figures over time, the newest requests, usage by day, and changes."""

from __future__ import annotations

import asyncio

from modelyard.db.session import Database
from modelyard.gateway.app import Gateway
from modelyard.gateway.exchange import Exchange
from modelyard.monitor.audit import AuditLog
from modelyard.monitor.requests import RequestLog
from modelyard.monitor.series import Replicas, SeriesRecorder
from modelyard.monitor.usage import Usage


class Monitor:
    """What a server has done. It is told of each request at its end; `run` does the rest."""

    def __init__(self, database: Database, gateway: Gateway, replicas: Replicas) -> None:
        self.series = SeriesRecorder(gateway.tallies, replicas)
        self.requests = RequestLog()
        self.usage = Usage(database)
        self.audit = AuditLog(database)
        gateway.on_end = self._end

    async def run(self) -> None:
        """Record until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.series.run())
            group.create_task(self.usage.run())

    async def close(self) -> None:
        """Write what is not written yet."""
        await self.usage.flush()

    def _end(self, exchange: Exchange) -> None:
        """Record a request that has ended."""
        self.requests.add(exchange)
        self.usage.add(exchange)
