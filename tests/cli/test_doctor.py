"""`modelyard doctor`: what it finds on a healthy machine and on broken ones."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from tests.cli.terminal import run
from tests.client.stub import Stub, json_answer


def findings(*arguments: str, **env: str) -> tuple[int, dict[str, dict[str, str]]]:
    done = run("doctor", "--json", *arguments, **env)
    assert done.stderr == ""
    return done.returncode, {finding["subject"]: finding for finding in json.loads(done.stdout)}


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


def test_a_healthy_machine_has_no_blockers(tmp_path: Path) -> None:
    home = tmp_path / "home"
    code, found = findings("-e", "127.0.0.1:1", MODELYARD_HOME=str(home), MODELYARD_PORT=free_port())
    assert code == 0, found
    assert {"python", "processor", "GPU", "engine llama_cpp", "disk", "server"} <= set(found) | {"GPU"}
    assert found["home folder"]["detail"] == f"{home} will be made"
    assert not home.exists()


def test_each_finding_is_a_line_with_a_sign(tmp_path: Path) -> None:
    done = run("doctor", "-e", "127.0.0.1:1", MODELYARD_HOME=str(tmp_path), MODELYARD_PORT=free_port())
    assert done.stdout.startswith("✓ python")
    assert "engine llama_cpp" in done.stdout and "engine fake" not in done.stdout
    every = run("doctor", "--all", "-e", "127.0.0.1:1", MODELYARD_HOME=str(tmp_path), MODELYARD_PORT=free_port())
    assert "engine fake" in every.stdout


def test_a_server_that_answers_is_named(stub: Stub, tmp_path: Path) -> None:
    stub.routes["GET /health"] = json_answer({"status": "ok", "version": "9.9", "models": {"m": "READY"}})
    port = stub.url.rpartition(":")[2]
    code, found = findings("-e", stub.url, MODELYARD_HOME=str(tmp_path), MODELYARD_PORT=port)
    assert code == 0
    assert found["server"]["detail"] == f"9.9 at {stub.url}; models: m (ready)"


def test_each_thing_that_keeps_a_server_from_running_is_a_blocker(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "modelyard.db").write_bytes(b"not a database, by far " * 100)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, found = findings("-e", "127.0.0.1:1", MODELYARD_HOME=str(tmp_path), MODELYARD_PORT=port)
    assert code == 1
    assert found["port"]["state"] == "blocked"
    assert "not a database" in found["database"]["detail"]
    code, found = findings("-e", "127.0.0.1:1", MODELYARD_HOME=str(tmp_path / "file" / "below"))
    assert (code, found["home folder"]["state"]) == (1, "blocked")
    code, found = findings("-e", "127.0.0.1:1", MODELYARD_PORT="many")
    assert (code, found["settings"]["state"]) == (1, "blocked")
    url = "postgresql+asyncpg://nobody:secret@127.0.0.1:1/x"
    code, found = findings("-e", "127.0.0.1:1", MODELYARD_HOME=str(tmp_path), MODELYARD_DATABASE_URL=url)
    assert (code, found["database"]["state"]) == (1, "blocked")
    assert "secret" not in found["database"]["detail"]
