"""The composition root: creates the parts of a server, connects them, and closes them in reverse order."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import AsyncIterator, Callable, Coroutine, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

from modelyard.api import metrics
from modelyard.api.audit import Audited
from modelyard.api.batches import batches_running
from modelyard.api.bodies import BodyLimits
from modelyard.api.checked_bodies import BodyCheck
from modelyard.api.content_types import ContentTypeCheck
from modelyard.api.cors import Cors
from modelyard.api.exposure import loaded_keys
from modelyard.api.files import files_running
from modelyard.api.foreign_pages import ForeignPages
from modelyard.api.generations import generations_running
from modelyard.api.guard import Guard
from modelyard.api.interfaces import Interfaces
from modelyard.api.knowledge import knowledge_running
from modelyard.api.knowledge_address import plain
from modelyard.api.management import management_app
from modelyard.api.other_addresses import moved
from modelyard.api.paths import REQUEST_ID, PathCheck
from modelyard.batches.service import BatchService
from modelyard.catalog.hubs import queries
from modelyard.catalog.index import FAMILIES, Catalog
from modelyard.chats.service import Chats
from modelyard.compat.chatchat.port import ChatchatPort
from modelyard.control import engine_installs
from modelyard.control.adapters import Adapters
from modelyard.control.autostart import Autostarts
from modelyard.control.cache import Caching
from modelyard.control.deployments import Deployments
from modelyard.control.journal import Journal
from modelyard.control.keys import KeyStore
from modelyard.control.reconcile import Reconciler
from modelyard.control.registration_files import RegistrationFiles
from modelyard.control.registrations import Registrations
from modelyard.control.restores import finish_restore
from modelyard.control.sessions import SessionStore
from modelyard.core.aliases import Aliases
from modelyard.core.asgi import App, Receive, Scope, Send
from modelyard.core.config import Settings
from modelyard.core.errors import CannotStart
from modelyard.core.private import private_home
from modelyard.core.templates import PROCESSES
from modelyard.core.traffic import Traffic
from modelyard.core.wording import reason
from modelyard.db.session import TROUBLE, Database
from modelyard.dialects.anthropic.models import AnthropicModels
from modelyard.dialects.mounting import mount_dialects
from modelyard.dialects.ollama.port import OllamaPort
from modelyard.gateway.app import Gateway
from modelyard.gateway.asgi import send_error
from modelyard.gateway.headers import request_id
from modelyard.jobs.service import Jobs
from modelyard.knowledge.documents.states import IndexingKind
from modelyard.knowledge.documents.web_pages import parse_page
from modelyard.knowledge.evaluations.runs import Evaluations
from modelyard.knowledge.imports.imports import Imports
from modelyard.monitor.service import Monitor
from modelyard.runtime.local import LocalHost
from modelyard.ui.app import UserInterface
from modelyard.web.deps import Parts
from modelyard.web.detached import detaching
from modelyard.web.event_feed import EventFeed

log = logging.getLogger(__name__)


class Application:
    """The ASGI app of a server: inference goes directly to the gateway, files of the page to the page, and other requests to the
    management routes."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._gateway = parts.gateway
        self._page = UserInterface()
        self._interfaces = Interfaces(parts.settings)
        mount_dialects(parts)
        checked = BodyCheck(management_app(parts), parts.settings)
        monitor = parts.monitor
        guarded = Guard(
            BodyLimits(ContentTypeCheck(checked), parts.settings), parts.keys, parts.sessions, monitor.usage.use
        )
        management = PathCheck(Audited(guarded, parts.keys, monitor.audit), parts.gateway.mounts.unknown)
        self._management = AnthropicModels(management, lambda scope: scope["state"][REQUEST_ID])
        origins = parts.settings.cors_origins
        self._inner: App = Cors(self._dispatch, origins) if origins else self._dispatch
        self._app = ForeignPages(self._enter, parts.settings, parts.keys)

    def redirect_at(self, port: int) -> None:
        """Make `GET /` at a second port redirect to `/docs`."""
        self._inner = ChatchatPort(self._inner, port)

    def greet_at(self, port: int) -> None:
        """Make `GET /` at a further port answer as Ollama does."""
        self._inner = OllamaPort(self._inner, port)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    async def _enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._inner(scope, receive, send)

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = moved(plain(scope, self._gateway.handles), self._gateway.handles)
        if scope["type"] == "http" and (refusal := self._interfaces.refusal(scope["path"])):
            await send_error(send, refusal, [])
        elif scope["type"] == "http" and self._gateway.handles(scope["path"]):
            await self._gateway(scope, receive, send)
        elif scope["type"] == "http" and self._interfaces.page and self._page.handles(scope):
            await self._page(scope, receive, with_request_id(request_id(scope["headers"]), send))
        elif scope["type"] == "http":
            name = scope.setdefault("state", {})[REQUEST_ID] = request_id(scope["headers"])
            waiting = detaching(scope)
            send = with_request_id(name, send)
            await self._management(scope, receive, send)
            for response in waiting:
                await response(scope, receive, send)
        else:
            await self._management(scope, receive, send)


