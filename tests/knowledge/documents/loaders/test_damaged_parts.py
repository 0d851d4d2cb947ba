"""Files in a zip that lack a part, or have a damaged or foreign one: text, a note or a refusal; nothing in silence."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Iterator, Mapping

import pytest

from modelyard.core.errors import DocumentUnreadable
from modelyard.knowledge.documents.loaders import load
from tests.knowledge.documents.loaders import made, parts, test_epub, test_opendocument
from tests.knowledge.documents.loaders.parts import para

FILES: Mapping[str, bytes] = {
    **{name: data for name, data in made.each().items() if name in {"a.docx", "a.xlsx", "a.pptx"}},
    "b.docx": parts.word(
        para("text"),
        {
            "word/c.xml": parts.xml("w:comments", f"<w:comment>{para('why')}</w:comment>"),
            "word/h.xml": parts.xml("w:hdr", para("head")),
        },
        {"a": ("comments", "word/c.xml"), "b": ("header", "word/h.xml")},
    ),
    "b.xlsx": parts.sheets(
        [('name="A"', '<sheetData><row r="1"><c r="A1"><v>1</v></c></row></sheetData>'), ('name="B"', "<sheetData/>")],
        {
            "xl/d.xml": parts.xml("xdr:wsDr", '<xdr:graphicFrame><c:chart r:id="c"/></xdr:graphicFrame>'),
            "xl/c.xml": parts.chart(),
        },
        {"xl/sheet2.xml": {"d": ("drawing", "xl/d.xml")}, "xl/d.xml": {"c": ("chart", "xl/c.xml")}},
    ),
    "b.pptx": parts.deck([parts.shape("one"), parts.shape("two")]),
    "a.odt": test_opendocument.made("text", test_opendocument.p("text")),
    "a.epub": test_epub.book({"one": test_epub.page("<p>a</p>"), "two": test_epub.page("<p>b</p>")}, ["one", "two"]),
}


REFERENCES = {"xl/_rels/sheet2.xml.rels", "xl/_rels/d.xml.rels"}
"""Lists of the parts of a sheet or drawing, without which nothing says that there were any."""


def without(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The file without each of its parts."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for left_out in members:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, content in members.items():
                if name != left_out:
                    archive.writestr(name, content)
        yield left_out, out.getvalue()


@pytest.mark.parametrize("name", FILES)
def test_a_part_that_is_missing_is_missed(name: str) -> None:
    whole = load(FILES[name], name)
    assert whole.notes == []
    for part, data in without(FILES[name]):
        try:
            loaded = load(data, name)
        except DocumentUnreadable as error:
            assert error.problem
            continue
        assert loaded.text == whole.text or loaded.notes or part in REFERENCES, part


@pytest.mark.parametrize("name", FILES)
def test_a_part_that_is_changed(name: str) -> None:
    draw = random.Random(name)
    with zipfile.ZipFile(io.BytesIO(FILES[name])) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    for member, content in members.items():
        at = draw.randrange(max(1, len(content)))
        some = bytes(draw.randrange(256) for _ in range(9))
        for other in (
            content[:at],
            content[:at] + some + content[at:],
            draw.choice([*members.values()]),
        ):
            try:
                load(made.repacked(FILES[name], {member: other}), name).text.encode()
            except DocumentUnreadable as error:
                assert error.problem
