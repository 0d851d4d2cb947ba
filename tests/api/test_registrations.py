"""Registrations over HTTP, on a real server: both generations, what is refused, and prompts that the engine really gets."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.catalog.index import FAMILIES
from modelyard.catalog.prompt_styles import template
from modelyard.client import Client
from modelyard.core.types import Launch, ModelType
from modelyard.engines.llama_cpp import TOKEN_VARIABLE
from tests.catalog.test_prompt_styles import PROMPTS, RULED, RULED_PROMPTS, TALK, style_of
from tests.catalog.test_registration import SECOND, SEED
from tests.engines.test_llama_cpp import Replica
from tests.engines.test_llama_cpp import launch as launch_of
from tests.live import Live, error_of, live
from tests.processes import marked

DEMO = FAMILIES.folder.parent / "demo" / "modelyard-demo.gguf"
TYPES = ["LLM", "embedding", "rerank", "image", "audio", "video"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("registrations") / "home") as found:
        yield found


def register(server: Live, model: Any, type: str = "LLM", persist: bool = False) -> httpx.Response:
    text = model if isinstance(model, str) else json.dumps(model)
    return server.http.post(f"/v1/model_registrations/{type}", json={"model": text, "persist": persist})


def names(server: Live, type: str = "LLM") -> list[str]:
    return [one["model_name"] for one in server.http.get(f"/v1/model_registrations/{type}").json()]


def demo(name: str, **more: Any) -> dict[str, Any]:
    """A record of the demo model's weights under another name."""
    spec = {"model_format": "ggufv2", "model_size_in_billions": 1, "quantizations": [""], "model_uri": f"file://{DEMO}"}
    return {"version": 1, "model_name": name, "model_lang": ["en"], "model_specs": [spec], **more}


# Listing


@pytest.mark.parametrize("type", TYPES)
def test_lists_are_complete(server: Live, type: str) -> None:
    plain = server.http.get(f"/v1/model_registrations/{type}").json()
    assert [set(one) for one in plain] == [{"model_name", "is_builtin"}] * len(plain)
    known = FAMILIES.names(ModelType(type))
    assert [one["model_name"] for one in plain if one["is_builtin"]] == known
    detailed = server.http.get(f"/v1/model_registrations/{type}", params={"detailed": "true"}).json()
    assert [one["model_name"] for one in detailed if one["is_builtin"]] == known
    for one in detailed:
        family = FAMILIES.get(one["model_name"], ModelType(type))
        assert len(one["model_specs"]) == len([spec for spec in family.specs if spec.src])


