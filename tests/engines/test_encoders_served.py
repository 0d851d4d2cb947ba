"""Vectors and ranking by sentence-transformers through a real server, as the clients people have ask for them."""

from __future__ import annotations

import base64
import os
import signal
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
from xinference_client import RESTfulClient

from tests.encoder_models import bare_classes, bare_scores, bare_vectors, make_tiny, minilm
from tests.engine_server import EngineServer
from tests.engines.test_sentence_transformers import DOCUMENTS, MIXED, cosine, same
from tests.live import Live, error_of
from tests.processes import wait_for

MINILM, RANKER = "embedding-sentence_transformers", "rerank-sentence_transformers"


@pytest.fixture(scope="module")
def server(engine_server: EngineServer) -> Live:
    """The shared server, on which both models run."""
    assert engine_server.model("embedding", "sentence_transformers") == MINILM
    assert engine_server.model("rerank", "sentence_transformers") == RANKER
    return engine_server.live


@pytest.fixture(scope="module")
def ranker(server: Live, engine_server: EngineServer) -> Path:
    """The folder of the reranker."""
    return engine_server.folder / "ranker"


@pytest.fixture(scope="module")
def bare() -> dict[str, Any]:
    return bare_vectors(minilm(), MIXED)


def test_the_engine_is_chosen_by_itself(server: Live) -> None:
    assert server.http.get(f"/v1/models/{MINILM}").json()["model_type"] == "embedding"
    assert server.http.get(f"/v1/models/{RANKER}").json()["model_type"] == "rerank"


def test_the_openai_client_gets_the_vectors_of_the_bare_library(server: Live, bare: dict[str, Any]) -> None:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
        answer = client.embeddings.create(model=MINILM, input=MIXED[:4] + MIXED[5:])
        expected = bare["vectors"][:4] + bare["vectors"][5:]
        assert same([each.embedding for each in answer.data], expected)
        assert answer.model == MINILM
        assert answer.usage.prompt_tokens == sum(bare["tokens"][:4] + bare["tokens"][5:])
        short = client.embeddings.create(model=MINILM, input="tea", dimensions=10, encoding_format="float")
        assert len(short.data[0].embedding) == 10
        with pytest.raises(openai.BadRequestError, match="dimensions"):
            client.embeddings.create(model=MINILM, input="tea", dimensions=4000)
        client.close()


def test_the_peers_client_gets_them_too(server: Live, bare: dict[str, Any]) -> None:
    client = RESTfulClient(server.url)
    vectors = client.get_model(MINILM).create_embedding(MIXED[:2])
    assert same([each["embedding"] for each in vectors["data"]], bare["vectors"][:2])


def test_the_peers_client_ranks(server: Live, ranker: Path) -> None:
    model = RESTfulClient(server.url).get_model(RANKER)
    answer = model.rerank(DOCUMENTS, "Where is the lake?", top_n=3, return_documents=True)
    expected = bare_scores(ranker, "Where is the lake?", DOCUMENTS)
    best = sorted(range(len(DOCUMENTS)), key=lambda index: -expected[index])[:3]
    assert [each["index"] for each in answer["results"]] == best
    assert [each["document"]["text"] for each in answer["results"]] == [DOCUMENTS[index] for index in best]
    assert [each["relevance_score"] for each in answer["results"]] == pytest.approx(
        [expected[index] for index in best], abs=1e-5
    )


def test_64_requests_at_once_through_the_gateway(server: Live) -> None:
    def ask(number: int) -> list[float]:
        body = {"model": MINILM, "input": f"number {number}", "encoding_format": "base64"}
        packed = server.http.post("/v1/embeddings", json=body).json()["data"][0]["embedding"]
        return list(struct.unpack("<384f", base64.b64decode(packed)))

    with ThreadPoolExecutor(64) as clients:
        found = list(clients.map(ask, range(64)))
    assert same(found, bare_vectors(minilm(), [f"number {number}" for number in range(64)])["vectors"])