def with_request_id(name: bytes, send: Send) -> Send:
    """A `send` that adds the request id to the answer, as the gateway does for inference."""

    async def send_with_id(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"x-request-id", name)]
        await send(message)

    return send_with_id


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Application]:
    """Run a server during the block; afterwards every replica has ended. Raises `CannotStart` without a usable home."""
    aliases = Aliases(settings.alias_rules)
    lock, database, keys = await _opened(settings, aliases)
    traffic = Traffic()
    gateway = _gateway(settings, traffic, aliases, keys)
    sessions = SessionStore(database, keys)
    host = LocalHost(settings, traffic.last_byte.get)
    jobs = Jobs(settings, database, host)
    journal = Journal(database, settings.folder, settings.local_models)
    reconciler = Reconciler(settings, journal, host, traffic, gateway.publish, jobs)
    catalog = Catalog(FAMILIES.folder)
    deployments = Deployments(settings, database, host, reconciler, catalog)
    metrics.register(gateway.meter.registry, deployments)
    monitor = Monitor(settings, database, gateway, deployments, jobs, host)
    events = EventFeed(deployments, aliases, jobs, reconciler.downloads, journal, traffic, host, monitor)
    batches, imports, evaluations = await _take_up(settings, database, jobs, reconciler)
    registrations = await load_registrations(settings, database, catalog, deployments, gateway)
    chats = Chats(settings, database, parse_page)
    autostarts = Autostarts(database, deployments, reconciler)
    tasks = await _begin_all(reconciler, autostarts, keys, sessions, jobs, events, monitor)
    try:
        await reconciler.look()
        async with (
            files_running(settings, database) as (files, uploads),
            knowledge_running(settings, database, gateway, catalog, jobs, imports, evaluations) as knowledge,
            batches_running(batches, files, gateway, keys, traffic),
            generations_running(settings, database, chats.store) as (generations, responses),
        ):
            parts = Parts(
                settings,
                host,
                traffic,
                deployments,
                gateway,
                catalog,
                adapters=Adapters(database, deployments, reconciler, settings.folder),
                autostarts=autostarts,
                keys=keys,
                sessions=sessions,
                jobs=jobs,
                registrations=registrations,
                caching=Caching(catalog, reconciler, jobs),
                downloads=reconciler.downloads,
                knowledge=knowledge,
                imports=imports,
                evaluations=evaluations,
                chats=chats,
                files=files,
                uploads=uploads,
                batches=batches,
                generations=generations,
                responses=responses,
                events=events,
                monitor=monitor,
            )
            yield Application(parts)
    finally:
        await _end(*reversed(tasks))
        await _close(chats, gateway, monitor, sessions, host, database, lock)


async def _close(
    chats: Chats,
    gateway: Gateway,
    monitor: Monitor,
    sessions: SessionStore,
    host: LocalHost,
    database: Database,
    lock: IO[str],
) -> None:
    """Close the parts of a server whose background tasks have ended."""
    await chats.close()
    await gateway.close()
    await monitor.close()
    await sessions.close()
    await asyncio.to_thread(PROCESSES.close)
    await host.close()
    await database.close()
    lock.close()


def _gateway(settings: Settings, traffic: Traffic, aliases: Aliases, keys: KeyStore) -> Gateway:
    """A gateway that knows the keys, and learns their changes."""
    gateway = Gateway(settings, traffic, aliases)
    gateway.admit(keys.access)
    keys.on_change = gateway.admit
    return gateway


async def _take_up(
    settings: Settings, database: Database, jobs: Jobs, reconciler: Reconciler
) -> tuple[BatchService, Imports, Evaluations]:
    """Register kinds of jobs, and continue the jobs that an earlier run of the server left unfinished."""
    batches = BatchService(settings, database, jobs)
    batches.register()
    engine_installs.register(jobs, settings.engines_folder)
    imports, evaluations = Imports(settings, jobs), Evaluations(database, jobs)
    await jobs.open(worked=frozenset(IndexingKind))
    await reconciler.downloads.adopt_records()
    return batches, imports, evaluations


