"""Decides which callers may name files of this machine: those that may launch models from them, and those that need no key.

Every caller that may see models may name families and hub repositories. No answer contains the content of a file.
"""

from __future__ import annotations

from modelyard.catalog.find import looks_like_path
from modelyard.core.access import Grant
from modelyard.core.errors import PermissionDenied

LAUNCHING = "models:write"


def may_name_files(grant: Grant | None) -> bool:
    """Whether names in the request may be interpreted as paths."""
    return grant is None or grant.allows(LAUNCHING)


def check_files(grant: Grant | None, *paths: str | None) -> None:
    """Raise `PermissionDenied` if the key may not launch models and a path is given, whether or not the file exists."""
    if grant is not None and any(paths) and not may_name_files(grant):
        raise PermissionDenied(f"The key '{grant.name}' lacks the scope '{LAUNCHING}', which is needed to name a file.")


def check_path(grant: Grant | None, name: str) -> None:
    """`check_files` for a name that is a path; other names pass."""
    check_files(grant, name if looks_like_path(name) else None)
