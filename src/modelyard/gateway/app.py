"""The gateway: a pure ASGI app that finds the replica, or the app of this process, that answers an inference request.

It reads only the last published route table: no database, no engine, no management routes. Requests from
inside this process, of apps behind the gateway and of background work, enter at `serve_inside`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from modelyard.core.access import INFERENCE, OWN_SCOPES, Access, Grant
from modelyard.core.aliases import Aliases
from modelyard.core.asgi import App, Headers, Receive, Scope, Send, replay
from modelyard.core.config import Settings
from modelyard.core.errors import (
    InternalError,
    InvalidKey,
    MethodNotAllowed,
    ModelyardError,
    PathNotFound,
    UpstreamFailed,
)
from modelyard.core.rules import Ignore, Refuse
from modelyard.core.traffic import Traffic
from modelyard.core.types import Preset, ReplicaState, Route, RouteTable, Task
from modelyard.gateway import lookup
from modelyard.gateway.apps import AppCall, arriving
from modelyard.gateway.asgi import OWN_FORM, ClientLeft, header, linger, send_error, send_options
from modelyard.gateway.chat_files import ReadFiles, has_files, no_files, with_texts
from modelyard.gateway.client import RequestClient, watched
from modelyard.gateway.defaults import with_defaults, with_presets
from modelyard.gateway.exchange import LEFT, Exchange
from modelyard.gateway.headers import request_id
from modelyard.gateway.middleware import access_log
from modelyard.gateway.middleware.limits import Allowance, Limits
from modelyard.gateway.middleware.meter import Meter
from modelyard.gateway.middleware.tally import Tallies
from modelyard.gateway.model_call import (
    DEPLOYMENT,
    ModelCall,
    check_content_type,
    json_call,
    read_body,
    read_call,
)
from modelyard.gateway.mounts import Mount, Mounts, MountStyle
from modelyard.gateway.old_functions import OldFunctions, is_old
from modelyard.gateway.open_requests import OpenRequests, names
from modelyard.gateway.paths import PATHS, InferencePath
from modelyard.gateway.rate_headers import rate_limits
from modelyard.gateway.relay import Relay, RelayRequest
from modelyard.gateway.sender import Caller, Sender
from modelyard.gateway.tracing import Span, Tracer
from modelyard.gateway.upstream import Pool

log = logging.getLogger(__name__)

JSON_HEADERS: Headers = [(b"content-type", b"application/json")]
"""The headers that a replica receives for a request from inside this process."""


class Gateway:
    """Serves the paths of `PATHS`, and mounted apps. Use it on one event loop; `publish` may be called there at any
    time."""

    def __init__(self, settings: Settings, traffic: Traffic, aliases: Aliases | None = None) -> None:
        self.on_publish: Callable[[], None] = lambda: None
        """Called after each change of the models' routes."""
        self.meter = Meter()
        self.tallies = Tallies()
        self.on_end: Callable[[Exchange], None] = lambda exchange: None
        """Called at the end of each request, successful or not."""
        self.tracer: Tracer | None = None
        """Begins the spans of requests; None if nothing is traced."""
        self.aliases = Aliases(settings.alias_rules) if aliases is None else aliases
        """What other names of models stand for, as of the present route table."""
        self.chat_input: Callable[[bytes], bytes | None] = lambda body: None
        """Translates a body of chats that has `input` in place of `messages`; None for other bodies."""
        self.launch_command: lookup.LaunchCommand = lookup.no_command
        """Names the command that launches a model which a request names and that does not run."""
        self._settings = settings
        self._table = self._models = self._published = RouteTable()
        self._presets: Sequence[Preset] = ()
        self._app_routes: Mapping[str, Route] = {}
        self.read_files: ReadFiles = no_files
        """Replaces the files in messages by their texts."""
        self.mounts = Mounts()
        """The apps of this process by path."""
        self._access = Access()
        self._keys: frozenset[str] = frozenset()
        """Ids of the valid keys and sessions, and of the grants of users."""
        self._limits = Limits()
        self._pool = Pool(settings.connect_timeout)
        self._open = OpenRequests()
        self._relay = Relay(settings, traffic, self._pool, self.tallies)

    def publish(self, table: RouteTable) -> None:
        """Use this table for new requests. Requests in progress keep their replica."""
        self._published, table = table, with_presets(table, self._presets)
        self._models = table
        self.aliases.publish({name: route.name for name, route in table.routes.items()})
        self._table = RouteTable({**self._app_routes, **table.routes}, table.version) if self._app_routes else table
        self.on_publish()

    def chats(self, grant: Grant | None = None) -> str | None:
        """The first ready chat model, by name, that a key may use; None if there is none."""
        return next(self._ready(Task.CHAT, grant), None)

    def rankers(self, grant: Grant | None = None) -> Sequence[str]:
        """The ready rerank models that a key may use, by name."""
        return list(self._ready(Task.RERANK, grant))

    def classifier(self, grant: Grant | None = None) -> str | None:
        """The first ready classifier, by name, that a key may use and that is not also a rerank model; None if there is none."""
        candidates = self._ready(Task.CLASSIFICATION, grant)
        return next((name for name in candidates if Task.RERANK not in self._models.routes[name].tasks), None)

    def _ready(self, task: Task, grant: Grant | None) -> Iterator[str]:
        """The ready models for a task that a key may use, by name."""
        for name, route in sorted(self._models.routes.items()):
            if route.endpoints and task in route.tasks and name == route.name and (grant is None or grant.sees(name)):
                yield name

    def route(self, name: str) -> Route | None:
        """The route of a model or knowledge base; for an alias, the route of its model."""
        return self._table.routes.get(name) or self._table.routes.get(self.aliases.model_of(name))

    def context_length(self, name: str) -> int | None:
        """Tokens of prompt and answer that a model takes at most; None if that is not known."""
        route = self._models.routes.get(name)
        return None if route is None else route.context_length

    def honours(self, name: str, task: Task, parameter: str) -> bool:
        """Whether the engine of a model is known to apply a parameter. False for models without parameter rules."""
        route = self.route(name)
        rule = None if route is None else route.rules.by_task.get(task, {}).get(parameter)
        return rule is not None and not isinstance(rule, Ignore | Refuse)

    def state(self, name: str) -> ReplicaState | None:
        """The state of a model, or of the model of an alias; READY if it has an endpoint, None if there is no such model."""
        route = self._models.routes.get(self.aliases.model_of(name))
        if route is None:
            return None
        return ReplicaState.READY if route.endpoints else route.state

    def count(self, grant: Grant | None) -> None:
        """Count a request of a management route that uses models, like a request to this gateway. Raises `RateLimited`."""
        if grant is not None:
            self._limits.begin(grant)

    def set_apps(self, routes: Mapping[str, Route]) -> None:
        """Publish routes to apps of this process, such as knowledge bases, replacing those of the previous call."""
        self._app_routes = routes
        self.publish(self._models)

    def set_presets(self, presets: Sequence[Preset]) -> None:
        """Publish these names of running models, which add defaults to requests, replacing those of the previous call."""
        self._presets = presets
        self.publish(self._published)

    def mount(
        self,
        path: str,
        app: App,
        methods: Sequence[str] = ("POST",),
        style: MountStyle | None = None,
        scope: str = INFERENCE,
    ) -> None:
        """Mount an app of this process at a path, or below it if it ends with `/`. Its requests need not name a model.

        They need a key with `scope`; those for inference are counted like other requests. The app uses models through `sender`,
        which refuses those that the key may not use.
        """
        self.mounts.add(path, Mount(app, methods, style or MountStyle(), scope))

    def sender(self, caller: Caller) -> Sender:
        """A sender of requests to models on behalf of a caller, from inside this process."""
        return Sender(self.serve_inside, caller)

    def check_inside(self, caller: Caller, path: str, body: bytes) -> None:
        """Raise the error with which a request from inside this process would be refused at once; sends nothing."""
        call = json_call(PATHS[path], body)
        route = lookup.find_for(self._table, self.aliases, call, caller.grant, self.launch_command)
        call = with_defaults(lookup.under_own_name(route, self.aliases, call), route, PATHS[path])
        lookup.check(route, PATHS[path].task, call)

    def admit(self, access: Access) -> None:
        """Use these keys for new requests. Answers in progress continue."""
        self._access = access
        grants = (*access.grants.values(), *access.users.values())
        self._keys = frozenset(grant.id for grant in grants) | access.sessions.by_id.keys()
        self._limits.keep({quota.id for grant in access.grants.values() for quota in grant.quotas})

    def abort(self, uid: str, request_id: str, grant: Grant | None, block_seconds: float = 0.0) -> bool:
        """Abort the requests with this id, and refuse the id for some time; returns whether there were any."""
        return self._open.abort(uid, request_id, grant, block_seconds)

    def handles(self, path: str) -> bool:
        """Whether the gateway answers at a path, for any method."""
        return path in PATHS or self.mounts.at(path) is not None

    async def close(self) -> None:
        """Close idle connections to replicas."""
        self._pool.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = scope["headers"]
        if scope["method"] == "OPTIONS" and self.handles(scope["path"]):
            await send_options(send, self.mounts.methods(scope["path"]), [(b"x-request-id", request_id(headers))])
            return
        exchange = Exchange(request_id(headers), scope["method"], scope["path"], time.monotonic())
        with self._counted(exchange, headers):
            try:
                await self._serve(exchange, scope, receive, send)
            except ClientLeft:
                exchange.status, exchange.outcome = LEFT, "left"
            except ModelyardError as error:
                await self._refuse(exchange, error, headers, receive, send)
            except Exception as error:  # the top of a request: an unexpected error is answered like any other
                log.exception("request %s failed", exchange.request_id.decode())
                if exchange.started_answer:
                    raise
                await self._refuse(exchange, InternalError(f"{type(error).__name__}: {error}"), headers, receive, send)

    async def serve_inside(self, caller: Caller, path: str, body: bytes, client: RequestClient, send: Send) -> None:
        """Answer a POST of JSON from inside this process.

        Raises `ClientLeft`, or a `ModelyardError` if nothing was sent or the answer was interrupted.
        """
        exchange = Exchange(caller.request_id or request_id([]), "POST", path, time.monotonic())
        exchange.body_read, exchange.bytes_in, exchange.grant = True, len(body), caller.grant
        exchange.inside, exchange.background = True, caller.background
        with self._counted(exchange, [], caller.span):
            try:
                grant = self._models_of(caller)
                call = json_call(self._path(exchange), body)
                scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": JSON_HEADERS}
                await self._answer(exchange, scope, call, grant, client, send)
            except ModelyardError as error:
                exchange.status = error.status
                raise
            finally:
                if client.left:
                    exchange.status, exchange.outcome = exchange.status or LEFT, "left"
            if exchange.outcome in ("broken", "aborted"):
                raise client.aborted or UpstreamFailed(exchange.model, "its answer was interrupted.")

    @contextmanager
    def _counted(self, exchange: Exchange, headers: Headers, parent: Span | None = None) -> Iterator[None]:
        """Count a request from its beginning to its end: in the metrics, for its key, in traces and in the access log."""
        self.meter.begin()
        if self.tracer is not None and not exchange.background:
            exchange.span = self.tracer.begin(headers, parent)
        try:
            yield
        finally:
            exchange.ended = time.monotonic()
            if exchange.tap:
                exchange.usage = exchange.tap.usage()
            if exchange.grant:
                self._limits.end(exchange.grant, exchange.usage.total)
            self.meter.end(exchange)
            self.tallies.end(exchange)
            self.on_end(exchange)
            if exchange.span is not None:
                exchange.span.end(exchange)
            if self._settings.access_log:
                access_log.write(exchange)

    async def _serve(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request from outside. The key and its limits are checked before the body is read."""
        mount = self._mount(exchange)
        path = None if mount is not None else self._path(exchange)
        headers, limit = scope["headers"], self._settings.max_body_bytes
        exchange.grant = grant = self._access.admit(headers, time.time())
        if grant is not None:
            needed = INFERENCE if mount is None else mount.scope
            grant.check(needed)
            if needed not in OWN_SCOPES:
                grant.check_all_models()
            if needed == INFERENCE and self._limits.begin(grant) and mount is None:
                exchange.limits = rate_limits(exchange.request_id, self._limits.allowances(grant))
        if path is not None:
            call = await read_call(path, exchange, headers, receive, limit, scope.get(DEPLOYMENT, ""), self.chat_input)
            with watched(receive) as client:
                await self._answer(exchange, scope, call, grant, client, send)
        elif mount is not None:
            if not mount.style.any_type:
                check_content_type(headers)
            await self._serve_mount(mount, exchange, scope, receive, send)

    async def _serve_mount(self, mount: Mount, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by an app at a path, which gets the whole body unless it reads the body itself."""
        style = mount.style
        head = style.head(exchange.request_id, self._allowances(exchange.grant))
        if style.streams:
            call = AppCall(mount.app, exchange, RequestClient(), send, style.errors, head, own_models=True)
            await call.run(scope, arriving(receive, exchange))
            return
        body = await read_body(scope["headers"], receive, self._settings.max_body_bytes)
        exchange.body_read, exchange.bytes_in = True, len(body)
        with watched(receive) as client:
            call = AppCall(mount.app, exchange, client, send, style.errors, head, own_models=True)
            await call.run(scope, replay(body))

    async def _answer(
        self, exchange: Exchange, scope: Scope, call: ModelCall, grant: Grant | None, client: RequestClient, send: Send
    ) -> None:
        """Answer by the route of the model. `grant` has the models that may be used; None for all."""
        route = lookup.find_for(self._table, self.aliases, call, grant, self.launch_command)
        exchange.model = route.name
        call = lookup.under_own_name(route, self.aliases, call)
        headers = scope["headers"]
        older = OldFunctions(send) if is_old(call) else None
        call = with_defaults(call, route, PATHS[exchange.path])
        lookup.check(route, PATHS[exchange.path].task, call)
        if older is not None:
            send, headers = older.send, [pair for pair in headers if pair[0] != b"accept-encoding"]
        with self._open.track(route.uid, names(exchange, call), client, exchange.grant):
            if has_files(call):
                call = await with_texts(self.read_files, call, PATHS[exchange.path], exchange.grant, client)
            if route.app is not None:  # the tokens are counted when the app sends requests to models
                self.tallies.begin(exchange)
                app = AppCall(route.app, exchange, client, send, head=exchange.limits)
                await app.run(scope, replay(call.body))
                return
            request = RelayRequest(exchange, route, call, scope["query_string"], headers)
            await self._relay.run(request, client, send)
            if older is not None:
                await older.close()

    def _models_of(self, caller: Caller) -> Grant | None:
        """The grant that limits the models of a request from inside; None for all. Checks callers that were not admitted."""
        if not caller.admitted:
            return self._admit_again(caller.grant)
        return caller.grant if caller.own_models else None

    def _allowances(self, grant: Grant | None) -> Sequence[Allowance]:
        return () if grant is None else self._limits.allowances(grant)

    def _admit_again(self, grant: Grant | None) -> Grant | None:
        """Check and count a further request of an admitted key. Raises `InvalidKey`, `PermissionDenied`, `RateLimited`."""
        if grant is None:
            return None
        if (grant.session or grant.id) not in self._keys or (
            grant.expires_at is not None and grant.expires_at <= time.time()
        ):
            raise InvalidKey("The API key was revoked, or has expired; or the session has ended.")
        grant.check(INFERENCE)
        self._limits.begin(grant)
        return grant

    async def _refuse(
        self, exchange: Exchange, error: ModelyardError, headers: Headers, receive: Receive, send: Send
    ) -> None:
        """Answer with an error. If the body is still being sent, it is read for a moment before the connection is closed."""
        exchange.status = error.status
        mount = self.mounts.at(exchange.path)
        form = OWN_FORM if mount is None else mount.style.errors
        head = rate_limits if mount is None else mount.style.head
        own = [(b"x-request-id", exchange.request_id)]
        own += head(exchange.request_id, self._allowances(exchange.grant))
        if isinstance(error, MethodNotAllowed):
            own.append((b"allow", ", ".join(self.mounts.methods(exchange.path)).encode()))
        sends = header(headers, b"content-length") not in (None, b"0") or header(headers, b"transfer-encoding")
        waits = header(headers, b"expect") is not None
        unread = bool(sends) and not exchange.body_read
        if unread:
            own.append((b"connection", b"close"))
        identity = exchange.request_id.decode()
        exchange.bytes_out = await send_error(send, error, own, unread and not waits, form, identity)
        exchange.first_byte = time.monotonic()
        if unread and not waits:
            await linger(receive, send)

    def _mount(self, exchange: Exchange) -> Mount | None:
        """The app mounted at a request's path, if there is one. Raises `MethodNotAllowed`."""
        mount = self.mounts.at(exchange.path)
        if mount is not None:
            exchange.known_path = True
            if not mount.takes(exchange.method):
                raise MethodNotAllowed(exchange.method, exchange.path, mount.methods)
        return mount

    def _path(self, exchange: Exchange) -> InferencePath:
        """The path's row in the table. Raises `PathNotFound` or `MethodNotAllowed`."""
        path = PATHS.get(exchange.path)
        if path is None:
            raise PathNotFound(exchange.method, exchange.path)
        exchange.known_path = True
        if exchange.method != path.method:
            raise MethodNotAllowed(exchange.method, exchange.path, [path.method])
        return path
