"""Probes of `/v1/embeddings` and `/v1/rerank`."""

from __future__ import annotations

import base64
import re
import struct

import pytest

from tests.conformance.feature import Subject, feature

EMBEDDINGS = "Embeddings"
RERANK = "Rerank"
TEXTS = ["tea", "a lake", "杭州"]
DOCUMENTS = ["the lake is deep", "tea", "a long way"]
CLOSE = 2e-2
"""Engines compute with 16 bits, and texts of one batch are padded."""


def embed(subject: Subject, given: object, **body: object) -> list[list[float]]:
    answer = subject.post("/v1/embeddings", input=given, **body)
    assert [each["index"] for each in answer["data"]] == list(range(len(answer["data"])))
    return [each["embedding"] for each in answer["data"]]


@feature(EMBEDDINGS, "a text or a list of them, by the official client")
def texts(subject: Subject) -> None:
    made = subject.client.embeddings.create(model=subject.model, input=TEXTS)
    assert made.model == subject.model and len(made.data) == 3 and made.usage.prompt_tokens > 0
    alone = subject.client.embeddings.create(model=subject.model, input=TEXTS[0]).data[0].embedding
    assert made.data[0].embedding == pytest.approx(alone, abs=CLOSE)
    assert sum(number * number for number in alone) == pytest.approx(1, abs=1e-2)
    assert made.data[0].embedding != made.data[1].embedding


@feature(EMBEDDINGS, "`encoding_format`")
def packed(subject: Subject) -> None:
    plain = embed(subject, "tea", encoding_format="float")[0]
    text = subject.post("/v1/embeddings", input="tea", encoding_format="base64")["data"][0]["embedding"]
    assert struct.unpack(f"<{len(plain)}f", base64.b64decode(text)) == pytest.approx(plain, abs=1e-3)


@feature(EMBEDDINGS, "`dimensions`", "dimensions")
def dimensions(subject: Subject) -> None:
    (short,) = embed(subject, "tea", dimensions=8)
    assert len(short) == 8 and sum(number * number for number in short) == pytest.approx(1, abs=1e-2)


@feature(EMBEDDINGS, "token ids, and lists of them", "input")
def ids(subject: Subject) -> None:
    one = embed(subject, [2, 7, 9, 3])
    assert len(one) == 1
    two = embed(subject, [[2, 7, 9, 3], [2, 8, 3]])
    assert len(two) == 2 and two[0] == pytest.approx(one[0], abs=CLOSE) and two[1] != two[0]


@feature(EMBEDDINGS, "a text that is too long is a 400 `context_length_exceeded`")
def too_long(subject: Subject) -> None:
    for given in ("tea " * 5000, ["tea", "tea " * 5000], [[7] * 5000]):
        is_too_long(subject, "/v1/embeddings", "input", {"input": given})


def is_too_long(subject: Subject, path: str, param: str, body: dict[str, object]) -> None:
    """OpenAI's code, and a sentence with how much the model reads."""
    if subject.engine == "fake":
        return
    answer = subject.http.post(path, json={"model": subject.model, **body})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (
        400,
        "context_length_exceeded",
        "invalid_request_error",
    ), error
    assert str(error["param"]).partition("[")[0] == param
    assert re.search(r"maximum context length is \d+ tokens, and the request has (at least )?\d+", error["message"])


@feature(EMBEDDINGS, "the shape of the answer; many texts, doubled ones, blanks")
def shape(subject: Subject) -> None:
    many = [f"text {number}" for number in range(20)] + ["text 0", " ", "🙂\n"]
    answer = subject.post("/v1/embeddings", input=many)
    assert answer["object"] == "list" and answer["model"] == subject.model
    assert [(each["object"], each["index"]) for each in answer["data"]] == [("embedding", i) for i in range(len(many))]
    assert answer["usage"]["prompt_tokens"] == answer["usage"]["total_tokens"] > 0
    vectors = [each["embedding"] for each in answer["data"]]
    assert vectors[20] == pytest.approx(vectors[0], abs=CLOSE) and vectors[1] != vectors[0]
    assert {len(vector) for vector in vectors} == {len(vectors[0])}
    for vector in vectors:
        assert sum(number * number for number in vector) == pytest.approx(1, abs=1e-2)


@feature(EMBEDDINGS, "no text at all, and an empty one, are a 400 that names them")
def empty(subject: Subject) -> None:
    if subject.engine == "fake":
        return
    nothing: list[object] = [[], "", ["tea", ""], [[]]]
    for given in nothing:
        answer = subject.http.post("/v1/embeddings", json={"model": subject.model, "input": given})
        assert answer.status_code == 400, (given, answer.text[:200])
        assert str(answer.json()["error"]["param"]).partition("[")[0] == "input", (given, answer.text)


