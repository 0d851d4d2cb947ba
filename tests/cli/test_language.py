"""The command line in Chinese: when it is chosen, that every text has a translation, and how help is laid out."""

from __future__ import annotations

import ast
import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from modelyard.cli import man
from modelyard.cli.chinese import CELL, CLOSING, FILE, OPENING, PIECE, chinese, each_text, translated, wrapped
from modelyard.cli.language import is_chinese, say
from modelyard.cli.main import cli, run
from modelyard.cli.output import width
from modelyard.cli.sentences import PLACEHOLDER, SentenceTable, values_in
from tests.cli.conftest import Printed
from tests.client.stub import Stub, error_answer

TEXTS: dict[str, dict[str, str]] = json.loads(FILE.read_text(encoding="utf-8"))
MARKS = re.compile(
    r"`[^`]*`|(?<![\w-])--?[a-zA-Z][\w-]*|\$\w+|\{\w*(?:![rs])?\}|%\(\w+\)s|<[\w<]+>|https?://[\w.:/]+\w|\b[A-Z_]{2,}s?\b"
)
"""What a translation keeps: code, options, variables, placeholders, addresses, and names in capitals."""
FOR_DEVELOPERS = ("decl", "Name '{name}' defined twice", "Unknown ", "Windows", "Editing failed", "Bash version")
"""Parts of click's messages that no user of this command line sees."""
METAVARS = {"file", "directory", "path", "d"}
"""Words that click puts in capitals where a value stands; those of our own options are English, too."""

ROOT = Path(__file__).parents[2]

SPEAKERS = (
    "cli/**/*.py",
    "core/errors/*.py",
    "core/access.py",
    "catalog/index.py",
    "control/diff.py",
    "control/doctor.py",
    "knowledge/search/search.py",
    "core/wording.py",
    "web/file_access.py",
    "web/views.py",
)
"""Modules whose sentences have translations."""
DROPPED = {"{name}", "{what}"}
"""Values that a translation may leave out: click's word for a file or a folder, and "setting is" or "settings are"."""

Call = Callable[..., Printed]


@pytest.mark.parametrize(
    ("environment", "answer"),
    [
        ({}, False),
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LC_MESSAGES": "zh-Hans", "LANG": "en_US.UTF-8"}, True),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, False),
        ({"LC_ALL": "", "LANG": "zh_CN.UTF-8"}, True),
        ({"LANGUAGE": "en:zh", "LANG": "zh_CN.UTF-8"}, False),
        ({"LANGUAGE": "zh_CN:en", "LC_ALL": "en_US.UTF-8"}, True),
        ({"MODELYARD_LANGUAGE": "zh", "LC_ALL": "en_US.UTF-8"}, True),
        ({"MODELYARD_LANGUAGE": "en", "LC_ALL": "zh_CN.UTF-8"}, False),
        ({"MODELYARD_LANGUAGE": "fr", "LANG": "zh_CN.UTF-8"}, False),
        ({"LANG": "zu_ZA.UTF-8"}, False),
    ],
)
def test_variables_choose_the_language(environment: dict[str, str], answer: bool) -> None:
    assert is_chinese(environment, ["list"]) is answer
    assert not is_chinese(environment, ["list", "--json"])


def test_a_terminal_without_chinese_characters_gets_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    assert not is_chinese({"MODELYARD_LANGUAGE": "zh"}, [])
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="gb18030"))
    assert is_chinese({"MODELYARD_LANGUAGE": "zh"}, [])


