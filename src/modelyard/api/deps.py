"""What a route handler may ask for: the parts that `api/app.py` made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from modelyard.catalog.index import Catalog
from modelyard.control.adapters import Adapters
from modelyard.control.autostart import Autostarts
from modelyard.control.caching import Caching
from modelyard.control.deployments import Deployments
from modelyard.control.downloads import Downloads
from modelyard.control.keys import Keys
from modelyard.control.registrations import Registrations
from modelyard.core.access import Grant
from modelyard.core.config import Settings
from modelyard.core.traffic import Traffic
from modelyard.gateway.app import Gateway
from modelyard.knowledge.service import Knowledge
from modelyard.runtime.base import Host


@dataclass(frozen=True, slots=True)
class Parts:
    """One server's parts."""

    settings: Settings
    host: Host
    traffic: Traffic
    deployments: Deployments
    gateway: Gateway
    catalog: Catalog
    adapters: Adapters = field(kw_only=True)
    autostarts: Autostarts = field(kw_only=True)
    keys: Keys = field(kw_only=True)
    caching: Caching = field(kw_only=True)
    downloads: Downloads = field(kw_only=True)
    registrations: Registrations = field(kw_only=True)
    knowledge: Knowledge = field(kw_only=True)


def parts(request: Request) -> Parts:
    """The parts of the server that got this request."""
    found: Parts = request.app.state.parts
    return found


def deployments(request: Request) -> Deployments:
    """The service behind all routes about models."""
    return parts(request).deployments


def adapters(request: Request) -> Adapters:
    """The service behind the routes about adapters."""
    return parts(request).adapters


def caching(request: Request) -> Caching:
    """The service behind the routes about the hubs' cache folders."""
    return parts(request).caching


def catalog(request: Request) -> Catalog:
    """Every family that can be launched by name."""
    return parts(request).catalog


def registrations(request: Request) -> Registrations:
    """The service behind the routes about families."""
    return parts(request).registrations


def knowledge(request: Request) -> Knowledge:
    """Knowledge bases, and what is done with them."""
    return parts(request).knowledge


def address(request: Request) -> str:
    """Where this server listens, as host and port: the address under which its client found it."""
    host, port = request.scope["server"]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def grant(request: Request) -> Grant | None:
    """What the key of this request allows; None where no key is asked for."""
    found: Grant | None = getattr(request.state, "grant", None)
    return found


TheGrant = Annotated[Grant | None, Depends(grant)]
TheAddress = Annotated[str, Depends(address)]
TheKnowledge = Annotated[Knowledge, Depends(knowledge)]
TheParts = Annotated[Parts, Depends(parts)]
TheAdapters = Annotated[Adapters, Depends(adapters)]
TheCatalog = Annotated[Catalog, Depends(catalog)]
TheRegistrations = Annotated[Registrations, Depends(registrations)]
TheCaching = Annotated[Caching, Depends(caching)]
TheDeployments = Annotated[Deployments, Depends(deployments)]
