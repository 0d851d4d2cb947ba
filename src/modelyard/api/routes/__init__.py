"""Every management router; a new noun is a file and a line here."""

from __future__ import annotations

from fastapi import APIRouter

from modelyard.api.routes import cluster, models

ROUTERS: tuple[APIRouter, ...] = (models.router, cluster.router)
