"""What formats that are text can hold, feature by feature: each is read, or a note says that it was not."""

from __future__ import annotations

import json
import random
from email.message import EmailMessage

import pytest

from modelyard.core.errors import DocumentUnreadable
from modelyard.knowledge.documents.loaders import load
from modelyard.knowledge.documents.loaders.base import MOST_NOTES
from tests.knowledge.documents.loaders import mails

NOTEBOOK = '{"cells": [{"cell_type": "code", "source": "x = 1", "outputs": [%s]}], "metadata": {}}'

READ: list[tuple[str, str | bytes, list[str]]] = [
    # tables
    ("a.csv", "Artikel;Menge;Preis\nM1;1;1,50\nM2;2;2,50\n", ["| Artikel | Menge | Preis |", "| M1 | 1 | 1,50 |"]),
    ("a.csv", "Artikel;Preis\nM1;1,50\n", ["| Artikel | Preis |", "| M1 | 1,50 |"]),
    ("a.csv", "Name;Alter\nMüller, Hans;12\nMeier, Eva;13\n", ["| Müller, Hans | 12 |"]),
    ("a.csv", "x\ty\n1,5\t2,5\n3,5\t4,5\n", ["| 1,5 | 2,5 |"]),
    ("a.csv", "x|y\n1,5|2,5\n", ["| 1,5 | 2,5 |"]),
    ("a.csv", "sep=;\na;b\n1,2;3\n", ["| a | b |", "| 1,2 | 3 |"]),
    ("a.csv", '"sep=|"\na|b\n1|2\n', ["| a | b |"]),
    ("a.csv", "\ufeffa;b\r\n1;2\r\n", ["| a | b |\n"]),
    ("a.csv", "a,b\r1,2\r3,4\r", ["| 1 | 2 |\n| 3 | 4 |"]),
    ("a.csv", 'a,b\n"two\nlines\n\nand more",2\n', ["| two<br>lines<br>and more | 2 |"]),
    ("a.csv", "a,b,c\n1,2,3\n4,5\n6,7,8,9\n", ["| 4 | 5 |", "| 6 | 7 | 8 | 9 |"]),
    ("a.csv", "Report of May\na;b;c\n1;2;3\n4;5;6\n7;8;9\n", ["Report of May\n\n| a | b | c |"]),
    ("a.csv", "a;b;c\n1;2;3\n\nx;y\n4;5\n", ["| 1 | 2 | 3 |\n\n| x | y |\n| --- | --- |\n| 4 | 5 |"]),
    ("a.csv", "1;2\n3;4\n", ["|  |  |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |"]),
    ("a.csv", "Land;2019;2020\nDE;1;2\n", ["| Land | 2019 | 2020 |\n| ---"]),
    ("a.csv", 'a,b\n"say \\"hi\\" now",2\n', ['| say "hi" now | 2 |']),
    ("a.csv", 'a,b\n="007",x\n', ["| 007 | x |"]),
    ("a.csv", "a,b\n1\0,2\n", ["| 1 | 2 |"]),
    ("a.csv", "a,b\n" + "x" * 500_000 + ",end of row\n", ["| end of row |"]),
    ("a.tsv", "a\tb, c\n1\t2, 3\n", ["| a | b, c |", "| 1 | 2, 3 |"]),
    # records
    (
        "a.json",
        '{"price": 1.10, "big": 12345678901234567890.123456789}',
        ["price: 1.10", "big: 12345678901234567890.123456789"],
    ),
    ("a.json", '{"n": {"list": [1.50, null, true], "o": {"x": "y"}}}', ["list: [1.50, null, true]", "y"]),
    ("a.json", '{"a": "one", "a": "two"}', ["a: one", "a (2): two"]),
    ("a.json", '\ufeff{"a": "x"}', ["a: x"]),
    ("a.json", '{"a": NaN, "b": "tab\there"}', ["a: NaN", "tab\there"]),
    ("a.json", '{"a": 1}\n{\n"a": 2}\n', ["a: 1\n\na: 2"]),
    ("a.json", '\x1e{"a": 1}\n\x1e{"a": 2}\n', ["a: 1\n\na: 2"]),
    ("a.ndjson", '{"a": 1}\r\n\r\n{"a": "\\u00fc"}\r\n', ["a: ü"]),
    # code and markup
    ("a.xml", "<r><n>M&#252;ller &amp; S&#xF6;hne</n><![CDATA[raw words]]></r>", ["Müller &amp; Söhne", "raw words"]),
    ("a.xml", '<?xml version="1.0" encoding="iso-8859-2"?><r>żółć</r>'.encode("iso-8859-2"), ["żółć"]),
    ("a.xml", '<?xml version="1.0" encoding="utf-16"?><r>żółć</r>'.encode("utf-16"), ["żółć"]),
    ("a.properties", "greeting=Gr\\u00fc\\u00dfe\n", ["Grüße"]),
    ("a.yaml", "# a comment\nkey: |\n  many\n  lines\n", ["# a comment", "  lines"]),
    ("a.toml", '[t]\nx = "ü"\n', ['x = "ü"']),
    *mails.READ,
    # pages
    (
        "a.html",
        "<a href='mailto:ann@x.org?subject=s'>Ann</a> of the <abbr title='World Health'>WH</abbr>",
        ["Ann (ann@x.org)", "WH (World Health)"],
    ),
    ("a.html", "<p>See <img src=a.png alt='the red pump'></p>", ["See the red pump"]),
    (
        "a.html",
        "<form><input value=Ann><input placeholder=Town><textarea>words</textarea><button>More <b>here</b></button></form>",
        ["Ann Town", "words", "More here"],
    ),
    (
        "a.html",
        "<select><option>Oslo<option selected>Bergen</select><input type=checkbox checked>yes",
        ["Oslo, Bergen", "[x] yes"],
    ),
    ("a.html", "<svg><title>Chart</title><g><text>Sales 2024</text></g></svg>", ["Chart", "Sales 2024"]),
    ("a.html", "<iframe srcdoc='<h2>Inner &amp;amp; page</h2>'></iframe>", ["Inner & page"]),
    ("a.html", "<div><template shadowrootmode=open><p>shadow</p></template></div>", ["shadow"]),
    ("a.html", "<math><mi>x</mi><mo>=</mo><mn>1</mn></math>", ["x=1"]),
    ("a.html", "<ol start=5><li>five<li value=9>nine<li>ten</ol>", ["5. five\n9. nine\n10. ten"]),
    (
        "a.html",
        "<dl><dt>Term<dd>Meaning</dl><details><summary>Sum</summary>Inside</details>",
        ["Term", "Meaning", "Sum", "Inside"],
    ),
    (
        "a.html",
        "<p hidden=until-found>found</p><dialog>dialog</dialog><object><p>instead</p></object>",
        ["found", "dialog", "instead"],
    ),
    ("a.html", "<p>Dampf&shy;schiff &Uuml;ber &#8364;&nbsp;5</p>", ["Dampfschiff Über € 5"]),
    ("a.html", "<title>The title</title><p>text</p>", ["The title", "text"]),
    ("a.html", "<noscript>Only without scripts</noscript>", ["Only without scripts"]),
    ("a.html", "<pre>a  b\n  c</pre><xmp>d  e</xmp>", ["a  b\n  c", "d  e"]),
    # Markdown
    ("a.md", "---\ntitle: T\nmore:\n  deep: value\nlong: |\n  many\n  lines\n---\nx", ["deep: value", "many"]),
    ("a.md", "+++\ntitle = 'T'\n[params]\nx = 'deep'\n+++\nbody", ["x = 'deep'", "body"]),
    ("a.md", "```html\n<!-- code -->\n```\nuse `<!-- this -->` so", ["<!-- code -->", "<!-- this -->"]),
    ("a.md", "``` one line ```\n\nafter # that", ["``` one line ```", "after # that"]),
    (
        "a.md",
        "M&uuml;ller[^1] - [x] done $$x^2$$\n\n[^1]: Foot\n[ref]: http://x 'Ref'\n\nTerm\n: Def",
        ["Müller", "Foot", "'Ref'", ": Def"],
    ),
    # reStructuredText
    (
        "a.rst",
        "+---+---+\n| a | b |\n+===+===+\n| 1 | 2 |\n|   | c |\n+---+---+\n",
        ["| a | b |\n| --- | --- |\n| 1 | 2<br>c |"],
    ),
    ("a.rst", "=== ===\nA   B\n=== ===\nx   y\n    z\n=== ===\n", ["| A | B |\n| --- | --- |\n| x | y<br>z |"]),
    (
        "a.rst",
        ".. code-block:: py\n   :caption: The caption\n\n   x = 1\n\n.. note:: A note\n\n.. [1] Foot",
        ["The caption", "x = 1", "A note", "Foot"],
    ),
    # subtitles
    (
        "a.vtt",
        "WEBVTT - Title\n\n1\n00:01.000 --> 00:02.000\n<v Ann>Hello &amp; <i>welcome</i>\n\n00:03.000 --> 00:04.000\n<v Bob>Hi\n",
        ["Ann: Hello & welcome", "Bob: Hi"],
    ),
    (
        "a.srt",
        "1\n00:00:01,000 --> 00:00:02,000\nfirst\n\nbehind a blank line\n\n2\n00:00:03,000 --> 00:00:04,000\n42\n",
        ["first behind a blank line 42"],
    ),
    ("a.srt", "not subtitles at all", ["not subtitles at all"]),
    (
        "a.ass",
        "[Events]\nFormat: Layer, Start, End, Name, Text\nDialogue: 0,0:00:01.00,0:00:02.00,Ann,{\\b1}Hello,{\\b0} you\\Nthere\n",
        ["Ann: Hello, you there"],
    ),
    # notebooks
    ("a.ipynb", NOTEBOOK % '{"data": {"text/html": "<b>table</b>", "text/plain": "<Styler at 0x1>"}}', ["table"]),
    (
        "a.ipynb",
        NOTEBOOK % '{"data": {"text/latex": "$x^2$"}}, {"data": {"application/json": {"k": "v"}}}',
        ["$x^2$", '{"k": "v"}'],
    ),
    ("a.ipynb", '{"cells": [{"cell_type": "raw", "source": ["raw ", "words"]}]}', ["raw words"]),
    (
        "a.ipynb",
        '{"worksheets": [{"cells": [{"cell_type": "heading", "level": 2, "source": "Old"}]},'
        ' {"cells": [{"cell_type": "code", "input": "y"}]}]}',
        ["Old", "y"],
    ),
    # plain text
    ("a.log", "\x1b[32mINFO\x1b[0m up\x1b]0;title\x07 now", ["INFO up now"]),
    ("a.txt", "one\u2028two\u0085three\u2029four\ffive\rsix", ["one\ntwo\nthree\n\nfour\n\nfive\nsix"]),
    ("a.txt", "N\bNA\bAM\bME\bE and _\bu", ["NAME and u"]),
    ("a.log", b"\0" * 5000 + b"line\n\0\0more", ["line\nmore"]),
    ("a.txt", "שלום \u200fעולם\u200e, Dampf\u00adschiff", ["שלום \u200fעולם\u200e, Dampfschiff"]),
    ("a.txt", "word " * 100_000 + "end", ["word end"]),
]

