"""The unmodified `xinference-client`, asynchronous: its requests differ in small ways from its twin's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from xinference_client import AsyncRESTfulClient

from tests.live import Live
from tests.peers.conftest import CHAT, RANKER, VECTORS
from tests.peers.test_xinference_client import COLD, HELLO, demo_file, record

pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore:unclosed:ResourceWarning"
)  # it asks whether keys are needed with a connection that it never closes


def drive(server: Live, work: Callable[[Any], Awaitable[None]]) -> None:
    async def go() -> None:
        client = AsyncRESTfulClient(server.url)
        try:
            await work(client)
        finally:
            await client.close()

    asyncio.run(go())


def test_chat(server: Live) -> None:
    async def work(client: Any) -> None:
        assert CHAT in await client.list_models()
        model = await client.get_model(CHAT)
        answer = await model.chat(HELLO, generate_config=COLD)
        assert "杭州" in answer["choices"][0]["message"]["content"]
        stream = await model.chat(HELLO, generate_config={**COLD, "stream": True})
        text = ""
        async for chunk in stream:
            text += chunk["choices"][0]["delta"].get("content") or ""
        assert text == answer["choices"][0]["message"]["content"]
        await model.close()

    drive(server, work)


def test_embedding_and_rerank(server: Live) -> None:
    async def work(client: Any) -> None:
        vectors = await client.get_model(VECTORS)
        answer = await vectors.create_embedding("你好")
        assert len(answer["data"][0]["embedding"]) == 64
        assert await vectors.convert_ids_to_tokens([[12], [5, 5]]) == [[" h"], [" a", " a"]]
        ranker = await client.get_model(RANKER)
        answer = await ranker.rerank(["a", "b"], "q")
        assert len(answer["results"]) == 2
        await vectors.close()
        await ranker.close()

    drive(server, work)


def test_the_life_of_a_model(server: Live) -> None:
    async def work(client: Any) -> None:
        uid = await client.launch_model(model_name="a", model_uid="async-life", model_engine="fake")
        assert uid == "async-life"
        assert (await client.describe_model(uid))["replica"] == 1
        assert (await client.get_launch_model_progress(uid))["progress"] == 1.0
        await client.terminate_model(uid)
        assert uid not in await client.list_models()

    drive(server, work)


def test_registrations(server: Live) -> None:
    async def work(client: Any) -> None:
        await client.register_model("LLM", json.dumps(record("async-own", demo_file())), persist=False)
        listed = await client.list_model_registrations("LLM")
        assert {"model_name": "async-own", "is_builtin": False} in listed
        assert (await client.get_model_registration("LLM", "async-own"))["model_name"] == "async-own"
        await client.unregister_model("LLM", "async-own")
        with pytest.raises(RuntimeError, match="async-own"):
            await client.get_model_registration("LLM", "async-own")

    drive(server, work)
