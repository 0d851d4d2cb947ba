"""Metrics in addition to the gateway's counters: replicas by state, and the server's own process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from modelyard.control.deployments import Deployments


class ReplicaCollector(Collector):
    """Counts replicas at the moment of each scrape."""

    def __init__(self, deployments: Deployments) -> None:
        self._deployments = deployments

    def describe(self) -> Iterator[Metric]:
        yield self._family()

    def collect(self) -> Iterator[Metric]:
        family = self._family()
        for view in self._deployments.views():
            states = Counter(running.replica.state.value for running in view.replicas)
            for state, count in states.items():
                family.add_metric([view.desired.uid, state], count)
        yield family

    def _family(self) -> GaugeMetricFamily:
        return GaugeMetricFamily("modelyard_replicas", "Replicas by model and state.", labels=["model", "state"])


def register(registry: CollectorRegistry, deployments: Deployments) -> None:
    """Add these collectors to the gateway's registry."""
    registry.register(ReplicaCollector(deployments))
    ProcessCollector(registry=registry)