NOTED: list[tuple[str, str | bytes, str, str]] = [
    *mails.NOTED,
    (
        "a.csv",
        'a;b;c\n1;"5 inch;x\n2;"ok";y\n3;z;z\n',
        "| 1 | 5 inch | x |\n| 2 | ok | y |",
        "marks in line 2 are unbalanced",
    ),
    ("a.csv", 'a,b\n1,"open\n2,x\n3,y\n', "| 1 | open |\n| 2 | x |", "marks in line 2 are unbalanced"),
    ("a.json", '{\n// why\n"a": "words",}\n', "// why", "not valid JSON (line 2"),
    ("a.json", '{"a": "cut', "cut", "not valid JSON"),
    ("a.jsonl", '{"a": 1}\n{"a": broken words\n{"a": 3}\n', "broken words", "Line 2 is not valid JSON"),
    ("a.html", "<nav>menu</nav><p>x</p>", "x", "The navigation was not read."),
    ("a.html", "<p hidden>secret</p><p>x</p>", "x", "A hidden part of the page was not read."),
    ("a.html", "<template>t</template><p>x</p>", "x", "A template of the page was not read."),
    ("a.html", "<img src='data:image/png;base64,AAAA'><p>x</p>", "x", "An embedded picture was not read."),
    ("a.html", "<iframe src='http://e.org/f'></iframe><p>x</p>", "x", "The frame 'http://e.org/f' was not read."),
    (
        "a.html",
        "<object data=m.pdf></object><video src=v.mp4></video><p>x</p>",
        "x",
        "The embedded object 'm.pdf' was not read.",
    ),
    ("a.html", f"<noscript>other</noscript><p>{'x ' * 200}</p>", "x x", "without scripts was not read"),
    (
        "a.html",
        "<title>App</title><meta name=description content='What it does'><div id=root></div>",
        "What it does",
        "The page is written by scripts",
    ),
    ("a.md", "a <!-- secret\n--> b", "a", "Its comments were not read."),
    ("a.md", f"![p](data:image/png;base64,{'A' * 90})", "![p]", "An embedded picture was not read."),
    ("a.rst", ".. include:: more.rst\n\nx", "x", "The included file 'more.rst' was not read."),
    ("a.vtt", "WEBVTT\n\nNOTE secret\n\n00:01.000 --> 00:02.000\nx\n", "x", "notes between its cues were not read"),
    (
        "a.ipynb",
        NOTEBOOK % '{"data": {"image/png": "x", "text/plain": "<Figure>"}}',
        "x = 1",
        "A picture in an output was not read.",
    ),
    (
        "a.ipynb",
        NOTEBOOK % json.dumps({"output_type": "stream", "text": "o" * 5000}),
        "ooo",
        "read up to 4,000 characters",
    ),
    (
        "a.ipynb",
        '{"cells": [null, {"cell_type": "markdown", "source": "x", "attachments": {"a.png": {}}}]}',
        "x",
        "Cell 1 is damaged",
    ),
    ("a.txt", "知识库".encode() * 50 + b"\xff", "知识库", "1 character is damaged"),
]


