"""What batches need of the server: models, and how much of them may be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Identity:
    """With whose rights the requests of a batch are sent: those that the key or the user has at that moment."""

    key: str
    """Id of an API key; empty for a user, and without keys."""
    username: str
    """Name of a user; empty for an API key, and without keys."""
    owner: str
    """Owner id."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a model can take at present."""

    replicas: int = 1
    """Replicas that accept requests, at least 1."""
    most: int | None = None
    """Requests that one replica accepts at a time; None for no limit."""
    waited_for: int = 0
    """Requests that its replicas are answering and that somebody waits for, unlike those of batches."""


class BatchModels(Protocol):
    """The models of this server."""

    @property
    def endpoints(self) -> frozenset[str]:
        """Paths to which a batch can send requests: those with JSON in both directions."""

    async def ask(self, identity: Identity, request_id: str, endpoint: str, body: bytes) -> bytes:
        """The body of the answer to a request. Raises a `ModelyardError` for every answer that is an error."""

    def limited(self, identity: Identity) -> bool:
        """Whether the key has limits of its own, so that a refusal says nothing about the model."""

    def capacity(self, model: str) -> Capacity:
        """What a model can take at present, whether or not there is one of this name."""
