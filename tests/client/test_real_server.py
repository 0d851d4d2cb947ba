"""The client against a real server with replicas of the fake engine."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelyard
from modelyard import __version__
from modelyard.client import AsyncClient, Client
from modelyard.core import errors
from tests.cli.served import Served

HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("client") / "home")
    try:
        yield served
    finally:
        served.stop()


def test_a_model_is_launched_asked_scaled_and_terminated(server: Served) -> None:
    with Client(server.url) as client:
        assert client.cluster.health()["status"] == "ok"
        assert client.cluster.version() == {"version": __version__}
        assert {node["node_type"] for node in client.cluster.nodes(detailed=True)} == {"Supervisor", "Worker"}
        assert client.cluster.devices() >= 0
        assert client.cluster.auth_required() is False
        assert client.models.launch("echo", model_engine="fake", model_uid="a/b c", tokens=5) == "a/b c"
        assert client.models.list()["a/b c"]["status"] == "READY"
        assert client.models.progress("a/b c")["stage"] == "completed"
        assert client.models.events("a/b c")
        assert client.models.logs("a/b c", lines=1)["lines"]
        model = client.models.get("a/b c")
        assert model.chat(HELLO)["choices"][0]["message"]["content"]
        assert model.generate("Once")["choices"][0]["text"]
        text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in model.chat(HELLO, stream=True))
        assert text == model.chat(HELLO)["choices"][0]["message"]["content"]
        client.replicas.add("a/b c")
        assert [each["replica_id"] for each in client.replicas.list("a/b c")] == [0, 1]
        assert client.replicas.remove("a/b c", 1) == 1
        client.models.terminate("a/b c")
        assert client.models.list() == {}


def test_handles_count_tokens_score_and_classify(server: Served) -> None:
    messages = [{"role": "user", "content": "Hi"}]
    with Client(server.url) as client:
        client.models.launch("c", "LLM", "fake")
        client.models.launch("s", "rerank", "fake")
        made = client.models.get("c").tokenize("Hi", return_token_strs=True)
        assert (made["count"], made["token_strs"]) == (2, ["H", "i"])
        assert client.models.get("c").tokenize(messages=messages)["count"] == len("user: Hi\n")
        assert client.models.get("c").detokenize(made["tokens"]) == {"prompt": "Hi"}
        ranker = client.models.get("s")
        assert [each["score"] for each in ranker.score("tea", ["tea", "no"])["data"]] == [1.0, 0.0]
        assert ranker.classify("an insult")["data"][0]["label"] == "insult"
        assert [each["flagged"] for each in ranker.moderate(["fine", "a threat"])["results"]] == [False, True]

    async def ask() -> None:
        async with AsyncClient(server.url) as client:
            model = await client.models.get("c")
            assert (await model.tokenize("Hi"))["count"] == 2
            assert (await model.detokenize([72]))["prompt"] == "H"
            ranker = await client.models.get("s")
            assert (await ranker.score("tea", "tea"))["data"][0]["score"] == 1.0
            assert (await ranker.moderate("a threat"))["results"][0]["flagged"]
        with Client(server.url) as client:
            client.models.terminate("c")
            client.models.terminate("s")

    asyncio.run(ask())


def test_handles_embed_and_rank(server: Served) -> None:
    with Client(server.url) as client:
        client.models.launch("e", "embedding", "fake", dimensions=8)
        client.models.launch("r", "rerank", "fake")
        vectors = client.models.get("e").create_embedding(["one", "two"])["data"]
        assert [len(each["embedding"]) for each in vectors] == [8, 8]
        ranked = client.models.get("r").rerank(["a", "b", "c"], "b", top_n=2)["results"]
        assert len(ranked) == 2
        client.models.terminate("e")
        client.models.terminate("r")


def test_errors_keep_their_class(server: Served) -> None:
    with Client(server.url) as client:
        with pytest.raises(errors.ModelNotFound):
            client.models.describe("nobody")
        with pytest.raises(errors.UnknownOption):
            client.models.launch("echo", model_engine="fake", nonsense=1)
        with pytest.raises(errors.LaunchFailed, match="boom"):
            client.models.launch("echo", model_engine="fake", model_uid="bad", crash_at_start="boom")
        client.models.terminate("bad")
        client.models.launch("echo", model_engine="fake", model_uid="dies", crash_after=3)
        with pytest.raises(errors.ModelyardError):
            list(client.models.get("dies").chat(HELLO, stream=True))
        client.models.terminate("dies")


def test_an_async_client_asks_many_questions_at_once(server: Served) -> None:
    async def run() -> None:
        async with AsyncClient(server.url) as client:
            uid = await client.models.launch("echo", model_engine="fake", model_uid="async")
            model = await client.models.get(uid)
            answers = await asyncio.gather(*(model.chat(HELLO) for _ in range(20)))
            assert len({answer["choices"][0]["message"]["content"] for answer in answers}) == 1
            async with await model.chat(HELLO, stream=True) as stream:
                chunks = [chunk async for chunk in stream]
            assert len(chunks) > 3
            await client.models.terminate(uid)

    asyncio.run(run())


DEMO = Path(modelyard.__file__).parent / "catalog" / "demo" / "modelyard-demo.gguf"


def printed_by(page: str, server: Served, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What each Python snippet of a page of docs/ prints, run against this server."""
    text = (Path(__file__).parents[2] / "docs" / page).read_text(encoding="utf-8")
    printed = []
    for snippet in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        real = snippet.replace("http://127.0.0.1:9997", server.url)
        real = real.replace("/models/mine.gguf", str(DEMO))
        exec(real.replace('"modelyard-demo"', '"echo", model_engine="fake"'), {})
        printed.append(capsys.readouterr().out)
    return printed


def test_the_snippets_of_the_page_on_launching(server: Served, capsys: pytest.CaptureFixture[str]) -> None:
    found, drafted, aliased, planned, read = printed_by("launching.md", server, capsys)
    assert drafted == "mine True llama_cpp\n"
    assert found.startswith("modelyard-demo ")
    assert aliased == "helper\n"
    assert planned.startswith("fake {'weights'") and "'code': 'invalid_parameter'" in planned
    assert "'max_model_len': '8192'" in read and "port" in read


def test_the_snippets_of_the_page_on_engines(server: Served, capsys: pytest.CaptureFixture[str]) -> None:
    (listed, *_) = printed_by("engines.md", server, capsys)
    assert "fake can run ['tokens', 'load_seconds']" in listed or "fake can run ['load_seconds', 'tokens']" in listed


def test_the_snippets_of_the_page_on_clients(server: Served, capsys: pytest.CaptureFixture[str]) -> None:
    whole, stream, documents, settings, server_itself = printed_by("clients.md", server, capsys)
    assert re.search(r"\d+$", whole.strip()) and stream
    assert "done 1 of 1" in documents and documents.endswith("travel.txt\n")
    assert settings.strip() and "MODELYARD_HOME" in server_itself
