"""Every management router; a new noun is a file and a line here."""

from __future__ import annotations

from fastapi import APIRouter

from modelyard.api.routes import (
    adapters,
    autostart,
    cache,
    cluster,
    engines,
    keys,
    lifecycle,
    models,
    registrations,
    workers,
)

ROUTERS: tuple[APIRouter, ...] = (
    registrations.router,
    lifecycle.router,
    engines.router,
    models.router,
    autostart.router,
    workers.router,
    adapters.router,
    cluster.router,
    keys.router,
    cache.router,
)
"""A uid may hold `/`, so routers with longer paths below `/v1/models` stand before `models`."""
