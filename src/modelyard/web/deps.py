"""Dependencies of route handlers: the parts of the server, which `api/app.py` creates.

Each is a coroutine, because FastAPI would run a plain function in a thread for each request.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from modelyard.batches.service import BatchService
from modelyard.catalog.index import Catalog
from modelyard.chats.service import Chats
from modelyard.control.adapters import Adapters
from modelyard.control.autostart import Autostarts
from modelyard.control.cache import Caching
from modelyard.control.deployments import Deployments
from modelyard.control.downloads import Downloads
from modelyard.control.keys import KeyStore
from modelyard.control.registrations import Registrations
from modelyard.control.sessions import SessionStore
from modelyard.core.access import Grant
from modelyard.core.config import Settings
from modelyard.core.traffic import Traffic
from modelyard.core.trust import Trust, counts_as_owner, trust_of
from modelyard.files.service import FileService
from modelyard.files.uploads import UploadService
from modelyard.gateway.app import Gateway
from modelyard.generations.service import Generations
from modelyard.jobs.service import Jobs
from modelyard.knowledge.evaluations.runs import Evaluations
from modelyard.knowledge.imports.imports import Imports
from modelyard.knowledge.service import KnowledgeService
from modelyard.monitor.service import Monitor
from modelyard.responses.service import Responses
from modelyard.runtime.base import Host
from modelyard.web.event_feed import EventFeed


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one server."""

    settings: Settings
    host: Host
    traffic: Traffic
    deployments: Deployments
    gateway: Gateway
    catalog: Catalog
    adapters: Adapters = field(kw_only=True)
    autostarts: Autostarts = field(kw_only=True)
    keys: KeyStore = field(kw_only=True)
    sessions: SessionStore = field(kw_only=True)
    jobs: Jobs = field(kw_only=True)
    caching: Caching = field(kw_only=True)
    downloads: Downloads = field(kw_only=True)
    registrations: Registrations = field(kw_only=True)
    knowledge: KnowledgeService = field(kw_only=True)
    imports: Imports = field(kw_only=True)
    evaluations: Evaluations = field(kw_only=True)
    chats: Chats = field(kw_only=True)
    files: FileService = field(kw_only=True)
    uploads: UploadService = field(kw_only=True)
    batches: BatchService = field(kw_only=True)
    generations: Generations = field(kw_only=True)
    responses: Responses = field(kw_only=True)
    events: EventFeed = field(kw_only=True)
    monitor: Monitor = field(kw_only=True)


async def parts(request: Request) -> Parts:
    """The parts of the server that received this request."""
    found: Parts = request.app.state.parts
    return found


async def deployments(request: Request) -> Deployments:
    """The service behind all routes about models."""
    return (await parts(request)).deployments


async def adapters(request: Request) -> Adapters:
    """The service behind the routes about adapters."""
    return (await parts(request)).adapters


async def caching(request: Request) -> Caching:
    """The service behind the routes about the hubs' cache folders."""
    return (await parts(request)).caching


async def catalog(request: Request) -> Catalog:
    """The catalog of families that can be launched by name."""
    return (await parts(request)).catalog


async def registrations(request: Request) -> Registrations:
    """The service behind the routes about families."""
    return (await parts(request)).registrations


async def knowledge(request: Request) -> KnowledgeService:
    """The service behind the routes about knowledge bases."""
    return (await parts(request)).knowledge


async def chats(request: Request) -> Chats:
    """The service behind the routes about conversations and agents."""
    return (await parts(request)).chats


async def files(request: Request) -> FileService:
    """The service behind the routes about files."""
    return (await parts(request)).files


async def uploads(request: Request) -> UploadService:
    """The service behind the routes about uploads in parts."""
    return (await parts(request)).uploads


async def batches(request: Request) -> BatchService:
    """The service behind the routes about batches."""
    return (await parts(request)).batches


async def generations(request: Request) -> Generations:
    """The service behind the routes about answers that outlive their client."""
    return (await parts(request)).generations


async def responses(request: Request) -> Responses:
    """The services behind the routes about stored responses and conversations."""
    return (await parts(request)).responses


async def address(request: Request) -> str:
    """Host and port of this server, as its client addressed it."""
    host, port = request.scope["server"]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def grant(request: Request) -> Grant | None:
    """The grant of this request's key; None if no key is required."""
    found: Grant | None = getattr(request.state, "grant", None)
    return found


async def trust(request: Request) -> Trust:
    """The caller's trust for launches. A caller without a key counts as the owner only if nobody else could connect."""
    found: Grant | None = getattr(request.state, "grant", None)
    return trust_of(found, counts_as_owner(request.scope))


TheTrust = Annotated[Trust, Depends(trust)]
TheGrant = Annotated[Grant | None, Depends(grant)]
TheAddress = Annotated[str, Depends(address)]
TheKnowledge = Annotated[KnowledgeService, Depends(knowledge)]
TheChats = Annotated[Chats, Depends(chats)]
TheFiles = Annotated[FileService, Depends(files)]
TheBatches = Annotated[BatchService, Depends(batches)]
TheGenerations = Annotated[Generations, Depends(generations)]
TheResponses = Annotated[Responses, Depends(responses)]
TheUploads = Annotated[UploadService, Depends(uploads)]
TheParts = Annotated[Parts, Depends(parts)]
TheAdapters = Annotated[Adapters, Depends(adapters)]
TheCatalog = Annotated[Catalog, Depends(catalog)]
TheRegistrations = Annotated[Registrations, Depends(registrations)]
TheCaching = Annotated[Caching, Depends(caching)]
TheDeployments = Annotated[Deployments, Depends(deployments)]
