"""Multipart forms with one file, which is passed on while it arrives instead of being collected in a temporary file first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from pydantic import BaseModel
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from modelyard.core.errors import InvalidParameter, MalformedBody

MARGIN = 1024 * 1024
"""Bytes that the fields of a form beside its file take at most (`api/body_sizes.py`)."""
MOST_FIELDS = 100
LONGEST_FIELD = 64 * 1024
"""Maximum bytes of a field that is no file."""


class StreamedForm:
    """A form with one file. Iterating over `file()` reads the whole form; the other attributes are complete afterwards."""

    def __init__(self, request: Request, file_field: str) -> None:
        self.fields: dict[str, str] = {}
        """Values of the other fields by name."""
        self.filename = ""
        self._request = request
        self._file_field = file_field
        self._parts = _FormParts(file_field)

    @property
    def least_size(self) -> int:
        """The number of bytes that the file has at least, by the length that the request announces; 0 if it announces none."""
        return max(0, int(self._request.headers.get("content-length") or 0) - MARGIN)

    async def file(self) -> AsyncIterator[bytes]:
        """The bytes of the file. Raises `MalformedBody` for a form that is damaged or incomplete, or `InvalidParameter`."""
        _, options = parse_options_header(self._request.headers.get("content-type"))
        if not options.get(b"boundary"):
            raise MalformedBody("The form's content type names no boundary.")
        parts = self._parts
        try:
            parser = MultipartParser(options[b"boundary"], parts.callbacks())  # type: ignore[arg-type]
            async for data in self._request.stream():
                parser.write(data)
                for each in parts.taken():
                    yield each
        except FormParserError as error:
            raise MalformedBody(f"The form cannot be read: {error}") from None
        if not parts.ended:
            raise MalformedBody("The form ends in the middle.")
        if parts.filename is None:
            raise InvalidParameter(self._file_field, "it is required, as a file.")
        self.fields, self.filename = parts.fields, parts.filename


class _FormParts:
    """Collects what the parser of a form reports."""

    def __init__(self, file_field: str) -> None:
        self.fields: dict[str, str] = {}
        self.filename: str | None = None
        """None until the file has begun."""
        self.ended = False
        self._file_field = file_field
        self._waiting: list[bytes] = []
        self._header_name = b""
        self._header_value = b""
        self._disposition = b""
        self._name = ""
        self._in_file = False
        self._value = bytearray()

    def callbacks(self) -> Mapping[str, Any]:
        """The parser's callbacks."""
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._header_field,
            "on_header_value": self._header_text,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._part_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def taken(self) -> list[bytes]:
        """The bytes of the file that arrived since the last call."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def _begin_part(self) -> None:
        self._disposition = b""
        self._value.clear()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_text(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"name" not in options:
            raise MalformedBody("A part of the form has no name.")
        self._name = _text(options[b"name"])
        self._in_file = self._name == self._file_field
        if self._in_file:
            if self.filename is not None:
                raise InvalidParameter(self._file_field, "one request takes one file.")
            self.filename = _text(options.get(b"filename", b""))
        elif len(self.fields) == MOST_FIELDS:
            raise MalformedBody(f"The form has more than {MOST_FIELDS} fields.")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._waiting.append(data[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > LONGEST_FIELD:
            raise InvalidParameter(self._name[:100], f"it has more than {LONGEST_FIELD} bytes.")

    def _end_part(self) -> None:
        if not self._in_file:
            self.fields[self._name] = _text(bytes(self._value))

    def _end(self) -> None:
        self.ended = True


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def form_schema(file_field: str, fields: type[BaseModel] | None = None) -> dict[str, Any]:
    """`openapi_extra` of a route with such a form; a nested field is one object, which OpenAPI sends as `field[name]`."""
    schema: dict[str, Any] = {"type": "object", "properties": {}, "required": []}
    if fields is not None:
        schema = fields.model_json_schema()
        for name, own in schema.pop("$defs", {}).items():
            schema = _inlined(schema, f"#/$defs/{name}", own)
    schema["properties"][file_field] = {"type": "string", "format": "binary"}
    schema["required"] = [*schema.get("required", []), file_field]
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def _inlined(schema: Any, reference: str, own: dict[str, Any]) -> Any:
    """A schema with one of its definitions in the places that refer to it."""
    if isinstance(schema, dict):
        if schema.get("$ref") == reference:
            return own
        return {name: _inlined(each, reference, own) for name, each in schema.items()}
    return [_inlined(each, reference, own) for each in schema] if isinstance(schema, list) else schema
