"""Requests about the server and the machines behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelyard.client.target import Request, a_list, an_object, at

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


def get_status() -> Request[dict[str, Any]]:
    """How long the server runs, and how busy its machines are."""
    return Request("GET", "/status", an_object)


def get_workers_info() -> Request[list[dict[str, Any]]]:
    """Every machine, its address as `work-ip`, and the replicas on it."""
    return Request("GET", at("workers"), a_list)


def get_supervisor_info() -> Request[dict[str, Any]]:
    """Where the server listens, as `supervisor_ip`."""
    return Request("GET", at("supervisor"), an_object)


def get_supervisor_internal_address() -> Request[str]:
    """Where the server listens."""
    return Request("GET", at("address"), str)


def abort_cluster() -> Request[dict[str, Any]]:
    """Stop the server and every replica; models come back when it starts again."""
    return Request("DELETE", at("clusters"), an_object)


def get_progress(request_id: str) -> Request[dict[str, Any]]:
    """How far the making of an image or video is."""
    return Request("GET", at("requests", request_id, "progress"), an_object)


def token(username: str, password: str) -> Request[str]:
    """Log in; returns the token that takes the place of an API key."""
    body = {"username": username, "password": password}
    return Request("POST", "/token", lambda answer: str(answer["access_token"]), body=body)
