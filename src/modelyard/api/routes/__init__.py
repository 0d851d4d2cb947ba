"""Every management router; a new noun is a file and a line here."""

from __future__ import annotations

from fastapi import APIRouter

from modelyard.api.chatchat import (
    agent_chat,
    chat,
    fastchat,
    filling,
    kb_chat,
    knowledge_base,
    server_state,
    sourced_chat,
    summaries,
    unified,
)
from modelyard.api.chatchat import models as llm_models
from modelyard.api.routes import (
    adapters,
    autostart,
    cache,
    cluster,
    conversations,
    documents,
    engines,
    jobs,
    keys,
    knowledge,
    lifecycle,
    models,
    registrations,
    workers,
)

ROUTERS: tuple[APIRouter, ...] = (
    registrations.router,
    lifecycle.router,
    engines.router,
    jobs.router,
    models.router,
    autostart.router,
    workers.router,
    adapters.router,
    cluster.router,
    keys.router,
    cache.router,
    knowledge.router,
    documents.router,
    conversations.router,
    knowledge_base.router,
    filling.router,
    llm_models.router,
    server_state.router,
    summaries.router,
    fastchat.router,
    chat.router,
    sourced_chat.router,
    agent_chat.router,
    kb_chat.router,
    kb_chat.completions,
    unified.router,
)
"""A uid may hold `/`, so routers with longer paths below `/v1/models` stand before `models`."""
