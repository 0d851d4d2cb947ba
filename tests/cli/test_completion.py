"""Completion in real shells, and the manual page as real programs read it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from modelyard.cli import man
from modelyard.cli.completion import SHELLS
from modelyard.cli.main import COMMANDS, cli
from tests.cli.terminal import environment, run
from tests.client.stub import Stub, json_answer, model

BASH = r"""
eval "$(modelyard completion bash)"
COMP_WORDS=({words}); COMP_CWORD={at}; COMPREPLY=()
_modelyard_completion modelyard
printf '%s\n' "${COMPREPLY[@]}"
"""
ZSH = r"""
autoload -Uz compinit; compinit -u -d "$TMPDIR/zcompdump"
eval "$(modelyard completion zsh)"
compadd() { while (( $# )); do [[ $1 == -a ]] && { print -l -- ${(P)2}; return }; shift; done }
_describe() { print -l -- ${(P)3%%:*} }
words=({words}); CURRENT=$(( {at} + 1 ))
_modelyard_completion
"""
FISH = r"""
modelyard completion fish | source
complete --do-complete "{line}" | string split -f1 \t
"""


def completed(shell: str, line: str, folder: Path, **env: str) -> set[str]:
    """What a shell offers at the end of a line."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"needs {shell}")
    (folder / "bin").mkdir(exist_ok=True)
    modelyard = folder / "bin" / "modelyard"
    modelyard.write_text(f'#!/bin/sh\nexec {sys.executable} -m modelyard "$@"\n')
    modelyard.chmod(0o755)
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    script = {"bash": BASH, "zsh": ZSH, "fish": FISH}[shell]
    script = script.replace("{words}", quoted).replace("{at}", str(len(words) - 1)).replace("{line}", line)
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    made = environment(PATH=path, HOME=str(folder), TMPDIR=str(folder), XDG_CONFIG_HOME=str(folder), **env)
    flags = ["--norc", "--noprofile"] if shell == "bash" else ["-f"] if shell == "zsh" else ["--no-config"]
    done = subprocess.run([program, *flags, "-c", script], env=made, capture_output=True, text=True, timeout=60)
    assert done.stderr == "", done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_options_and_models_are_completed(shell: str, tmp_path: Path, stub: Stub) -> None:
    stub.routes["GET /v1/models"] = json_answer({"data": [model("qwen3"), model("qwen3-coder"), model("demo")]})
    env = {"MODELYARD_ENDPOINT": stub.url}
    assert completed(shell, "modelyard la", tmp_path, **env) == {"launch"}
    assert completed(shell, "modelyard kb ad", tmp_path, **env) == {"add"}
    assert {"--system", "--stream"} <= completed(shell, "modelyard chat --s", tmp_path, **env)
    assert completed(shell, "modelyard chat qw", tmp_path, **env) == {"qwen3", "qwen3-coder"}
    assert completed(shell, "modelyard stop demo qwen3-", tmp_path, **env) == {"qwen3-coder"}


@pytest.mark.parametrize("shell", SHELLS)
def test_without_a_server_and_with_a_wrong_word_nothing_is_printed(shell: str, tmp_path: Path) -> None:
    env = {"MODELYARD_ENDPOINT": "http://127.0.0.1:1"}
    assert completed(shell, "modelyard terminate q", tmp_path, **env) == set()
    completed(shell, "modelyard lauch q", tmp_path, **env)


def test_families_are_completed_from_the_catalog(stub: Stub, tmp_path: Path) -> None:
    page = {"data": [{"model_name": "qwen3"}, {"model_name": "other-qwen3"}], "next_cursor": None}
    stub.routes["GET /v1/catalog"] = json_answer(page)
    for line in ("modelyard run qw", "modelyard launch qw", "modelyard pull qw"):
        assert completed("bash", line, tmp_path, MODELYARD_ENDPOINT=stub.url) == {"qwen3"}, line
    assert "q=qw" in stub.last().path


def each_command(group: click.Group, beginning: str) -> list[str]:
    context = click.Context(group, info_name=beginning)
    found = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found.append(f"{beginning} {name}")
        if isinstance(command, click.Group):
            found += each_command(command, f"{beginning} {name}")
    return found


READERS: list[Callable[[str], list[str]]] = [
    lambda page: ["groff", "-man", "-ww", "-K", "utf8", "-T", "utf8", page],
    lambda page: ["mandoc", "-T", "utf8", "-W", "error", page],
    lambda page: ["man", "-l", "--warnings", page],
]


@pytest.mark.parametrize("reader", READERS, ids=("groff", "mandoc", "man"))
def test_the_manual_page_is_read_without_a_warning(reader: Callable[[str], list[str]], tmp_path: Path) -> None:
    file = tmp_path / "modelyard.1"
    done = run("man")
    assert (done.returncode, done.stderr) == (0, "")
    file.write_text(done.stdout, encoding="utf-8")
    line = reader(str(file))
    if shutil.which(line[0]) is None:
        pytest.skip(f"needs {line[0]}")
    env = {
        **os.environ,
        "MANWIDTH": "120",
        "MAN_KEEP_FORMATTING": "",
        "LC_ALL": "C.UTF-8",
        "PAGER": "cat",
        "MANPAGER": "cat",
    }
    read = subprocess.run(line, capture_output=True, text=True, timeout=60, env=env)
    assert (read.returncode, read.stderr) == (0, "")
    text = " ".join(read.stdout.split())
    assert "MODELYARD_ENDPOINT" in text and "Interrupted by Ctrl-C" in text


def test_the_manual_page_has_every_command_and_option() -> None:
    page = man.page(cli)
    for path in each_command(cli, "modelyard"):
        assert f".SS {path.replace('-', chr(92) + '-')} " in page, path
    assert set(COMMANDS) <= {path.split()[1] for path in each_command(cli, "modelyard")}
    assert r"\-\-ssl\-certfile" in page
    assert man._escaped(".nf -x \\d") == r"\&.nf \-x \ed"
