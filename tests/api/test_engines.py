"""Engines of a model in the peer's shape, estimates, and what refusals and load arguments say, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.client import Client
from modelyard.engines import ENGINES
from tests.live import Live, live


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("engines")
    offline = {"MODELYARD_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(folder / "hub")}
    with live(folder / "home", {**offline, "MODELSCOPE_CACHE": str(folder / "scope")}) as running:
        yield running


# Engines


def test_every_engine_with_the_schema_of_its_options(server: Live) -> None:
    with Client(server.url) as client:
        answer = client.engines.list()
    found = {engine["id"]: engine for engine in answer["data"]}
    assert set(found) == set(ENGINES)
    vllm, fake, external = found["vllm"], found["fake"], found["external"]
    assert (vllm["installed"], vllm["missing"]) == (False, ["vLLM is not installed: modelyard engine install vllm."])
    assert (vllm["installable"], vllm["environment"], vllm["uses_gpus"]) == (True, None, False)
    assert (fake["installed"], fake["missing"], fake["only_by_name"]) == (True, [], True)
    assert external["formats"] == ["remote"] and "gguf" in str(found["llama_cpp"]["formats"])
    utilization = vllm["options"]["properties"]["gpu_memory_utilization"]
    assert (utilization["default"], utilization["maximum"], utilization["group"]) == (0.9, 1, "memory")
    assert (utilization["advanced"], utilization["description"][:4]) == (False, "Part")
    launch = answer["launch"]["properties"]
    assert launch["replica"]["maximum"] == 64 and launch["n_worker"]["advanced"] is True


@pytest.mark.parametrize(
    "path", ["LLM/qwen2.5-instruct", "llm/Qwen2.5-Instruct?enable_virtual_env=True", "qwen2.5-instruct"]
)
def test_engines_of_a_language_model_in_the_peers_shape(server: Live, path: str) -> None:
    answer = server.http.get(f"/v1/engines/{path}").json()
    assert "llama.cpp" in answer
    assert not {"vLLM", "SGLang", "TRT-LLM", "fake", "external"} & set(answer), (
        "engines that cannot run it are not listed: their clients iterate the lists"
    )
    sizes = [entry["model_size_in_billions"] for entry in answer["llama.cpp"]]
    assert sizes == ["0_5", "1_5", 3, 7, 14, 32, 72], "as the peer spells them"
    for entry in answer["llama.cpp"]:
        assert set(entry) == {
            "model_name", "model_format", "model_size_in_billions", "quantizations", "support_draft_model"
        }  # fmt: skip
        assert entry["model_format"] == "ggufv2" and "q4_k_m" in entry["quantizations"]


def test_engines_of_embedders_and_rerankers(server: Live) -> None:
    for path in ("embedding/bge-m3", "rerank/bge-reranker-v2-m3"):
        entries = server.http.get(f"/v1/engines/{path}").json()["llama.cpp"]
        assert all(set(entry) == {"model_name", "model_format", "quantization"} for entry in entries)
        assert len({entry["quantization"] for entry in entries}) == len(entries)


def test_reasons_on_demand(server: Live) -> None:
    answer = server.http.get("/v1/engines/LLM/gpt-oss", params={"reasons": True}).json()
    assert "it runs GGUF files" in answer["llama.cpp"]
    assert answer["TRT-LLM"] == "This server does not have that engine."
    assert answer["vLLM"] == "vLLM is not installed: modelyard engine install vllm."
    listed = server.http.get("/v1/engines/LLM/gpt-oss").json()
    assert not {"llama.cpp", "TRT-LLM", "vLLM"} & set(listed)


def test_the_engines_of_a_file(server: Live, tmp_path: Path) -> None:
    demo = server.http.get("/v1/engines/demo").json()
    assert demo["llama.cpp"][0]["quantizations"] == ["Q8_0"]
    assert server.http.get(f"/v1/engines/LLM/{tmp_path}/none.gguf").status_code == 400


def test_unknown_models_have_near_names(server: Live) -> None:
    answer = server.http.get("/v1/engines/LLM/qwen2.5-instuct")
    assert answer.status_code == 404
    assert "Did you mean" in answer.json()["detail"] and "qwen2.5-instruct" in answer.json()["detail"]


# Estimates


def test_an_estimate_needs_no_files(server: Live) -> None:
    body = {"model_name": "qwen2.5-instruct", "model_size_in_billions": 7, "model_format": "pytorch",
            "context_length": 32768, "kv_cache_dtype": 16}  # fmt: skip
    found = server.http.post("/v1/models/estimate", json=body).json()
    assert found["weights"] == pytest.approx(15.2e9, rel=0.01)
    assert found["kv_cache"] == 32768 * 28 * 4 * 128 * 2 * 2
    assert found["total"] == found["weights"] + found["kv_cache"] + found["activations"] + found["overhead"]
    assert list(found["engines"])[:3] == ["vLLM", "SGLang", "Transformers"]
    assert found["engines"]["vLLM"]["fits"]["cpu"] is False
    halved = server.http.post("/v1/models/estimate", json={**body, "kv_cache_dtype": "8"}).json()
    assert halved["kv_cache"] * 2 == found["kv_cache"]


def test_an_estimate_of_a_launch_is_what_the_launch_claims(server: Live) -> None:
    found = server.http.post("/v1/models/estimate", json={"model_name": "demo", "context_length": 512}).json()
    server.http.post("/v1/models", json={"model_name": "demo", "model_uid": "weighed", "n_ctx": 512})
    claimed = server.http.get("/v1/models/weighed").json()["memory"]
    assert {key: found[key] for key in claimed} == claimed
    assert found["model_engine"] == "llama.cpp" and found["fits"]["cpu"] is True
    server.http.delete("/v1/models/weighed")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 400, "model_name"),
        ({"model_name": ""}, 400, "model_name"),
        ({"model_name": "no-such-family"}, 404, "no-such-family"),
        ({"model_name": "qwen2.5-instruct", "model_size_in_billions": 13}, 400, "it has 0.5, 1.5, 3, 7"),
        ({"model_name": "demo", "kv_cache_dtype": "9"}, 400, "'9' is none of 8, 16, 32"),
        ({"model_name": "demo", "context_length": 0}, 400, "context_length"),
        ({"model_name": "demo", "model_engine": "abacus"}, 400, "known are llama.cpp"),
        ({"model_name": "demo", "model_engine": "fake"}, 400, "'fake' runs models without files"),
        ({"model_name": "demo", "model_type": "poem"}, 400, "'poem' is none of LLM"),
    ],
)
def test_what_cannot_be_estimated(server: Live, body: dict[str, object], status: int, words: str) -> None:
    answer = server.http.post("/v1/models/estimate", json=body)
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text


# Launches


def test_the_load_arguments_of_the_seed(server: Live) -> None:
    body = {
        "model_format": "ggufv2", "model_name": "demo", "model_size_in_billions": "", "model_uid": None, "n_gpu": None,
        "quantization": "", "n_gpu_layers": 38, "n_ctx": 1024, "n_threads": 3, "tensor_split": [0.8, 0.2],
    }  # fmt: skip
    answer = server.http.post("/v1/models", json=body)
    assert answer.json() == {"model_uid": "demo"}
    assert server.chat("demo", max_tokens=4).status_code == 200
    assert server.http.get("/v1/models/demo").json()["quantization"] == "Q8_0"
    server.http.delete("/v1/models/demo")


def test_what_the_peers_clients_always_send(server: Live) -> None:
    """Every key of the peer's launch, most of them null, and what its programs add."""
    nulls = ("peft_model_config", "model_size_in_billions", "request_limits", "gpu_idx", "replica_config", "model_path",
             "enable_thinking", "virtual_env_packages", "virtual_env_find_links", "envs")  # fmt: skip
    body = dict.fromkeys(nulls) | {
        "model_uid": "peer", "model_name": "demo", "model_engine": "llama.cpp", "model_type": "LLM", "model_format": None,
        "quantization": None, "replica": 1, "n_worker": 1, "n_gpu": "auto", "worker_ip": "127.0.0.1",
        "enable_virtual_env": True, "trust_remote_code": True, "download_hub": "huggingface", "max_model_len": 512,
    }  # fmt: skip
    assert server.http.post("/v1/models", json=body).json() == {"model_uid": "peer"}
    told = [event["event_content"] for event in server.http.get("/v1/models/peer/events").json()]
    assert any("enable_virtual_env has no effect" in sentence for sentence in told)
    server.http.delete("/v1/models/peer")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"n_gpu": 2}, 400, "2 per replica are asked for, and this machine has none"),
        ({"n_gpu": -1}, 400, "negative"),
        ({"gpu_idx": [0]}, 400, "there is no GPU 0"),
        ({"worker_ip": "192.0.2.7"}, 400, "not this machine"),
        ({"virtual_env_packages": ["torch"]}, 400, "a launch installs nothing"),
        ({"replica_config": [{}, {}]}, 400, "2 entries, and 1 replicas"),
        ({"replica_config": [{"role": "prefill"}]}, 400, "differ"),
        ({"replica_config": [{"colour": 1}]}, 400, "no key 'colour'"),
        ({"replica_config": [{"devices": [{"worker_ip": "192.0.2.7"}]}]}, 400, "not this machine"),
        ({"model_engine": "TRT-LLM"}, 400, "TRT-LLM cannot run 'demo': this server does not have that engine; it has"),
        ({"model_engine": "vLLM"}, 400, "vLLM cannot run 'demo'"),
        ({"model_engine": "sentence-transformers"}, 400, "sentence_transformers cannot run 'demo'"),
        ({"download_hub": "somewhere"}, 400, "none of auto, huggingface, modelscope"),
        ({"model_engine": "lama.cpp"}, 400, "Did you mean 'llama_cpp'"),
        ({"n_ctx": "many"}, 400, "n_ctx"),
        ({"model_name": "qwen2.5-instruct", "n_ctxx": 1}, 400, "Did you mean 'n_ctx'"),
        ({"model_name": "qwen2.5-instruct"}, 400, "set to be offline"),
        ({"model_name": "deepseek-v3"}, 503, "Not enough memory to launch 'deepseek-v3': the smallest of"),
        ({"model_name": "gpt-oss"}, 400, "It would take about"),
    ],
)  # fmt: skip
def test_what_is_refused(server: Live, body: dict[str, object], status: int, words: str) -> None:
    answer = server.http.post("/v1/models", json={"model_name": "demo", **body})
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text


def test_refusals_about_memory_have_the_figures_as_a_field(server: Live) -> None:
    for name in ("deepseek-v3", "gpt-oss"):
        memory = server.http.post("/v1/models", json={"model_name": name}).json()["memory"]
        parts = ("weights", "kv_cache", "activations", "overhead")
        assert memory["total"] == sum(memory[part] for part in parts) > 0
    demo = server.http.post("/v1/models", json={"model_name": "demo", "n_ctx": 2_000_000_000}).json()
    assert demo["error"]["code"] == "not_enough_memory" and demo["memory"]["free"] < demo["memory"]["total"]
