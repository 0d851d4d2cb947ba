"""What Chatchat's chats share: the fields of their bodies, and who answers, asked with the key of whoever asks."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import Request
from pydantic import BaseModel, Field, model_validator

from modelyard.api.base_access import models_for
from modelyard.api.chatchat.base import chat_model, served
from modelyard.api.chatchat.streams import said
from modelyard.api.deps import Parts
from modelyard.api.knowledge_views import readable
from modelyard.chats.tools.base import Tool
from modelyard.core.access import TOOLS, Grant
from modelyard.knowledge.types import Models
from modelyard.protocol.bounds import Few

ROLES = {"ai": "assistant", "human": "user"}
TEMPERATURE = 0.7


class History(BaseModel):
    """An earlier message: `{"role", "content"}`, or a list of the two."""

    role: str
    content: str

    @model_validator(mode="before")
    @classmethod
    def of_pair(cls, given: Any) -> Any:
        """The same of a list."""
        if isinstance(given, (list, tuple)) and len(given) >= 2:
            return {"role": given[0], "content": given[1]}
        return given

    def message(self) -> dict[str, str]:
        """As OpenAI has it."""
        return {"role": ROLES.get(self.role, self.role), "content": self.content}


class Chat(BaseModel):
    """What every chat is asked."""

    query: str
    history: Few[History] = []
    stream: bool = False
    model_name: str | None = Field(None, description="Left out: any chat model that runs.")
    temperature: float = Field(TEMPERATURE, ge=0, le=1)
    max_tokens: int | None = Field(None, description="0 and less are no limit.")
    prompt_name: str = "default"


class Talk:
    """One chat on its way. Raises `PermissionDenied` at once for a model that the key may not use."""

    def __init__(
        self, request: Request, parts: Parts, grant: Grant | None, body: Chat, model: str | None = None
    ) -> None:
        """`model` answers where the body names none."""
        self.parts = parts
        self.grant = grant
        self.body = body
        self._model = body.model_name or model
        self.models: Models = served(request, parts, grant)
        if self._model and grant is not None:
            grant.check_model(self._model)

    def model(self) -> str:
        """Who answers. Raises `InvalidParameter` where nobody chats."""
        return chat_model(self.parts, self.grant, self._model)

    def messages(self, prompt: str) -> list[dict[str, str]]:
        """What the model is told: the history as given, then a prompt."""
        return [*(each.message() for each in self.body.history), {"role": "user", "content": prompt}]

    async def said(self, messages: list[dict[str, str]]) -> AsyncGenerator[str]:
        """What the model says, piece by piece. Raises what the model's server raises."""
        body = self.body
        tokens = said(self.models, self.model(), messages, body.temperature, body.max_tokens)
        async with aclosing(tokens) as pieces:
            async for piece in pieces:
                yield piece


async def tools_for(parts: Parts, grant: Grant | None) -> list[Tool]:
    """The server's tools that a key may have used. Raises `InvalidParameter` and more for settings that are wrong."""
    bases = await readable(parts.knowledge, grant)
    outside = grant is None or grant.allows(TOOLS)
    return await parts.knowledge.toolbox.tools(bases, outside, models_for(parts, grant))
