"""Requests that schemathesis makes up from our own OpenAPI document, sent to a real server: no 5xx, nothing undocumented.

`SCHEMA_EXAMPLES` sets how many are made up for each operation (100 gives more than 5,000 in all).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import make_gguf
from tests.live import live

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
LEFT_OUT = "/v1/clusters"
"""Its only operation ends the server; tests/api has a test of its own for it."""
HOOKS = Path(__file__).with_name("schema_hooks.py")


@pytest.mark.timeout(1800)
def test_what_the_document_allows_gets_a_documented_answer(tmp_path: Path) -> None:
    examples = os.environ.get("SCHEMA_EXAMPLES", "8")
    with live(tmp_path / "home", {"HF_HUB_OFFLINE": "1"}) as server:
        made = server.http.post("/v1/admin/keys", json={"name": "schema"}).json()  # or its requests make the first
        key, kept = made["key"], [made["id"], made["prefix"], "schema", "subject", "vectors"]
        server.http.headers["authorization"] = f"Bearer {key}"
        server.launched("subject")
        vectors = make_gguf.embedding_model(tmp_path / "vectors.gguf")
        server.launched("vectors", model_name=str(vectors), model_engine=None)
        done = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{server.url}/openapi.json"),
                *("--header", f"Authorization: Bearer {key}"),
                *("--checks", CHECKS, "--phases", "fuzzing", "--max-examples", examples),
                *("--exclude-path", LEFT_OUT, "--generation-database", "none", "--seed", "7", "--no-color"),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={
                **os.environ,
                "SCHEMATHESIS_HOOKS": str(HOOKS),
                "PYTHONPATH": str(HOOKS.parent),
                "SCHEMA_KEPT": ",".join(kept),
            },
        )
        assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-2_000:]
        assert server.http.get("/health").status_code == 200
        assert server.chat("subject").status_code == 200
    found = re.search(r"(\d+) generated", done.stdout)
    assert found and int(found[1]) > 100
    print(found[0])
