"""Converts stored files and uploads to response bodies."""

from __future__ import annotations

from modelyard.db.file_tables import FileRow, UploadPartRow
from modelyard.files.uploads import Upload
from modelyard.protocol import files as bodies


def file_info(row: FileRow) -> bodies.FileInfo:
    """A file as OpenAI describes one, with its hash and its owner."""
    return bodies.FileInfo(
        id=row.id,
        bytes=row.size,
        created_at=int(row.created_at),
        filename=row.filename,
        purpose=row.purpose,
        expires_at=None if row.expires_at is None else int(row.expires_at),
        sha256=row.hash,
        owner=row.owner,
    )


def upload_info(upload: Upload) -> bodies.UploadInfo:
    """An upload, with the file that was made of its parts."""
    row = upload.row
    return bodies.UploadInfo.model_validate(
        {
            "id": row.id,
            "bytes": row.size,
            "created_at": int(row.created_at),
            "expires_at": int(row.expires_at),
            "filename": row.filename,
            "purpose": row.purpose,
            "status": row.state,
            "file": None if upload.file is None else file_info(upload.file),
        }
    )


def part_info(row: UploadPartRow) -> bodies.UploadPartInfo:
    """A part of an upload."""
    return bodies.UploadPartInfo(id=row.id, created_at=int(row.created_at), upload_id=row.upload_id)
