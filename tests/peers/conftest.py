"""One server with real models of three types, which clients of Xinference use unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import make_gguf
from tests.live import Live, live

CHAT, VECTORS, RANKER = "demo-chat", "vectors", "ranker"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Run a server with the demo chat model, an embedding model and a rerank model, all on llama.cpp."""
    folder = tmp_path_factory.mktemp("peers")
    with live(folder / "home") as server:
        server.launched(CHAT, model_name="modelyard-demo", model_engine="llama.cpp")
        launch_encoder(server, VECTORS, "embedding", make_gguf.embedding_model(folder / "vectors.gguf"))
        launch_encoder(server, RANKER, "rerank", make_gguf.rerank_model(folder / "ranker.gguf"))
        yield server


def launch_encoder(server: Live, uid: str, kind: str, path: Path) -> None:
    """Launch a model file by its path; the server chooses the engine."""
    answer = server.http.post("/v1/models", json={"model_name": str(path), "model_uid": uid, "model_type": kind})
    assert answer.status_code == 200, answer.text
