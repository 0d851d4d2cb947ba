"""What is sent to models that run on this server, and what becomes of their answers."""

from __future__ import annotations

import asyncio
import json
from array import array
from collections.abc import Sequence
from typing import Any

import pytest

from modelyard.core.errors import BadRequest, ModelyardError, UpstreamFailed
from modelyard.knowledge.models import QUERIES_KEPT, ModelReply, ServedModels
from modelyard.knowledge.types import texts_of


class Reply:
    """An answer that arrives in portions."""

    def __init__(self, *portions: bytes) -> None:
        self._portions = list(portions)
        self.closed = 0

    async def read(self) -> bytes:
        return self._portions.pop(0) if self._portions else b""

    async def body(self) -> bytes:
        return b"".join(self._portions)

    async def aclose(self) -> None:
        self.closed += 1


class Server:
    """Gives one answer after the other; `requests` has the paths and bodies."""

    def __init__(self, *replies: Any) -> None:
        self.replies = [each if isinstance(each, Reply) else Reply(json.dumps(each).encode()) for each in replies]
        self.requests: list[tuple[str, dict[str, Any]]] = []

    async def __call__(self, path: str, body: bytes) -> ModelReply:
        self.requests.append((path, json.loads(body)))
        return self.replies[len(self.requests) - 1]


def event(value: Any) -> bytes:
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


def rows(*vectors: Sequence[float]) -> dict[str, Any]:
    """An answer with vectors in the opposite order."""
    numbered = [{"index": number, "embedding": list(vector)} for number, vector in enumerate(vectors)]
    return {"data": numbered[::-1]}


def test_texts_are_embedded_in_their_order() -> None:
    server = Server(rows([1.0], [2.0]))
    assert asyncio.run(ServedModels(server).embed("m", ["a", "b"])) == [[1.0], [2.0]]
    assert server.requests == [("/v1/embeddings", {"model": "m", "input": ["a", "b"], "encoding_format": "float"})]
    assert server.replies[0].closed == 1


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ({}, "its answer has no embeddings"),
        ({"data": [{"embedding": [1.0]}]}, "its answer has no embeddings"),
        ({"data": 5}, "its answer has no embeddings"),
        (rows([1.0]), "1 vectors for 2 texts"),
        (rows([1.0], [1.0], [1.0]), "3 vectors for 2 texts"),
        (Reply(b"[1]"), "its answer is no JSON object"),
        (Reply(b"{"), "its answer is no JSON object"),
    ],
)
def test_an_answer_that_is_no_vectors_is_an_error_of_the_model(reply: Any, error: str) -> None:
    server = Server(reply)
    with pytest.raises(UpstreamFailed, match=error):
        asyncio.run(ServedModels(server).embed("m", ["a", "b"]))
    assert server.replies[0].closed == 1


def test_texts_are_ranked_in_their_order() -> None:
    results = [{"index": 2, "relevance_score": 0.5}, {"index": "0", "relevance_score": "0.25"}]
    server = Server({"results": results})
    assert asyncio.run(ServedModels(server).rerank("m", "q", ["a", "b", "c"])) == [0.25, 0.0, 0.5]
    body = {"model": "m", "query": "q", "documents": ["a", "b", "c"], "top_n": 3}
    assert server.requests == [("/v1/rerank", body)]
    for wrong in ({}, {"results": [{"index": 0}]}, {"results": [{"relevance_score": 1}]}, {"results": 5}):
        with pytest.raises(UpstreamFailed, match="its answer has no scores"):
            asyncio.run(ServedModels(Server(wrong)).rerank("m", "q", ["a"]))


def collected(server: Server, chat: bool = True, most: int = 99) -> list[Any]:
    """The chunks of a stream, up to so many."""

    async def go() -> list[Any]:
        models = ServedModels(server)
        stream = (models.chat if chat else models.complete)({"model": "m", "n": 1, "stream": False})
        found = []
        async for chunk in stream:
            found.append(chunk)
            if len(found) == most:
                break
        await stream.aclose()
        return found

    return asyncio.run(go())


