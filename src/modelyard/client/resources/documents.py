"""Requests about the documents of a knowledge base and their chunks, and how many files one upload takes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard.client.resources.knowledge import BASES, Answer
from modelyard.client.target import Request, an_object, at, given
from modelyard.core.errors import InvalidParameter
from modelyard.core.wording import reason

Document = str | os.PathLike[str] | tuple[str, bytes | str | os.PathLike[str]]
"""A path, whose last part is the document's name, or a name with bytes or a path."""

BATCH_FILES = 20
BATCH_BYTES = 50_000_000
"""Of the files of one request, unless a single one is larger."""
AWKWARD = re.compile(r'["\\\x00-\x1f\x7f]')
"""What a form writes in another way where several files are named in it; a single file's name has a field of its own."""
BATCH_NAMES = 10_000
"""Documents that one request names at most."""


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
) -> Request[Answer]:
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


def list_documents(
    base: str,
    state: str | None = None,
    contains: str = "",
    name: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> Request[Answer]:
    """Documents by name, at most 10,000 of them, in `data`; `total` counts those beyond this page, too.

    `name` is a whole name, for which `DocumentNotFound` is raised; `contains` is a part of one.
    """
    query = given(state=state, name=name, contains=contains or None, limit=str(limit), offset=str(offset))
    return Request("GET", at(BASES, base, "documents"), an_object, query)


def delete_documents(base: str, names: Sequence[str]) -> Request[Answer]:
    """Delete documents by name, at most 10,000; those that are not there stand in `missing`."""
    return Request("POST", at(BASES, base, "documents", "delete"), an_object, body={"names": list(names)}, patient=True)


def index_documents(base: str, names: Sequence[str], force: bool = False) -> Request[str]:
    """Index documents, at most 10,000, in the background; the id of the job. `force` does so where nothing changed, too."""
    body = {"names": list(names), "force": force}
    return Request("POST", at(BASES, base, "documents", "index"), lambda answer: str(answer["job"]), body=body)


def get_document(base: str, document: int) -> Request[Answer]:
    """A document by its id."""
    return Request("GET", at(BASES, base, "documents", document), an_object)


def configure_document(
    base: str, document: int, enabled: bool | None = None, metadata: Mapping[str, Any] | None = None
) -> Request[Answer]:
    """Let searches see a document or not, or set its metadata."""
    body = given(enabled=enabled, metadata=metadata)
    return Request("PATCH", at(BASES, base, "documents", document), an_object, body=body)


def document_content(base: str, document: int) -> Request[bytes]:
    """A document's bytes."""
    return Request("GET", at(BASES, base, "documents", document, "content"), bytes, raw=True)


def document_text(base: str, document: int) -> Request[str]:
    """What was read in a document; spans of chunks are character offsets into this."""
    return Request("GET", at(BASES, base, "documents", document, "text"), bytes.decode, raw=True)


def preview_document(base: str, document: int, chunking: Mapping[str, Any] | None = None) -> Request[list[Answer]]:
    """The chunks that a document would have if it were cut so."""
    path = at(BASES, base, "documents", document, "preview")
    return Request("POST", path, lambda answer: list(answer["data"]), body=given(chunking=chunking))


def preview_file(base: str, file: Document, chunking: Mapping[str, Any] | None = None) -> Request[list[Answer]]:
    """The chunks that a file would have; nothing of it is kept."""
    form: dict[str, str | list[str]] = {} if chunking is None else {"chunking": json.dumps(dict(chunking))}
    parts = [("file", (name_of(file), _content(file), "application/octet-stream"))]
    path = at(BASES, base, "documents", "preview")
    return Request("POST", path, lambda answer: list(answer["data"]), form=form, files=parts, patient=True)


def get_document_chunks(base: str, document: int, limit: int = 100, offset: int = 0) -> Request[Answer]:
    """A document's chunks in order, at most 10,000 of them, in `data`; `total` counts all."""
    query = {"limit": str(limit), "offset": str(offset)}
    return Request("GET", at(BASES, base, "documents", document, "chunks"), an_object, query)


def add_chunk(base: str, document: int, text: str, position: int | None = None) -> Request[Answer]:
    """Write a chunk into a document, before the one at `position`, else at its end."""
    body = {"text": text, **given(position=position)}
    return Request("POST", at(BASES, base, "documents", document, "chunks"), an_object, body=body)


def edit_chunk(base: str, chunk: int, text: str | None = None, enabled: bool | None = None) -> Request[Answer]:
    """Change a chunk's text, or whether searches see it. With a new text it has a new id."""
    return Request("PATCH", at(BASES, base, "chunks", chunk), an_object, body=given(text=text, enabled=enabled))


def delete_chunk(base: str, chunk: int) -> Request[Answer]:
    """Delete a chunk."""
    return Request("DELETE", at(BASES, base, "chunks", chunk), an_object)


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
