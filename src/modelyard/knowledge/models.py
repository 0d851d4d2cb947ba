"""The models that knowledge bases use, which run on this server and are called through a function that the server provides."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

import msgspec

from modelyard.core.errors import BadRequest, InternalError, ModelyardError, UpstreamFailed
from modelyard.knowledge.documents.cuts import skip_blanks, text_cut
from modelyard.knowledge.indexing.adaptive_size import AdaptiveSize
from modelyard.knowledge.indexing.vectors import unit
from modelyard.protocol import errors
from modelyard.protocol.events import EventReader

FIRST_TEXTS, TEXTS_AT_ONCE = 8, 64
"""Number of texts in a model's first embedding requests, and in the largest ones."""
ONE_BY_ONE = 3
"""Number of texts up to which each has a request of its own after one for all of them was rejected."""
REQUESTS_AT_ONCE = 2
QUERIES_KEPT = 2048
SHORT = 50
"""Characters that every model can read: shorter texts are never rejected for their length."""

CHAT, COMPLETIONS, EMBEDDINGS, RERANK = "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/rerank"
TOKENIZE = "/tokenize"

Waiting = asyncio.Future[Sequence[float]]
T = TypeVar("T")


class ModelReply(Protocol):
    """A model's answer while it arrives."""

    async def read(self) -> bytes:
        """The bytes since the last call, empty at the end."""

    async def body(self) -> bytes:
        """The whole body."""

    async def aclose(self) -> None:
        """Cancel the producer of the answer."""


class Ask(Protocol):
    """Sends a JSON body to one of OpenAI's paths. Raises a `ModelyardError` for every error response."""

    def __call__(self, path: str, body: bytes) -> Awaitable[ModelReply]: ...


@dataclass(slots=True)
class Questions:
    """Queries that wait for their vectors, by model. Queries that arrive during a request share the next one."""

    waiting: dict[str, dict[str, Waiting]] = field(default_factory=dict)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)


