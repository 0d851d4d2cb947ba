"""`client.files` and `client.uploads`: files that are stored on the server, sent whole or in parts."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from modelyard.client.calls import CallGroup, S, Steps, bytes_call, call, exchange, pages_call
from modelyard.client.request import Request, an_object, at, given
from modelyard.core.errors import InvalidParameter
from modelyard.core.wording import reason

if TYPE_CHECKING:
    from modelyard.client.file_types import FileDict, FilePageDict, FileUploadDict, UploadPartDict

LocalFile = str | os.PathLike[str] | tuple[str, bytes]
"""A path, whose last part is the file's name, or a name with bytes."""
Progress = Callable[[int], None]
OCTETS = "application/octet-stream"


class FileCalls(CallGroup[S]):
    """Stored files: upload, list, read and delete them."""

    @exchange
    def upload(
        self, file: LocalFile, purpose: str, expires_after: int | None = None, progress: Progress | None = None
    ) -> Steps[FileDict]:
        """Store a file, which is sent while it is read. `expires_after` is a number of seconds from 3,600 to 2,592,000.

        `progress` is called with the number of bytes of each portion that was read. Raises `InvalidParameter` for a path that
        cannot be read.
        """
        name, content = yield partial(opened, file, progress)
        try:
            answer: FileDict = yield upload_request(name, content, purpose, expires_after)
        finally:
            if not isinstance(content, bytes):
                content.close()
        return answer

    @call
    def get(self, file_id: str) -> Request[FileDict]:
        """A file by its id."""
        return Request("GET", at("files", file_id), an_object)

    @call
    def content(self, file_id: str) -> Request[bytes]:
        """The bytes of a file."""
        return Request("GET", at("files", file_id, "content"), bytes, raw=True)

    @bytes_call
    def stream_content(self, file_id: str) -> Request[bytes]:
        """The bytes of a file while they arrive, for files that do not fit into memory."""
        return Request("GET", at("files", file_id, "content"), bytes, raw=True, streams=True)

    @call
    def delete(self, file_id: str) -> Request[bool]:
        """Delete a file."""
        return Request("DELETE", at("files", file_id), lambda answer: bool(answer["deleted"]))

    @call
    def list(
        self,
        after: str | None = None,
        limit: int | None = None,
        order: str | None = None,
        purpose: str | None = None,
    ) -> Request[FilePageDict]:
        """Files, newest first unless `order` is `asc`; `after` is the `last_id` of the page before, `limit` 10,000 at most."""
        query = given(after=after, limit=None if limit is None else str(limit), order=order, purpose=purpose)
        return Request("GET", at("files"), an_object, query)

    @pages_call
    def iterate(
        self, order: str | None = None, purpose: str | None = None, *, limit: int = 1000, after: str | None = None
    ) -> Request[FileDict]:
        """All files, newest first unless `order` is `asc`, read `limit` at a time."""
        query = given(after=after, limit=str(limit), order=order, purpose=purpose)
        return Request("GET", at("files"), an_object, query)


class UploadCalls(CallGroup[S]):
    """Files in parts, for clients that send a large file over a connection that breaks: begin, add parts, complete."""

    @call
    def create(
        self, filename: str, size: int, purpose: str, expires_after: int | None = None
    ) -> Request[FileUploadDict]:
        """Begin to send a file of `size` bytes. Its parts are accepted for an hour."""
        body = {"filename": filename, "bytes": size, "purpose": purpose, "mime_type": OCTETS}
        if expires_after is not None:
            body["expires_after"] = {"anchor": "created_at", "seconds": expires_after}
        return Request("POST", at("uploads"), an_object, body=body)

    @call
    def add_part(self, upload_id: str, data: bytes) -> Request[UploadPartDict]:
        """Send a part of a file."""
        parts = [("data", ("part", data, OCTETS))]
        return Request("POST", at("uploads", upload_id, "parts"), an_object, form={}, files=parts)

    @call
    def complete(self, upload_id: str, part_ids: Sequence[str], md5: str | None = None) -> Request[FileUploadDict]:
        """Make a file of the parts, in this order; a file whose MD5 is another one is refused."""
        body = {"part_ids": list(part_ids), **given(md5=md5)}
        return Request("POST", at("uploads", upload_id, "complete"), an_object, body=body)

    @call
    def cancel(self, upload_id: str) -> Request[FileUploadDict]:
        """Cancel an upload and delete its parts."""
        return Request("POST", at("uploads", upload_id, "cancel"), an_object)


class CountedFile(io.BufferedReader):
    """A file that reports how many bytes were read of it."""

    def __init__(self, file: io.FileIO, progress: Progress) -> None:
        super().__init__(file)
        self._progress = progress

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self._progress(len(data))
        return data


def opened(file: LocalFile, progress: Progress | None = None) -> tuple[str, bytes | IO[bytes]]:
    """The name of a file and its content, opened. Raises `InvalidParameter` for a path that cannot be read."""
    if isinstance(file, tuple):
        return file
    path = Path(file)
    try:
        raw = io.FileIO(path)
    except OSError as error:
        raise InvalidParameter("file", f"'{path}' cannot be read: {reason(error)}.") from None
    if not stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
        raw.close()
        raise InvalidParameter("file", f"'{path}' is no file whose size is known; copy it to a file first.")
    return path.name, CountedFile(raw, progress) if progress else io.BufferedReader(raw)


def upload_request(
    name: str, content: bytes | IO[bytes], purpose: str, expires_after: int | None = None
) -> Request[FileDict]:
    """One upload of a whole file."""
    form: dict[str, str | list[str]] = {"purpose": purpose}
    if expires_after is not None:
        form |= {"expires_after[anchor]": "created_at", "expires_after[seconds]": str(expires_after)}
    return Request("POST", at("files"), an_object, form=form, files=[("file", (name, content, OCTETS))])
