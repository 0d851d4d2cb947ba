"""Shared by Chatchat's chats: the fields of their bodies, and `ChatTurn`, which asks a model with the caller's key."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import Request
from pydantic import Field, model_validator

from modelyard.compat.chatchat.base import caller_models, chat_model
from modelyard.compat.chatchat.streams import answer_text
from modelyard.core.access import Grant
from modelyard.knowledge.types import Models
from modelyard.protocol.bounds import Few
from modelyard.protocol.deferred import DeferredModel
from modelyard.web.deps import Parts

ROLES = {"ai": "assistant", "human": "user"}
TEMPERATURE = 0.7


class HistoryMessage(DeferredModel):
    """An earlier message: `{"role", "content"}`, or a list of the two."""

    role: str
    content: str

    @model_validator(mode="before")
    @classmethod
    def of_pair(cls, value: Any) -> Any:
        """Read a message that is a list of role and content."""
        if isinstance(value, (list, tuple)) and len(value) >= 2:
            return {"role": value[0], "content": value[1]}
        return value

    def openai_message(self) -> dict[str, str]:
        """Convert to OpenAI's form."""
        return {"role": ROLES.get(self.role, self.role), "content": self.content}


class ChatQuestion(DeferredModel):
    """The fields that all chats share."""

    query: str
    history: Few[HistoryMessage] = []
    stream: bool = False
    model_name: str | None = Field(None, description="If left out, any chat model that is ready.")
    temperature: float = Field(TEMPERATURE, ge=0, le=1)
    max_tokens: int | None = Field(None, description="0 or less means no limit.")
    prompt_name: str = "default"


class ChatTurn:
    """One question, the model that answers it, and the caller's grant.

    Raises `PermissionDenied` at once for a model that the key may not use.
    """

    def __init__(
        self, request: Request, parts: Parts, grant: Grant | None, body: ChatQuestion, model: str | None = None
    ) -> None:
        """`model` is used if the body names none."""
        self.parts = parts
        self.grant = grant
        self.body = body
        self._model = body.model_name or model
        self.models: Models = caller_models(parts, grant)
        if self._model and grant is not None:
            grant.check_model(self._model)

    def model(self) -> str:
        """Return the uid of the model that answers. Raises `InvalidParameter` if no chat model is ready."""
        return chat_model(self.parts, self.grant, self._model)

    def messages(self, prompt: str) -> list[dict[str, str]]:
        """Return the messages for the model: the history of the request, then a prompt."""
        return [*(each.openai_message() for each in self.body.history), {"role": "user", "content": prompt}]

    async def answer(self, messages: list[dict[str, str]]) -> AsyncGenerator[str]:
        """Yield the model's answer piece by piece. Raises the errors of the model's server."""
        body = self.body
        tokens = answer_text(self.models, self.model(), messages, body.temperature, body.max_tokens)
        async with aclosing(tokens) as pieces:
            async for piece in pieces:
                yield piece