async def _begin_all(
    reconciler: Reconciler,
    autostarts: Autostarts,
    keys: KeyStore,
    sessions: SessionStore,
    jobs: Jobs,
    events: EventFeed,
    monitor: Monitor,
) -> list[asyncio.Task[None]]:
    """Start the background tasks of a server."""
    await autostarts.prepare()
    return [
        _begin(reconciler.run(), "control loop", _control_loop_ended),
        _begin(autostarts.run(), "autostart", _autostart_ended),
        _begin(keys.run(), "keys", _keys_ended),
        _begin(sessions.run(), "sessions", _sessions_ended),
        _begin(jobs.run(), "jobs", _jobs_ended),
        _begin(events.run(), "events", _events_ended),
        _begin(monitor.run(), "monitor", _monitor_ended),
    ]


async def _end(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _opened(settings: Settings, aliases: Aliases) -> tuple[IO[str], Database, KeyStore]:
    """Open the home folder, the database and the keys of a server. Raises `CannotStart`."""
    queries.use(settings.hub, settings.offline)
    database = Database(settings.database)
    if database.reserve is not None:
        database.reserve.lend()
    lock = take_home(settings.folder)
    try:
        await finish_restore(settings)
        await database.open()
        return lock, database, await loaded_keys(settings, database, aliases)
    except (*TROUBLE, CannotStart) as error:
        await database.close()
        lock.close()
        raise CannotStart(error.message) from error


def _begin(
    work: Coroutine[Any, Any, None], name: str, ended: Callable[[asyncio.Task[None]], None]
) -> asyncio.Task[None]:
    """Start a background task of the server; `ended` is called when it ends."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(ended)
    return task


def _autostart_ended(task: asyncio.Task[None]) -> None:
    """Log an unexpected error; only the order and the retries of autostart are lost."""
    if not task.cancelled() and (error := task.exception()):
        log.error("autostart broke off", exc_info=error)


def _events_ended(task: asyncio.Task[None]) -> None:
    """Log an unexpected error; only the stream of events is lost."""
    if not task.cancelled() and (error := task.exception()):
        log.error("the stream of events broke off", exc_info=error)


def _monitor_ended(task: asyncio.Task[None]) -> None:
    """Log an unexpected error; only the figures of later seconds are lost."""
    if not task.cancelled() and (error := task.exception()):
        log.error("the recording of figures broke off", exc_info=error)


def _sessions_ended(task: asyncio.Task[None]) -> None:
    """Log an unexpected error; tokens are then renewed no more, and times of last use are not written."""
    if not task.cancelled() and (error := task.exception()):
        log.error("the upkeep of sessions broke off", exc_info=error)


def _keys_ended(task: asyncio.Task[None]) -> None:
    """End the server after an unexpected error, because revoked keys would stay valid without this task."""
    if not task.cancelled() and (error := task.exception()):
        log.critical("the watch over keys broke; the server ends", exc_info=error)
        os._exit(70)


def _jobs_ended(task: asyncio.Task[None]) -> None:
    """End the server after an unexpected error, because launches would wait for their downloads forever without this task."""
    if not task.cancelled() and (error := task.exception()):
        log.critical("the loop of jobs broke; the server ends", exc_info=error)
        os._exit(70)


async def load_registrations(
    settings: Settings, database: Database, catalog: Catalog, deployments: Deployments, gateway: Gateway
) -> Registrations:
    """Load the families that users registered into the catalog, and publish those that running models answer for."""
    files = RegistrationFiles(settings.folder / "registrations")
    registrations = Registrations(
        database, catalog, lambda: [view.desired.launch for view in deployments.views()], files
    )
    registrations.on_change = lambda: gateway.set_presets(registrations.presets())
    await registrations.load()
    return registrations


def _control_loop_ended(task: asyncio.Task[None]) -> None:
    """End the server after an unexpected error, because nothing would be started or stopped without the loop."""
    if not task.cancelled() and (error := task.exception()):
        log.critical("the control loop broke; the server ends", exc_info=error)
        os._exit(70)


def take_home(folder: Path) -> IO[str]:
    """Make the home folder private and lock it for this process until the returned file is closed."""
    try:
        private_home(folder)
        lock = open(folder / "server.lock", "a+", opener=lambda path, flags: os.open(path, flags, 0o600))  # noqa: SIM115
    except OSError as error:
        raise CannotStart(f"The home folder {folder} cannot be used: {reason(error)}. Set MODELYARD_HOME.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise CannotStart(
            f"Another server (process {holder}) uses the home folder {folder}; stop it, or set MODELYARD_HOME."
        ) from None
    except OSError as error:
        lock.close()
        raise CannotStart(f"The home folder {folder} cannot be written: {reason(error)}.") from error
    return lock
