"""Which callers may name files of this machine: those that may launch models from them, and those that need no key.

Everybody who may see models may name families and repositories on hubs. No answer contains the content of a file.
"""

from __future__ import annotations

from modelyard.catalog.find import looks_like_path
from modelyard.core.access import Grant
from modelyard.core.errors import PermissionDenied

LAUNCHING = "models:write"


def may_name_files(grant: Grant | None) -> bool:
    """Whether names may be taken for paths."""
    return grant is None or grant.allows(LAUNCHING)


def check_files(grant: Grant | None, *paths: str | None) -> None:
    """Raises `PermissionDenied` for any path, whether there is a file or not, to a key that may launch nothing."""
    if grant is not None and any(paths) and not may_name_files(grant):
        raise PermissionDenied(f"The key '{grant.name}' lacks the scope '{LAUNCHING}', which naming a file takes.")


def check_path(grant: Grant | None, name: str) -> None:
    """`check_files` for a name, if it is a path."""
    check_files(grant, name if looks_like_path(name) else None)
