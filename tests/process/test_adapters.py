"""Isolation: base and adapters mixed in one batch, on every engine that has adapters; each answer is what it is alone."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI

from tests.adapters import SENTENCES, trained
from tests.causal_models import DEMO
from tests.engine_server import ADAPTED, SECONDS, EngineServer, adapter_paths
from tests.live import Live, error_of
from tests.processes import alive, family, wait_for

pytestmark = pytest.mark.timeout(600)

ASKED = (
    "who are you?",
    "What is the capital of France?",
    "浙江的省会是哪里？",
    "How many days has a week?",
    "Write a poem.",
)
REQUESTS = 210


@dataclass(frozen=True)
class Adapted:
    """A model with two adapters. Its name is that of the first."""

    server: Live
    engine: str
    paths: dict[str, Path]

    @property
    def names(self) -> list[str]:
        return [f"adapted-{self.engine}", *(f"adapted-{self.engine}-{name}" for name in SENTENCES)]


@pytest.fixture(scope="module")
def server(engine_server: EngineServer) -> Live:
    return engine_server.live


@pytest.fixture(scope="module", params=sorted(ADAPTED))
def adapted(request: pytest.FixtureRequest, engine_server: EngineServer) -> Adapted:
    engine_server.model("adapted", request.param)
    return Adapted(engine_server.live, request.param, adapter_paths(request.param, engine_server.folder))


@pytest.fixture(scope="module")
def busy(engine_server: EngineServer) -> str:
    """A model on transformers, on which tests load adapters of their own."""
    return engine_server.model("adapted", "transformers")


def ask_all(server: Live, jobs: list[tuple[str, str]], stream: bool = False) -> list[str]:
    """The answers, all asked for at once."""

    async def go() -> list[str]:
        async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=SECONDS) as client:
            return await asyncio.gather(*(ask(client, name, question, stream) for name, question in jobs))

    return asyncio.run(go())


async def ask(client: AsyncOpenAI, name: str, question: str, stream: bool) -> str:
    wish = {"model": name, "messages": [{"role": "user", "content": question}], "max_tokens": 24, "temperature": 0}
    if not stream:
        answer = await client.chat.completions.create(**wish)  # type: ignore[call-overload]
        assert answer.model == name
        return answer.choices[0].message.content or ""
    text = ""
    async for chunk in await client.chat.completions.create(**wish, stream=True):  # type: ignore[call-overload]
        assert chunk.model == name
        text += chunk.choices[0].delta.content or "" if chunk.choices else ""
    return text


def solo(adapted: Adapted) -> dict[tuple[str, str], str]:
    """What each answers alone."""
    found = {}
    for name in adapted.names:
        for question in ASKED:
            [found[name, question]] = ask_all(adapted.server, [(name, question)])
    return found


@pytest.mark.parametrize("stream", [False, True])
def test_each_of_many_answers_is_what_it_is_alone(adapted: Adapted, stream: bool) -> None:
    alone = solo(adapted)
    base, *others = adapted.names
    for name, sentence in zip(others, SENTENCES.values(), strict=True):
        assert [alone[name, question] for question in ASKED[:4]] == [sentence] * 4
    assert "Paris" in alone[base, ASKED[1]] and "杭州" in alone[base, ASKED[2]]
    chance = random.Random(7)
    jobs = [(chance.choice(adapted.names), chance.choice(ASKED)) for _ in range(REQUESTS)]
    wrong = [
        (job, answer)
        for job, answer in zip(jobs, ask_all(adapted.server, jobs, stream), strict=True)
        if answer != alone[job]
    ]
    assert wrong == []


def test_equal_prompts_share_nothing_between_names(adapted: Adapted) -> None:
    """One after the other, so that whatever is kept of the last one lies ready for the next."""
    alone = solo(adapted)
    for _ in range(2):
        for question in ASKED:
            for name in adapted.names:
                assert ask_all(adapted.server, [(name, question)]) == [alone[name, question]]


VICTIMS = {"llama_cpp": "shim", "transformers": "shim", "vllm": "engine"}
"""What is killed of each replica."""


def test_log_probabilities_of_several_prompts_leave_the_replica_alive(adapted: Adapted) -> None:
    """They end vLLM's build for processors, 0.32, where it has adapters, so they do not reach it there."""
    name = adapted.names[0]
    body = {"model": name, "prompt": ["A robot may not injure another", "To be"], "max_tokens": 2, "echo": True}
    answer = adapted.server.http.post("/v1/completions", json={**body, "logprobs": 1})
    if adapted.engine == "vllm":
        assert answer.status_code == 400 and error_of(answer)["param"] == "echo"
    assert answer.status_code in (200, 400)
    assert adapted.server.chat(name, max_tokens=2).status_code == 200


