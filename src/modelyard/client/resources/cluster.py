"""Requests about the server and the machines behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.client._request import Request, a_list, an_object, at

if TYPE_CHECKING:
    from modelyard.client.types import Health, NodeInfo, Version


def health() -> Request[Health]:
    """Whether the server is well, its version, and each model's state."""
    return Request("GET", "/health", an_object)


def get_cluster_version() -> Request[Version]:
    """The server's version."""
    return Request("GET", at("cluster", "version"), an_object)


def get_cluster_info(detailed: bool = False) -> Request[list[NodeInfo]]:
    """The machines, with their memory and load if `detailed`."""
    return Request("GET", at("cluster", "info"), a_list, {"detailed": "true" if detailed else "false"})


def get_cluster_devices() -> Request[int]:
    """Number of GPUs of all machines."""
    return Request("GET", at("cluster", "devices"), int)


def is_auth_required() -> Request[bool]:
    """Whether the server asks for an API key."""
    return Request("GET", at("cluster", "auth"), lambda answer: bool(answer["auth"]))
