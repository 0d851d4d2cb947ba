"""Requests about files of models that are on the server, or on their way there."""

from __future__ import annotations

from typing import Any

from modelyard.client.target import Request, an_object, at, given


def list_cached_models(model_name: str | None = None, worker_ip: str | None = None) -> Request[list[dict[str, Any]]]:
    """The models whose files are on the server."""
    query = given(model_name=model_name, worker_ip=worker_ip)
    return Request("GET", at("cache", "models"), lambda answer: list(answer["list"]), query)


def list_deletable_models(model_version: str, worker_ip: str | None = None) -> Request[dict[str, Any]]:
    """The files of a version, in `paths`."""
    query = given(model_version=model_version, worker_ip=worker_ip)
    return Request("GET", at("cache", "models", "files"), an_object, query)


def confirm_and_remove_model(model_version: str, worker_ip: str | None = None) -> Request[bool]:
    """Remove the files of a version from the server."""
    query = given(model_version=model_version, worker_ip=worker_ip)
    return Request("DELETE", at("cache", "models"), lambda answer: bool(answer["result"]), query, patient=True)


def list_downloads() -> Request[list[dict[str, Any]]]:
    """What is being downloaded."""
    return Request("GET", at("downloads"), lambda answer: list(answer["list"]))


def pause_download(uid: str) -> Request[dict[str, Any]]:
    """Stop a download and keep what has come."""
    return Request("POST", at("downloads", uid, "pause"), dict_or_nothing)


def resume_download(uid: str) -> Request[dict[str, Any]]:
    """Go on with a download that was paused."""
    return Request("POST", at("downloads", uid, "resume"), dict_or_nothing)


def remove_download(uid: str) -> Request[dict[str, Any]]:
    """Give up a download."""
    return Request("DELETE", at("downloads", uid), dict_or_nothing, patient=True)


def dict_or_nothing(answer: Any) -> dict[str, Any]:
    """An object as it is; any other answer as an empty one."""
    return answer if isinstance(answer, dict) else {}
