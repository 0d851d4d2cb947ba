"""Formats that are text: plain, Markdown, pages, tables, records, code, subtitles, mail, notebooks."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest

from modelyard.core.errors import DocumentUnreadable
from modelyard.knowledge.documents.loaders import load
from modelyard.knowledge.types import BlockKind
from tests.knowledge.documents.loaders import samples


def shape(text: str | bytes, name: str) -> list[tuple[str, str]]:
    """Kind and text of each block."""
    loaded = load(text.encode() if isinstance(text, str) else text, name)
    return [
        (f"h{block.level}" if block.kind is BlockKind.HEADING else block.kind.value, block.text)
        for block in loaded.blocks
    ]


def test_paragraphs_of_plain_text() -> None:
    assert shape("a\r\nb  \r\n\r\n\r\n   \r\nc\fd", "x.log") == [("text", "a\nb"), ("text", "c"), ("text", "d")]


def test_markdown() -> None:
    text = """---
title: "退货政策"
tags: [a, b]
authors:
  - Ann
  - Bob
---
# One #
para *one*
goes on
<!-- not
this -->
Two
===

## 2.1 Three
```python
# no heading

| no | table |
```
a | b
:--|--:
x \\| y | z
1 | 2

~~~
open to the end"""
    loaded = load(text.encode(), "a.md")
    assert loaded.metadata == {"title": "退货政策", "tags": "a, b", "authors": "Ann, Bob", "encoding": "utf-8"}
    assert shape(text, "a.md") == [
        ("h1", "One"),
        ("text", "para *one*\ngoes on"),
        ("h1", "Two"),
        ("h2", "2.1 Three"),
        ("code", "# no heading\n\n| no | table |"),
        ("table", "| a | b |\n| --- | --- |\n| x \\| y | z |\n| 1 | 2 |"),
        ("code", "open to the end"),
    ]


@pytest.mark.parametrize(
    "name", ["a.md", "a.html", "a.csv", "a.txt", "a.rst", "a.py", "a.xml", "a.srt", "a.json", "a.eml"]
)
@pytest.mark.parametrize(
    "piece", [" ", "<!--", "| ", "> ", "(", "\n", "# ", "'", "<a ", ":", "-->00:01", "*", "```\n", "中 "]
)
def test_nothing_takes_more_than_linear_time(name: str, piece: str) -> None:
    """A pattern that goes back over what it has read would take hours here."""
    with suppress(DocumentUnreadable):
        load(b"From: a\n# x |a" + (piece * 300_000).encode() + b"x\n|--|" + b" " * 300_000 + b".", name)


def test_markdown_that_only_looks_like_it() -> None:
    assert shape("---\nno front matter\n---\n#hashtag\n- a\n---\n\n* * *\n\nx", "a.md")[-1] == ("text", "x")
    assert shape("+++\ntitle = 'T'\n+++\n\nx", "a.md") == [("text", "x")]
    assert load(b"+++\ntitle = 'T'\n+++\n\nx", "a.md").metadata["title"] == "T"


def test_rst() -> None:
    text = "=====\nTitle\n=====\n\nIntro::\n\n    code here\n\n      deeper\n\nPart\n----\n\n"
    text += ".. code-block:: py\n   :linenos:\n\n   x = 1\n\nEnd."
    assert shape(text, "a.rst") == [
        ("h1", "Title"),
        ("text", "Intro"),
        ("code", "code here\n\n  deeper"),
        ("h2", "Part"),
        ("code", "x = 1"),
        ("text", "End."),
    ]


PAGE = """<!DOCTYPE html><html lang="zh"><head><meta charset="gbk"><title> 帮助
中心 </title><meta name="author" content="Ann"><style>p{}</style><script>var x</script></head>
<body><nav>menu</nav><h1>退货 <em>政策</em></h1><div>直接文字<p>第一段，
换行继续<br>新行 &lt;b&gt;</p>尾巴</div>
<ul><li>one<ul><li>deep</li></ul></li><li>two <b>bold</b></li></ul><ol><li>x</li><li>y</li></ol>
<pre>def f():
    return 1 &lt; 2</pre>
