"""`modelyard files` against a real server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.cli.main import run
from tests.cli.served import Served
from tests.cli.terminal import Terminal, columns

CONTENT = bytes(range(256)) * 1000
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("files") / "home")
    try:
        yield served
    finally:
        served.stop()


@pytest.fixture
def files(server: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run `modelyard files …` in this process, in an empty folder; its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["files", *arguments, "-e", server.url])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def made(files: Call, *arguments: str) -> list[dict[str, Any]]:
    """What an upload prints as JSON."""
    code, out, err = files("upload", *arguments, "--json")
    assert code == 0, err
    found: list[dict[str, Any]] = json.loads(out)
    return found


def test_files_are_uploaded_listed_shown_downloaded_and_deleted(files: Call) -> None:
    assert files("list")[1:] == ("", "There are no files.\n")
    Path("数据.bin").write_bytes(CONTENT)
    Path("rows.jsonl").write_bytes(b"{}\n")
    first, second = made(files, "数据.bin", "rows.jsonl", "--expires-in", "2h")
    assert first["expires_at"] == first["created_at"] + 7200 and first["purpose"] == "user_data"
    (batch,) = made(files, "rows.jsonl", "--purpose", "batch")
    rows = columns(files("list")[1])
    assert [row[:4] for row in rows[1:]] == [
        [batch["id"], "rows.jsonl", "batch", "3 B"],
        [second["id"], "rows.jsonl", "user_data", "3 B"],
        [first["id"], "数据.bin", "user_data", "250 KB"],
    ]
    code, out, err = files("list", "--limit", "1", "--purpose", "user_data", "--json")
    assert (code, json.loads(out)) == (0, [second])
    assert f"--after {second['id']}" in files("list", "--limit", "1", "--purpose", "user_data")[2]
    assert json.loads(files("list", "--after", second["id"], "--json")[1]) == [first]
    assert json.loads(files("show", first["id"], "--json")[1]) == first
    assert f"SHA-256 {first['sha256']}" in files("show", first["id"])[1]
    code, _, err = files("download", first["id"])
    assert code == 1 and "is here already" in err
    assert files("download", first["id"], "-o", "copy")[:2] == (0, "copy\n")
    assert Path("copy").read_bytes() == CONTENT
    Path("数据.bin").unlink()
    assert files("download", first["id"])[:2] == (0, "数据.bin\n")
    assert sorted(path.name for path in Path().iterdir()) == ["copy", "rows.jsonl", "数据.bin"]
    assert files("rm", first["id"])[:2] == (0, f"{first['id']} deleted\n")
    gone = [second["id"], batch["id"]]
    assert json.loads(files("rm", *gone, "--json")[1]) == {"deleted": gone}
    assert files("list", "--json")[1] == "[]\n"


def test_failures_are_told_with_the_exit_code(files: Call) -> None:
    Path("a.txt").write_text("no lines\n")
    for arguments, sentence in (
        (("show", "file-1"), "There is no file 'file-1'"),
        (("upload", "none.txt"), "there is no such file or folder"),
        (("upload", "a.txt", "--purpose", "fine-tune"), "Line 1 is not a dictionary"),
        (("upload", "a.txt", "--expires-in", "1m"), "expires_after.seconds"),
    ):
        code, out, err = files(*arguments)
        assert (code, out) == (1, "") and sentence in err
    (file,) = made(files, "a.txt")
    code, _, err = files("download", file["id"], "-o", "there/copy")
    assert code == 1 and "'there/copy' cannot be written" in err
    assert files("rm", file["id"])[0] == 0
    assert files("upload", "a.txt", "--purpose", "mine")[0] == 2


def test_content_goes_to_a_pipe_as_it_is(
    server: Served, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "b.bin"
    path.write_bytes(CONTENT)
    assert run(["files", "upload", str(path), "-e", server.url]) == 0
    name = capfdbinary.readouterr().out.split()[0].decode()
    assert run(["files", "download", name, "-o", "-", "-e", server.url]) == 0
    assert capfdbinary.readouterr().out == CONTENT
    assert run(["files", "rm", name, "-e", server.url]) == 0


def test_a_terminal_shows_how_far_an_upload_is(server: Served, tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(CONTENT * 40)
    with Terminal("files", "upload", str(path), "-e", server.url) as terminal:
        terminal.expect("large.bin")
        terminal.expect("file-")
        assert terminal.wait() == 0
