"""Everything in a Word document that may stand inside of itself is read down to one depth, and a note says that there is more."""

from __future__ import annotations

import pytest

from modelyard.knowledge.documents.loaders import load
from modelyard.knowledge.documents.loaders.word import DEEPEST
from tests.knowledge.documents.loaders import parts
from tests.knowledge.documents.loaders.parts import para, run

NOTE = "Tables and controls stand too deep inside one another; the deepest were not read."
FORMS = {
    "frames": ("<w:tbl><w:tr><w:tc>", "</w:tc></w:tr></w:tbl>"),
    "tables": (f"<w:tbl><w:tr><w:tc>{para('x')}</w:tc><w:tc>", "</w:tc></w:tr></w:tbl>"),
    "controls": ("<w:sdt><w:sdtContent>", "</w:sdtContent></w:sdt>"),
    "insertions": ("<w:ins>", "</w:ins>"),
    "boxes": (
        f"<w:p>{run('x')}<w:r><w:pict><v:textbox><w:txbxContent>",
        "</w:txbxContent></v:textbox></w:pict></w:r></w:p>",
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("depth", [DEEPEST, DEEPEST + 1])
def test_the_depth_is_the_same_for_each_form(form: str, depth: int) -> None:
    assert DEEPEST == 20
    before, after = FORMS[form]
    loaded = load(parts.word(para("top") + before * depth + para("deep") + after * depth), "a.docx")
    assert loaded.text.startswith("top")
    assert ("deep" in loaded.text) is (depth == DEEPEST)
    assert any(each.startswith(NOTE) for each in loaded.notes) is (depth > DEEPEST)