def as_bytes(data: str | bytes) -> bytes:
    """Texts of the tables above are UTF-8."""
    return data.encode() if isinstance(data, str) else data


@pytest.mark.parametrize(("name", "data", "texts"), READ, ids=[f"{at}-{name}" for at, (name, *_) in enumerate(READ)])
def test_a_feature_is_read(name: str, data: str | bytes, texts: list[str]) -> None:
    loaded = load(as_bytes(data), name)
    for text in texts:
        assert text in loaded.text
    assert not loaded.notes


@pytest.mark.parametrize(
    ("name", "data", "text", "note"), NOTED, ids=[f"{at}-{name}" for at, (name, *_) in enumerate(NOTED)]
)
def test_what_is_left_out_is_noted(name: str, data: str | bytes, text: str, note: str) -> None:
    loaded = load(as_bytes(data), name)
    assert text in loaded.text and note in " ".join(loaded.notes)
    assert "secret" not in loaded.text


def test_notes_are_few_and_short() -> None:
    mail = EmailMessage()
    mail["Subject"] = "many"
    mail.set_content("x")
    for number in range(MOST_NOTES + 5):
        mail.add_attachment(bytes(range(256)), maintype="a", subtype="b", filename=f"{number}{'n' * 400}.bin")
    notes = load(mail.as_bytes(), "a.eml").notes
    assert len(notes) == MOST_NOTES + 1 and notes[-1] == "And 5 more notes."
    assert all(len(note) <= 300 for note in notes)
    pictures = load(b"<p>x<img src='data:,'><img src='data:,'></p>", "a.html").notes
    assert pictures == ["An embedded picture was not read. (2 times)"]


