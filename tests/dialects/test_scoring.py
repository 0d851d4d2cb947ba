"""vLLM's and Cohere's paths and moderations on the fake engine: shapes, bad input, keys, and models that cannot."""

from __future__ import annotations

import re
from typing import Any

import pytest
from openai import OpenAI

from modelyard.core.errors import InvalidParameter
from modelyard.dialects.scoring.moderations import harmless_of, inputs, moderation
from modelyard.dialects.scoring.scores import cosine, text_of
from modelyard.protocol.tokens import TextClass
from tests.dialects.conftest import Served, key
from tests.dialects.scripts import Json
from tests.live import Live

DOCUMENTS = ["the lake is deep", "tea", "a long way"]


@pytest.fixture
def ranking(served: Served) -> Served:
    """The server, whose model `ranker` ranks and classifies."""
    return served


def post(served: Served, path: str, **body: Any) -> Json:
    answer = served.live.http.post(path, json=body)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def test_scores_have_the_form_of_vllm(ranking: Served) -> None:
    made = post(ranking, "/v1/score", model="ranker", text_1="the lake", text_2=DOCUMENTS)
    assert re.fullmatch(r"score-[0-9a-f]{32}", made["id"]) and made["object"] == "list" and made["model"] == "ranker"
    assert made["data"] == [
        {"index": 0, "object": "score", "score": 1.0},
        {"index": 1, "object": "score", "score": 0.0},
        {"index": 2, "object": "score", "score": 0.0},
    ]
    assert set(made["usage"]) == {"prompt_tokens", "total_tokens", "completion_tokens"}
    for names in ({"queries": "the lake", "documents": DOCUMENTS}, {"queries": "the lake", "items": DOCUMENTS}):
        assert post(ranking, "/score", model="ranker", **names)["data"] == made["data"]
    pairs = post(ranking, "/v1/score", model="ranker", text_1=["tea", "lake"], text_2=["tea", "tea"])
    assert [each["score"] for each in pairs["data"]] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/score", {"text_2": "a"}, "text_1"),
        ("/v1/score", {"text_1": "a"}, "text_2"),
        ("/v1/score", {"text_1": [], "text_2": "a"}, "text_1"),
        ("/v1/score", {"text_1": "", "text_2": "a"}, "text_1"),
        ("/v1/score", {"text_1": "a", "text_2": ["b", ""]}, "text_2[1]"),
        ("/v1/score", {"text_1": ["a", "b"], "text_2": ["c"]}, "text_1"),
        ("/v1/score", {"text_1": "a", "queries": "b", "text_2": "c"}, "queries"),
        ("/v1/score", {"text_1": 5, "text_2": "c"}, "text_1"),
        ("/v1/score", {"text_1": "a", "text_2": {"x": 1}}, "text_2"),
        ("/v2/rerank", {"documents": ["a"]}, "query"),
        ("/v2/rerank", {"query": "", "documents": ["a"]}, "query"),
        ("/v2/rerank", {"query": "a"}, "documents"),
        ("/v2/rerank", {"query": "a", "documents": []}, "documents"),
        ("/v2/rerank", {"query": "a", "documents": ["b", {"title": "c"}]}, "documents[1]"),
        ("/v2/rerank", {"query": "a", "documents": ["b", ""]}, "documents[1]"),
        ("/v2/rerank", {"query": "a", "documents": ["b"], "top_n": 0}, "top_n"),
        ("/v2/rerank", {"query": "a", "documents": ["b"], "top_n": "x"}, "top_n"),
        ("/pooling", {"input": []}, "input"),
        ("/pooling", {"input": "a", "task": "plan"}, "task"),
        ("/pooling", {"input": "a", "dimensions": 4}, "dimensions"),
        ("/pooling", {"input": "a", "encoding_format": "base64"}, "encoding_format"),
        ("/v1/moderations", {}, "input"),
        ("/v1/moderations", {"input": []}, "input"),
        ("/v1/moderations", {"input": ""}, "input[0]"),
        ("/v1/moderations", {"input": 5}, "input"),
        ("/v1/moderations", {"input": [{"type": "image_url", "image_url": {"url": "data:,"}}]}, "input[0].type"),
        ("/v1/moderations", {"input": [{"type": "text"}]}, "input[0].text"),
        ("/v1/moderations", {"input": [{"type": "text", "text": "a"}, "b"]}, "input[1]"),
        ("/tokenize", {}, "prompt"),
        ("/tokenize", {"prompt": ["a"]}, "prompt"),
        ("/detokenize", {}, "tokens"),
        ("/detokenize", {"tokens": [2**40]}, "tokens[0]"),
        ("/classify", {"input": [5]}, "input[0]"),
    ],
)
def test_what_is_wrong_is_named(ranking: Served, path: str, body: Json, field: str) -> None:
    answer = ranking.live.http.post(path, json={"model": "ranker", **body})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, field), answer.text
    assert field.partition("[")[0] in error["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tokenize", {"prompt": "a"}),
        ("/detokenize", {"tokens": [1]}),
        ("/v1/score", {"text_1": "a", "text_2": "b"}),
        ("/v2/rerank", {"query": "a", "documents": ["b"]}),
        ("/rerank", {"query": "a", "documents": ["b"]}),
        ("/pooling", {"input": "a"}),
        ("/classify", {"input": "a"}),
        ("/v1/moderations", {"input": "a"}),
    ],
)
@pytest.mark.parametrize("model", ["script", "kb:handbook"])
def test_models_that_cannot_say_so_by_name(ranking: Served, model: str, path: str, body: Json) -> None:
    answer = ranking.live.http.post(path, json={"model": model, **body})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "unsupported_task", "model"), answer.text
    assert f"'{model}'" in error["message"] and "it does chat" in error["message"]


