"""The door that inference requests come through: a pure ASGI app that finds the replica and lets bytes pass.

It reads the route table it was given and nothing else: no database, no engine, no management routes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from modelyard.core.access import INFERENCE, Access, Grant
from modelyard.core.config import Settings
from modelyard.core.errors import InternalError, MethodNotAllowed, ModelyardError, PathNotFound
from modelyard.core.traffic import Traffic
from modelyard.core.types import ReplicaState, Route, RouteTable, Task
from modelyard.gateway import lookup
from modelyard.gateway.asgi import ClientLeft, Headers, Receive, Scope, Send, header, linger, send_error, send_options
from modelyard.gateway.exchange import LEFT, Exchange
from modelyard.gateway.headers import request_id, with_caller
from modelyard.gateway.middleware import access_log
from modelyard.gateway.middleware.limits import Limits
from modelyard.gateway.middleware.meter import Meter
from modelyard.gateway.middleware.tokens import Tap
from modelyard.gateway.model_call import peek
from modelyard.gateway.paths import PATHS, Path
from modelyard.gateway.relay import Relay, Request
from modelyard.gateway.upstream import Pool

log = logging.getLogger(__name__)


class Gateway:
    """Serves the paths of `PATHS`. Everything runs on one event loop; `publish` may be called on it at any time."""

    wake: Callable[[str], None] | None = None
    """Called with a model's name when a request found it without a replica; the request itself gets its 503 at once."""

    def __init__(self, settings: Settings, traffic: Traffic) -> None:
        self.on_publish: Callable[[], None] = lambda: None
        """Called when other models answer than before."""
        self.meter = Meter()
        self._settings = settings
        self._table = self._models = RouteTable()
        self._others: Mapping[str, Route] = {}
        self._access = Access()
        self._limits = Limits()
        self._pool = Pool(settings.connect_timeout)
        self._relay = Relay(settings, traffic, self._pool)

    def publish(self, table: RouteTable) -> None:
        """Route by this table from now on. Requests under way keep the replica they have."""
        self._models = table
        self._table = RouteTable({**self._others, **table.routes}, table.version) if self._others else table
        self.on_publish()

    def chats(self, grant: Grant | None = None) -> str | None:
        """A model that answers to messages now, of those that a key may use, if there is one."""
        for name, route in sorted(self._models.routes.items()):
            if route.endpoints and Task.CHAT in route.tasks and (grant is None or grant.sees(name)):
                return name
        return None

    def state(self, name: str) -> ReplicaState | None:
        """The state of a model; READY where it answers, None where there is none of that name."""
        route = self._models.routes.get(name)
        if route is None:
            return None
        return ReplicaState.READY if route.endpoints else route.state

    def count(self, grant: Grant | None) -> None:
        """Count a request of a management route that asks models, as if it were one to this gateway. Raises `RateLimited`."""
        if grant is not None:
            self._limits.begin(grant)

    def serve_also(self, routes: Mapping[str, Route]) -> None:
        """Names that no model has: knowledge bases, which the server answers for itself."""
        self._others = routes
        self.publish(self._models)

    def admit(self, access: Access) -> None:
        """Let in by these keys from now on. Answers under way go on."""
        self._access = access
        self._limits.keep({quota.id for grant in access.grants.values() for quota in grant.quotas})

    def abort(self, uid: str, request_id: str, grant: Grant | None, block_seconds: float = 0.0) -> bool:
        """End the answers to requests of that name, and refuse the name for a while; whether there were any."""
        return self._relay.running.abort(uid, request_id, grant, block_seconds)

    def handles(self, path: str) -> bool:
        """Whether a path is ours, with whatever method."""
        return path in PATHS

    async def close(self) -> None:
        """Close idle connections to replicas."""
        self._pool.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = scope["headers"]
        if scope["method"] == "OPTIONS" and scope["path"] in PATHS:
            await send_options(send, allowed(PATHS[scope["path"]]), [(b"x-request-id", request_id(headers))])
            return
        exchange = Exchange(request_id(headers), scope["method"], scope["path"], time.monotonic())
        self.meter.begin()
        try:
            await self._serve(exchange, scope, receive, send)
        except ClientLeft:
            exchange.status, exchange.outcome = LEFT, "left"
        except ModelyardError as error:
            await self._refuse(exchange, error, headers, receive, send)
        except Exception as error:  # the top of a request: a defect of ours is answered like any error
            log.exception("request %s failed", exchange.request_id.decode())
            if exchange.started_answer:
                raise
            await self._refuse(exchange, InternalError(f"{type(error).__name__}: {error}"), headers, receive, send)
        finally:
            exchange.ended = time.monotonic()
            if exchange.grant and exchange.tap:
                self._limits.end(exchange.grant, exchange.tap.tokens())
            self.meter.end(exchange)
            if self._settings.access_log:
                access_log.write(exchange)

    async def _serve(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        """The whole way of a request. Who may ask, and how much, is decided before its body is read."""
        path = _path(exchange)
        exchange.grant = grant = self._access.admit(scope["headers"], time.time())
        if grant is not None:
            grant.check(INFERENCE)
            self._limits.begin(grant)
        peeked = await peek(path, exchange, scope["headers"], receive, self._settings.max_body_bytes)
        route = lookup.find_for(self._table, peeked, grant)
        if grant is not None and grant.counts_tokens:
            exchange.tap = Tap(exchange.bytes_in)
        exchange.model = route.name
        if not route.endpoints and self.wake:
            self.wake(route.name)
        lookup.check(route, path.task, peeked)
        headers = scope["headers"]
        if route.name in self._others:
            headers = with_caller(headers, grant)
        await self._relay.run(Request(exchange, route, peeked, scope["query_string"], headers), receive, send)

    async def _refuse(
        self, exchange: Exchange, error: ModelyardError, headers: Headers, receive: Receive, send: Send
    ) -> None:
        """Answer with an error. A client that still sends its body is heard out for a moment, then the connection closes."""
        exchange.status = error.status
        own = [(b"x-request-id", exchange.request_id)]
        if isinstance(error, MethodNotAllowed):
            own.append((b"allow", ", ".join(allowed(PATHS[exchange.path])).encode()))
        sends = header(headers, b"content-length") not in (None, b"0") or header(headers, b"transfer-encoding")
        waits = header(headers, b"expect") is not None
        unread = bool(sends) and not exchange.body_read
        if unread:
            own.append((b"connection", b"close"))
        exchange.bytes_out = await send_error(send, error, own, more=unread and not waits)
        exchange.first_byte = time.monotonic()
        if unread and not waits:
            await linger(receive, send)


def allowed(path: Path) -> list[str]:
    """The methods of a path, for `Allow`."""
    return ["OPTIONS", path.method]


def _path(exchange: Exchange) -> Path:
    """The row of the table; raises `PathNotFound` or `MethodNotAllowed`."""
    path = PATHS.get(exchange.path)
    if path is None:
        raise PathNotFound(exchange.method, exchange.path)
    if exchange.method != path.method:
        raise MethodNotAllowed(exchange.method, exchange.path, [path.method])
    return path
