"""Names and contents of documents that come from URLs."""

from __future__ import annotations

from dataclasses import replace

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.fetching import Fetched
from modelyard.knowledge.imports.web import EXTENSIONS, LONGEST, content, document_name

FORMATS = frozenset({"html", "pdf", "txt", "md", "docx"})


def fetched(url: str, kind: str = "application/octet-stream", filename: str = "") -> Fetched:
    return Fetched(url, kind, b"", filename=filename)


@pytest.mark.parametrize(
    ("url", "kind", "filename", "name"),
    [
        ("http://a.example", "text/html", "", "a.example/index.html"),
        ("http://a.example/", "text/html", "", "a.example/index.html"),
        ("http://a.example:8080/b/c/", "text/html", "", "a.example:8080/b/c.html"),
        ("http://a.example/b.html", "text/html", "", "a.example/b.html"),
        ("http://a.example/b.htm", "text/html", "", "a.example/b.htm"),
        ("http://a.example/b.xhtml", "application/xhtml+xml", "", "a.example/b.xhtml"),
        ("http://a.example/b.php", "text/html", "", "a.example/b.php.html"),
        ("http://a.example/b.pdf", "text/html", "", "a.example/b.pdf.html"),
        ("http://a.example/b", "application/pdf", "", "a.example/b.pdf"),
        ("http://a.example/b.pdf", "application/pdf", "", "a.example/b.pdf"),
        ("http://a.example/b.md", "text/plain", "", "a.example/b.md"),
        ("http://a.example/b.cgi", "text/plain", "", "a.example/b.cgi.txt"),
        ("http://a.example/b", "application/octet-stream", "", "a.example/b"),
        ("http://a.example/b?id=1&x=%C3%A9", "text/plain", "", "a.example/b?id=1&x=é.txt"),
        ("http://a.example/?id=1", "text/html", "", "a.example/?id=1.html"),
        ("http://a.example/b/c?id=1", "application/pdf", "手册.pdf", "a.example/b/手册.pdf"),
        ("http://a.example/b", "text/html", "page", "a.example/page.html"),
        ("http://a.example/%E6%89%8B/%00%0A.md", "text/plain", "", "a.example/手/__.md"),
        ("http://a.example/b#part", "text/plain", "", "a.example/b.txt"),
    ],
)
def test_a_document_is_named_after_its_url(url: str, kind: str, filename: str, name: str) -> None:
    assert document_name(fetched(url, kind, filename), FORMATS) == name


@pytest.mark.parametrize(("kind", "extension"), EXTENSIONS.items())
def test_each_type_has_an_extension(kind: str, extension: str) -> None:
    assert document_name(fetched("http://a/b", kind), ()) == f"a/b.{extension}"


def test_long_names_are_cut_before_their_extension_and_stay_apart() -> None:
    longest = "http://a/" + "b" * (LONGEST - len("a/.pdf")) + ".pdf"
    assert document_name(fetched(longest), FORMATS) == longest.removeprefix("http://")
    names = [document_name(fetched(f"http://a/{'b' * 400}{end}.pdf"), FORMATS) for end in "xy"]
    assert all(len(each) == LONGEST and each.endswith(".pdf") and each.startswith("a/bbb") for each in names)
    assert names[0] != names[1]
    for last in ("b" * 400, "?version=1." + "b" * 400):  # what is behind the last dot is no extension
        name = document_name(fetched(f"http://a/{last}"), FORMATS)
        assert len(name) == LONGEST and name.startswith("a/") and "." not in name.rpartition("…")[2]


LETTERS = st.one_of(*(st.text(letters, max_size=30) for letters in ("aé", "ab./?=%é"))).map(lambda text: text * 20)


@hypothesis.settings(max_examples=60)
@given(LETTERS, LETTERS, st.sampled_from(["text/html", "text/plain", "application/octet-stream"]))
def test_no_name_is_longer_than_the_limit(path: str, query: str, kind: str) -> None:
    name = document_name(fetched(f"http://a/{path}?{query}", kind), FORMATS)
    assert 0 < len(name) <= LONGEST and name.startswith("a/")


GREEK = "Καλημέρα"
BYTES = GREEK.encode("iso-8859-7")


@pytest.mark.parametrize(
    ("kind", "charset", "stored"),
    [
        ("text/html", "iso-8859-7", b"\xef\xbb\xbf" + GREEK.encode()),
        ("application/xhtml+xml", "ISO-8859-7", b"\xef\xbb\xbf" + GREEK.encode()),
        ("text/plain", "iso-8859-7", BYTES),
        ("text/html", "", BYTES),
        ("text/html", "UTF-8", BYTES),
        ("text/html", "utf8", BYTES),
        ("text/html", "no-such", BYTES),
        ("text/html", "ascii", BYTES),
    ],
)
def test_a_page_whose_charset_only_its_host_says_becomes_utf_8(kind: str, charset: str, stored: bytes) -> None:
    assert content(replace(fetched("http://a", kind), data=BYTES, charset=charset)) == stored
