"""`modelyard.toml` and `modelyard config`: precedence, origins, and what is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from modelyard.chats.search_engines import SEARCH_ENGINES
from modelyard.cli.main import run
from modelyard.core.config import Settings
from modelyard.core.errors import CannotStart
from tests.live import live

Printed = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with a file of settings, and no variables but its own."""
    monkeypatch.setenv("MODELYARD_HOME", str(tmp_path))
    monkeypatch.setenv("MODELYARD_CONFIG", "")  # so that what commands set is taken back
    monkeypatch.delenv("MODELYARD_CONFIG")
    write(tmp_path, 'port = 7001\nhost = "localhost"\ncors_origins = ["https://a.example", "https://b.example"]\n')
    return tmp_path


def write(home: Path, text: str) -> Path:
    path = home / "modelyard.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def settings_of(capsys: Printed, *options: str) -> dict[str, dict[str, Any]]:
    assert run(["config", "show", "--json", *options]) == 0
    return {each["name"]: each for each in json.loads(capsys.readouterr().out)}


def problems(capsys: Printed, *options: str) -> list[str]:
    code = run(["config", "check", "--json", *options])
    found: list[str] = json.loads(capsys.readouterr().out)["problems"]
    assert code == int(bool(found))
    return found


def test_an_argument_goes_before_a_variable_before_the_file_before_the_default(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (Settings().port, Settings().host, Settings().chatchat_port) == (7001, "localhost", None)
    assert Settings().cors_origins == "https://a.example,https://b.example"
    monkeypatch.setenv("MODELYARD_PORT", "7002")
    assert Settings().port == 7002
    assert Settings(port=7003).port == 7003
    assert Settings(home=home / "elsewhere").host == "127.0.0.1", "another home folder has a file of its own"
    other = home / "other.toml"
    other.write_text("access_log = true\n")
    monkeypatch.setenv("MODELYARD_CONFIG", str(other))
    assert Settings().access_log and Settings().host == "127.0.0.1"
    monkeypatch.setenv("MODELYARD_CONFIG", "")
    assert not Settings().access_log


def test_show_has_origins_and_hides_secrets(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed) -> None:
    file = write(home, 'port = 7001\ntavily_api_key = "tvly-secret"\n')
    monkeypatch.setenv("MODELYARD_HOST", "0.0.0.0")
    found = settings_of(capsys)
    assert set(found) == set(Settings.model_fields)
    origins = {name: found[name]["origin"] for name in ("port", "host", "log_level")}
    assert origins == {"port": str(file), "host": "MODELYARD_HOST", "log_level": "default"}
    assert (found["port"]["value"], found["tavily_api_key"]["secret"]) == (7001, True)
    assert set(settings_of(capsys, "--set")) == {"home", "host", "port", "tavily_api_key"}
    run(["config", "show"])
    printed = capsys.readouterr().out
    assert "tvly-secret" not in printed and "(set, not shown)" in printed


def test_check_finds_unknown_names_wrong_values_and_open_secrets(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    assert problems(capsys) == []
    assert run(["config", "check"]) == 0 and capsys.readouterr().out == "Nothing is wrong; 4 settings are set.\n"
    monkeypatch.setenv("MODELYARD_PROT", "1")
    monkeypatch.setenv("MODELYARD_ENDPOINT", "http://127.0.0.1:1")
    assert problems(capsys) == ["variables: There is no setting 'prot'. Did you mean 'port'?"]
    monkeypatch.delenv("MODELYARD_PROT")
    file = write(home, "acces_log = true\n[models]\nx = 1\n")
    assert problems(capsys)[0] == f"{file}: There is no setting 'acces_log'. Did you mean 'access_log'?"
    assert len(problems(capsys)) == 2
    write(home, 'port = "many"\nlog_level = "info"\nretries = 3\n')
    assert "There is no setting 'retries'." in problems(capsys)[0]
    write(home, 'port = "many"\n')
    monkeypatch.setenv("MODELYARD_HEAD_TIMEOUT", "0")
    found = problems(capsys)
    assert [each.partition(": ")[0] for each in found] == [str(file), "MODELYARD_HEAD_TIMEOUT"]
    assert found[0].startswith(f"{file}: port: ")
    monkeypatch.delenv("MODELYARD_HEAD_TIMEOUT")
    write(home, "port = \n")
    assert problems(capsys)[0].startswith(f"The settings in '{file}' cannot be read: ")
    write(home, 'tavily_api_key = "x"\n').chmod(0o644)
    assert problems(capsys) == [f"{file}: others can read it, and it holds tavily_api_key; `chmod 600` closes it."]
    assert problems(capsys, "--config", "nowhere.toml")[0].startswith("There is no file 'nowhere.toml'")


def test_a_wrong_file_is_an_error_of_one_line(home: Path, capsys: Printed) -> None:
    write(home, "prot = 1\n")
    with pytest.raises(CannotStart, match=r"There is no setting 'prot'\. Did you mean 'port'\?"):
        Settings()
    for line in (["serve", "--port", "0"], ["config", "show"], ["doctor"]):
        assert run(line) in (1, 2)
        printed = capsys.readouterr()
        assert "Did you mean 'port'?" in printed.err + printed.out, line


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("LOG_LEVEL", "loud", "'loud' is none of debug, info, warning, error"),
        ("DATABASE_URL", "foo", "it begins with sqlite+aiosqlite:/// or postgresql+asyncpg://"),
        ("DATABASE_URL", "mysql://user@host/name", "postgresql+asyncpg://"),
    ],
)
def test_a_value_that_no_server_could_use_is_a_sentence(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(f"MODELYARD_{name}", value)
    (problem,) = problems(capsys)
    assert problem.startswith(f"MODELYARD_{name}: ") and words in problem
    assert run(["serve", "--port", "0"]) != 0
    printed = capsys.readouterr().err
    assert words in printed and "Traceback" not in printed


def test_one_setting_is_counted_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed) -> None:
    for variable in list(os.environ):
        if variable.startswith("MODELYARD_"):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("MODELYARD_HOME", str(tmp_path))
    assert run(["config", "check"]) == 0 and capsys.readouterr().out == "Nothing is wrong; 1 setting is set.\n"


