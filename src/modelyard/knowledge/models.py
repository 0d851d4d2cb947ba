"""The models that this room asks, through our public client: what runs here, behind the gateway like any other request."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar, cast

from modelyard.client import AsyncClient
from modelyard.client.target import Request, at
from modelyard.core.errors import BadRequest, InternalError, ModelyardError, UpstreamFailed
from modelyard.knowledge.documents.cuts import skip_blanks, text_cut
from modelyard.knowledge.indexing.adaptive_size import Portions
from modelyard.knowledge.indexing.vectors import unit

FIRST_TEXTS, TEXTS_AT_ONCE = 8, 64
"""Texts of a model's first embedding requests, and of the largest."""
REQUESTS_AT_ONCE = 2
QUERIES_KEPT = 2048
SHORT = 50
"""Characters that every model reads: a shorter text that is refused is refused for another reason than its length."""

Answer = asyncio.Future[Sequence[float]]
T = TypeVar("T")


class ServedModels:
    """`Models` over a connection to a Modelyard server."""

    def __init__(
        self, client: AsyncClient, key: str | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`key` is whose requests these are, where they are not this room's own."""
        self._client = client
        self._key = key
        self._clock = clock
        self._portions = Portions(FIRST_TEXTS, TEXTS_AT_ONCE)
        """Texts of a model's next request: a question that comes meanwhile waits for what was sent before it."""
        self._turns = asyncio.Semaphore(REQUESTS_AT_ONCE)
        self._queries: OrderedDict[tuple[str, str], Sequence[float]] = OrderedDict()
        self._asked: dict[str, dict[str, Answer]] = {}
        """Model → questions that wait for their vectors."""
        self._asking: dict[str, asyncio.Task[None]] = {}

    def on_behalf_of(self, key: str) -> ServedModels:
        """The same, asked under somebody's key, so that what it may do, its limits and its counts hold."""
        made = ServedModels(self._client, key)
        made._queries = self._queries  # a vector that is remembered costs nobody anything
        return made

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """A vector for each text, asked for in requests of up to `TEXTS_AT_ONCE`."""
        found: dict[int, Sequence[float]] = {}
        left = deque(enumerate(texts))
        try:
            await asyncio.gather(*(self._embed_some(model, left, found) for _ in range(REQUESTS_AT_ONCE)))
        finally:
            left.clear()  # where one request failed, no more are sent
        return [found[place] for place in range(len(texts))]

    async def _embed_some(self, model: str, left: deque[tuple[int, str]], found: dict[int, Sequence[float]]) -> None:
        """Take texts that are left, a portion at a time, until there are none."""
        while True:
            async with self._turns:
                size = self._portions.size(model)
                portion = [left.popleft() for _ in range(min(size, len(left)))]
                if not portion:
                    return
                began = self._clock()
                vectors = await self._each(model, [text for _, text in portion], self._whole)
                if len(portion) == size:
                    self._portions.took(model, self._clock() - began)
            found.update((place, vector) for (place, _), vector in zip(portion, vectors, strict=True))

    async def _each(
        self, model: str, texts: Sequence[str], alone: Callable[[str, str], Awaitable[T]]
    ) -> Sequence[Sequence[float] | T]:
        """Vectors of texts together; where one of them is refused, what `alone` gives for each."""
        if len(texts) > 1:
            with suppress(BadRequest):
                return await self._sent(model, texts)
        return [await alone(model, text) for text in texts]

    async def _whole(self, model: str, text: str) -> Sequence[float]:
        """The vector of one text. Of one that is longer than the model reads, the mean of its parts, by their lengths."""
        parts = await self._parts(model, text)
        if len(parts) == 1:
            return parts[0][0]
        return mean([vector for vector, _ in parts], [length for _, length in parts])

    async def _parts(self, model: str, text: str) -> list[tuple[Sequence[float], int]]:
        """Vectors of the parts of a text that the model reads, and their lengths. Raises `BadRequest` where it reads none."""
        try:
            return [((await self._sent(model, [text]))[0], len(text))]
        except BadRequest:
            if len(text) < SHORT:
                raise
        return [each for half in halves(text) for each in await self._parts(model, half)]

    async def _sent(self, model: str, texts: Sequence[str]) -> list[Sequence[float]]:
        body = {"model": model, "input": list(texts), "encoding_format": "float"}
        answer = await self._client.send(
            Request("POST", at("embeddings"), lambda answer: answer, body=body, key=self._key)
        )
        try:
            vectors = [row["embedding"] for row in sorted(answer["data"], key=lambda row: int(row["index"]))]
        except (KeyError, TypeError, ValueError) as error:
            raise UpstreamFailed(model, "its answer has no embeddings") from error
        if len(vectors) != len(texts):
            raise UpstreamFailed(model, f"{len(vectors)} vectors for {len(texts)} texts")
        return vectors

    async def embed_query(self, model: str, query: str) -> Sequence[float]:
        """The vector of a question; the last ones are remembered. Questions that come while one is asked go together next."""
        key = (model, query)
        if (known := self._queries.get(key)) is not None:
            self._queries.move_to_end(key)
            return known
        asked = self._asked.setdefault(model, {})
        if (answer := asked.get(query)) is None:
            answer = asked[query] = asyncio.get_running_loop().create_future()
        if model not in self._asking:
            self._asking[model] = asyncio.create_task(self._ask(model))
        return await asyncio.shield(answer)  # whoever else asks the same still waits for it

    async def _ask(self, model: str) -> None:
        """Send questions as long as there are some. However it ends, none waits in vain."""
        asked, answers = self._asked[model], list[Answer]()
        try:
            while asked:
                texts = list(asked)[:TEXTS_AT_ONCE]
                answers = [asked.pop(text) for text in texts]
                found = await self._vectors(model, texts)
                for text, answer, vector in zip(texts, answers, found, strict=True):
                    if not isinstance(vector, ModelyardError):
                        self._queries[model, text] = vector
                    settle(answer, vector)
                while len(self._queries) > QUERIES_KEPT:
                    self._queries.popitem(last=False)
        finally:
            for answer in (*answers, *asked.values()):
                settle(answer, InternalError("Internal error: the question was not embedded."))
            asked.clear()
            del self._asking[model]

    async def _vectors(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float] | ModelyardError]:
        """The vector of each text, or why there is none; where one may be refused, each is asked for alone."""
        try:
            return await self._each(model, texts, self._vector)
        except ModelyardError as error:
            return [error] * len(texts)

    async def _vector(self, model: str, text: str) -> Sequence[float] | ModelyardError:
        try:
            return await self._whole(model, text)
        except ModelyardError as error:
            return error

    async def rerank(self, model: str, query: str, texts: Sequence[str]) -> Sequence[float]:
        """A relevance for each text, higher is better; where some are longer than the model reads, that of their best part."""
        try:
            return await self._ranked(model, query, texts)
        except BadRequest:
            longest = max(map(len, texts))
            if longest < SHORT:
                raise
        parts = [
            (place, part)
            for place, text in enumerate(texts)
            for part in (halves(text) if len(text) > longest // 2 else [text])
        ]
        scores = await self.rerank(model, query, [part for _, part in parts])
        best = [0.0] * len(texts)
        for (place, _), score in zip(parts, scores, strict=True):
            best[place] = max(best[place], score)
        return best

    async def _ranked(self, model: str, query: str, texts: Sequence[str]) -> Sequence[float]:
        body = {"model": model, "query": query, "documents": list(texts), "top_n": len(texts)}
        rows = await self._client.send(
            Request("POST", at("rerank"), lambda answer: answer["results"], body=body, key=self._key)
        )
        scores = {int(row["index"]): float(row["relevance_score"]) for row in rows}
        return [scores.get(number, 0.0) for number in range(len(texts))]

    def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """The chunks of a streamed chat completion. Closing the iterator stops the model."""
        return self._streamed(at("chat", "completions"), body)

    def complete(self, body: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """The chunks of a streamed completion of a text. Closing the iterator stops the model."""
        return self._streamed(at("completions"), body)

    async def _streamed(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        sent = {**body, "stream": True, "stream_options": {"include_usage": True}}
        request: Request[Any] = Request("POST", path, lambda answer: answer, body=sent, key=self._key)
        stream = await self._client.open(request)
        try:
            async for chunk in stream:
                yield chunk
        finally:
            await stream.aclose()

    async def ask(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The whole answer of a path below `/v1`, such as `embeddings`."""
        request: Request[dict[str, Any]] = Request(
            "POST", at(path), lambda answer: dict(answer), body=dict(body), key=self._key
        )
        return await self._client.send(request)


def halves(text: str) -> list[str]:
    """A text in two, at the best place to cut it before its middle, if there is one near. What is blank is left out."""
    middle = len(text) // 2
    cut = text_cut(text, middle // 2, middle // 2, middle)
    behind = skip_blanks(text, cut)
    at = behind if behind < len(text) else cut
    return [part for part in (text[:at], text[at:]) if part.strip()]


def mean(vectors: Sequence[Sequence[float]], weights: Sequence[float]) -> Sequence[float]:
    """The direction that vectors have together, whatever their lengths are."""
    summed = cast(Sequence[float], weights @ unit(vectors))
    return cast(Sequence[float], unit([summed])[0])


def settle(answer: Answer, found: Sequence[float] | ModelyardError) -> None:
    """Give an answer to those who wait for it, of whom there may be none any more; the first one counts."""
    if answer.done():
        return
    if isinstance(found, ModelyardError):
        answer.set_exception(found)
        answer.exception()  # so that nobody hearing it is no complaint of asyncio's
    else:
        answer.set_result(found)