@pytest.fixture
def in_chinese(call: Call, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run a command in Chinese."""
    monkeypatch.setenv("MODELYARD_LANGUAGE", "zh")
    return call


def test_help_and_wrong_usage(in_chinese: Call) -> None:
    top = in_chinese("--help").out
    assert top.startswith("用法：modelyard [OPTIONS]") and "\n命令：\n" in top
    assert "\n  launch         启动模型\n" in top
    assert "-h, --help  显示本帮助并退出" in top
    assert in_chinese("engine", "-n", "demo", "--help").out.startswith("用法：modelyard engine [OPTIONS] [NAME]")
    wrong = in_chinese("scale")
    assert wrong.code == 2 and "错误：缺少参数 'UID'" in wrong.err and "查看帮助" in wrong.err
    assert "没有选项 '--nonsense'" in in_chinese("list", "--nonsense").err
    page = "".join(in_chinese("register", "--help").out.split())
    assert "[必填]" in page and "[默认：LLM]" in page


def test_sentences_of_commands_and_servers(in_chinese: Call, stub: Stub) -> None:
    gone = in_chinese("list", "-e", "127.0.0.1:1")
    assert gone.code == 1
    assert gone.err.startswith("错误：http://127.0.0.1:1 没有服务器响应；请用 `modelyard serve` 启动")
    assert "没有命令 'lauch'。您是不是要输入 'launch'？" in in_chinese("lauch").err
    assert "这里没有命令 'pt'：尚不支持训练。" in in_chinese("pt").err
    stub.routes["GET /v1/models/m"] = error_answer(
        "model_not_found", "Model 'm' not found. Did you mean 'n'? Running: n, o.", 404
    )
    assert in_chinese("chat", "m", "-p", "x").err == "错误：没有找到模型 'm'。您是不是要输入 'n'？正在运行：n, o。\n"
    stub.routes["GET /v1/models/m"] = error_answer("unavailable", "Something is new.", 503)
    assert in_chinese("chat", "m", "-p", "x").err == "错误：Something is new.\n"


def test_sentences_are_found_by_their_templates() -> None:
    table = SentenceTable(
        {
            "No '{name}'.{hint}": "没有 '{name}'。{hint}",
            "Try '{name}'.": "试试 '{name}'。",
            "{problem} Again in {n} s.": "{problem}{n} 秒后重试。",
            "loading": "加载中",
            "{count} changed": "修改 {count}",
            "{name} changed": "已修改 {name}",
        }
    )
    assert table.translate("No 'a'. Try 'b'.") == "没有 'a'。试试 'b'。"
    assert table.translate("  No 'loading'.\n") == "  没有 'loading'。\n"
    assert table.translate("No 'a'. Again in 5 s.") == "没有 'a'。5 秒后重试。"
    assert table.translate("Unknown words. Try '{x}'.") == "Unknown words. 试试 '{x}'。"
    assert table.translate("loading") == "加载中"
    assert [table.translate(text) for text in ("3 changed", "x changed")] == ["修改 3", "已修改 x"]
    assert values_in("a is ready; stop a", "{uid} is ready; stop {uid}") == {"uid": "a"}
    assert values_in("a is ready; stop b", "{uid} is ready; stop {uid}") is None
    assert table.translate("a.md: The file has changed") == "a.md: The file has changed"
    assert [table.translate(text) for text in ("", "  ", "no 'a'.", "Other.")] == ["", "  ", "no 'a'.", "Other."]


def test_english_is_as_before_after_chinese(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [call(*words) for words in (["kb", "--help"], ["scale"], ["man"])]
    monkeypatch.setenv("MODELYARD_LANGUAGE", "zh")
    assert [call(*words) for words in (["kb", "--help"], ["scale"])] != before[:2]
    assert call("man") == before[2]
    assert call("list", "-e", "127.0.0.1:1", "--json").err.startswith("Error: No server answers at")
    monkeypatch.setenv("MODELYARD_LANGUAGE", "en")
    assert [call(*words) for words in (["kb", "--help"], ["scale"], ["man"])] == before
    assert say("Usage:") == "Usage:"


def commands(group: click.Group, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    """A group, and everything below it."""
    yield group, context
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        below = found.context_class(found, info_name=name, parent=context, terminal_width=80)
        if isinstance(found, click.Group):
            yield from commands(found, below)
        else:
            yield found, below


def texts_of_help() -> set[str]:
    found: set[str] = set()

    def add(text: str) -> str:
        found.add(text)
        return text

    for command, _ in commands(cli, click.Context(cli, info_name="modelyard")):
        each_text(command.help, add)
        each_text(command.epilog, add)
        for parameter in command.params:
            each_text(getattr(parameter, "help", None), add)
        if command.short_help:
            add(command.short_help)
    return found


def messages_of_click() -> set[str]:
    found = {"required"}
    for path in Path(click.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "ngettext"):
                found |= {
                    each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
                }
    return {each for each in found if not any(part in each for part in FOR_DEVELOPERS)} - METAVARS


def sentences_of_modules() -> set[str]:
    """Every text of the modules that make sentences, `{}` standing for what is put into them at run time."""
    found = set()
    for path in (path for place in SPEAKERS for path in (ROOT / "src/modelyard").glob(place)):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [str(each.value) if isinstance(each, ast.Constant) else "{}" for each in node.values]
                found.add("".join(parts).strip())
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value.strip())
    return found


def test_every_text_has_a_translation_and_none_is_left_over() -> None:
    assert TEXTS["help"].keys() ^ texts_of_help() == set()
    assert TEXTS["click"].keys() ^ (messages_of_click() - TEXTS["help"].keys()) == set()
    assert all(values_in(PLACEHOLDER.sub("1", each), each) is not None for each in TEXTS["sentences"])
    assert {PLACEHOLDER.sub("{}", each) for each in TEXTS["sentences"]} - sentences_of_modules() == set()


def marks(text: str) -> set[str]:
    return {found.rstrip("s") if found[0].isupper() else found for found in MARKS.findall(text)} - DROPPED


def test_translations_keep_code_options_and_placeholders() -> None:
    for part in TEXTS.values():
        for english, text in part.items():
            assert marks(text) - {"URL"} == marks(english) - {"URL"}, text
            assert not re.search(r"[\u4e00-\u9fff][,;:!?]|[\u4e00-\u9fff]\.(?:\s|$)", text), f"{text}: punctuation"
            assert not re.search(r"[\u4e00-\u9fff][A-Za-z`$]|[A-Za-z`][\u4e00-\u9fff]", text), f"{text}: a space"


def test_help_fits_the_terminal() -> None:
    with chinese():
        top = translated(cli)
        top.translate = translated
        context = top.context_class(top, info_name="modelyard", terminal_width=80)
        for command, below in commands(top, context):
            page = command.get_help(below)
            assert not re.search(rf"\n *[{CLOSING.removesuffix('…')}]", page) and not re.search(
                rf"[{OPENING}]\n", page
            ), page
            for line in page.splitlines():
                assert width(line) <= 80 or not wraps(line), line


def wraps(line: str) -> bool:
    """Whether a line could be broken: not one of a table that keeps its lines, and not one long word."""
    return CELL.fullmatch(line) is None and len(PIECE.findall(line.strip())) > 1


def test_lines_break_between_characters_and_not_before_punctuation() -> None:
    assert wrapped("模型就绪后，输出 uid。", 10, "  ", "  ") == ["  模型就绪", "  后，输出", "  uid。"]
    assert wrapped("列出模型（全部）", 11, "", "") == ["列出模型", "（全部）"]
    assert wrapped("a bb  [x]", 4, "- ", "  ") == ["- a", "  bb", "  [x]"]
    assert wrapped("", 10, "  -h", "  ") == ["  -h"]


def test_columns_of_a_table_stand_below_each_other(in_chinese: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    page = in_chinese("kb", "add", "--help").out
    rows = page.partition("选项：\n")[2].splitlines()
    starts = {width(row[: match.start()]) for row in rows if (match := re.search(r"(?<=\s{2})[^\s-].*", row))}
    assert starts == {24}, page


def test_completion_describes_commands_in_chinese(in_chinese: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_WORDS", "modelyard la")
    monkeypatch.setenv("COMP_CWORD", "1")
    monkeypatch.setenv("_MODELYARD_COMPLETE", "zsh_complete")
    with pytest.raises(SystemExit):
        run([])
    assert man.page(cli).count("启动") == 0