def test_rankings_have_cohere_s_form(ranking: Served) -> None:
    objects: list[str | Json] = [{"title": "lake", "body": "deep"}, {"title": "tea", "body": "hot"}]
    fields = {"rank_fields": ["title", "body"], "return_documents": True}
    made = post(ranking, "/v2/rerank", model="ranker", query="hot tea", documents=objects, **fields)
    assert [each["index"] for each in made["results"]] == [1, 0]
    assert made["results"][0] == {"index": 1, "relevance_score": 1.0, "document": objects[1]}
    assert made["meta"]["billed_units"] == {"search_units": 1}
    texts = post(ranking, "/v2/rerank", model="ranker", query="tea", documents=DOCUMENTS, top_n=1)
    assert texts["results"] == [{"index": 1, "relevance_score": 1.0}]
    first = post(ranking, "/v1/rerank", model="ranker", query="tea", documents=DOCUMENTS)
    assert post(ranking, "/rerank", model="ranker", query="tea", documents=DOCUMENTS)["results"] == first["results"]


def test_moderations_without_a_model_take_the_classifier_that_runs(ranking: Served) -> None:
    none = ranking.live.http.post("/v1/moderations", json={"input": "a"})  # the fake one ranks as well
    assert (none.status_code, none.json()["error"]["param"]) == (400, "model")


def test_moderations_by_the_official_client(ranking: Served) -> None:
    with OpenAI(base_url=f"{ranking.live.url}/v1", api_key="none", max_retries=0) as client:
        made = client.moderations.create(model="ranker", input=["good day", "a threat"])
        given: Any = [{"type": "text", "text": "an insult"}, {"type": "text", "text": "or two"}]
        parts = client.moderations.create(model="ranker", input=given)
    assert [each.flagged for each in made.results] == [False, True]
    assert made.results[1].categories.model_dump(exclude_unset=True) == {
        "neutral": False,
        "insult": False,
        "threat": True,
    }
    assert made.results[1].category_scores.model_dump(exclude_unset=True)["threat"] == pytest.approx(0.9)
    assert made.results[1].category_applied_input_types.model_dump(exclude_unset=True)["threat"] == ["text"]
    assert [each.flagged for each in parts.results] == [True]


def test_independent_labels_are_each_true_or_false() -> None:
    found = TextClass(
        index=0,
        label="toxic",
        probs=[0.9, 0.6, 0.1],
        num_classes=3,
        scores={"toxic": 0.9, "spam": 0.6, "safe": 0.1},
        multi_label=True,
    )
    made = moderation(found)
    assert made.categories == {"toxic": True, "spam": True, "safe": False} and made.flagged
    found.safe_labels = ["toxic", "spam"]
    assert not moderation(found).flagged
    found.safe_labels = []
    found.scores = {"toxic": 0.1, "spam": 0.2, "safe": 0.9}
    assert moderation(found).flagged


def test_harmless_names() -> None:
    harmless = {"safe", "OK", "neutral", "not_toxic", "non-hate", "Not Spam", "no hate", "normal"}
    assert harmless_of([*harmless, "toxic", "hate", "nothing-bad", "LABEL_0", "okapi"]) == harmless
    assert inputs("a") == ["a"] and inputs([{"text": "a"}, {"type": "text", "text": "b"}]) == ["a\nb"]


def test_cosines_and_texts() -> None:
    assert cosine([1, 0], [0, 2]) == 0 and cosine([1, 1], [2, 2]) == pytest.approx(1) and cosine([0, 0], [1, 0]) == 0
    assert text_of({"a": 1, "b": None, "c": "d"}, ["a", "b", "c"], "x") == "a: 1\nc: d"
    with pytest.raises(InvalidParameter):
        text_of({"a": 1}, ["b"], "documents[0]")


def test_keys_and_limits_hold_there(guarded: Live) -> None:
    guarded.launched("ranker", model_type="rerank", model_name="fake")
    body = {"text_1": ["tea", "lake"], "text_2": ["tea", "tea"]}
    headers = key(guarded, models=["fake"])
    for path, given in (("/v1/score", body), ("/v1/moderations", {"input": "a"}), ("/tokenize", {"prompt": "a"})):
        answer = guarded.http.post(path, json={"model": "ranker", **given}, headers=headers)
        assert answer.status_code == 403, (path, answer.text)
    limited = key(guarded, requests_per_minute=2)
    for expected in (200, 200, 429):  # each is one request, however many texts it has
        answer = guarded.http.post("/v1/score", json={"model": "ranker", **body}, headers=limited)
        assert answer.status_code == expected
        assert answer.headers["x-ratelimit-limit-requests"] == "2" and answer.headers["x-request-id"]
    assert guarded.http.post("/v1/score", json=body, headers={"authorization": ""}).status_code == 401
