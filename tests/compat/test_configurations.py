"""How clients of other systems see a model and the machine, and where the root of Chatchat's port leads."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from modelyard.compat.chatchat.models import _is_llm, _of_entry, _of_view
from modelyard.compat.chatchat.port import ChatchatPort
from modelyard.compat.fastchat.routes import _details
from modelyard.compat.xinference.workers import _devices
from modelyard.core.types import Device, Hardware


@pytest.mark.parametrize(
    ("model_type", "is_llm"), [(None, True), ("LLM", True), ("llm", True), ("embedding", False), ("", False)]
)
def test_an_entry_without_a_type_is_a_language_model(model_type: str | None, is_llm: bool) -> None:
    entry: Any = SimpleNamespace(launch={} if model_type is None else {"model_type": model_type})
    assert _is_llm(entry) is is_llm


BASIC: Any = {"host": "h", "port": 1, "device": "cpu", "infer_turbo": False}


@pytest.mark.parametrize(
    ("launch", "changes"),
    [
        ({}, {"model_path": "uid"}),
        ({"model_name": "n"}, {"model_path": "n"}),
        ({"model_name": "n", "model_path": "p"}, {"model_path": "p"}),
        ({"model_path": "/"}, {"model_path": "/", "model_path_exists": True}),
        ({"model_path": "/nowhere"}, {"model_path": "/nowhere"}),
        ({"model_engine": "vLLM"}, {"model_path": "uid", "infer_turbo": "vllm"}),
        ({"engine": "vllm"}, {"model_path": "uid", "infer_turbo": "vllm"}),
        ({"model_engine": "fake"}, {"model_path": "uid"}),
        ({"engine": "external", "model_path": "/"}, {"online_api": True}),
    ],
)
def test_an_entry_is_a_configuration(launch: dict[str, Any], changes: dict[str, Any]) -> None:
    entry: Any = SimpleNamespace(uid="uid", launch=launch)
    assert _of_entry(entry, BASIC) == {**BASIC, **changes}


@pytest.mark.parametrize(
    ("engine", "replicas", "changes"),
    [
        ("fake", [()], {"model_path": "org/m", "device": "cpu"}),
        ("fake", [(), (0,)], {"model_path": "org/m", "device": "cuda"}),
        ("vllm", [], {"model_path": "org/m", "device": "there", "infer_turbo": "vllm"}),
        ("external", [(0,)], {"online_api": True, "device": "there"}),
    ],
)
def test_a_launched_model_is_a_configuration(engine: str, replicas: list[Any], changes: dict[str, Any]) -> None:
    model = SimpleNamespace(path=None, model_id="org/m", name="m")
    launch = SimpleNamespace(engine=engine, model=model)
    placed = [SimpleNamespace(placement=SimpleNamespace(gpu_indexes=indexes)) for indexes in replicas]
    view: Any = SimpleNamespace(desired=SimpleNamespace(launch=launch), replicas=placed)
    there: Any = {**BASIC, "device": "there"}
    assert _of_view(view, there) == {**there, **changes}
    model.model_id = None
    assert engine == "external" or _of_view(view, there)["model_path"] == "m"
    model.path = "/"
    assert engine == "external" or _of_view(view, there)["model_path_exists"] is True


@pytest.mark.parametrize(
    ("path", "method", "port", "leads_on"),
    [
        ("/", "GET", 7861, True),
        ("/", "HEAD", 7861, True),
        ("/", "POST", 7861, False),
        ("/docs", "GET", 7861, False),
        ("/", "GET", 9997, False),
    ],
)
def test_the_root_of_chatchats_port_leads_to_the_documentation(
    path: str, method: str, port: int, leads_on: bool
) -> None:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        sent.append("the server")

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask(kind: str) -> None:
        scope = {
            "type": kind,
            "path": path,
            "method": method,
            "server": ("h", port),
            "headers": [],
            "query_string": b"",
        }
        receive: Any = None
        await ChatchatPort(app, 7861)(scope, receive, send)

    asyncio.run(ask("http"))
    assert (sent[0] != "the server") is leads_on
    assert not leads_on or (sent[0]["status"], dict(sent[0]["headers"])[b"location"]) == (307, b"/docs")
    sent.clear()
    asyncio.run(ask("lifespan"))
    assert sent == ["the server"]


GIB = 2**30


def test_the_load_of_the_machine_is_told_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelyard.compat.xinference.workers.psutil.cpu_percent", lambda: 50.25)
    gpus = (Device("cuda:0", "A100", 80 * GIB, 60 * GIB), Device("cuda:1", "H100", 90 * GIB, 90 * GIB))
    found = _devices(Hardware(16, (Device("cpu", "main memory", 64 * GIB, 16 * GIB), *gpus)))
    assert found == {
        "cpu": {
            "usage": 0.5025,
            "total": 16,
            "memory_used": 48 * GIB,
            "memory_available": 16 * GIB,
            "memory_total": 64 * GIB,
        },
        "gpu-0": {"name": "A100", "mem_total": 80 * GIB, "mem_free": 60 * GIB, "mem_used": 20 * GIB},
        "gpu-1": {"name": "H100", "mem_total": 90 * GIB, "mem_free": 90 * GIB, "mem_used": 0},
    }


@pytest.mark.parametrize(
    ("planned", "own", "length"), [(4096, 8192, 4096), (None, 8192, 8192), (0, None, 2048), ("no replica", 512, 512)]
)
def test_the_context_of_a_worker_is_what_was_planned(planned: Any, own: int | None, length: int) -> None:
    replicas = [] if planned == "no replica" else [SimpleNamespace(plan=SimpleNamespace(context_length=planned))]
    launch = SimpleNamespace(model=SimpleNamespace(context_length=own))
    view = SimpleNamespace(replicas=replicas, desired=SimpleNamespace(launch=launch))
    parts: Any = SimpleNamespace(deployments=SimpleNamespace(view=lambda name: view))
    assert _details(parts, "m").context_length == length
