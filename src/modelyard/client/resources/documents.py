"""`client.documents`: the documents of a knowledge base and their chunks, with uploads split into batches."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelyard.client.calls import CallGroup, S, Steps, call, exchange, pages_call
from modelyard.client.request import Request, an_object, at, data_of, given
from modelyard.client.resources.knowledge import BASES
from modelyard.core.errors import BodyTooLarge, InvalidParameter
from modelyard.core.wording import reason

if TYPE_CHECKING:
    from modelyard.client.knowledge_types import (
        ChunkBoxesDict,
        ChunkDict,
        ChunkPageDict,
        DeletedDict,
        DocumentDict,
        DocumentPageDict,
        DocumentsChangedDict,
        PreviewChunkDict,
        UnindexedDict,
        UploadDict,
    )

Document = str | os.PathLike[str] | tuple[str, bytes | str | os.PathLike[str]]
"""A path, whose last part is the document's name, or a name with bytes or a path."""
Details = Mapping[str, Any] | None
PreviewList = list["PreviewChunkDict"]

BATCH_FILES = 20
BATCH_BYTES = 50_000_000
"""Maximum bytes of the files of one request, unless a single one is larger."""
AWKWARD = re.compile(r'["\\\x00-\x1f\x7f]')
"""Characters that a form of several files escapes in their names; the name of a single file has a field of its own."""
BATCH_NAMES = 10_000
"""Maximum number of documents that one request names."""


