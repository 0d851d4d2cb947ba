"""The input of a batch: reads its lines and checks them. Everything here blocks, and is called in threads."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

BLOCK = 1 << 20
"""Bytes that are read at a time."""
PORTION_LINES, PORTION_BYTES = 200, 1 << 20
"""Lines and bytes after which a portion of lines ends."""
LONGEST_ID = 512
"""Characters of a `custom_id`."""
SHOWN = 60
"""Characters of a wrong value that a message shows."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class InputLine:
    """One line of the input."""

    number: int
    """From 1."""
    data: bytes | None
    """Without its end; None if it is too long."""

    @property
    def blank(self) -> bool:
        """Whether there is nothing in it."""
        return self.data is not None and not self.data.strip()


@dataclass(frozen=True, slots=True)
class LineRequest:
    """The request of a line that was checked."""

    number: int
    custom_id: str
    model: str
    body: bytes


@dataclass(frozen=True, slots=True)
class LineProblem:
    """What is wrong with a line."""

    line: int
    code: str
    message: str
    param: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """As a batch names it."""
        return {"code": self.code, "line": self.line, "message": self.message, "param": self.param}


class LineFields(msgspec.Struct):
    """The fields of a line, none of which is checked."""

    custom_id: msgspec.Raw | UnsetType = UNSET
    method: msgspec.Raw | UnsetType = UNSET
    url: msgspec.Raw | UnsetType = UNSET
    body: msgspec.Raw | UnsetType = UNSET


class BodyFields(msgspec.Struct):
    """The fields of a request that are checked before it is sent."""

    model: msgspec.Raw | UnsetType = UNSET
    stream: msgspec.Raw | UnsetType = UNSET


class CheckedFields(msgspec.Struct):
    """What a request needs of a line that was checked."""

    custom_id: str
    body: msgspec.Raw


class CheckedBody(msgspec.Struct):
    """The model of a request that was checked."""

    model: str


def read_input(path: Path, longest: int) -> Generator[InputLine]:
    """The lines of a file. Of one that has more than `longest` bytes, no more than these are in memory."""
    with path.open("rb", buffering=BLOCK) as file:
        number = 0
        while data := file.readline(longest + 2):
            number += 1
            whole = data.removeprefix(BYTE_ORDER_MARK) if number == 1 else data
            whole = whole.rstrip(b"\r\n")
            while data and not data.endswith(b"\n"):
                data = file.readline(BLOCK)
            yield InputLine(number, whole if len(whole) <= longest else None)


def portion(lines: Iterator[InputLine]) -> list[InputLine]:
    """The next lines, empty at the end."""
    found: list[InputLine] = []
    size = 0
    for line in lines:
        found.append(line)
        size += len(line.data or b"")
        if len(found) >= PORTION_LINES or size >= PORTION_BYTES:
            break
    return found


def request_of(line: InputLine) -> LineRequest:
    """The request of a line that was checked before."""
    assert line.data is not None
    fields = msgspec.json.decode(line.data, type=CheckedFields)
    body = bytes(fields.body)
    return LineRequest(line.number, fields.custom_id, msgspec.json.decode(body, type=CheckedBody).model, body)


class InputCheck:
    """Checks the lines of one batch, in their order."""

    def __init__(self, endpoint: str, most: int) -> None:
        """`most` is the number of requests that a batch may have."""
        self._endpoint = endpoint
        self._most = most
        self._fields = msgspec.json.Decoder(LineFields)
        self._body = msgspec.json.Decoder(BodyFields)
        self._ids: dict[int, int] = {}
        """Hash of a custom id → its line."""
        self.lines = 0
        self.total = 0
        self.models: set[str] = set()
        """The models of the requests; two of them at most are kept."""

    def check(self, line: InputLine) -> LineProblem | None:
        """What is wrong with a line; None if nothing is."""
        self.lines = line.number
        if line.blank:
            return None
        self.total += 1
        if self.total > self._most:
            return self._problem(
                "too_many_requests", f"A batch has {self._most} requests at most (MODELYARD_MAX_BATCH_REQUESTS).", None
            )
        if line.data is None:
            return self._problem("line_too_long", "The line is longer than MODELYARD_MAX_BODY_BYTES.", None)
        try:
            line.data.decode()
            fields = self._fields.decode(line.data)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return self._problem("invalid_json_line", f"The line is no JSON object: {error}.", None)
        return self._check_id(fields) or self._check_path(fields) or self._check_body(fields)

    def _problem(self, code: str, message: str, param: str | None) -> LineProblem:
        return LineProblem(self.lines, code, message, param)

    def _text(self, value: msgspec.Raw | UnsetType, param: str) -> str | LineProblem:
        """A field that must be a text."""
        if value is UNSET:
            return self._problem("missing_required_parameter", f"The line lacks the field '{param}'.", param)
        try:
            text = msgspec.json.decode(value, type=str)
        except msgspec.MsgspecError:
            text = ""
        return text or self._problem("invalid_type", f"'{param}' must be a text that is not empty.", param)

    def _check_id(self, fields: LineFields) -> LineProblem | None:
        name = self._text(fields.custom_id, "custom_id")
        if isinstance(name, LineProblem):
            return name
        if len(name) > LONGEST_ID:
            return self._problem("invalid_value", f"'custom_id' has {LONGEST_ID} characters at most.", "custom_id")
        first = self._ids.setdefault(hash(name), self.lines)
        if first != self.lines:
            text = f"The custom_id '{name[:SHOWN]}' is that of line {first}, too; each must be unique in a batch."
            return self._problem("duplicate_custom_id", text, "custom_id")
        return None

    def _check_path(self, fields: LineFields) -> LineProblem | None:
        for value, param, expected in ((fields.method, "method", "POST"), (fields.url, "url", self._endpoint)):
            text = self._text(value, param)
            if isinstance(text, LineProblem):
                return text
            if text != expected:
                return self._problem(
                    f"invalid_{param}", f"'{param}' is '{text[:SHOWN]}'; in this batch it must be '{expected}'.", param
                )
        return None

    def _check_body(self, fields: LineFields) -> LineProblem | None:
        if fields.body is UNSET:
            return self._problem("missing_required_parameter", "The line lacks the field 'body'.", "body")
        try:
            body = self._body.decode(fields.body)
        except msgspec.MsgspecError:
            return self._problem("invalid_type", "'body' must be a JSON object.", "body")
        model = self._text(body.model, "body.model")
        if isinstance(model, LineProblem):
            return model
        if len(self.models) < 2:
            self.models.add(model)
        if body.stream is not UNSET and bytes(body.stream) not in (b"false", b"null"):
            return self._problem("invalid_value", "Answers of a batch are not streamed; omit 'stream'.", "body.stream")
        return None
