"""The official `ollama` client on a real server, at the port for Ollama's clients."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.dialects.conftest import Served, client_results, key
from tests.dialects.scripts import Json, ModelAnswer
from tests.dialects.test_anthropic_client import scripted
from tests.live import Live


@pytest.fixture(scope="module")
def requests() -> list[Json]:
    """The requests that the scripted model received."""
    return []


@pytest.fixture(scope="module")
def results(own_served: Served, requests: list[Json]) -> Json:
    own_served.upstream.answer = scripted
    own_served.upstream.bodies.clear()
    found = client_results("ollama_client.py", own_served.ollama_url)
    requests += own_served.upstream.bodies
    return found


MODELS = ["fake", "demo", "demo:latest", "modelyard-demo:5m", "script", "kb:handbook"]


@pytest.mark.parametrize("model", MODELS)
def test_streams_and_whole_answers_are_alike(results: Json, model: str) -> None:
    stream, whole = results[f"stream {model}"], results[f"chat {model}"]
    assert "".join(each["message"]["content"] for each in stream) == whole["message"]["content"] != ""
    assert [each["done"] for each in stream] == [False] * (len(stream) - 1) + [True]
    for last in (stream[-1], whole):
        assert last["model"] == model and last["done_reason"] == "stop"
        assert last["eval_count"] > 0 and last["prompt_eval_count"] > 0
        assert last["total_duration"] >= last["eval_duration"] > 0


def test_generate(results: Json) -> None:
    text = "".join(each["response"] for each in results["generate stream"])
    assert text == results["generate"]["response"] != "" and results["generate stream"][-1]["done"] is True
    assert results["raw"]["done_reason"] == "length" and results["raw"]["eval_count"] == 2
    assert (results["load"]["done_reason"], results["load"]["message"]["content"]) == ("load", "")
    assert (results["unload"]["done_reason"], results["unload"]["response"]) == ("unload", "")


def test_tools(results: Json, requests: list[Json]) -> None:
    (call,) = results["call"]["message"]["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": {"city": "Paris"}}
    assert results["after the call"]["message"]["content"] == "It is sunny in Paris."
    (history,) = [body["messages"] for body in requests if body["messages"][-1]["role"] == "tool"]
    assert history[-1]["tool_call_id"] == history[-2]["tool_calls"][0]["id"]


def test_thinking_schemas_and_pictures(results: Json, requests: list[Json]) -> None:
    message = results["thinking"]["message"]
    assert (message["thinking"], message["content"]) == ("Hm, so.", "Hi.")
    assert results["parsed"] == {"name": "Paris", "people": 2}
    (parts,) = [body["messages"][0]["content"] for body in requests if isinstance(body["messages"][0]["content"], list)]
    assert parts[1]["image_url"]["url"] == "data:image/png;base64,iVBORw0KGgo="


def test_models(results: Json) -> None:
    listed = {each["model"]: each for each in results["list"]["models"]}
    assert {"fake:latest", "demo:latest", "script:latest", "vectors:latest", "kb:handbook"} <= set(listed)
    assert listed["demo:latest"]["details"]["parameter_size"] == "5M" and len(listed["demo:latest"]["digest"]) == 64
    running = {each["model"]: each for each in results["ps"]["models"]}
    assert running["demo:latest"]["context_length"] == 2048 and "kb:handbook" not in running
    about = results["show"]
    assert about["capabilities"] == ["completion"] and about["details"]["format"] == "gguf"
    family = about["modelinfo"]["general.architecture"]
    assert about["modelinfo"][f"{family}.context_length"] == 2048
    assert results["show vectors"]["capabilities"] == ["embedding"]


def test_vectors(results: Json) -> None:
    first, second = results["embed"]["embeddings"]
    assert len(first) == len(second) == 32 and results["embed"]["prompt_eval_count"] == 2
    assert results["embeddings"]["embedding"] == first


ERRORS: dict[str, tuple[int, str]] = {
    "unknown": (404, "Model 'nowhere' not found."),
    "known": (404, "Launch it: modelyard launch qwen2.5-instruct --size-in-billions 0.5"),
    "show unknown": (404, "Model 'nowhere' not found."),
    "option": (400, "'options.tfs_z'"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(results: Json, name: str) -> None:
    status, words = ERRORS[name]
    assert results[name]["status"] == status and words in results[name]["error"]


def test_many_at_once(results: Json) -> None:
    assert len(results["asynchronous"]) == 5 and len(set(results["asynchronous"])) == 1


def failure(answer: httpx.Response, status: int) -> str:
    """The sentence of an error, after checking its form."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error"} and isinstance(body["error"], str)
    return str(body["error"])


