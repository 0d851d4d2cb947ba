"""The apps behind `/v1/score`, `/v2/rerank` and `/pooling`."""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from modelyard.core.asgi import Receive, Scope, Send
from modelyard.core.errors import InvalidParameter
from modelyard.core.types import Task
from modelyard.dialects.calling import send_json
from modelyard.dialects.scoring.engine import (
    CLASSIFY,
    EMBEDDINGS,
    RERANK,
    EngineRanking,
    EngineVectors,
    answer_of,
)
from modelyard.gateway.app import Gateway
from modelyard.gateway.apps import caller_of
from modelyard.gateway.sender import Sender
from modelyard.protocol.requests import read
from modelyard.protocol.scoring import (
    CohereRank,
    CohereRerankReply,
    CohereRerankRequest,
    PairScore,
    PooledText,
    PoolingReply,
    PoolingRequest,
    ScoreReply,
    ScoreRequest,
)
from modelyard.protocol.tokens import ClassifyReply

AT_ONCE = 8
"""Rankings of one request that a model gets at a time."""
FIRST = ("text_1", "queries")
SECOND = ("text_2", "documents", "items")
TASKS = {"embed": Task.EMBEDDING, "classify": Task.CLASSIFICATION}
"""The values of `task` of a pooling request."""
MANY = 100_000
"""Numbers of vectors above which similarities are computed in a thread."""


