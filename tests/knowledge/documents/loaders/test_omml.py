"""Equations of Office as a line of text: every kind of part, alone and inside one another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from modelyard.knowledge.documents.loaders.omml import DEEPEST, M, linear

HEAD = f'<m:oMath xmlns:m="{M[1:-1]}" xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'


def run(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


def text_of(inner: str) -> str:
    return linear(etree.fromstring(f"{HEAD}{inner}</m:oMath>")).strip()


def e(text: str) -> str:
    return f"<m:e>{run(text)}</m:e>"


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        (f"<m:f><m:num>{run('a+b')}</m:num><m:den>{run('c')}</m:den></m:f>", "(a+b)/c"),
        (f"<m:f><m:num>{run('12')}</m:num></m:f>", "12/"),
        (f"<m:sSup>{e('x')}<m:sup>{run('n+1')}</m:sup></m:sSup>", "x^(n+1)"),
        (f"<m:sSubSup>{e('x')}<m:sub>{run('i')}</m:sub><m:sup>{run('2')}</m:sup></m:sSubSup>", "x_i^2"),
        (f"<m:rad><m:deg/>{e('x')}</m:rad>", "√(x)"),
        (f"<m:rad><m:deg>{run('3')}</m:deg>{e('x')}</m:rad>", "∛(x)"),
        (f"<m:rad><m:deg>{run('n-1')}</m:deg>{e('x')}</m:rad>", "root_(n-1)(x)"),
        (f"<m:nary>{e('f')}</m:nary>", "∫ f"),
        (
            f'<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr><m:sub>{run("i=1")}</m:sub><m:sup>{run("n")}</m:sup>'
            f"{e('i')}</m:nary>",
            "∑_(i=1)^n i",
        ),
        (f"<m:d>{e('a')}{e('b')}</m:d>", "(a|b)"),
        (f'<m:d><m:dPr><m:begChr m:val="["/><m:endChr m:val=""/></m:dPr>{e("a")}</m:d>', "[a"),
        (f"<m:limLow>{e('lim')}<m:lim>{run('n→∞')}</m:lim></m:limLow>", "lim_(n→∞)"),
        (f"<m:limUpp>{e('x')}<m:lim>{run('~')}</m:lim></m:limUpp>", "x^~"),
        (f"<m:m><m:mr>{e('a')}{e('b')}</m:mr><m:mr>{e('c')}{e('d')}</m:mr></m:m>", "[a, b; c, d]"),
        (f"<m:eqArr>{e('x=1')}{e('y=2')}</m:eqArr>", "x=1; y=2"),
        (f"<m:func><m:fName>{run('sin ')}</m:fName>{e('x')}</m:func>", "sin x"),
        (f"<m:acc>{e('x')}</m:acc>", "x\u0302"),
        (f"<m:box><m:boxPr><m:t>no</m:t></m:boxPr>{e('kept')}</m:box>", "kept"),
        (f"<w:del>{run('gone')}</w:del><!-- note -->{run('here')}<m:r><m:t/></m:r>", "here"),
    ],
)
def test_every_part_has_its_line(xml: str, text: str) -> None:
    assert text_of(xml) == text


@given(st.lists(st.sampled_from(["f", "rad", "sSup", "d", "box"]), max_size=2 * DEEPEST))
def test_no_text_is_lost_however_deep_it_stands(names: list[str]) -> None:
    inner = run("deep")
    for name in names:
        holder = "num" if name == "f" else "e"
        inner = f"<m:{name}><m:{holder}>{inner}</m:{holder}></m:{name}>"
    assert "deep" in text_of(inner)
