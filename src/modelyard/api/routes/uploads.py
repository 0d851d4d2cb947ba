"""Routes of files that arrive in parts, as OpenAI has them. A key sees the uploads of its owner; one with `admin` sees all."""

from __future__ import annotations

from fastapi import Request

from modelyard.core.access import Owner
from modelyard.files.rows import FileDetails
from modelyard.protocol import files as bodies
from modelyard.web.deps import TheGrant, TheUploads
from modelyard.web.file_views import part_info, upload_info
from modelyard.web.router import BodyKind, Router
from modelyard.web.streamed_forms import StreamedForm, form_schema

router = Router("/v1/uploads", tags=["files"])


@router.post("", scope="files:write")
async def create_upload(body: bodies.NewUpload, uploads: TheUploads, grant: TheGrant) -> bodies.UploadInfo:
    """Begin an upload. Its parts may arrive in any order, for an hour."""
    lifetime = body.expires_after.seconds if body.expires_after else None
    details = FileDetails(body.filename, body.purpose, lifetime)
    return upload_info(await uploads.begin(Owner.of(grant), details, body.bytes))


@router.post("/{upload_id}/parts", scope="files:write", body=BodyKind.FILE, openapi_extra=form_schema("data"))
async def add_upload_part(
    upload_id: str, request: Request, uploads: TheUploads, grant: TheGrant
) -> bodies.UploadPartInfo:
    """Add a part, in a form with the file `data`."""
    form = StreamedForm(request, "data")
    return part_info(await uploads.add_part(Owner.of(grant), upload_id, form.file(), form.least_size))


@router.post("/{upload_id}/complete", scope="files:write")
async def complete_upload(
    upload_id: str, body: bodies.CompleteUpload, uploads: TheUploads, grant: TheGrant
) -> bodies.UploadInfo:
    """Make a file of the parts, in the order in which they are named. A repeated request gets the same answer."""
    return upload_info(await uploads.complete(Owner.of(grant), upload_id, body.part_ids, body.md5))


@router.post("/{upload_id}/cancel", scope="files:write")
async def cancel_upload(upload_id: str, uploads: TheUploads, grant: TheGrant) -> bodies.UploadInfo:
    """Cancel an upload and delete its parts."""
    return upload_info(await uploads.cancel(Owner.of(grant), upload_id))
