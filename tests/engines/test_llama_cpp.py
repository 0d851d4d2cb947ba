"""llama.cpp as an engine: the command as data, then real replicas on tiny models, spoken to as the gateway does."""

from __future__ import annotations

import base64
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from modelyard.core.errors import InvalidParameter, UnknownOption
from modelyard.core.types import Address, Hardware, Json, Launch, Model, ModelType, Shape, Task
from modelyard.engines.llama_cpp import CONFIG_VARIABLE, TOKEN_VARIABLE, engine
from modelyard.engines.llama_cpp.options import LlamaConfig
from modelyard.engines.llama_cpp.rules import RULES
from tests import make_gguf
from tests.causal_models import DEMO
from tests.parameter_rules import refused

TOKEN = "a-token"
CHAT = "/v1/chat/completions"
COMPLETION = "/v1/completions"
HELLO: list[dict[str, str]] = [{"role": "user", "content": "hello"}]


def launch(path: Path, kind: ModelType = ModelType.LLM, context: int = 2048, **options: Json) -> Launch:
    model = Model(name=path.stem, type=kind, format="ggufv2", path=str(path), context_length=context)
    return Launch("public-name", model, "llama_cpp", options)


class Replica:
    """A running replica and a client that holds its token."""

    def __init__(self, folder: Path, wanted: Launch) -> None:
        self.socket = folder / "r.sock"
        self.command = engine.command(wanted, Address(uds=str(self.socket)), TOKEN)
        self.log = folder / "log"
        with self.log.open("wb") as log:
            env = {**os.environ, **self.command.env}
            self.process = subprocess.Popen(self.command.argv, env=env, stdout=log, stderr=subprocess.STDOUT)
        self.transport = httpx.HTTPTransport(uds=str(self.socket))
        headers = {name.decode(): value.decode() for name, value in self.command.headers}
        self.http = httpx.Client(base_url="http://replica", transport=self.transport, headers=headers, timeout=150)
        self._wait_until_healthy()

    def _wait_until_healthy(self) -> None:
        while self.process.poll() is None:
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(str(self.socket)) == 0:
                    break
            time.sleep(0.005)
        if self.process.poll() is None:
            assert self.http.get(self.command.health_path).status_code == 200

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.http.post(path, json={"model": "public-name", **body})

    def json(self, path: str, **body: Any) -> Any:
        answer = self.post(path, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def stop(self) -> int:
        self.http.close()
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(10)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("llama")


@pytest.fixture(scope="module")
def chat_file(folder: Path) -> Path:
    return make_gguf.chat_model(folder / "chat.gguf")


@pytest.fixture(scope="module")
def chat(folder: Path, chat_file: Path) -> Iterator[Replica]:
    (folder / "c").mkdir()
    replica = Replica(folder / "c", launch(chat_file))
    yield replica
    replica.stop()


@pytest.fixture(scope="module")
def embedder(folder: Path) -> Iterator[Replica]:
    (folder / "e").mkdir()
    model = make_gguf.embedding_model(folder / "embed.gguf")
    replica = Replica(folder / "e", launch(model, ModelType.EMBEDDING, 512))
    yield replica
    replica.stop()


@pytest.fixture(scope="module")
def reranker(folder: Path) -> Iterator[Replica]:
    (folder / "k").mkdir()
    model = make_gguf.rerank_model(folder / "rerank.gguf")
    replica = Replica(folder / "k", launch(model, ModelType.RERANK, 512))
    yield replica
    replica.stop()


# The command, as data


def configured(wanted: Launch) -> LlamaConfig:
    command = engine.command(wanted, Address(uds="/run/1.sock"), TOKEN)
    return msgspec.json.decode(command.env[CONFIG_VARIABLE], type=LlamaConfig)


def test_the_command_of_a_chat_model() -> None:
    command = engine.command(launch(Path("/m/x.gguf")), Address(uds="/run/1.sock"), TOKEN)
    assert command.argv == (sys.executable, "-m", "modelyard.engines.llama_cpp")
    assert command.env[TOKEN_VARIABLE] == TOKEN
    assert command.env["OMP_WAIT_POLICY"] == "passive"
    assert TOKEN not in command.env[CONFIG_VARIABLE]
    assert command.headers == ((b"authorization", b"Bearer " + TOKEN.encode()),)
    assert command.tasks == {Task.CHAT, Task.COMPLETION, Task.TOKENIZATION, Task.DETOKENIZATION}
    assert command.health_path == "/health"
    assert command.rules is RULES


def test_context_is_per_request_and_bounded() -> None:
    path = Path("/m/x.gguf")
    assert configured(launch(path, context=131072)).n_ctx == 8192
    assert configured(launch(path, context=1024)).n_ctx == 1024
    assert configured(launch(path, context=0)).n_ctx == 4096
    assert configured(launch(path, context=131072, n_ctx="32768")).n_ctx == 32768
    assert configured(launch(path, context_length=512)).n_ctx == 512
    embedding = configured(launch(path, ModelType.EMBEDDING, 32768))
    assert (embedding.n_ctx, embedding.n_ubatch) == (2048, 2048)


@pytest.mark.parametrize(("trained", "n_ctx", "usable"), [(2048, 32768, 2048), (2048, 512, 512), (0, 32768, 32768)])
def test_the_context_that_is_told_is_one_that_llama_cpp_accepts(trained: int, n_ctx: int, usable: int) -> None:
    wanted = launch(Path("/m/x.gguf"), context=trained, n_ctx=n_ctx)
    assert engine.command(wanted, Address(uds="/run/1.sock"), TOKEN).context_length == usable


def test_options_are_converted_and_checked(tmp_path: Path) -> None:
    path = Path("/m/x.gguf")
    options = configured(launch(path, n_parallel="2", use_mmap="false", cache_type_k="q8_0")).options
    assert (options.n_parallel, options.use_mmap, options.cache_type_k) == (2, False, "q8_0")
    with pytest.raises(UnknownOption, match="Did you mean 'n_parallel'"):
        configured(launch(path, n_paralel=2))
    with pytest.raises(InvalidParameter, match="cache_type_k"):
        configured(launch(path, cache_type_k="q9"))
    with pytest.raises(InvalidParameter, match="tensor_split"):
        configured(launch(path, tensor_split="half"))
    with pytest.raises(InvalidParameter, match="lora"):
        configured(launch(path, lora=[str(tmp_path / "none.gguf")]))
    with pytest.raises(InvalidParameter, match="context_length"):
        configured(launch(path, n_ctx=1, context_length=2))


def test_gpu_layers_follow_the_launch() -> None:
    wanted = launch(Path("/m/x.gguf"))
    assert configured(wanted).n_gpu_layers == 0
    assert configured(_on_gpu(wanted)).n_gpu_layers == -1
    assert configured(launch(Path("/m/x.gguf"), n_gpu_layers=7)).n_gpu_layers == 7


def _on_gpu(wanted: Launch) -> Launch:
    return Launch(wanted.uid, wanted.model, wanted.engine, wanted.options, gpus=1)


def test_tools_are_refused_when_the_template_has_none() -> None:
    def refusals(*abilities: str) -> set[str]:
        model = Model(name="m", format="ggufv2", path="/m/x.gguf", abilities=abilities)
        return refused(engine.command(Launch("u", model, "llama_cpp"), Address(), "").rules)

    assert "tools" in refusals("generate", "chat")
    assert "tools" not in refusals("generate", "chat", "tools")


def test_footprint_counts_weights_cache_and_overhead() -> None:
    shape = Shape(layers=32, hidden=4096, heads=32, kv_heads=8, head_dim=128, vocab=128256)
    model = Model(name="m", format="ggufv2", path="/m/x.gguf", context_length=8192, weights_bytes=5_000, shape=shape)
    full = engine.footprint(Launch("u", model, "llama_cpp", {"n_parallel": 1}))
    assert full.weights == 5_000
    assert full.kv_cache == 8192 * 32 * 8 * 128 * 2 * 2
    assert full.overhead > 0 and full.activations > 0
    small = engine.footprint(Launch("u", model, "llama_cpp", {"n_parallel": 1, "cache_type_k": "q8_0"}))
    assert small.kv_cache == int(8192 * 32 * 8 * 128 * (34 / 32 + 2))


def test_it_fits_gguf_files_only() -> None:
    nothing = Hardware(1, ())
    assert engine.fits(Model(name="m", format="ggufv2", path="/x"), nothing).score > 0
    assert engine.fits(Model(name="m", format="ggufv2"), nothing).score > 0, "its file may have to come from a hub"
    for model in (
        Model(name="m", format="pytorch", path="/x"),
        Model(name="m", format="ggufv2", path="/x", type=ModelType.IMAGE),
    ):
        fit = engine.fits(model, nothing)
        assert fit.score == 0 and fit.reason


# Starting and stopping


def test_it_stops_cleanly(tmp_path: Path, chat_file: Path) -> None:
    replica = Replica(tmp_path, launch(chat_file))
    assert replica.stop() == 0
    assert list(tmp_path.glob("*.sock")) == []


def test_a_socket_left_behind_is_no_obstacle(tmp_path: Path, chat_file: Path) -> None:
    first = Replica(tmp_path, launch(chat_file))
    first.process.kill()
    first.stop()
    second = Replica(tmp_path, launch(chat_file))
    assert second.http.get("/health").status_code == 200
    second.stop()


def test_it_stops_amid_a_stream(tmp_path: Path, chat_file: Path) -> None:
    replica = Replica(tmp_path, launch(chat_file))
    body = {"model": "x", "messages": HELLO, "stream": True, "ignore_eos": True}
    with replica.http.stream("POST", CHAT, json=body) as answer:
        next(answer.iter_bytes())
        replica.process.terminate()
        assert replica.process.wait(30) == 0
    replica.stop()


@pytest.mark.parametrize(("keep", "says"), [(200_000, "data is not within the file bounds"), (100, "failed to read")])
def test_a_damaged_file_ends_the_process_with_llama_cpps_own_words(
    tmp_path: Path, chat_file: Path, keep: int, says: str
) -> None:
    damaged = make_gguf.truncated(tmp_path / "damaged.gguf", chat_file, keep)
    replica = Replica(tmp_path, launch(damaged))
    assert replica.stop() == 1
    reason = engine.explain(replica.log.read_text().splitlines(), 1)
    assert says in reason
    assert "Traceback" not in replica.log.read_text()


def test_explain_tells_the_cause() -> None:
    log = [
        "0.00.009.031 E llama_model_load: error loading model: unknown model architecture: 'nope'",
        "0.00.009.048 E llama_model_load_from_file_impl: failed to load model",
        "llama.cpp could not start: Failed to init server, please check the input params.",
    ]
    assert engine.explain(log, 1) == "error loading model: unknown model architecture: 'nope' (exit code 1)"
    said = "error loading model: error loading model vocabulary: cannot find tokenizer vocab in model file"
    assert engine.explain([f"0.1 E llama_model_load: {said}"], 1) == f"{said[21:]} (exit code 1)"
    template = [
        "0.1 E common_chat_templates_init: error: Unexpected token: %} of type 9",
        "0.1 E srv          init: exiting due to model loading error",
    ]
    assert (
        engine.explain(template, 1) == "the chat template cannot be used: Unexpected token: %} of type 9 (exit code 1)"
    )
    assert "out of memory" in engine.explain([], -9)


def test_the_token_is_asked_for_everywhere_but_at_health(chat: Replica) -> None:
    stranger = httpx.Client(base_url="http://r", transport=httpx.HTTPTransport(uds=str(chat.socket)))
    assert stranger.get("/health").status_code == 200
    for path in (CHAT, COMPLETION, "/v1/embeddings", "/v1/rerank", "/tokenize", "/lora-adapters"):
        body = {"messages": HELLO, "documents": ["a"], "query": "q"}
        assert stranger.post(path, json=body).status_code == 401, path
    stranger.close()


# Generation


def test_a_whole_answer_is_what_the_stream_adds_up_to(chat: Replica) -> None:
    body: dict[str, Any] = {"messages": HELLO, "max_tokens": 20, "temperature": 0}
    whole = chat.json(CHAT, **body)
    choice = whole["choices"][0]
    assert whole["object"] == "chat.completion" and whole["model"] == "public-name"
    assert choice["message"]["role"] == "assistant" and choice["finish_reason"] == "length"
    assert whole["usage"]["completion_tokens"] == 20
    usage = whole["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + 20

    events = events_of(chat.post(CHAT, **body, stream=True, stream_options={"include_usage": True}))
    text = "".join(c["delta"].get("content") or "" for event in events for c in event["choices"])
    assert text == choice["message"]["content"]
    assert events[-1]["usage"]["completion_tokens"] == 20


def events_of(answer: httpx.Response) -> list[Any]:
    lines = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line[6:]) for line in lines[:-1]]


