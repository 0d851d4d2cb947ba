"""Verbs of other programs, typed against a real server with a hub on loopback."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.cli.main import COMMANDS, cli
from modelyard.cli.other_names import ALIASES, SENTENCES
from tests.cli.terminal import Terminal, run
from tests.hub_server import HubServer, hub_server
from tests.hubs.test_download import FILE, GGUF, ID, QUICK
from tests.live import Live, live

Yard = tuple[HubServer, Live]


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """A hub with one repository, and a server that uses it."""
    home = tmp_path_factory.mktemp("tools") / "home"
    with hub_server() as hub, live(home, {**hub.environment(home.parent), **QUICK}) as running:
        hub.add(ID, {FILE: GGUF, "README.md": b"# a demo"})
        yield hub, running


def typed(yard: Yard, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return run(*arguments, text=text, MODELYARD_ENDPOINT=yard[1].url)


def test_no_word_has_two_meanings() -> None:
    assert not {*ALIASES, *SENTENCES} & set(COMMANDS) and not set(ALIASES) & set(SENTENCES)
    assert set(ALIASES.values()) <= set(COMMANDS)
    for name, sentence in SENTENCES.items():
        assert not sentence.endswith("."), "the command adds the full stop"
        assert f"There is no command '{name}' here: {sentence}." in run(name).stderr.replace("\n", " ")


def test_the_help_names_the_aliases() -> None:
    said = run("--help").stdout
    assert all(f"{name} for {ours}" in said for name, ours in ALIASES.items())
    assert cli.epilog is not None


def test_pull_brings_files_and_launches_nothing(yard: Yard) -> None:
    done = typed(yard, "pull", ID)
    assert done.returncode == 0, done.stderr
    assert (Path(done.stdout.strip()) / FILE).read_bytes() == GGUF
    assert json.loads(typed(yard, "ps", "--json").stdout) == []
    again = typed(yard, "pull", ID, "--json")
    assert (again.returncode, Path(json.loads(again.stdout)["result"]["path"]).name) == (0, FILE), again.stderr
    (cached,) = json.loads(typed(yard, "cached", "--json").stdout)
    assert typed(yard, "rm", cached["model_version"], "-y").returncode == 0
    assert json.loads(typed(yard, "cached", "--json").stdout) == []
    nothing = typed(yard, "pull", "acme/nothing")
    assert (nothing.returncode, nothing.stdout) == (1, "") and nothing.stderr.startswith("Error: ")
    assert typed(yard, "pull").returncode == 2


def test_run_launches_answers_and_leaves_the_model(yard: Yard) -> None:
    first = typed(yard, "run", "demo", "Which port", "does it use?")
    assert first.returncode == 0, first.stderr
    assert first.stdout.strip() and "runs on after this chat; `modelyard stop demo` ends it" in first.stderr
    again = typed(yard, "run", "demo", text="Hello\n")
    assert (again.returncode, again.stderr) == (0, ""), again.stderr
    assert again.stdout.strip()
    assert typed(yard, "ps").stdout.splitlines()[1].startswith("demo ")
    shown = typed(yard, "show", "demo").stdout
    assert "READY, 1 of 1 replicas" in shown and "llama.cpp" in shown
    assert json.loads(typed(yard, "show", "demo", "--json").stdout)["id"] == "demo"
    assert typed(yard, "stop", "demo").stdout == "demo terminated\n"


def test_cp_gives_a_model_a_second_name(yard: Yard) -> None:
    copied = typed(yard, "cp", "modelyard-demo", "mine")
    assert (copied.returncode, copied.stdout) == (0, "mine is a copy of modelyard-demo\n"), copied.stderr
    assert "modelyard launch mine" in copied.stderr
    assert typed(yard, "show", "mine").returncode == 0
    as_json = typed(yard, "cp", "mine", "other", "--json")
    assert json.loads(as_json.stdout) == {"source": "mine", "destination": "other"}
    for name in ("mine", "other"):
        assert typed(yard, "unregister", name).returncode == 0
    nothing = typed(yard, "cp", "no-such-family", "mine")
    assert (nothing.returncode, nothing.stdout) == (1, "") and "no-such-family" in nothing.stderr
    assert typed(yard, "cp", "modelyard-demo").returncode == 2


def test_a_run_that_cannot_be_says_why(yard: Yard) -> None:
    done = typed(yard, "run", "no-such-family", "Hello")
    assert (done.returncode, done.stdout) == (1, "") and done.stderr.startswith("Error: ")
    assert typed(yard, "ps", "--json").stdout.strip() == "[]"


def test_show_of_a_family_has_its_versions(yard: Yard) -> None:
    done = typed(yard, "show", "qwen2.5-instruct")
    assert done.returncode == 0, done.stderr
    assert "FORMAT" in done.stdout and "ggufv2" in done.stdout and "modelyard run qwen2.5-instruct" in done.stderr
    record = json.loads(typed(yard, "show", "Qwen2.5-Instruct", "--json").stdout)
    assert record["model_name"] == "qwen2.5-instruct"
    missing = typed(yard, "show", "qwen2.5-instrukt")
    assert missing.returncode == 1 and "There is no model" in missing.stderr


def test_generate_takes_the_text_as_an_argument_or_from_stdin(yard: Yard) -> None:
    yard[1].launched("echo")
    once = typed(yard, "generate", "echo", "Once upon", "--max-tokens", "4")
    assert once.returncode == 0 and once.stdout.strip(), once.stderr
    assert typed(yard, "generate", "echo", "-p", "Once upon", "--max-tokens", "4").stdout == once.stdout
    assert typed(yard, "generate", "echo", "--max-tokens", "4", text="Once upon").stdout == once.stdout
    answer = json.loads(typed(yard, "generate", "echo", "Once upon", "--max-tokens", "4", "--json").stdout)
    assert answer["object"] == "text_completion" and answer["choices"][0]["text"].strip() == once.stdout.strip()
    assert answer["usage"]["completion_tokens"] == 4
    piped = typed(yard, "generate", "echo", "--max-tokens", "4", "--json", text="Once upon")
    assert json.loads(piped.stdout)["choices"] == answer["choices"]
    assert typed(yard, "chat", "echo", "Hello").stdout.strip()


@pytest.mark.parametrize("word", ["/bye", "exit", "quit"])
def test_words_that_leave_a_chat(yard: Yard, word: str) -> None:
    if yard[1].status("echo") == "GONE":
        yard[1].launched("echo")
    with Terminal("chat", "echo", MODELYARD_ENDPOINT=yard[1].url) as terminal:
        terminal.expect("> ")
        terminal.type(f"{word}\r")
        assert terminal.wait() == 0
