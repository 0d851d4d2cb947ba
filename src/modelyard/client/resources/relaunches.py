"""Requests to replace a part of a distributed server while the rest goes on. A server that has no such parts refuses."""

from __future__ import annotations

from typing import Any

from modelyard.client.target import Request, a_list, an_object, at

Operation = dict[str, Any]


def relaunch_api(python_executable: str | None = None, request_id: str | None = None) -> Request[Operation]:
    """Replace the process that speaks HTTP."""
    return _relaunch(at("api", "relaunch"), python_executable, request_id)


def relaunch_supervisor(python_executable: str | None = None, request_id: str | None = None) -> Request[Operation]:
    """Replace the process that decides what runs."""
    return _relaunch(at("supervisor", "relaunch"), python_executable, request_id)


def relaunch_worker(
    worker_address: str, python_executable: str | None = None, request_id: str | None = None
) -> Request[Operation]:
    """Replace the process of one machine."""
    return _relaunch(at("workers", worker_address, "relaunch"), python_executable, request_id)


def _relaunch(path: str, python_executable: str | None, request_id: str | None) -> Request[Operation]:
    body = {"python_executable": python_executable, "request_id": request_id}
    return Request("POST", path, an_object, body=body)


def get_api_relaunch(operation_id: str) -> Request[Operation]:
    """How far one relaunch is."""
    return Request("GET", at("api-relaunches", operation_id), an_object)


def list_api_relaunches() -> Request[list[Operation]]:
    """Every relaunch so far."""
    return Request("GET", at("api-relaunches"), a_list)


def get_supervisor_relaunch(operation_id: str) -> Request[Operation]:
    """How far one relaunch is."""
    return Request("GET", at("supervisor-relaunches", operation_id), an_object)


def list_supervisor_relaunches() -> Request[list[Operation]]:
    """Every relaunch so far."""
    return Request("GET", at("supervisor-relaunches"), a_list)


def get_worker_relaunch(operation_id: str) -> Request[Operation]:
    """How far one relaunch is."""
    return Request("GET", at("worker-relaunches", operation_id), an_object)


def list_worker_relaunches() -> Request[list[Operation]]:
    """Every relaunch so far."""
    return Request("GET", at("worker-relaunches"), a_list)