<table><tr><th>a</th><th>b|c</th></tr><tr><td rowspan=2>1</td><td>2</td></tr><tr><td>3<br>4</td></tr>
<tr><td colspan=2>wide</td></tr></table>
<table><tr><td><p>layout</p></td></tr></table><p hidden>no</p></body></html>"""


def test_html() -> None:
    data = PAGE.encode("gbk")
    loaded = load(data, "a.html")
    assert loaded.metadata == {"title": "帮助 中心", "author": "Ann", "language": "zh", "encoding": "gbk"}
    assert shape(data, "a.htm") == [
        ("h1", "退货 政策"),
        ("text", "直接文字"),
        ("text", "第一段，换行继续\n新行 <b>"),
        ("text", "尾巴"),
        ("text", "- one\n  - deep\n- two bold"),
        ("text", "1. x\n2. y"),
        ("code", "def f():\n    return 1 < 2"),
        ("table", "| a | b\\|c |\n| --- | --- |\n| 1 | 2 |\n| 1 | 3<br>4 |\n| wide | wide |"),
        ("text", "layout"),
    ]


def test_html_that_is_not_whole_or_far_too_deep() -> None:
    assert shape("<p>a<p>b<table><tr><td>c<td>d", "a.html")[:2] == [("text", "a"), ("text", "b")]
    for depth in (100, 200, 240):
        assert "x" in load(("<div><b>" * (depth // 2) + "x").encode(), "a.html").text
    with pytest.raises(DocumentUnreadable, match="too deep"):
        load(b"<div>" * 3000 + b"x", "a.html")
    lists = "<ul><li>" * 100 + "innermost"
    assert "innermost" in load(lists.encode(), "a.html").text


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_found_out(delimiter: str) -> None:
    rows = [["名称", "价格, 元", "说明"], ["甲", "1,5", "多\n行 | 竖"], ["", "", ""], ["乙", "2", ""]]
    text = "\r\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    assert shape(text.encode("gb18030"), "a.csv") == [
        ("table", "| 名称 | 价格, 元 | 说明 |\n| --- | --- | --- |\n| 甲 | 1,5 | 多<br>行 \\| 竖 |\n| 乙 | 2 |  |")
    ]


def test_small_tables() -> None:
    assert shape("a,b", "a.csv") == [("table", "| a | b |\n| --- | --- |")]
    assert shape("one\ntwo\n", "a.csv") == [("table", "| one |\n| --- |\n| two |")]
    assert shape("a\n1,2,3\n", "a.csv")[0][1].split("\n")[1] == "| --- | --- | --- |"
    assert shape("sep=;\na;b,c\n1;2\n", "a.csv")[0][1].startswith("| a | b,c |")
    assert shape('a,b\n1,"open', "a.csv")[0][1].endswith("| 1 | open |")


def test_json() -> None:
    value = {
        "title": "价目",
        "n": 1.50,
        "deep": {"x": [1, {"y": None}]},
        "items": [{"名": "甲", "tags": ["a"]}, {"名": "乙"}],
    }
    assert shape(json.dumps(value, indent=1), "a.json") == [
        ("text", "title: 价目\nn: 1.5"),
        ("h1", "deep"),
        ("h2", "x"),
        ("text", "1"),
        ("text", "y:"),
        ("h1", "items"),
        ("text", '名: 甲\ntags: ["a"]'),
        ("text", "名: 乙"),
    ]
    assert shape('["a", 1, [2]]', "a.json") == [("text", "a"), ("text", "1"), ("text", "[2]")]
    assert shape('{"a": "\\ud800x"}', "a.json") == [("text", "a: \ufffdx")]
    assert shape('{"a": 1}\n{"a": 2}', "a.json") == [("text", "a: 1"), ("text", "a: 2")]


def test_json_lines() -> None:
    assert shape('{"q": "谁", "a": {"x": 1}}\n\n"s"\n', "a.jsonl") == [("text", 'q: 谁\na: {"x": 1}'), ("text", "s")]
    with pytest.raises(DocumentUnreadable):
        load(b"[" * 100_000, "a.json")


def test_code_is_cut_at_definitions() -> None:
    body = "\n".join(f"    x{n} = {n}" for n in range(60))
    text = f"import a\n\nimport b\n\n\ndef one():\n{body}\n\n    y = 1\n\n\n@deco\ndef two():\n{body}\n"
    blocks = shape(text, "a.py")
    assert [text.split("\n")[0] for _, text in blocks] == ["import a", "def one():", "@deco"]
    assert {kind for kind, _ in blocks} == {"code"}
    assert shape("FROM x\nRUN y\n", "Dockerfile") == [("code", "FROM x\nRUN y")]


def test_xml_on_one_line_can_be_cut() -> None:
    text = '<?xml version="1.0" encoding="gb2312"?><r>' + "<a>条目</a>" * 200 + "</r>"
    ((kind, code),) = shape(text.encode("gb18030"), "a.xml")
    assert kind == "code" and code.count("\n") == 202 and "<a>条目</a>\n" in code


def test_subtitles() -> None:
    text = """WEBVTT - x

