"""Errors about documents, knowledge bases and conversations, and about the tools and searches of agents."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.core.errors.base import BadRequest, Conflict, ModelyardError, NotFound, Unavailable, UpstreamFailed
from modelyard.core.errors.requests import BodyTooLarge
from modelyard.core.nearest import nearest


class DocumentUnreadable(BadRequest):
    """A file has no text that can be read: it is damaged, encrypted, scanned, or of an unsupported format."""

    code = "document_unreadable"

    problem = ""
    """The message without its beginning."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"Cannot read '{name}': {problem}")
        self.problem = problem
        self.param = "file"


class KnowledgeBaseNotFound(NotFound):
    """There is no knowledge base of this name."""

    code = "knowledge_base_not_found"

    def __init__(self, name: str, there: Sequence[str] = ()) -> None:
        near = nearest(name, there)
        hint = f" Did you mean '{near}'?" if near else ""
        super().__init__(f"There is no knowledge base '{name}'.{hint}")
        self.param = "knowledge_base"


class VectorStoreNotFound(NotFound):
    """The caller has no vector store of this id."""

    code = "vector_store_not_found"

    def __init__(self, name: str, param: str = "vector_store_id") -> None:
        super().__init__(f"There is no vector store '{name}'. GET /v1/vector_stores lists the stores of this key.")
        self.param = param


class StoreFileNotFound(NotFound):
    """A vector store has no such file."""

    code = "store_file_not_found"

    def __init__(self, name: str, store: str, param: str = "file_id") -> None:
        super().__init__(f"The vector store '{store}' has no file '{name}'.")
        self.param = param


class FileBatchNotFound(NotFound):
    """A vector store has no such batch of files."""

    code = "file_batch_not_found"

    def __init__(self, name: str, store: str) -> None:
        super().__init__(f"The vector store '{store}' has no batch of files '{name}'.")
        self.param = "batch_id"


class VectorStoreExpired(BadRequest):
    """The files of a vector store were deleted, because it was not used for as long as its owner had said."""

    code = "vector_store_expired"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The vector store '{name}' has expired and its files are deleted. Create another, or set `expires_after` to null."
        )
        self.param = "vector_store_id"


class DocumentNotFound(NotFound):
    """The knowledge base has no such document."""

    code = "document_not_found"

    def __init__(self, name: str, base: str) -> None:
        super().__init__(f"The knowledge base '{base}' has no document '{name}'.")
        self.param = "document"


class ChunkNotFound(NotFound):
    """The knowledge base has no such chunk; an edited chunk has a new id."""

    code = "chunk_not_found"

    def __init__(self, number: int, base: str) -> None:
        super().__init__(f"The knowledge base '{base}' has no chunk {number}; a chunk that was edited has a new id.")
        self.param = "chunk"


class EvaluationNotFound(NotFound):
    """The knowledge base has no such evaluation set, question or run."""

    code = "evaluation_not_found"

    def __init__(self, what: str, base: str) -> None:
        super().__init__(f"The knowledge base '{base}' has no evaluation {what}.")
        self.param = "set"


class PageNotFound(NotFound):
    """A document has no such page; only PDF documents have pages."""

    code = "page_not_found"

    def __init__(self, name: str, page: int = 0, pages: int = 0) -> None:
        if pages:
            problem = f"'{name}' has {pages} page{'' if pages == 1 else 's'}, and no page {page}."
        else:
            problem = (
                f"'{name}' has no pages that can be shown: only PDF documents have page images. Read its text instead."
            )
        super().__init__(problem)
        self.param = "page"


class JobNotFound(NotFound):
    """There is no such job."""

    code = "job_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no job '{name}'.")
        self.param = "job"


class ConversationNotFound(NotFound):
    """There is no such conversation or message, or it belongs to another owner."""

    code = "conversation_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no conversation or message '{name}'.")
        self.param = "conversation"


class ChatFolderNotFound(NotFound):
    """There is no such folder of chats, or it belongs to another owner."""

    code = "chat_folder_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no folder '{name}'; GET /v1/chat_folders lists them.")
        self.param = "folder"


class ChatTooLarge(BodyTooLarge):
    """A chat has too many messages, or they are too large."""

    code = "chat_too_large"

    def __init__(self, messages: int, size: int) -> None:
        ModelyardError.__init__(
            self,
            f"With this, the chat would have more than {messages:,} messages or {size >> 20} MiB, which are the limits of "
            "one chat. Delete branches that are no longer needed, or begin another chat.",
        )


class KnowledgeBaseExists(Conflict):
    """A knowledge base of this name exists already."""

    code = "knowledge_base_exists"

    def __init__(self, name: str) -> None:
        super().__init__(f"There already is a knowledge base '{name}'.")
        self.param = "name"


class KnowledgeBaseBusy(Conflict):
    """The knowledge base is being re-indexed, and the requested change has to wait until that is done."""

    code = "knowledge_base_busy"

    def __init__(self, name: str, job: str) -> None:
        super().__init__(
            f"The knowledge base '{name}' is being re-indexed (job {job}); wait for the job, or cancel it."
        )


class IndexUnavailable(Unavailable):
    """The indexes of a knowledge base are closed, in use by another process, or not writable."""

    code = "index_unavailable"

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"The index at {where} cannot be used: {problem}")


class AddressRefused(BadRequest):
    """A URL that this server does not fetch: its scheme or its host is not allowed."""

    code = "address_refused"

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"The address '{_short(url)}' is not fetched: {why}.")
        self.param = "url"


class FetchFailed(UpstreamFailed):
    """A file could not be fetched. The message states the conditions of a fetch instead of the cause, which would reveal whether
    a port is open or a host name exists; the server's log has the cause."""

    code = "fetch_failed"

    def __init__(self, url: str, conditions: str) -> None:
        ModelyardError.__init__(self, f"The address '{_short(url)}' could not be fetched: {conditions}.")


class SearchNotConfigured(BadRequest):
    """A search engine without an address or a key."""

    code = "search_not_configured"

    def __init__(self, engine: str, how: str) -> None:
        super().__init__(f"The search engine '{engine}' is not set up: {how}.")
        self.param = "search_engine"


class SearchFailed(UpstreamFailed):
    """A search engine refused the request, closed the connection or sent an invalid answer; the message quotes it."""

    code = "search_failed"

    def __init__(self, engine: str, problem: str) -> None:
        ModelyardError.__init__(self, f"The search engine '{engine}' failed: {problem}")


class ToolFailed(UpstreamFailed):
    """A tool of an agent failed."""

    code = "tool_failed"

    def __init__(self, tool: str, problem: str) -> None:
        ModelyardError.__init__(self, f"The tool '{tool}' failed: {problem}")


def _short(url: str) -> str:
    """A URL for an error message, shortened because some have millions of characters."""
    return url if len(url) <= 200 else f"{url[:200]}…"