class DocumentCalls(CallGroup[S]):
    """Documents of knowledge bases: upload, index, read and delete them, and edit their chunks."""

    @exchange
    def upload(
        self,
        base: str,
        files: Sequence[Document],
        metadata: Details = None,
        chunking: Details = None,
        modified_at: float | None = None,
        index: bool = True,
    ) -> Steps[UploadDict]:
        """Upload documents, in requests of at most 20 files and 50 MB; content that is stored already is not stored again.

        A file is a path, or a name with bytes or a path. In the result, `data` has the documents, `job` the id of the job that
        indexes them, `failed` the reason for each refused file. Raises `InvalidParameter` for a path that cannot be read.
        """
        whole: UploadDict = {"object": "list", "data": [], "job": None, "failed": {}}
        portions: list[list[Document]] = yield lambda: list(batches(files))
        for batch in portions:
            at_once = index and len(portions) == 1
            try:
                answer: UploadDict = yield (
                    yield partial(upload_batch, base, batch, metadata, chunking, modified_at, at_once)
                )
            except (BodyTooLarge, InvalidParameter) as error:
                if len(files) == 1 or len(batch) != 1:
                    raise
                whole["failed"][name_of(batch[0])] = error.message
            else:
                whole["data"] += answer["data"]
                whole["failed"] |= answer["failed"]
                whole["job"] = answer["job"] or whole["job"]
        if index and len(portions) > 1:
            names = [each["name"] for each in whole["data"]]
            for start in range(0, len(names), BATCH_NAMES):
                whole["job"] = yield DocumentCalls.index.build(self, base, names[start : start + BATCH_NAMES])
        return whole

    @call
    def add_from(
        self,
        base: str,
        urls: Sequence[str | Mapping[str, Any]] = (),
        folder: str | None = None,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        metadata: Details = None,
        chunking: Details = None,
        delete: bool = False,
        index: bool = True,
    ) -> Request[str]:
        """Have the server bring documents from URLs, or from a folder of its machine, in the background; returns the job's id.

        A URL is a text, or an object of `url`, `name` and `metadata`. What has not changed costs nothing. `client.jobs` follows
        the job; the `jobs` of its result index the documents.
        """
        body = given(folder=folder, metadata=metadata, chunking=chunking)
        body |= {
            "urls": list(urls),
            "include": list(include),
            "exclude": list(exclude),
            "delete": delete,
            "index": index,
        }
        return Request("POST", at(BASES, base, "documents", "from"), lambda answer: str(answer["job"]), body=body)

    @call
    def delete(self, base: str, names: Sequence[str]) -> Request[DeletedDict]:
        """Delete documents by name, at most 10,000; unknown names are in `missing` of the result."""
        path, body = at(BASES, base, "documents", "delete"), {"names": list(names)}
        return Request("POST", path, an_object, body=body, patient=True)

    @call
    def unindex(self, base: str, names: Sequence[str]) -> Request[UnindexedDict]:
        """Remove documents, at most 10,000, from the index, and keep their files; `index` brings them back."""
        path, body = at(BASES, base, "documents", "unindex"), {"names": list(names)}
        return Request("POST", path, an_object, body=body, patient=True)

    @call
    def index(self, base: str, names: Sequence[str], force: bool = False) -> Request[str]:
        """Index documents, at most 10,000, in the background; returns the job's id. `force` also indexes unchanged ones."""
        body = {"names": list(names), "force": force}
        return Request("POST", at(BASES, base, "documents", "index"), lambda answer: str(answer["job"]), body=body)

    @call
    def get(self, base: str, document: int) -> Request[DocumentDict]:
        """A document by its id."""
        return Request("GET", at(BASES, base, "documents", document), an_object)

    @call
    def configure(
        self, base: str, document: int, enabled: bool | None = None, metadata: Details = None
    ) -> Request[DocumentDict]:
        """Include a document in searches or exclude it, or set its metadata."""
        body = given(enabled=enabled, metadata=metadata)
        return Request("PATCH", at(BASES, base, "documents", document), an_object, body=body)

    @call
    def configure_many(
        self,
        base: str,
        names: Sequence[str],
        enabled: bool | None = None,
        metadata: Details = None,
        chunking: Details = None,
    ) -> Request[DocumentsChangedDict]:
        """Include documents, at most 10,000, in searches or exclude them, or add to their metadata; None removes a field.

        `chunking` is how they are split when they are indexed next.
        """
        body = {"names": list(names), **given(enabled=enabled, metadata=metadata, chunking=chunking)}
        return Request("PATCH", at(BASES, base, "documents"), an_object, body=body, patient=True)

    @call
    def content(self, base: str, document: int) -> Request[bytes]:
        """A document's original file."""
        return Request("GET", at(BASES, base, "documents", document, "content"), bytes, raw=True)

    @call
    def text(self, base: str, document: int) -> Request[str]:
        """The text of a document; spans of its chunks are character offsets in it."""
        return Request("GET", at(BASES, base, "documents", document, "text"), bytes.decode, raw=True)

    @call
    def page_image(
        self, base: str, document: int, page: int, width: int | None = None, scale: float | None = None
    ) -> Request[bytes]:
        """A page of a PDF document as a PNG, pages from 1: `width` pixels wide, or with `scale` pixels of a point, else 1.5."""
        query = given(width=None if width is None else str(width), scale=None if scale is None else str(scale))
        return Request("GET", at(BASES, base, "documents", document, "pages", page), bytes, query, raw=True)

    @call
    def chunk_boxes(self, base: str, chunk: int) -> Request[ChunkBoxesDict]:
        """Where a chunk stands on the pages of its PDF document: rectangles in points from the top left corner of each page."""
        return Request("GET", at(BASES, base, "chunks", chunk, "boxes"), an_object)

    @call
    def preview(self, base: str, document: int, chunking: Details = None) -> Request[PreviewList]:
        """The chunks that a document would have with other chunk settings."""
        path = at(BASES, base, "documents", document, "preview")
        return Request("POST", path, data_of, body=given(chunking=chunking))

    @call
    def preview_file(self, base: str, file: Document, chunking: Details = None) -> Request[PreviewList]:
        """The chunks that a file would have; nothing is stored."""
        form: dict[str, str | list[str]] = {} if chunking is None else {"chunking": json.dumps(dict(chunking))}
        parts = [("file", (name_of(file), _content(file), "application/octet-stream"))]
        path = at(BASES, base, "documents", "preview")
        return Request("POST", path, data_of, form=form, files=parts, patient=True)

    @call
    def chunks(
        self,
        base: str,
        document: int,
        limit: int = 100,
        offset: int = 0,
        q: str | None = None,
        after: str | None = None,
    ) -> Request[ChunkPageDict]:
        """A document's chunks in order, at most 10,000 of them, in `data`; `total` counts all, or those whose text has `q`.

        `after` is the `next` of the page before.
        """
        query = given(limit=str(limit), offset=str(offset) if offset else None, q=q, after=after)
        return Request("GET", at(BASES, base, "documents", document, "chunks"), an_object, query)

    @pages_call
    def iterate_chunks(
        self, base: str, document: int, q: str | None = None, *, limit: int = 1000, after: str | None = None
    ) -> Request[ChunkDict]:
        """All chunks of a document, in order, or those whose text has `q`; read `limit` at a time."""
        query = given(limit=str(limit), q=q, after=after)
        return Request("GET", at(BASES, base, "documents", document, "chunks"), an_object, query)

    @call
    def add_chunk(self, base: str, document: int, text: str, position: int | None = None) -> Request[ChunkDict]:
        """Add a chunk to a document, before the one at `position`, else at its end."""
        body = {"text": text, **given(position=position)}
        return Request("POST", at(BASES, base, "documents", document, "chunks"), an_object, body=body)

    @call
    def edit_chunk(
        self, base: str, chunk: int, text: str | None = None, enabled: bool | None = None
    ) -> Request[ChunkDict]:
        """Change a chunk's text, or whether searches include it. With a new text it gets a new id."""
        return Request("PATCH", at(BASES, base, "chunks", chunk), an_object, body=given(text=text, enabled=enabled))

    @call
    def delete_chunk(self, base: str, chunk: int) -> Request[DeletedDict]:
        """Delete a chunk."""
        return Request("DELETE", at(BASES, base, "chunks", chunk), an_object)

    @call
    def list(
        self,
        base: str,
        state: str | None = None,
        contains: str = "",
        name: str | None = None,
        limit: int = 100,
        offset: int = 0,
        after: str | None = None,
    ) -> Request[DocumentPageDict]:
        """Documents by name, at most 10,000, in `data`; `total` also counts those beyond this page.

        `name` is a complete name, for which `DocumentNotFound` may be raised; `contains` is a part of one. `after` is the `next`
        of the page before.
        """
        query = given(state=state, name=name, contains=contains or None, limit=str(limit), after=after)
        query |= {"offset": str(offset)} if offset else {}
        return Request("GET", at(BASES, base, "documents"), an_object, query)

    @pages_call
    def iterate(
        self, base: str, state: str | None = None, contains: str = "", *, limit: int = 1000, after: str | None = None
    ) -> Request[DocumentDict]:
        """All documents of a base by name, read `limit` at a time."""
        query = given(state=state, contains=contains or None, limit=str(limit), after=after)
        return Request("GET", at(BASES, base, "documents"), an_object, query)


