"""A question of a chat with everything that its answer depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.chats.search_engines.base import SearchEngine
from modelyard.chats.tools.base import Tool
from modelyard.core.access import Grant
from modelyard.db.file_tables import FileRow
from modelyard.db.tables import KnowledgeBase
from modelyard.protocol.answers import AnswerMode


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatQuestionTurn:
    """A question to be answered in one mode, by one model, on behalf of one key."""

    mode: AnswerMode
    model: str | None
    """None for an answer from sources without a model."""
    messages: Sequence[Mapping[str, Any]]
    """The branch in OpenAI's form, from the system text to the question."""
    text: str
    """The text of the question."""
    parameters: Mapping[str, Any]
    grant: Grant | None
    bases: Sequence[KnowledgeBase] = ()
    files: Sequence[FileRow] = ()
    tools: Sequence[Tool] = ()
    engine: SearchEngine | None = None
    k: int = 5
    """Number of sources."""

    @property
    def history(self) -> list[dict[str, Any]]:
        """The messages before the question."""
        return [dict(each) for each in self.messages[:-1]]
