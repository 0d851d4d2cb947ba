"""`modelyard chats` against a real server: lists, search, export and import of files, deletion."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.cli.chat_files import PORTION_CHATS, ExportedChats, portions, read_export
from modelyard.cli.main import run
from modelyard.client import Client
from modelyard.core.errors import BadRequest
from tests.chats.exports import CHAT, chatgpt_chat, open_webui_chat
from tests.cli.terminal import columns
from tests.live import Live, live

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("chats") / "home") as running:
        yield running


@pytest.fixture
def chats(
    server: Live, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Call]:
    """Run `modelyard chats …` in this process, in an empty folder; its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["chats", *arguments, "-e", server.url])
        printed = capsysbinary.readouterr()
        return code, printed.out.decode(), printed.err.decode()

    yield call
    with Client(server.url) as client:
        client.chats.delete_many([each["id"] for each in client.chats.list(limit=1000)["data"]])


def written(name: str, value: Any) -> str:
    Path(name).write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return name


def test_chats_are_listed_shown_and_deleted(server: Live, chats: Call) -> None:
    assert chats("list")[1:] == ("", "There are no chats yet.\n")
    with Client(server.url) as client:
        first, second = (client.chats.create(title)["id"] for title in ("年假", "Pumps"))
        client.chats.add_message(first, "有几天？")
        client.chats.add_message(first, "十五天。", "assistant")
        client.chats.change(second, pinned=True)
    rows = columns(chats("list")[1])
    assert [row[:3] for row in rows] == [["ID", "TITLE", "MESSAGES"], [first, "年假", "2"], [second, "Pumps", "0"]]
    assert [each["id"] for each in json.loads(chats("list", "十五天", "--json")[1])] == [first]
    assert [each["id"] for each in json.loads(chats("list", "--pinned", "--json")[1])] == [second]
    assert chats("list", "nothing")[2] == "There are no such chats.\n"
    _, out, err = chats("list", "--limit", "1")
    assert first in out and second not in out
    cursor = err.split("--cursor ")[1].split("`")[0]
    assert second in chats("list", "--cursor", cursor)[1]
    assert chats("show", first)[1] == "# 年假\n\n## 有几天？\n\n十五天。\n"
    assert len(json.loads(chats("show", first, "--json")[1])["messages"]) == 2
    code, out, err = chats("delete", first, "nothing", second)
    assert (code, out) == (1, f"{first} deleted\n{second} deleted\n") and "'nothing'" in err
    assert chats("show", first)[0] == 1


def test_an_export_is_imported_again(server: Live, chats: Call) -> None:
    with Client(server.url) as client:
        folder = client.chat_folders.create("工作")
        chat = client.chats.create("年假", {"system": "Be brief."}, folder["id"])["id"]
        question = client.chats.add_message(chat, "有几天？")
        answer = client.chats.add_message(chat, "十五天。", "assistant", usage={"total_tokens": 3}, model="m")
        client.chats.feedback(answer["id"], 90, "对")
        client.chats.edit_message(chat, question["id"], "有几个月？")
        client.chats.change(chat, pinned=True)
        before = client.chats.get(chat)
        assert chats("export", "-o", "all.json")[2] == "Written to all.json.\n"
        export = json.loads(Path("all.json").read_text(encoding="utf-8"))
        assert (export["object"], export["version"], export["chats"]) == ("chat.export", 1, [before])
        assert json.loads(chats("export", chat)[1])["chats"] == [before]
        assert chats("export", "--format", "markdown")[1] == "# 年假\n\n> Be brief.\n\n## 有几个月？\n"
        assert chats("import", "all.json")[1] == "0 new chats with 0 new messages, 1 here already\n"
        client.chats.delete(chat)
        client.chat_folders.delete(folder["id"])
        assert chats("import", "all.json")[1] == "1 new chats with 3 new messages\n"
        after = client.chats.get(chat)
        [new] = client.chat_folders.list()
        assert (new["name"], new["chats"], after["folder"]) == ("工作", 1, new["id"])
        assert {**after, "messages": []} == {**before, "folder": new["id"], "messages": []}
        same = [{**each, "updated_at": 0} for each in before["messages"]]
        assert [{**each, "updated_at": 0} for each in after["messages"]] == same
        client.chat_folders.delete(new["id"])
    code, _, err = chats("export", "nothing", "-o", "none.json")
    assert code == 1 and "'nothing'" in err and not list(Path().glob("none*"))


def test_other_systems_exports_are_imported(chats: Call) -> None:
    with zipfile.ZipFile("chatgpt.zip", "w") as archive:
        archive.writestr("user.json", "{}")
        archive.writestr("conversations-000.json", json.dumps([chatgpt_chat()]))
        archive.writestr("conversations-001.json", json.dumps([chatgpt_chat("f" * 32)]))
    openai = written("open-webui.json", [open_webui_chat()])
    code, out, err = chats("import", "chatgpt.zip", openai, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"conversations": 3, "messages": 17, "skipped": 0, "failed": []}
    assert "Be brief." in chats("show", CHAT.replace("-", ""))[1]


def test_a_chat_that_is_refused_is_named_and_the_others_come(chats: Call) -> None:
    wrong = {"id": "w", "title": "broken", "messages": 7}
    code, out, err = chats("import", written("some.json", [chatgpt_chat(), wrong, open_webui_chat()]))
    assert (code, out) == (1, "2 new chats with 11 new messages\n")
    assert err.startswith("Error: 'broken': Parameter 'chats.0': it is a chat of no known export")
    for name, content in {"no.json": "{", "list.json": "[1]", "number.json": "1"}.items():
        Path(name).write_text(content)
        code, _, err = chats("import", name)
        assert code == 1 and err.startswith(f"Error: '{name}' is n")
    with zipfile.ZipFile("other.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    assert "has no conversations.json" in chats("import", "other.zip")[2]
    assert "cannot be read" in chats("import", "missing.json")[2]


def test_large_files_are_sent_in_portions(tmp_path: Path) -> None:
    many = [{"id": str(number)} for number in range(PORTION_CHATS * 2 + 1)]
    assert [len(each) for each in portions(ExportedChats(many))] == [PORTION_CHATS, PORTION_CHATS, 1]
    large = [{"id": str(number), "text": "x" * 5_000_000} for number in range(3)]
    assert [len(each) for each in portions(ExportedChats(large))] == [1, 1, 1]
    values = [{"id": str(number), "list": [0] * 30_000} for number in range(3)]
    assert [len(each) for each in portions(ExportedChats(values))] == [1, 1, 1]
    assert list(portions(ExportedChats())) == []
    path = tmp_path / "one.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(chatgpt_chat()).encode())
    assert len(read_export(path).chats) == 1
    with pytest.raises(BadRequest, match="cannot be read"):
        read_export(tmp_path)
