"""Measures what the machine and the models do at this moment: requests in flight, processors, memory."""

from __future__ import annotations

import asyncio
import time

import psutil

from modelyard.control.deployments import Deployments
from modelyard.core.traffic import Traffic
from modelyard.core.types import Hardware
from modelyard.protocol.server_events import DeviceGauge, Gauges, ModelGauge
from modelyard.runtime.base import Host

FRESH_SECONDS = 1.0
"""Age up to which a measurement is used again: shares of processor time over shorter spans mean little."""


class GaugeMeter:
    """Measures on request. Use it on one event loop."""

    def __init__(self, deployments: Deployments, traffic: Traffic, host: Host) -> None:
        self._deployments = deployments
        self._traffic = traffic
        self._host = host
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
        in_flight = self._traffic.in_flight
        found: dict[str, ModelGauge] = {}
        for view in self._deployments.views():
            replicas = {str(each.replica.ordinal): in_flight.get(each.replica.name, 0) for each in view.replicas}
            found[view.desired.uid] = ModelGauge(in_flight=sum(replicas.values()), replicas=replicas)
        return found
