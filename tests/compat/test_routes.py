"""Routes of other systems: each stays where their clients look for it, asks for one permission, takes one kind of body."""

from __future__ import annotations

import pytest

from modelyard.api.routes import ROUTES
from modelyard.core.access import ADMIN
from modelyard.web.router import ANY_KEY, ANYBODY, BodyKind

OURS = [route for route in ROUTES if route.endpoint.__module__.startswith("modelyard.compat.")]

SCOPES = {
    ANYBODY: {
        "GET /status",
        "GET /test_connection",
        "GET /v1/address",
        "GET /v1/cluster/ui_config",
    },
    ADMIN: {
        "DELETE /v1/clusters",
        "GET /v1/api-relaunches",
        "GET /v1/api-relaunches/{operation}",
        "GET /v1/supervisor",
        "GET /v1/supervisor-relaunches",
        "GET /v1/supervisor-relaunches/{operation}",
        "GET /v1/worker-relaunches",
        "GET /v1/worker-relaunches/{operation}",
        "GET /v1/workers",
        "POST /v1/api/relaunch",
        "POST /v1/supervisor/relaunch",
        "POST /v1/workers/{worker}/relaunch",
    },
    ANY_KEY: {
        "POST /server/configs",
        "POST /server/get_prompt_template",
        "POST /server/list_search_engines",
    },
    "knowledge:read": {
        "GET /knowledge_base/download_doc",
        "GET /knowledge_base/list_files",
        "GET /knowledge_base/list_knowledge_bases",
        "POST /knowledge_base/kb_summary_api/summary_doc_ids_to_vector_store",
        "POST /knowledge_base/search_docs",
        "POST /knowledge_base/search_temp_docs",
        "POST /knowledge_base/upload_temp_docs",
    },
    "knowledge:write": {
        "POST /knowledge_base/create_knowledge_base",
        "POST /knowledge_base/delete_docs",
        "POST /knowledge_base/delete_knowledge_base",
        "POST /knowledge_base/kb_summary_api/recreate_summary_vector_store",
        "POST /knowledge_base/kb_summary_api/summary_file_to_vector_store",
        "POST /knowledge_base/recreate_vector_store",
        "POST /knowledge_base/update_docs",
        "POST /knowledge_base/update_docs_by_id",
        "POST /knowledge_base/update_info",
        "POST /knowledge_base/upload_docs",
    },
    "models:list": {
        "GET /v1/models/instances",
        "GET /v1/models/vllm-supported",
        "GET /v1/models/{model_type}/{model_name:path}/versions",
        "GET /v1/models/{uid:path}/reload/config",
        "POST /fastchat/{uid:path}/model_details",
        "POST /fastchat/{uid:path}/worker_get_status",
        "POST /get_worker_address",
        "POST /list_language_models",
        "POST /list_models",
        "POST /list_multimodal_models",
        "POST /llm_model/get_model_config",
        "POST /llm_model/list_config_models",
        "POST /llm_model/list_running_models",
        "POST /model_details",
        "POST /refresh_all_workers",
        "POST /worker_get_status",
    },
    "models:read": {
        "GET /v1/models/{uid:path}/reload",
        "GET /v1/requests/{request_id}/progress",
        "POST /chat/agent_chat",
        "POST /chat/chat",
        "POST /chat/chat/completions",
        "POST /chat/feedback",
        "POST /chat/file_chat",
        "POST /chat/kb_chat",
        "POST /chat/knowledge_base_chat",
        "POST /chat/search_engine_chat",
        "POST /count_token",
        "POST /fastchat/{uid:path}/count_token",
        "POST /fastchat/{uid:path}/worker_generate",
        "POST /fastchat/{uid:path}/worker_generate_stream",
        "POST /fastchat/{uid:path}/worker_get_embeddings",
        "POST /knowledge_base/{mode}/{param}/chat/completions",
        "POST /other/completion",
        "POST /other/embed_texts",
        "POST /worker_generate",
        "POST /worker_generate_stream",
        "POST /worker_get_embeddings",
    },
    "models:write": {
        "POST /llm_model/change",
        "POST /llm_model/stop",
        "POST /release_worker",
        "POST /v1/models/instance",
        "POST /v1/models/{uid:path}/reload",
    },
    "settings:read": {
        "GET /v1/cluster/system_settings",
    },
    "virtualenv:delete": {
        "DELETE /v1/virtualenvs",
    },
    "virtualenv:list": {
        "GET /v1/virtualenvs",
        "GET /v1/virtualenvs/packages",
    },
}
"""Permission → the routes that ask for it."""

BODIES = {
    BodyKind.TEXT: {
        "/chat/agent_chat",
        "/chat/chat",
        "/chat/chat/completions",
        "/chat/file_chat",
        "/chat/kb_chat",
        "/chat/knowledge_base_chat",
        "/chat/search_engine_chat",
        "/count_token",
        "/fastchat/{uid:path}/count_token",
        "/fastchat/{uid:path}/worker_generate",
        "/fastchat/{uid:path}/worker_generate_stream",
        "/fastchat/{uid:path}/worker_get_embeddings",
        "/knowledge_base/delete_docs",
        "/knowledge_base/kb_summary_api/summary_doc_ids_to_vector_store",
        "/knowledge_base/update_docs",
        "/knowledge_base/update_docs_by_id",
        "/knowledge_base/{mode}/{param}/chat/completions",
        "/other/completion",
        "/other/embed_texts",
        "/worker_generate",
        "/worker_generate_stream",
        "/worker_get_embeddings",
    },
    BodyKind.DOCUMENTS: {
        "/knowledge_base/upload_docs",
        "/knowledge_base/upload_temp_docs",
    },
}
"""Kind of body → the paths that take such bodies; every other one takes settings and names."""

REFUSES = {
    "GET /v1/api-relaunches/{operation}",
    "GET /v1/models/{uid:path}/reload",
    "GET /v1/models/{uid:path}/reload/config",
    "GET /v1/requests/{request_id}/progress",
    "GET /v1/supervisor-relaunches/{operation}",
    "GET /v1/worker-relaunches/{operation}",
    "POST /v1/api/relaunch",
    "POST /v1/models/{uid:path}/reload",
    "POST /v1/supervisor/relaunch",
    "POST /v1/workers/{worker}/relaunch",
}
"""Routes of things that this server does not have."""


@pytest.mark.parametrize("scope", SCOPES)
def test_routes_of_other_systems_ask_for_their_permission(scope: str) -> None:
    assert {f"{route.method} {route.path}" for route in OURS if route.scope == scope} == SCOPES[scope]


def test_no_route_of_other_systems_has_another_permission() -> None:
    assert {route.scope for route in OURS} == set(SCOPES)
    assert len({(route.method, route.path) for route in OURS}) == len(OURS)


@pytest.mark.parametrize("kind", BodyKind)
def test_bodies_of_other_systems_are_of_their_kind(kind: BodyKind) -> None:
    found = {route.path for route in OURS if route.body is kind}
    assert found == BODIES.get(kind, set()) or kind is BodyKind.ORDINARY


def test_routes_that_only_refuse_are_known() -> None:
    assert {f"{route.method} {route.path}" for route in OURS if route.refuses} == REFUSES
    assert [route.path for route in OURS if route.waits] == ["/v1/models/instance"]
