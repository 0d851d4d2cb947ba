"""What both clients can do with knowledge bases; each call is one line here and one function in `resources/`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.client.calls import async_call, async_stream_call, call, stream_call
from modelyard.client.resources import conversations, documents, knowledge
from modelyard.client.resources.documents import BATCH_NAMES, Document, batches, name_of, upload_batch
from modelyard.core.errors import BodyTooLarge, InvalidParameter

Answer = dict[str, Any]
Details = Mapping[str, Any] | None


class KnowledgeCalls:
    """The part of `Client` that is about knowledge bases."""

    list_knowledge_bases = call(knowledge.list_knowledge_bases)
    create_knowledge_base = call(knowledge.create_knowledge_base)
    describe_knowledge_base = call(knowledge.describe_knowledge_base)
    configure_knowledge_base = call(knowledge.configure_knowledge_base)
    delete_knowledge_base = call(knowledge.delete_knowledge_base)
    reindex_knowledge_base = call(knowledge.reindex_knowledge_base)
    knowledge_formats = call(knowledge.knowledge_formats)
    search_knowledge = call(knowledge.search_knowledge)
    ask_knowledge = call(knowledge.ask_knowledge)
    stream_knowledge_answer = stream_call(knowledge.stream_knowledge_answer)
    list_knowledge_jobs = call(knowledge.list_knowledge_jobs)
    get_knowledge_job = call(knowledge.get_knowledge_job)
    follow_knowledge_job = stream_call(knowledge.follow_knowledge_job)
    cancel_knowledge_job = call(knowledge.cancel_knowledge_job)
    list_documents = call(documents.list_documents)
    delete_documents = call(documents.delete_documents)
    index_documents = call(documents.index_documents)
    get_document = call(documents.get_document)
    configure_document = call(documents.configure_document)
    document_content = call(documents.document_content)
    document_text = call(documents.document_text)
    preview_document = call(documents.preview_document)
    preview_file = call(documents.preview_file)
    get_document_chunks = call(documents.get_document_chunks)
    add_chunk = call(documents.add_chunk)
    edit_chunk = call(documents.edit_chunk)
    delete_chunk = call(documents.delete_chunk)
    list_conversations = call(conversations.list_conversations)
    create_conversation = call(conversations.create_conversation)
    get_conversation = call(conversations.get_conversation)
    rename_conversation = call(conversations.rename_conversation)
    get_conversation_messages = call(conversations.get_conversation_messages)
    delete_conversation = call(conversations.delete_conversation)
    export_conversation = call(conversations.export_conversation)
    import_conversations = call(conversations.import_conversations)
    send_feedback = call(conversations.send_feedback)

    def upload_documents(
        self: Any,
        base: str,
        files: Sequence[Document],
        metadata: Details = None,
        chunking: Details = None,
        modified_at: float | None = None,
        index: bool = True,
    ) -> Answer:
        """Bring documents, in requests of at most 20 files and 50 MB; one whose bytes are there already costs nothing.

        A file is a path, or a name with bytes or a path. `data` has the documents, `job` what indexes them, `failed` the
        reason for each that was not taken. Raises `InvalidParameter` for a path that cannot be read.
        """
        known: Answer = {"data": [], "job": None, "failed": {}}
        portions = list(batches(files))
        for batch in portions:
            at_once = index and len(portions) == 1
            try:
                answer = self.send(upload_batch(base, batch, metadata, chunking, modified_at, at_once))
            except (BodyTooLarge, InvalidParameter) as error:
                _refused(known, batch, len(files), error)
            else:
                _add(known, answer)
        if index and len(portions) > 1:
            for names in _names(known):
                known["job"] = self.send(documents.index_documents(base, names))
        return known


class AsyncKnowledgeCalls:
    """The part of `AsyncClient` that is about knowledge bases."""

    list_knowledge_bases = async_call(knowledge.list_knowledge_bases)
    create_knowledge_base = async_call(knowledge.create_knowledge_base)
    describe_knowledge_base = async_call(knowledge.describe_knowledge_base)
    configure_knowledge_base = async_call(knowledge.configure_knowledge_base)
    delete_knowledge_base = async_call(knowledge.delete_knowledge_base)
    reindex_knowledge_base = async_call(knowledge.reindex_knowledge_base)
    knowledge_formats = async_call(knowledge.knowledge_formats)
    search_knowledge = async_call(knowledge.search_knowledge)
    ask_knowledge = async_call(knowledge.ask_knowledge)
    stream_knowledge_answer = async_stream_call(knowledge.stream_knowledge_answer)
    list_knowledge_jobs = async_call(knowledge.list_knowledge_jobs)
    get_knowledge_job = async_call(knowledge.get_knowledge_job)
    follow_knowledge_job = async_stream_call(knowledge.follow_knowledge_job)
    cancel_knowledge_job = async_call(knowledge.cancel_knowledge_job)
    list_documents = async_call(documents.list_documents)
    delete_documents = async_call(documents.delete_documents)
    index_documents = async_call(documents.index_documents)
    get_document = async_call(documents.get_document)
    configure_document = async_call(documents.configure_document)
    document_content = async_call(documents.document_content)
    document_text = async_call(documents.document_text)
    preview_document = async_call(documents.preview_document)
    preview_file = async_call(documents.preview_file)
    get_document_chunks = async_call(documents.get_document_chunks)
    add_chunk = async_call(documents.add_chunk)
    edit_chunk = async_call(documents.edit_chunk)
    delete_chunk = async_call(documents.delete_chunk)
    list_conversations = async_call(conversations.list_conversations)
    create_conversation = async_call(conversations.create_conversation)
    get_conversation = async_call(conversations.get_conversation)
    rename_conversation = async_call(conversations.rename_conversation)
    get_conversation_messages = async_call(conversations.get_conversation_messages)
    delete_conversation = async_call(conversations.delete_conversation)
    export_conversation = async_call(conversations.export_conversation)
    import_conversations = async_call(conversations.import_conversations)
    send_feedback = async_call(conversations.send_feedback)

    async def upload_documents(
        self: Any,
        base: str,
        files: Sequence[Document],
        metadata: Details = None,
        chunking: Details = None,
        modified_at: float | None = None,
        index: bool = True,
    ) -> Answer:
        """The async twin of `Client.upload_documents`; files are read in a thread."""
        known: Answer = {"data": [], "job": None, "failed": {}}
        portions = await asyncio.to_thread(lambda: list(batches(files)))
        for batch in portions:
            at_once = index and len(portions) == 1
            try:
                request = await asyncio.to_thread(upload_batch, base, batch, metadata, chunking, modified_at, at_once)
                answer = await self.send(request)
            except (BodyTooLarge, InvalidParameter) as error:
                _refused(known, batch, len(files), error)
            else:
                _add(known, answer)
        if index and len(portions) > 1:
            for names in _names(known):
                known["job"] = await self.send(documents.index_documents(base, names))
        return known


def _add(known: Answer, answer: Answer) -> None:
    known["data"] += answer["data"]
    known["failed"] |= answer["failed"]
    known["job"] = answer["job"] or known["job"]


def _refused(known: Answer, batch: Sequence[Document], count: int, error: BodyTooLarge | InvalidParameter) -> None:
    """A single file among many that was refused is noted; anything else is raised."""
    if count == 1 or len(batch) != 1:
        raise error
    known["failed"][name_of(batch[0])] = error.message


def _names(known: Answer) -> list[list[str]]:
    names = [each["name"] for each in known["data"]]
    return [names[start : start + BATCH_NAMES] for start in range(0, len(names), BATCH_NAMES)]
