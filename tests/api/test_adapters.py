"""Adapters of running models, on a real server with replicas that only pretend: names, lives, and what is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI

from modelyard.client import Client
from tests.adapter_files import peft_adapter
from tests.live import Live, error_of, live
from tests.processes import wait_for


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("adapters")
    for name in ("one", "two", "three"):
        peft_adapter(made / name)
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("server") / "home") as running:
        modules = [f"my_tuner={folder / 'one'}", f"中文={folder / 'two'}"]
        running.launched("base", replica=2, lora_modules=modules)
        yield running


def load(server: Live, name: str, path: Path, **body: Any) -> httpx.Response:
    return server.http.post("/v1/load_lora_adapter", json={"lora_name": name, "lora_path": str(path), **body})


def unload(server: Live, name: str) -> httpx.Response:
    return server.http.post("/v1/unload_lora_adapter", json={"lora_name": name})


def adapters(server: Live) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in server.http.get("/v1/adapters").json()["data"]}


def test_each_adapter_is_a_model(server: Live, folder: Path) -> None:
    with OpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
        listed = {model.id: model for model in client.models.list()}
        assert list(listed)[:3] == ["base", "my_tuner", "中文"]
        assert (listed["my_tuner"].parent, listed["my_tuner"].root) == ("base", str(folder / "one"))  # type: ignore[attr-defined]
        assert listed["base"].parent is None  # type: ignore[attr-defined]
        assert client.models.retrieve("my_tuner").id == "my_tuner"
        for name in listed:
            answer = client.chat.completions.create(model=name, messages=[{"role": "user", "content": "hi"}])
            assert answer.model == name


def test_a_name_that_is_nearly_right_is_told_the_right_one(server: Live) -> None:
    answer = server.chat("my-tuner")
    assert answer.status_code == 404
    assert "Did you mean 'my_tuner'?" in error_of(answer)["message"]


def test_loading_and_unloading_while_it_runs(server: Live, folder: Path) -> None:
    answer = load(server, "late", folder / "three")
    assert answer.status_code == 200 and "'late' added successfully" in answer.text
    assert adapters(server)["late"]["replica_ready"] == 2
    assert server.chat("late").json()["model"] == "late"
    again = load(server, "late", folder / "three")
    assert again.status_code == 400 and "loaded already" in error_of(again)["message"]
    assert load(server, "late", folder / "two", load_inplace=True).status_code == 200
    assert adapters(server)["late"]["root"] == str(folder / "two")
    assert load(server, "late", folder / "two", load_inplace=True).status_code == 200, "the same files once more"
    assert unload(server, "late").status_code == 200
    assert server.chat("late").status_code == 404
    gone = unload(server, "late")
    assert gone.status_code == 404 and "my_tuner" in error_of(gone)["message"]


def test_deleting_the_model_of_an_adapter_unloads_the_adapter(server: Live, folder: Path) -> None:
    load(server, "brief", folder / "three")
    assert server.http.delete("/v1/models/brief").status_code == 200
    assert server.http.get("/v1/models/brief").status_code == 404
    assert server.status("base") == "READY"


def test_what_is_refused(server: Live, folder: Path, tmp_path: Path) -> None:
    missing = load(server, "x", tmp_path / "nowhere")
    assert missing.status_code == 404 and error_of(missing)["code"] == "adapter_not_found"
    assert load(server, "base", folder / "three").status_code == 409
    broken = load(server, "x", tmp_path)
    assert broken.status_code == 400 and "adapter_config.json" in error_of(broken)["message"]
    assert load(server, "x", folder / "one", model="nobody").status_code == 404
    assert load(server, " x", folder / "one").status_code == 400
    taken = server.launch("my_tuner")
    assert taken.status_code == 409 and "an adapter of 'base'" in error_of(taken)["message"]
    twice = server.launch("other", lora_modules=f"my_tuner={folder / 'one'}")
    assert twice.status_code == 409
    twins = server.launch("other", lora_modules=[f"a={folder / 'one'}", f"a={folder / 'two'}"])
    assert twins.status_code == 400 and "two adapters are called 'a'" in error_of(twins)["message"]
    assert set(adapters(server)) == {"my_tuner", "中文"}


def test_which_model_is_meant(server: Live, folder: Path) -> None:
    server.launched("second")
    try:
        unclear = load(server, "y", folder / "one")
        assert unclear.status_code == 400 and "would suit base, second" in error_of(unclear)["message"]
        assert load(server, "y", folder / "one", model="second").status_code == 200
        assert adapters(server)["y"]["parent"] == "second"
        assert load(server, "y", folder / "one", model="base").status_code == 409
    finally:
        server.http.delete("/v1/models/second")
    assert "y" not in adapters(server), "an adapter goes with its model"


def test_an_adapter_that_the_engine_refuses_leaves_the_model_as_it_was(server: Live, folder: Path) -> None:
    answer = server.launch("picky", adapter_error="no room", lora_modules=[f"z={folder / 'one'}"])
    assert answer.status_code == 502
    assert "the model runs without adapter 'z': no room" in error_of(answer)["message"]
    assert server.chat("picky").status_code == 200
    refused = server.chat("z")
    assert refused.status_code == 503 and "no room" in error_of(refused)["message"]
    assert adapters(server)["z"]["status"] == "ERROR"
    late = load(server, "late", folder / "two", model="picky")
    assert late.status_code == 400 and "no room" in error_of(late)["message"]
    assert "late" not in adapters(server)
    server.http.delete("/v1/models/picky")


def test_new_replicas_have_them_too(server: Live) -> None:
    (victim, _) = server.replicas("base")
    os.kill(victim["pid"], signal.SIGKILL)
    wait_for(lambda: victim["pid"] not in [each["pid"] for each in server.replicas("base")])
    server.http.post("/v1/models/base/replicas", json={"replica": 1})
    server.until_replicas_ready("base", 3)
    wait_for(lambda: all(each["replica_ready"] == 3 for each in adapters(server).values()))
    for _ in range(9):
        assert server.chat("my_tuner").json()["model"] == "my_tuner"


def test_an_engine_without_adapters_says_so(server: Live, folder: Path) -> None:
    answer = server.launch(
        "far", model_engine="external", base_url="http://127.0.0.1:9", lora_modules=f"a={folder}/one"
    )
    assert answer.status_code == 400
    assert error_of(answer)["param"] == "lora_modules"


def test_the_command_line_and_the_client(server: Live, folder: Path) -> None:
    def modelyard(*argv: str) -> str:
        command = [sys.executable, "-m", "modelyard", *argv, "-e", server.url]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert (
        modelyard("adapter", "load", "typed", str(folder / "three"), "--model", "base", "--scale", "0.5")
        == "typed loaded\n"
    )
    listed = modelyard("adapter", "list")
    assert "typed" in listed and "READY" in listed
    assert "adapter of base" in modelyard("list")
    with Client(server.url) as client:
        (found,) = [each for each in client.list_adapters() if each["id"] == "typed"]
        assert (found["scale"], found["parent"]) == (0.5, "base")
        client.unload_lora_adapter("typed")
        assert "added successfully" in client.load_lora_adapter("typed", str(folder / "three"))
    assert modelyard("adapter", "unload", "typed") == "typed unloaded\n"


def test_they_survive_a_restart(tmp_path: Path, folder: Path) -> None:
    peft_adapter(tmp_path / "gone")
    with live(tmp_path / "home") as first:
        first.launched("base", lora_modules={"a": str(folder / "one"), "gone": str(tmp_path / "gone")})
        load(first, "b", folder / "two")
        first.kill()
    for file in (tmp_path / "gone").iterdir():
        file.unlink()
    (tmp_path / "gone").rmdir()
    with live(tmp_path / "home") as second:
        second.until("base", "READY")
        wait_for(lambda: [each["status"] for each in adapters(second).values()] == ["READY", "ERROR", "READY"])
        assert second.chat("a").json()["model"] == "a" and second.chat("b").json()["model"] == "b"
        lost = second.chat("gone")
        assert lost.status_code == 503 and "nothing at" in error_of(lost)["message"]