def test_lists_come_in_pages(server: Live) -> None:
    every = server.http.get("/v1/model_registrations/audio", params={"detailed": "true"})
    total = int(every.headers["x-total-count"])
    assert total == len(every.json())
    found: list[dict[str, Any]] = []
    for page in range(1, total // 10 + 2):
        query: dict[str, str | int] = {"detailed": "true", "page": page, "page_size": 10}
        found += server.http.get("/v1/model_registrations/audio", params=query).json()
    assert found == every.json()
    assert error_of(server.http.get("/v1/model_registrations/audio", params={"page_size": 0}))["param"] == "page_size"


def test_one_family_by_name_and_in_the_case_people_write_it(server: Live) -> None:
    found = server.http.get("/v1/model_registrations/llm/baichuan").json()
    assert found["version"] == 1 and found["prompt_style"] is None and found["is_builtin"] is True
    assert server.http.get("/v1/model_registrations/LLM/BAICHUAN").json() == found


@pytest.mark.parametrize("type", list(ModelType), ids=str)
def test_every_record_says_what_it_is_and_what_it_reads(server: Live, type: ModelType) -> None:
    for one in server.http.get(f"/v1/model_registrations/{type}", params={"detailed": "true"}).json():
        assert one["model_description"] and one["model_ability"] and "context_length" in one, one["model_name"]


def test_every_prompt_has_the_fields_of_xinferences_page(server: Live) -> None:
    fields = {
        "style_name", "system_prompt", "roles", "intra_message_sep", "inter_message_sep", "stop", "stop_token_ids"
    }  # fmt: skip
    found = server.http.get("/v1/models/prompts").json()
    assert len(found) > 100 and all(fields <= set(each) for each in found.values())


def test_prompts_and_abilities(server: Live) -> None:
    found = server.http.get("/v1/models/prompts").json()
    assert found["baichuan-chat"]["style_name"] == "NO_COLON_TWO" and found["baichuan-chat"]["chat_template"]
    assert "baichuan" in server.http.get("/v1/models/families").json()["generate"]


# Registering


def test_the_request_of_the_seed(server: Live) -> None:
    answer = register(server, SEED)
    assert (answer.status_code, answer.json()) == (200, None)
    assert {"model_name": "Yi-34B-Chat", "is_builtin": False} in server.http.get("/v1/model_registrations/LLM").json()
    assert server.http.get("/v1/models/prompts").json()["Yi-34B-Chat"]["style_name"] == "CHATML"
    assert "Yi-34B-Chat" in server.http.get("/v1/models/families").json()["chat"]
    shown = server.http.get("/v1/model_registrations/LLM/Yi-34B-Chat").json()
    assert shown["model_specs"][0]["model_uri"] == "/TRTDir/Models/Yi-34B-Chat-GGUF"
    gone = server.http.delete("/v1/model_registrations/LLM/Yi-34B-Chat")
    assert (gone.status_code, gone.json()) == (200, None)
    assert "Yi-34B-Chat" not in names(server)
    again = server.http.get("/v1/model_registrations/LLM/Yi-34B-Chat")
    assert again.status_code == 404, "an alias of another family is no name here"


def test_a_record_may_be_an_object_too(server: Live) -> None:
    body = {"model": SECOND, "persist": False, "worker_ip": None}
    assert server.http.post("/v1/model_registrations/llm", json=body).status_code == 200
    assert server.http.get("/v1/model_registrations/LLM/my-model").json()["chat_template"] == SECOND["chat_template"]
    assert server.http.delete("/v1/model_registrations/LLM/my-model").status_code == 200


BAD: list[tuple[str, Any, int, str]] = [
    ("poem", SECOND, 400, "none of LLM, embedding, rerank, image, audio, video"),
    ("LLM", '{"model_name": "half', 400, "not JSON"),
    ("LLM", {**SECOND, "model_name": "../x"}, 400, "model_name"),
    ("LLM", {**SECOND, "model_name": "qwen3"}, 409, "already in the catalog"),
    ("LLM", {**SECOND, "chat_template": "{% if %}"}, 400, "does not parse"),
    ("LLM", {**SECOND, "chat_template": None, "prompt_style": "none-such"}, 400, "prompt_style"),
    ("LLM", {**SECOND, "context_length": 0}, 400, "context_length"),
]


def test_a_dry_run_says_what_it_would_register_and_keeps_nothing(server: Live) -> None:
    with Client(server.url) as client:
        before = sorted(server.home.rglob("*"))
        checked = client.registrations.check("LLM", demo("tried", model_ability=["chat"]), persist=True)
        assert checked["record"]["model_name"] == "tried" and checked["record"]["is_builtin"] is False
        entry = checked["entry"]
        assert (entry["fits"], entry["cached"], entry["reason"]) == (True, True, None)
        assert entry["best"] is not None and entry["best"]["model_engine"] == "llama_cpp"
        assert sorted(server.home.rglob("*")) == before and "tried" not in names(server)
        gone = {**demo("gone"), "model_specs": [{**demo("x")["model_specs"][0], "model_format": "mlx"}]}
        nowhere = client.registrations.check("LLM", gone)["entry"]
        assert (nowhere["fits"], nowhere["best"]) == (False, None) and "MLX" in str(nowhere["reason"])


@pytest.mark.parametrize(
    ("model", "persist"),
    [
        ({"model_name": "qwen3", "model_specs": [{"model_format": "ggufv2", "model_uri": "/x"}]}, False),
        ({"model_name": "gone", "model_specs": [{"model_format": "ggufv2", "model_uri": "/no/such"}]}, True),
        ({"model_name": "odd/name"}, False),
        ("no json", False),
    ],
    ids=str,
)
def test_a_dry_run_refuses_what_a_registration_refuses(server: Live, model: Any, persist: bool) -> None:
    text = model if isinstance(model, str) else json.dumps(model)
    errors = [
        error_of(server.http.post("/v1/model_registrations/LLM", json={"model": text, "persist": persist, **more}))
        for more in ({"dry_run": True}, {})
    ]
    assert errors[0] == errors[1]


@pytest.mark.parametrize("source", [str(DEMO), str(DEMO.parent / "hf")], ids=["file", "folder"])
def test_files_describe_themselves_as_a_record(server: Live, source: str) -> None:
    with Client(server.url) as client:
        made = client.registrations.draft(source, model_name="drafted")
        assert (made["model_type"], made["model"]["model_name"]) == ("LLM", "drafted")
        assert "chat" in made["model"]["model_ability"] and made["model"]["context_length"] == 2048
        assert client.registrations.check(made["model_type"], made["model"], persist=True)["entry"]["cached"]
        client.registrations.register(made["model_type"], made["model"], persist=False)
        plan = client.models.plan("drafted")
        client.registrations.unregister("LLM", "drafted")
    if (refusal := plan["refusal"]) is None:
        assert plan["root"] == source
    else:
        assert source != str(DEMO) and refusal["code"] == "no_engine_fits", "no engine for folders is installed"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"source": "no-such"}, "source"),
        ({"source": str(DEMO), "model_type": "rerank"}, "model_type"),
        ({"source": "/no/such.gguf"}, "source"),
        ({}, "source"),
    ],
    ids=str,
)
def test_a_source_that_is_none_is_named(server: Live, body: dict[str, Any], param: str) -> None:
    answer = server.http.post("/v1/model_registrations/drafts", json=body)
    assert answer.status_code in (400, 404) and error_of(answer)["param"] == param, answer.text