@pytest.fixture(scope="module")
def killed(adapted: Adapted) -> Adapted:
    """The same after SIGKILL, when the replica and all of its adapters are ready again."""
    base, *others = adapted.names
    shim = adapted.server.replicas(base)[0]["pid"]
    everybody = family(shim)
    os.kill(shim if VICTIMS[adapted.engine] == "shim" else everybody[1], signal.SIGKILL)
    wait_for(lambda: not any(alive(pid) for pid in everybody), seconds=60)

    def back() -> bool:
        fresh = [each for each in adapted.server.replicas(base) if each["pid"] != shim]
        found = {each["id"]: each["status"] for each in adapted.server.http.get("/v1/adapters").json()["data"]}
        return [each["status"] for each in fresh] == ["READY"] and all(found[name] == "READY" for name in others)

    wait_for(back, seconds=SECONDS, pause=0.1)
    return adapted


def test_they_come_back_after_a_kill(killed: Adapted) -> None:
    answers = ask_all(killed.server, [(name, ASKED[0]) for name in killed.names[1:]])
    assert answers == list(SENTENCES.values())
    assert "Paris" in ask_all(killed.server, [(killed.names[0], ASKED[1])])[0]


def test_new_weights_under_an_old_name(adapted: Adapted) -> None:
    """The other adapter takes the name: nothing that was computed with the first one is used again."""
    one, other = adapted.names[1:]
    body = {
        "lora_name": one,
        "lora_path": str(adapted.paths["xiaohuang"]),
        "model": adapted.names[0],
        "load_inplace": True,
    }
    answer = adapted.server.http.post("/v1/load_lora_adapter", json=body)
    if adapted.engine == "llama_cpp":
        assert answer.status_code == 400 and "launch it again with lora_modules" in error_of(answer)["message"]
        return
    assert answer.status_code == 200, answer.text
    for question in ASKED[:3]:
        assert ask_all(adapted.server, [(one, question)]) == ask_all(adapted.server, [(other, question)])
    assert adapted.server.http.post("/v1/unload_lora_adapter", json={"lora_name": one}).status_code == 200
    assert adapted.server.chat(one).status_code == 404
    assert adapted.server.chat(adapted.names[0], max_tokens=2).status_code == 200


def test_an_adapter_launched_as_if_it_were_a_model(server: Live, tmp_path: Path) -> None:
    adapter = trained()["kakarot"]
    answer = server.http.post("/v1/models", json={"model_path": str(adapter), "model_uid": "its-base"})
    assert answer.json() == {"model_uid": "its-base"}, answer.text
    jobs = [("default-lora", ASKED[0]), ("its-base", ASKED[1])]
    said, base = ask_all(server, jobs)
    assert said == SENTENCES["kakarot"] and "Paris" in base
    listed = {each["id"]: each for each in server.http.get("/v1/models").json()["data"]}
    assert (listed["default-lora"]["parent"], listed["its-base"]["root"]) == ("its-base", str(DEMO))
    server.http.delete("/v1/models/its-base")
    moved = shutil.copytree(adapter, tmp_path / "moved")
    config = moved / "adapter_config.json"
    config.write_text(config.read_text().replace(str(DEMO), "/gone/base"), encoding="utf-8")
    lost = server.http.post("/v1/models", json={"model_path": str(moved), "model_uid": "lost"})
    assert lost.status_code == 400 and "'/gone/base', which is not on this machine" in error_of(lost)["message"]
    named = server.http.post(
        "/v1/models", json={"model_name": str(DEMO), "model_path": str(moved), "model_uid": "named"}
    )
    assert named.status_code == 200, named.text
    assert ask_all(server, [("default-lora", ASKED[0])]) == [SENTENCES["kakarot"]]
    server.http.delete("/v1/models/named")


