"""Starts SGLang's server inside its environment: on our socket, with the token, and with only the paths that we forward.

SGLang listens on a port and takes its key as an argument, which other users of the machine can read. Here its uvicorn gets
the socket instead of the port, and the key is added from the environment to the arguments inside this process only.
`python -m modelyard.engines.sglang.start UDS …` takes SGLang's own arguments after the socket.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence
from typing import Any

from modelyard.core.asgi import App, Receive, Scope, Send
from modelyard.engines.bodies import forward, with_data
from modelyard.engines.front import ReplicaFront
from modelyard.engines.sglang.refusals import restating

SERVER = "sglang.launch_server"
TOKEN_VARIABLE = "SGLANG_REPLICA_TOKEN"
PATHS = frozenset({"/health", "/metrics", "/v1/models", "/v1/chat/completions", "/v1/completions"})


class SglangFront(ReplicaFront):
    """Accepts only our paths, and replaces addresses in requests by data, because SGLang would fetch them, and open files."""

    def __init__(self, app: App) -> None:
        super().__init__(app, PATHS)

    async def post(self, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        if (found := await with_data(self._media, body, receive, send)) is not None:
            await forward(self._app, found, scope, receive, restating(scope["path"], send))


def main(argv: Sequence[str]) -> None:
    """Run SGLang's server in this process."""
    uds, *words = argv
    token = os.environ.pop(TOKEN_VARIABLE, "")
    listen_at(uds)
    # the warm-up would connect to the port, where nothing listens
    sys.argv = [SERVER, *words, "--skip-server-warmup", *(["--api-key", token] if token else [])]
    runpy.run_module(SERVER, run_name="__main__", alter_sys=True)


def listen_at(uds: str) -> None:
    """Let every uvicorn in this process listen at a socket, behind the front."""
    import uvicorn

    theirs = uvicorn.Config.__init__

    def ours(self: Any, app: Any, **settings: Any) -> None:
        elsewhere = {name: value for name, value in settings.items() if name not in ("host", "port")}
        theirs(self, SglangFront(app), **{**elsewhere, "uds": uds})

    setattr(uvicorn.Config, "__init__", ours)  # noqa: B010 - mypy allows no assignment


if __name__ == "__main__":
    main(sys.argv[1:])
