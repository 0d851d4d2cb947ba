"""Entry point of a replica on this server: listens at once, loads the weights, and serves until SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import msgspec
import uvicorn

from modelyard.engines import ENGINES
from modelyard.engines.loop import run_loop
from modelyard.engines.served import CONFIG_VARIABLE, TOKEN_VARIABLE, ReplicaConfig, ServedEngine
from modelyard.serving.app import App
from modelyard.serving.routes import PREPARE, ROUTES

BACKLOG = 1024
GRACE_SECONDS = 1


class ReplicaServer(uvicorn.Server):
    """uvicorn's server without its signal handling, which would raise the signal again after the shutdown."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main() -> None:
    config = msgspec.json.decode(os.environ.pop(CONFIG_VARIABLE), type=ReplicaConfig)
    token = os.environ.pop(TOKEN_VARIABLE, "")
    run_loop(serve(config, token))
    sys.stdout.flush()
    os._exit(0)  # a library's threads may still compute; do not wait for them


async def serve(config: ReplicaConfig, token: str) -> None:
    """Listen, load the weights and serve. Raises the error of `load`, if there is one."""
    app = App(config.uid, token, ROUTES[config.type])
    settings = uvicorn.Config(
        app, lifespan="off", access_log=False, log_level="warning", http="httptools", timeout_keep_alive=3600,
        timeout_graceful_shutdown=GRACE_SECONDS, backlog=BACKLOG, ws="none",
    )  # fmt: skip
    server = ReplicaServer(settings)

    def stop() -> None:
        server.should_exit = True
        app.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    serving = asyncio.ensure_future(server.serve(sockets=[listener(config)]))
    loading = asyncio.ensure_future(load(config))
    await asyncio.wait((serving, loading), return_when=asyncio.FIRST_COMPLETED)
    if loading.done():
        app.model = PREPARE[config.type](loading.result(), config)
        print(f"{config.uid} is loaded and listens at {config.uds or f'{config.host}:{config.port}'}", flush=True)
        await serving
        app.model.close()
    if config.uds:
        Path(config.uds).unlink(missing_ok=True)


async def load(config: ReplicaConfig) -> Any:
    """Load the weights in a thread, so that `/health` answers `loading` in the meantime."""
    engine = cast("ServedEngine", ENGINES.get(config.engine))
    return await asyncio.get_running_loop().run_in_executor(ThreadPoolExecutor(1), engine.load, config)


def listener(config: ReplicaConfig) -> socket.socket:
    """Bind the listening socket. A Unix socket gets permissions that let only this process's user connect."""
    if not config.uds:
        return socket.create_server((config.host, config.port), backlog=BACKLOG)
    Path(config.uds).unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX)
    before = os.umask(0o077)
    bound.bind(config.uds)
    os.umask(before)
    bound.listen(BACKLOG)
    return bound


if __name__ == "__main__":
    main()
