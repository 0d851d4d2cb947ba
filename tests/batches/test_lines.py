"""The input of a batch: how lines are read, and what is found wrong with them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from modelyard.batches.input_check import NAMED, check_input
from modelyard.batches.lines import InputCheck, InputLine, portion, read_input, request_of
from modelyard.core.config import Settings

CHAT = "/v1/chat/completions"


def line(**changes: Any) -> dict[str, Any]:
    """A line without a fault but for the changes; a field that is changed to None is left out."""
    fields = {"custom_id": "a", "method": "POST", "url": CHAT, "body": {"model": "m", "messages": []}} | changes
    return {name: value for name, value in fields.items() if value is not None}


WRONG: list[tuple[bytes, str, str | None]] = [
    (b"{", "invalid_json_line", None),
    (b"[]", "invalid_json_line", None),
    (b"\xff", "invalid_json_line", None),
    (b'{"custom_id": "\xff"}', "invalid_json_line", None),
    *((json.dumps(line(**{name: None})).encode(), "missing_required_parameter", name)
      for name in ("custom_id", "method", "url", "body")),
    (json.dumps(line(custom_id="")).encode(), "invalid_type", "custom_id"),
    (json.dumps(line(custom_id=7)).encode(), "invalid_type", "custom_id"),
    (json.dumps(line(custom_id="x" * 513)).encode(), "invalid_value", "custom_id"),
    (json.dumps(line(method="GET")).encode(), "invalid_method", "method"),
    (json.dumps(line(url="/v1/embeddings")).encode(), "invalid_url", "url"),
    (json.dumps(line(body=[])).encode(), "invalid_type", "body"),
    (json.dumps(line(body={})).encode(), "missing_required_parameter", "body.model"),
    (json.dumps(line(body={"model": 1})).encode(), "invalid_type", "body.model"),
    (json.dumps(line(body={"model": "m", "stream": True})).encode(), "invalid_value", "body.stream"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "code", "param"), WRONG)
def test_a_wrong_line_is_named_with_its_number_and_field(data: bytes, code: str, param: str | None) -> None:
    check = InputCheck(CHAT, 10)
    assert check.check(InputLine(1, b"  ")) is None and check.total == 0
    found = check.check(InputLine(2, data))
    assert found is not None and (found.line, found.code, found.param) == (2, code, param)


def test_lines_without_a_fault_and_their_requests() -> None:
    check = InputCheck(CHAT, 10)
    bodies: list[dict[str, Any]] = [{"model": "m"}, {"model": "m", "stream": False}, {"model": "n", "stream": None}]
    for number, body in enumerate(bodies, 1):
        data = json.dumps(line(custom_id=f"世界 {number}", body=body)).encode()
        assert check.check(InputLine(number, data)) is None
        request = request_of(InputLine(number, data))
        assert (request.custom_id, request.model) == (f"世界 {number}", body["model"])
        assert json.loads(request.body) == body
    assert (check.total, check.lines, check.models) == (3, 3, {"m", "n"})


def test_a_custom_id_is_used_once() -> None:
    check = InputCheck(CHAT, 10)
    data = json.dumps(line()).encode()
    assert check.check(InputLine(3, data)) is None
    found = check.check(InputLine(9, data))
    assert found is not None and found.code == "duplicate_custom_id" and "line 3" in found.message


def test_more_requests_than_allowed() -> None:
    check = InputCheck(CHAT, 1)
    assert check.check(InputLine(1, json.dumps(line()).encode())) is None
    found = check.check(InputLine(2, json.dumps(line(custom_id="b")).encode()))
    assert found is not None and found.code == "too_many_requests"


def test_lines_are_read_whatever_their_ends_and_long_ones_left_out(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"\xef\xbb\xbfone\r\n\n" + b"x" * 5_000_000 + b"\n" + b"y" * 10 + b"\nlast")
    found = list(read_input(path, 10))
    assert [(each.number, each.data) for each in found] == [
        (1, b"one"),
        (2, b""),
        (3, None),
        (4, b"y" * 10),
        (5, b"last"),
    ]
    check = InputCheck(CHAT, 10)
    problem = check.check(found[2])
    assert problem is not None and (problem.line, problem.code) == (3, "line_too_long")


def test_portions_end_with_their_lines_and_bytes(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"1\n" * 250 + (b"x" * 700_000 + b"\n") * 3)
    lines = read_input(path, 1_000_000)
    assert [len(found) for found in iter(lambda: portion(lines), [])] == [200, 52, 1]


def test_all_wrong_lines_are_kept_and_the_first_are_named(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"{\n" * (NAMED + 500))
    settings = Settings(home=tmp_path)
    found = asyncio.run(check_input(path, CHAT, settings, tmp_path, asyncio.Event()))
    assert found is not None and found.all_problems is not None
    assert [each["line"] for each in found.problems] == [*range(1, NAMED + 1), None]
    assert found.problems[-1]["code"] == "too_many_errors" and "500 more" in found.problems[-1]["message"]
    rows = [json.loads(each) for each in found.all_problems.read_bytes().splitlines()]
    assert [each["line"] for each in rows] == list(range(1, NAMED + 501))


def test_an_input_without_requests(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"\n  \n")
    found = asyncio.run(check_input(path, CHAT, Settings(home=tmp_path), tmp_path, asyncio.Event()))
    assert found is not None and [each["code"] for each in found.problems] == ["empty_file"]


def test_a_check_ends_when_its_batch_is_cancelled(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"{\n" * 1000)

    async def go() -> None:
        stopping = asyncio.Event()
        stopping.set()
        assert await check_input(path, CHAT, Settings(home=tmp_path), tmp_path, stopping) is None

    asyncio.run(go())