def test_usage_counts_every_choice(chat: Replica) -> None:
    one = chat.json(CHAT, messages=HELLO, max_tokens=5)
    two = chat.json(CHAT, messages=HELLO, max_tokens=5, n=2)
    assert [choice["index"] for choice in two["choices"]] == [0, 1]
    assert two["usage"]["completion_tokens"] == 10
    assert two["usage"]["prompt_tokens"] == one["usage"]["prompt_tokens"]

    several = chat.json(COMPLETION, prompt=["ab", "abcd"], max_tokens=3, n=2)
    assert [choice["index"] for choice in several["choices"]] == [0, 1, 2, 3]
    assert several["usage"] == {**several["usage"], "completion_tokens": 12, "prompt_tokens": 3 + 5}


def test_a_stream_of_several_prompts_holds_objects_only(chat: Replica) -> None:
    events = events_of(chat.post(COMPLETION, prompt=["ab", "cd"], max_tokens=4, stream=True))
    assert all(isinstance(event, dict) for event in events)
    assert {choice["index"] for event in events for choice in event["choices"]} == {0, 1}


def test_completions_give_logprobs_in_their_own_shape(chat: Replica) -> None:
    answer = chat.json(COMPLETION, prompt="abc", max_tokens=3, logprobs=2, logit_bias={"262": 100})["choices"][0][
        "logprobs"
    ]
    assert len(answer["tokens"]) == len(answer["token_logprobs"]) == len(answer["text_offset"]) == 3
    assert all(
        len(top) <= 3 and token in top for token, top in zip(answer["tokens"], answer["top_logprobs"], strict=True)
    )
    chatted = chat.json(CHAT, messages=HELLO, max_tokens=2, logprobs=True, top_logprobs=2, logit_bias={"262": 100})
    assert len(chatted["choices"][0]["logprobs"]["content"]) == 2


