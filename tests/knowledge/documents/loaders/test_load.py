"""What `load` does with names that lie, files that are broken, and everything that it refuses."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from modelyard.core.errors import DocumentUnreadable
from modelyard.knowledge.documents.loaders import LOADERS, LoadLimits, Source, extensions, load
from modelyard.knowledge.types import Block, LoadedDocument
from tests.knowledge.documents.loaders import samples

FILES = samples.each()
HEAVY = {
    "lxml",
    "docx",
    "pptx",
    "openpyxl",
    "pypdfium2",
    "charset_normalizer",
    "rapidocr",
    "onnxruntime",
    "PIL",
    "numpy",
    "cv2",
}


@pytest.mark.parametrize("name", FILES)
def test_a_whole_file_gives_clean_blocks(name: str) -> None:
    loaded = load(FILES[name], name)
    assert loaded.blocks
    for block in loaded.blocks:
        assert block.text.strip() and block.text == block.text.rstrip() and not block.text.startswith("\n")
        assert "\r" not in block.text and "\0" not in block.text
    loaded.text.encode("utf-8")


@pytest.mark.parametrize("name", [name for name in FILES if not name.endswith(".png")])
def test_a_broken_file_is_read_or_refused(name: str) -> None:
    """Cut anywhere, or with some bytes changed: never any other error."""
    whole = FILES[name]
    draw = random.Random(name)
    broken = [whole[: draw.randrange(len(whole))] for _ in range(40)]
    for _ in range(40):
        changed = bytearray(whole)
        for _ in range(draw.randrange(1, 12)):
            changed[draw.randrange(len(whole))] = draw.randrange(256)
        broken.append(bytes(changed))
    for data in broken:
        try:
            load(data, name).text.encode("utf-8")
        except DocumentUnreadable as error:
            assert name in error.message and error.problem


@pytest.mark.parametrize("name", ["a.docx", "a.xlsx", "a.pptx"])
def test_broken_xml_inside_a_whole_zip(name: str) -> None:
    """Changes that the check sums of a zip do not hide."""
    import io
    import zipfile

    draw = random.Random(name)
    with zipfile.ZipFile(io.BytesIO(FILES[name])) as archive:
        members = {member: archive.read(member) for member in archive.namelist() if not member.endswith(".jpeg")}
    for member, content in members.items():
        for _ in range(4):
            at = draw.randrange(len(content))
            other = draw.choice([content[:at], content[:at] + b"<!" + content[at:], content.replace(b"w:", b"v:"), b""])
            data = samples.repacked(FILES[name], {member: other})
            try:
                load(data, name)
            except DocumentUnreadable as error:
                assert error.problem


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.pdf", "a.docx", "a.json", "a.unknown", "README"])
@pytest.mark.parametrize("data", [b"", b" \n\t\r\n"])
def test_empty(name: str, data: bytes) -> None:
    with pytest.raises(DocumentUnreadable, match="empty"):
        load(data, name)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.html", b"<html><body><script>x</script></body></html>"),
        ("a.docx", samples.word(lambda document: None)),
        ("a.xlsx", samples.workbook(lambda book: None)),
        ("a.json", b"[]"),
        ("a.csv", b",,\n,,\n"),
    ],
)
def test_without_text(name: str, data: bytes) -> None:
    with pytest.raises(DocumentUnreadable, match="has no text"):
        load(data, name)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a.docx", "b.doc"),
        ("a.xlsx", "b.xls"),
        ("a.pptx", "b"),
        ("a.pdf", "b.docx"),
        ("a.docx", "b.txt"),
        ("a.xlsx", "b.docx"),
    ],
)
def test_the_first_bytes_are_believed_more_than_the_name(name: str, kept: str) -> None:
    assert load(FILES[name], kept) == load(FILES[name], name)


def test_text_of_any_name_is_text() -> None:
    assert load("退货政策说明".encode("gbk"), "notes.unknown").text == "退货政策说明"
    assert load(b"<!DOCTYPE html><p>a</p><p>b</p>", "export.xls").text == "a\n\nb"
    assert load(b"%PDF-1.4 is what a PDF begins with"[1:], "a.txt").text


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("a.bin", bytes(range(256)) * 9, "Supported: .*docx.*"),
        ("a.txt", bytes(range(256)) * 9, "it is not text"),
        ("a.pdf", b"<html>login</html>", "not a whole pdf"),
        ("a.docx", b"some text", "not a whole docx"),
        ("a.xlsx", FILES["a.xlsx"][:900], "not a whole xlsx"),
        ("a.zip", samples.repacked(FILES["a.docx"], {})[:50], "zip archive"),
        ("a.rtf", b"rich", "not a whole rtf"),
        ("a.png", b"no picture", "picture is damaged"),
    ],
    ids=lambda given: (
        given if isinstance(given, str) else ""
    ),  # an archive has the time in it, which no test's name may have
)
def test_what_is_refused_says_why(name: str, data: bytes, problem: str) -> None:
    with pytest.raises(DocumentUnreadable, match=problem):
        load(data, name)


def test_limits() -> None:
    with pytest.raises(DocumentUnreadable, match="larger than 3 bytes"):
        load(b"abcd", "a.txt", limits=LoadLimits(max_bytes=3))
    with pytest.raises(DocumentUnreadable, match="longer than 3 characters"):
        load(b"abcd", "a.txt", limits=LoadLimits(max_characters=3))
    wide = "<table>" + f"<tr><td colspan=50 rowspan=1000>{'x' * 1000}</td></tr>" * 1000 + "<tr><td>y<td>z</tr></table>"
    with pytest.raises(DocumentUnreadable, match="longer"):
        load(wide.encode(), "a.html")


def test_every_extension_has_a_loader_and_a_description() -> None:
    found = extensions()
    assert {
        "txt",
        "md",
        "html",
        "csv",
        "json",
        "jsonl",
        "xlsx",
        "docx",
        "pptx",
        "pdf",
        "eml",
        "ipynb",
        "srt",
        "py",
    } <= set(found)
    for extension, description in found.items():
        assert description and callable(LOADERS.get(extension))


def stranger(source: Source) -> LoadedDocument:
    """A loader of somebody else."""
    return LoadedDocument([Block(f"{source.extension} of {len(source.data)} bytes")])


def test_a_stranger_registers_a_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LOADERS._targets, "book", f"{__name__}:stranger")
    assert load(FILES["a.docx"], "book.BOOK").text == f"book of {len(FILES['a.docx'])} bytes"
    assert extensions()["book"]


def test_importing_the_room_imports_no_parser() -> None:
    code = "import sys, modelyard.knowledge.documents.loaders.reader_process; print(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert HEAVY.isdisjoint({name.partition(".")[0] for name in printed.split()})
