"""Models beside a knowledge base on a real server: rankings, a ranking model that fails, and readers who leave an answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.knowing import Base, Json, embedding, ok
from tests.chat_pairs import pairs
from tests.encoder_models import give_environment, make_tiny, minilm
from tests.live import Live, error_of, live
from tests.processes import wait_for

LEAKS = {
    "a.txt": b"water water water",
    "b.txt": b"a leak of water in the cellar",
    "c.txt": b"the cellar is dry",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("models")
    give_environment(folder / "home")
    with live(folder / "home") as running:
        embedding(running, "vec")
        running.launched("ranker", model_type="rerank")
        running.launched("slow", model_type="LLM", tokens=20_000, tokens_per_second=50)
        yield running


@pytest.fixture(scope="module")
def base(server: Live) -> Base:
    base = Base.made(server, "leaks", rerank_model="ranker", embedding_model="vec")
    assert base.add(LEAKS)["done"] == 3
    return base


def test_a_ranking_model_decides(base: Base) -> None:
    found = base.search("leak cellar water")
    assert found["data"][0]["document"] == "b.txt" and found["notes"] == [] and found["rerank_model"] == "ranker"
    scores = [hit["scores"]["rerank"] for hit in found["data"]]
    assert scores == sorted(scores, reverse=True) and [hit["score"] for hit in found["data"]] == pytest.approx(
        scores, abs=1e-6
    )
    assert base.search("leak cellar water", rerank=False)["data"][0]["scores"]["rerank"] is None
    assert len(base.search("leak cellar water", min_score=0.99)["data"]) < len(scores)


def test_a_ranking_model_that_nobody_named_ranks_if_it_is_told_to_or_reads(server: Live) -> None:
    plain = Base.made(server, "plain", embedding_model="vec")
    plain.add(LEAKS)
    found = plain.search("leak cellar water")
    assert found["rerank_model"] is None, "it matches words, and fails a test of questions that share none"
    assert plain.search("leak cellar water", rerank=True)["rerank_model"] == "ranker"
    answered = ok(server.http.post(f"{plain.path}/answer", json={"question": "leak?", "rerank": True, "max_tokens": 2}))
    assert answered["rerank_model"] == "ranker"


def test_a_ranking_model_that_is_not_there(server: Live, base: Base) -> None:
    other = Base.made(server, "unranked", rerank_model="nowhere", embedding_model="vec")
    other.add(LEAKS)
    [note] = other.search("cellar")["notes"]
    assert "nowhere" in note
    asked = server.http.post(f"{other.path}/search", json={"query": "cellar", "rerank": True})
    assert asked.status_code == 404 and "nowhere" in error_of(asked)["message"]
    named = other.search("cellar leak", rerank=True, rerank_model="ranker")
    assert named["data"][0]["document"] == "b.txt" and named["data"][0]["scores"]["rerank"] is not None


def test_a_cross_encoder(server: Live, base: Base) -> None:
    path = make_tiny(server.home.parent / "cross", labels=1)
    body = {"model_type": "rerank", "model_engine": "sentence_transformers", "model_path": str(path)}
    server.launched("cross", **body, model_name="cross")
    found = base.search("leak cellar water", rerank=True, rerank_model="cross")["data"]
    query = {"model": "cross", "query": "leak cellar water", "documents": [hit["text"] for hit in found]}
    ranked = ok(server.http.post("/v1/rerank", json=query))["results"]
    scores = {each["index"]: each["relevance_score"] for each in ranked}
    assert [hit["scores"]["rerank"] for hit in found] == pytest.approx([scores[n] for n in range(len(found))], abs=1e-5)
    assert sorted(scores.values(), reverse=True) == pytest.approx([scores[n] for n in range(len(found))], abs=1e-5)
    long = Base.made(server, "long", embedding_model="vec", chunking={"size": 4000})
    long.add({"long.txt": b"a leak in the cellar, said once more. " * 80, "short.txt": b"a leak"})
    assert len(long.search("leak", rerank=True, rerank_model="cross")["data"]) == 2
    ok(server.http.delete("/v1/models/cross"))


def test_chunks_longer_than_the_model_reads_are_indexed_whole(server: Live) -> None:
    body = {"model_type": "embedding", "model_engine": "sentence_transformers", "model_path": str(minilm())}
    server.launched("minilm", **body, model_name="minilm")
    base = Base.made(server, "长", embedding_model="minilm")
    pump = "本手册说明水泵的安装、维护与检修，操作人员应当先断开电源，再打开阀门排空管路。" * 40
    assert base.add({"水泵.txt": pump.encode(), "short.txt": b"The cat sleeps on the sofa."})["done"] == 2
    found = base.search("水泵的安装与检修" * 60, mode="vector")["data"]
    assert found[0]["document"] == "水泵.txt" and found[0]["scores"]["similarity"] > 0.5
    ok(server.http.delete("/v1/models/minilm"))


def test_who_leaves_stops_the_model_and_what_was_said_is_kept(server: Live, base: Base) -> None:
    body = {"question": "cellar?", "model": "slow", "stream": True, "conversation": "new"}
    heard = 0
    with server.http.stream("POST", f"{base.path}/answer", json=body) as answer:
        for line in answer.iter_lines():
            heard += '"type":"token"' in line
            if heard == 5:
                break
    [talk] = ok(server.http.get("/v1/chats"))["data"]

    def kept() -> Json | None:
        [message] = pairs(ok(server.http.get(f"/v1/chats/{talk['id']}/messages"))["data"])
        return message if message["state"] == "stopped" else None

    message = wait_for(kept)
    assert message["question"] == "cellar?" and message["answer"] and message["citations"] == []
    assert len(message["answer"]) < 2000
    wait_for(lambda: server.replicas("slow")[0]["in_flight"] == 0)


def test_who_leaves_a_base_that_chats_stops_the_model(server: Live, base: Base) -> None:
    body = {"messages": [{"role": "user", "content": "cellar?"}], "stream": True, "model": "slow"}
    wait_for(lambda: server.replicas("slow")[0]["in_flight"] == 0)
    with server.http.stream(
        "POST", "/v1/chat/completions", json={**body, "knowledge": {"bases": [base.name]}}
    ) as answer:
        lines = answer.iter_lines()  # kept: an iterator that goes away closes the answer
        while '"content":"' not in (line := next(lines)) or '"content":""' in line:
            pass
        assert server.replicas("slow")[0]["in_flight"] == 1
    wait_for(lambda: server.replicas("slow")[0]["in_flight"] == 0)