def test_a_server_starts_with_its_file(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    write(home, 'interfaces = "api"\n')
    other = tmp_path / "other.toml"
    other.write_text('interfaces = "llm"\n')
    with live(home) as server:
        settings = {each["name"]: each for each in server.http.get("/v1/server/settings").json()["data"]}
        assert (settings["interfaces"]["value"], settings["interfaces"]["is_set"]) == ("api", True)
        server.stop()
    with live(home, arguments=("--config", str(other))) as server:
        assert server.http.get("/v1/knowledge_bases").status_code == 404


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("INFER_BACKEND", "lama_cpp", "Did you mean 'llama_cpp'?"),
        ("SEARCH_ENGINE", "gogle", "'gogle' is none of bing, duckduckgo, searxng, tavily."),
        ("LAUNCH_ALLOW", "trust_remote_kode", "Did you mean 'trust_remote_code'?"),
        ("LAUNCH_ALLOW", "zz", "envs:NAME"),
        ("MCP_SERVERS", "/nowhere/mcp.json", "/nowhere/mcp.json"),
    ],
)
def test_names_of_engines_and_privileges_are_checked(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(f"MODELYARD_{name}", value)
    (problem,) = problems(capsys)
    assert problem.startswith(f"MODELYARD_{name}: ") and words in problem
    monkeypatch.delenv(f"MODELYARD_{name}")
    file = write(home, f'{name.lower()} = "{value}"\n')
    (problem,) = problems(capsys)
    assert problem.startswith(f"{file}: {name.lower()}: ") and words in problem


def test_names_of_plug_ins_and_all_kinds_of_privileges_are_known(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    monkeypatch.setattr(SEARCH_ENGINES, "_targets", {**SEARCH_ENGINES._targets, "mine": "mine:Engine"})
    monkeypatch.setenv("MODELYARD_SEARCH_ENGINE", "mine")
    monkeypatch.setenv("MODELYARD_INFER_BACKEND", "llama.cpp")
    monkeypatch.setenv(
        "MODELYARD_LAUNCH_ALLOW", "trust_remote_code,chat_template,envs:HF_TOKEN,vllm_args:logits-processors"
    )
    assert problems(capsys) == []


def test_a_folder_in_place_of_the_file_is_an_error(home: Path, capsys: Printed) -> None:
    (home / "modelyard.toml").unlink()
    (home / "modelyard.toml").mkdir()
    (problem,) = problems(capsys)
    assert problem.endswith("cannot be read: it is a folder.")
