"""SGLang: the commands for one GPU and many, what is refused, and its server on our socket. It cannot run here."""

from __future__ import annotations

import asyncio
import json
import shlex
from typing import Any

import pytest
import uvicorn

from modelyard.core.errors import InvalidParameter, UnknownOption
from modelyard.core.types import Adapter, Address, Device, Hardware, Json, Launch, Model, ModelType, Shape
from modelyard.engines.base import PYTHON, Command
from modelyard.engines.sglang import engine
from modelyard.engines.sglang.start import TOKEN_VARIABLE, SglangFront, listen_at
from tests.parameter_rules import refused

GIB = 1024**3
SHAPE = Shape(layers=28, hidden=3584, heads=28, kv_heads=4, head_dim=128, vocab=152064)
MODEL = Model("qwen", path="/models/qwen", context_length=32768, weights_bytes=15 * GIB, shape=SHAPE)
CPU = Device("cpu", "main memory", 64 * GIB, 64 * GIB)
GPU = Device("cuda:0", "a GPU", 80 * GIB, 80 * GIB)
HEAD = "-m modelyard.engines.sglang.start /run/1.sock --model-path /models/qwen --served-model-name my-qwen --enable-metrics"


def command(gpus: int = 1, **options: Json) -> Command:
    return engine.command(Launch("my-qwen", MODEL, "sglang", options, gpus=gpus), Address(uds="/run/1.sock"), "secret")


@pytest.mark.parametrize(
    ("gpus", "options", "rest"),
    [
        (1, {}, "--mem-fraction-static 0.88"),
        (4, {}, "--tp-size 4 --mem-fraction-static 0.88"),
        (8, {"tp": 4, "dp_size": "2"}, "--tp-size 4 --dp-size 2 --mem-fraction-static 0.88"),
        (
            1,
            {"max_model_len": 4096, "gpu_memory_utilization": 0.5, "enable_prefix_caching": False},
            "--mem-fraction-static 0.5 --context-length 4096 --disable-radix-cache",
        ),
        (
            1,
            {"sglang_tool_call_parser": "qwen25", "reasoning_parser": "qwen3", "quantization": "fp8", "seed": 7},
            "--mem-fraction-static 0.88 --quantization fp8 --reasoning-parser qwen3 --tool-call-parser qwen25 "
            "--random-seed 7",
        ),
    ],
)
def test_the_command(gpus: int, options: dict[str, Json], rest: str) -> None:
    made = command(gpus, **options)
    assert made.argv[0] == PYTHON and shlex.join(made.argv[1:]) == f"{HEAD} {rest}"


def test_the_token_is_no_argument() -> None:
    made = command()
    assert "secret" not in shlex.join(made.argv) and made.env[TOKEN_VARIABLE] == "secret"
    assert made.headers == ((b"authorization", b"Bearer secret"),)


def test_tools_take_a_parser() -> None:
    assert {"tools", "tool_choice"} <= refused(command().rules)
    assert not {"tools", "tool_choice"} & refused(command(tool_call_parser="llama3").rules)


@pytest.mark.parametrize(
    ("gpus", "options", "kind", "words"),
    [
        (2, {"tp": 4}, InvalidParameter, "4 processes, and the launch has 2"),
        (1, {"tp": 1, "tp_size": 1}, InvalidParameter, "given already"),
        (1, {"context_lenth": 1}, UnknownOption, "Did you mean 'context_length'"),
    ],
)
def test_what_is_refused(gpus: int, options: dict[str, Json], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        command(gpus, **options)


def test_names_and_adapters_that_it_cannot_have() -> None:
    with pytest.raises(InvalidParameter, match="colon"):
        engine.command(Launch("a:b", MODEL, "sglang", gpus=1), Address(uds="/s"), "")
    with pytest.raises(InvalidParameter, match="SGLang engine does not load adapters"):
        engine.check_adapter(Launch("a", MODEL, "sglang", gpus=1), Adapter("x", "/x"))


def test_it_takes_a_gpu() -> None:
    assert engine.fits(MODEL, Hardware(2, (CPU,))).score == 0
    assert engine.fits(MODEL, Hardware(2, (CPU, GPU))).score == 85
    assert engine.fits(Model("e", ModelType.EMBEDDING), Hardware(2, (CPU, GPU))).score == 0
    need = engine.footprint(Launch("m", MODEL, "sglang", {"dp": 2}, gpus=2))
    assert need.weights == 30 * GIB and need.share == 0.88


def test_its_server_listens_where_we_say_and_has_our_paths_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """SGLang makes a `uvicorn.Config` with its application, a host and a port."""
    monkeypatch.setattr(uvicorn.Config, "__init__", uvicorn.Config.__init__)
    listen_at("/run/1.sock")

    async def theirs(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"theirs"})

    made = uvicorn.Config(theirs, host="127.0.0.1", port=30000, log_level="info")
    assert made.uds == "/run/1.sock" and made.log_level == "info"
    statuses: dict[str, int] = {}

    async def ask(path: str) -> None:
        async def send(message: Any) -> None:
            statuses.setdefault(path, message.get("status"))

        async def receive() -> Any:
            return {"type": "http.request", "body": b"{}"}

        app: Any = made.app
        await app({"type": "http", "path": path, "method": "POST", "headers": []}, receive, send)

    for path in ("/v1/chat/completions", "/generate", "/flush_cache", "/update_weights_from_disk"):
        asyncio.run(ask(path))
    assert list(statuses.values()) == [200, 404, 404, 404]


@pytest.mark.parametrize(
    ("says", "given"),
    [
        ("The input (30 tokens) is longer than the model's context length (20 tokens).", "30"),
        (
            "Requested token count exceeds the model's maximum context length of 20 tokens. You requested a total of 45 "
            "tokens: 15 tokens from the input messages and 30 tokens for the completion. Please reduce the number",
            "45",
        ),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_a_prompt_that_is_too_long_has_openais_code_and_both_numbers(says: str, given: str, nested: bool) -> None:
    theirs: dict[str, Any] = {"object": "error", "message": says, "type": "BadRequestError", "param": None, "code": 400}
    body = json.dumps({"error": theirs} if nested else theirs).encode()
    for path, param in (("/v1/chat/completions", "messages"), ("/v1/completions", "prompt")):
        head, sent = _through_the_door(path, 400, body)
        error = json.loads(sent["body"])["error"]
        assert (head["status"], error["code"], error["param"]) == (400, "context_length_exceeded", param)
        assert "length is 20 tokens" in error["message"] and f"has {given} in" in error["message"]
        assert dict(head["headers"])[b"content-length"] == str(len(sent["body"])).encode()


def test_other_answers_pass() -> None:
    for status, body in ((400, b'{"message": "temperature must be non-negative"}'), (400, b"odd"), (200, b"{}")):
        head, sent = _through_the_door("/v1/completions", status, body)
        assert (head["status"], sent["body"]) == (status, body)


def _through_the_door(path: str, status: int, body: bytes) -> list[dict[str, Any]]:
    """What a client gets of such an answer."""
    got: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": status, "headers": [length]})
        await send({"type": "http.response.body", "body": body})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}"}

    async def send(message: Any) -> None:
        got.append(message)

    asyncio.run(SglangFront(app)({"type": "http", "path": path, "method": "POST", "headers": []}, receive, send))
    return got
