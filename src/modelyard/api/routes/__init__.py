"""All management routers; a new noun is a file and a line here."""

from __future__ import annotations

from modelyard.api.routes import (
    adapters,
    answers,
    autostart,
    batches,
    cache,
    catalog,
    chat_folders,
    chats,
    cluster,
    conversations,
    documents,
    engines,
    evaluations,
    events,
    files,
    generations,
    hubs,
    imports,
    jobs,
    keys,
    knowledge,
    logs,
    metrics,
    models,
    pages,
    registrations,
    responses,
    server,
    sessions,
    uploads,
    vector_store_files,
    vector_stores,
)
from modelyard.compat import constants
from modelyard.compat.chatchat import (
    agent_chat,
    chat,
    kb_chat,
    knowledge_base,
    server_state,
    sourced_chat,
    summaries,
    unified,
)
from modelyard.compat.chatchat import models as llm_models
from modelyard.compat.chatchat import uploads as chatchat_uploads
from modelyard.compat.fastchat import routes as fastchat
from modelyard.compat.xinference import lifecycle, virtualenvs, workers
from modelyard.web.router import ManagementRoute, Router

ROUTERS: tuple[Router, ...] = (
    constants.router,
    registrations.router,
    catalog.router,
    hubs.router,
    lifecycle.router,
    engines.router,
    jobs.router,
    events.router,
    models.router,
    autostart.router,
    workers.router,
    virtualenvs.router,
    adapters.router,
    cluster.router,
    server.router,
    metrics.router,
    logs.router,
    keys.router,
    sessions.router,
    cache.router,
    knowledge.router,
    imports.router,
    evaluations.router,
    documents.router,
    pages.router,
    chats.router,
    answers.router,
    chat_folders.router,
    files.router,
    uploads.router,
    vector_stores.router,
    vector_store_files.router,
    batches.router,
    generations.router,
    responses.router,
    conversations.router,
    knowledge_base.router,
    chatchat_uploads.router,
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
"""A uid may contain `/`, so routers with longer paths below `/v1/models` come before `models`."""

ROUTES: tuple[ManagementRoute, ...] = tuple(route for router in ROUTERS for route in router.routes)
"""Every management route, in the order in which they are tried."""
