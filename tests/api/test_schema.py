"""Requests that schemathesis makes up from our own OpenAPI document, sent to a real server: no 5xx, nothing undocumented.

`SCHEMA_EXAMPLES` sets how many are made up for each operation (100 gives more than 5,000 in all).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import make_gguf
from tests.live import Live, live

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "response_headers_conformance"
)
LEFT_OUT = ("/v1/clusters", "/v1/events")
"""The first ends the server, and the second is a stream without an end; tests/api has tests of their own for them."""
HOOKS = Path(__file__).with_name("schema_hooks.py")


@dataclass(frozen=True, slots=True)
class Subject:
    """A running server, and the key that the made-up requests carry."""

    server: Live
    key: str
    kept: tuple[str, ...]
    """Names that no request may delete."""


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    folder = tmp_path_factory.mktemp("schema")
    with live(folder / "home", {"HF_HUB_OFFLINE": "1"}) as server:
        made = server.http.post("/v1/admin/keys", json={"name": "schema"}).json()  # or its requests make the first
        server.http.headers["authorization"] = f"Bearer {made['key']}"
        server.launched("subject")
        vectors = make_gguf.embedding_model(folder / "vectors.gguf")
        server.launched("vectors", model_name=str(vectors), model_engine=None)
        yield Subject(server, made["key"], (made["id"], made["prefix"], "schema", "subject", "vectors"))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("methods", [("GET",), ("POST",), ("PUT", "PATCH", "DELETE")])
def test_what_the_document_allows_gets_a_documented_answer(
    subject: Subject, tmp_path: Path, methods: tuple[str, ...]
) -> None:
    examples = os.environ.get("SCHEMA_EXAMPLES", "8")
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{subject.server.url}/openapi.json"),
            *("--header", f"Authorization: Bearer {subject.key}"),
            *("--checks", CHECKS, "--phases", "fuzzing", "--max-examples", examples),
            *(word for path in LEFT_OUT for word in ("--exclude-path", path)),
            *("--generation-database", "none", "--seed", "7", "--no-color"),
            *(word for method in methods for word in ("--include-method", method)),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": str(HOOKS),
            "PYTHONPATH": str(HOOKS.parent),
            "SCHEMA_KEPT": ",".join(subject.kept),
        },
    )
    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-2_000:]
    assert subject.server.http.get("/health").status_code == 200
    assert subject.server.chat("subject").status_code == 200
    found = re.search(r"(\d+) generated", done.stdout)
    assert found and int(found[1]) > 100
    print(found[0])
