"""Rich Text: encodings, structure, and what stands beside the text."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from modelyard.core.errors import DocumentUnreadable
from modelyard.knowledge.documents.loaders import LoadLimits, load
from modelyard.knowledge.types import Block, BlockKind

FONTS = r"{\fonttbl{\f0\fnil\fcharset134 SimSun;}{\f1\fcharset238 Arial CE;}{\f2\fcharset0 Arial;}}"
CHECK = r"{\field{\*\fldinst FORMCHECKBOX {\*\formfield{\fftype1\ffres25\ffdefres%d{\*\ffname c}}}}{\fldrslt}}"
CHOICE = r"{\field{\*\fldinst FORMDROPDOWN {\*\formfield{\fftype2\ffres1{\*\ffl red}{\*\ffl blue}}}}{\fldrslt}}"
HIDDEN = "It has hidden text, which was read."
SILENT = "1 picture has no alternative text, and what is on it was not read."
CASES: Mapping[str, tuple[str, str, list[str]]] = {
    "the document's code page": (r"\ansi\ansicpg1250 Za\'bf\'f3\'b3\'e6 g\'ea\'9cl\'b9", "Zażółć gęślą", []),
    "code pages of fonts": (rf"\ansicpg1252{FONTS}\f0 \'d6\'d0\'ce\'c4 \f1 \'bf\f2 \'bf", "中文 ż¿", []),
    "bytes of one character that are letters": (r"\ansicpg932 \'83A\'83C", "アイ", []),
    "unicode with stand-ins": (r"\u8364\'80 \uc2\u20013\'d6\'d0 {\uc0\u228}b \u246oe", "€ 中 äb ö", []),
    "pairs of surrogates": (r"x\u-10179?\u-8704?y", "x😀y", []),
    "an old Macintosh": (r"\mac caf\'8e", "café", []),
    "signs": (r"a\tab b\line c \{x\} \ldblquote q\rdblquote \endash  1\~2", "a\tb\nc {x} “q”– 1\u00a02", []),
    "paragraphs": ("a\\par b\\par\\pard\nc\\\nd", "a\n\nb\n\nc\n\nd", []),
    "hidden and deleted text": (r"a {\v b} {\deleted c}d", "a b d", [HIDDEN]),
    "a footnote": (r"text{\footnote\pard the note}.", "text.\n\nthe note", []),
    "a comment": (r"text{\*\atnauthor Ann}{\*\annotation\pard why?}", "text\n\nComment by Ann: why?", []),
    "a header of two pages": (
        r"{\header\pard Draft 7\par}{\headerf\pard Draft 7\par}{\footer\pard 3\par}text",
        "text\n\nDraft 7",
        [],
    ),
    "a link": (
        r'see {\field{\*\fldinst{HYPERLINK "https://a.example/x"}}{\fldrslt{here}}}.',
        "see here (https://a.example/x).",
        [],
    ),
    "the result of a field": (r"{\field{\*\fldinst PAGE}{\fldrslt 12}} pages", "12 pages", []),
    "form fields": (f"{CHECK % 1} yes {CHECK % 0} no {CHOICE}", "☒ yes ☐ no blue", []),
    "marks of lists": (r"{\listtext\pard 1.\tab}one\par{\listtext\pard 2.\tab}two", "1.\tone\n\n2.\ttwo", []),
    "pictures": (r"a{\*\shppict{\pict\pngblip 89504e}}{\nonshppict{\pict 01}}", "a", [SILENT]),
    "a picture with its text": (
        r"a{\shp{\*\shpinst{\sp{\sn wzDescription}{\sv A dog}}{\sp{\sn pib}{\sv {\pict 00}}}}{\shprslt no}}",
        "a\n\nPicture: A dog",
        [],
    ),
    "a text box": (r"a{\shp{\*\shpinst{\shptxt\pard in the box\par}}{\shprslt again}}", "a\n\nin the box", []),
    "an embedded file": (
        r"a{\object\objemb{\*\objclass Excel.Sheet.12}{\*\objdata 0105}{\result\pard shown}}",
        "ashown",
        ["An embedded file (Excel.Sheet.12) was not read."],
    ),
    "bytes inside": (r"a{\*\blipuid\bin3 }{}}b", "ab", []),
    "groups that nobody knows": (r"a{\*\whatever b{c}}d", "ad", []),
    "an equation": (r"{\mmath{\*\moMath{\mr x}{\mr =}{\mr 1}}{\mmathPict{\pict 0}}}", "x=1", []),
    "both writings of a text": (r"a{\upr{b?}{\*\ud{b\u8364\'80}}}", "ab€", []),
}


@pytest.mark.parametrize("feature", CASES)
def test_rich_text(feature: str) -> None:
    body, text, notes = CASES[feature]
    loaded = load(f"{{\\rtf1{body}}}".encode("latin-1"), "a.rtf")
    assert (loaded.text, loaded.notes) == (text, notes)


WHOLE = (
    rb"{\rtf1\ansi{\stylesheet{\s0 Normal;}{\s1\outlinelevel0 heading 1;}{\s2 Title;}{\*\cs10 "
    rb"char;}}{\info{\title Plan}{\author Ann}}"
    rb"\pard\s1 Head\par\pard body\par\pard\outlinelevel1 Second\par\trowd\cellx1\cellx2\pard\intbl "
    rb"a\cell b\cell\row\trowd\pard\intbl"
    rb" c\par d\cell e\cell\row\pard after\par}"
)


def test_headings_tables_and_properties() -> None:
    loaded = load(WHOLE, "plan.doc")
    assert loaded.metadata == {"title": "Plan", "author": "Ann"}
    assert loaded.blocks == [
        Block("Head", BlockKind.HEADING, 1),
        Block("body"),
        Block("Second", BlockKind.HEADING, 2),
        Block("| a | b |\n| --- | --- |\n| c<br>d | e |", BlockKind.TABLE),
        Block("after"),
    ]


def test_what_is_refused() -> None:
    with pytest.raises(DocumentUnreadable, match="too deep"):
        load(b"{\\rtf1 a" + b"{" * 6000, "a.rtf")
    with pytest.raises(DocumentUnreadable, match=r"has no text\. 1 picture"):
        load(b"{\\rtf1{\\pict 00}}", "a.rtf")
    with pytest.raises(DocumentUnreadable, match="longer"):
        load(b"{\\rtf1 " + b"abc" * 100 + b"}", "a.rtf", limits=LoadLimits(max_characters=200))


def test_broken_rich_text_is_read_or_refused() -> None:
    draw = random.Random(4)
    every = [WHOLE, *(f"{{\\rtf1{body}}}".encode("latin-1") for body, _, _ in CASES.values())]
    for whole in every:
        for _ in range(30):
            changed = bytearray(whole)
            for _ in range(draw.randrange(1, 6)):
                changed[draw.randrange(6, len(whole))] = draw.choice(b"{}\\*'0z\n\xff")
            try:
                load(bytes(changed[: draw.randrange(6, len(whole))]), "a.rtf").text.encode()
            except DocumentUnreadable as error:
                assert error.problem
