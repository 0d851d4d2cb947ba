"""Requests to the paths that engines have, for the apps of this package."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from modelyard.core.errors import ModelyardError, UpstreamFailed
from modelyard.gateway.sender import Sender

A = TypeVar("A", bound=msgspec.Struct)

RERANK, EMBEDDINGS, CLASSIFY = "/v1/rerank", "/v1/embeddings", "/classify"


class EngineVector(msgspec.Struct):
    """A row of an answer of `/v1/embeddings`."""

    embedding: list[float] | str


class EngineVectors(msgspec.Struct):
    """An answer of `/v1/embeddings`."""

    data: list[EngineVector]
    usage: dict[str, Any] | None = None


class EngineRank(msgspec.Struct):
    """A row of an answer of `/v1/rerank`."""

    index: int
    relevance_score: float


class EngineRanking(msgspec.Struct):
    """An answer of `/v1/rerank`."""

    results: list[EngineRank]
    usage: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None

    @property
    def tokens(self) -> int:
        """The tokens that the model has read; 0 where the engine does not tell."""
        counted = (self.meta or {}).get("tokens") or {}
        found = (self.usage or {}).get("prompt_tokens") or counted.get("input_tokens")
        return found if isinstance(found, int) else 0


async def answer_of(sender: Sender, path: str, body: dict[str, Any], kind: type[A], names: dict[str, str]) -> A:
    """The answer of a model, decoded. Raises its errors, with the client's names of parameters by `names`."""
    try:
        answer = await sender(path, msgspec.json.encode(body))
        try:
            data = await answer.body()
        finally:
            await answer.aclose()
    except ModelyardError as error:
        raise renamed(error, names) from None
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        raise UpstreamFailed(str(body["model"]), f"its answer is not as it must be: {error}") from error


def renamed(error: ModelyardError, names: dict[str, str]) -> ModelyardError:
    """The error, which names a parameter as the client did."""
    first, bracket, rest = (error.param or "").partition("[")
    if (own := names.get(first)) is not None:
        error.message = error.message.replace(f"'{first}", f"'{own}").replace(f"{first}[", f"{own}[")
        error.param = own + bracket + rest
    return error