def test_parameters_do_what_they_say(chat: Replica) -> None:
    plain = {"messages": HELLO, "max_tokens": 8, "temperature": 0}
    biased = chat.json(CHAT, **plain, logit_bias={"262": 100})
    assert biased["choices"][0]["message"]["content"] == "c" * 8
    stopped = chat.json(CHAT, **plain, logit_bias={"262": 100}, stop=["cc"])
    assert stopped["choices"][0]["finish_reason"] == "stop"
    shaped = chat.json(CHAT, **{**plain, "max_tokens": 60}, response_format={"type": "json_object"})
    assert isinstance(json.loads(shaped["choices"][0]["message"]["content"]), dict)
    drawn = [chat.json(CHAT, **{**plain, "temperature": 1.5}, seed=7)["choices"][0]["message"] for _ in range(2)]
    assert drawn[0] == drawn[1]


def test_names_of_other_servers_are_understood(chat: Replica) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}
    guided = chat.json(CHAT, messages=HELLO, max_tokens=200, temperature=0, guided_json=schema)
    assert isinstance(json.loads(guided["choices"][0]["message"]["content"])["a"], bool)
    plain = {"prompt": "abc", "max_tokens": 30, "temperature": 0}
    assert (
        chat.json(COMPLETION, **plain, repetition_penalty=5.0)["choices"] != chat.json(COMPLETION, **plain)["choices"]
    )


