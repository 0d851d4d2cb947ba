"""What exceptions of Python and of the system say in our sentences."""

from __future__ import annotations

import errno
import json
import socket
import ssl
from pathlib import Path

import msgspec
import pytest

from modelyard.core.wording import reason
from tests.sentences import flaws


def raised(make: object) -> BaseException:
    assert callable(make)
    with pytest.raises(Exception) as caught:
        make()
    return caught.value


CASES = [
    (lambda: Path("/no/such/file").read_text(), "there is no such file or folder"),
    (lambda: Path("/").read_text(), "it is a folder"),
    (lambda: Path("/dev/null/x").read_text(), "a part of its path is a file and no folder"),
    (lambda: Path("/" + "x" * 300).read_text(), "the name is too long"),
    (lambda: Path("/dev/full").write_text("x"), "the disk is full"),
    (lambda: socket.create_connection(("127.0.0.1", 1), 5), "the connection was refused"),
    (lambda: socket.create_connection(("no.such.name.invalid", 1), 5), "name"),
    (lambda: b"\xff\xfe".decode(), "it is not UTF-8 text"),
    (lambda: "\ud800".encode(), "it holds half of a character"),
    (lambda: json.loads('{"a":'), "expecting value at line 1, column 6"),
    (lambda: dict[str, int]()["model"], "it has no 'model'"),
    (lambda: len(json.loads("7")), "a value in it is of the wrong type"),
    (lambda: msgspec.json.decode(b"x"), "invalid character (byte 0)"),
    (lambda: msgspec.json.decode(b"{"), "Input data was truncated"),
    (lambda: (_ for _ in ()).throw(ValueError()), "no reason is given"),
    (lambda: (_ for _ in ()).throw(OSError("[Errno 5] broken.")), "broken"),
    (lambda: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device", "/x")), "the disk is full"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "words"), CASES)
def test_reasons(make: object, words: str) -> None:
    said = reason(raised(make))
    assert words in said
    assert not said.endswith(".") and flaws(f"It failed: {said}.") == []


def test_errors_of_tls_are_not_those_of_the_system() -> None:
    untrusted = ssl.SSLCertVerificationError(1, "certificate verify failed")
    untrusted.verify_message = "self-signed certificate"
    assert reason(untrusted) == "its certificate is refused: self-signed certificate"
    version = ssl.SSLError(1, "wrong version number")
    version.reason = "WRONG_VERSION_NUMBER"
    assert reason(version) == "WRONG_VERSION_NUMBER"


def test_what_counts_as_a_flaw() -> None:
    assert flaws("Cannot use 'x': there is no such file.", "x") == []
    for text in (
        "x cannot be read: [Errno 2] No such file or directory: 'x'",
        "Cannot use 'x': it cannot be read: Cannot use 'x': it cannot be read: the disk is full.",
        "it answered b'vm\\n'",
        "KeyError: 'x'",
        "wrong: <class 'int'>",
        "'int' object is not subscriptable",
        "'utf-8' codec can't decode byte 0xff",
        "Cannot read it: the file ends too early; the file ends too early.",
    ):
        assert flaws(text), text
    assert flaws("name.txt: Cannot read 'name.txt': it is empty.", "name.txt")
