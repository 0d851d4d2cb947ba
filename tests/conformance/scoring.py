"""Probes of `/tokenize`, `/detokenize`, `/v1/score`, `/v2/rerank`, `/pooling`, `/classify` and `/v1/moderations`."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.conformance.feature import QUESTION, Subject, feature
from tests.conformance.vectors import CLOSE, DOCUMENTS, EMBEDDINGS, RERANK, embed, rank

TOKENS = "Tokens"
CLASSIFIERS = "Classifiers"
TEXT = "Hello wörld, 杭州 🙂"
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}


def refused(subject: Subject, path: str, **body: object) -> str:
    """The parameter that a 400 names."""
    answer = subject.http.post(path, json={"model": subject.model, **body})
    assert answer.status_code == 400, (body, answer.text[:300])
    return str(answer.json()["error"]["param"]).partition("[")[0]


@feature(TOKENS, "`/tokenize` and `/detokenize` of a text")
def there_and_back(subject: Subject) -> None:
    made = subject.post("/tokenize", prompt=TEXT)
    assert made["count"] == len(made["tokens"]) > 3 and made["max_model_len"] > 512 and made["token_strs"] is None
    bare = subject.post("/tokenize", prompt=TEXT, add_special_tokens=False)["tokens"]
    assert subject.post("/detokenize", tokens=bare)["prompt"] == TEXT
    assert subject.post("/tokenize", prompt="")["count"] <= 1
    assert subject.post("/detokenize", tokens=[])["prompt"] == ""


@feature(TOKENS, "`return_token_strs`")
def named(subject: Subject) -> None:
    made = subject.post("/tokenize", prompt="Hello you", add_special_tokens=False, return_token_strs=True)
    assert len(made["token_strs"]) == made["count"]
    assert "".join(made["token_strs"]).replace("\u0120", " ") == "Hello you"


@feature(TOKENS, "`/tokenize` of a conversation counts what a chat counts")
def conversations(subject: Subject) -> None:
    made = subject.post("/tokenize", messages=QUESTION)
    if subject.engine != "fake":
        usage = subject.chat(max_tokens=1).usage
        assert usage is not None and made["count"] == usage.prompt_tokens
        without = subject.post("/tokenize", messages=QUESTION, add_generation_prompt=False)
        assert without["tokens"] == made["tokens"][: without["count"]] and without["count"] < made["count"]
        more = subject.post("/tokenize", messages=QUESTION, tools=[TOOL])
        assert more["count"] > made["count"]


@feature(TOKENS, "what is wrong is a 400 that names it")
def wrong_tokens(subject: Subject) -> None:
    assert refused(subject, "/tokenize") == "prompt"
    assert refused(subject, "/tokenize", prompt="a", messages=QUESTION) == "messages"
    assert refused(subject, "/tokenize", prompt=5) == "prompt"
    assert refused(subject, "/tokenize", messages=[]) == "messages"
    assert refused(subject, "/tokenize", messages=[{"role": "banana"}]).startswith("messages")
    assert refused(subject, "/tokenize", prompt="a", chat_template="{{ messages }}") == "chat_template"
    assert refused(subject, "/detokenize", tokens="a") == "tokens"
    assert refused(subject, "/detokenize", tokens=[-1]) == "tokens"
    if subject.engine != "fake":
        assert refused(subject, "/detokenize", tokens=[5, 2_000_000]) == "tokens"


@feature(EMBEDDINGS, "`/tokenize` and `/detokenize`")
def encoder_tokens(subject: Subject) -> None:
    made = subject.post("/tokenize", prompt="tea for two", return_token_strs=True)
    assert made["count"] == len(made["tokens"]) == len(made["token_strs"]) > 0
    bare = subject.post("/tokenize", prompt="tea for two", add_special_tokens=False)["tokens"]
    if subject.engine != "fake":
        assert made["count"] == subject.post("/v1/embeddings", input="tea for two")["usage"]["prompt_tokens"]
        assert made["tokens"][1:-1] == bare
    text = subject.post("/detokenize", tokens=bare)["prompt"]
    assert text.replace(" ", "") == "teafortwo"  # the vocabulary of one model is letters


@feature(EMBEDDINGS, "`/v1/score`: the cosine of vectors")
def cosines(subject: Subject) -> None:
    one, *others = embed(subject, ["tea", "tea", "a lake"])
    made = subject.post("/v1/score", text_1="tea", text_2=["tea", "a lake"])
    expected = [sum(map(float.__mul__, one, each)) for each in others]
    assert [each["score"] for each in made["data"]] == pytest.approx(expected, abs=CLOSE)
    assert made["data"][0]["score"] == pytest.approx(1, abs=CLOSE) and made["usage"]["prompt_tokens"] > 0


@feature(EMBEDDINGS, "`/pooling`")
def pooled(subject: Subject) -> None:
    made = subject.post("/pooling", input=["tea", "a lake"])
    assert [(each["index"], each["object"]) for each in made["data"]] == [(0, "pooling"), (1, "pooling")]
    assert made["data"][1]["data"] == pytest.approx(embed(subject, ["tea", "a lake"])[1], abs=CLOSE)
    assert subject.post("/pooling", input="tea", task="embed", encoding_format="base64")["data"][0]["data"]
    assert refused(subject, "/pooling", input="tea", task="token_embed") == "task"
    assert refused(subject, "/pooling", input=[]) == "input"


@feature(RERANK, "`/v1/score`: one text and many, and pairs of texts")
def scores(subject: Subject) -> None:
    by_index = {each["index"]: each["relevance_score"] for each in rank(subject)}
    made = subject.post("/v1/score", text_1="the lake", text_2=DOCUMENTS)
    assert [each["score"] for each in made["data"]] == pytest.approx([by_index[each] for each in range(3)], abs=CLOSE)
    pairs = subject.post("/score", text_1=["the lake"] * 3, text_2=DOCUMENTS)["data"]
    assert [each["score"] for each in pairs] == pytest.approx([each["score"] for each in made["data"]], abs=CLOSE)
    assert [each["index"] for each in pairs] == [0, 1, 2]


@feature(RERANK, "`/v2/rerank`, Cohere's form")
def cohere(subject: Subject) -> None:
    objects = [{"title": "a", "text": each} for each in DOCUMENTS]
    made = subject.post("/v2/rerank", query="the lake", documents=objects, top_n=2, return_documents=True)
    plain = rank(subject)[:2]
    assert [each["index"] for each in made["results"]] == [each["index"] for each in plain]
    assert [each["document"] for each in made["results"]] == [objects[each["index"]] for each in made["results"]]
    assert made["id"] and made["meta"]["api_version"]["version"] == "2"
    bare = subject.post("/v2/rerank", query="the lake", documents=DOCUMENTS)["results"]
    assert all(set(each) == {"index", "relevance_score"} for each in bare)


@feature(CLASSIFIERS, "`/classify`: the probability of each label")
def classes(subject: Subject) -> None:
    made = subject.post("/classify", input=["tea", "an insult"])
    for index, each in enumerate(made["data"]):
        assert (each["index"], each["num_classes"]) == (index, 3) and sum(each["probs"]) == pytest.approx(1, abs=1e-3)
        assert each["scores"][each["label"]] == max(each["probs"])
    assert made["usage"]["prompt_tokens"] > 0
    for given in ([], "", ["a", ""]):
        if subject.engine != "fake":
            assert refused(subject, "/classify", input=given) == "input"


@feature(CLASSIFIERS, "`/v1/moderations`, by the official client")
def moderations(subject: Subject) -> None:
    made = subject.client.moderations.create(model=subject.model, input=["tea", "an insult"])
    assert made.model == subject.model and len(made.results) == 2
    for each in made.results:
        scores: dict[str, Any] = each.category_scores.model_dump(exclude_unset=True)
        true = {label for label, value in each.categories.model_dump(exclude_unset=True).items() if value}
        assert set(scores) == {"neutral", "insult", "threat"} and math.isclose(sum(scores.values()), 1, abs_tol=1e-3)
        assert true == {max(scores, key=lambda label: scores[label])}
        assert each.flagged == (true != {"neutral"})
