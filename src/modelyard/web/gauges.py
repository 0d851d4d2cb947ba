"""Measures what the machine and the models do at this moment: requests in flight, processors, memory."""

from __future__ import annotations

import asyncio
import time

import psutil

from modelyard.control.deployments import Deployments
from modelyard.core.traffic import Traffic
from modelyard.core.types import Hardware
from modelyard.monitor.service import Monitor
from modelyard.protocol.server_events import DeviceGauge, Gauges, ModelGauge, ReplicaGauge
from modelyard.runtime.base import Host

FRESH_SECONDS = 1.0
"""Age up to which a measurement is used again: shares of processor time over shorter spans mean little."""


class GaugeMeter:
    """Measures on request. Use it on one event loop."""

    def __init__(self, deployments: Deployments, traffic: Traffic, host: Host, monitor: Monitor) -> None:
        self._deployments = deployments
        self._traffic = traffic
        self._host = host
        self._monitor = monitor
        self._process = psutil.Process()
        self._machine: Gauges | None = None
        self._at = 0.0
        psutil.cpu_percent()  # the first call of each begins the span that the next one reports about
        self._process.cpu_percent()

    async def measure(self, readers: int) -> Gauges:
        """Requests in flight now, and figures of the machine that are a second old at most.

        `readers` is the number of open streams of events.
        """
        if self._machine is None or time.monotonic() - self._at >= FRESH_SECONDS:
            self._at = time.monotonic()
            self._machine = self._measured(await asyncio.to_thread(self._host.hardware))
        models = self._models()
        in_flight = sum(model.in_flight for model in models.values())
        return self._machine.model_copy(update={"in_flight": in_flight, "models": models, "readers": readers})

    def _measured(self, hardware: Hardware) -> Gauges:
        """The figures of the machine."""
        return Gauges(
            in_flight=0,
            cpu_percent=psutil.cpu_percent(),
            server_cpu_percent=self._process.cpu_percent(),
            server_memory=self._process.memory_info().rss,
            devices=[
                DeviceGauge(
                    name=each.name, title=each.title, memory_total=each.memory_total, memory_free=each.memory_free
                )
                for each in hardware.devices
            ],
            models={},
            readers=0,
        )

    def _models(self) -> dict[str, ModelGauge]:
        found: dict[str, ModelGauge] = {}
        rates = self._monitor.series.token_rates()
        for view in self._deployments.views():
            figures = {str(each.replica.ordinal): self._replica(each.replica.name) for each in view.replicas}
            queued = [each.queued for each in figures.values() if each.queued is not None]
            found[view.desired.uid] = ModelGauge(
                in_flight=sum(each.in_flight for each in figures.values()),
                queued=sum(queued) if queued else None,
                tokens_per_second=round(rates.get(view.desired.uid, 0.0), 1),
                replicas={ordinal: each.in_flight for ordinal, each in figures.items()},
                figures=figures,
            )
        return found

    def _replica(self, name: str) -> ReplicaGauge:
        load, engine = self._monitor.of_replica(name)
        return ReplicaGauge(
            in_flight=self._traffic.in_flight.get(name, 0),
            queued=engine.queued,
            cpu_percent=None if load.cpu is None else round(load.cpu, 1),
            memory=load.memory,
            gpu_memory=load.gpu_memory,
            kv_cache_percent=None if engine.kv_cache is None else round(engine.kv_cache, 1),
            prefix_queries=engine.prefix_queries,
            prefix_hits=engine.prefix_hits,
        )
