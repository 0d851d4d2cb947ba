"""Other addresses of the OpenAI routes: Azure's, and those without `/v1` that some programs use.

`/openai/deployments/NAME/chat/completions` is `/v1/chat/completions` for the model NAME, `/openai/v1/...` and `/openai/...` are
`/v1/...`, and `/chat/completions`, `/models` and the like are the same below `/v1`. No route of the server has such a path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

from modelyard.core.asgi import Scope
from modelyard.gateway.model_call import DEPLOYMENT
from modelyard.gateway.paths import PATHS

OWN = "/v1/"
AZURE = "/openai/"
DEPLOYMENTS = "/openai/deployments/"
MODELS = "/models"
API_VERSION = b"api-version="


def moved(scope: Scope, handles: Callable[[str], bool]) -> Scope:
    """Rewrite a request to another address as one below `/v1`; others are unchanged. `handles` knows the inference paths."""
    path: str = scope["path"]
    if path.startswith(OWN):
        return scope
    if path.startswith(AZURE):
        return _from_azure(scope, path)
    if path == MODELS or (not handles(path) and handles(f"/v1{path}")):
        return _to(scope, f"/v1{path}")
    return scope


def _from_azure(scope: Scope, path: str) -> Scope:
    scope = {**scope, "query_string": _without_version(scope["query_string"])}
    if path.startswith(DEPLOYMENTS):
        for operation in operations():
            if path.endswith(operation):
                name = path.removeprefix(DEPLOYMENTS).removesuffix(operation)
                return {**_to(scope, f"/v1{operation}"), DEPLOYMENT: name} if name else scope
        return scope
    rest = path.removeprefix(AZURE)
    return _to(scope, f"/{rest}" if rest.startswith("v1/") else f"/v1/{rest}")


@cache
def operations() -> list[str]:
    """The inference paths below `/v1`, without it; longer ones first, because a name may contain slashes."""
    return sorted((path.removeprefix("/v1") for path in PATHS if path.startswith(OWN)), key=len, reverse=True)


def _without_version(query: bytes) -> bytes:
    return b"&".join(_kept(query))


def _kept(query: bytes) -> Iterator[bytes]:
    for part in query.split(b"&"):
        if not part.startswith(API_VERSION):
            yield part


def _to(scope: Scope, path: str) -> Scope:
    return {**scope, "path": path, "raw_path": path.encode()}