class ScoringApi:
    """The three apps."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def mount(self) -> None:
        """Mount the apps at their paths."""
        for path in ("/score", "/v1/score"):
            self._gateway.mount(path, self.score)
        self._gateway.mount("/v2/rerank", self.rerank)
        self._gateway.mount("/pooling", self.pooling)

    async def score(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Score pairs of texts: by a model that ranks, else by the similarity of vectors."""
        request, _ = read((await receive())["body"], ScoreRequest, None)
        assert isinstance(request, ScoreRequest)
        (first, left), (second, right) = texts(request, FIRST), texts(request, SECOND)
        if len(left) not in (1, len(right)):
            raise InvalidParameter(
                first, f"it has {len(left)} texts, and '{second}' {len(right)}: give one, or as many as there."
            )
        sender = self._gateway.sender(caller_of(scope))
        more = (
            {}
            if request.truncate_prompt_tokens is UNSET
            else {"truncate_prompt_tokens": request.truncate_prompt_tokens}
        )
        body = {"model": request.model, **more}
        if self._does(request.model, Task.EMBEDDING):
            scores, tokens = await similarities(sender, body, left, right, (first, second))
        else:
            scores, tokens = await ranked(sender, body, left, right, {"query": first, "documents": second})
        data = [PairScore(index=index, score=score) for index, score in enumerate(scores)]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens, "completion_tokens": 0}
        reply = ScoreReply(id=_identity("score"), created=int(time.time()), model=request.model, data=data, usage=usage)
        await send_json(send, reply)

    async def rerank(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rank documents, in Cohere's form."""
        request, _ = read((await receive())["body"], CohereRerankRequest, None)
        assert isinstance(request, CohereRerankRequest)
        fields = request.rank_fields or ()
        documents = [text_of(each, fields, f"documents[{index}]") for index, each in enumerate(request.documents)]
        body: dict[str, Any] = {"model": request.model, "query": request.query, "documents": documents}
        for ours, given in (("top_n", request.top_n), ("truncate_prompt_tokens", request.max_tokens_per_doc)):
            if given is not UNSET:
                body[ours] = given
        names = {"truncate_prompt_tokens": "max_tokens_per_doc"}
        found = await answer_of(self._gateway.sender(caller_of(scope)), RERANK, body, EngineRanking, names)
        results = [
            CohereRank(
                index=each.index,
                relevance_score=each.relevance_score,
                document=_document(request.documents[each.index]) if request.return_documents is True else None,
            )
            for each in found.results
        ]
        meta = {
            "api_version": {"version": "2", "is_experimental": False},
            "billed_units": {"search_units": 1},
            "tokens": {"input_tokens": found.tokens, "output_tokens": 0},
        }
        await send_json(send, CohereRerankReply(id=secrets.token_hex(16), results=results, meta=meta))

    async def pooling(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The vectors of texts, or what a classifier makes of them."""
        data = (await receive())["body"]
        request, _ = read(data, PoolingRequest, None)
        assert isinstance(request, PoolingRequest)
        if request.task and request.task not in TASKS:
            raise InvalidParameter("task", f"it must be one of {', '.join(TASKS)}; other tasks are not known here.")
        sender, body = self._gateway.sender(caller_of(scope)), {"model": request.model, "input": request.input}
        for name in ("encoding_format", "dimensions", "truncate_prompt_tokens"):
            if (value := getattr(request, name)) is not UNSET:
                body[name] = value
        classifies = request.task == "classify" or (not request.task and not self._does(request.model, Task.EMBEDDING))
        if classifies and self._does(request.model, Task.CLASSIFICATION):
            if "dimensions" in body or body.pop("encoding_format", "float") == "base64":
                raise InvalidParameter(
                    "dimensions" if "dimensions" in body else "encoding_format", "a classifier has none."
                )
            classes = await answer_of(sender, CLASSIFY, body, ClassifyReply, {})
            rows: list[list[float] | str] = [list(each.probs) for each in classes.data]
            usage = classes.usage
        else:
            path = CLASSIFY if request.task == "classify" else EMBEDDINGS
            vectors = await answer_of(sender, path, body, EngineVectors, {})
            rows, usage = [each.embedding for each in vectors.data], vectors.usage
        pooled = [PooledText(index=index, data=row) for index, row in enumerate(rows)]
        reply = PoolingReply(
            id=_identity("pool"), created=int(time.time()), model=request.model, data=pooled, usage=usage
        )
        await send_json(send, reply)

    def _does(self, model: str, task: Task) -> bool:
        route = self._gateway.route(model)
        return route is not None and task in route.tasks


def texts(request: ScoreRequest, names: Sequence[str]) -> tuple[str, list[str]]:
    """The texts of a request, under one of several names, and that name. Raises `InvalidParameter`."""
    given = [name for name in names if getattr(request, name) is not UNSET]
    if not given:
        raise InvalidParameter(names[0], "it is required: a text, or a list of texts.")
    if len(given) > 1:
        raise InvalidParameter(given[1], f"it means '{given[0]}', which is given too.")
    value = getattr(request, given[0])
    found = [value] if isinstance(value, str) else value
    if "" in found:
        place = given[0] if isinstance(value, str) else f"{given[0]}[{found.index('')}]"
        raise InvalidParameter(place, "it is empty: the model has nothing to read.")
    return given[0], found


async def ranked(
    sender: Sender, body: dict[str, Any], left: Sequence[str], right: Sequence[str], names: dict[str, str]
) -> tuple[list[float], int]:
    """The scores of pairs by a model that ranks, and the tokens that it has read."""
    if len(left) == 1:
        found = await answer_of(sender, RERANK, {**body, "query": left[0], "documents": right}, EngineRanking, names)
        by_index = {each.index: each.relevance_score for each in found.results}
        return [by_index[index] for index in range(len(right))], found.tokens
    room = asyncio.Semaphore(AT_ONCE)

    async def one(query: str, document: str) -> EngineRanking:
        async with room:
            return await answer_of(
                sender, RERANK, {**body, "query": query, "documents": [document]}, EngineRanking, names
            )

    try:
        async with asyncio.TaskGroup() as group:
            rankings = [group.create_task(one(*pair)) for pair in zip(left, right, strict=True)]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    results = [each.result() for each in rankings]
    return [each.results[0].relevance_score for each in results], sum(each.tokens for each in results)


async def similarities(
    sender: Sender, body: dict[str, Any], left: Sequence[str], right: Sequence[str], names: tuple[str, str]
) -> tuple[list[float], int]:
    """The cosine of the vectors of each pair, and the tokens that the model has read."""
    given = {**body, "input": [*left, *right], "encoding_format": "float"}
    found = await answer_of(sender, EMBEDDINGS, given, EngineVectors, {"input": names[1]})
    vectors = [each.embedding for each in found.data if not isinstance(each.embedding, str)]
    ones, others = vectors[: len(left)], vectors[len(left) :]
    pairs = list(zip(ones * (len(others) if len(ones) == 1 else 1), others, strict=True))

    def compute() -> list[float]:
        return [cosine(*pair) for pair in pairs]

    scores = await asyncio.to_thread(compute) if sum(map(len, others)) > MANY else compute()
    tokens = (found.usage or {}).get("prompt_tokens")
    return scores, tokens if isinstance(tokens, int) else 0


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine of the angle between two vectors; 0 if one of them has no length."""
    lengths = math.hypot(*one) * math.hypot(*other)
    product = sum(map(float.__mul__, map(float, one), map(float, other)))
    return max(-1.0, min(1.0, product / lengths)) if lengths else 0.0


def text_of(document: str | dict[str, Any], fields: Sequence[str], place: str) -> str:
    """The text of a document: itself, its `text`, or the lines of its `rank_fields`. Raises `InvalidParameter`."""
    if isinstance(document, str):
        found = document
    elif fields:
        found = "\n".join(f"{name}: {document[name]}" for name in fields if document.get(name) is not None)
    elif isinstance(document.get("text"), str):
        found = document["text"]
    else:
        raise InvalidParameter(place, "it must be a text, or an object with a field 'text'.")
    if not found:
        raise InvalidParameter(place, "it is empty: the model has nothing to read.")
    return found


def _document(given: str | dict[str, Any]) -> dict[str, Any]:
    return {"text": given} if isinstance(given, str) else given


def _identity(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(16)}"
