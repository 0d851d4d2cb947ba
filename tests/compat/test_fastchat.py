"""FastChat's controller and workers, asked as its OpenAI server asks them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from modelyard.api.routes import ROUTES
from modelyard.gateway.paths import PATHS
from tests.live import Live, live


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("fastchat") / "home") as running:
        running.launched("org/m", replica=2)
        running.launched("vectors", model_type="embedding", model_name="fake")
        running.launched("demo", model_engine=None)
        yield running


def post(server: Live, path: str, body: Any = None) -> Any:
    answer = server.http.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def address(server: Live, model: str) -> str:
    return str(post(server, "/get_worker_address", {"model": model})["address"])


def values(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.content.endswith(b"\0")
    return [json.loads(each) for each in answer.content.split(b"\0") if each]


def test_the_controller_lists_models_and_workers(server: Live) -> None:
    assert server.http.get("/test_connection").json() == "success"
    assert post(server, "/refresh_all_workers") is None
    assert post(server, "/list_models") == {"models": ["demo", "org/m"]}
    assert post(server, "/list_language_models") == {"models": ["demo", "org/m"]}
    assert post(server, "/list_multimodal_models") == {"models": []}
    assert post(server, "/worker_get_status") == {"model_names": ["demo", "org/m"], "speed": 3, "queue_length": 0}
    assert address(server, "org/m") == f"{server.url}/fastchat/org%2Fm"
    assert address(server, "nobody") == ""


def test_a_worker_reports_status_and_details(server: Live) -> None:
    worker = address(server, "org/m")
    assert post(server, worker + "/worker_get_status") == {"model_names": ["org/m"], "speed": 2, "queue_length": 0}
    assert post(server, worker + "/count_token", {"prompt": "one two three"}) == {"count": 3, "error_code": 0}
    assert post(server, worker + "/count_token", {"prompt": ""}) == {"count": 0, "error_code": 0}
    assert post(server, address(server, "demo") + "/model_details", {}) == {"context_length": 2048}
    gone = server.http.post("/fastchat/nobody/worker_get_status")
    assert gone.status_code == 404


def test_each_value_has_the_whole_text_so_far(server: Live) -> None:
    body = {"model": "org/m", "prompt": "Say:", "max_new_tokens": 3, "temperature": 0.7, "top_p": 1.0, "stop": None}
    answers = values(server.http.post(address(server, "org/m") + "/worker_generate_stream", json=body))
    texts = ["Say:the ", "Say:the quick ", "Say:the quick brown ", "Say:the quick brown "]
    assert [each["text"] for each in answers] == texts
    assert {each["error_code"] for each in answers} == {0}
    assert [each["finish_reason"] for each in answers] == [None, None, None, "length"]
    assert answers[-1]["usage"] == {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4}
    bare = {**body, "echo": False, "stop": ["brown"]}
    answers = values(server.http.post("/worker_generate_stream", json=bare))
    assert (answers[-1]["text"], answers[-1]["finish_reason"]) == ("the quick ", "stop")
    assert post(server, "/worker_generate", bare) == answers[-1]
    pairs = {**bare, "stop": None, "prompt": [["问", "你好"], ["答", None]]}
    assert post(server, "/worker_generate", pairs)["text"] == "the quick brown "


def test_the_demo_model_generates(server: Live) -> None:
    body = {"model": "demo", "prompt": "The sky is", "max_new_tokens": 6, "temperature": 0, "echo": False}
    worker = address(server, "demo")
    answers = values(server.http.post(worker + "/worker_generate_stream", json=body))
    assert len(answers) > 2 and answers[-1]["text"] and answers[-1]["finish_reason"] in ("length", "stop")
    assert all(later["text"].startswith(each["text"]) for each, later in itertools.pairwise(answers))
    count = post(server, worker + "/count_token", {"prompt": "The sky is"})
    assert count == {"count": answers[-1]["usage"]["prompt_tokens"], "error_code": 0} and count["count"] >= 3


def test_an_error_is_the_last_value(server: Live) -> None:
    [answers] = values(server.http.post("/worker_generate_stream", json={"model": "nobody", "prompt": "x"}))
    assert answers["error_code"] == 50005 and "'nobody' not found" in answers["text"]
    [answers] = values(server.http.post("/worker_generate_stream", json={"model": "vectors", "prompt": "x"}))
    assert answers["error_code"] == 50001 and "cannot do completion" in answers["text"]
    odd = {"model": "org/m", "prompt": "x", "top_p": 7}
    assert post(server, "/worker_generate", odd)["error_code"] == 40302
    beams = {"model": "org/m", "prompt": "x", "use_beam_search": True, "best_of": 2}
    assert "use_beam_search" in post(server, "/worker_generate", beams)["text"]
    assert post(server, "/count_token", {"model": "nobody", "prompt": "x"})["error_code"] == 50005
    assert post(server, "/worker_get_embeddings", {"model": "org/m", "input": ["x"]})["error_code"] == 50001
    server.launched("frail", crash_after=2)
    *_, final = values(server.http.post("/worker_generate_stream", json={"model": "frail", "prompt": "x"}))
    assert final["error_code"] == 50001 and final["text"]
    assert post(server, "/release_worker", {"model_name": "frail"})["code"] == 200


def test_texts_are_embedded(server: Live) -> None:
    body = {"model": "vectors", "input": ["one two", "three"]}
    found = post(server, "/worker_get_embeddings", body)
    assert [len(each) for each in found["embedding"]] == [32, 32] and found["token_num"] == 3
    assert post(server, address(server, "vectors") + "/worker_get_embeddings", body) == found


def test_a_worker_is_released_or_replaced(server: Live) -> None:
    server.launched("a")
    beside = {"model_name": "a", "new_model_name": "modelyard-demo", "keep_origin": True}
    reply = post(server, "/release_worker", beside)
    assert reply == {"code": 200, "msg": "sucess change model from a to modelyard-demo"}
    assert {"a", "modelyard-demo"} <= set(post(server, "/list_models")["models"])
    assert post(server, "/release_worker", beside)["msg"] == "要切换的LLM模型 modelyard-demo 已经存在"
    kept = post(server, "/release_worker", {"model_name": "a", "keep_origin": True})
    assert kept["code"] == 500 and server.status("a") == "READY"
    for name in ("a", "modelyard-demo"):
        reply = post(server, "/release_worker", {"model_name": name})
        assert reply == {"code": 200, "msg": f"sucess to release model: {name}"}
    assert post(server, "/release_worker", {"model_name": "a"}) == {"code": 500, "msg": "the model a is not available"}


def test_no_two_routes_share_a_path() -> None:
    """Theirs stand at the root, beside ours and the gateway's."""
    found = [(route.method, route.path) for route in ROUTES]
    assert len(found) == len(set(found))
    assert not {path for _, path in found} & set(PATHS)
