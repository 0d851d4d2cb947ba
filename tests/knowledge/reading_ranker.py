"""A rerank model elsewhere that passes the reading test, so that it ranks where none is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from modelyard.knowledge.indexing.probes import reading_test
from tests.knowledge.web_server import Reply, WebRequest, web
from tests.live import Live
from tests.processes import wait_for

ANSWERS = {(item.question, item.passage) for item in reading_test()}
BEST, OTHER = 0.9, 0.3


@contextmanager
def reading_ranker(server: Live, base: str, *best: str) -> Iterator[None]:
    """Run `reader`, which finds texts with any of `best` the best ones, until it ranks the searches of a base."""

    def rank(request: WebRequest) -> Reply:
        body: Any = request.json
        good = [(body["query"], text) in ANSWERS or any(each in text for each in best) for text in body["documents"]]
        rows = [{"index": at, "relevance_score": BEST if is_good else OTHER} for at, is_good in enumerate(good)]
        return Reply.of({"id": "r", "model": "reader", "results": rows})

    def ranks() -> bool:
        answer = server.http.post(f"/v1/knowledge_bases/{base}/search", json={"query": " ".join(best)})
        return bool(answer.raise_for_status().json()["rerank_model"] == "reader")

    with web() as elsewhere:
        elsewhere.pages["/v1/rerank"] = rank
        server.launched("reader", model_type="rerank", model_engine="external", base_url=f"{elsewhere.url}/v1")
        try:
            wait_for(ranks)
            yield
        finally:
            server.http.delete("/v1/models/reader").raise_for_status()
