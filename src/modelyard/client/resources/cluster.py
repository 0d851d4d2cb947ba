"""`client.cluster`: the server and the machines behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.client.calls import CallGroup, S, call
from modelyard.client.request import Request, a_list, an_object, at, flag

if TYPE_CHECKING:
    from typing import Any

    from modelyard.client.types import (
        DoneDict,
        HealthDict,
        NodeDict,
        ServerStatusDict,
        SupervisorDict,
        VersionDict,
    )


class ClusterCalls(CallGroup[S]):
    """The server and its machines: health, version, devices."""

    @call
    def health(self) -> Request[HealthDict]:
        """Whether the server is healthy, its version, and each model's state."""
        return Request("GET", "/health", an_object)

    @call
    def version(self) -> Request[VersionDict]:
        """The server's version."""
        return Request("GET", at("cluster", "version"), an_object)

    @call
    def nodes(self, detailed: bool = False) -> Request[list[NodeDict]]:
        """The machines, with their memory and load if `detailed`."""
        return Request("GET", at("cluster", "info"), a_list, {"detailed": flag(detailed)})

    @call
    def devices(self) -> Request[int]:
        """Number of GPUs of all machines."""
        return Request("GET", at("cluster", "devices"), int)

    @call
    def auth_required(self) -> Request[bool]:
        """Whether the server requires an API key."""
        return Request("GET", at("cluster", "auth"), lambda answer: bool(answer["auth"]))

    @call
    def status(self) -> Request[ServerStatusDict]:
        """The server's uptime, and the load of its machines."""
        return Request("GET", "/status", an_object)

    @call
    def workers(self) -> Request[list[dict[str, Any]]]:
        """Every machine, its address as `work-ip`, and the replicas on it."""
        return Request("GET", at("workers"), a_list)

    @call
    def supervisor(self) -> Request[SupervisorDict]:
        """The server's address, as `supervisor_ip`."""
        return Request("GET", at("supervisor"), an_object)

    @call
    def address(self) -> Request[str]:
        """The server's address."""
        return Request("GET", at("address"), str)

    @call
    def stop(self) -> Request[DoneDict]:
        """Stop the server and every replica; models are started again with the server."""
        return Request("DELETE", at("clusters"), an_object)
