"""The apps behind Ollama's paths that fetch and delete models: `/api/pull`, `/api/delete` and `/api/push`."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from modelyard.catalog.index import not_found
from modelyard.core.access import Grant, Owner
from modelyard.core.asgi import Headers, Receive, Scope, Send
from modelyard.core.errors import BadRequest, Conflict, InternalError, InvalidParameter, ModelNotFound, ModelyardError
from modelyard.core.names import BASE
from modelyard.core.trust import counts_as_owner, trust_of
from modelyard.dialects.audit import AuditedApp
from modelyard.dialects.calling import send_json
from modelyard.dialects.ollama import listing
from modelyard.dialects.ollama.creating import REGISTERING, OllamaCreations
from modelyard.dialects.ollama.names import family_of, quantization_in, size_in, split
from modelyard.dialects.ollama.origins import ADVICE, HUB, Origins
from modelyard.gateway.apps import caller_of
from modelyard.gateway.mounts import MountStyle
from modelyard.jobs.types import JobEvent, JobState
from modelyard.protocol.cache import CachedModel, CacheRequest
from modelyard.protocol.ollama import OllamaModelRequest, OllamaProgress, OllamaPullRequest
from modelyard.protocol.requests import decode
from modelyard.web.deps import Parts
from modelyard.web.views import cached_model

WRITING, DELETING = "models:write", "cache:delete"
PROGRESS = "progress"


class OllamaPulls:
    """Fetches models into the cache of the hubs, as jobs, and deletes them there."""

    def __init__(self, parts: Parts, origins: Origins, creations: OllamaCreations, headers: Headers) -> None:
        """`headers` are those of a stream of lines."""
        self._parts = parts
        self._origins = origins
        self._creations = creations
        self._headers = headers

    def mount(self, style: MountStyle) -> None:
        """Mount the apps at their paths."""
        gateway = self._parts.gateway
        audit = self._parts.monitor.audit
        gateway.mount("/api/pull", AuditedApp(self.pull, "ollama.pull", audit), ("POST",), style, WRITING)
        gateway.mount("/api/push", self.push, ("POST",), style, WRITING)
        gateway.mount("/api/delete", AuditedApp(self.delete, "ollama.delete", audit), ("DELETE",), style, DELETING)

    async def pull(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/api/pull`."""
        request = decode((await receive())["body"], OllamaPullRequest)
        name = name_in(request)
        job: str | None = None
        if self._parts.gateway.route(name) is None and self._parts.gateway.route(split(name)[0]) is None:
            download = cache_request(name, self._parts.catalog.names())
            job = await self._parts.caching.submit(download, Owner.of(caller_of(scope).grant))
        if request.stream is False:
            async with aclosing(self._lines(name, job)) as lines:
                last = [line async for line in lines][-1]
            await send_json(send, last)
            return
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        async with aclosing(self._lines(name, job)) as lines:
            async for line in lines:
                data = msgspec.json.encode(line) + b"\n"
                await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def push(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/api/push`, which is refused."""
        raise BadRequest("Models are not published by this server; use the hub's own program.")

    async def delete(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/api/delete`: a registered family with what was uploaded for it, or the files of a model that does not run."""
        name, grant = name_in(decode((await receive())["body"], OllamaModelRequest)), caller_of(scope).grant
        if (family := self._origins.registered(name)) is not None:
            if grant is not None:
                grant.check(REGISTERING)
            await self._creations.delete(family, trust_of(grant, counts_as_owner(scope)))
            await send_json(send, OllamaProgress("success"))
            return
        entries = await self._parts.caching.entries()
        cached = await asyncio.to_thread(lambda: [cached_model(entry) for entry in entries])
        found = next((entry for entry in cached if _is_named(entry, name)), None)
        if found is None:
            raise self._undeletable(name, cached, grant)
        await self._parts.caching.remove(found.model_version)
        await send_json(send, OllamaProgress("success"))

    def _undeletable(self, name: str, cached: list[CachedModel], grant: Grant | None) -> ModelyardError:
        """Why there are no files of a name to delete."""
        if name.startswith(BASE):
            command = f"modelyard kb delete {shlex.quote(name.removeprefix(BASE))}"
            return Conflict(f"'{name}' is a knowledge base; `{command}` deletes it with its documents.")
        if (uid := self._origins.running(name, grant)) is not None:
            return Conflict(
                f"Model '{name}' is running from files that are not in the cache, and a running model is not deleted; "
                f"`modelyard terminate {shlex.quote(uid)}` ends it."
            )
        return ModelNotFound.on_machine(name, [listing.cached(entry).name for entry in cached])

    async def _lines(self, name: str, job: str | None) -> AsyncGenerator[OllamaProgress]:
        """The lines of a pull. Raises why the download failed."""
        yield OllamaProgress("pulling manifest")
        if job is not None:
            digest, line = f"sha256:{listing.digest(name)}", None
            async for event in self._parts.jobs.follow(job):
                if (new := progress_line(event, digest)) is not None:
                    yield (line := new)
            ended = await self._parts.jobs.get(job)
            if ended.state is not JobState.DONE:
                raise ended.error or InternalError(f"The download of '{name}' was {ended.state}.")
            if line is not None and line.completed != line.total:
                yield msgspec.structs.replace(line, completed=line.total)
        yield OllamaProgress("success")


def progress_line(event: JobEvent, digest: str) -> OllamaProgress | None:
    """The line of a job's progress; None for other events."""
    if event.type != PROGRESS or not event.data.get("total"):
        return None
    total, done = int(event.data["total"]), int(event.data.get("done") or 0)
    return OllamaProgress(f"pulling {digest[7:19]}", digest, total, done)


def name_in(request: OllamaModelRequest) -> str:
    """The model that a request names, under either name of the field. Raises `InvalidParameter`."""
    if (name := request.model or request.name) is None:
        raise InvalidParameter("model", "it is required.")
    return name


def cache_request(name: str, families: list[str]) -> CacheRequest:
    """The download of a name: of a family of the catalog, or of a repository of a hub. Raises `NotFound`."""
    repository, _, tag = name.removeprefix(HUB).partition(":")
    if "/" in repository and not repository.startswith("library/"):
        return CacheRequest(model_name=repository, quantization=None if tag in ("", "latest") else tag)
    base, tag = split(name)
    if (family := family_of(base, families)) is None:
        raise not_found(name, None, families, ADVICE)
    size, quantization = size_in(tag), quantization_in(tag)
    return CacheRequest(model_name=family, model_size_in_billions=size, quantization=quantization)


def _is_named(entry: CachedModel, name: str) -> bool:
    own = (entry.model_name, entry.model_id)
    names = (listing.cached(entry).name, *own, *(f"{each}:latest" for each in own))
    return name.removeprefix(HUB) in names
