"""Retrieval quality on two bilingual sets, with several embedding models and in every mode; on a whole server.

`knowledge_set` is the set that constants were fitted on; `knowledge_files` was written later. The models: none; `blind`, whose
vectors depend on the text alone, so that it reads neither language; all-MiniLM-L6-v2, which reads English; and a stand-in whose
vectors are made from the judgments (`stand_in.py`), for a model that reads both.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import msgspec
from tests.encoder_models import minilm

from benchmarks.knowledge_files import documents, texts
from benchmarks.servers import MODEL, environments, ours
from benchmarks.stand_in import StandIn, served
from modelyard.knowledge.answering.answer import SOURCES
from modelyard.knowledge.answering.evidence import evidence
from modelyard.knowledge.search.fusion import RELEVANT
from modelyard.knowledge.search.judgments import JudgedQuestion, fold, grade_of, grades, parse_line, ranking
from modelyard.knowledge.search.metrics import ndcg_at, recall_at
from modelyard.knowledge.search.search import Mode
from modelyard.protocol.hits import Hit

HERE = Path(__file__).parent
MODES = ("lexical", "vector", "hybrid")
MODELS = ("none", "blind", "MiniLM", "stand-in")
DEPTH = 10
Hits = list[dict[str, Any]]


class JudgedSet(msgspec.Struct):
    """Files, and questions with what answers them."""

    name: str
    files: dict[str, bytes]
    texts: dict[str, str]
    """File → what it says."""
    questions: list[JudgedQuestion]
    languages: dict[str, str]
    """Question → `en` or `zh`."""
    kinds: dict[str, str]

    @property
    def answers(self) -> dict[str, list[str]]:
        """Question → parts of the texts that answer it."""
        parts = {}
        for each in self.questions:
            found = [judgment.text or self.files[judgment.document or ""].decode() for judgment in each.relevant]
            parts[each.text] = found
        return parts


class Row(msgspec.Struct, kw_only=True):
    """One set, language, model and mode."""

    set: str
    language: str
    model: str
    mode: str
    questions: int
    recall: float
    """recall@5."""
    ndcg: float
    """nDCG@10."""
    accuracy: float
    """Balanced accuracy of `RELEVANT` as a threshold between relevant and other hits."""
    refused: float
    """Share of the answerable questions without evidence."""
    refused_rightly: float
    """Share of the unanswerable ones without evidence."""
    pages: float | None
    """Share of the relevant hits with a judged page that name it."""


def passages() -> JudgedSet:
    """The first set: each passage is a document, so that what is found can be named."""
    each_passage = _lines(HERE / "knowledge_set" / "passages.jsonl")
    questions = _lines(HERE / "knowledge_set" / "questions.jsonl")
    files = {f"{each['id']}.txt": str(each["text"]).encode() for each in each_passage}
    for each in questions:
        each["question"] = each["text"]
        each["relevant"] = {f"{name}.txt": grade for name, grade in each["relevant"].items()}
    return _judged("passages", files, {name: data.decode() for name, data in files.items()}, questions)


def real_files() -> JudgedSet:
    """The second set."""
    return _judged("files", documents(), texts(), _lines(HERE / "knowledge_files" / "questions.jsonl"))


def _judged(name: str, files: dict[str, bytes], contents: dict[str, str], lines: list[dict[str, Any]]) -> JudgedSet:
    questions = [parse_line(json.dumps(each), "") for each in lines]
    return JudgedSet(
        name,
        files,
        contents,
        questions,
        {str(each["id"]): each["language"] for each in lines},
        {str(each["id"]): each["kind"] for each in lines},
    )


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def fill(http: httpx.Client, base: str, files: Mapping[str, bytes], model: str | None) -> dict[str, Any]:
    """Make a base of files, and return its description."""
    http.post("/v1/knowledge_bases", json={"name": base, "embedding_model": model}).raise_for_status()
    names = list(files)
    for first in range(0, len(names), 50):
        parts = [("files", (name, files[name])) for name in names[first : first + 50]]
        job = http.post(f"/v1/knowledge_bases/{base}/documents", files=parts).raise_for_status().json()["job"]
        while (view := http.get(f"/v1/knowledge_bases/{base}/jobs/{job}").raise_for_status().json())[
            "state"
        ] == "running":
            time.sleep(0.1)
        assert view["failed"] == 0, view
    found: dict[str, Any] = http.get(f"/v1/knowledge_bases/{base}").raise_for_status().json()
    return found


def search(http: httpx.Client, base: str, mode: str, questions: Sequence[JudgedQuestion]) -> dict[str, Hits]:
    """What each question finds, best first."""
    found = {}
    for each in questions:
        body = {"query": each.text, "mode": mode, "top_k": DEPTH}
        found[each.id] = http.post(f"/v1/knowledge_bases/{base}/search", json=body).raise_for_status().json()["data"]
    return found


def rows(judged: JudgedSet, model: str, mode: str, found: Mapping[str, Hits]) -> Iterator[Row]:
    """The figures of one run, by language."""
    for language in ("en", "zh"):
        questions = [each for each in judged.questions if judged.languages[each.id] == language]
        answerable = [each for each in questions if each.relevant]
        unanswerable = [each for each in questions if not each.relevant]
        runs = {each.id: ranking(each, found[each.id]) for each in answerable}
        relevant = {each.id: grades(each) for each in answerable}
        recall, ndcg = recall_at(runs, relevant, 5), ndcg_at(runs, relevant, 10)
        yield Row(
            set=judged.name,
            language=language,
            model=model,
            mode=mode,
            questions=len(questions),
            recall=_mean(recall.values()),
            ndcg=_mean(ndcg.values()),
            accuracy=_balanced_accuracy(questions, found),
            refused=_mean(not evidence(as_hits(found[each.id]), each.text, Mode(mode)) for each in answerable),
            refused_rightly=_mean(
                not evidence(as_hits(found[each.id]), each.text, Mode(mode)) for each in unanswerable
            ),
            pages=_right_pages(answerable, found),
        )


def _mean(values: Any) -> float:
    each = [float(value) for value in values]
    return sum(each) / len(each) if each else 0.0


def as_hits(bodies: Hits) -> list[Hit]:
    """What an answer would be made of."""
    return msgspec.convert(bodies[:SOURCES], list[Hit])


def _balanced_accuracy(questions: Sequence[JudgedQuestion], found: Mapping[str, Hits]) -> float:
    """The mean of the shares of relevant hits at and above `RELEVANT`, and of other hits below it."""
    above, below = [], []
    for each in questions:
        for hit in found[each.id]:
            if grade_of(each, hit):
                above.append(hit["score"] >= RELEVANT)
            else:
                below.append(hit["score"] < RELEVANT)
    return (_mean(above) + _mean(below)) / 2


def _right_pages(questions: Sequence[JudgedQuestion], found: Mapping[str, Hits]) -> float | None:
    """Of the hits with the judged text, the share that names the judged page."""
    right = []
    for each in questions:
        for judgment in each.relevant:
            for hit in found[each.id] if judgment.page is not None else ():
                if judgment.document == hit["document"] and judgment.text in fold(hit["text"]):
                    right.append(hit["page"] == judgment.page)
    return _mean(right) if right else None


def _measured(judged: JudgedSet, http: httpx.Client, model: str) -> Iterator[Row]:
    uid = {"none": None, "MiniLM": MODEL}.get(model, model)
    if model == "blind":
        body = {"model_uid": model, "model_name": model, "model_type": "embedding", "model_engine": "fake"}
        http.post("/v1/models", json=body).raise_for_status()
    with ExitStack() as stack:
        if model == "stand-in":
            url = stack.enter_context(served(StandIn(judged.answers, judged.texts)))
            body = {"model_uid": model, "model_name": model, "model_type": "embedding", "model_engine": "external"}
            http.post("/v1/models", json={**body, "base_url": url}).raise_for_status()
        info = fill(http, f"{judged.name}-{model}", judged.files, uid)
        print(judged.name, model, info["chunks"], "chunks", json.dumps(info["probe"]), flush=True)
        for mode in MODES if uid else ("lexical",):
            yield from rows(judged, model, mode, search(http, f"{judged.name}-{model}", mode, judged.questions))
        if uid and model != "MiniLM":
            http.delete(f"/v1/models/{model}").raise_for_status()


def measure_all(models: Sequence[str] = MODELS) -> list[Row]:
    """Every set, language, model and mode."""
    launch = {"model_type": "embedding", "model_path": str(minilm()), "model_engine": "sentence_transformers"}
    with ours(launch, environments()) as running, httpx.Client(base_url=running.url, timeout=120) as http:
        return [
            row for judged in (passages(), real_files()) for model in models for row in _measured(judged, http, model)
        ]


def table(found: Sequence[Row]) -> str:
    """Markdown: recall@5 / nDCG@10 by mode, and whether hybrid is worse than its better part."""
    lines = [
        "| set | language | model | words | vectors | hybrid | not worse | threshold | page | no evidence (wrong / right) |",
        "|---|---|---|--:|--:|--:|---|--:|--:|--:|",
    ]
    by_place: dict[tuple[str, str, str], dict[str, Row]] = {}
    for each in found:
        by_place.setdefault((each.set, each.language, each.model), {})[each.mode] = each
    for (name, language, model), modes in by_place.items():
        last = modes.get("hybrid", modes["lexical"])
        cells = [f"{modes[mode].recall:.3f} / {modes[mode].ndcg:.3f}" if mode in modes else "" for mode in MODES]
        worse = [
            what
            for what in ("recall", "ndcg")
            if getattr(last, what) < max(getattr(each, what) for each in modes.values())
        ]
        accuracy = " ".join(f"{modes[mode].accuracy:.2f}" for mode in MODES if mode in modes)
        page = "" if last.pages is None else f"{last.pages:.2f}"
        lines.append(
            f"| {name} | {language} | {model} | {' | '.join(cells)} | {', '.join(worse) or 'yes'} | {accuracy} | {page} "
            f"| {last.refused:.2f} / {last.refused_rightly:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(measure_all()))
