"""Connects knowledge bases to the gateway: they use its models, and each base is a chat model of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence

from modelyard.api.absent_models import why_absent
from modelyard.api.knowledge_chat import RULES, knowledge_app
from modelyard.catalog.index import Catalog
from modelyard.core.access import BASE, INFERENCE, Grant
from modelyard.core.asgi import App
from modelyard.core.config import Settings
from modelyard.core.errors import CannotStart, ModelyardError
from modelyard.core.types import ModelType, ReplicaState, Route, Task
from modelyard.db.session import Database
from modelyard.gateway.app import Gateway
from modelyard.gateway.sender import Caller
from modelyard.jobs.service import Jobs
from modelyard.knowledge.evaluations.runs import Evaluations
from modelyard.knowledge.imports.imports import Imports
from modelyard.knowledge.indexing import kinds
from modelyard.knowledge.models import ServedModels
from modelyard.knowledge.service import KnowledgeService
from modelyard.web.base_access import models_of

log = logging.getLogger(__name__)

INTERNAL = Grant("knowledge", "knowledge bases", frozenset({INFERENCE}))
"""The grant of the server's own work, such as embedding documents. It may use every model, without limits."""


@contextlib.asynccontextmanager
async def knowledge_running(
    settings: Settings,
    database: Database,
    gateway: Gateway,
    catalog: Catalog,
    jobs: Jobs,
    imports: Imports,
    evaluations: Evaluations,
) -> AsyncIterator[KnowledgeService]:
    """Run knowledge bases and their indexing worker during the block.

    Raises `CannotStart` if the vector store cannot be used.
    """
    models = ServedModels(gateway.sender(Caller(INTERNAL, background=True)), rankers=gateway.rankers)
    knowledge = KnowledgeService(settings, database, models, gateway)
    knowledge.worker.held.absent = lambda name: why_absent(gateway, catalog, name, ModelType.EMBEDDING)
    kinds.register(jobs, knowledge.worker, knowledge.cancel)
    gateway.on_publish = knowledge.worker.models_changed
    app = knowledge_app(knowledge, lambda caller: models_of(gateway, models, caller))
    if settings.interfaces != "llm":
        knowledge.on_change = lambda names: gateway.set_apps(routes(app, names))
    try:
        await knowledge.open()
    except ModelyardError as error:
        raise CannotStart(f"The vector store '{settings.vector_store}' cannot be used: {error.message}") from error
    imports.connect(knowledge)
    evaluations.connect(knowledge)
    working = asyncio.create_task(knowledge.run(), name="knowledge jobs")
    working.add_done_callback(_ended)
    try:
        yield knowledge
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await knowledge.close()


def routes(app: App, names: Sequence[str]) -> dict[str, Route]:
    """A route for each base, as a chat model."""
    return {
        BASE + name: Route(
            name=BASE + name,
            uid=BASE + name,
            state=ReplicaState.READY,
            app=app,
            tasks=frozenset({Task.CHAT}),
            rules=RULES,
        )
        for name in names
    }


def _ended(task: asyncio.Task[None]) -> None:
    """Log an unexpected error of the worker: only indexing stops."""
    if not task.cancelled() and (error := task.exception()):
        log.critical("the knowledge worker failed; documents wait until the server is restarted", exc_info=error)
