"""Lines of JSON: the first wrong one is named, however the bytes arrive."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import BadRequest
from modelyard.files import lines
from modelyard.files.lines import LineCheck, check_lines
from tests.files.storage import portions

GOOD = [b'{"a": 1}', b"{}", b"", b"  ", b'{"text": "\\n \xe4\xb8\xad"}\r']
BAD = [b"[]", b"1", b"{", b"null", b'{"a": 1} {}', b'{"a": "\xff"}', b"nonsense"]


def check(content: bytes, size: int) -> None:
    """Check content that arrives in portions."""
    lines_of_file = LineCheck()
    for start in range(0, len(content), size):
        lines_of_file.feed(content[start : start + size])
    lines_of_file.finish()


@given(st.lists(st.sampled_from(GOOD)), st.sampled_from([None, *BAD]), st.integers(1, 9), st.booleans())
def test_the_first_wrong_line_is_named(good: list[bytes], bad: bytes | None, size: int, ends: bool) -> None:
    content = b"\n".join([*good, *([bad] if bad is not None else []), *([b""] if ends else [])])
    if bad is None:
        check(content, size)
        return
    with pytest.raises(BadRequest, match=f"Line {len(good) + 1} is not a dictionary"):
        check(content, size)


def test_the_sentence_is_openais() -> None:
    expected = (
        "Expected file to have JSONL format, where every line is a JSON dictionary. Line 2 is not a dictionary "
        '(HINT: line starts with: "[\\"p\\", 1]"...).'
    )
    with pytest.raises(BadRequest) as caught:
        asyncio.run(check_lines(portions(b'{}\n["p", 1]')))
    assert caught.value.message == expected


def test_a_line_without_end_is_not_collected_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST", 5000)
    with pytest.raises(BadRequest, match="Line 2 of the file has more than 5000 bytes"):
        asyncio.run(check_lines(portions(b"{}\n" + b"x" * 10_000)))
