"""A real server in the test's own event loop, for tests that also look at its parts or cut its connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import uvicorn

from modelyard.api.app import running
from modelyard.api.server import UvicornServer, bind
from modelyard.core.config import Settings
from modelyard.web.deps import Parts


@dataclass(frozen=True, slots=True)
class ServedHere:
    """A running server."""

    url: str
    parts: Parts
    server: UvicornServer

    def transports(self) -> list[asyncio.Transport]:
        """The server's side of all open connections."""
        connections = cast("set[Any]", self.server.server_state.connections)
        return [connection.transport for connection in connections]

    def cut(self) -> None:
        """Break every connection without a farewell."""
        for transport in self.transports():
            transport.abort()


@asynccontextmanager
async def served_here(home: Path) -> AsyncIterator[ServedHere]:
    """A server with a fresh home, for the time of the block."""
    settings = Settings(home=home, port=0)
    listener = bind("127.0.0.1", 0)
    async with running(settings) as app:
        server = UvicornServer(uvicorn.Config(app, loop="none", ws="none", lifespan="off", log_config=None))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await server.up.wait()
        try:
            yield ServedHere(f"http://127.0.0.1:{listener.getsockname()[1]}", app.parts, server)
        finally:
            app.parts.events.ring.close()
            server.should_exit = True
            await serving
            listener.close()