@pytest.mark.parametrize(("chat", "path"), [(True, "/v1/chat/completions"), (False, "/v1/completions")])
def test_a_stream_is_its_events_however_they_arrive(chat: bool, path: str) -> None:
    data = event({"a": 1}) + event({"b": 2}) + event(b"[DONE]")
    for size in (1, 7, len(data)):
        server = Server(Reply(*(data[at : at + size] for at in range(0, len(data), size))))
        assert collected(server, chat) == [{"a": 1}, {"b": 2}]
        asked = {"model": "m", "n": 1, "stream": True, "stream_options": {"include_usage": True}}
        assert server.requests == [(path, asked)] and server.replies[0].closed == 1


def test_a_stream_without_a_last_line_end_is_whole() -> None:
    assert collected(Server(Reply(event({"a": 1}) + b'data: {"b": 2}'))) == [{"a": 1}, {"b": 2}]


def test_a_stream_that_is_left_is_closed() -> None:
    server = Server(Reply(event({"a": 1}), event({"b": 2})))
    assert collected(server, most=1) == [{"a": 1}] and server.replies[0].closed == 1


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (event(b"{"), "an event of its stream is no JSON object: b'{'"),
        (event(b"[1]"), "no JSON object"),
        (event({"error": {"message": "Too long.", "code": "context_length_exceeded"}}), "Too long."),
        (event({"error": "broke"}), "broke"),
    ],
)
def test_an_error_in_a_stream_is_raised(data: bytes, error: str) -> None:
    server = Server(Reply(event({"a": 1}), data))
    with pytest.raises(ModelyardError, match=error):
        collected(server)
    assert server.replies[0].closed == 1
    assert collected(Server(Reply(event({"error": None})))) == [{"error": None}]


def test_questions_are_remembered_the_latest_ones() -> None:
    class Counting(ServedModels):
        sent = 0

        async def _embed(self, model: str, texts: Sequence[str]) -> list[Sequence[float]]:
            self.sent += len(texts)
            return [[float(text)] for text in texts]

    async def go() -> None:
        models = Counting(Server())
        for number in range(QUERIES_KEPT):
            await models.embed_query("m", str(number))
        await models.embed_query("m", "0")  # now the latest
        assert models.sent == QUERIES_KEPT
        await models.embed_query("m", str(QUERIES_KEPT))
        await models.embed_query("m", "0")
        assert models.sent == QUERIES_KEPT + 1
        await models.embed_query("m", "1")
        await models.embed_query("other", "0")
        assert models.sent == QUERIES_KEPT + 3
        assert list(await models.embed_query("m", "1")) == [1.0]
        assert all(isinstance(each, array) for each in models._vectors.values())  # a list takes ten times the memory

    asyncio.run(go())


@pytest.mark.parametrize(("alone", "shared"), [(True, False), (False, True)])
def test_a_caller_shares_what_is_known_and_perhaps_its_requests(alone: bool, shared: bool) -> None:
    async def go() -> None:
        mine = Server(rows([2.0]))
        models = ServedModels(Server(rows([1.0])))
        other = models.on_behalf_of(mine, alone=alone)
        assert await models.embed_query("m", "a") == await other.embed_query("m", "a") == array("f", [1.0])
        assert mine.requests == [] and (other._questions is models._questions) is shared
        assert await other.embed_query("m", "b") == array("f", [2.0]) and len(mine.requests) == 1
        assert await models.embed_query("m", "b") == array("f", [2.0])

    asyncio.run(go())


def test_a_refused_request_is_sent_text_by_text() -> None:
    class Refusing(ServedModels):
        def __init__(self) -> None:
            super().__init__(Server())
            self.sent: list[list[str]] = []

        async def _embed(self, model: str, texts: Sequence[str]) -> list[Sequence[float]]:
            self.sent.append(list(texts))
            if "bad" in texts:
                raise BadRequest("no")
            return [[1.0] for _ in texts]

    models = Refusing()
    with pytest.raises(BadRequest):
        asyncio.run(models.embed("m", ["good", "bad"]))
    assert models.sent == [["good", "bad"], ["good"], ["bad"]]


@pytest.mark.parametrize(
    ("chunk", "texts"),
    [
        ({}, []),
        ({"choices": []}, []),
        ({"choices": [{}, {"delta": None}, {"delta": {}}, {"delta": {"content": ""}}]}, []),
        ({"choices": [{"delta": {"content": "a"}}, {"delta": {"content": "b"}}]}, ["a", "b"]),
    ],
)
def test_texts_of_a_chunk(chunk: dict[str, Any], texts: list[str]) -> None:
    assert texts_of(chunk) == texts
