"""What a route handler may ask for: the parts that `api/app.py` made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from modelyard.control.deployments import Deployments
from modelyard.core.config import Settings
from modelyard.core.traffic import Traffic
from modelyard.gateway.app import Gateway
from modelyard.runtime.base import Host


@dataclass(frozen=True, slots=True)
class Parts:
    """One server's parts."""

    settings: Settings
    host: Host
    traffic: Traffic
    deployments: Deployments
    gateway: Gateway


def parts(request: Request) -> Parts:
    """The parts of the server that got this request."""
    found: Parts = request.app.state.parts
    return found


def deployments(request: Request) -> Deployments:
    """The service behind all routes about models."""
    return parts(request).deployments


TheParts = Annotated[Parts, Depends(parts)]
TheDeployments = Annotated[Deployments, Depends(deployments)]
