"""Parses one HTTP/1.1 response as its bytes arrive, decompresses it, and limits its size. Opens no connection."""

from __future__ import annotations

import zlib
from contextlib import suppress
from email.message import Message
from typing import Any

import httptools

MOST_HEAD = 64 * 1024
"""Maximum bytes of the status line and the headers."""
ENCODINGS = ("gzip", "x-gzip", "deflate")


class BadAnswer(Exception):
    """A response that is not HTTP, is too long, or ends early."""


class HttpAnswer:
    """Receives bytes by `feed`, and the end of the connection by `end`; both raise `BadAnswer`."""

    def __init__(self, max_bytes: int) -> None:
        """`max_bytes` limits the body, both as sent and as decompressed."""
        self.status = 0
        self.headers: dict[str, str] = {}
        """By name in lower case; the last value of repeated headers."""
        self.body = bytearray()
        """The body, decompressed."""
        self.begun = False
        """Whether the headers are complete."""
        self.complete = False
        self._max = max_bytes
        self._head = 0
        self._raw = 0
        self._problem = ""
        self._decoder: Any = None
        self._parser = httptools.HttpResponseParser(self)

    @property
    def content_type(self) -> str:
        """The content type in lower case, without parameters."""
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return media_type or "application/octet-stream"

    @property
    def charset(self) -> str:
        """The `charset` of the content type; empty if it has none."""
        for part in self.headers.get("content-type", "").split(";")[1:]:
            name, _, value = part.partition("=")
            if name.strip().lower() == "charset":
                return value.strip().strip("\"'")
        return ""

    @property
    def filename(self) -> str:
        """The last part of the file name in `Content-Disposition`; empty if it has none."""
        if not (header := self.headers.get("content-disposition", "")):
            return ""
        message = Message()
        with suppress(UnicodeError):
            header = header.encode("latin-1").decode()  # many hosts send UTF-8, which no standard allows here
        message["content-disposition"] = " ".join(header.split())
        name = str(message.get_filename() or "")
        return name.replace("\\", "/").rstrip("/").rpartition("/")[2].strip()

    def feed(self, data: bytes) -> None:
        if not self.begun:
            self._head += len(data)
            if self._head > MOST_HEAD + (1 << 16):  # the last piece may contain the beginning of the body
                raise BadAnswer("its headers are too long")
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.complete:
                raise BadAnswer(self._problem or f"it is not HTTP: {error}") from error
        if self._problem:
            raise BadAnswer(self._problem)

    def end(self) -> None:
        framed = "content-length" in self.headers or "chunked" in self.headers.get("transfer-encoding", "").lower()
        if not self.begun or (framed and not self.complete) or (self._decoder is not None and not self._decoder.eof):
            raise BadAnswer("it breaks off")
        self.complete = True

    # callbacks of httptools

    def on_message_begin(self) -> None:
        self.headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status < 200:
            return  # an interim response, such as 100 Continue
        self.begun = True
        encoding = self.headers.get("content-encoding", "").strip().lower()
        length = self.headers.get("content-length", "")
        if encoding in ENCODINGS:
            self._decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # detects gzip and zlib
        elif encoding not in ("", "identity"):
            self._problem = f"it is compressed with '{encoding[:20]}', which the request did not allow"
        if length.isdigit() and int(length[:20]) > self._max and self.status == 200:
            self._problem = f"it has more than {self._max} bytes"

    def on_body(self, body: bytes) -> None:
        self._raw += len(body)
        if self._problem or self._decoder is None:
            part = body
        else:
            try:
                part = self._decoder.decompress(body, self._max + 1 - len(self.body))
            except zlib.error as error:
                self._problem, part = f"it is not compressed as its host says: {error}", b""
        if max(self._raw, len(self.body) + len(part)) > self._max:
            self._problem = self._problem or f"it has more than {self._max} bytes"
        if not self._problem:
            self.body += part

    def on_message_complete(self) -> None:
        if self.begun:
            self.complete = True
            if self._decoder is not None and not self._decoder.eof:
                self._problem = self._problem or "it breaks off"