def test_without_a_limit_an_answer_ends_with_the_context(tmp_path: Path, chat_file: Path) -> None:
    replica = Replica(tmp_path, launch(chat_file, n_ctx=256))
    answer = replica.json(CHAT, messages=HELLO, ignore_eos=True)
    assert answer["choices"][0]["finish_reason"] == "length"
    assert 200 < answer["usage"]["total_tokens"] <= 256
    for stream in (False, True):
        refused = replica.post(CHAT, messages=[{"role": "user", "content": "x" * 2000}], stream=stream)
        assert refused.status_code == 400
        error = refused.json()["error"]
        assert (error["code"], error["param"]) == ("context_length_exceeded", "messages")
        assert error["message"].startswith("This model's maximum context length is 256 tokens, and the request has 20")
    replica.stop()


@pytest.mark.parametrize("field", ["temperature", "top_p", "seed", "max_tokens", "n"])
def test_a_wrong_type_is_the_clients_fault(chat: Replica, field: str) -> None:
    answer = chat.post(CHAT, messages=HELLO, **{field: "hot"})
    assert answer.status_code == 400
    assert field.replace("max_tokens", "") in answer.json()["error"]["message"]


def test_an_empty_prompt_is_refused_where_no_token_begins_a_text(folder: Path, chat: Replica) -> None:
    """llama.cpp answers one choice of nothing with nothing, and several never."""
    assert len(chat.json(COMPLETION, prompt="", n=2, max_tokens=2)["choices"]) == 2
    plain = Replica(folder, launch(DEMO.parent / "modelyard-demo.gguf"))
    for prompt, param in (("", "prompt"), (["a", ""], "prompt[1]")):
        for stream in (False, True):
            refused = plain.post(COMPLETION, prompt=prompt, n=2, stream=stream)
            assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
    plain.stop()