@feature(EMBEDDINGS, "`dimensions` 1, and all of them", "dimensions")
def extremes(subject: Subject) -> None:
    (whole,) = embed(subject, "tea")
    assert embed(subject, "tea", dimensions=len(whole))[0] == pytest.approx(whole, abs=CLOSE)
    ((one,),) = embed(subject, "tea", dimensions=1)
    assert abs(one) == pytest.approx(1, abs=1e-3)
    for wrong in (0, len(whole) + 1):
        answer = subject.http.post("/v1/embeddings", json={"model": subject.model, "input": "a", "dimensions": wrong})
        assert answer.status_code == 400 and answer.json()["error"]["param"] == "dimensions", answer.text


def rank(subject: Subject, **body: object) -> list[dict[str, object]]:
    made = subject.post("/v1/rerank", query="the lake", **{"documents": DOCUMENTS, **body})
    found: list[dict[str, object]] = made["results"]
    return found


@feature(RERANK, "best first, scores between 0 and 1")
def ranked(subject: Subject) -> None:
    found = rank(subject)
    assert {each["index"] for each in found} == {0, 1, 2}
    scores = [float(str(each["relevance_score"])) for each in found]
    assert scores == sorted(scores, reverse=True) and all(0 <= score <= 1 for score in scores)


@feature(RERANK, "`top_n`")
def top_n(subject: Subject) -> None:
    assert [each["index"] for each in rank(subject, top_n=2)] == [each["index"] for each in rank(subject)][:2]


@feature(RERANK, "`return_documents`, and documents as objects", "return_documents", "documents")
def documents(subject: Subject) -> None:
    for given in (DOCUMENTS, [{"text": text} for text in DOCUMENTS]):
        for each in rank(subject, documents=given, return_documents=True):
            assert each["document"]["text"] == DOCUMENTS[int(str(each["index"]))]  # type: ignore[index]


@feature(RERANK, "`max_chunks_per_doc`", "max_chunks_per_doc")
def chunks(subject: Subject) -> None:
    rank(subject, max_chunks_per_doc=2)
    raise AssertionError("nobody is known to do this, so it must be refused")


@feature(RERANK, "the shape of the answer; one document, doubled ones")
def rerank_shape(subject: Subject) -> None:
    answer = subject.post("/v1/rerank", query="the lake", documents=["tea", "a lake", "tea"])
    assert isinstance(answer["id"], str) and answer["id"] and answer["model"] == subject.model
    assert all({"index", "relevance_score"} <= set(each) for each in answer["results"])
    scores = {each["index"]: each["relevance_score"] for each in answer["results"]}
    assert scores[0] == pytest.approx(scores[2], abs=CLOSE)
    (alone,) = subject.post("/v1/rerank", query="the lake", documents=["tea"])["results"]
    assert alone["index"] == 0 and alone["relevance_score"] == pytest.approx(scores[0], abs=CLOSE)
    if subject.engine != "fake":
        assert answer["usage"]["total_tokens"] > 0
        assert answer["meta"]["tokens"]["input_tokens"] == answer["usage"]["prompt_tokens"] > 0


@feature(RERANK, "`top_n` 1, more than there are, and 0, which is a 400", "top_n")
def top_n_extremes(subject: Subject) -> None:
    best = [each["index"] for each in rank(subject)]
    assert [each["index"] for each in rank(subject, top_n=1)] == best[:1]
    assert [each["index"] for each in rank(subject, top_n=99)] == best
    answer = subject.http.post(
        "/v1/rerank", json={"model": subject.model, "query": "q", "documents": ["a"], "top_n": 0}
    )
    assert answer.status_code == 400 and answer.json()["error"]["param"] == "top_n"


@feature(RERANK, "no documents, and no query, are a 400 that names them")
def rerank_empty(subject: Subject) -> None:
    if subject.engine == "fake":
        return
    wrong: dict[str, dict[str, object]] = {"documents": {"documents": []}, "query": {"query": ""}}
    for param, change in wrong.items():
        given = {"query": "q", "documents": ["a"], **change}
        answer = subject.http.post("/v1/rerank", json={"model": subject.model, **given})
        assert answer.status_code == 400, (given, answer.text)
        assert answer.json()["error"]["param"] == param, answer.text


@feature(RERANK, "a document that is too long is a 400 `context_length_exceeded`")
def rerank_too_long(subject: Subject) -> None:
    is_too_long(subject, "/v1/rerank", "documents", {"query": "q", "documents": ["a", "tea " * 5000]})
