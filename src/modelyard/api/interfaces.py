"""Which interfaces a server has: all, without its web page, or those of models only. See the setting `interfaces`."""

from __future__ import annotations

from modelyard.core.config import Settings
from modelyard.core.errors import ModelyardError, NotFound

NOT_OF_MODELS = (
    *("/v1/knowledge_bases", "/v1/chats", "/v1/chat_folders", "/v1/vector_stores", "/v1/conversations"),
    *("/chat", "/knowledge_base", "/llm_model", "/server", "/other"),
)
"""Beginnings of the paths of knowledge bases, stored chats, and Langchain-Chatchat's API server."""
PAGE = ("/ui",)


class Interfaces:
    """Refuses paths of interfaces that the server does not have."""

    def __init__(self, settings: Settings) -> None:
        self._chosen = settings.interfaces
        self._closed = {"all": (), "api": PAGE, "llm": (*PAGE, *NOT_OF_MODELS)}[settings.interfaces]

    @property
    def page(self) -> bool:
        """Whether the server has its web page."""
        return self._chosen == "all"

    def refusal(self, path: str) -> ModelyardError | None:
        """The error of a path, or None for one that the server has."""
        if any(path == beginning or path.startswith(f"{beginning}/") for beginning in self._closed):
            what = "models only (--llm-api)" if self._chosen == "llm" else "no page (--all-api)"
            return NotFound(
                f"There is no {path} here: this server has {what}; MODELYARD_INTERFACES=all opens the rest."
            )
        return None
