"""vLLM: the commands for one GPU, many and none, what is refused before a start, and why a replica died."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelyard.core.errors import InvalidParameter
from modelyard.core.types import Adapter, Address, Device, Hardware, Json, Launch, Model, ModelType, Shape
from modelyard.engines.base import PYTHON, Command
from modelyard.engines.vllm import CPU_HEADS, engine, forms
from modelyard.engines.vllm.front import VllmFront
from tests.engine_environments import environment
from tests.parameter_rules import refused

GIB = 1024**3
SHAPE = Shape(layers=28, hidden=3584, heads=28, kv_heads=4, head_dim=128, vocab=152064)
MODEL = Model("qwen", path="/models/qwen", context_length=32768, weights_bytes=15 * GIB, shape=SHAPE)
LISTEN = Address(uds="/run/1.sock")
FRONT = (
    "--middleware modelyard.engines.vllm.front.VllmFront --disable-uvicorn-access-log --enable-prompt-tokens-details"
)


def launch(gpus: int = 0, model: Model = MODEL, adapters: tuple[Adapter, ...] = (), **options: Json) -> Launch:
    return Launch("my-qwen", model, "vllm", options, gpus=gpus, adapters=adapters)


def command(gpus: int = 0, model: Model = MODEL, adapters: tuple[Adapter, ...] = (), **options: Json) -> Command:
    return engine.command(launch(gpus, model, adapters, **options), LISTEN, "secret")


def line(made: Command) -> str:
    assert made.argv[0] == PYTHON
    return shlex.join(made.argv[1:])


HEAD = f"-m vllm.entrypoints.cli.main serve /models/qwen --served-model-name my-qwen --uds /run/1.sock {FRONT}"


@pytest.mark.parametrize(
    ("gpus", "options", "rest"),
    [
        (1, {}, "--gpu-memory-utilization 0.9"),
        (4, {}, "--tensor-parallel-size 4 --gpu-memory-utilization 0.9"),
        (2, {"tensor_parallel_size": "2"}, "--tensor-parallel-size 2 --gpu-memory-utilization 0.9"),
        (
            8,
            {"tp": 4, "pipeline_parallel_size": 2},
            "--tensor-parallel-size 4 --pipeline-parallel-size 2 --gpu-memory-utilization 0.9",
        ),
        (
            4,
            {"data_parallel_size": 2},
            "--tensor-parallel-size 2 --data-parallel-size 2 --gpu-memory-utilization 0.9",
        ),
        (
            1,
            {
                "quantization": "awq",
                "max_model_len": 4096,
                "dtype": "float16",
                "kv_cache_dtype": "fp8",
                "enforce_eager": True,
            },
            "--gpu-memory-utilization 0.9 --max-model-len 4096 --dtype float16 --quantization awq --kv-cache-dtype fp8 "
            "--enforce-eager",
        ),
        (
            1,
            {
                "vllm_gpu_memory_utilization": 0.5,
                "context_length": 1024,
                "max_num_seqs": 64,
                "enable_prefix_caching": False,
            },
            "--gpu-memory-utilization 0.5 --max-model-len 1024 --max-num-seqs 64 --no-enable-prefix-caching",
        ),
        (
            1,
            {"reasoning_parser": "qwen3", "tool_call_parser": "hermes", "enable_thinking": False},
            "--gpu-memory-utilization 0.9 --reasoning-parser qwen3 --enable-auto-tool-choice --tool-call-parser hermes "
            "--default-chat-template-kwargs '{\"enable_thinking\":false}'",
        ),
        (
            1,
            {"vllm_enable_lora": "true", "vllm_max_lora_rank": 32},
            "--gpu-memory-utilization 0.9 --enable-lora --max-loras 1 --max-lora-rank 32",
        ),
        (
            1,
            {"trust_remote_code": "true", "seed": 7, "vllm_args": "--max-logprobs 5 --swap-space 0"},
            "--gpu-memory-utilization 0.9 --trust-remote-code --seed 7 --max-logprobs 5 --swap-space 0",
        ),
    ],
)
def test_the_command_on_gpus(gpus: int, options: dict[str, Any], rest: str) -> None:
    assert line(command(gpus, **options)) == f"{HEAD} {rest}"


def test_the_command_on_the_processor() -> None:
    made = command(cpu_kv_cache_gib=3)
    assert line(made) == (
        "-m vllm.entrypoints.openai.api_server --model /models/qwen --served-model-name my-qwen --uds /run/1.sock "
        f"{FRONT} --max-model-len 8192 --enforce-eager"
    )
    assert made.env["VLLM_CPU_KVCACHE_SPACE"] == "3" and made.env["CUDA_VISIBLE_DEVICES"] == ""
    assert made.context_length == 8192
    assert command().env["VLLM_CPU_KVCACHE_SPACE"] == "2", "four requests of 8,192 tokens, 56 KiB each"
    assert "VLLM_CPU_KVCACHE_SPACE" not in command(1).env


def test_without_compiled_graphs_nothing_is_compiled_on_the_processor() -> None:
    """Else the first request for log-probabilities waits for it."""
    assert command().env["TORCHDYNAMO_DISABLE"] == "1"
    for made in (command(enforce_eager=False), command(1), command(1, enforce_eager=True)):
        assert "TORCHDYNAMO_DISABLE" not in made.env


@pytest.mark.parametrize("gpus", [0, 1])
def test_nobody_is_told_anything_and_the_token_is_no_argument(gpus: int) -> None:
    made = command(gpus)
    assert made.env["VLLM_NO_USAGE_STATS"] == made.env["HF_HUB_OFFLINE"] == "1"
    assert made.env["VLLM_API_KEY"] == "secret" and made.headers == ((b"authorization", b"Bearer secret"),)
    assert "secret" not in line(made)


def test_embedders_and_rerankers_are_pooled() -> None:
    for kind in (ModelType.EMBEDDING, ModelType.RERANK):
        assert "--runner pooling" in line(command(model=replace(MODEL, type=kind)))
    assert "--runner" not in line(command())


def test_a_familys_own_template() -> None:
    made = command(model=replace(MODEL, chat_template="{{ messages }}"))
    assert made.argv[made.argv.index("--chat-template") + 1] == "{{ messages }}"


def test_tools_are_refused_until_there_is_a_parser() -> None:
    assert {"tools", "tool_choice"} <= refused(command().rules)
    assert not {"tools", "tool_choice"} & refused(command(tool_call_parser="hermes").rules)


@pytest.mark.parametrize(
    ("gpus", "options", "named", "words"),
    [
        (1, {"enable_lora": True, "max_lora_rank": 20}, "max_lora_rank", "none of 1, 8, 16"),
        (1, {"vllm_args": "--lora-modules a=/x"}, "vllm_args", "--lora-modules, which is decided"),
        (2, {"tensor_parallel_size": 4}, "tensor_parallel_size", "4 processes, and the launch has 2"),
        (3, {"pipeline_parallel_size": 2}, "tensor_parallel_size", "2 processes, and the launch has 3"),
        (1, {"vllm_args": "--port 1"}, "vllm_args", "--port, which is decided by the server"),
        (1, {"vllm_args": ["--api_key=x"]}, "vllm_args", "--api-key"),
        (1, {"vllm_args": "'open"}, "vllm_args", "cannot be read"),
        (1, {"gpu_memory_utilization": 2}, "gpu_memory_utilization", "at most 1"),
        (1, {"dtype": "int3"}, "dtype", "int3"),
        (1, {"max_model_len": 2, "n_ctx": 1}, "n_ctx", "means 'max_model_len', which is given already"),
    ],
)
def test_what_is_refused_before_a_start(gpus: int, options: dict[str, Any], named: str, words: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        command(gpus, **options)
    assert caught.value.param == named and words in caught.value.message


def test_what_it_fits() -> None:
    cpu = Device("cpu", "main memory", 64 * GIB, 64 * GIB)
    plain, with_gpu = Hardware(8, (cpu,)), Hardware(8, (cpu, Device("cuda:0", "H200", 141 * GIB, 140 * GIB)))
    assert engine.fits(MODEL, with_gpu).score > 80 > engine.fits(MODEL, plain).score > 0
    awq = replace(MODEL, format="awq")
    assert engine.fits(awq, with_gpu).score > 0 == engine.fits(awq, plain).score
    assert engine.fits(replace(MODEL, format="ggufv2"), with_gpu).score == 0
    assert engine.fits(replace(MODEL, type=ModelType.IMAGE), with_gpu).score == 0


@pytest.mark.parametrize("head_dim", [16, 48, 72])
def test_heads_that_its_build_for_processors_does_not_compute(head_dim: int) -> None:
    cpu = Device("cpu", "main memory", 64 * GIB, 64 * GIB)
    plain, with_gpu = Hardware(8, (cpu,)), Hardware(8, (cpu, Device("cuda:0", "H200", 141 * GIB, 140 * GIB)))
    narrow = replace(MODEL, shape=replace(SHAPE, head_dim=head_dim))
    fit = engine.fits(narrow, plain)
    assert fit.score == 0 and f"are {head_dim} wide" in fit.reason and "32, 64, 80" in fit.reason
    assert engine.fits(narrow, with_gpu).score > 80
    assert engine.fits(replace(MODEL, shape=replace(SHAPE, head_dim=head_dim, kv_lora_rank=512)), plain).score > 0
    assert engine.fits(replace(MODEL, shape=None), plain).score > 0


def test_the_widths_of_heads_are_those_of_the_build() -> None:
    (source,) = Path(environment(engine.name).folder).glob("lib/*/site-packages/vllm/v1/attention/backends/cpu_attn.py")
    listed = re.search(r"def get_supported_head_sizes.*?return (\[[\d, ]+\])", source.read_text(encoding="utf-8"), re.S)
    assert listed and set(json.loads(listed[1])) == CPU_HEADS


def test_an_encoder_is_launched_with_what_it_reads() -> None:
    model = replace(MODEL, type=ModelType.EMBEDDING, context_length=256)
    assert "--max-model-len 256" in line(command(model=model)) and command(model=model).context_length == 256


def test_memory() -> None:
    on_cpu = engine.footprint(launch(cpu_kv_cache_gib=5))
    assert (on_cpu.kv_cache, on_cpu.share) == (5 * GIB, 0)
    one, two = engine.footprint(launch(1)), engine.footprint(launch(2, gpu_memory_utilization=0.6))
    assert (one.share, two.share) == (0.9, 0.6)
    assert two.overhead == 2 * one.overhead and two.weights == one.weights == 15 * GIB
    copies = engine.footprint(launch(2, data_parallel_size=2))
    assert copies.weights == 2 * one.weights


LOGS = {
    "greater than the derived": [
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig",
        "  Value error, User-specified max_model_len (100000) is greater than the derived max_model_len [type=value_error, "
        "input_value=ArgsKwargs((), {'model': …}), input_type=ArgsKwargs]",
        "    For further information visit https://errors.pydantic.dev/2.14/v/value_error",
    ],
    "SafetensorError: Error while deserializing header": [
        "(Worker pid=1) ERROR 11-20 23:44:05 [multiproc_executor.py:953]     with safe_open(st_file) as f:",
        "(Worker pid=1) ERROR 11-20 23:44:05 [multiproc_executor.py:953] safetensors._safetensors_rust.SafetensorError: "
        "Error while deserializing header: incomplete metadata, file not fully covered",
        "(EngineCore pid=2) ERROR 11-20 23:44:07 [core.py:1510] EngineCore failed to start.",
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}",
    ],
    "unrecognized arguments: --nonsense": [
        "usage: api_server.py [-h] [--headless]",
        "api_server.py: error: unrecognized arguments: --nonsense",
    ],
    "CUDA out of memory": [
        "(EngineCore pid=2) ERROR 11-20 23:44:07 [core.py:9] torch.OutOfMemoryError: CUDA out of memory. Tried 2 GiB.",
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}",
    ],
}


@pytest.mark.parametrize("cause", LOGS)
def test_the_line_that_says_why_it_died(cause: str) -> None:
    said = engine.explain(LOGS[cause], 1)
    assert cause in said and said.endswith("(exit code 1)")
    assert "input_value" not in said and "Engine core" not in said


def ask(path: str, answer: list[MutableMapping[str, Any]]) -> list[MutableMapping[str, Any]]:
    """What a client gets through the front from a server that answers this."""
    sent: list[MutableMapping[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in answer:
            await send(message)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"{}"}

    asyncio.run(VllmFront(app)({"type": "http", "path": path, "method": "POST", "headers": []}, receive, send))
    return sent


def started(headers: Mapping[bytes, bytes]) -> MutableMapping[str, Any]:
    return {"type": "http.response.start", "status": 200, "headers": list(headers.items())}


@pytest.mark.parametrize(
    "path", ["/invocations", "/pooling", "/score", "/v1/responses", "/adapters", "/health/", "/V1/models", ""]
)
def test_paths_that_do_not_exist_behind_the_door(path: str) -> None:
    head, body = ask(path, [started({}), {"type": "http.response.body", "body": b"secrets"}])
    assert head["status"] == 404 and b"secrets" not in body["body"]


@pytest.mark.parametrize("path", ["/tokenize", "/detokenize", "/classify"])
def test_paths_that_vllm_leaves_open_need_the_token(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "s3cret")
    head, body = ask(path, [started({}), {"type": "http.response.body", "body": b"secrets"}])
    assert head["status"] == 401 and b"secrets" not in body["body"]


ADAPTERS = (Adapter("a", "/adapters/a", rank=8), Adapter("b", "/adapters/b", rank=40))


def test_adapters_on_gpus() -> None:
    made = command(1, adapters=ADAPTERS)
    assert line(made) == f"{HEAD} --gpu-memory-utilization 0.9 --enable-lora --max-loras 2 --max-lora-rank 64"
    assert made.hot_adapters and made.env["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "1"
    assert not command(1).hot_adapters and "VLLM_ALLOW_RUNTIME_LORA_UPDATING" not in command(1).env


def test_on_the_processor_the_model_has_an_adapter_of_its_own() -> None:
    made = command(adapters=ADAPTERS)
    assert line(made).startswith(
        "-m modelyard.engines.vllm.zero --model /models/qwen --served-model-name my-qwen --uds "
    )
    assert "--enable-lora --max-loras 3 --max-lora-rank 64" in line(made), "one more than were asked for"


@pytest.mark.parametrize(
    ("adapter", "options", "words"),
    [
        (Adapter("a", "/a.gguf", "gguf"), {}, "takes folders that PEFT saved"),
        (Adapter("a", "/a", rank=8, traits=("dora",)), {}, "does not know DoRA"),
        (Adapter("a", "/a", rank=8, scale=2.0), {}, "no scale"),
        (
            Adapter("a", "/a", rank=64),
            {"max_lora_rank": 32},
            "rank 64; this launch takes 32 at most. Raise max_lora_rank",
        ),
    ],
)
def test_adapters_that_are_refused(adapter: Adapter, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        engine.check_adapter(launch(1, adapters=(adapter,), **options), adapter)


MATRYOSHKA = [
    (
        "Model 'm' does not support Matryoshka embeddings; dimensions must be unset (received dimensions=8).",
        "is_matryoshka",
    ),
    ("Model 'm' only supports dimensions in range [1, 384], got 999.", "vLLM: Model 'm' only supports dimensions"),
    ("Model 'm' only supports Matryoshka dimensions [64, 128], got 8.", "[64, 128]"),
]


@pytest.mark.parametrize(("said", "words"), MATRYOSHKA)
def test_a_refusal_about_dimensions_names_them(said: str, words: str) -> None:
    whole = json.dumps({"error": {"message": said, "type": "BadRequestError", "param": None, "code": 400}}).encode()
    head = {
        **started({b"content-type": b"application/json", b"content-length": str(len(whole)).encode()}),
        "status": 400,
    }
    parts: list[MutableMapping[str, Any]] = [
        {"type": "http.response.body", "body": whole[:9], "more_body": True},
        {"type": "http.response.body", "body": whole[9:]},
    ]
    first, body = ask("/v1/embeddings", [head, *parts])
    error = json.loads(body["body"])["error"]
    assert first["status"] == 400 and dict(first["headers"])[b"content-length"] == str(len(body["body"])).encode()
    assert error["param"] == "dimensions" and words in error["message"] and "vLLM" in error["message"]
    assert error["type"] == "BadRequestError"


def test_a_refusal_of_a_grammar_names_it() -> None:
    whole = json.dumps({"error": {"message": "Invalid grammar specification.", "param": None, "code": 400}}).encode()
    assert json.loads(forms.blamed(whole))["error"]["param"] == "guided_grammar"


@pytest.mark.parametrize("whole", [b'{"error":{"message":"too long","param":"input"}}', b"[]", b"nonsense"])
def test_other_refusals_of_vectors_pass(whole: bytes) -> None:
    head = {**started({b"content-length": str(len(whole)).encode()}), "status": 400}
    assert ask("/v1/embeddings", [head, {"type": "http.response.body", "body": whole}])[1]["body"] == whole
    ended: MutableMapping[str, Any] = {"type": "http.response.body", "body": whole}
    assert ask("/v1/embeddings", [started({}), ended]) == [started({}), ended], "and so does what is no refusal"


def test_documents_that_are_objects_are_texts_for_it() -> None:
    given = {"query": "q", "documents": [{"text": "杭州", "id": 1}, "tea", {"content": []}], "top_n": 1}
    assert json.loads(forms.as_texts(json.dumps(given).encode())) == {
        **given,
        "documents": ["杭州", "tea", {"content": []}],
    }
    for body in (b'{"documents": ["a"]}', b'{"text": 1}', b'"text"', b'["text"', b'{"documents": 5, "x": "text"}'):
        assert forms.as_texts(body) is body
