"""Web pages as text for people and models: what is left out, what lines are made of, and how bytes are decoded."""

from __future__ import annotations

import pytest

from modelyard.core.fetching import Fetched
from modelyard.knowledge.documents.web_pages import Page, decode_text, parse_html, parse_page

PAGE = """<!DOCTYPE html><html><head><meta charset="utf-8"><title> 年假 &amp;
 规定 </title><style>p {}</style></head>
<body><nav><a href="/">Home</a></nav>
<header><h1>Leave <em>policy</em></h1></header>
<p>Employees get <b>10</b> days,<br>plus <a href="/x">five</a>&nbsp;more.</p><script>alert("no")</script>
<!-- a comment -->tail
<ul><li>one</li><li><p>two</p></li><li></li><li>three<ul><li>inner</li></ul></li></ul>
<table><tr><th>Year</th><th>Days</th></tr><tr><td>1</td><td>5</td></tr></table>
<pre>def f():
    return 1</pre>
<p hidden>secret</p><div style="display: none">hidden</div><span aria-hidden="true">x</span>
<p>工龄满十年</p><aside>ad</aside><footer>© 2026</footer></body></html>"""


def test_a_page_becomes_text_without_menus_and_scripts() -> None:
    page = parse_html(PAGE)
    assert page.title == "年假 & 规定"
    assert page.text == (
        "# Leave policy\n\nEmployees get 10 days,\nplus five more.\n\ntail\n\n- one\n- two\n- three\n- inner\n\n"
        "Year | Days\n1 | 5\n\ndef f():\n    return 1\n\n工龄满十年"
    )


def test_a_long_main_part_is_the_page() -> None:
    words = "The story goes on and on. " * 20
    menu = "<div>menu</div>" * 20
    assert parse_html(f"<body>{menu}<article>{words}</article></body>").text == words.strip()
    assert "menu" in parse_html(f"<body>{menu}<article>short</article></body>").text


@pytest.mark.parametrize(
    "source", ["", " ", "<", "\x00", "<!-- x", "plain words", "<p>" * 100_000, "<div>" * 5000 + "x"]
)
def test_any_html_becomes_text(source: str) -> None:
    assert isinstance(parse_html(source).text, str)


def test_deeply_nested_pages_keep_the_text_above() -> None:
    assert "above" in parse_html("<p>above</p>" + "<div>" * 5000 + "x").text


def test_pages_are_decoded_by_their_charset() -> None:
    said = "知识库的编码，没有乱码。"
    assert decode_text(said.encode()) == said
    assert decode_text(said.encode("gbk"), "gb2312") == said
    assert decode_text(b"<meta charset='gbk'>" + said.encode("gbk")).endswith(said)
    assert (
        decode_text(b'<meta http-equiv="Content-Type" content="text/html; charset=big5">' + "資料".encode("big5"))[-2:]
        == "資料"
    )
    assert decode_text(said.encode("utf-16")) == said
    assert decode_text(b"\xef\xbb\xbf" + said.encode(), "nonsense") == said
    assert decode_text(said.encode() * 50 + b"\xff").startswith(said)
    long = "这个网页没有说明它的编码，因此需要从它的字节猜测出来，希望结果是正确的。" * 5
    assert decode_text(long.encode("gb18030"), "utf-8") == long
    assert parse_page(Fetched("https://x.example/", "text/plain", b"<b>\r\n1 ", "")).text == "<b>\n1"


BLOCKS = (*("p", "div", "section", "article", "header", "blockquote", "dt", "dd", "pre", "figure", "figcaption", "address"),
          *("details", "summary", "h1", "h6", "li"))  # fmt: skip


@pytest.mark.parametrize("tag", BLOCKS)
def test_a_block_has_lines_of_its_own(tag: str) -> None:
    lines = [line for line in parse_html(f"<body>a<{tag}>b</{tag}>c</body>").text.split("\n") if line]
    assert [line.lstrip("#- ") for line in lines] == ["a", "b", "c"]


@pytest.mark.parametrize("tag", ["span", "b", "a", "em"])
def test_inline_elements_have_no_lines_of_their_own(tag: str) -> None:
    assert parse_html(f"<p>a<{tag}>b</{tag}>c</p>").text == "abc"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<h2></h2><p>a</p>", "a"),
        ("<ul><li></li><li>b</li></ul>", "- b"),
        ("<ul><li><p>a</p></li><li>b</li></ul>", "- a\n- b"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a | b"),
        ("<pre>a\n  b</pre><p>c  d</p>", "a\n  b\n\nc d"),
    ],
)
def test_marks_need_text_and_spaces_are_kept_in_pre_only(source: str, text: str) -> None:
    assert parse_html(source).text == text


