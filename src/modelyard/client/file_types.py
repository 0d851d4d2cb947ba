"""TypedDicts of stored files and of uploads in parts."""

from __future__ import annotations

from typing import TypedDict


class FileDict(TypedDict):
    """A stored file."""

    id: str
    object: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    status: str
    expires_at: int | None
    sha256: str
    owner: str


class FilePageDict(TypedDict):
    """Some files; `last_id` is the `after` of the next page."""

    object: str
    data: list[FileDict]
    first_id: str | None
    last_id: str | None
    has_more: bool


class FileUploadDict(TypedDict):
    """A file that arrives in parts."""

    id: str
    object: str
    bytes: int
    created_at: int
    expires_at: int
    filename: str
    purpose: str
    status: str
    file: FileDict | None


class UploadPartDict(TypedDict):
    """A part of an upload."""

    id: str
    object: str
    created_at: int
    upload_id: str
