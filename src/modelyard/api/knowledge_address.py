"""A second address of the OpenAI routes, `/knowledge/v1`, whose list of models has knowledge bases too.

For programs that know a base URL and nothing else, such as Open WebUI. `/v1/models` itself lists them only when asked to, because
clients of Xinference take all that it lists for models that can be terminated.
"""

from __future__ import annotations

from collections.abc import Callable

from modelyard.core.asgi import Scope

ADDRESS = "/knowledge"
MODELS = "/v1/models"
ASKED = b"knowledge_bases=true"


def plain(scope: Scope, handles: Callable[[str], bool]) -> Scope:
    """A request to the second address as one to the first; all others as they are. `handles` knows the paths of inference."""
    if not scope["path"].startswith(ADDRESS + "/v1/"):
        return scope
    path = scope["path"].removeprefix(ADDRESS)
    if path == MODELS and scope["method"] in ("GET", "HEAD"):
        before = scope["query_string"]
        return {**_moved(scope, path), "query_string": before + b"&" + ASKED if before else ASKED}
    return _moved(scope, path) if handles(path) else scope


def _moved(scope: Scope, path: str) -> Scope:
    return {**scope, "path": path, "raw_path": path.encode()}
