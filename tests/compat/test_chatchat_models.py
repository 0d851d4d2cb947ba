"""Chatchat's routes about models and the server, asked as its own client asks them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from modelyard.catalog.index import FAMILIES
from tests.live import Live, error_of, live

RUNNING, CONFIGURED = "/llm_model/list_running_models", "/llm_model/list_config_models"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("llm") / "home") as running:
        running.launched("m")
        running.launched("vectors", model_type="embedding", model_name="fake")
        yield running


def post(server: Live, path: str, body: Any = None) -> Any:
    answer = server.http.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(server: Live) -> set[str]:
    return set(post(server, RUNNING, {"controller_address": None})["data"])


def configured(server: Live, uid: str, **launch: Any) -> None:
    """An autostart entry: how a model that does not run is launched."""
    entry = {"model_uid": uid, "launch": {"model_name": uid, "model_engine": "fake", "model_uid": uid, **launch}}
    answer = server.http.post("/v1/autostart/models", json=entry)
    assert answer.status_code == 200, answer.text


def changed(server: Live, old: str, new: str) -> dict[str, Any]:
    body = {"model_name": old, "new_model_name": new, "controller_address": None}
    found: dict[str, Any] = post(server, "/llm_model/change", body)
    return found


def test_running_models_are_listed_with_their_configuration(server: Live) -> None:
    found = post(server, RUNNING, {"controller_address": None, "placeholder": None})
    assert found["code"] == 200 and found["msg"] == "success" and set(found["data"]) == {"m"}
    url = httpx.URL(server.url)
    config = {"host": url.host, "port": url.port, "device": "cpu", "infer_turbo": False, "model_path": "m"}
    assert found["data"]["m"] == config
    assert post(server, RUNNING) == found
    assert post(server, "/llm_model/get_model_config", {"model_name": "m"})["data"] == config


def test_configured_models_are_listed_by_kind(server: Live) -> None:
    configured(server, "later", api_key_env="SECRET")
    found = post(server, CONFIGURED, {"types": ["local", "online", "worker"], "placeholder": None})["data"]
    assert set(found) == {"local", "online", "worker"} and found["online"] == {}
    assert {"m", "later", "modelyard-demo", "qwen2.5-instruct"} <= set(found["local"]) and "bge-m3" not in found[
        "local"
    ]
    assert set(found["worker"]) == {"m", "later"} and "SECRET" not in str(found)
    demo = found["local"]["modelyard-demo"]
    assert demo["model_path_exists"] is True and Path(demo["model_path"]).is_file()
    assert "model_path_exists" not in found["local"]["qwen2.5-instruct"]
    assert post(server, "/llm_model/get_model_config", {"model_name": "demo"})["data"] == demo
    assert set(post(server, CONFIGURED)["data"]) == {"local", "online"}
    assert post(server, CONFIGURED, {"types": ["online"]})["data"] == {"online": {}}


def test_an_unknown_model_has_no_configuration(server: Live) -> None:
    unknown = post(server, "/llm_model/get_model_config", {"model_name": "nobody"})
    assert unknown == {"code": 404, "msg": "未找到模型 nobody", "data": {}}
    reply = post(server, "/llm_model/stop", {"model_name": "nobody", "controller_address": None})
    assert reply == {"code": 500, "msg": "the model nobody is not available", "data": None}
    assert changed(server, "nobody", "m") == {"code": 500, "msg": "要切换的LLM模型 m 已经存在"}
    assert changed(server, "nobody", "new") == {"code": 500, "msg": "the model nobody is not available"}
    assert post(server, "/llm_model/stop", {"model_name": "vectors"})["code"] == 500
    assert server.status("vectors") == "READY"
    assert server.http.post("/llm_model/stop", json={}).status_code == 422


def test_a_model_can_be_stopped(server: Live) -> None:
    server.launched("gone")
    reply = post(server, "/llm_model/stop", {"model_name": "gone"})
    assert reply == {"code": 200, "msg": "sucess to release model: gone", "data": None}
    assert server.status("gone") == "GONE"


def test_a_model_that_hangs_at_its_start_can_be_stopped(server: Live) -> None:
    server.launch("stuck", wait_ready=False, load_seconds=600)
    assert changed(server, "stuck", "other")["msg"] == "the model stuck is not available"
    assert post(server, "/llm_model/stop", {"model_name": "stuck"})["code"] == 200
    assert server.status("stuck") == "GONE"


def test_a_model_can_be_replaced(server: Live) -> None:
    server.launched("a")
    configured(server, "b", tokens=3)
    reply = changed(server, "a", "b")
    assert reply == {"code": 200, "msg": "sucess change model from a to b"}
    assert (server.status("a"), server.status("b")) == ("GONE", "READY")
    assert server.chat("b").json()["usage"]["completion_tokens"] == 3
    reply = changed(server, "b", "modelyard-demo")
    assert reply["code"] == 200 and names(server) == {"m", "modelyard-demo"}
    assert server.http.get("/v1/models/modelyard-demo").json()["model_engine"] == "llama.cpp"
    assert post(server, "/llm_model/stop", {"model_name": "modelyard-demo"})["code"] == 200


def test_a_model_can_be_replaced_by_a_path(server: Live, tmp_path: Path) -> None:
    """A file or folder goes by its own name, which the answer says."""
    shutil.copy(FAMILIES.folder.parent / "demo" / "modelyard-demo.gguf", tmp_path / "通义.Q4.gguf")
    server.launched("a")
    reply = changed(server, "a", f"{tmp_path}/nowhere.gguf")
    assert reply["code"] == 500 and f"{tmp_path}/nowhere.gguf" in reply["msg"] and "model_uid" not in reply["msg"]
    reply = changed(server, "a", f"{tmp_path}/通义.Q4.gguf")
    assert reply == {"code": 200, "msg": "sucess change model from a to 通义.Q4"}
    assert server.status("a") == "GONE" and server.chat("通义.Q4", max_tokens=4).status_code == 200
    reply = changed(server, "m", f"{tmp_path}/通义.Q4.gguf")
    assert reply["code"] == 500 and reply["msg"].endswith("已经存在")
    assert post(server, "/llm_model/stop", {"model_name": "通义.Q4"})["code"] == 200


@pytest.mark.parametrize("new", ["no-such-model", "bad"])
def test_a_change_that_fails_leaves_the_old_model(server: Live, new: str) -> None:
    configured(server, "bad", crash_at_start="CUDA out of memory")
    replicas = server.replicas("m")
    reply = changed(server, "m", new)
    assert reply["code"] == 500 and reply["msg"].startswith(f"failed change model from m to {new}。错误信息是： ")
    assert ("CUDA out of memory" in reply["msg"]) is (new == "bad")
    assert server.replicas("m")[0]["pid"] == replicas[0]["pid"]
    assert server.status(new) == "GONE" and server.chat("m").status_code == 200


def filled(server: Live, rest: int) -> list[str]:
    """Models that claim all memory but `rest` MiB and some."""
    [_, worker] = server.http.get("/v1/cluster/info", params={"detailed": "true"}).json()
    room, fillers = int(worker["mem_total"] * 0.95) // 2**20 - rest - 100, list[str]()
    while room > 0:
        claim = min(room, psutil.virtual_memory().available // 2**21)
        fillers.append(f"filler{len(fillers)}")
        server.launched(fillers[-1], memory_mb=claim)
        room -= claim
    return fillers


def test_without_memory_for_both_the_old_model_stops_first(server: Live) -> None:
    most = 500
    fillers = filled(server, 700)
    server.launched("big", memory_mb=most, tokens=5)
    configured(server, "bigger", memory_mb=most)
    configured(server, "broken", memory_mb=most, crash_at_start="bad weights")
    before = server.replicas("big")[0]["pid"]
    kept = post(server, "/release_worker", {"model_name": "big", "new_model_name": "bigger", "keep_origin": True})
    assert kept["code"] == 500 and "memory" in kept["msg"] and server.replicas("big")[0]["pid"] == before
    reply = changed(server, "big", "broken")
    assert reply["code"] == 500 and "bad weights" in reply["msg"]
    assert server.status("big") == "READY" and server.status("broken") == "GONE"
    assert server.replicas("big")[0]["pid"] != before
    assert server.chat("big").json()["usage"]["completion_tokens"] == 5
    before = server.replicas("big")[0]["pid"]
    assert changed(server, "big", "no-such-model")["code"] == 500 and server.replicas("big")[0]["pid"] == before
    assert changed(server, "big", "bigger")["code"] == 200
    assert (server.status("big"), server.status("bigger")) == ("GONE", "READY")
    for name in ("bigger", *fillers):
        post(server, "/llm_model/stop", {"model_name": name})


def test_the_server_configuration_is_complete(server: Live) -> None:
    found = post(server, "/server/configs")
    assert list(found) == [
        "DEFAULT_KNOWLEDGE_BASE", "DEFAULT_SEARCH_ENGINE", "DEFAULT_VS_TYPE", "CHUNK_SIZE", "OVERLAP_SIZE",
        "SCORE_THRESHOLD", "VECTOR_SEARCH_TOP_K", "SEARCH_ENGINE_TOP_K", "ZH_TITLE_ENHANCE", "text_splitter_dict",
        "TEXT_SPLITTER_NAME", "LLM_MODELS", "HISTORY_LEN", "TEMPERATURE", "PROMPT_TEMPLATES", "controller_address",
        "openai_api_address", "api_address",
    ]  # fmt: skip
    assert found["LLM_MODELS"] == ["m"] and found["DEFAULT_KNOWLEDGE_BASE"] == "samples"
    assert found["openai_api_address"] == f"{server.url}/v1" and found["controller_address"] == server.url
    assert server.http.post(found["controller_address"] + "/list_models").json() == {"models": ["m"]}
    assert post(server, "/server/list_search_engines")["data"] == ["duckduckgo"]


def test_prompt_templates_are_found_by_kind_and_name(server: Live) -> None:
    path = "/server/get_prompt_template"
    assert post(server, path) == post(server, path, {"type": "llm_chat", "name": "default"}) == "{{ input }}"
    empty = post(server, path, {"type": "knowledge_base_chat", "name": "empty"})
    assert empty == "请你回答我的问题:\n{{ question }}\n\n"
    assert post(server, path, {"type": "llm_chat", "name": "none"})["code"] == 400
    assert server.http.post(path, json={"type": "none"}).status_code == 422


def test_a_text_is_completed_whole_or_streamed(server: Live) -> None:
    def ask(**body: Any) -> str:
        answer = server.http.post("/other/completion", json={"query": "Once", "max_tokens": 3, **body})
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/event-stream")
        return answer.text

    assert ask() == "data: the quick brown \r\n\r\n"
    assert ask(stream=True) == "data: the \r\n\r\ndata: quick \r\n\r\ndata: brown \r\n\r\n"
    assert ask(echo=True, model_name="m") == "data: Oncethe quick brown \r\n\r\n"
    assert ask(echo=True, stream=True).startswith("data: Once\r\n\r\ndata: the ")
    assert '"model_not_found"' in ask(model_name="nobody")
    assert server.http.post("/other/completion", json={"query": "x", "temperature": 2}).status_code == 422


def test_texts_are_embedded(server: Live) -> None:
    body = {"texts": ["你好", "hello"], "embed_model": "bge-large-zh-v1.5", "to_query": False}
    found = post(server, "/other/embed_texts", body)
    assert found["code"] == 200 and [len(each) for each in found["data"]] == [32, 32]
    assert post(server, "/other/embed_texts", {**body, "embed_model": "vectors"}) == found
    refused = post(server, "/other/embed_texts", {**body, "embed_model": "m"})
    assert refused == {"code": 500, "msg": "指定的模型 m 不支持 Embeddings 功能。", "data": None}


def test_the_demo_model_completes_a_text(server: Live) -> None:
    server.launched("demo", model_engine=None)
    body = {"query": "The capital of France is", "model_name": "demo", "max_tokens": 8, "temperature": 0}
    whole = server.http.post("/other/completion", json=body).text
    pieces = server.http.post("/other/completion", json={**body, "stream": True}).text.split("\r\n\r\n")
    assert len(pieces) > 2 and "".join(each.removeprefix("data: ") for each in pieces) == whole[6:].rstrip("\r\n")
    post(server, "/llm_model/stop", {"model_name": "demo"})


def test_a_key_sees_and_changes_only_its_models(tmp_path: Path) -> None:
    with live(tmp_path / "home") as server:
        made = server.http.post("/v1/admin/keys", json={"name": "root"}).json()
        server.http.headers["authorization"] = f"Bearer {made['key']}"
        server.launched("mine")
        server.launched("theirs")
        given = {"name": "reader", "scopes": ["models:list", "models:read"], "models": ["mine"]}
        key = server.http.post("/v1/admin/keys", json=given).json()["key"]
        with httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {key}"}) as reader:
            assert set(reader.post(RUNNING).json()["data"]) == {"mine"}
            assert reader.post("/list_models").json() == {"models": ["mine"]}
            assert reader.post("/get_worker_address", json={"model": "theirs"}).json() == {"address": ""}
            for path, body in (
                ("/llm_model/get_model_config", {"model_name": "theirs"}),
                ("/llm_model/stop", {"model_name": "mine"}),
                ("/release_worker", {"model_name": "mine"}),
                ("/other/completion", {"query": "x", "model_name": "theirs"}),
                ("/worker_generate_stream", {"prompt": "x", "model": "theirs"}),
                ("/fastchat/theirs/count_token", {"prompt": "x"}),
                ("/worker_get_embeddings", {"input": "x", "model": "theirs"}),
            ):
                answer = reader.post(path, json=body)
                assert (answer.status_code, error_of(answer)["code"]) == (403, "permission_denied"), path
            assert reader.post("/fastchat/mine/count_token", json={"prompt": "x"}).json()["error_code"] == 0
