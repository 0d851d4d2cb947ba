"""Requests about the replicas of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelyard.client.target import Request, a_list, an_object, at, given

if TYPE_CHECKING:
    from modelyard.client.types import ReplicaInfo, ScaleResponse


def get_replicas(model_uid: str) -> Request[list[ReplicaInfo]]:
    """The replicas of a model and their states."""
    return Request("GET", at("models", model_uid, "replicas"), a_list)


def add_replicas(model_uid: str, replica: int = 1) -> Request[ScaleResponse]:
    """Start that many more replicas."""
    return Request("POST", at("models", model_uid, "replicas"), an_object, body={"replica": replica})


def remove_replica(model_uid: str, replica_id: int) -> Request[int]:
    """Stop one replica; returns how many are left."""
    return Request(
        "DELETE",
        at("models", model_uid, "replicas", replica_id),
        lambda answer: int(answer["remaining_replicas"]),
        patient=True,
    )


def add_model_replica(
    model_uid: str,
    replica_config: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    replica: int = 1,
    model_engine: str | None = None,
    n_gpu: int | str | None = None,
) -> Request[dict[str, Any]]:
    """`add_replicas` in the words of Xinference's client."""
    body = given(replica_config=replica_config, replica=replica, model_engine=model_engine, n_gpu=n_gpu)
    return Request("POST", at("models", model_uid, "replicas"), an_object, body=body)
