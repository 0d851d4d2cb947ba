"""What one request costs, others do not wait for: bodies, templates and model files are bounded, or worked on apart.

Nothing here measures time. Either a request is refused with the limit it is over, or another one that was sent after it began
is answered before it ends.
"""

from __future__ import annotations

import json
import re
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from modelyard.api.routes import ROUTES
from tests.api.knowing import Base, ok
from tests.live import Live, error_of, live
from tests.processes import wait_for

LOOPS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
WRITING = ("POST", "PUT", "PATCH")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("bounds") / "home", {"MODELYARD_MAX_OPEN_INDEXES": "2"}) as running:
        yield running


def routes_with_json(server: Live) -> list[tuple[str, str]]:
    """Method and path of every management route that takes JSON."""
    document = server.http.get("/openapi.json").json()
    own = {route.path for route in ROUTES}
    return [
        (method.upper(), re.sub(r"\{.*?\}", "1", path))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if path in own and "application/json" in operation.get("requestBody", {}).get("content", {})
    ]


def parts(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schemas inside a schema."""
    yield from schema.get("properties", {}).values()
    for name in ("anyOf", "allOf", "prefixItems"):
        yield from schema.get(name, [])
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield schema[name]


def unbounded(schema: dict[str, Any]) -> bool:
    """Whether it is a list, or an object of any fields, that may hold any number of items."""
    some_list = schema.get("type") == "array" and "prefixItems" not in schema
    some_object = schema.get("type") == "object" and "properties" not in schema
    return (some_list and "maxItems" not in schema) or (some_object and "maxProperties" not in schema)


def test_every_list_and_object_of_a_request_has_a_bound(server: Live) -> None:
    document = server.http.get("/openapi.json").json()
    schemas, seen, wrong = document["components"]["schemas"], {"Message"}, []  # the gateway has a `Message`, too
    waiting = [
        (path, operation["requestBody"]["content"]["application/json"]["schema"])
        for path in {route.path for route in ROUTES}
        for operation in document["paths"].get(path, {}).values()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    ]
    while waiting:
        where, schema = waiting.pop()
        if reference := schema.get("$ref"):
            where = reference.rpartition("/")[2]
            schema = {} if where in seen else schemas[where]
            seen.add(where)
        if unbounded(schema):
            wrong.append((where, schema))
        waiting += [(where, each) for each in parts(schema)]
    assert len(seen) > 20 and wrong == []


@pytest.mark.parametrize(
    ("path", "field", "more"),
    [
        ("/v1/knowledge_bases/search", "knowledge_bases", {"query": "x"}),
        ("/v1/knowledge_bases/demo/documents/delete", "names", {}),
        ("/knowledge_base/delete_docs", "file_names", {"knowledge_base_name": "x"}),
        ("/v1/models", "peft_model_config", {"model_name": "x"}),
        ("/other/embed_texts", "texts", {}),
        ("/chat/kb_chat", "history", {"query": "x", "kb_name": "x"}),
        ("/worker_get_embeddings", "input", {}),
    ],
)
def test_a_list_that_is_too_long(server: Live, path: str, field: str, more: dict[str, Any]) -> None:
    long = server.http.post(path, json={field: [1] * 100_001, **more})
    assert (long.status_code, error_of(long)["code"]) == (413, "too_many_values"), long.text
    wrong = server.http.post(path, json={field: [1] * 9_000, **more})
    assert 400 <= wrong.status_code < 500 and len(wrong.text) < 2000


def test_an_inference_body_of_too_many_values(server: Live) -> None:
    body = b'{"model": "m", "input": [' + b"1," * 1_000_000 + b"1]}"
    answer = server.http.post("/v1/embeddings", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 413 and "1000000 values" in error_of(answer)["message"]


@pytest.mark.parametrize("text", ['"\\ud800"', '"a\\u0000b"', "NaN"])
def test_no_json_route_takes_what_cannot_be_stored(server: Live, text: str) -> None:
    routes = routes_with_json(server)
    assert len(routes) > 50
    for method, path in routes:
        for body in (text, f'{{"name": {text}, "query": {text}, "model_name": {text}}}', f'{{"x": [{{{text}: 1}}]}}'):
            answer = server.http.request(method, path, content=body, headers={"content-type": "application/json"})
            assert answer.status_code == 400, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
            assert error_of(answer)["code"] == "malformed_body"


def test_no_address_or_form_takes_it_either(server: Live) -> None:
    base = Base.made(server, "plain")
    assert server.http.get("/v1/knowledge_bases/a%00b").status_code == 400
    assert server.http.get(f"{base.path}/documents", params={"name": "a\0b"}).status_code == 400
    for value in ('{"a": "\\ud800"}', '{"a": "\\u0000"}', "[" * 100_000, '{"a": ' + "[1]," * 100_000 + "1}"):
        answer = server.http.post(
            f"{base.path}/documents", files={"files": ("a.txt", b"text")}, data={"metadata": value}
        )
        assert answer.status_code in (400, 413), answer.text[:300]


def rendering(server: Live) -> psutil.Process | None:
    """A process of the server that renders a template and has worked for a moment."""
    for child in psutil.Process(server.process.pid).children(recursive=True):
        try:
            if "modelyard.core.template_process" in child.cmdline() and child.cpu_times().user > 0.5:
                return child
        except psutil.NoSuchProcess:
            continue
    return None


def test_a_template_that_takes_long(server: Live) -> None:
    answers: list[httpx.Response] = []

    def create() -> None:
        answers.append(server.http.post("/v1/knowledge_bases", json={"name": "slow", "prompts": {"answer": LOOPS}}))

    thread = threading.Thread(target=create)
    thread.start()
    wait_for(lambda: rendering(server), seconds=60)
    assert httpx.get(f"{server.url}/health").status_code == 200
    assert not answers, "the template was rendered before /health was answered"
    thread.join()
    assert answers[0].status_code == 400 and "2 s of processor time" in error_of(answers[0])["message"]


@pytest.mark.parametrize(
    "template", ["{{ ('a' * 700000000) | length }}", "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}"]
)
def test_a_template_that_takes_much(server: Live, template: str) -> None:
    for answer in (
        server.http.post("/v1/knowledge_bases", json={"name": "much", "prompts": {"answer": template}}),
        server.http.patch(f"{Base.made(server, f'much{len(template)}').path}", json={"prompts": {"empty": template}}),
    ):
        assert answer.status_code == 400 and "the template cannot be used" in error_of(answer)["message"]


def gguf(folder: Path, dimensions: int, key_count: int = 1) -> Path:
    """A file whose header says that its one tensor has so many dimensions."""

    def text(value: bytes) -> bytes:
        return struct.pack("<Q", len(value)) + value

    path = folder / "bad.gguf"
    path.write_bytes(
        b"GGUF"
        + struct.pack("<IQQ", 3, 1, key_count)
        + text(b"general.architecture")
        + struct.pack("<I", 8)
        + text(b"llama")
        + text(b"t")
        + struct.pack("<I", dimensions)
        + b"\xff" * 8 * dimensions
        + struct.pack("<IQ", 0, 0)
        + bytes(64)
    )
    return path


@pytest.mark.parametrize(
    ("dimensions", "keys", "words"), [(60_000, 1, "dimensions"), (5, 1, "dimensions"), (1, 2**60, "keys")]
)
def test_a_model_file_that_counts_too_much(
    server: Live, tmp_path: Path, dimensions: int, keys: int, words: str
) -> None:
    path = gguf(tmp_path, dimensions, keys)
    for route in ("/v1/models/estimate", "/v1/models"):
        answer = server.http.post(route, json={"model_name": "bad", "model_path": str(path)})
        assert answer.status_code == 400 and words in error_of(answer)["message"], answer.text


def test_a_config_that_is_too_large(server: Live, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"x")
    for content in ('{"a": "' + "x" * (9 << 20) + '"}', "[" * 200_000, '{"hidden_size": 1' + "0" * 4000 + "}"):
        (tmp_path / "config.json").write_text(content)
        answer = server.http.post("/v1/models/estimate", json={"model_name": "m", "model_path": str(tmp_path)})
        assert answer.status_code == (200 if "hidden_size" in content else 400), answer.text


def open_indexes(server: Live) -> int:
    """How many the server has open: each holds the file `lock` in its folder."""
    files = psutil.Process(server.process.pid).open_files()
    return sum(Path(file.path).name == "lock" and str(server.home) in file.path for file in files)


def test_indexes_are_closed_and_searches_go_on(server: Live) -> None:
    bases = [Base.made(server, f"index{number}") for number in range(6)]
    for number, base in enumerate(bases):
        base.add({"a.txt": f"The password of base {number} is number{number}.".encode()})

    def search(number: int) -> str:
        found = ok(httpx.post(f"{server.url}{bases[number].path}/search", json={"query": "password"}, timeout=60))
        text: str = found["data"][0]["text"]
        return text

    with ThreadPoolExecutor(8) as threads:
        for number, text in zip([*range(6)] * 10, threads.map(search, [*range(6)] * 10), strict=True):
            assert f"number{number}" in text
    search(0)  # closes what was still in use when the others were opened
    search(1)
    assert open_indexes(server) <= 2


def test_a_pattern_of_many_wildcards(server: Live) -> None:
    Base.made(server, "names").add({"a" * 150 + ".txt": b"text"})
    for pattern, count in (("%a" * 60 + "b", 0), ("%a" * 60 + "%", 1), ("a%.t_t", 1), ("%b%", 0), ("_%", 1)):
        body = {"knowledge_base_name": "names", "file_name": pattern}
        found = ok(server.http.post("/knowledge_base/search_docs", json=body))
        assert len(found) == count, json.dumps(found)[:500]
