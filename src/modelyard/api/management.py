"""The management API as a FastAPI app, and the conversion of errors to answers."""

from __future__ import annotations

import json
import logging
from functools import cache
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi_offline import FastAPIOffline
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from modelyard import __version__
from modelyard.api.invalid import answer_invalid
from modelyard.api.openapi import document
from modelyard.api.paths import MatchedRoute
from modelyard.core.errors import (
    ClientGone,
    InternalError,
    InvalidParameter,
    MalformedBody,
    ModelyardError,
    NotEnoughDisk,
    PathNotFound,
)
from modelyard.db.reserve import FULL
from modelyard.protocol import errors
from modelyard.web.deps import Parts

log = logging.getLogger(__name__)

COMPRESSED_FROM = 1024
"""Bytes of an answer from which it is compressed for clients that accept that."""
NOT_COMPRESSED = (
    *DEFAULT_EXCLUDED_CONTENT_TYPES,
    "application/octet-stream",
    "application/pdf",
    "application/x-ndjson",
)
"""Streams, whose events must not wait for others, and files, which are mostly compressed already."""


def management_app(parts: Parts) -> FastAPI:
    """The app with every route except inference. `/docs` includes its scripts, so it works without internet."""
    app = FastAPIOffline(title="Modelyard", version=__version__, redirect_slashes=False)
    app.state.parts = parts
    app.router.routes[:0] = [MatchedRoute(), Route("/openapi.json", openapi)]  # ahead of the framework's own document
    app.add_middleware(
        GZipMiddleware, minimum_size=COMPRESSED_FROM, compresslevel=5, exclude_content_types=NOT_COMPRESSED
    )
    app.add_exception_handler(ModelyardError, _ours)
    app.add_exception_handler(RequestValidationError, answer_invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _disconnected)
    app.add_exception_handler(DataError, _unstorable)
    app.add_exception_handler(UnicodeError, _unstorable)
    app.add_exception_handler(OSError, _system)
    app.add_exception_handler(Exception, _defect)
    return app


async def openapi(request: Request) -> Response:
    """Answer `/openapi.json`."""
    return Response(_openapi_bytes(), media_type="application/json")


@cache
def _openapi_bytes() -> bytes:
    """The encoded document of about 400 KB, created once."""
    return json.dumps(document(), ensure_ascii=False, separators=(",", ":")).encode()


def render(error: ModelyardError) -> JSONResponse:
    """The answer to a request that raised an error."""
    return JSONResponse(errors.envelope(error), error.status, errors.headers(error))


async def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ModelyardError)
    return render(error)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    method, path = request.method, request.scope["path"]
    if isinstance(error.__cause__, ClientDisconnect):
        return await _disconnected(request, error.__cause__)
    if isinstance(error.__cause__, OSError):  # writing an upload to the temporary folder failed
        return await _system(request, error.__cause__)
    if error.status_code == 400:
        return render(MalformedBody(f"The body cannot be read: {error.detail}"))
    return render(PathNotFound(method, path))


async def _disconnected(request: Request, error: Exception) -> Response:
    """The client disconnected while it sent its body: nobody receives this answer, and it is not an error to log."""
    return Response(status_code=ClientGone.status)


async def _unstorable(request: Request, error: Exception) -> JSONResponse:
    """Text in a form or URL that the database or file system rejects. JSON was checked before (`checked_bodies.py`)."""
    log.info("%s %s: %s", request.method, request.url.path, type(error).__name__)
    return render(InvalidParameter("request", "it contains a character or a number that cannot be stored."))


async def _system(request: Request, error: Exception) -> JSONResponse:
    """A full disk, wherever it is noticed. Every other error of the operating system is unexpected."""
    assert isinstance(error, OSError)
    if error.errno not in FULL:
        return await _defect(request, error)
    log.warning("%s %s: %s", request.method, request.scope["path"], error)
    return render(NotEnoughDisk.full(Path(error.filename).parent if error.filename else "this server"))


async def _defect(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.scope["path"], exc_info=error)
    return render(InternalError(f"Internal error: {type(error).__name__}; the server's log has the details."))