def post(server: Live, path: str, **fields: Any) -> httpx.Response:
    return server.http.post(path, json={"model": "fake", "stream": False, **fields})


def test_the_documented_curl_lines_need_no_content_type(served: Served) -> None:
    data = json.dumps({"model": "fake", "prompt": "Hello"}).encode()
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = served.live.http.post("/api/generate", content=data, headers=form)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/x-ndjson"
    page = {**form, "origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert served.live.http.post("/api/generate", content=data, headers=page).status_code == 403


def test_the_port_for_ollamas_clients(served: Served) -> None:
    root = httpx.get(f"{served.ollama_url}/")
    assert (root.status_code, root.text) == (200, "Ollama is running")
    assert httpx.head(f"{served.ollama_url}/").status_code == 200
    assert served.live.http.get("/").text != "Ollama is running"
    for address in (served.ollama_url, served.live.url):
        assert httpx.get(f"{address}/api/version").json()["version"].count(".") == 2


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/api/embed", "/api/embeddings", "/api/show"])
def test_what_is_wrong_has_ollamas_form(served: Served, path: str) -> None:
    for data in (b"", b"[]", b"{", b"null", b'{"model":{}}', b'{"model":""}'):
        failure(served.live.http.post(path, content=data), 400)
    failure(served.live.http.get(path), 405)
    assert "'model'" in failure(served.live.http.post(path, json={"input": "a"}), 400)


def test_errors_of_models(served: Served) -> None:
    messages = [{"role": "user", "content": "Hello"}]
    assert "chat" in failure(post(served.live, "/api/chat", model="vectors", messages=messages), 400)
    assert "embed" in failure(post(served.live, "/api/embed", input="a"), 400)
    assert "500" in failure(post(served.live, "/api/chat", messages=messages, fake={"error_status": 500}), 500)
    assert "'tools'" in failure(
        post(
            served.live,
            "/api/chat",
            model="demo",
            messages=messages,
            tools=[{"type": "function", "function": {"name": "f"}}],
        ),
        400,
    )


@pytest.mark.parametrize(
    ("path", "model", "more"),
    [
        ("/api/chat", "qwen2.5:0.5b", {"messages": [{"role": "user", "content": "a"}]}),
        ("/api/chat", "qwen2.5:0.5b", {}),
        ("/api/generate", "qwen2.5:latest", {"prompt": "a"}),
        ("/api/show", "qwen2.5", {}),
        ("/api/embed", "bge-m3:latest", {"input": "a"}),
        ("/api/embeddings", "bge-m3", {"prompt": "a"}),
    ],
)
def test_a_known_model_that_does_not_run_is_an_error_with_its_command(
    served: Served, path: str, model: str, more: dict[str, Any]
) -> None:
    sentence = failure(post(served.live, path, model=model, **more), 404)
    assert f"Model '{model}' is not running. Launch it: modelyard launch " in sentence


@pytest.mark.parametrize("name", ["demo:latest", "modelyard-demo:5m", "modelyard-demo:q8_0", "modelyard-demo"])
def test_names_with_tags_mean_running_models_at_every_path(served: Served, name: str) -> None:
    message = [{"role": "user", "content": "Hello"}]
    assert post(served.live, "/api/chat", model=name, messages=message).status_code == 200
    assert post(served.live, "/api/generate", model=name, prompt="Hello").status_code == 200
    about = post(served.live, "/api/show", model=name).json()
    assert about["model_info"]["general.basename"] == "modelyard-demo"
    copied = served.live.http.post("/api/copy", json={"source": name, "destination": "copied"})
    assert copied.status_code == 200 and post(served.live, "/api/show", model="copied").status_code == 200
    assert served.live.http.request("DELETE", "/api/delete", json={"model": "copied:latest"}).status_code == 200


def test_a_stream_that_fails_ends_with_an_error(served: Served) -> None:
    served.upstream.answer = lambda body: ModelAnswer(text=["a"])
    body = {"model": "fragile", "prompt": "x", "fake": {"crash_after": 3}}
    lines = served.live.http.post("/api/generate", json=body).text.splitlines()
    assert json.loads(lines[0])["response"] and "closed the connection" in json.loads(lines[-1])["error"]


@pytest.mark.parametrize(
    ("scopes", "path", "statuses"),
    [
        (["models:list"], "/api/tags", [200, 200]),
        (["models:read"], "/api/tags", [403, 403]),
        (["models:list"], "/api/chat", [403, 403]),
        (["models:read"], "/api/chat", [200, 429]),
    ],
)
def test_lists_need_the_scope_of_lists_and_are_not_counted(
    guarded: Live, scopes: list[str], path: str, statuses: list[int]
) -> None:
    headers = key(guarded, scopes=scopes, requests_per_minute=1, models=["fake"])
    for status in statuses:
        if path == "/api/tags":
            answer = guarded.http.get(path, headers=headers)
        else:
            answer = guarded.http.post(path, json={"model": "fake"}, headers=headers)
        assert answer.status_code == status, answer.text
    if path == "/api/tags" and status == 200:
        assert [each["model"] for each in answer.json()["models"]] == ["fake:latest"]


def test_keys(guarded: Live) -> None:
    failure(guarded.http.get("/api/tags", headers={"authorization": ""}), 401)
    mine = key(guarded, scopes=["models:read", "models:list"], models=["fake"])
    message = [{"role": "user", "content": "Hello"}]
    failure(guarded.http.post("/api/chat", json={"model": "other", "messages": message}, headers=mine), 403)
    failure(guarded.http.post("/api/chat", json={"model": "other"}, headers=mine), 403)
    failure(guarded.http.post("/api/show", json={"model": "other"}, headers=mine), 403)


def test_a_family_means_a_model_that_the_key_may_use(guarded: Live) -> None:
    message = [{"role": "user", "content": "Hello"}]
    for name in ("fake", "other"):
        mine = key(guarded, scopes=["models:read", "models:list"], models=[name])
        family = guarded.http.post("/api/show", json={"model": name}, headers=mine).json()["model_info"]
        body = {"model": f"{family['general.basename']}:latest", "messages": message, "stream": False}
        assert guarded.http.post("/api/chat", json=body, headers=mine).status_code == 200


def test_a_knowledge_base_is_described(served: Served) -> None:
    about = served.live.http.post("/api/show", json={"model": "kb:handbook"}).json()
    assert about["capabilities"] == ["completion"] and about["details"]["family"] == "knowledge_base"
    failure(served.live.http.post("/api/show", json={"model": "kb:nothing"}), 404)


def test_a_key_for_some_models_manages_no_others(guarded: Live) -> None:
    mine = key(guarded, scopes=["models:write", "models:list", "cache:list", "cache:delete"], models=["fake"])
    for method, path in (("POST", "/api/pull"), ("POST", "/api/push"), ("DELETE", "/api/delete")):
        answer = guarded.http.request(method, path, json={"model": "nowhere"}, headers=mine)
        assert "is for fake only" in failure(answer, 403)
    listed = guarded.http.get("/api/tags", headers=mine).json()["models"]
    assert [each["name"] for each in listed] == ["fake:latest"]


def test_changes_are_in_the_list_of_changes(guarded: Live) -> None:
    assert guarded.http.post("/api/pull", json={"model": "fake", "stream": False}).status_code == 200
    newest = guarded.http.get("/v1/audit").json()["data"][0]
    assert (newest["action"], newest["target"], newest["status"]) == ("ollama.pull", "fake", 200)