class ServedModels:
    """`Models` that run on this server."""

    def __init__(
        self, ask: Ask, clock: Callable[[], float] = time.monotonic, rankers: Callable[[], Sequence[str]] = lambda: ()
    ) -> None:
        """`rankers` finds the rerank models that run, one of which ranks hits where none is named."""
        self._ask = ask
        self.rankers = rankers
        self._clock = clock
        self._batch_size = AdaptiveSize(FIRST_TEXTS, TEXTS_AT_ONCE)
        """Texts in a model's next request: few for slow models, so that a query does not wait long behind it."""
        self._turns = asyncio.Semaphore(REQUESTS_AT_ONCE)
        self._vectors: OrderedDict[tuple[str, str], Sequence[float]] = OrderedDict()
        """Model and query → its vector, as an array of floats: a list takes ten times the memory, 30 MB for all of them."""
        self._questions = Questions()

    def on_behalf_of(self, ask: Ask, *, alone: bool, rankers: Callable[[], Sequence[str]] = lambda: ()) -> ServedModels:
        """These models, called through another function. With `alone`, queries never share a request with those of others."""
        other = ServedModels(ask, rankers=rankers)
        other._vectors = self._vectors  # cached vectors cost no tokens
        if not alone:
            other._questions = self._questions
        return other

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return a vector for each text, in requests of up to `TEXTS_AT_ONCE` texts."""
        found: dict[int, Sequence[float]] = {}
        remaining = deque(enumerate(texts))
        try:
            await asyncio.gather(*(self._embed_some(model, remaining, found) for _ in range(REQUESTS_AT_ONCE)))
        finally:
            remaining.clear()  # after a failed request, no more are sent
        return [found[place] for place in range(len(texts))]

    async def _embed_some(
        self, model: str, remaining: deque[tuple[int, str]], found: dict[int, Sequence[float]]
    ) -> None:
        """Embed the remaining texts, batch by batch."""
        while True:
            async with self._turns:
                size = self._batch_size.size(model)
                batch = [remaining.popleft() for _ in range(min(size, len(remaining)))]
                if not batch:
                    return
                began = self._clock()
                vectors = await self._together(model, [text for _, text in batch], self._one)
                if len(batch) == size:
                    self._batch_size.took(model, self._clock() - began)
            found.update((place, vector) for (place, _), vector in zip(batch, vectors, strict=True))

    async def _together(
        self, model: str, texts: Sequence[str], alone: Callable[[str, str], Awaitable[T]]
    ) -> Sequence[Sequence[float] | T]:
        """The vectors of texts by one request; if it is rejected, by two for the shorter and the longer half of them, and so on.

        Of the few texts that are left, the results are those of `alone`. A model rejects a request for one text that is too long.
        """
        if len(texts) > 1:
            with suppress(BadRequest):
                return await self._embed(model, texts)
        if len(texts) <= ONE_BY_ONE:
            return [await alone(model, text) for text in texts]
        order = sorted(range(len(texts)), key=lambda place: len(texts[place].encode(errors="surrogatepass")))
        found: dict[int, Sequence[float] | T] = {}
        for places in (order[: len(order) // 2], order[len(order) // 2 :]):
            vectors = await self._together(model, [texts[place] for place in places], alone)
            found.update(zip(places, vectors, strict=True))
        return [found[place] for place in range(len(texts))]

    async def _one(self, model: str, text: str) -> Sequence[float]:
        """The vector of one text; of a text longer than the model's limit, the mean of its parts, weighted by length."""
        parts = await self._parts(model, text)
        if len(parts) == 1:
            return parts[0][0]
        return mean([vector for vector, _ in parts], [length for _, length in parts])

    async def _parts(self, model: str, text: str) -> list[tuple[Sequence[float], int]]:
        """Vectors and lengths of the parts into which a text is halved until the model accepts them. Raises `BadRequest`."""
        try:
            return [((await self._embed(model, [text]))[0], len(text))]
        except BadRequest:
            if len(text) < SHORT:
                raise
        parts = halves(text)
        if len(parts) > 1:
            with suppress(BadRequest):
                return list(zip(await self._embed(model, parts), map(len, parts), strict=True))
        return [each for part in parts for each in await self._parts(model, part)]

    async def _embed(self, model: str, texts: Sequence[str]) -> list[Sequence[float]]:
        body = {"model": model, "input": list(texts), "encoding_format": "float"}
        answer = await self.post(EMBEDDINGS, body)
        try:
            vectors = [row["embedding"] for row in sorted(answer["data"], key=lambda row: int(row["index"]))]
        except (KeyError, TypeError, ValueError) as error:
            raise UpstreamFailed(model, "its answer has no embeddings") from error
        if len(vectors) != len(texts):
            raise UpstreamFailed(model, f"{len(vectors)} vectors for {len(texts)} texts")
        return vectors

    async def embed_query(self, model: str, query: str) -> Sequence[float]:
        """The vector of a query; the last `QUERIES_KEPT` are cached. Queries that arrive during a request share the next one."""
        key = (model, query)
        if (known := self._vectors.get(key)) is not None:
            self._vectors.move_to_end(key)
            return known
        waiting, tasks = self._questions.waiting.setdefault(model, {}), self._questions.tasks
        if (answer := waiting.get(query)) is None:
            answer = waiting[query] = asyncio.get_running_loop().create_future()
        if model not in tasks:
            tasks[model] = asyncio.create_task(self._embed_waiting(model))
        return await asyncio.shield(answer)  # other callers may wait for this vector

    async def _embed_waiting(self, model: str) -> None:
        """Embed the waiting queries. Resolves every future, also after an error."""
        waiting, answers = self._questions.waiting[model], list[Waiting]()
        try:
            while waiting:
                texts = list(waiting)[:TEXTS_AT_ONCE]
                answers = [waiting.pop(text) for text in texts]
                found = await self._vectors_of(model, texts)
                for text, answer, vector in zip(texts, answers, found, strict=True):
                    if not isinstance(vector, ModelyardError):
                        vector = self._vectors[model, text] = array("f", vector)
                    settle(answer, vector)
                while len(self._vectors) > QUERIES_KEPT:
                    self._vectors.popitem(last=False)
        finally:
            for answer in (*answers, *waiting.values()):
                settle(answer, InternalError("Internal error: the question was not embedded."))
            waiting.clear()
            del self._questions.tasks[model]

    async def _vectors_of(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float] | ModelyardError]:
        """The vector of each text, or its error."""
        try:
            return await self._together(model, texts, self._vector)
        except ModelyardError as error:
            return [error] * len(texts)

    async def _vector(self, model: str, text: str) -> Sequence[float] | ModelyardError:
        try:
            return await self._one(model, text)
        except ModelyardError as error:
            return error

    async def rerank(self, model: str, query: str, texts: Sequence[str]) -> Sequence[float]:
        """A relevance for each text, higher is better; a text longer than the model's limit gets that of its best part."""
        try:
            return await self._rank(model, query, texts)
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

    async def _rank(self, model: str, query: str, texts: Sequence[str]) -> Sequence[float]:
        body = {"model": model, "query": query, "documents": list(texts), "top_n": len(texts)}
        answer = await self.post(RERANK, body)
        try:
            scores = {int(row["index"]): float(row["relevance_score"]) for row in answer["results"]}
        except (KeyError, TypeError, ValueError) as error:
            raise UpstreamFailed(model, "its answer has no scores") from error
        return [scores.get(number, 0.0) for number in range(len(texts))]

    def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """Yield the chunks of a streamed chat completion. Closing the iterator stops the model."""
        return self._streamed(CHAT, body)

    def complete(self, body: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """Yield the chunks of a streamed text completion. Closing the iterator stops the model."""
        return self._streamed(COMPLETIONS, body)

    async def _streamed(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        request = {**body, "stream": True, "stream_options": {"include_usage": True}}
        answer, reader = await self._ask(path, msgspec.json.encode(request)), EventReader()
        try:
            while batch := await answer.read():
                for event in reader.feed(batch):
                    yield _chunk(str(body["model"]), event)
            for event in reader.finish():
                yield _chunk(str(body["model"]), event)
        finally:
            await answer.aclose()

    async def count_tokens(self, model: str, messages: Sequence[Mapping[str, Any]]) -> int | None:
        """The tokens of a conversation in the model's template; None if its engine does not count it."""
        try:
            count = (await self.post(TOKENIZE, {"model": model, "messages": messages})).get("count")
        except ModelyardError:  # the chat that follows reports what is wrong with the model
            return None
        return count if isinstance(count, int) else None

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The whole answer to a request, such as one to `EMBEDDINGS`."""
        answer = await self._ask(path, msgspec.json.encode(body))
        try:
            return msgspec.json.decode(await answer.body(), type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise UpstreamFailed(str(body["model"]), "its answer is no JSON object") from error
        finally:
            await answer.aclose()


def _chunk(model: str, event: bytes) -> dict[str, Any]:
    """Decode the chunk of an event. Raises the error that an event reports."""
    try:
        chunk = msgspec.json.decode(event, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise UpstreamFailed(model, f"an event of its stream is no JSON object: {event[:100]!r}") from error
    if problem := chunk.get("error"):
        raise errors.read(502, chunk if isinstance(problem, dict) else {"detail": str(problem)})
    return chunk


def halves(text: str) -> list[str]:
    """The two halves of a text, cut at the best place shortly before its middle. Blank halves are dropped."""
    middle = len(text) // 2
    cut = text_cut(text, middle // 2, middle // 2, middle)
    behind = skip_blanks(text, cut)
    at = behind if behind < len(text) else cut
    return [part for part in (text[:at], text[at:]) if part.strip()]


def mean(vectors: Sequence[Sequence[float]], weights: Sequence[float]) -> Sequence[float]:
    """The weighted mean of the directions of vectors, as a unit vector."""
    summed = cast(Sequence[float], weights @ unit(vectors))
    return cast(Sequence[float], unit([summed])[0])


def settle(answer: Waiting, found: Sequence[float] | ModelyardError) -> None:
    """Resolve a future, unless it is resolved already."""
    if answer.done():
        return
    if isinstance(found, ModelyardError):
        answer.set_exception(found)
        answer.exception()  # asyncio would log an exception that nobody retrieves
    else:
        answer.set_result(found)
