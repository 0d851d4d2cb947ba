"""Mail: lines that flow, uuencoded files, calendar entries, and parts inside one another up to the limits."""

from __future__ import annotations

import binascii

import pytest

from modelyard.core.errors import DocumentUnreadable
from modelyard.knowledge.documents.loaders import load
from modelyard.knowledge.documents.loaders.mail import DEEPEST, MOST_PARTS, _calendar, unflowed, uudecoded


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("one \ntwo \nthree\nfour", "one two three\nfour"),
        ("one\ntwo", "one\ntwo"),
        ("> one \n> two\n> three", "> one two\n> three"),
        ("> one \n>> two", "> one \n>> two"),
        ("> one \ntwo", "> one \ntwo"),
        ("one \n> two", "one \n> two"),
        (">one \n> two", "> one two"),
        (" stuffed \n  twice", "stuffed  twice"),
        ("end \n-- \nAnn", "end \n-- \nAnn"),
        ("-- \nAnn", "-- \nAnn"),
        ("last ", "last "),
        ("", ""),
    ],
)
def test_lines_flow_while_they_end_with_a_space(text: str, joined: str) -> None:
    assert unflowed(text, deletes=False) == joined


@pytest.mark.parametrize(
    ("text", "joined"),
    [("你 \n好 \n吗", "你好吗"), ("a\nb", "a\nb"), ("> a \n> b", "> ab"), ("-- \nAnn", "-- \nAnn"), ("last ", "last")],
)
def test_the_space_at_the_joint_may_be_deleted(text: str, joined: str) -> None:
    assert unflowed(text, deletes=True) == joined


def test_damaged_lines_of_a_uuencoded_file_are_dropped() -> None:
    lines = [binascii.b2a_uu(each).decode() for each in (b"first", b"second")]
    assert uudecoded("".join(lines)) == b"firstsecond", "and nothing behind the end of the last line"
    assert uudecoded(lines[0] + "!ABCDEFGH\n" + lines[1]) == b"firstsecond"


def test_a_calendar_entry_is_its_informative_lines() -> None:
    text = (
        "BEGIN:VEVENT\nUID:1\nSUMMARY:A long\n  subject\nDTSTAMP;X=1:2\nLOCATION:Room 1\\, left\\; up \\\\ down\n \n"
        "DESCRIPTION:one\\ntwo\\Nthree\nX-OTHER-1:a\nDTSTART:2025\nEND:VEVENT"
    )
    assert _calendar(text).split("\n") == [
        "SUMMARY:A long subject",
        "LOCATION:Room 1, left; up \\ down",
        "DESCRIPTION:one two three",
        "DTSTART:2025",
    ]


def multipart(depth: int, kind: str = "mixed") -> str:
    """A text inside of multipart bodies."""
    part = "Content-Type: text/plain\n\ndeep words\n"
    for number in range(depth):
        part = f'Content-Type: multipart/{kind}; boundary="b{number}"\n\n--b{number}\n{part}--b{number}--\n'
    return part


def forwarded(depth: int) -> str:
    """A text inside of forwarded messages."""
    part = "Content-Type: text/plain\n\ndeep words\n"
    for number in range(depth):
        part = f"Content-Type: message/rfc822\n\nSubject: {number}\n{part}"
    return part


@pytest.mark.parametrize("form", ["mixed", "alternative", "message"])
@pytest.mark.parametrize("depth", [DEEPEST, DEEPEST + 1])
def test_parts_are_read_up_to_a_depth(form: str, depth: int) -> None:
    assert DEEPEST == 20
    body = forwarded(depth) if form == "message" else multipart(depth, form)
    loaded = load(f"From: a@b.c\n{body}".encode(), "a.eml")
    assert ("deep words" in loaded.text) is (depth == DEEPEST)
    assert ("Content nested more than 20 parts deep was not read." in loaded.notes) is (depth > DEEPEST)


def test_forwarded_messages_have_headings_of_their_depth() -> None:
    loaded = load(f"From: a@b.c\n{forwarded(7)}".encode(), "a.eml")
    headings = [(block.text, block.level) for block in loaded.blocks if block.level]
    assert headings == [(f"Message: {6 - number}", min(number + 2, 6)) for number in range(7)]
    nameless = load(b"From: a@b.c\nContent-Type: message/rfc822\n\nFrom: d@e.f\n\nwords", "a.eml")
    assert [block.text for block in nameless.blocks if block.level] == ["Message: without a subject"]


def test_a_mail_has_a_limit_of_multipart_bodies() -> None:
    def mail(count: int) -> bytes:
        return b"From: a@b.c\n\nwords\n" + b"boundary=\n" * count

    assert MOST_PARTS == 1000 and "words" in load(mail(MOST_PARTS), "a.eml").text
    with pytest.raises(DocumentUnreadable, match="more than 1,000 multipart bodies"):
        load(mail(MOST_PARTS + 1), "a.eml")


@pytest.mark.parametrize(
    ("plain", "rich", "read"),
    [("a" * 50, "b" * 100, "a"), ("a" * 49, "b" * 100, "b"), ("", "b", "b"), ("a", "", "a"), ("---", "b", "b")],
)
def test_the_plain_version_is_read_unless_it_has_less_than_half_of_the_letters(
    plain: str, rich: str, read: str
) -> None:
    body = (
        f"From: a@b.c\nContent-Type: multipart/alternative; boundary=x\n\n--x\nContent-Type: text/plain\n\n{plain}\n"
        f"--x\nContent-Type: text/html\n\n<p>{rich}</p>\n--x--\n"
    )
    text = load(body.encode(), "a.eml").text.removeprefix("From: a@b.c").strip()
    assert set(text) == {read}


def test_blocks_of_an_attachment_are_below_its_name() -> None:
    body = (
        "From: a@b.c\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/markdown; name=a.md\n\n"
        "# One\n\n##### Five\n\nwords\n--x\nContent-Type: application/x-odd; name=b.odd\n"
        "Content-Transfer-Encoding: base64\n\nAAECAwQFBgcI/w==\n--x--\n"
    )
    blocks = load(body.encode(), "a.eml").blocks
    assert [(block.text, block.level) for block in blocks[1:]] == [
        ("Attachment: a.md", 2),
        ("One", 3),
        ("Five", 6),
        ("words", 0),
        ("Attachments: b.odd", 0),
    ]
