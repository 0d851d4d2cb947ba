"""The apps behind Ollama's paths that make models: `/api/create`, `/api/copy`, and `/api/blobs/sha256:…`."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec

from modelyard.catalog.family import Family
from modelyard.core.access import Grant
from modelyard.core.asgi import Headers, Receive, Scope, Send
from modelyard.core.errors import InvalidParameter, NotFound
from modelyard.core.trust import Trust, counts_as_owner, trust_of
from modelyard.core.types import ModelType
from modelyard.dialects.audit import AuditedApp
from modelyard.dialects.calling import send_json
from modelyard.dialects.ollama.blobs import WeightBlobs
from modelyard.dialects.ollama.blueprint import derived
from modelyard.dialects.ollama.names import registered_name
from modelyard.dialects.ollama.origins import Origins, of_files
from modelyard.gateway.apps import caller_of
from modelyard.gateway.asgi import header
from modelyard.gateway.mounts import MountStyle
from modelyard.protocol.ollama import OllamaProgress
from modelyard.protocol.ollama_creation import OllamaCopyRequest, OllamaCreateRequest
from modelyard.protocol.requests import decode
from modelyard.web.deps import Parts

REGISTERING = "models:register"
BLOBS = "/api/blobs/"
QUANTIZE = "weights are not quantized here; send a file that is, such as one made by llama.cpp's llama-quantize."
GGUF = ".gguf"


class OllamaCreations:
    """Registers families by the fields of a Modelfile, and removes them."""

    def __init__(self, parts: Parts, origins: Origins, headers: Headers) -> None:
        """`headers` are those of a stream of lines."""
        self._parts = parts
        self._origins = origins
        self._headers = headers
        self._blobs = WeightBlobs(parts.settings.folder, parts.settings.max_blob_bytes)
        self._turn = asyncio.Lock()
        """Held while a family and its folder are made or removed, so that no sweep sees one without the other."""

    def mount(self, style: MountStyle) -> None:
        """Mount the apps at their paths."""
        gateway, audit = self._parts.gateway, self._parts.monitor.audit
        gateway.mount("/api/create", AuditedApp(self.create, "ollama.create", audit), ("POST",), style, REGISTERING)
        gateway.mount("/api/copy", AuditedApp(self.copy, "ollama.copy", audit), ("POST",), style, REGISTERING)
        streamed = MountStyle(style.errors, style.head, any_type=True, streams=True)
        gateway.mount(BLOBS, self.blob, ("HEAD", "POST"), streamed, REGISTERING)

    async def create(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/api/create`."""
        request = decode((await receive())["body"], OllamaCreateRequest)
        grant = caller_of(scope).grant
        trust = trust_of(grant, counts_as_owner(scope))
        async with aclosing(self._lines(request, grant, trust)) as lines:
            first = await anext(lines)  # errors have their status until a line is sent
            if request.stream is False:
                await send_json(send, [first, *[line async for line in lines]][-1])
                return
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
            await self._send_line(send, first)
            async for line in lines:
                await self._send_line(send, line)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def copy(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/api/copy`: a model of the same files under another name."""
        request = decode((await receive())["body"], OllamaCopyRequest)
        grant = caller_of(scope).grant
        trust = trust_of(grant, counts_as_owner(scope))
        new = OllamaCreateRequest(model=request.destination, from_=request.source)
        async with self._turn:
            kind, record = await self._origins.named(request.source, grant)
            await self._register(kind, derived(record, registered_name(request.destination), new, ()), trust)
        await send_json(send, OllamaProgress("success"))

    async def blob(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/api/blobs/sha256:…`: whether a file is here, or the file."""
        digest = str(scope["path"]).removeprefix(BLOBS)
        place = self._blobs.path(digest)
        here = await asyncio.to_thread(place.is_file)
        status = 200
        if scope["method"] == "HEAD":
            if not here:
                raise NotFound(f"There is no blob {digest}.")
        elif not here:
            announced = int(header(scope["headers"], b"content-length") or 0)
            await self._blobs.receive(digest, _parts_of(receive), announced)
            status = 201
        else:
            async for _ in _parts_of(receive):
                pass
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def delete(self, family: Family, trust: Trust) -> None:
        """Remove a family, and its folder if no other family uses it. Raises `RegistrationInUse`."""
        async with self._turn:
            await self._parts.autostarts.check_family(family.name, trust)
            await self._parts.registrations.unregister(family.type, family.name)
            await asyncio.to_thread(self._blobs.sweep, self._used_folders())

    async def _lines(
        self, request: OllamaCreateRequest, grant: Grant | None, trust: Trust
    ) -> AsyncGenerator[OllamaProgress]:
        """The lines of a creation. Raises what is wrong with it."""
        name = registered_name(_name_in(request))
        if request.quantize:
            raise InvalidParameter("quantize", QUANTIZE)
        async with self._turn:
            folder: Path | None = None
            try:
                files, adapters = _with_endings(request.files or {}), _with_endings(request.adapters or {})
                _check_names(files, adapters)
                if files or adapters:
                    field = "files" if files else "adapters"
                    folder = await asyncio.to_thread(self._blobs.folder_with, name, {**files, **adapters}, field)
                kind, parent = await self._parent(request, files, folder, grant)
                paths = [str(folder / file) for file in adapters] if folder else []
                record = derived(parent, name, request, paths)
                await self._parts.registrations.read(kind, record)
                yield OllamaProgress("parsing model data")
                await self._register(kind, record, trust)
                folder = None
                yield OllamaProgress("writing manifest")
            finally:
                if folder is not None:
                    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            await asyncio.to_thread(self._blobs.sweep, self._used_folders())
        yield OllamaProgress("success")

    async def _parent(
        self, request: OllamaCreateRequest, files: dict[str, str], folder: Path | None, grant: Grant | None
    ) -> tuple[ModelType, dict[str, Any]]:
        if request.from_ and files:
            raise InvalidParameter("files", "a model is made of 'files' or of 'from', not of both.")
        if request.from_:
            return await self._origins.named(request.from_, grant)
        if folder is None or not files:
            raise InvalidParameter("from", "the name of a model, or 'files', is required.")
        return await of_files(folder, files, self._parts)

    async def _register(self, kind: ModelType, record: dict[str, Any], trust: Trust) -> None:
        """Register a family in place of one that was registered before under its name. Raises the errors of both steps."""
        registrations, name = self._parts.registrations, str(record["model_name"])
        await self._parts.autostarts.check_family(name, trust)
        before = self._origins.registered(name)
        if before is None:
            await registrations.register(kind, record, persist=True)
            return
        await registrations.unregister(before.type, before.name)
        try:
            await registrations.register(kind, record, persist=True)
        except BaseException:
            await registrations.register(before.type, before.sent or {}, persist=True)
            raise

    def _used_folders(self) -> set[Path]:
        """The folders of `created` in which a registered family has files."""
        every = self._parts.catalog.registered()
        paths = [source.path for family in every for spec in family.specs for source in spec.src.values()]
        paths += [path for family in every for path in family.adapters]
        inside = [Path(path) for path in paths if path and Path(path).is_relative_to(self._blobs.created)]
        return {self._blobs.created / path.relative_to(self._blobs.created).parts[0] for path in inside}

    @staticmethod
    async def _send_line(send: Send, line: OllamaProgress) -> None:
        await send({"type": "http.response.body", "body": msgspec.json.encode(line) + b"\n", "more_body": True})


def _name_in(request: OllamaCreateRequest) -> str:
    if (name := request.model or request.name) is None:
        raise InvalidParameter("model", "it is required.")
    return name


def _check_names(files: Iterable[str], adapters: Iterable[str]) -> None:
    """Raise `InvalidParameter` for adapters that are none of llama.cpp, or that have the name of a file of the model."""
    for name in adapters:
        if not name.endswith(GGUF):
            raise InvalidParameter(
                "adapters", f"'{name}' is no .gguf file; llama.cpp's convert_lora_to_gguf.py makes one of an adapter."
            )
        if name in files:
            raise InvalidParameter("adapters", f"'{name}' is the name of a file of the model, too.")


def _with_endings(files: dict[str, str]) -> dict[str, str]:
    """File names; a single file without an ending is one of llama.cpp."""
    if len(files) == 1 and "." not in (name := next(iter(files))):
        return {name + GGUF: files[name]}
    return files


async def _parts_of(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        yield message.get("body", b"")