NOTE no

00:01.000 --> 00:02.000 align:start
<v Ann>大家好，

2
00:00:03.000 --> 00:00:04.000
今天讲<c.x>检索</c>
{\\an8}and more"""
    assert shape(text, "a.vtt") == [("text", "Ann: 大家好，"), ("text", "今天讲检索 and more")]


def test_mail() -> None:
    loaded = load(samples.mail(), "a.eml")
    assert [block.text for block in loaded.blocks] == [
        "From: Ann <ann@example.com>\nTo: bob@example.com\nDate: Tue, 05 Mar 2024 10:00:00 +0800\nSubject: 出差安排",
        "你好，",
        "周三出发。",
        "Attachments: 行程.pdf",
    ]
    assert loaded.notes[0].startswith("The attachment '行程.pdf' was not read: the PDF is damaged")
    assert loaded.metadata["title"] == "出差安排"
    html = b"From: a@b.c\nSubject: s\nContent-Type: text/html; charset=gbk\n\n<h1>\xc4\xe3\xba\xc3</h1>"
    assert [block.text for block in load(html, "a.eml").blocks][1:] == ["你好"]


def test_notebook() -> None:
    assert shape(json.dumps(samples.NOTEBOOK), "a.ipynb") == [
        ("h1", "Study"),
        ("text", "Words."),
        ("code", "print(1)"),
        ("code", "1"),
        ("code", "E: x"),
    ]


@pytest.mark.parametrize("value", ["a@b.c, " * 40_000, "a." * 100_000, "=?utf-8?q?a?= " * 20_000, "<" * 100_000])
@pytest.mark.parametrize("name", ["To", "Subject", "Date", "Content-Type"])
def test_a_header_is_read_up_to_a_length(name: str, value: str) -> None:
    """The parser of the standard library takes a minute and more for each of these."""
    loaded = load(f"From: a@b.c\n{name}: {value}\n\ntext".encode(), "a.eml")
    assert loaded.blocks[0].text.startswith("From: a@b.c") and len(loaded.blocks[0].text) < 20_000


def test_a_mail_of_too_many_multipart_bodies() -> None:
    parts = "".join(f'Content-Type: multipart/mixed; boundary="{n}"\n\n--{n}\n' for n in range(1001))
    with pytest.raises(DocumentUnreadable, match="multipart bodies"):
        load(f"From: a@b.c\n{parts}".encode(), "a.eml")