def test_nonsense_is_the_clients_fault(chat: Replica) -> None:
    for content in (b"{", b"[]", b"", b'{"messages": "x"}', b'{"messages": [{"role": "user"}]}'):
        answer = chat.http.post(CHAT, content=content)
        assert 400 <= answer.status_code < 500, content
        assert answer.json()["error"]["message"]


def test_an_adapter_changes_what_is_said(tmp_path: Path, chat_file: Path, chat: Replica) -> None:
    adapter = make_gguf.adapter(tmp_path / "lora.gguf")
    replica = Replica(tmp_path, launch(chat_file, lora=[str(adapter)]))
    body: dict[str, Any] = {"prompt": "abc", "max_tokens": 20, "temperature": 0}
    assert replica.json(COMPLETION, **body)["choices"] != chat.json(COMPLETION, **body)["choices"]
    replica.stop()


# Leaving and crowding


@pytest.fixture(scope="module")
def slow(folder: Path) -> Iterator[Replica]:
    """A model that takes about a second for a hundred tokens."""
    (folder / "s").mkdir()
    dims = make_gguf.Dims(layers=6, hidden=512, heads=8, kv_heads=4)
    replica = Replica(folder / "s", launch(make_gguf.chat_model(folder / "slow.gguf", dims=dims)))
    yield replica
    replica.stop()


@pytest.mark.parametrize("stream", [False, True])
def test_requests_that_were_abandoned_do_not_delay_the_next(slow: Replica, stream: bool) -> None:
    short: dict[str, Any] = {"messages": HELLO, "max_tokens": 1}
    slow.json(CHAT, **short)
    usual = min(_seconds(slow, short) for _ in range(3))
    _abandon(slow, 8, {"messages": HELLO, "max_tokens": 900, "ignore_eos": True, "stream": stream})
    delayed = _seconds(slow, short)
    assert delayed < usual + 4, f"{delayed:.3f} s after 8 abandoned requests, {usual:.3f} s otherwise"


def _seconds(replica: Replica, body: dict[str, Any]) -> float:
    begun = time.monotonic()
    replica.json(CHAT, **body)
    return time.monotonic() - begun


def _abandon(replica: Replica, count: int, body: dict[str, Any]) -> None:
    """Send requests and close their connections when they have been taken in."""
    connections = _send(replica, count, body)
    replica.json("/tokenize", prompt="x")  # sent after them, so answered after they were read
    for connection in connections:
        connection.close()


def _send(replica: Replica, count: int, body: dict[str, Any]) -> list[socket.socket]:
    connections = []
    for _ in range(count):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(60)
        connection.connect(str(replica.socket))
        connection.sendall(_wire(CHAT, body))
        connections.append(connection)
    return connections


def _wire(path: str, body: dict[str, Any]) -> bytes:
    content = json.dumps({"model": "x", **body}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: r\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def test_clients_that_stop_reading_hold_up_nobody(chat: Replica) -> None:
    stalled = _send(chat, 24, {"messages": HELLO, "max_tokens": 300, "ignore_eos": True, "stream": True})
    assert chat.json(CHAT, messages=HELLO, max_tokens=1)["choices"]
    for connection in stalled:
        connection.close()


def test_health_answers_amid_a_crowd(slow: Replica) -> None:
    body = {"messages": HELLO, "max_tokens": 10, "stream": True, "ignore_eos": True}
    crowd = _send(slow, 64, body)
    assert slow.http.get("/health").status_code == 200
    waiting, _, _ = select.select(crowd, [], [], 0)
    assert len(waiting) < len(crowd), "health was answered after the whole crowd"
    for connection in crowd:
        assert slow.http.get("/health").status_code == 200
        assert _until_end(connection).startswith(b"HTTP/1.1 200")
        connection.close()


def _until_end(connection: socket.socket) -> bytes:
    answer = b""
    while not answer.endswith(b"\r\n0\r\n\r\n"):
        part = connection.recv(65536)
        assert part, "the connection was closed amid a stream"
        answer += part
    return answer


def test_a_connection_serves_many_requests(chat: Replica) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(chat.socket))
        connection.settimeout(10)
        for _ in range(3):
            connection.sendall(_wire(COMPLETION, {"prompt": "a", "max_tokens": 2, "stream": True}))
            _until_end(connection)


