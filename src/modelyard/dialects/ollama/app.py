"""The apps behind Ollama's paths."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec

from modelyard.core.access import Grant
from modelyard.core.asgi import Headers, Receive, Scope, Send
from modelyard.core.errors import ModelNotFound, ModelyardError
from modelyard.core.names import BASE
from modelyard.core.types import ModelType, ReplicaState, Task
from modelyard.dialects.calling import CHAT, COMPLETIONS, send_json, send_stream, whole_chat
from modelyard.dialects.ollama import listing
from modelyard.dialects.ollama.creating import OllamaCreations
from modelyard.dialects.ollama.listing import labelled
from modelyard.dialects.ollama.names import ModelLabel, launch_command, registered_name, resolved
from modelyard.dialects.ollama.origins import Origins
from modelyard.dialects.ollama.pulling import OllamaPulls, name_in
from modelyard.dialects.ollama.reply import LineSetting, LineWriter
from modelyard.dialects.ollama.request import (
    EngineAbilities,
    chat_body,
    completes,
    completion_body,
    generate_body,
)
from modelyard.gateway.apps import caller_of
from modelyard.gateway.asgi import ErrorForm
from modelyard.gateway.mounts import MountStyle, UnknownPaths
from modelyard.protocol.models import ModelInfo
from modelyard.protocol.ollama import (
    OllamaChatRequest,
    OllamaDescription,
    OllamaEmbedding,
    OllamaEmbeddings,
    OllamaEmbeddingsRequest,
    OllamaEmbedRequest,
    OllamaFailure,
    OllamaGenerateRequest,
    OllamaModel,
    OllamaModels,
    OllamaRequest,
    OllamaShowRequest,
    OllamaVersion,
)
from modelyard.protocol.requests import decode
from modelyard.web.deps import Parts
from modelyard.web.knowledge_views import knowledge_model
from modelyard.web.views import cached_model, models

VERSION = "0.13.5"
"""The version of Ollama whose API this is; clients refuse older ones."""
EMBEDDINGS = "/v1/embeddings"
LINES = b"application/x-ndjson"
LINE_HEADERS: Headers = [(b"content-type", LINES), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
KINDS = (ModelType.LLM, ModelType.EMBEDDING)
"""The types of models that Ollama has."""
READY = "READY"
LISTING = "models:list"
"""The scope for lists and descriptions of models."""


def failure(error: ModelyardError, identity: str) -> bytes:
    """An error in Ollama's form."""
    return msgspec.json.encode(OllamaFailure(error.message))


FORM = ErrorForm(failure, lambda error, identity: failure(error, identity) + b"\n", LINES, b"\n")
STYLE = MountStyle(errors=FORM, any_type=True)


