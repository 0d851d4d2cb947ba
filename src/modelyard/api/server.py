"""The server process: its sockets, its signals, its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import uvicorn
import uvloop

from modelyard.api.app import running
from modelyard.api.certificates import Certificate
from modelyard.api.interfaces import Interfaces
from modelyard.control.deployments import Deployments
from modelyard.core import heap
from modelyard.core import log as logs
from modelyard.core.config import Settings
from modelyard.core.errors import CannotStart, ModelExists, ModelyardError
from modelyard.core.private import be_private
from modelyard.core.trust import OWNER
from modelyard.core.wording import reason
from modelyard.gateway.http1 import bounded
from modelyard.knowledge.demo import ensure_demo
from modelyard.protocol.models import LaunchRequest
from modelyard.web.deps import Parts

log = logging.getLogger(__name__)

BACKLOG = 2048
OPEN_FILES = 65536
SHUTDOWN_SECONDS = 3  # that open answers may continue after Ctrl-C

Outcome = tuple[str, str | None]
"""The uid of a launch that the command line requests, and its error message if it failed."""


@dataclass(frozen=True, slots=True)
class ServerReport:
    """What the command line prints about a server that is ready."""

    url: str
    outcomes: list[Outcome]
    restored: list[str]
    """Models of an earlier run that are being started again."""
    asks_for_keys: bool
    demo_base: bool = False
    """Whether the knowledge base of the demo exists."""
    chatchat_url: str | None = None
    """The same server at its port for Langchain-Chatchat's clients, if it has one."""
    ollama_url: str | None = None
    """The same server at its port for Ollama's clients, if it has one."""
    page: bool = True
    """Whether it has its web page."""
    local_models: bool = True
    """Whether it runs models on this machine."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """The listening sockets of a server."""

    main: socket.socket
    chatchat: socket.socket | None = None
    ollama: socket.socket | None = None
    certificate: Certificate | None = None
    """What they speak TLS with; None for plain HTTP."""

    def url_of(self, listener: socket.socket) -> str:
        """The address of one of them for a client on this machine."""
        return base_url(listener, secure=self.certificate is not None)

    @property
    def open(self) -> list[socket.socket]:
        """All of them."""
        return [each for each in (self.main, self.chatchat, self.ollama) if each is not None]


@dataclass(frozen=True, slots=True)
class StartRequests:
    """What the command line requests of a server once it is ready."""

    launches: Sequence[dict[str, Any]] = ()
    demo_base: bool = False


Ready = Callable[[ServerReport], None]


class UvicornServer(uvicorn.Server):
    """uvicorn without its signal handling, because ours stops the parts in order, and with an event when it has started."""

    def __init__(self, config: uvicorn.Config, certificate: Certificate | None = None) -> None:
        super().__init__(config)
        self._certificate = certificate
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.config.ssl = self._certificate.context if self._certificate else None
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(
    settings: Settings,
    *,
    launches: Sequence[dict[str, Any]] = (),
    demo_base: bool = False,
    on_ready: Ready | None = None,
) -> int:
    """Run a server until SIGINT or SIGTERM and return the exit code.

    Raises `CannotStart` when a port is taken, the home folder or database cannot be used, or keys are missing.
    """
    be_private()
    logs.set_up(settings.log_level, settings.log_format)
    certificate = Certificate.of(settings)
    raise_file_limit()
    heap.bound()
    with contextlib.ExitStack() as stack:

        def bound(port: int, option: str) -> socket.socket:
            return stack.enter_context(contextlib.closing(bind(settings.host, port, option)))

        listeners = Listeners(
            bound(settings.port, "--port"),
            None if settings.chatchat_port is None else bound(settings.chatchat_port, "--chatchat-port"),
            None if settings.ollama_port is None else bound(settings.ollama_port, "--ollama-port"),
            certificate,
        )
        return uvloop.run(_serve(settings, listeners, StartRequests(launches, demo_base), on_ready))


async def _serve(settings: Settings, listeners: Listeners, requests: StartRequests, on_ready: Ready | None) -> int:
    async with running(settings) as app:
        if listeners.chatchat is not None:
            app.redirect_at(listeners.chatchat.getsockname()[1])
        if listeners.ollama is not None:
            app.greet_at(listeners.ollama.getsockname()[1])
        config = uvicorn.Config(
            app,
            loop="none",
            http=bounded(settings),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
        server = UvicornServer(config, listeners.certificate)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _end, server, app.parts)
        tasks = [asyncio.create_task(_announce(server, listeners, app.parts, requests, on_ready))]
        if listeners.certificate is not None:
            tasks.append(asyncio.create_task(listeners.certificate.watch()))
        await server.serve(sockets=listeners.open)
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await tasks[0]
    return 0


def _end(server: uvicorn.Server, parts: Parts) -> None:
    """First signal: let answers finish for a moment, and end streams that have no end. Second signal: end at once."""
    parts.events.ring.close()
    server.force_exit = server.should_exit
    server.should_exit = True


async def _announce(
    server: UvicornServer,
    listeners: Listeners,
    parts: Parts,
    requests: StartRequests,
    on_ready: Ready | None,
) -> None:
    await server.up.wait()
    url = listeners.url_of(listeners.main)
    chatchat_url = listeners.url_of(listeners.chatchat) if listeners.chatchat else None
    ollama_url = listeners.url_of(listeners.ollama) if listeners.ollama else None
    log.info("listening on %s", url)
    if chatchat_url:
        log.info("listening for Chatchat's clients on %s", chatchat_url)
    if ollama_url:
        log.info("listening for Ollama's clients on %s", ollama_url)
    outcomes = [await _launch(parts.deployments, body) for body in requests.launches]
    if requests.demo_base:
        await ensure_demo(parts.knowledge)
    if on_ready is not None:
        launched = {uid for uid, _ in outcomes}
        restored = [uid for view in parts.deployments.views() if (uid := view.desired.uid) not in launched]
        keys = parts.keys.access.required
        settings = parts.settings
        page = Interfaces(settings).page
        on_ready(
            ServerReport(
                url, outcomes, restored, keys, requests.demo_base, chatchat_url, ollama_url, page, settings.local_models
            )
        )


async def _launch(deployments: Deployments, body: dict[str, Any]) -> Outcome:
    """Launch a model that the command line names, unless it was restored from an earlier run."""
    uid = str(body.get("model_uid") or body.get("model_name"))
    try:
        request = LaunchRequest.model_validate(body)
        uid = request.model_uid or await deployments.default_uid(request, OWNER)
        with contextlib.suppress(ModelExists):
            await deployments.create(request.model_copy(update={"model_uid": uid}), OWNER)
        await deployments.wait_ready(uid)
    except ModelyardError as error:
        return uid, error.message.removeprefix(f"Launching '{uid}' failed: ")  # the caller prints the uid itself
    return uid, None


def raise_file_limit() -> None:
    """Raise the soft limit of open files, often 1,024, towards the hard limit, because every stream needs two sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def bind(host: str, port: int, option: str = "--port") -> socket.socket:
    """Open a listening socket. Raises `CannotStart`, whose message names the option that sets the port."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # inherited by every connection; without it a keep-alive request is delayed for 40 ms by delayed acknowledgement
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        of_host = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
        cure = "Give an address of this machine with --host" if of_host else f"Choose another with {option}"
        raise CannotStart(f"Cannot listen on {host}:{port}: {reason(error)}. {cure}.") from error
    return listener


def base_url(listener: socket.socket, secure: bool = False) -> str:
    """The server's address for a client on this machine; `secure` means TLS."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
