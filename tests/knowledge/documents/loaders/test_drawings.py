"""Alternative texts of drawings, and symbols of Word's symbol fonts."""

from __future__ import annotations

import pytest
from lxml import etree

from modelyard.knowledge.documents.loaders import load
from modelyard.knowledge.documents.loaders.drawings import alternative
from tests.knowledge.documents.loaders import parts

VML = "urn:schemas-microsoft-com:vml"
WINGDINGS = {
    "6F": "☐", "A8": "☐", "71": "☐", "72": "☐", "FE": "☑", "52": "☑", "FD": "☒", "78": "☒", "54": "☒", "FC": "✓", "FB": "✗",
    "E0": "→", "DF": "←", "E8": "➔", "F0": "⇨", "B7": "•", "A7": "▪", "6C": "●", "6E": "■",
}  # fmt: skip


@pytest.mark.parametrize(
    ("inner", "texts"),
    [
        ('<x:docPr xmlns:x="urn:x" title="A title" descr="A\n long  text" alt="no"/>', ["A title", "A long text"]),
        ('<x:cNvPr xmlns:x="urn:x" descr="A text"/><x:docPr xmlns:x="urn:x" title="A text"/>', ["A text"]),
        (f'<v:shape xmlns:v="{VML}" alt="Old" title="no"/><v:textpath xmlns:v="{VML}" string="Art"/>', ["Old", "Art"]),
        ('<x:shape xmlns:x="urn:x" alt="of another kind" string="no"/><!-- alt -->', []),
        ('<x:docPr xmlns:x="urn:x" title="Picture" descr="photo-1.JPEG"/><x:docPr xmlns:x="urn:x"/>', []),
        ('<x:docPr xmlns:x="urn:x" title="See photo-1.jpeg"/>', ["See photo-1.jpeg"]),
    ],
)
def test_texts_of_a_drawing_are_read_once_and_names_of_files_are_none(inner: str, texts: list[str]) -> None:
    assert alternative(etree.fromstring(f"<drawing>{inner}</drawing>")) == texts


def test_symbols_with_a_meaning_are_read() -> None:
    symbols = "".join(f'<w:sym w:font="Wingdings" w:char="F0{code}"/>' for code in WINGDINGS)
    loaded = load(parts.word(f"<w:p><w:r>{symbols}</w:r></w:p>"), "a.docx")
    assert (loaded.text, list(loaded.notes)) == ("".join(WINGDINGS.values()), [])


@pytest.mark.parametrize(
    ("letters", "greek"),
    [
        ("abgdezhqiklmnxoprstufcyw", "αβγδεζηθικλμνξοπρστυφχψω"),
        ("ABGDEZHQIKLMNXOPRSTUFCYW", "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ"),
    ],
)
def test_letters_of_the_symbol_font_are_greek(letters: str, greek: str) -> None:
    symbols = "".join(f'<w:sym w:font="Symbol" w:char="F0{ord(letter):02X}"/>' for letter in letters)
    assert load(parts.word(f"<w:p><w:r>{symbols}</w:r></w:p>"), "a.docx").text == greek
