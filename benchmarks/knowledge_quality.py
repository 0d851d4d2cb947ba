"""Retrieval quality on the bilingual set in `knowledge_set/`, with all-MiniLM-L6-v2: words, vectors, both; on a whole server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx
import msgspec
from tests.encoder_models import minilm

from benchmarks.servers import MODEL, environments, ours
from modelyard.knowledge.search.metrics import ndcg_at, recall_at, summary

SET = Path(__file__).parent / "knowledge_set"
MODES = ("lexical", "vector", "hybrid")
DEPTH = 10


class Row(msgspec.Struct, kw_only=True):
    """One kind of question, by each mode: recall@5 and nDCG@10."""

    kind: str
    questions: int
    recall: dict[str, float]
    ndcg: dict[str, float]


def lines(name: str) -> list[dict[str, object]]:
    """A file of the set."""
    return [json.loads(line) for line in (SET / name).read_text(encoding="utf-8").splitlines()]


def fill(http: httpx.Client) -> None:
    """Each passage is a document, so that what is found can be named."""
    http.post("/v1/knowledge_bases", json={"name": "set", "embedding_model": MODEL}).raise_for_status()
    passages = lines("passages.jsonl")
    jobs = []
    for first in range(0, len(passages), 50):
        files = [("files", (f"{each['id']}.txt", str(each["text"]).encode())) for each in passages[first : first + 50]]
        answer = http.post("/v1/knowledge_bases/set/documents", files=files)
        answer.raise_for_status()
        jobs.append(answer.json()["job"])
    for job in jobs:
        while (view := http.get(f"/v1/knowledge_bases/set/jobs/{job}").raise_for_status().json())["state"] == "running":
            time.sleep(0.1)
        assert view["failed"] == 0, view


def ranked(http: httpx.Client, mode: str, questions: Sequence[Mapping[str, object]]) -> dict[str, list[str]]:
    """What each question finds, best first."""
    found = {}
    for each in questions:
        body = {"query": each["text"], "mode": mode, "top_k": DEPTH}
        answer = http.post("/v1/knowledge_bases/set/search", json=body)
        answer.raise_for_status()
        found[str(each["id"])] = [hit["document"].removesuffix(".txt") for hit in answer.json()["data"]]
    return found


def measure_all() -> list[Row]:
    """Every kind, and all."""
    launch = {"model_type": "embedding", "model_path": str(minilm()), "model_engine": "sentence_transformers"}
    questions = [each for each in lines("questions.jsonl") if each["relevant"]]
    relevant = {str(each["id"]): each["relevant"] for each in questions}
    with ours(launch, environments()) as running, httpx.Client(base_url=running.url, timeout=120) as http:
        fill(http)
        print("probe:", http.get("/v1/knowledge_bases/set").raise_for_status().json()["probe"], flush=True)
        runs = {mode: ranked(http, mode, questions) for mode in MODES}
    recall = {mode: recall_at(run, relevant, 5) for mode, run in runs.items()}  # type: ignore[arg-type]
    ndcg = {mode: ndcg_at(run, relevant, 10) for mode, run in runs.items()}  # type: ignore[arg-type]

    def rows() -> Iterator[Row]:
        kinds = sorted({str(each["kind"]) for each in questions})
        for kind in [*kinds, "all"]:
            ids = [str(each["id"]) for each in questions if kind in ("all", each["kind"])]
            yield Row(
                kind=kind,
                questions=len(ids),
                recall={mode: sum(recall[mode][i] for i in ids) / len(ids) for mode in MODES},
                ndcg={mode: sum(ndcg[mode][i] for i in ids) / len(ids) for mode in MODES},
            )

    for mode, run in runs.items():
        print(mode, {name: round(value, 3) for name, value in summary(run, relevant).items()}, flush=True)  # type: ignore[arg-type]
    return list(rows())


def table(rows: list[Row]) -> str:
    """Markdown: recall@5 / nDCG@10."""
    made = ["| questions | n | words | vectors | both |", "|---|--:|--:|--:|--:|"]
    for each in rows:
        cells = " | ".join(f"{each.recall[mode]:.3f} / {each.ndcg[mode]:.3f}" for mode in MODES)
        made.append(f"| {each.kind} | {each.questions} | {cells} |")
    return "\n".join(made)


if __name__ == "__main__":
    print(table(measure_all()))