def batches(files: Sequence[Document]) -> Iterator[list[Document]]:
    """Files in portions that one request takes. Raises `InvalidParameter` for a path that cannot be read."""
    batch: list[Document] = []
    filled = 0
    for file in files:
        size = _size(file)
        if AWKWARD.search(name_of(file)):
            yield [file]
            continue
        if batch and (len(batch) == BATCH_FILES or filled + size > BATCH_BYTES):
            yield batch
            batch, filled = [], 0
        batch.append(file)
        filled += size
    if batch:
        yield batch


def upload_batch(
    base: str,
    files: Sequence[Document],
    metadata: Mapping[str, Any] | None = None,
    chunking: Mapping[str, Any] | None = None,
    modified_at: float | None = None,
    index: bool = True,
) -> Request[UploadDict]:
    """One upload of a few files. Raises `InvalidParameter` for a path that cannot be read."""
    form: dict[str, str | list[str]] = {"index": "true" if index else "false"}
    if metadata is not None:
        form["metadata"] = json.dumps(dict(metadata), ensure_ascii=False)
    if chunking is not None:
        form["chunking"] = json.dumps(dict(chunking))
    if modified_at is not None:
        form["modified_at"] = repr(float(modified_at))
    parts = [("files", (name_of(each), _content(each), "application/octet-stream")) for each in files]
    if len(parts) == 1:
        form["name"] = parts[0][1][0]
    return Request("POST", at(BASES, base, "documents"), an_object, form=form, files=parts, patient=True)


def name_of(file: Document) -> str:
    """What a document is called."""
    return file[0] if isinstance(file, tuple) else Path(file).name


def _size(file: Document) -> int:
    inner = file[1] if isinstance(file, tuple) else file
    try:
        return len(inner) if isinstance(inner, bytes) else Path(inner).stat().st_size
    except OSError as error:
        raise InvalidParameter("files", f"'{inner!s}' cannot be read: {reason(error)}.") from None


def _content(file: Document) -> bytes:
    inner = file[1] if isinstance(file, tuple) else file
    try:
        return inner if isinstance(inner, bytes) else Path(inner).read_bytes()
    except OSError as error:
        raise InvalidParameter("files", f"'{inner!s}' cannot be read: {reason(error)}.") from None