def test_what_the_model_cannot_do_is_a_400_that_says_so(server: Live) -> None:
    long = server.http.post("/v1/embeddings", json={"model": MINILM, "input": "tea " * 300})
    assert long.status_code == 400
    assert error_of(long)["param"] == "input[0]"
    chunks = server.http.post(
        "/v1/rerank", json={"model": RANKER, "query": "a", "documents": ["b"], "max_chunks_per_doc": 2}
    )
    assert chunks.status_code == 400
    assert error_of(chunks)["param"] == "max_chunks_per_doc"
    chat = server.chat(MINILM)
    assert chat.status_code == 400
    assert error_of(chat)["code"] == "unsupported_task"


def test_a_replica_that_is_killed_comes_back_with_the_same_vectors(server: Live) -> None:
    body = {"model": MINILM, "input": "tea"}
    before = server.http.post("/v1/embeddings", json=body).json()["data"][0]["embedding"]
    (replica,) = server.replicas(MINILM)
    os.kill(replica["pid"], signal.SIGKILL)

    def look() -> bool:
        found = server.replicas(MINILM)
        return len(found) == 1 and found[0]["status"] == "READY" and found[0]["pid"] != replica["pid"]

    wait_for(look, seconds=100)
    after = server.http.post("/v1/embeddings", json=body).json()["data"][0]["embedding"]
    assert cosine(before, after) > 0.99999


def test_a_vector_store_finds_by_meaning_and_is_reranked(server: Live) -> None:
    texts = {
        "tea.txt": b"Green tea is a hot drink made of leaves.",
        "bridge.txt": b"The bridge was closed for repairs.",
    }
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
        store = client.vector_stores.create(name="meanings", extra_body={"embedding_model": MINILM})
        batch = client.vector_stores.file_batches.upload_and_poll(store.id, files=list(texts.items()))
        assert (batch.status, batch.file_counts.completed) == ("completed", 2)
        for ranking in ("none", RANKER):
            options: Any = {"ranker": ranking}
            found = client.vector_stores.search(store.id, query="a beverage one sips", ranking_options=options).data
            assert {hit.filename for hit in found} == set(texts) and found[0].score >= found[1].score
            if ranking == "none":
                assert found[0].filename == "tea.txt"
        assert client.vector_stores.delete(store.id).deleted


def test_a_classifier_gives_the_probabilities_of_the_bare_library(server: Live, engine_server: EngineServer) -> None:
    model = engine_server.model("classifier", "sentence_transformers")
    texts = ["tea", "a lake in the hills", "杭州"]
    found = server.http.post("/classify", json={"model": model, "input": texts}).json()["data"]
    expected = bare_classes(engine_server.folder / "classifier", texts)
    assert [each["probs"] for each in found] == [pytest.approx(row, abs=1e-4) for row in expected]
    assert server.http.get(f"/v1/models/{model}").json()["model_ability"] == ["classify"]
    refused = server.http.post("/v1/rerank", json={"model": model, "query": "a", "documents": ["b"]})
    assert (refused.status_code, error_of(refused)["code"]) == (400, "unsupported_task")


def test_moderation_without_a_model_is_by_the_classifier_that_runs(server: Live, engine_server: EngineServer) -> None:
    path = make_tiny(
        engine_server.folder / "several", names=["fine", "spam"], heads=2, problem="multi_label_classification"
    )
    model = engine_server.model("classifier", "sentence_transformers")
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
        assert client.moderations.create(input="tea").model == model
        server.launched("several", model_name="several", model_path=str(path), model_engine=None, safe_labels="fine")
        try:
            (made,) = client.moderations.create(input="tea", model="several").results
        finally:
            server.http.delete("/v1/models/several")
    scores = made.category_scores.model_dump(exclude_unset=True)
    [expected] = bare_classes(path, ["tea"], several=True)
    assert [scores["fine"], scores["spam"]] == pytest.approx(expected, abs=1e-4)
    true = {name for name, value in made.categories.model_dump(exclude_unset=True).items() if value}
    assert true == {name for name, score in scores.items() if score >= 0.5}
    assert made.flagged == ("spam" in true)
