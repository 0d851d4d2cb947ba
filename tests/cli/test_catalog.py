"""The commands about what can be launched and what is on the disk, with a scripted server and with a real one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli import terminal
from tests.cli.conftest import Printed
from tests.cli.served import Served
from tests.cli.terminal import Terminal, columns, run, words_of
from tests.client.stub import Stub, error_answer, json_answer, model

Call = Callable[..., Printed]

DEMO = Path(__file__).parents[2] / "src/modelyard/catalog/demo/modelyard-demo.gguf"
VERSION = "qwen--0_5B--ggufv2--q4_0"
FAMILIES = [
    {
        "model_name": "qwen",
        "model_lang": ["en", "zh", "de", "fr", "es"],
        "model_ability": ["chat", "tools"],
        "is_builtin": True,
        "model_specs": [{"model_size_in_billions": "0_5"}, {"model_size_in_billions": 7}],
    },
    {"model_name": "我的", "language": ["zh"], "model_specs": [], "is_builtin": False},
]


def test_registrations_lists_families(stub: Stub, call: Call) -> None:
    stub.routes["GET /v1/model_registrations/LLM"] = json_answer(FAMILIES)
    done = call("registrations", "-t", "LLM", "-e", stub.url)
    assert columns(done.out)[1:] == [
        ["qwen", "LLM", "0.5B, 7B", "en, zh, de, fr +1", "chat, tools", "built-in"],
        ["我的", "LLM", "-", "zh", "-", "registered"],
    ]
    assert stub.last().path == "/v1/model_registrations/LLM?detailed=true"
    assert json.loads(call("registrations", "--json", "-e", stub.url).out) == FAMILIES
    stub.routes["GET /v1/model_registrations/x"] = error_answer("invalid_parameter", "There is no type x.", 400)
    assert call("registrations", "--model-type", "x", "-e", stub.url).err == "Error: There is no type x.\n"


def test_a_family_is_registered_and_unregistered(stub: Stub, tmp_path: Path) -> None:
    stub.routes["POST /v1/model_registrations/embedding"] = json_answer(None)
    stub.routes["DELETE /v1/model_registrations/embedding/mine"] = json_answer(None)
    file = tmp_path / "mine.json"
    file.write_text('{"model_name": "mine", "dimensions": 8}', encoding="utf-8")
    done = run("register", "-t", "embedding", "-f", str(file), "-p", "-e", stub.url)
    assert (done.returncode, done.stdout) == (0, "mine registered\n")
    assert stub.last().body == {"model": file.read_text(), "worker_ip": None, "persist": True}
    piped = run("register", "-t", "embedding", "-f", "-", "--json", "-e", stub.url, text=file.read_text())
    assert json.loads(piped.stdout) == {"model_type": "embedding", "model_name": "mine", "persist": False}
    assert run("unregister", "-t", "embedding", "-n", "mine", "-e", stub.url).stdout == "mine unregistered\n"
    assert run("unregister", "-t", "embedding", "mine", "-e", stub.url).returncode == 0
    file.write_text('{"model_name": ', encoding="utf-8")
    broken = run("register", "-f", str(file), "-e", stub.url)
    assert broken.returncode == 1 and "is not JSON" in broken.stderr
    assert run("unregister", "-e", stub.url).returncode == 2
    assert run("register", "-f", str(tmp_path / "none.json"), "-e", stub.url).returncode == 2


def test_cached_lists_versions_with_their_sizes(stub: Stub, call: Call) -> None:
    found = [
        {
            "model_name": "qwen",
            "model_type": "LLM",
            "model_format": "ggufv2",
            "model_size_in_billions": "0_5",
            "quantization": "q4_0",
            "model_version": VERSION,
            "size_bytes": 2**20,
        }
    ]
    stub.routes["GET /v1/cache/models"] = json_answer({"list": found})
    done = call("cached", "-n", "qwen", "-e", stub.url)
    assert columns(done.out)[1] == ["qwen", "LLM", "ggufv2", "0.5B", "q4_0", "1.0 MB", VERSION]
    assert stub.last().path == "/v1/cache/models?model_name=qwen"
    assert json.loads(call("cached", "--json", "-e", stub.url).out) == found
    stub.routes["GET /v1/cache/models"] = json_answer({"list": []})
    assert call("cached", "--model_name", "qwen", "-e", stub.url).err == "No files of qwen are on the server.\n"


@pytest.fixture
def cache(stub: Stub) -> Stub:
    """A server with two files of one version."""
    stub.routes["GET /v1/cache/models/files"] = json_answer({"model_version": VERSION, "paths": ["/a/1", "/a/2"]})
    stub.routes["DELETE /v1/cache/models"] = json_answer({"result": True})
    return stub


def deleted(stub: Stub) -> bool:
    return any(request.method == "DELETE" for request in stub.requests)


@pytest.mark.parametrize(("typed", "code"), [("y\r", 0), ("\r", 1)])
def test_removing_asks_first(cache: Stub, typed: str, code: int) -> None:
    with Terminal("remove-cache", VERSION, "-e", cache.url) as screen:
        screen.expect("/a/2")
        screen.expect(f"Delete 2 files of {VERSION}? [y/N]")
        assert not deleted(cache)
        screen.type(typed)
        assert screen.wait() == code
    assert deleted(cache) is (code == 0)


def test_removing_with_yes_asks_nothing(cache: Stub, call: Call) -> None:
    nobody = call("remove-cache", "-n", VERSION, "-e", cache.url)
    assert nobody.code == 1 and not deleted(cache)
    assert call("remove-cache", "--model_version", VERSION, "--check", "-e", cache.url).out == f"{VERSION} removed\n"
    assert deleted(cache)
    assert call("remove-cache", "-e", cache.url).code == 2


def test_memory_of_a_launch_is_a_table(stub: Stub, call: Call) -> None:
    figures = {"weights": 2**30, "kv_cache": 2**20, "activations": 0, "overhead": 2**20, "total": 2**30 + 2**21}
    answer = {"model_name": "qwen", "model_format": "ggufv2", "context_length": 4096, "model_engine": "llama.cpp"}
    stub.routes["POST /v1/models/estimate"] = json_answer({**answer, **figures})
    words = words_of("cal-model-mem -n qwen -s 0_5 -f ggufv2 -q q4_0 -c 4096 --kv-cache-dtype 8")
    done = call(*words, "-e", stub.url)
    assert done.out.startswith("qwen, ggufv2, 4096 tokens, on llama.cpp\n")
    assert "total        1.0 GB" in done.out
    assert stub.last().body == {
        "model_name": "qwen",
        "model_size_in_billions": "0_5",
        "model_format": "ggufv2",
        "quantization": "q4_0",
        "context_length": 4096,
        "kv_cache_dtype": 8,
    }
    assert json.loads(call(*words, "--json", "-e", stub.url).out)["total"] == figures["total"]


def test_vllm_models_lists_architectures(stub: Stub, call: Call) -> None:
    stub.routes["GET /v1/models/vllm-supported"] = json_answer({"chat": ["Qwen2ForCausalLM"], "generate": []})
    done = call("vllm-models", "-e", stub.url)
    assert columns(done.out) == [["ARCHITECTURE", "ABILITY"], ["Qwen2ForCausalLM", "chat"]]


def test_stopping_the_cluster_asks_first(stub: Stub) -> None:
    stub.routes["DELETE /v1/clusters"] = json_answer({"result": True})
    with Terminal("stop-cluster", "-e", stub.url) as screen:
        screen.expect("[y/N]")
        screen.type("n\r")
        assert screen.wait() == 1
    assert stub.requests == []
    assert run("stop-cluster", "--check", "-e", stub.url).stdout == f"The server at {stub.url} is stopping.\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("catalog") / "home")
    try:
        yield served
    finally:
        if served.process.poll() is None:
            served.stop()


def test_every_command_of_xinference_works_in_a_row(server: Served, tmp_path: Path) -> None:
    """Every command of the peer's that this server has, one after the other, on a real server."""
    assert "qwen2.5-instruct" in server.run("registrations", "--model-type", "LLM").stdout
    assert "bge-m3" in server.run("registrations", "-t", "embedding").stdout
    record = {
        "version": 1,
        "model_name": "mein-模型",
        "context_length": 512,
        "model_lang": ["de"],
        "model_ability": ["chat"],
        "model_specs": [
            {
                "model_format": "ggufv2",
                "model_size_in_billions": 1,
                "quantizations": ["none"],
                "model_file_name_template": DEMO.name,
                "model_uri": str(DEMO.parent),
            }
        ],
    }
    file = tmp_path / "record.json"
    file.write_text(json.dumps(record), encoding="utf-8")
    assert server.run("register", "-t", "LLM", "-f", str(file), "-p").stdout == "mein-模型 registered\n"
    done = server.run(
        *words_of("launch -n mein-模型 -t LLM -en llama.cpp -u mine --n-gpu none --n-worker 1 --n-parallel 2")
    )
    assert (done.returncode, done.stdout) == (0, "mine\n"), done.stderr
    assert "mein-模型" in server.run("list").stdout
    said = server.run("chat", "--model-uid", "mine", "--max_tokens", "4", "--stream", "False", text="Hello\n")
    assert said.returncode == 0 and said.stdout.strip()
    assert server.run("generate", "--model-uid", "mine", "--max_tokens", "4", "-p", "Once").stdout.strip()
    whole = server.run("generate", "mine", "--stream", "false", "--max-tokens", "4", text="Once")
    assert whole.returncode == 0 and whole.stdout.strip()
    busy = server.run("unregister", "-t", "LLM", "-n", "mein-模型")
    assert busy.returncode == 1 and "in use" in busy.stderr
    assert server.run("terminate", "--model-uid", "mine").stdout == "mine terminated\n"
    assert server.run("unregister", "-t", "LLM", "-n", "mein-模型").stdout == "mein-模型 unregistered\n"
    assert "llama.cpp" in server.run("engine", "-n", "modelyard-demo").stdout
    assert "total" in server.run("cal-model-mem", "-n", "qwen2.5-instruct", "-s", "7", "-f", "ggufv2").stdout
    assert isinstance(json.loads(server.run("cached", "--json").stdout), list)
    assert server.run("remove-cache", "-n", "nobody--1B--ggufv2--none", "--check").returncode == 1
    assert "vLLM cannot run on this server" in server.run("vllm-models").stderr
    assert server.run("stop-cluster", "-y").returncode == 0
    assert server.process.wait(terminal.PATIENCE) == 0