@pytest.mark.parametrize(("type", "model", "status", "words"), BAD)
def test_bad_input_changes_nothing(server: Live, type: str, model: Any, status: int, words: str) -> None:
    before = names(server)
    answer = register(server, model, type)
    assert answer.status_code == status
    assert words in error_of(answer)["message"]
    assert names(server) == before


@pytest.mark.parametrize("body", [{}, {"model": 3}, {"model": SEED, "persist": "perhaps"}, {"persist": True}, [], "x"])
def test_bodies_that_are_none(server: Live, body: Any) -> None:
    answer = server.http.post("/v1/model_registrations/LLM", json=body)
    assert answer.status_code == 400 and error_of(answer)["message"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("LLM/qwen3", 400),
        ("LLM/none-such", 404),
        ("poem/qwen3", 400),
        ("LLM/..%2F..%2Fetc", 404),
        ("LLM/qwen-7b-chat", 404),
    ],
)
def test_what_cannot_be_unregistered(server: Live, path: str, status: int) -> None:
    before = names(server)
    answer = server.http.delete(f"/v1/model_registrations/{path}")
    assert answer.status_code == status and error_of(answer)["message"]
    assert names(server) == before


def test_of_two_at_once_one_wins(server: Live) -> None:
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: register(server, demo("raced")).status_code, range(8)))
    assert sorted(codes) == [200] + [409] * 7
    assert names(server).count("raced") == 1
    with ThreadPoolExecutor(8) as pool:
        path = "/v1/model_registrations/LLM/raced"
        codes = list(pool.map(lambda _: server.http.delete(path).status_code, range(8)))
    assert sorted(codes) == [200] + [404] * 7


def test_what_was_to_stay_survives_a_crash(tmp_path: Path) -> None:
    with live(tmp_path / "home") as first:
        assert register(first, demo("stays"), persist=True).status_code == 200
        assert register(first, demo("goes")).status_code == 200
        first.kill()
    (file,) = (tmp_path / "home" / "registrations").glob("*.json")
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert kept == {"model_type": "LLM", "model": demo("stays")} and stat.S_IMODE(file.stat().st_mode) == 0o600
    kept["model"] |= {"model_name": "copied", "model_description": "By hand."}
    (file.parent / "my copy.json").write_text(json.dumps(kept), encoding="utf-8")
    with live(tmp_path / "home") as second:
        assert "stays" in names(second) and "goes" not in names(second)
        copied = second.http.get("/v1/model_registrations/LLM/copied").json()
        assert list(copied)[: len(kept["model"])] == list(kept["model"]) and copied["model_description"] == "By hand."
        assert copied["model_specs"][0]["quantizations"] == [""]
        assert second.http.delete("/v1/model_registrations/LLM/copied").status_code == 200
        assert [each.name for each in file.parent.iterdir()] == [file.name]
        second.launched("s", model_name="stays", model_engine=None)
        assert second.chat("s", max_tokens=4).status_code == 200


# Prompts


