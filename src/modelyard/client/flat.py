"""Older names of calls, from before they were grouped by noun, such as `client.search_knowledge`."""

from __future__ import annotations

from modelyard.client.calls import CallGroup, S
from modelyard.client.resources.adapters import AdapterCalls
from modelyard.client.resources.cache import DownloadCalls
from modelyard.client.resources.cluster import ClusterCalls
from modelyard.client.resources.documents import DocumentCalls
from modelyard.client.resources.knowledge import KnowledgeCalls
from modelyard.client.resources.models import ModelCalls
from modelyard.client.resources.registrations import RegistrationCalls
from modelyard.client.resources.replicas import ReplicaCalls


class FlatNames(CallGroup[S]):
    """Calls of the groups under a single name each. New calls get no such name."""

    get_events = ModelCalls.events
    get_logs = ModelCalls.logs
    estimate_memory = ModelCalls.estimate
    add_replicas = ReplicaCalls.add
    remove_replica = ReplicaCalls.remove
    load_lora_adapter = AdapterCalls.load
    unload_lora_adapter = AdapterCalls.unload
    list_adapters = AdapterCalls.list
    get_prompts = RegistrationCalls.prompts
    get_families = RegistrationCalls.abilities
    list_downloads = DownloadCalls.list
    pause_download = DownloadCalls.pause
    resume_download = DownloadCalls.resume
    remove_download = DownloadCalls.remove
    health = ClusterCalls.health
    get_status = ClusterCalls.status
    get_cluster_version = ClusterCalls.version
    get_cluster_devices = ClusterCalls.devices
    is_auth_required = ClusterCalls.auth_required
    list_knowledge_bases = KnowledgeCalls.list
    create_knowledge_base = KnowledgeCalls.create
    describe_knowledge_base = KnowledgeCalls.describe
    configure_knowledge_base = KnowledgeCalls.configure
    delete_knowledge_base = KnowledgeCalls.delete
    reindex_knowledge_base = KnowledgeCalls.reindex
    knowledge_formats = KnowledgeCalls.formats
    search_knowledge = KnowledgeCalls.search
    ask_knowledge = KnowledgeCalls.ask
    stream_knowledge_answer = KnowledgeCalls.stream_answer
    list_knowledge_jobs = KnowledgeCalls.jobs
    get_knowledge_job = KnowledgeCalls.job
    follow_knowledge_job = KnowledgeCalls.follow_job
    cancel_knowledge_job = KnowledgeCalls.cancel_job
    upload_documents = DocumentCalls.upload
    list_documents = DocumentCalls.list
    delete_documents = DocumentCalls.delete
    index_documents = DocumentCalls.index
    get_document = DocumentCalls.get
    configure_document = DocumentCalls.configure
    document_content = DocumentCalls.content
    document_text = DocumentCalls.text
    preview_document = DocumentCalls.preview
    preview_file = DocumentCalls.preview_file
    get_document_chunks = DocumentCalls.chunks
    add_chunk = DocumentCalls.add_chunk
    edit_chunk = DocumentCalls.edit_chunk
    delete_chunk = DocumentCalls.delete_chunk
