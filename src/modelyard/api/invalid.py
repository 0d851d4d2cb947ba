"""Answers requests with missing or invalid parameters: the error names the field and its problem."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from modelyard.api.paths import match_of
from modelyard.core.errors import InvalidParameter, MalformedBody, ModelyardError
from modelyard.core.mismatches import field_problem
from modelyard.protocol import errors

LONGEST_PLACE = 200
"""Maximum characters of a field's name in an error, because unknown fields have names of the caller."""
MOST_LISTED = 20
UNPROCESSABLE = 422
CHATCHAT = "chatchat"
"""Tag of the routes that answer in Langchain-Chatchat's format."""

NO_FIELD = re.compile(r"^(bool|int|float|str|bytes|dict|none|literal|constrained-\w+|\w+(-\w+)*\[.*\])$")
"""Items that pydantic adds to a location for the members of a union; they are not field names."""


async def answer_invalid(request: Request, error: Exception) -> JSONResponse:
    """Answer 400 and name the first wrong field. Chatchat's routes answer 422, with FastAPI's list of errors in `detail`."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    problem = problem_of(found[0])
    body = errors.envelope(problem)
    match = match_of(request.scope)
    if match is not None and CHATCHAT in match.route.tags:
        body["detail"] = [_listed(each) for each in found[:MOST_LISTED]]
        return JSONResponse(body, UNPROCESSABLE)
    return JSONResponse(body, problem.status)


def problem_of(found: Mapping[str, Any]) -> ModelyardError:
    """One of pydantic's errors as a `ModelyardError`."""
    where, kind, text = place(found["loc"]), found["type"], str(found["msg"])
    if kind == "json_invalid":
        return MalformedBody(f"The body is not JSON: {found.get('ctx', {}).get('error', text)}.")
    if not where and found["loc"][:1] == ("body",):
        missing = "The request needs a body: a JSON object."
        return MalformedBody(missing if kind == "missing" else "The body must be a JSON object.")
    return InvalidParameter(where or "request", f"{field_problem(kind, text)}.")


def place(found: Sequence[int | str]) -> str:
    """The name of a field from its location, whose first item is the part of the request."""
    first, *rest = found[1:] or [""]
    names = [str(first), *(str(part) for part in rest if not NO_FIELD.match(str(part)))]
    return ".".join(names)[:LONGEST_PLACE]


def _listed(found: Mapping[str, Any]) -> dict[str, Any]:
    places = [part if isinstance(part, int) else str(part)[:LONGEST_PLACE] for part in found["loc"]]
    return {"type": found["type"], "loc": places, "msg": found["msg"]}
