"""The fake engine answers in OpenAI's shapes, misbehaves as told, and is light enough to be started by the dozen."""

from __future__ import annotations

import base64
import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from modelyard.core.errors import InvalidParameter, UnknownOption
from modelyard.core.types import Address, Device, Hardware, Launch, Model, ModelType, Task
from modelyard.engines import ENGINES
from modelyard.engines.fake import TOKEN_VARIABLE, engine
from tests.gateway.conftest import Replica, chat, start_replica, until

HARDWARE = Hardware(2, (Device("cpu", "CPU", 2**33, 2**33),))
STREAM: dict[str, Any] = {"stream": True}


def launch(kind: ModelType = ModelType.LLM, **options: Any) -> Launch:
    return Launch("m", Model("m", kind, format="fake"), "fake", options)


@pytest.fixture
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Replica]]:
    """Starts fake engines."""
    started: list[Replica] = []

    def start(**options: Any) -> Replica:
        path = tmp_path_factory.mktemp("f") / "s"
        started.append(start_replica(Address(uds=str(path)), **options))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def ask(replica: Replica, path: str, body: Any, method: str = "POST", token: bool = True) -> tuple[int, bytes]:
    connection = replica.connect()
    connection.request(method, path, json.dumps(body), replica.token if token else {})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, data


def events(data: bytes) -> list[Any]:
    *lines, done, empty = data.decode().split("\n\n")
    assert (done, empty) == ("data: [DONE]", "")
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def test_it_is_registered_and_fits_only_its_own_format() -> None:
    assert ENGINES.get("fake") is engine
    assert engine.missing() == ()
    assert engine.fits(Model("m", format="fake"), HARDWARE).score > 0
    assert engine.fits(Model("m", format="ggufv2"), HARDWARE).score == 0


def test_command_is_pure_and_keeps_the_token_out_of_the_arguments() -> None:
    listen = Address(uds="/run/m.sock")
    command = engine.command(launch(tokens="9"), listen, "s3cret")
    assert command.argv[:3] == (sys.executable, "-m", "modelyard.engines.fake")
    assert json.loads(command.argv[3])["options"]["tokens"] == 9
    assert not any("s3cret" in argument for argument in command.argv)
    assert command.env == {TOKEN_VARIABLE: "s3cret"}
    assert command.headers == ((b"authorization", b"Bearer s3cret"),)
    assert command.address is listen
    assert command.tasks == {Task.CHAT, Task.COMPLETION, Task.TOKENIZATION, Task.DETOKENIZATION}
    assert engine.command(launch(ModelType.RERANK), listen, "").tasks >= {Task.RERANK, Task.CLASSIFICATION}


def test_options_are_checked_before_the_start() -> None:
    with pytest.raises(UnknownOption, match="tokens"):
        engine.command(launch(token=1), Address(), "")
    with pytest.raises(InvalidParameter, match="slots"):
        engine.command(launch(slots=-1), Address(), "")
    assert engine.footprint(launch(memory_mb=3)).total == 3 * 2**20


def test_token_guards_all_but_health(fake: Callable[..., Replica]) -> None:
    replica = fake()
    assert ask(replica, "/health", None, "GET", token=False)[0] == 200
    assert ask(replica, "/v1/models", None, "GET", token=False)[0] == 401
    assert ask(replica, "/v1/chat/completions", chat(), token=False)[0] == 401
    assert json.loads(ask(replica, "/v1/models", None, "GET")[1])["data"][0]["id"] == "m"


def test_chat(fake: Callable[..., Replica]) -> None:
    replica = fake(tokens=3)
    whole = json.loads(ask(replica, "/v1/chat/completions", chat())[1])
    assert (whole["object"], whole["model"]) == ("chat.completion", "m")
    assert whole["choices"][0] == {
        "index": 0,
        "message": {"role": "assistant", "content": "the quick brown "},
        "logprobs": None,
        "finish_reason": "stop",
    }
    assert whole["usage"]["completion_tokens"] == 3
    first, *middle, last, usage = events(
        ask(replica, "/v1/chat/completions", chat(**STREAM, stream_options={"include_usage": True}))[1]
    )
    assert first["object"] == "chat.completion.chunk"
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [event["choices"][0]["delta"]["content"] for event in middle] == ["the ", "quick ", "brown "]
    assert (last["choices"][0]["delta"], last["choices"][0]["finish_reason"]) == ({"content": ""}, "stop")
    assert (usage["choices"], usage["usage"]["completion_tokens"], last["usage"]) == ([], 3, None)
    assert len({event["id"] for event in (first, *middle, last, usage)}) == 1


