"""Ollama's `create`, `copy`, `delete` and blobs on llama.cpp, through the official client."""

from __future__ import annotations

import hashlib
from pathlib import Path

import gguf
import numpy as np
import pytest

from tests.causal_models import DEMO
from tests.dialects.conftest import Served, client_results, key
from tests.dialects.scripts import Json
from tests.dialects.test_ollama_client import failure
from tests.live import Live, live

WEIGHTS = DEMO.parent / "modelyard-demo.gguf"


def adapter(path: Path) -> Path:
    """A LoRA adapter of the demo model that changes its answers."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 64.0)
    random = np.random.default_rng(1)
    for side, shape in (("a", (4, 256)), ("b", (256, 4))):
        writer.add_tensor(f"blk.0.attn_output.weight.lora_{side}", random.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def made(own_served: Served, tmp_path_factory: pytest.TempPathFactory) -> Json:
    file = adapter(tmp_path_factory.mktemp("adapter") / "a.gguf")
    return client_results("ollama_create.py", own_served.ollama_url, str(WEIGHTS), str(file))


def test_a_file_becomes_a_model(made: Json) -> None:
    assert made["blob"] == [200, 200] and made["no blob"] == 404
    assert made["create"] == ["parsing model data", "writing manifest", "success"]
    assert "parrot:latest" in made["listed"]
    assert made["idle"]["status"] == 404 and "modelyard launch parrot" in made["idle"]["error"]
    assert made["launch"] == 200


def test_what_a_modelfile_says_is_shown(made: Json) -> None:
    about = made["show"]
    assert about["license"] == "MIT" and about["details"]["format"] == "gguf" and "completion" in about["capabilities"]
    written = ["num_ctx", "512", "temperature", "0", "num_predict", "4", "stop", '"Arr"', "stop", '"Avast"']
    assert about["parameters"].split() == written
    for line in (
        "SYSTEM You are a parrot.",
        "PARAMETER num_predict 4",
        'PARAMETER stop "Avast"',
        "PARAMETER num_ctx 512",
    ):
        assert line in about["modelfile"], line
    assert "MESSAGE assistant Yes, captain." in about["modelfile"]


def test_it_is_applied_when_the_model_is_asked(made: Json) -> None:
    assert made["asked"] == made["said"] and made["asked"]["answer"] == 4 and made["asked"]["reason"] == "length"
    assert made["own"]["answer"] == 2 and made["own"]["prompt"] < made["asked"]["prompt"]
    assert made["context"] == 512


def test_it_is_applied_in_every_api(made: Json) -> None:
    usage = made["openai"]["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (made["said"]["prompt"], 4)
    assert made["openai"]["choices"][0]["message"]["content"] == made["said"]["text"]
    tokens = made["anthropic"]["usage"]
    assert tokens["input_tokens"] + tokens["cache_read_input_tokens"] == made["said"]["prompt"]
    assert tokens["output_tokens"] == 3


def test_it_is_deleted_when_it_does_not_run(made: Json, own_served: Served) -> None:
    assert made["in use"]["status"] == 409 and "parrot" in made["in use"]["error"]
    assert made["deleted"] == "success" and made["deleted again"]["status"] == 404
    assert list((own_served.live.home / "created").iterdir()) == []
    assert [each.suffix for each in (own_served.live.home / "blobs").iterdir() if each.suffix] == []


def test_a_running_model_answers_for_models_made_from_it(made: Json) -> None:
    assert made["shared"] == made["replaced"] == made["copied"] == "success"
    assert made["mario"] == made["told"] and made["mario"]["prompt"] > made["plain"]["prompt"]
    assert made["luigi"] == made["both"] and made["both"]["prompt"] > made["mario"]["prompt"]
    assert {"mario:latest", "luigi-green:latest"} <= set(made["names"])
    assert not {"mario:latest", "luigi-green:latest"} & set(made["after"])
    assert "SYSTEM You are Mario." in made["copy"]["modelfile"]


def test_templates_and_adapters_are_used(made: Json) -> None:
    assert made["odd"] == "success" and "model_uid" in made["odd launched"]
    assert "{{ .Prompt }}" in made["odd shown"]["template"] and "ADAPTER /" in made["odd shown"]["modelfile"]
    assert made["odd asked"]["prompt"] == made["raw"]["prompt"]
    assert made["odd asked"]["text"] != made["raw"]["text"], "the adapter changes the answer"


REFUSALS: dict[str, tuple[int, str]] = {
    "unknown": (404, "nowhere"),
    "nothing": (400, "'from'"),
    "elsewhere": (400, "has no files on this server"),
    "quantize": (400, "'quantize'"),
    "template": (400, "{{ json .Tools }}"),
    "parameter": (400, "'parameters.num_predict'"),
    "odd parameter": (400, "'parameters.xtc_probability'"),
    "missing blob": (400, "send it to /api/blobs/sha256:"),
    "path": (400, "'../a.gguf'"),
    "built-in": (409, "modelyard-demo"),
    "name": (400, "a b"),
    "copy unknown": (404, "nowhere"),
    "wrong digest": (400, "has the digest sha256:2cf24dba"),
    "no digest": (400, "sha256:1"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_be_made(made: Json, case: str) -> None:
    status, words = REFUSALS[case]
    assert made[case]["status"] == status and words in made[case]["error"]


def test_registering_takes_its_scope_and_is_recorded(guarded: Live) -> None:
    body = {"model": "mine", "from": "modelyard-demo", "stream": False}
    reader = key(guarded, scopes=["models:list", "models:read", "models:write", "cache:delete"])
    for path, given in (("/api/create", body), ("/api/copy", {"source": "modelyard-demo", "destination": "mine"})):
        assert "models:register" in failure(guarded.http.post(path, json=given, headers=reader), 403)
    failure(guarded.http.post(f"/api/blobs/sha256:{'0' * 64}", content=b"a", headers=reader), 403)
    maker = key(guarded, scopes=["models:list", "models:register"])
    assert guarded.http.post("/api/create", json=body, headers=maker).json() == {"status": "success"}
    assert "models:register" in failure(
        guarded.http.request("DELETE", "/api/delete", json={"model": "mine"}, headers=reader), 403
    )
    assert guarded.http.request("DELETE", "/api/delete", json={"model": "mine"}).status_code == 200
    copied = guarded.http.post(
        "/api/copy", json={"source": "modelyard-demo", "destination": "other-one"}, headers=maker
    )
    assert copied.status_code == 200, copied.text
    assert guarded.http.request("DELETE", "/api/delete", json={"model": "other-one"}).status_code == 200
    changes = guarded.http.get("/v1/audit").json()["data"]
    recorded = {(each["action"], each["target"], each["status"]) for each in changes}
    assert {
        ("ollama.create", "mine", 200),
        ("ollama.copy", "other-one", 200),
        ("ollama.delete", "mine", 200),
    } <= recorded


def test_a_blob_is_bounded(tmp_path: Path) -> None:
    with live(tmp_path / "home", {"MODELYARD_MAX_BLOB_BYTES": "2048"}) as server:
        answer = server.http.post(f"/api/blobs/sha256:{'0' * 64}", content=bytes(4096))
        assert "MODELYARD_MAX_BLOB_BYTES" in failure(answer, 413)
        answer = server.http.post(f"/api/blobs/sha256:{'0' * 64}", content=(bytes(1024) for _ in range(4)))
        assert "MODELYARD_MAX_BLOB_BYTES" in failure(answer, 413)
        assert list((tmp_path / "home" / "blobs").iterdir()) == []


def test_what_was_made_is_there_after_a_restart(tmp_path: Path) -> None:
    digest = f"sha256:{hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()}"
    body = {"model": "kept:v1", "files": {"a.gguf": digest}, "system": "Be brief.", "parameters": {"num_ctx": 256}}
    with live(tmp_path / "home") as server:
        assert server.http.post(f"/api/blobs/{digest}", content=WEIGHTS.read_bytes()).status_code == 201
        assert server.http.post("/api/create", json={**body, "stream": False}).json() == {"status": "success"}
        server.stop()
    moved = (tmp_path / "home").rename(tmp_path / "elsewhere")
    with live(moved) as server:
        about = server.http.post("/api/show", json={"model": "kept:v1"}).json()
        assert (about["system"], about["parameters"].split()) == ("Be brief.", ["num_ctx", "256"])
        listed = {each["name"]: each["size"] for each in server.http.get("/api/tags").json()["models"]}
        assert listed["kept-v1:latest"] == WEIGHTS.stat().st_size
        assert str(moved) in about["modelfile"]
        assert server.http.request("DELETE", "/api/delete", json={"model": "kept:v1"}).status_code == 200
        assert list((moved / "created").iterdir()) == []
