"""Requests about what the server launches when it starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelyard.client.target import Request, an_object, at


def get_autostart_config() -> Request[dict[str, Any]]:
    """Every entry, in `models`, in the order in which they start."""
    return Request("GET", at("autostart", "models"), an_object)


def get_autostart_model_summary() -> Request[dict[str, Any]]:
    """The entries without their launches."""
    return Request("GET", at("autostart", "models", "summary"), an_object)


def upsert_autostart_model(entry: Mapping[str, Any]) -> Request[dict[str, Any]]:
    """Add or replace an entry: `launch`, and perhaps `enabled`, `priority`, `max_retries`, `retry_interval_seconds`."""
    return Request("POST", at("autostart", "models"), an_object, body=entry)


def remove_autostart_model(model_uid: str) -> Request[dict[str, Any]]:
    """Forget an entry; the model itself goes on."""
    return Request("DELETE", at("autostart", "models", model_uid), an_object)