def test_a_client_that_reads_late_gets_everything(embedder: Replica) -> None:
    texts = ["cat"] * 1500  # about two megabytes of answer, more than sockets hold
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(embedder.socket))
        connection.settimeout(20)
        connection.sendall(_wire("/embeddings", {"input": texts}))
        embedder.json("/v1/embeddings", input="another client is served meanwhile")
        with connection.makefile("rb") as answer:
            length = 0
            while (line := answer.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            assert len(json.loads(answer.read(length))) == 1500
        connection.sendall(_wire("/v1/embeddings", {"input": "and the connection lives on"}))
        assert connection.recv(100).startswith(b"HTTP/1.1 200")


# Embeddings and reranking


def test_embeddings_of_every_kind_of_input(embedder: Replica) -> None:
    one = embedder.json("/v1/embeddings", input="hello")["data"][0]["embedding"]
    assert len(one) == 64
    two = embedder.json("/v1/embeddings", input=["hello", "cat"])
    assert [item["index"] for item in two["data"]] == [0, 1]
    assert two["data"][0]["embedding"] == pytest.approx(one, abs=1e-5)
    assert two["usage"]["prompt_tokens"] > 0
    assert len(embedder.json("/v1/embeddings", input=[5, 6, 7])["data"]) == 1
    assert len(embedder.json("/v1/embeddings", input=[[5, 6], [7]])["data"]) == 2
    packed = embedder.json("/v1/embeddings", input="hello", encoding_format="base64")["data"][0]["embedding"]
    assert struct.unpack("<64f", base64.b64decode(packed)) == pytest.approx(one, abs=1e-5)


CONVERT = "/v1/convert_ids_to_tokens"


def test_texts_of_token_ids_in_the_shape_they_came(embedder: Replica, chat: Replica) -> None:
    assert embedder.json(CONVERT, input=5) == " a"
    assert embedder.json(CONVERT, input=[5, 12, 5]) == [" a", " h", " a"]
    assert embedder.json(CONVERT, input=[[2, "5"], [], [12]]) == [["[CLS]", " a"], [], [" h"]]
    assert embedder.json(CONVERT, input=[]) == []
    assert chat.json(CONVERT, input=[[2]]) == [["</s>"]]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (85, "85 is no token of this model"),
        ([1, 10**6], "1000000 is no token"),
        (-1, "must be a token id"),
        ([[[1]]], "must be a token id"),
        (["a"], "must be a token id"),
        ([True], "must be a token id"),
        (None, "must be a token id"),
        (list(range(5000)), "more than 4096"),
    ],
)
def test_wrong_token_ids_are_refused(embedder: Replica, given: Any, said: str) -> None:
    answer = embedder.post(CONVERT, input=given)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "input")
    assert said in answer.json()["error"]["message"]
    assert embedder.json(CONVERT, input=5) == " a", "it lives on"


def test_embeddings_can_be_shortened(embedder: Replica) -> None:
    short = embedder.json("/v1/embeddings", input="hello", dimensions=8)["data"][0]["embedding"]
    assert len(short) == 8 and sum(x * x for x in short) == pytest.approx(1, abs=1e-5)
    packed = embedder.json("/v1/embeddings", input="hello", dimensions=8, encoding_format="base64")
    assert struct.unpack("<8f", base64.b64decode(packed["data"][0]["embedding"])) == pytest.approx(short, abs=1e-5)
    assert embedder.post("/v1/embeddings", input="hello", dimensions=65).status_code == 400


