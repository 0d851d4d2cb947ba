"""A second prefix of the OpenAI routes, `/knowledge/v1`, whose list of models includes knowledge bases.

For programs that can configure only a base URL, such as Open WebUI. `/v1/models` itself lists bases only on request, because
Xinference's clients assume that all listed models can be terminated.
"""

from __future__ import annotations

from collections.abc import Callable

from modelyard.core.asgi import Scope

ADDRESS = "/knowledge"
MODELS = "/v1/models"
ASKED = b"knowledge_bases=true"


def plain(scope: Scope, handles: Callable[[str], bool]) -> Scope:
    """Rewrite a request to the second prefix as one to the first; others are unchanged. `handles` knows the inference paths."""
    if not scope["path"].startswith(ADDRESS + "/v1/"):
        return scope
    path = scope["path"].removeprefix(ADDRESS)
    if path == MODELS and scope["method"] in ("GET", "HEAD"):
        before = scope["query_string"]
        return {**_moved(scope, path), "query_string": before + b"&" + ASKED if before else ASKED}
    return _moved(scope, path) if handles(path) else scope


def _moved(scope: Scope, path: str) -> Scope:
    return {**scope, "path": path, "raw_path": path.encode()}
