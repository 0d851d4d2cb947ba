"""Routes of files, as OpenAI has them. A key sees the files of its owner; one with `admin` sees all."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, Response
from pydantic import ValidationError

from modelyard.core.access import Owner
from modelyard.files.rows import FileDetails
from modelyard.protocol import files as bodies
from modelyard.web.deps import TheFiles, TheGrant
from modelyard.web.file_views import file_info
from modelyard.web.files import stored_file_response
from modelyard.web.router import FILE, BodyKind, Router
from modelyard.web.streamed_forms import StreamedForm, form_schema

router = Router("/v1/files", tags=["files"])

CURSOR = "The last id of the page before. That file may have been deleted since."


@router.post("", scope="files:write", body=BodyKind.FILE, openapi_extra=form_schema("file", bodies.NewFile))
async def create_file(request: Request, files: TheFiles, grant: TheGrant) -> bodies.FileInfo:
    """Store a file, in a form with `file`, `purpose` and, if it is to be deleted by itself, `expires_after[anchor]` and
    `expires_after[seconds]`."""
    form = StreamedForm(request, "file")
    async with files.receiving(Owner.of(grant), form.file(), form.least_size) as content:
        fields = checked_fields(form.fields)
        lifetime = fields.expires_after.seconds if fields.expires_after else None
        return file_info(await files.keep(content, FileDetails(form.filename, fields.purpose, lifetime)))


@router.get("", scope="files:read")
async def list_files(
    files: TheFiles,
    grant: TheGrant,
    after: Annotated[str | None, Query(max_length=100, description=CURSOR)] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
    order: Literal["asc", "desc"] = "desc",
    purpose: Annotated[str | None, Query(max_length=100)] = None,
) -> bodies.FilePage:
    """The caller's files by the time of their creation."""
    found, more = await files.page(Owner.of(grant), after=after, limit=limit, ascending=order == "asc", purpose=purpose)
    data = [file_info(each) for each in found]
    first, last = (data[0].id, data[-1].id) if data else (None, None)
    return bodies.FilePage(data=data, first_id=first, last_id=last, has_more=more)


@router.get("/{file_id}", scope="files:read")
async def describe_file(file_id: str, files: TheFiles, grant: TheGrant) -> bodies.FileInfo:
    """A file by its id."""
    return file_info(await files.get(Owner.of(grant), file_id))


@router.get("/{file_id}/content", scope="files:read", response_class=FileResponse, responses=FILE)
async def file_content(file_id: str, files: TheFiles, grant: TheGrant) -> Response:
    """The bytes of a file."""
    return await stored_file_response(files, await files.get(Owner.of(grant), file_id))


@router.delete("/{file_id}", scope="files:write")
async def delete_file(file_id: str, files: TheFiles, grant: TheGrant) -> bodies.FileDeleted:
    """Delete a file."""
    await files.delete(Owner.of(grant), file_id)
    return bodies.FileDeleted(id=file_id)


def checked_fields(form: dict[str, str]) -> bodies.NewFile:
    """The fields of a form whose file has arrived. Raises `RequestValidationError`."""
    found: dict[str, Any] = {"purpose": form["purpose"]} if "purpose" in form else {}
    expiry = {name: form[key] for name in ("anchor", "seconds") if (key := f"expires_after[{name}]") in form}
    if expiry:
        found["expires_after"] = expiry
    try:
        return bodies.NewFile.model_validate(found)
    except ValidationError as error:
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from None