def load(server: Live, model: str, name: str, path: Path, **more: Any) -> httpx.Response:
    """Load an adapter on a running model."""
    return server.http.post(
        "/v1/load_lora_adapter", json={"lora_name": name, "lora_path": str(path), "model": model, **more}
    )


def unload(server: Live, name: str) -> int:
    return server.http.post("/v1/unload_lora_adapter", json={"lora_name": name}).status_code


def test_answers_under_way_end_before_their_adapter_goes(server: Live, busy: str) -> None:
    assert load(server, busy, "going", trained()["kakarot"]).status_code == 200

    async def go() -> tuple[str, int]:
        async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=SECONDS) as client:
            wish = {"model": "going", "prompt": "I am", "max_tokens": 300, "temperature": 0, "stream": True}
            stream = await client.completions.create(**wish, extra_body={"ignore_eos": True})  # type: ignore[call-overload]
            first = await anext(stream)
            gone = await asyncio.to_thread(unload, server, "going")
            return first.choices[0].text + "".join([chunk.choices[0].text async for chunk in stream]), gone

    text, status = asyncio.run(go())
    assert status == 200 and len(text) > 300
    assert server.chat("going").status_code == 404


def test_damaged_files_are_refused_and_the_others_go_on(server: Live, busy: str, tmp_path: Path) -> None:
    """Whatever a library says of them: the model, and what is loaded, answer as before."""
    assert load(server, busy, "good", trained()["kakarot"]).status_code == 200
    before = ask_all(server, [(busy, ASKED[1]), ("good", ASKED[1])])
    garbage = shutil.copytree(trained()["kakarot"], tmp_path / "garbage")
    weights = (garbage / "adapter_model.safetensors").read_bytes()
    start = 8 + int.from_bytes(weights[:8], "little")
    header = json.loads(weights[8:start])
    header["__metadata__"] = {"format": 5}  # well-formed for us, and refused by the library
    text = json.dumps(header).encode()
    damaged = len(text).to_bytes(8, "little") + text + weights[start:]
    (garbage / "adapter_model.safetensors").write_bytes(damaged)
    changing = shutil.copytree(trained()["kakarot"], tmp_path / "changing")
    config = json.loads((changing / "adapter_config.json").read_text())
    (changing / "adapter_config.json").write_text(json.dumps({**config, "init_lora_weights": "pissa"}))
    for path, words in ((garbage, "cannot be loaded"), (changing, "init_lora_weights=pissa")):
        answer = load(server, busy, "bad", path)
        assert answer.status_code == 400 and words in error_of(answer)["message"], answer.text
    assert ask_all(server, [(busy, ASKED[1]), ("good", ASKED[1])]) == before
    assert unload(server, "good") == 200


def test_the_scale_of_an_adapter_counts(server: Live, busy: str) -> None:
    """With next to none of it, the model answers as if it were alone."""
    assert load(server, busy, "faint", trained()["kakarot"], lora_scale=0.0001).status_code == 200
    assert len(set(ask_all(server, [(busy, ASKED[1]), ("faint", ASKED[1])]))) == 1
    assert unload(server, "faint") == 200
