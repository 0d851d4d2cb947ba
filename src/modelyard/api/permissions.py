"""Which scope every management route takes. A route that is not listed is for administrators only; a test finds it missing."""

from __future__ import annotations

import re
from collections.abc import Mapping

from modelyard.core.access import ADMIN

ANYBODY = ""
"""The route answers without a key, too."""
ANY_KEY = "any"
"""Any key will do, whatever its scopes."""
METRICS = "monitor:view"

PERMISSIONS: Mapping[str, Mapping[str, str]] = {
    ANYBODY: {
        "/health": "GET",
        "/status": "GET",
        "/test_connection": "GET",
        "/token": "POST",
        "/v1/address": "GET",
        "/v1/auth/refresh": "POST",
        "/v1/cluster/auth": "GET",
        "/v1/cluster/ui_config": "GET",
    },
    ANY_KEY: {
        "/server/configs": "POST",
        "/server/get_prompt_template": "POST",
        "/server/list_search_engines": "POST",
        "/v1/jobs": "GET POST",
        "/v1/jobs/{}": "GET DELETE",
        "/v1/jobs/{}/cancel": "POST",
        "/v1/jobs/{}/events": "GET",
        "/v1/jobs/{}/logs": "GET",
        "/v1/jobs/{}/pause": "POST",
        "/v1/jobs/{}/resume": "POST",
        "/v1/auth/logout": "POST",
        "/v1/auth/me": "GET",
    },
    ADMIN: {
        "/v1/api-relaunches": "GET",
        "/v1/api-relaunches/{}": "GET",
        "/v1/api/relaunch": "POST",
        "/v1/cluster/info": "GET",
        "/v1/cluster/version": "GET",
        "/v1/clusters": "DELETE",
        "/v1/supervisor": "GET",
        "/v1/supervisor-relaunches": "GET",
        "/v1/supervisor-relaunches/{}": "GET",
        "/v1/supervisor/relaunch": "POST",
        "/v1/worker-relaunches": "GET",
        "/v1/worker-relaunches/{}": "GET",
        "/v1/workers": "GET",
        "/v1/workers/{}/relaunch": "POST",
    },
    METRICS: {
        "/metrics": "GET",
    },
    "models:list": {
        "/fastchat/{}/model_details": "POST",
        "/fastchat/{}/worker_get_status": "POST",
        "/get_worker_address": "POST",
        "/list_language_models": "POST",
        "/list_models": "POST",
        "/list_multimodal_models": "POST",
        "/llm_model/get_model_config": "POST",
        "/llm_model/list_config_models": "POST",
        "/llm_model/list_running_models": "POST",
        "/model_details": "POST",
        "/refresh_all_workers": "POST",
        "/v1/adapters": "GET",
        "/v1/autostart/models": "GET",
        "/v1/autostart/models/summary": "GET",
        "/v1/autostart/models/{}": "GET",
        "/v1/cluster/devices": "GET",
        "/v1/engines/{}": "GET",
        "/v1/engines/{}/{}": "GET",
        "/v1/model_registrations/{}": "GET",
        "/v1/model_registrations/{}/{}": "GET",
        "/v1/models": "GET",
        "/v1/models/estimate": "POST",
        "/v1/models/families": "GET",
        "/v1/models/instances": "GET",
        "/v1/models/prompts": "GET",
        "/v1/models/vllm-supported": "GET",
        "/v1/models/{}": "GET",
        "/v1/models/{}/reload/config": "GET",
        "/v1/models/{}/replicas": "GET",
        "/v1/models/{}/{}/versions": "GET",
        "/worker_get_status": "POST",
    },
    "models:read": {
        "/chat/agent_chat": "POST",
        "/chat/chat": "POST",
        "/chat/chat/completions": "POST",
        "/chat/feedback": "POST",
        "/chat/file_chat": "POST",
        "/chat/kb_chat": "POST",
        "/chat/knowledge_base_chat": "POST",
        "/chat/search_engine_chat": "POST",
        "/count_token": "POST",
        "/fastchat/{}/count_token": "POST",
        "/fastchat/{}/worker_generate": "POST",
        "/fastchat/{}/worker_generate_stream": "POST",
        "/fastchat/{}/worker_get_embeddings": "POST",
        "/knowledge_base/{}/{}/chat/completions": "POST",
        "/other/completion": "POST",
        "/other/embed_texts": "POST",
        "/v1/models/{}/events": "GET",
        "/v1/models/{}/progress": "GET",
        "/v1/models/{}/reload": "GET",
        "/v1/models/{}/requests/{}/abort": "POST",
        "/v1/requests/{}/progress": "GET",
        "/worker_generate": "POST",
        "/worker_generate_stream": "POST",
        "/worker_get_embeddings": "POST",
    },
    "models:write": {
        "/llm_model/change": "POST",
        "/llm_model/stop": "POST",
        "/release_worker": "POST",
        "/v1/autostart/models": "POST",
        "/v1/autostart/models/{}": "DELETE",
        "/v1/cache/models": "POST",
        "/v1/cache/models/{}/cancel": "POST",
        "/v1/downloads/{}": "DELETE",
        "/v1/downloads/{}/pause": "POST",
        "/v1/downloads/{}/resume": "POST",
        "/v1/load_lora_adapter": "POST",
        "/v1/models": "POST",
        "/v1/models/instance": "POST",
        "/v1/models/{}": "DELETE",
        "/v1/models/{}/cancel": "POST",
        "/v1/models/{}/reload": "POST",
        "/v1/models/{}/replicas": "POST",
        "/v1/models/{}/replicas/{}": "DELETE",
        "/v1/unload_lora_adapter": "POST",
    },
    "models:register": {
        "/v1/model_registrations/{}": "POST",
        "/v1/model_registrations/{}/{}": "DELETE",
    },
    "knowledge:read": {
        "/knowledge_base/download_doc": "GET",
        "/knowledge_base/kb_summary_api/summary_doc_ids_to_vector_store": "POST",
        "/knowledge_base/list_files": "GET",
        "/knowledge_base/list_knowledge_bases": "GET",
        "/knowledge_base/search_docs": "POST",
        "/knowledge_base/search_temp_docs": "POST",
        "/knowledge_base/upload_temp_docs": "POST",
        "/v1/conversations": "GET POST",
        "/v1/conversations/messages/{}/feedback": "POST",
        "/v1/conversations/{}": "GET PATCH DELETE",
        "/v1/conversations/{}/export": "GET",
        "/v1/conversations/{}/messages": "GET",
        "/v1/knowledge_bases": "GET",
        "/v1/knowledge_bases/answer": "POST",
        "/v1/knowledge_bases/formats": "GET",
        "/v1/knowledge_bases/search": "POST",
        "/v1/knowledge_bases/{}": "GET",
        "/v1/knowledge_bases/{}/answer": "POST",
        "/v1/knowledge_bases/{}/documents": "GET",
        "/v1/knowledge_bases/{}/documents/{}": "GET",
        "/v1/knowledge_bases/{}/documents/{}/chunks": "GET",
        "/v1/knowledge_bases/{}/documents/{}/content": "GET",
        "/v1/knowledge_bases/{}/documents/{}/text": "GET",
        "/v1/knowledge_bases/{}/jobs": "GET",
        "/v1/knowledge_bases/{}/jobs/{}": "GET",
        "/v1/knowledge_bases/{}/search": "POST",
    },
    "knowledge:write": {
        "/knowledge_base/create_knowledge_base": "POST",
        "/knowledge_base/delete_docs": "POST",
        "/knowledge_base/delete_knowledge_base": "POST",
        "/knowledge_base/kb_summary_api/recreate_summary_vector_store": "POST",
        "/knowledge_base/kb_summary_api/summary_file_to_vector_store": "POST",
        "/knowledge_base/recreate_vector_store": "POST",
        "/knowledge_base/update_docs": "POST",
        "/knowledge_base/update_docs_by_id": "POST",
        "/knowledge_base/update_info": "POST",
        "/knowledge_base/upload_docs": "POST",
        "/v1/conversations/import": "POST",
        "/v1/knowledge_bases": "POST",
        "/v1/knowledge_bases/{}": "PATCH DELETE",
        "/v1/knowledge_bases/{}/chunks/{}": "PATCH DELETE",
        "/v1/knowledge_bases/{}/documents": "POST",
        "/v1/knowledge_bases/{}/documents/delete": "POST",
        "/v1/knowledge_bases/{}/documents/index": "POST",
        "/v1/knowledge_bases/{}/documents/preview": "POST",
        "/v1/knowledge_bases/{}/documents/{}": "PATCH DELETE",
        "/v1/knowledge_bases/{}/documents/{}/chunks": "POST",
        "/v1/knowledge_bases/{}/documents/{}/preview": "POST",
        "/v1/knowledge_bases/{}/jobs/{}": "DELETE",
        "/v1/knowledge_bases/{}/reindex": "POST",
    },
    "cache:list": {
        "/v1/cache/models": "GET",
        "/v1/cache/models/files": "GET",
        "/v1/cache/models/{}/progress": "GET",
        "/v1/downloads": "GET",
    },
    "cache:delete": {
        "/v1/cache/models": "DELETE",
    },
    "virtualenv:list": {
        "/v1/virtualenvs": "GET",
        "/v1/virtualenvs/packages": "GET",
    },
    "virtualenv:delete": {
        "/v1/virtualenvs": "DELETE",
    },
    "logs:list": {
        "/v1/models/{}/logs": "GET",
    },
    "settings:read": {
        "/v1/cluster/system_settings": "GET",
    },
    "keys:create": {
        "/v1/admin/keys": "POST",
    },
    "keys:manage": {
        "/v1/admin/keys": "GET",
        "/v1/admin/keys/{}": "DELETE",
        "/v1/admin/keys/{}/rotate": "POST",
    },
    "users:manage": {
        "/v1/admin/users": "GET POST",
        "/v1/admin/users/{}": "DELETE",
    },
}
"""Scope → path → methods; `{}` stands for a part of the path that may be anything."""

SCOPE_OF: Mapping[tuple[str, str], str] = {
    (method, path): scope
    for scope, paths in PERMISSIONS.items()
    for path, methods in paths.items()
    for method in methods.split()
}


def scope_of(method: str, template: str) -> str | None:
    """The scope that a route takes, by its path as FastAPI spells it; None for a route that is not listed."""
    return SCOPE_OF.get((method, re.sub(r"\{[^}]*\}", "{}", template)))
