"""`modelyard connect`: which model a program is pointed at, what it is given, and how its settings file is merged."""

from __future__ import annotations

import ast
import json
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete
from ruamel.yaml import YAML

from modelyard.cli.integrations.programs import PROGRAMS
from modelyard.cli.integrations.setup import KeySource, Target
from modelyard.cli.main import cli
from tests.cli.conftest import Printed
from tests.client.stub import Stub, error_answer, json_answer, model

Call = Callable[..., Printed]
SECRET = "sk-very-secret"
from_yaml = YAML(typ="safe").load
ABLE = {"context_length": 32768, "model_ability": ["chat", "tools"]}


@pytest.fixture
def connect(stub: Stub, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The command, in a home folder of its own, for a server that runs a small model and an able one."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CODEX_HOME", "CLAUDE_CONFIG_DIR", "XDG_CONFIG_HOME", "CONTINUE_GLOBAL_DIR", "MODELYARD_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    models = [model("small", context_length=2048, model_ability=["chat", "tools"]), model("able", **ABLE)]
    stub.routes["GET /v1/models"] = json_answer({"object": "list", "data": models})
    for each in models:
        stub.routes[f"GET /v1/models/{each['id']}"] = json_answer(each)
    stub.routes["GET /v1/cluster/auth"] = json_answer({"auth": False})
    return lambda *arguments: call("connect", *arguments)


def test_without_a_name_it_lists_the_programs(connect: Call) -> None:
    listed = connect()
    assert all(name in listed.out for name in PROGRAMS) and "16,384 tokens of context" in listed.out
    assert [each["name"] for each in json.loads(connect("--json").out)] == list(PROGRAMS)


def test_shells_complete_the_names_of_programs_and_models(connect: Call) -> None:
    def offered(*words: str) -> list[str]:
        completed = ShellComplete(cli, {}, "modelyard", "_MODELYARD_COMPLETE")
        return [item.value for item in completed.get_completions(list(words[:-1]), words[-1])]

    assert offered("connect", "co") == ["codex", "continue"]
    assert offered("connect", "codex", "--model", "a") == ["able"]


def test_the_first_model_that_the_program_can_work_with_is_taken(connect: Call, stub: Stub) -> None:
    settings = tomllib.loads(connect("codex").out)
    assert (settings["model"], settings["model_context_window"]) == ("able", 32768)
    assert (settings["model_auto_compact_token_limit"], settings["tool_output_token_limit"]) == (24576, 4096)
    assert settings["model_providers"]["modelyard"]["base_url"] == f"{stub.url}/v1"
    assert json.loads(connect("claude").out)["env"]["ANTHROPIC_MODEL"] == "able"
    assert from_yaml(connect("continue").out)["models"][0]["model"] == "small"


def test_a_context_that_is_too_small_is_one_sentence_with_both_numbers(connect: Call) -> None:
    for name, title in (("codex", "Codex"), ("claude", "Claude Code"), ("opencode", "opencode")):
        done = connect(name, "--model", "small", "--write")
        assert (done.code, done.out) == (1, "")
        assert f"'small' has a context of 2,048 tokens, and {title} needs at least 16,384; " in done.err
        assert done.err.count("\n") == 1
    assert connect("aider", "--model", "small").code == 0


def test_models_that_cannot_be_used_are_named(connect: Call, stub: Stub) -> None:
    for uid, fields in (
        ("mute", {"model_ability": ["chat"]}),
        ("vectors", {"model_type": "embedding", "model_ability": []}),
    ):
        stub.routes[f"GET /v1/models/{uid}"] = json_answer(model(uid, **{"context_length": 32768, **fields}))
    stub.routes["GET /v1/models/gone"] = error_answer("model_not_found", "Model 'gone' not found.", 404)
    assert "'mute' cannot call tools, and Codex works with tools" in connect("codex", "-m", "mute").err
    assert "'vectors' is a model of type embedding without chat" in connect("aider", "-m", "vectors").err
    assert connect("codex", "-m", "gone").err == "Error: Model 'gone' not found.\n"
    stub.routes["GET /v1/models"] = json_answer({"object": "list", "data": []})
    assert "No chat model is running" in connect("codex").err


def test_a_knowledge_base_is_checked_by_the_model_that_answers_for_it(connect: Call, stub: Stub) -> None:
    for name, answering in (("handbook", "able"), ("tight", "small"), ("open", None)):
        stub.routes[f"GET /v1/knowledge_bases/{name}"] = json_answer({"name": name, "chat_model": answering})
    assert tomllib.loads(connect("codex", "-m", "kb:handbook").out)["model"] == "kb:handbook"
    assert tomllib.loads(connect("codex", "-m", "kb:open").out)["model_context_window"] == 32768
    assert (
        "'small', which answers for 'kb:tight', has a context of 2,048 tokens" in connect("codex", "-m", "kb:tight").err
    )


def test_the_context_of_a_base_is_that_of_the_model_that_the_server_takes(connect: Call, stub: Stub) -> None:
    stub.routes["GET /v1/knowledge_bases/open"] = json_answer({"name": "open", "chat_model": None})
    models = [
        model("zeta", **ABLE),
        model("big", **ABLE),
        model("alias", alias_of="big"),
        model("beta", context_length=64),
    ]
    stub.routes["GET /v1/models"] = json_answer({"object": "list", "data": models})
    refused = connect("codex", "-m", "kb:open").err
    assert "'beta', which answers for 'kb:open', has a context of 64 tokens" in refused
    assert "`modelyard kb configure open --chat-model UID`" in refused


def test_tools_that_are_lacking_are_said_before_the_context(connect: Call, stub: Stub) -> None:
    stub.routes["GET /v1/models/tiny"] = json_answer(model("tiny", context_length=64, model_ability=["chat"]))
    assert "'tiny' cannot call tools" in connect("codex", "-m", "tiny").err


def test_a_program_that_offers_a_list_gets_the_one_with_bases(connect: Call, stub: Stub) -> None:
    stub.routes["GET /v1/knowledge_bases/handbook"] = json_answer({"name": "handbook", "chat_model": "able"})
    assert f"OPENAI_API_BASE_URLS={stub.url}/knowledge/v1 " in connect("open-webui", "-m", "kb:handbook").out
    assert f"OPENAI_API_BASE_URLS={stub.url}/v1 " in connect("open-webui", "-m", "able").out
    assert f"{stub.url}/v1/chat" in connect("openai", "-m", "kb:handbook").out


def test_the_context_of_a_model_elsewhere_is_asked_for_and_can_be_given(connect: Call, stub: Stub) -> None:
    far = model("far", model_engine="external", context_length=None, model_ability=["chat"])
    stub.routes["GET /v1/models/far"] = json_answer(far)
    unknown = connect("codex", "-m", "far")
    assert "model_context_window" not in unknown.out
    assert "The context of 'far' is not known: Codex needs at least 16,384 tokens" in unknown.err
    given = connect("codex", "-m", "far", "--context-length", "40000")
    assert tomllib.loads(given.out)["model_context_window"] == 40000 and "not known" not in given.err
    assert "8,000 tokens" in connect("codex", "-m", "far", "--context-length", "8000").err
    claude = json.loads(connect("claude", "-m", "far", "--context-length", "40000").out)
    assert claude["env"]["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] == "10000"


def test_the_key_stands_nowhere_unless_it_is_to(connect: Call, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.routes["GET /v1/cluster/auth"] = json_answer({"auth": True})
    assert "set MODELYARD_API_KEY before you start Codex" in connect("codex").err
    remarks = [line for line in connect("continue").err.splitlines() if "MODELYARD_API_KEY" in line]
    assert len(remarks) == 1 and "put the line MODELYARD_API_KEY=KEY into " in remarks[0] and ".env" in remarks[0]
    assert connect("codex", "--with-key").code == 2
    monkeypatch.setenv("MODELYARD_API_KEY", SECRET)
    for name in PROGRAMS:
        done = connect(name, "--model", "able")
        assert SECRET not in done.out + done.err and "MODELYARD_API_KEY" in done.out + done.err, name
    assert tomllib.loads(connect("codex").out)["model_providers"]["modelyard"]["env_key"] == "MODELYARD_API_KEY"
    assert json.loads(connect("claude").out)["apiKeyHelper"] == "printenv MODELYARD_API_KEY"
    assert json.loads(connect("claude", "--with-key").out)["env"]["ANTHROPIC_AUTH_TOKEN"] == SECRET
    written = connect("claude", "--with-key", "--write")
    assert SECRET not in written.out + written.err and "env.ANTHROPIC_AUTH_TOKEN = (hidden)" in written.out


def test_the_address_for_the_program_may_be_another(connect: Call) -> None:
    done = connect("codex", "--address", "yard.example:9997/v1")
    assert tomllib.loads(done.out)["model_providers"]["modelyard"]["base_url"] == "http://yard.example:9997/v1"


def test_json_has_all_of_it(connect: Call, stub: Stub, tmp_path: Path) -> None:
    found = json.loads(connect("codex", "--json", "--write").out)
    path = tmp_path / ".codex" / "config.toml"
    assert {name: found[name] for name in ("program", "model", "endpoint", "context_length", "file", "start")} == {
        "program": "codex",
        "model": "able",
        "endpoint": stub.url,
        "context_length": 32768,
        "file": str(path),
        "start": "codex",
    }
    assert tomllib.loads(found["blocks"][0]["text"]) == tomllib.loads(path.read_text())
    assert (found["written"], found["backup"]) == (True, None) and 'model = "able"' in found["changes"]


def test_what_cannot_be_written_is_said(connect: Call) -> None:
    assert "LangChain has no settings file" in connect("langchain", "--write").err
    assert "Did you mean 'codex'?" in connect("codx").err


TOML = """\
# My settings
model = "gpt-6" # the large one
approval_policy = "on-request"

[model_providers.other]
name = "Other"

[tui]
notifications = true
"""


def test_toml_keeps_comments_and_other_settings(connect: Call, tmp_path: Path) -> None:
    path = tmp_path / ".codex" / "config.toml"
    path.parent.mkdir()
    path.write_text(TOML)
    path.chmod(0o640)
    done = connect("codex", "--write")
    text = path.read_text()
    assert text.startswith('# My settings\nmodel = "able" # the large one\napproval_policy = "on-request"\n')
    settings = tomllib.loads(text)
    assert settings["tui"] == {"notifications": True} and set(settings["model_providers"]) == {"other", "modelyard"}
    assert 'model = "able", before "gpt-6"\n' in done.out and 'model_provider = "modelyard"\n' in done.out
    assert path.with_name("config.toml.bak").read_text() == TOML and "config.toml.bak" in done.err
    assert path.stat().st_mode & 0o777 == 0o640
    again = connect("codex", "--write")
    assert (again.out, path.read_text()) == ("", text) and "nothing was changed" in again.err
    connect("codex", "--write", "--context-length", "20000")
    assert path.with_name("config.toml.bak1").read_text() == text


def test_a_setting_that_no_longer_holds_is_taken_out(connect: Call, stub: Stub, tmp_path: Path) -> None:
    far = model("far", model_engine="external", context_length=None, model_ability=["chat"])
    stub.routes["GET /v1/models/far"] = json_answer(far)
    connect("codex", "--write")
    done = connect("codex", "-m", "far", "--write")
    assert "model_context_window is taken out\n" in done.out
    assert "model_context_window" not in (tmp_path / ".codex" / "config.toml").read_text()


def test_json_keeps_other_settings_and_takes_out_another_key(connect: Call, tmp_path: Path) -> None:
    path = tmp_path / ".claude" / "settings.json"
    path.parent.mkdir()
    former = {"permissions": {"allow": ["Read"]}, "env": {"ANTHROPIC_API_KEY": SECRET, "FOO": "1"}}
    path.write_text(json.dumps(former))
    done = connect("claude", "--write")
    settings = json.loads(path.read_text())
    assert settings["permissions"] == former["permissions"] and settings["env"]["FOO"] == "1"
    assert "ANTHROPIC_API_KEY" not in settings["env"] and settings["env"]["ANTHROPIC_AUTH_TOKEN"] == "none"
    assert "env.ANTHROPIC_API_KEY is taken out" in done.out and SECRET not in done.out


MINE = """\
# My assistants
name: Mine # a name
models:
  # the first
  - name: Other
    provider: anthropic
    model: big
rules: []
"""


def test_yaml_lists_are_merged_by_name(connect: Call, tmp_path: Path) -> None:
    path = tmp_path / ".continue" / "config.yaml"
    path.parent.mkdir()
    path.write_text(MINE)
    connect("continue", "--write")
    text = path.read_text()
    assert text.startswith(MINE.removesuffix("rules: []\n")) and text.endswith("rules: []\n")
    connect("continue", "--write", "--model", "able")
    models = from_yaml(path.read_text())["models"]
    assert [each["model"] for each in models] == ["big", "able"]
    assert models[1]["defaultCompletionOptions"] == {"contextLength": 32768}


@pytest.mark.parametrize(
    ("name", "place", "text"),
    [
        ("zed", ".config/zed/settings.json", '// Zed settings\n{\n  "theme": "One", // mine\n}\n'),
        ("codex", ".codex/config.toml", "model = \n"),
        ("continue", ".continue/config.yaml", "models: [\n"),
        ("claude", ".claude/settings.json", "[1]"),
    ],
)
def test_a_file_that_is_not_understood_stays(connect: Call, tmp_path: Path, name: str, place: str, text: str) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.write_text(text)
    done = connect(name, "--write")
    assert done.code == 1 and "stays as it is, because it " in done.err
    assert (path.read_text(), list(path.parent.iterdir())) == (text, [path])


def test_a_linked_file_stays_a_link(connect: Call, tmp_path: Path) -> None:
    kept = tmp_path / "collection.toml"
    kept.write_text("# mine\n")
    link = tmp_path / ".codex" / "config.toml"
    link.parent.mkdir()
    link.symlink_to(kept)
    connect("codex", "--write")
    assert link.is_symlink() and tomllib.loads(kept.read_text())["model"] == "able"


@pytest.mark.parametrize("uid", ['a"b', "it's", "中文模型", "hf.co/org/name:Q8_0", "$HOME", "a b"])
def test_lines_are_well_formed_for_any_name(uid: str) -> None:
    target = Target("http://127.0.0.1:1", uid, 40000, key=KeySource(required=True))
    read: dict[str, Callable[[str], Any]] = {"toml": tomllib.loads, "yaml": from_yaml, "json": json.loads, "text": str}
    for program in PROGRAMS.values():
        for block in program.setup(target).lines():
            if block.language == "python":
                assert uid in constants(block.text), program.name
            elif block.language == "sh":
                words = shlex.split(block.text.replace("\\\n", " "))
                assert any(uid in word or json.dumps(uid, ensure_ascii=False) in word for word in words), program.name
            else:
                assert uid in leaves(read[block.language](block.text)), program.name


def constants(program: str) -> set[Any]:
    return {node.value for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Constant)}


def leaves(value: Any) -> str:
    """All values and names of settings, one a line."""
    if isinstance(value, dict):
        return "\n".join(f"{name}\n{leaves(inner)}" for name, inner in value.items())
    return "\n".join(map(leaves, value)) if isinstance(value, list) else str(value)