def test_completions_of_several_choices(fake: Callable[..., Replica]) -> None:
    body = {"model": "m", "prompt": "x", "n": 2, "max_tokens": 2}
    replica = fake()
    choices = json.loads(ask(replica, "/v1/completions", body)[1])["choices"]
    assert [(each["index"], each["text"], each["finish_reason"]) for each in choices] == [
        (0, "the quick ", "length"),
        (1, "the quick ", "length"),
    ]
    told = events(ask(replica, "/v1/completions", body | STREAM)[1])
    assert [choice["index"] for event in told[:-1] for choice in event["choices"]] == [0, 1, 0, 1]


def test_limits(fake: Callable[..., Replica]) -> None:
    replica = fake(tokens=4)

    def choice(**more: Any) -> Any:
        return json.loads(ask(replica, "/v1/chat/completions", chat(**more))[1])["choices"][0]

    assert choice(stop="own")["message"]["content"] == "the quick br"
    assert choice(stop=["fox", "quick"])["message"]["content"] == "the "
    assert choice(max_completion_tokens=1)["finish_reason"] == "length"
    assert choice(max_tokens=9)["finish_reason"] == "stop"
    assert choice(max_tokens=9, ignore_eos=True)["message"]["content"].count(" ") == 9


def test_embeddings(fake: Callable[..., Replica]) -> None:
    replica = fake(dimensions=8)
    answer = json.loads(ask(replica, "/v1/embeddings", {"model": "m", "input": ["a", "b", "a"]})[1])
    a, b, again = (each["embedding"] for each in answer["data"])
    assert a == again != b
    assert abs(sum(value * value for value in a) - 1) < 1e-9
    encoded = {"model": "m", "input": "a", "encoding_format": "base64"}
    data = json.loads(ask(replica, "/v1/embeddings", encoded)[1])["data"][0]["embedding"]
    assert struct.unpack("<8f", base64.b64decode(data)) == pytest.approx(a)


def test_texts_of_token_ids(fake: Callable[..., Replica]) -> None:
    body = {"model": "m", "input": [[0, "1"], [13]]}
    assert json.loads(ask(fake(), "/v1/convert_ids_to_tokens", body)[1]) == [["the ", "quick "], ["quick "]]


def test_rerank(fake: Callable[..., Replica]) -> None:
    body = {"model": "m", "query": "red fox 狐", "documents": ["blue", "red fox", {"text": "红狐"}], "top_n": 2}
    results = json.loads(ask(fake(), "/v1/rerank", body | {"return_documents": True})[1])["results"]
    assert [(each["index"], round(each["relevance_score"], 2)) for each in results] == [(1, 0.67), (2, 0.33)]
    assert results[1]["document"] == {"text": "红狐"}


def test_it_loads_before_it_is_healthy(fake: Callable[..., Replica]) -> None:
    replica = fake(load_seconds=0.3)
    assert ask(replica, "/health", None, "GET")[0] == 503
    assert ask(replica, "/v1/chat/completions", chat())[0] == 503
    until(lambda: ask(replica, "/health", None, "GET")[0] == 200, "it never loaded")


def test_slots_make_others_wait(fake: Callable[..., Replica]) -> None:
    replica = fake(slots=1, tokens=10, tokens_per_second=10_000)
    streams = [replica.connect() for _ in range(3)]
    for each in streams:
        each.request("POST", "/v1/chat/completions", json.dumps(chat(**STREAM)), replica.token)
    for each in streams:
        assert len(events(each.getresponse().read())) == 12
        each.close()
    assert replica.stats()["finished"] == 3


def test_wrong_bodies(fake: Callable[..., Replica]) -> None:
    replica = fake()
    wrong: list[Any] = [None, [], {}, {"messages": 1, "max_tokens": "x"}, {"fake": {"slots": -1}}]
    for body in wrong:
        assert ask(replica, "/v1/chat/completions", body)[0] == 400
    assert ask(replica, "/v1/nothing", {})[0] == 404


def test_crash_at_start_says_why() -> None:
    command = engine.command(launch(crash_at_start="no such device"), Address(), "")
    ended = subprocess.run(command.argv, capture_output=True, text=True, timeout=20)
    assert ended.returncode == 1
    assert engine.explain(ended.stderr.splitlines(), 1) == "error: no such device (exit code 1)"


def test_signals(fake: Callable[..., Replica]) -> None:
    obedient, stubborn = fake(), fake(ignore_sigterm=True)
    for each in (obedient, stubborn):
        each.process.send_signal(signal.SIGTERM)
    assert obedient.process.wait(10) == 0
    assert ask(stubborn, "/health", None, "GET")[0] == 200


def test_imports_stay_light() -> None:
    code = "import sys; import modelyard.engines.fake.__main__; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ}
    )
    heavy = {
        "pydantic",
        "sqlalchemy",
        "fastapi",
        "httpx",
        "numpy",
        "prometheus_client",
        "uvicorn",
        "modelyard.core.config",
    }
    assert not heavy & set(loaded.stdout.split())
