"""Bodies of the routes about files and uploads: OpenAI's fields, and the hash and the owner of each file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelyard.protocol.deferred import DeferredModel

HOUR, MONTH = 3600, 30 * 24 * 3600

Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
"""What a caller may store a file for."""


class ExpiresAfter(DeferredModel):
    """When a file is deleted."""

    anchor: Literal["created_at"]
    seconds: int = Field(ge=HOUR, le=MONTH)
    """Seconds after the file's creation: from an hour to 30 days."""


class NewFile(DeferredModel):
    """The form fields of `POST /v1/files`, beside the file itself."""

    purpose: Purpose
    """What the file is for. The lines of a `fine-tune` file are checked. A `batch` file expires after 30 days if `expires_after`
    is left out."""
    expires_after: ExpiresAfter | None = None


class FileInfo(DeferredModel):
    """A stored file."""

    id: str
    object: Literal["file"] = "file"
    bytes: int
    """Size of the file in bytes."""
    created_at: int
    """Unix time in seconds."""
    filename: str
    purpose: str
    """The purpose of the upload; `assistants_output`, `batch_output` or `fine-tune-results` for files that the server made."""
    status: Literal["uploaded", "processed", "error"] = "processed"
    """Always `processed`, because only complete files are listed."""
    expires_at: int | None
    """Unix time in seconds; null if the file does not expire."""
    sha256: str
    """SHA-256 hash of the content, in hexadecimal."""
    owner: str
    """Owner id of the user or key that stored it; an administrator sees all files."""


class FilePage(DeferredModel):
    """Answer of `GET /v1/files`."""

    object: Literal["list"] = "list"
    data: list[FileInfo]
    first_id: str | None
    last_id: str | None
    has_more: bool


class FileDeleted(DeferredModel):
    """Answer of `DELETE /v1/files/{file_id}`."""

    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True


class NewUpload(DeferredModel):
    """Body of `POST /v1/uploads`."""

    bytes: int = Field(ge=1, le=(1 << 63) - 1)
    """Size in bytes that the complete file will have."""
    filename: str = Field(min_length=1, max_length=1000)
    mime_type: str = Field(max_length=200)
    """Ignored: the server does not trust a file's stated type."""
    purpose: Purpose
    expires_after: ExpiresAfter | None = None


class UploadInfo(DeferredModel):
    """A file that is uploaded in parts."""

    id: str
    object: Literal["upload"] = "upload"
    bytes: int
    """Size in bytes that the complete file will have."""
    created_at: int
    """Unix time in seconds."""
    expires_at: int
    """Unix time in seconds until which parts are accepted."""
    filename: str
    purpose: str
    status: Literal["pending", "completed", "cancelled", "expired"]
    file: FileInfo | None
    """The complete file; null until the upload is completed."""


class UploadPartInfo(DeferredModel):
    """A part of an upload."""

    id: str
    object: Literal["upload.part"] = "upload.part"
    created_at: int
    upload_id: str


class CompleteUpload(DeferredModel):
    """Body of `POST /v1/uploads/{upload_id}/complete`."""

    part_ids: Annotated[
        list[Annotated[str, Field(max_length=100)]], Field(min_length=1, max_length=10_000, fail_fast=True)
    ]
    """Ids of the parts, in the order in which they form the file."""
    md5: str | None = Field(None, max_length=100)
    """MD5 hash of the whole content, in hexadecimal; if the content has another hash, the request is refused."""