class OllamaApi:
    """The apps. They translate requests to chat completions, completions and embeddings, which the gateway answers."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._gateway = parts.gateway
        self._origins = Origins(parts, self._running_model)

    def mount(self) -> None:
        """Mount the apps at their paths."""
        read = ("GET", "HEAD")
        self._gateway.mount("/api/chat", self.chat, style=STYLE)
        self._gateway.mount("/api/generate", self.generate, style=STYLE)
        self._gateway.mount("/api/embed", self.embed, style=STYLE)
        self._gateway.mount("/api/embeddings", self.embeddings, style=STYLE)
        self._gateway.mount("/api/show", self.show, style=STYLE, scope=LISTING)
        self._gateway.mount("/api/tags", self.tags, read, STYLE, LISTING)
        self._gateway.mount("/api/ps", self.running, read, STYLE, LISTING)
        self._gateway.mount("/api/version", self.version, read, STYLE, LISTING)
        self._gateway.mounts.add_unknown("/api/", UnknownPaths(STYLE))
        creations = OllamaCreations(self._parts, self._origins, LINE_HEADERS)
        creations.mount(STYLE)
        OllamaPulls(self._parts, self._origins, creations, LINE_HEADERS).mount(STYLE)

    async def chat(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/api/chat`."""
        began, data = time.time(), (await receive())["body"]
        request = decode(data, OllamaChatRequest)
        model = self._model(request.model, caller_of(scope).grant)
        writer = LineWriter(LineSetting(request.model, True, began, time.time))
        if not request.messages:
            await self._load(scope, send, request, model, writer)
            return
        await self._answer(scope, send, CHAT, chat_body(request, data, model, self._abilities(model)), writer)

    async def generate(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/api/generate`."""
        began, data = time.time(), (await receive())["body"]
        request = decode(data, OllamaGenerateRequest)
        model = self._model(request.model, caller_of(scope).grant)
        writer = LineWriter(LineSetting(request.model, False, began, time.time))
        if not request.prompt and not request.images and not request.suffix:
            await self._load(scope, send, request, model, writer)
        elif completes(request):
            await self._answer(scope, send, COMPLETIONS, completion_body(request, data, model), writer)
        else:
            await self._answer(scope, send, CHAT, generate_body(request, data, model, self._abilities(model)), writer)

    async def embed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/api/embed`."""
        began = time.time()
        request = decode((await receive())["body"], OllamaEmbedRequest)
        model = self._model(request.model, caller_of(scope).grant)
        body: dict[str, Any] = {"model": model, "input": request.input, "encoding_format": "float"}
        if request.dimensions is not None:
            body["dimensions"] = request.dimensions
        if request.truncate is not False and self._gateway.honours(model, Task.EMBEDDING, "truncate_prompt_tokens"):
            body["truncate_prompt_tokens"] = -1
        vectors, tokens = await self._vectors(scope, body) if request.input else ([], 0)
        found = OllamaEmbeddings(
            model=request.model,
            embeddings=vectors,
            total_duration=int((time.time() - began) * 1e9),
            load_duration=0,
            prompt_eval_count=tokens,
        )
        await send_json(send, found)

    async def embeddings(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/api/embeddings`."""
        request = decode((await receive())["body"], OllamaEmbeddingsRequest)
        model = self._model(request.model, caller_of(scope).grant)
        vectors: list[list[float]] = [[]]
        if request.prompt:
            body = {"model": model, "input": request.prompt, "encoding_format": "float"}
            vectors, _ = await self._vectors(scope, body)
        await send_json(send, OllamaEmbedding(vectors[0]))

    async def tags(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/api/tags`: what runs, knowledge bases, and what is on this machine."""
        grant = caller_of(scope).grant
        found = [listing.running(info) for info in self._infos(grant)]
        bases = [knowledge_model(base) for base in await self._parts.knowledge.bases.all()]
        found += [listing.base_model(base) for base in bases if grant is None or grant.sees(base.id)]
        if _sees_cache(grant):
            found += await self._idle()
        await send_json(send, OllamaModels(found))

    async def running(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/api/ps`: what runs."""
        infos = [info for info in self._infos(caller_of(scope).grant) if info.status == READY]
        await send_json(send, OllamaModels([listing.running(info, loaded=True) for info in infos]))

    async def version(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/api/version`."""
        await send_json(send, OllamaVersion(VERSION))

    async def show(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/api/show`."""
        name = name_in(decode((await receive())["body"], OllamaShowRequest))
        grant = caller_of(scope).grant
        if (about := await self._not_running(name, grant)) is not None:
            await send_json(send, about)
            return
        model = self._model(name, grant)
        if grant is not None:
            grant.check_model(model)
        found = next((info for info in self._infos(grant) if info.id == model), None)
        if found is None:
            raise self._not_found(name, grant)
        about, family = listing.description(found), self._origins.registered(name)
        await send_json(send, about if family is None else listing.with_family(about, family))

    async def _not_running(self, name: str, grant: Grant | None) -> OllamaDescription | None:
        """A knowledge base, or a model that only is on this machine, as `/api/tags` names them; None for others."""
        if name.startswith(BASE):
            bases = [knowledge_model(base) for base in await self._parts.knowledge.bases.all()]
            rows = [listing.base_model(base) for base in bases if grant is None or grant.sees(base.id)]
        elif self._gateway.route(name) is None and _sees_cache(grant):
            rows = await self._idle()
        else:
            return None
        family = self._origins.registered(name)
        names = (name, labelled(name), *([labelled(family.name)] if family else []))
        about = next((listing.listed(row) for row in rows if row.model in names), None)
        return about if about is None or family is None else listing.with_family(about, family)

    async def _idle(self) -> list[OllamaModel]:
        """What is on this machine and does not run: downloaded models and registered families."""
        entries = await self._parts.caching.entries()
        families = [
            family
            for kind in ModelType
            for family in self._parts.catalog.registered(kind)
            if self._gateway.route(family.name) is None
        ]

        def look() -> list[OllamaModel]:
            made = [row for row in map(listing.created, families) if row is not None]
            return [*made, *(listing.cached(cached_model(entry)) for entry in entries)]

        return await asyncio.to_thread(look)

    async def _answer(self, scope: Scope, send: Send, path: str, body: dict[str, Any], writer: LineWriter) -> None:
        sender = self._gateway.sender(caller_of(scope))
        if body.get("stream"):
            await send_stream(send, sender, body, writer, LINE_HEADERS, None, path)
        else:
            await send_json(send, writer.whole(await whole_chat(sender, body, path)))

    async def _load(self, scope: Scope, send: Send, request: OllamaRequest, model: str, writer: LineWriter) -> None:
        """Answer a request that asks for nothing: whether the model is there. Raises `ModelNotFound`."""
        grant = caller_of(scope).grant
        if grant is not None:
            grant.check_model(model)
        if self._gateway.route(model) is None:
            raise self._not_found(model, grant)
        reason = "unload" if request.keep_alive in (0, "0", "0s") else "load"
        await send_json(send, writer.loaded(reason))

    async def _vectors(self, scope: Scope, body: dict[str, Any]) -> tuple[list[list[float]], int]:
        answer = await self._gateway.sender(caller_of(scope))(EMBEDDINGS, msgspec.json.encode(body))
        try:
            found = msgspec.json.decode(await answer.body())
        finally:
            await answer.aclose()
        rows = sorted(found["data"], key=lambda row: int(row["index"]))
        return [row["embedding"] for row in rows], (found.get("usage") or {}).get("prompt_tokens", 0)

    def _infos(self, grant: Grant | None) -> list[ModelInfo]:
        """The models, adapters and aliases that a key may see."""
        aliases = self._gateway.aliases
        every = [info for view in self._parts.deployments.views() for info in models(view, aliases)]
        return [info for info in every if grant is None or grant.sees(info.id) or grant.sees(info.alias_of or info.id)]

    def _not_found(self, name: str, grant: Grant | None) -> ModelNotFound:
        infos = self._infos(grant)
        return ModelNotFound(name, [info.id for info in infos if info.status == READY], [info.id for info in infos])

    def _model(self, name: str, grant: Grant | None) -> str:
        """The model that Ollama's name means, of those that a key may use; the name itself if there is none.

        Raises `ModelNotFound`, with the launch command of a known family.
        """
        if (found := self._running_model(name, grant)) is not None:
            return found
        known = [each for kind in KINDS for each in self._parts.catalog.names(kind)]
        if (command := launch_command(name, known)) is not None:
            raise ModelNotFound.launchable(name, command)
        return name

    def _running_model(self, name: str, grant: Grant | None) -> str | None:
        """The running model that Ollama's name means, of those that a key may use; None if there is none."""
        for given in (name, registered_name(name)):
            if self._gateway.route(given) is not None:
                return given
        views = self._parts.deployments.views()
        labels = [
            ModelLabel(view.desired.uid, model.name, model.size_in_billions, model.quantization)
            for view in sorted(views, key=lambda view: view.state is not ReplicaState.READY)
            for model in [view.desired.launch.model]
            if grant is None or grant.sees(view.desired.uid)
        ]
        return resolved(name, labels)

    def _abilities(self, model: str) -> EngineAbilities:
        return EngineAbilities(self._gateway.honours(model, Task.CHAT, "reasoning_effort"))


def _sees_cache(grant: Grant | None) -> bool:
    """Whether a key may see what was downloaded, as `GET /v1/cache/models` decides it."""
    return grant is None or (grant.allows("cache:list") and grant.models is None)