def test_too_long_a_text_is_the_clients_fault(embedder: Replica) -> None:
    for more in ({}, {"dimensions": 8}):
        answer = embedder.post("/v1/embeddings", input="cat " * 2000, **more)
        assert answer.status_code == 400, answer.text
        error = answer.json()["error"]
        assert (error["code"], error["param"]) == ("context_length_exceeded", "input")
        assert error["message"].startswith("This model's maximum context length is 512 tokens, and the request has ")


def test_too_long_a_document_is_the_clients_fault(reranker: Replica) -> None:
    answer = reranker.post("/v1/rerank", query="cats", documents=["a", "cat " * 2000])
    assert answer.status_code == 400, answer.text
    assert (answer.json()["error"]["code"], answer.json()["error"]["param"]) == ("context_length_exceeded", "documents")


def test_ranking_has_the_shape_that_clients_read(reranker: Replica) -> None:
    documents: list[Any] = ["a cat", {"text": "dogs and birds"}, "c"]
    answer = reranker.json("/v1/rerank", query="cats", documents=documents, return_documents=True)
    scores = [result["relevance_score"] for result in answer["results"]]
    assert scores == sorted(scores, reverse=True) and all(0 < score < 1 for score in scores)
    texts = {result["index"]: result["document"]["text"] for result in answer["results"]}
    assert texts == {0: "a cat", 1: "dogs and birds", 2: "c"}
    assert answer["id"] and answer["meta"]["tokens"]["input_tokens"] > 0
    top = reranker.json("/v1/rerank", query="cats", documents=documents, top_n=2)["results"]
    assert len(top) == 2 and top[0]["document"] is None


@pytest.mark.parametrize("documents", [[], [{"title": "x"}], [3], "a"])
def test_documents_that_are_none_are_the_clients_fault(reranker: Replica, documents: Any) -> None:
    assert reranker.post("/v1/rerank", query="cats", documents=documents).status_code == 400


# Elsewhere than on a Unix socket, and templates with a switch


def test_it_listens_on_a_port_where_there_are_no_unix_sockets(chat_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = engine.command(launch(chat_file), Address(port=port), TOKEN)
    process = subprocess.Popen(command.argv, env={**os.environ, **command.env}, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None and b"listening" in process.stdout.readline()
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
            assert http.post(CHAT, json={"model": "x", "messages": HELLO}).status_code == 401
            answer = http.post(
                CHAT,
                json={"model": "x", "messages": HELLO, "max_tokens": 2},
                headers={"authorization": f"Bearer {TOKEN}"},
            )
            assert answer.status_code == 200
    finally:
        process.terminate()
        assert process.wait(5) == 0
        process.stdout.close() if process.stdout else None


SWITCHED = (
    "{% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}<|assistant|>"
    "{% if enable_thinking is defined and enable_thinking is false %}<think></think>OFF{% endif %}"
    "{% if thinking is defined and thinking %}<think>DEEP{% endif %}{% endif %}"
)


@pytest.mark.parametrize(
    ("options", "body", "ends"),
    [
        ({}, {}, "<|assistant|>"),
        ({"enable_thinking": False}, {}, "OFF"),
        ({"enable_thinking": True}, {}, "DEEP"),
        ({}, {"chat_template_kwargs": {"enable_thinking": False}}, "OFF"),
        ({"enable_thinking": False}, {"chat_template_kwargs": {"enable_thinking": True}}, "<|assistant|>"),
    ],
)
def test_the_switch_for_thoughts_reaches_the_template(
    tmp_path: Path, options: dict[str, bool], body: dict[str, Any], ends: str
) -> None:
    model = make_gguf.chat_model(tmp_path / "t.gguf", template=SWITCHED)
    replica = Replica(tmp_path, launch(model, ModelType.LLM, 2048, **options))
    prompt = replica.json("/apply-template", messages=HELLO, **body)["prompt"]
    replica.stop()
    assert prompt.endswith(ends)


def test_a_chat_template_may_be_text_or_a_file(tmp_path: Path, chat_file: Path) -> None:
    file = tmp_path / "template.jinja"
    file.write_text("FILE {{ messages[0].content }}")
    for given, begins in ((str(file), "FILE hello"), ("TEXT {{ messages[0].content }}", "TEXT hello")):
        replica = Replica(tmp_path, launch(chat_file, chat_template=given))
        assert replica.json("/apply-template", messages=HELLO)["prompt"].startswith(begins)
        replica.stop()
