"""Probes of `/v1/embeddings` and `/v1/rerank`."""

from __future__ import annotations

import base64
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


@feature(EMBEDDINGS, "a text that is too long is a 400", "input")
def too_long(subject: Subject) -> None:
    if subject.engine == "fake":
        return
    answer = subject.http.post("/v1/embeddings", json={"model": subject.model, "input": "tea " * 5000})
    assert answer.status_code == 400, answer.text


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