def prompt_of(server: Live, uid: str, messages: list[dict[str, str]]) -> str:
    """What the replica's own llama.cpp makes of a conversation."""
    address = server.http.get(f"/v1/models/{uid}").json()["address"].removeprefix("unix:")
    token = next(env[TOKEN_VARIABLE] for env in (one.environ() for one in marked(server.mark)) if address in str(env))
    with httpx.Client(transport=httpx.HTTPTransport(uds=address), headers={"authorization": f"Bearer {token}"}) as http:
        answer = http.post("http://replica/apply-template", json={"messages": messages})
        return str(answer.json()["prompt"])


def test_a_registered_style_shapes_the_prompt_and_its_stops_end_the_answer(server: Live) -> None:
    style = {
        "style_name": "ADD_COLON_TWO", "system_prompt": "Antworte kurz. 简短。", "roles": ["Frage", "Antwort"],
        "intra_message_sep": " # ", "inter_message_sep": "</s>",
    }  # fmt: skip
    assert register(server, demo("styled", model_ability=["chat"], prompt_style=style), persist=True).status_code == 200
    server.launched("styled", model_engine=None)
    assert (
        prompt_of(server, "styled", TALK)
        == "Antworte kurz. 简短。 # Frage: Hi # Antwort: 你好</s>Frage: Bye? # Antwort:"
    )
    whole = server.chat("styled", max_tokens=40, temperature=0).json()["choices"][0]["message"]["content"]
    word = whole.split()[1]
    stopping = demo("stopping", model_ability=["chat"], prompt_style={**style, "stop": [word]})
    assert register(server, stopping).status_code == 200
    server.launched("stopping", model_engine=None)
    for stop in (None, "never", ["never"]):
        choice = server.chat("stopping", max_tokens=40, temperature=0, stop=stop).json()["choices"][0]
        assert choice["message"]["content"] == whole[: whole.index(word)] and choice["finish_reason"] == "stop"
    streamed = server.chat("stopping", max_tokens=40, temperature=0, stream=True).text
    assert word not in "".join(
        json.loads(line[6:])["choices"][0]["delta"].get("content") or ""
        for line in streamed.splitlines()
        if line.startswith("data: {")
    )
    in_use = server.http.delete("/v1/model_registrations/LLM/styled")
    assert in_use.status_code == 409 and "in use by styled" in error_of(in_use)["message"]
    for uid in ("styled", "stopping"):
        assert server.http.delete(f"/v1/models/{uid}").status_code == 200
        assert server.http.delete(f"/v1/model_registrations/LLM/{uid}").status_code == 200


def test_a_template_rules_and_a_launch_option_rules_over_it(server: Live) -> None:
    record = demo("templated", version=2, chat_template="{% for m in messages %}<{{ m.content }}>{% endfor %}")
    assert register(server, record).status_code == 200
    server.launched("a", model_name="templated", model_engine=None)
    assert prompt_of(server, "a", TALK) == "<Hi><你好><Bye?>"
    server.launched("b", model_name="templated", model_engine=None, chat_template="{{ messages[0].content }}!")
    assert prompt_of(server, "b", TALK) == "Hi!"
    for uid in ("a", "b"):
        server.http.delete(f"/v1/models/{uid}")


def test_a_family_with_other_files_keeps_its_template(server: Live) -> None:
    server.launched("c", model_name="gemma-it", model_engine=None, model_path=str(DEMO))
    assert prompt_of(server, "c", TALK) == PROMPTS["gemma-it"]
    server.launched("d", model_name="qwen1.5-chat", model_engine=None, model_path=str(DEMO))
    server.launched("e", model_name="demo", model_engine=None)
    assert prompt_of(server, "d", TALK) == prompt_of(server, "e", TALK), "newer weights bring their own"
    for uid in ("c", "d", "e"):
        server.http.delete(f"/v1/models/{uid}")


@pytest.mark.parametrize("name", ["llama-2-chat", "chatglm2", "falcon-instruct", "qwen-chat"])
def test_llama_cpp_renders_a_style_as_transformers_would(tmp_path: Path, name: str) -> None:
    wanted: Launch = launch_of(DEMO, chat_template=template(style_of(name)))
    replica = Replica(tmp_path, wanted)
    try:
        prompt = replica.json("/apply-template", messages=TALK)["prompt"]
        assert prompt == PROMPTS[name]
        ruled = replica.json("/apply-template", messages=RULED)["prompt"]
        assert ruled.startswith(RULED_PROMPTS[name])
    finally:
        replica.stop()
