"""The unmodified `xinference-client`, synchronous: what its users call, against a real server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xinference_client import RESTfulClient

import modelyard
from tests import make_gguf
from tests.live import Live
from tests.peers.conftest import CHAT, RANKER, VECTORS
from tests.processes import wait_for

DEMO = Path(modelyard.__file__).parent / "catalog" / "demo"
HELLO = [{"role": "user", "content": "浙江的省会在哪里？"}]
FIELDS = {
    *("address", "accelerators", "model_lang", "model_ability", "model_description", "model_format", "model_family"),
    *("model_size_in_billions", "quantization", "model_hub", "revision", "context_length", "model_engine", "replica"),
    "n_worker",
}
COLD = {"temperature": 0, "max_tokens": 32}


@pytest.fixture
def client(server: Live) -> Iterator[Any]:
    made = RESTfulClient(server.url)
    yield made
    made.close()


def record(name: str, path: Path, **fields: Any) -> dict[str, Any]:
    """A registration of the second generation for a GGUF file."""
    spec = {
        "model_format": "ggufv2",
        "model_size_in_billions": 1,
        "quantization": "q8_0",
        "model_id": None,
        "model_file_name_template": path.name,
        "model_uri": f"file://{path.parent}",
    }
    return {
        "version": 2,
        "model_name": name,
        "context_length": 512,
        "model_lang": ["en", "zh"],
        "model_ability": ["chat"],
        "model_description": "一个自定义模型",
        "model_specs": [spec],
        **fields,
    }


def demo_file() -> Path:
    return next(DEMO.rglob("*.gguf"))


def test_listing_and_describing(client: Any) -> None:
    models = client.list_models()
    assert {CHAT, VECTORS, RANKER} <= set(models)
    chat = client.describe_model(CHAT)
    assert chat["model_type"] == "LLM"
    assert chat["model_name"] == "modelyard-demo"
    assert chat["context_length"] > 0
    assert set(chat) >= FIELDS
    vectors = client.describe_model(VECTORS)
    assert vectors["model_type"] == "embedding"
    assert vectors["dimensions"] == 64
    assert vectors["max_tokens"] == 512
    assert client.describe_model(RANKER)["model_type"] == "rerank"
    with pytest.raises(RuntimeError, match="no-such"):
        client.describe_model("no-such")


def test_a_chat_answers_whole_or_streamed(client: Any) -> None:
    model = client.get_model(CHAT)
    answer = model.chat(HELLO, generate_config=COLD)
    assert "杭州" in answer["choices"][0]["message"]["content"]
    chunks = list(model.chat(HELLO, generate_config={**COLD, "stream": True}))
    assert all(isinstance(chunk["choices"], list) for chunk in chunks)
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])
    assert text == answer["choices"][0]["message"]["content"]


def test_a_completion_answers_whole_or_streamed(client: Any) -> None:
    model = client.get_model(CHAT)
    whole = model.generate("Once", generate_config=COLD)
    assert whole["object"] == "text_completion"
    chunks = list(model.generate("Once", generate_config={**COLD, "stream": True}))
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks if chunk["choices"]) == whole["choices"][0]["text"]


def test_texts_of_token_ids(client: Any) -> None:
    vectors = client.get_model(VECTORS)
    (words,) = vectors.convert_ids_to_tokens([[2, 12, 5]])
    assert words == ["[CLS]", " h", " a"]
    assert vectors.convert_ids_to_tokens([12, "5"]) == words[1:]
    with pytest.raises(RuntimeError, match="5000 is no token of this model"):
        vectors.convert_ids_to_tokens([[2, 5000]])


def test_embedding_and_rerank(client: Any) -> None:
    vectors = client.get_model(VECTORS)
    answer = vectors.create_embedding(["hello", "你好"])
    assert [len(each["embedding"]) for each in answer["data"]] == [64, 64]
    assert answer["usage"]["prompt_tokens"] > 0
    ranker = client.get_model(RANKER)
    documents = ["苹果", "a pear", "a plum"]
    answer = ranker.rerank(documents, "fruit", top_n=2, return_documents=True)
    scores = [each["relevance_score"] for each in answer["results"]]
    assert len(scores) == 2 and scores == sorted(scores, reverse=True)
    assert all(each["document"]["text"] == documents[each["index"]] for each in answer["results"])


def test_the_life_of_a_model(client: Any, tmp_path: Path) -> None:
    path = make_gguf.chat_model(tmp_path / "tiny.gguf")
    uid = client.launch_model(
        model_name=str(path), model_engine="llama.cpp", model_uid="tiny-life", n_ctx=256, request_limits=3
    )
    assert uid == "tiny-life"
    assert client.get_launch_model_progress(uid)["progress"] == 1.0
    (instance,) = client.get_instance_info(client.describe_model(uid)["model_name"], uid)
    assert instance["status"] == "READY"
    assert instance["replica_statuses"][0]["status"] == "READY"
    assert client.describe_model(uid)["context_length"] == 256
    added = client.add_model_replica(uid, None)
    assert added["replica_id"] == 1
    assert client.terminate_model_replica(uid, 1) == 1
    with pytest.raises(RuntimeError, match="already"):
        client.launch_model(model_name=str(path), model_uid=uid)
    client.terminate_model(uid)
    assert uid not in client.list_models()


def test_a_launch_that_is_not_waited_for(client: Any) -> None:
    uid = client.launch_model(
        model_name="slow", model_engine="fake", model_uid="not-waited", wait_ready=False, load_seconds=60
    )
    assert client.get_launch_model_progress(uid)["progress"] < 1
    (instance,) = client.get_instance_info("slow", uid)
    assert instance["status"] != "READY"
    client.cancel_launch_model(uid)
    assert uid not in client.list_models()


def test_a_launch_that_cannot_work_says_why(client: Any) -> None:
    with pytest.raises(RuntimeError, match=r"no model 'qwen9'"):
        client.launch_model(model_name="qwen9")
    with pytest.raises(RuntimeError, match="model_name"):
        client.launch_model(model_name="")


def test_registrations(client: Any) -> None:
    listed = client.list_model_registrations("LLM")
    assert {"model_name": "qwen2.5-instruct", "is_builtin": True} in listed
    name = "客户的模型"
    client.register_model("LLM", json.dumps(record(name, demo_file()), ensure_ascii=False), persist=True)
    try:
        assert {"model_name": name, "is_builtin": False} in client.list_model_registrations("LLM")
        found = client.get_model_registration("LLM", name)
        assert found["model_description"] == "一个自定义模型"
        assert found["is_builtin"] is False
        with pytest.raises(RuntimeError, match="already"):
            client.register_model("LLM", json.dumps(record(name, demo_file())), persist=True)
        uid = client.launch_model(model_name=name, model_engine="llama.cpp")
        assert uid == name
        answer = client.get_model(uid).chat(HELLO, generate_config=COLD)
        assert "杭州" in answer["choices"][0]["message"]["content"]
        with pytest.raises(RuntimeError, match="in use"):
            client.unregister_model("LLM", name)
        client.terminate_model(uid)
    finally:
        client.unregister_model("LLM", name)
    assert name not in {each["model_name"] for each in client.list_model_registrations("LLM")}


def test_detailed_registrations(client: Any) -> None:
    detailed = client.list_model_registrations("LLM", detailed=True)
    assert len(detailed) >= 171
    one = next(each for each in detailed if each["model_name"] == "qwen2.5-instruct")
    assert one["is_builtin"] is True
    assert {spec["model_format"] for spec in one["model_specs"]} >= {"pytorch", "ggufv2"}
    for kind in ("embedding", "rerank", "image", "audio", "video"):
        assert client.list_model_registrations(kind)


@pytest.mark.parametrize(
    ("kind", "model", "words"),
    [
        ("LLM", '{"model_name": "half', "JSON"),
        ("LLM", json.dumps(record("../up", demo_file())), "model_name"),
        ("LLM", json.dumps(record("qwen2.5-instruct", demo_file())), "already"),
        ("LLM", json.dumps(record("odd", demo_file(), chat_template="{% if %}")), "template"),
        ("LLM", json.dumps(record("odd", demo_file(), prompt_style="NO_SUCH_STYLE")), "NO_SUCH_STYLE"),
        ("poem", json.dumps(record("odd", demo_file())), "poem"),
    ],
)
def test_bad_registrations_change_nothing(client: Any, kind: str, model: str, words: str) -> None:
    before = client.list_model_registrations("LLM")
    with pytest.raises(RuntimeError, match=words):
        client.register_model(kind, model, persist=True)
    assert client.list_model_registrations("LLM") == before


def test_a_built_in_stays(client: Any) -> None:
    with pytest.raises(RuntimeError, match=r"qwen2\.5-instruct"):
        client.unregister_model("LLM", "qwen2.5-instruct")
    assert client.get_model_registration("LLM", "qwen2.5-instruct")["is_builtin"]


def test_two_who_register_at_once(client: Any) -> None:
    """Exactly one wins, and the other hears why it did not."""
    outcomes: list[str] = []
    body = json.dumps(record("race", demo_file()))

    def register() -> None:
        try:
            client.register_model("LLM", body, persist=True)
            outcomes.append("won")
        except RuntimeError as error:
            outcomes.append("lost" if "already" in str(error) else str(error))

    threads = [threading.Thread(target=register) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.unregister_model("LLM", "race")
    assert sorted(outcomes) == ["lost", "lost", "lost", "won"]


def test_engines(client: Any) -> None:
    engines = client.query_engine_by_model_name("qwen2.5-instruct")
    assert "llama.cpp" in engines
    for rows in engines.values():  # the peer's own command line breaks on anything else
        assert all(
            {"model_name", "model_format", "model_size_in_billions", "quantizations"} <= set(row) for row in rows
        )
    assert client.query_engine_by_model_name("bge-m3", model_type="embedding") is not None
    with pytest.raises(RuntimeError, match="no-such-model"):
        client.query_engine_by_model_name("no-such-model")


def test_what_the_machine_has(client: Any) -> None:
    workers = client.get_workers_info()
    assert CHAT in {uid.removesuffix("-rep0") for worker in workers for uid in worker["models"]}
    assert all("work-ip" in worker for worker in workers)
    assert client.get_supervisor_info()["supervisor_ip"]
    assert client._get_supervisor_internal_address()
    assert client.vllm_models() == {"chat": [], "generate": []}


def test_cached_models(client: Any) -> None:
    assert isinstance(client.list_cached_models(), list)
    with pytest.raises(RuntimeError, match="no-such"):
        client.confirm_and_remove_model("no-such--1B--ggufv2--q4", None)


def test_aborting(client: Any, server: Live) -> None:
    server.launched("endless", tokens=100000, tokens_per_second=50)
    stream = client.get_model("endless").chat(
        HELLO, generate_config={"stream": True, "max_tokens": 100000, "request_id": "mine"}
    )
    next(stream)
    assert client.abort_request("endless", "no-such")["msg"] == "NOT_FOUND"
    assert client.abort_request("endless", "mine")["msg"] == "DONE"
    with pytest.raises(Exception, match="abort"):
        for _ in stream:
            pass
    wait_for(lambda: server.replicas("endless")[0]["in_flight"] == 0)
    client.terminate_model("endless")


def test_limits(client: Any, server: Live) -> None:
    server.launched("limited", request_limits=1, tokens=100000, tokens_per_second=50)
    model = client.get_model("limited")
    stream = model.chat(HELLO, generate_config={"stream": True, "max_tokens": 100000})
    next(stream)
    with pytest.raises(RuntimeError, match="Rate limit reached"):
        model.chat(HELLO)
    stream.close()
    client.terminate_model("limited")


def test_autostart(client: Any) -> None:
    entry = {
        "enabled": True,
        "priority": 5,
        "launch": {"model_name": "later", "model_uid": "later", "model_engine": "fake"},
    }
    client.upsert_autostart_model(entry)
    models = client.get_autostart_config()["models"]
    assert [each["launch"]["model_uid"] for each in models] == ["later"]
    assert models[0]["priority"] == 5
    assert models[0]["max_retries"] == 3
    assert client.get_autostart_model_summary()
    client.remove_autostart_model("later")
    assert client.get_autostart_config()["models"] == []


def test_what_cannot_be_done_here_is_said(client: Any) -> None:
    with pytest.raises(RuntimeError, match="reload"):
        client.reload_model(CHAT, {"max_model_len": 5})
    with pytest.raises(RuntimeError, match=r"\w+ \w+ \w+"):
        client.relaunch_api()
    with pytest.raises(RuntimeError, match="nobody"):
        client.get_progress("nobody")