@pytest.mark.parametrize(
    "tag",
    [
        "script",
        "style",
        "noscript",
        "template",
        "svg",
        "iframe",
        "object",
        "canvas",
        "audio",
        "video",
        "form",
        "button",
        "select",
        "textarea",
        "nav",
        "aside",
        "footer",
        "dialog",
    ],
)
def test_what_is_no_text_of_a_page_is_left_out(tag: str) -> None:
    page = parse_html(f"<body><p>before</p><{tag}><p>dropped</p></{tag}><p>after</p></body>")
    assert page.text == "before\n\nafter"


@pytest.mark.parametrize(
    ("attribute", "shown"),
    [
        ("hidden", False),
        ('aria-hidden="true"', False),
        ('aria-hidden="false"', True),
        ('style="color: red; Display : None"', False),
        ('style="visibility:hidden"', False),
        ('style="display: block"', True),
    ],
)
def test_hidden_elements_are_left_out_and_their_tails_stay(attribute: str, shown: bool) -> None:
    assert parse_html(f"<p>a<span {attribute}>b</span>c</p>").text == ("abc" if shown else "ac")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<h1>a</h1><h3>b</h3>", "# a\n\n### b"),
        ("<p>a</p><p>b</p>", "a\n\nb"),
        ("<div>a</div><div>b</div>", "a\nb"),
        ("<p>a</p><hr><p>b</p>", "a\n\nb"),
        ("a<br>b", "a\nb"),
        ("<p>a <b> b </b> c</p>", "a b c"),
        ("<p>a<b>b</b>c</p>", "abc"),
        ("<p>a\n<b>b</b>\nc</p>", "a b c"),
        ("<ol><li>a<ul><li>b</li></ul></li></ol><p>c</p>", "- a\n- b\n\nc"),
        ("<table><tr><th>a</th><td></td><td>b</td></tr><tr><td>c</td></tr></table>", "a |  | b\nc"),
        ("<pre>\n a\n\n  b</pre>c", "a\n\n  b\n\nc"),
        ("<blockquote>a</blockquote>b", "a\n\nb"),
        ("<p>a</p>\n\n\n<div> </div><div></div><p>b</p>", "a\n\nb"),
        ("<!-- a --><p>b<!-- c -->d</p>", "bd"),
        ("<h2><b>a</b></h2>", "## a"),
        ("<li>a</li>", "- a"),
    ],
)
def test_lines_of_a_page(source: str, text: str) -> None:
    assert parse_html(f"<body>{source}</body>").text == text


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("<head><title> a \n b </title></head>x", "a b"),
        ("<title>a</title>x", "a"),
        ("<p>x</p>", ""),
        ("<title></title>x", ""),
    ],
)
def test_the_title_of_a_page(source: str, title: str) -> None:
    assert parse_html(source) == Page(title, "x")


@pytest.mark.parametrize(
    ("tag", "length", "others", "alone"),
    [
        ("main", 200, 0, True),
        ("main", 199, 1, False),
        ("article", 400, 1100, True),
        ("article", 400, 1300, False),
        ('div role="main"', 400, 800, True),
        ("div", 400, 800, False),
        ("section", 400, 800, False),
    ],
)
def test_the_main_part_needs_a_quarter_of_the_text(tag: str, length: int, others: int, alone: bool) -> None:
    part = "x" * length
    page = parse_html(f"<body><div>{'y' * others}</div><{tag}>{part}</{tag.split()[0]}></body>")
    assert (page.text == part) is alone and part in page.text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("text/html", "a"),
        ("application/xhtml+xml", "a"),
        ("text/plain", "<p>a</p>\nb"),
        ("application/json", "<p>a</p>\nb"),
    ],
)
def test_only_html_is_read_as_html(kind: str, text: str) -> None:
    page = parse_page(Fetched("https://x.example/", kind, b" <p>a</p>\r\nb \n", ""))
    assert page == Page("", text if kind not in ("text/html", "application/xhtml+xml") else "a\n\nb")
