"""`client.autostart`: the models that the server launches when it starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelyard.client.calls import CallGroup, S, call
from modelyard.client.request import Request, an_object, at

if TYPE_CHECKING:
    from modelyard.client.types import (
        AutostartEntryDict,
        AutostartListDict,
        AutostartRemovedDict,
        AutostartSummaryDict,
    )


class AutostartCalls(CallGroup[S]):
    """Models that the server launches when it starts."""

    @call
    def summary(self) -> Request[AutostartSummaryDict]:
        """The entries without their launches."""
        return Request("GET", at("autostart", "models", "summary"), an_object)

    @call
    def put(self, entry: Mapping[str, Any]) -> Request[AutostartEntryDict]:
        """Add or replace an entry: `launch`, and perhaps `enabled`, `priority`, `max_retries`, `retry_interval_seconds`."""
        return Request("POST", at("autostart", "models"), an_object, body=entry)

    @call
    def remove(self, model_uid: str) -> Request[AutostartRemovedDict]:
        """Delete an entry; a running model keeps running."""
        return Request("DELETE", at("autostart", "models", model_uid), an_object)

    @call
    def list(self) -> Request[AutostartListDict]:
        """Every entry, in `models`, in the order in which they start."""
        return Request("GET", at("autostart", "models"), an_object)
