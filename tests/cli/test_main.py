"""The command line as a whole: help, errors, exit codes, colours, and what it imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from modelyard import __version__
from modelyard.cli import reference
from modelyard.cli.main import COMMANDS
from tests.cli.terminal import COMMAND, Terminal, environment, run
from tests.client.stub import Stub, error_answer, json_answer, model

ROOT = Path(__file__).parents[2]
HEAVY = {"pydantic", "fastapi", "sqlalchemy", "uvicorn", "aiohttp", "rich", "yaml", "psutil", "prometheus_client"}


def test_help_names_every_command() -> None:
    done = run("--help")
    assert done.returncode == 0
    for name in COMMANDS:
        assert f"\n  {name} " in done.stdout
        assert run(name, "--help").returncode == 0


def test_every_file_of_a_command_is_listed() -> None:
    files = {
        path.stem.replace("_", "-")
        for path in (ROOT / "src/modelyard/cli").glob("*.py")
        if "command(" in path.read_text() and not path.stem.startswith("kb_")
    }
    assert files - {"main", "reference", "groups"} == set(COMMANDS)


def test_the_reference_is_current() -> None:
    assert (ROOT / reference.FILE).read_text(encoding="utf-8") == reference.render(), (
        "run python -m modelyard.cli.reference"
    )
    for name in COMMANDS:
        assert f"### `modelyard {name}`" in reference.render()


def test_typos_and_wrong_usage_end_with_2_and_a_hint() -> None:
    done = run("lauch")
    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no command 'lauch'. Did you mean 'launch'?" in done.stderr
    assert run("list", "--nonsense").returncode == 2
    assert run("terminate").returncode == 2
    assert "one" not in run("--version").stderr


def test_without_a_server_a_command_says_how_to_start_one() -> None:
    done = run("list", "-e", "127.0.0.1:1")
    sentence = (
        "Error: No server answers at http://127.0.0.1:1; start one with `modelyard serve`, or name its address with "
        "`--endpoint` or MODELYARD_ENDPOINT.\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", sentence)
    assert run("list", MODELYARD_ENDPOINT="http://127.0.0.1:1").stderr == sentence
    wrong = run("list", "-e", "http://127.0.0.1:banana")
    assert wrong.returncode == 1
    assert "Traceback" not in wrong.stderr


def test_version_names_client_and_server(stub: Stub) -> None:
    stub.routes["GET /v1/cluster/version"] = json_answer({"version": "9.9"})
    assert run("--version").stdout == f"modelyard {__version__}\n"
    done = run("version", "-e", stub.url)
    assert done.stdout.splitlines()[1] == f"server 9.9 at {stub.url}"
    assert json.loads(run("version", "-e", "127.0.0.1:1", "--json").stdout)["server"] is None


def test_a_command_prints_the_servers_sentence_and_sends_the_key(stub: Stub) -> None:
    stub.routes["GET /v1/models"] = error_answer("unavailable", "Come back later.", 503)
    done = run("list", "-e", stub.url, "-ak", "secret")
    assert (done.returncode, done.stderr) == (1, "Error: Come back later.\n")
    assert stub.last().headers["authorization"] == "Bearer secret"


def test_a_reader_that_leaves_is_no_error(stub: Stub) -> None:
    stub.routes["GET /v1/models"] = json_answer({"data": [model(f"model-{i}") for i in range(5000)]})
    child = subprocess.Popen(
        [*COMMAND, "list", "-e", stub.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    with child.stderr as complaints:
        assert complaints.read() == b""
    assert child.wait(20) == 1


@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_terminals_that_want_them(stub: Stub, env: dict[str, str], coloured: bool) -> None:
    stub.routes["GET /v1/models"] = json_answer({"data": [model("m")]})
    with Terminal("list", "-e", stub.url, **env) as terminal:
        assert terminal.wait() == 0
    assert ("\x1b[" in terminal.seen) is coloured
    assert "\x1b[" not in run("list", "-e", stub.url).stdout


def test_a_call_imports_nothing_heavy(stub: Stub) -> None:
    stub.routes["GET /v1/models"] = json_answer({"data": [model("m")]})
    program = "import sys; from modelyard.cli.main import run; run(sys.argv[1:]); print(*sys.modules, file=sys.stderr, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", program, "list", "-e", stub.url],
        capture_output=True,
        text=True,
        check=True,
        env=environment(PATH=os.environ["PATH"]),
    )
    assert done.stdout.startswith("UID")
    assert not {name.partition(".")[0] for name in done.stderr.split()} & HEAVY
    assert "modelyard.cli.chinese" not in done.stderr.split()


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["user", "add"], "There is no command 'add' of `modelyard user`. Did you mean 'create'?"),
        (["jobs", "lst"], "Did you mean 'list'?"),
        (["kb", "rm"], "Did you mean 'delete'?"),
        (["config", "xyz"], "There is no command 'xyz' of `modelyard config`. There are: check, show."),
    ],
)
def test_an_unknown_subcommand_names_the_next_one(words: list[str], hint: str) -> None:
    done = run(*words)
    assert done.returncode == 2 and hint in " ".join(done.stderr.split())
