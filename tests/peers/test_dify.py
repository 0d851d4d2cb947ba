"""The requests that Dify's Xinference plugin makes, in its order and with its libraries: describe, then ask."""

from __future__ import annotations

from typing import Any

import requests
from openai import OpenAI
from xinference_client import RESTfulClient
from xinference_client.client.restful.restful_client import RESTfulEmbeddingModelHandle

from tests.live import Live
from tests.peers.conftest import CHAT, RANKER, VECTORS


def described(server: Live, uid: str) -> dict[str, Any]:
    answer = requests.get(f"{server.url}/v1/models/{uid}", headers={"Authorization": "Bearer any"}, timeout=10)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def test_language_model(server: Live) -> None:
    model = described(server, CHAT)
    assert "chat" in model["model_ability"]
    assert model["model_format"] == "ggufv2"
    assert isinstance(model["context_length"], int) and isinstance(model["max_tokens"], int)
    with OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=3, timeout=60) as client:
        chunks = client.chat.completions.create(
            model=CHAT,
            messages=[{"role": "user", "content": "ping"}],
            stream=True,
            user="abc-123",
            temperature=0.01,
            max_tokens=8,
            stop=["\n\n\n"],
        )
        assert any(chunk.choices and chunk.choices[0].delta.content for chunk in chunks)
        assert client.completions.create(model=CHAT, prompt="ping", max_tokens=4).choices[0].text is not None


def test_embedding_model(server: Live) -> None:
    assert described(server, VECTORS)["model_type"] == "embedding"
    client = RESTfulClient(server.url, api_key="any")
    handle = client.get_model(VECTORS)
    assert isinstance(handle, RESTfulEmbeddingModelHandle)
    answer = handle.create_embedding(input=["ping"])
    assert [each["index"] for each in answer["data"]] == [0]
    assert answer["usage"]["total_tokens"] >= 1
    handle.close()
    client.close()


def test_rerank_model(server: Live) -> None:
    assert described(server, RANKER)["model_type"] == "rerank"
    body: dict[str, Any] = {
        "model": RANKER,
        "query": "天气",
        "documents": ["晴", "rain"],
        "top_n": 2,
        "return_documents": True,
    }
    answer = requests.post(f"{server.url}/v1/rerank", json=body, timeout=60)
    assert answer.status_code == 200
    for result in answer.json()["results"]:
        assert result["document"]["text"] == body["documents"][result["index"]]
        assert isinstance(result["relevance_score"], float)


def test_a_model_that_is_not_there(server: Live) -> None:
    answer = requests.get(f"{server.url}/v1/models/none", timeout=10)
    assert answer.status_code == 404
    assert "none" in answer.json()["detail"]
