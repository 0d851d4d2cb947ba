"""The parts that watch a server, as one: figures over time, and the newest requests."""

from __future__ import annotations

from modelyard.gateway.app import Gateway
from modelyard.gateway.exchange import Exchange
from modelyard.monitor.requests import RequestLog
from modelyard.monitor.series import Replicas, SeriesRecorder


class Monitor:
    """What a server has done. It is told of each request at its end; `run` does the rest."""

    def __init__(self, gateway: Gateway, replicas: Replicas) -> None:
        self.series = SeriesRecorder(gateway.tallies, replicas)
        self.requests = RequestLog()
        gateway.on_end = self._end

    async def run(self) -> None:
        """Record until cancelled."""
        await self.series.run()

    def _end(self, exchange: Exchange) -> None:
        """Record a request that has ended."""
        self.requests.add(exchange)
