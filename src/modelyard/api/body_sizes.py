"""The maximum body size of a management route, by the kind of its content. Inference paths have the gateway's own limit."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from modelyard.api.paths import match_of
from modelyard.core.config import Settings
from modelyard.web.router import ANYBODY, BodyKind

SMALL = 16 * 1024
"""Maximum bytes on paths that need no key: a login is far smaller. Every path accepts this size."""
ORDINARY = 1024 * 1024
"""Maximum bytes for a body of settings and names."""
ORDINARY_VALUES = 10_000
"""Maximum JSON values for such a body."""
FORM_MARGIN = 1024 * 1024
"""Bytes for the fields of a form beside its file."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The maximum size of a body, and the setting that it comes from."""

    size: int
    setting: str | None
    """Name of the setting with the size; None if it is fixed."""
    most_values: int | None = None
    """Maximum number of JSON values; None for a form."""
    values_setting: str | None = None
    """Name of the setting with the number of values; None if it is fixed."""


def limit_of(scope: MutableMapping[str, Any], form: bool, settings: Settings) -> Limit:
    """The limit of a request by its route; `form` means that the body is a multipart form."""
    match = match_of(scope)
    kind = BodyKind.ORDINARY if match is None else match.route.body
    if form and kind is BodyKind.DOCUMENT:
        return Limit(settings.max_document_bytes + FORM_MARGIN, "max_document_bytes")
    if form and kind is BodyKind.FILE:
        return Limit(settings.max_file_bytes + FORM_MARGIN, "max_file_bytes")
    if form and kind is BodyKind.DOCUMENTS:
        size = max(settings.max_upload_bytes, settings.max_document_bytes + FORM_MARGIN)
        return Limit(size, "max_upload_bytes")
    body, values = "max_body_bytes", "max_json_values"
    if kind is BodyKind.TEXT:
        return Limit(settings.max_body_bytes, body, settings.max_json_values, values)
    fixed = SMALL if match is None or match.route.scope == ANYBODY else ORDINARY
    fewer, less = settings.max_json_values < ORDINARY_VALUES, settings.max_body_bytes < fixed
    return Limit(
        settings.max_body_bytes if less else fixed,
        body if less else None,
        settings.max_json_values if fewer else ORDINARY_VALUES,
        values if fewer else None,
    )
