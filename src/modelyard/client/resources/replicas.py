"""`client.replicas`: the replicas of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.client.calls import CallGroup, S, call
from modelyard.client.request import Request, a_list, an_object, at

if TYPE_CHECKING:
    from modelyard.client.types import ReplicaDict, ScaleDict


class ReplicaCalls(CallGroup[S]):
    """Replicas of a model: list, add and remove them."""

    @call
    def add(self, model_uid: str, replica: int = 1) -> Request[ScaleDict]:
        """Start this many additional replicas."""
        return Request("POST", at("models", model_uid, "replicas"), an_object, body={"replica": replica})

    @call
    def remove(self, model_uid: str, replica_id: int) -> Request[int]:
        """Stop one replica; returns the number of the remaining ones."""
        path = at("models", model_uid, "replicas", replica_id)
        return Request("DELETE", path, lambda answer: int(answer["remaining_replicas"]), patient=True)

    @call
    def list(self, model_uid: str) -> Request[list[ReplicaDict]]:
        """The replicas of a model and their states."""
        return Request("GET", at("models", model_uid, "replicas"), a_list)
