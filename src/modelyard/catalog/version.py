"""Builds and parses the version string of a variant, `<name>--<size>B--<format>--<quantization>`. Pure."""

from __future__ import annotations

from typing import NamedTuple

from modelyard.core.errors import InvalidParameter

UNKNOWN = "unknown"
"""Stands for an unknown size."""


class VersionParts(NamedTuple):
    """The parts of a version string."""

    name: str
    size: str | None
    format: str | None
    quantization: str | None


def version_of(name: str, size: float | str | None, format: str, quantization: str | None) -> str:
    """Build the version string; `0.5` is written `0_5`, as in Xinference."""
    text = f"{size:g}" if isinstance(size, int | float) else (size or UNKNOWN)
    return "--".join((name, text.replace(".", "_") + ("" if text == UNKNOWN else "B"), format, quantization or "none"))


def parse_version(version: str) -> VersionParts:
    """Parse a version string; a bare name leaves the other parts open. Raises `InvalidParameter`."""
    parts = version.split("--")
    if len(parts) == 1 and version:
        return VersionParts(version, None, None, None)
    if len(parts) < 4 or not all(parts):
        raise InvalidParameter(
            "model_version", f"'{version}' is not of the form <name>--<size>B--<format>--<quantization>."
        )
    *names, size, format, quantization = parts
    size = size.removesuffix("B").removesuffix("b")
    return VersionParts("--".join(names), None if size == UNKNOWN else size, format, quantization)