def test_a_file_without_text_says_what_it_has_instead() -> None:
    with pytest.raises(DocumentUnreadable, match=r"has no text. The frame 'http://e.org/' was not read"):
        load(b"<html><iframe src='http://e.org/'></iframe></html>", "a.html")


FILES = [(name, as_bytes(data)) for name, data, _ in READ] + [(name, as_bytes(data)) for name, data, _, _ in NOTED]
WHOLE = {
    name: max((data for each, data in FILES if each == name and len(data) < 5000), key=len)
    for name in dict.fromkeys(name for name, _ in FILES)
}


@pytest.mark.parametrize("name", WHOLE)
def test_damage_anywhere(name: str) -> None:
    """Cut, doubled or changed, a file is read or refused with a reason; never another error, never nothing in silence."""
    draw, whole = random.Random(name), WHOLE[name]
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(draw.randrange(1, 4)):
            at, length = draw.randrange(len(data) + 1), draw.randrange(1, 30)
            match draw.randrange(4):
                case 0:
                    data[at:] = b""
                case 1:
                    data[at : at + length] = data[at : at + length] * 2
                case 2:
                    data[at:at] = draw.randbytes(length)
                case _:
                    data[at : at + length] = draw.choice(
                        [b"", b"\0", b'"', b"\n\n", b"--B", b"<!--", b"\xff\xfe", b"{"]
                    )
        try:
            loaded = load(bytes(data), name)
        except DocumentUnreadable as error:
            assert error.problem
        else:
            assert loaded.text.strip() or loaded.notes
            loaded.text.encode("utf-8")