def test_generate_continues_each_line_at_a_terminal(stub: Stub) -> None:
    from tests.client.stub import model, sse_answer

    stub.routes["GET /v1/models"] = json_answer({"data": [model("m")]})
    stub.routes["GET /v1/models/m"] = json_answer(model("m"))
    stub.routes["POST /v1/completions"] = sse_answer(b'data: {"choices": [{"text": " upon a time"}]}\n\n')
    with Terminal("generate", "-e", stub.url) as screen:
        screen.expect("Ctrl-D leaves")
        screen.type("Once\r")
        screen.expect(" upon a time")
        screen.type("\x04")
        assert screen.wait() == 0
    assert stub.last().body["prompt"] == "Once"


def test_what_is_not_there_to_show_says_where_to_look(stub: Stub, call: Call) -> None:
    stub.routes["GET /v1/models"] = json_answer({"object": "list", "data": [model("modelyard-demo")]})
    stub.routes["GET /v1/models/demoo"] = error_answer("model_not_found", "Model 'demoo' not found.", 404)
    stub.routes["GET /v1/catalog"] = json_answer({"data": [], "total": 0})
    done = call("show", "demoo")
    assert (
        done.code == 1 and "neither launched nor in the catalog" in done.err and "No model is running" not in done.err
    )
    assert "`modelyard list`" in done.err and "`modelyard catalog`" in done.err
    assert "`modelyard kb show demo`" in call("show", "kb:demo").err
