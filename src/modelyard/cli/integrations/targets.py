"""Finds the model that a program is pointed at, and checks that the program can work with it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelyard.cli.integrations.setup import KeySource, Program, Target
from modelyard.core.errors import BadRequest, NotFound
from modelyard.core.names import BASE

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.types import ModelDict

USUAL_CONTEXT = 32_768
ELSEWHERE = "external"
"""The engine of models whose context and abilities the server does not know."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the caller chose. `model` is a uid, an alias or `kb:NAME`; `context` is in tokens."""

    model: str | None = None
    context: int | None = None
    address: str | None = None


def find_target(client: Client, program: Program, choice: Choice, key: KeySource) -> Target:
    """The model that was chosen, or the first running one that the program can work with.

    Raises `NotFound` if there is none, and `BadRequest`, with both numbers, if its context is too small for the program.
    """
    url = choice.address or client.base_url
    if choice.model is None or not choice.model.startswith(BASE):
        info = client.models.describe(choice.model) if choice.model else _first(client, program, choice)
        context = _checked(info, program, choice)
        return Target(url, choice.model or info["id"], context, _tools(info), "vision" in info["model_ability"], key)
    chat_model = client.knowledge.describe(choice.model.removeprefix(BASE))["chat_model"]
    # A base that names no model is answered by the first one by name, as the server's `Gateway.chats` takes it.
    info = client.models.describe(chat_model) if chat_model else min(_chat_models(client), key=lambda each: each["id"])
    return Target(url, choice.model, _checked(info, program, choice), tools=False, key=key)


def _first(client: Client, program: Program, choice: Choice) -> ModelDict:
    """The first running model that the program can work with, or else the first that chats, whose check says what it lacks."""
    chats = _chat_models(client)
    return next((each for each in chats if not _problem(each, program, choice)), chats[0])


def _chat_models(client: Client) -> list[ModelDict]:
    """The running models that chat, without their aliases. Raises `NotFound` if there is none."""
    chats = [
        each
        for each in client.models.list().values()
        if each["status"] == "READY" and "chat" in each["model_ability"] and not each.get("alias_of")
    ]
    if not chats:
        raise NotFound("No chat model is running; start one with `modelyard launch demo`.")
    return chats


def _checked(info: ModelDict, program: Program, choice: Choice) -> int | None:
    """The context of a model that the program can work with."""
    if problem := _problem(info, program, choice):
        raise BadRequest(problem)
    return choice.context or info.get("context_length")


def _problem(info: ModelDict, program: Program, choice: Choice) -> str | None:
    """Why the program cannot work with a model."""
    context, is_base = (
        choice.context or info.get("context_length"),
        bool(choice.model and choice.model.startswith(BASE)),
    )
    name = f"'{info['id']}', which answers for '{choice.model}'," if is_base else f"'{info['id']}'"
    if "chat" not in info["model_ability"]:
        return f"'{info['id']}' is a model of type {info['model_type']} without chat, and {program.title} needs a chat model."
    if program.needs_tools and not is_base and not _tools(info):
        return f"{name} cannot call tools, and {program.title} works with tools; name a model that can with --model."
    if context and context < program.least_context:
        cure = "name another one with --model"
        if choice.model is not None and is_base:
            base = shlex.quote(choice.model.removeprefix(BASE))
            cure = f"let another one answer: `modelyard kb configure {base} --chat-model UID`"
        return (
            f"{name} has a context of {context:,} tokens, and {program.title} needs at least {program.least_context:,}; "
            f"launch it with `--context-length {USUAL_CONTEXT}` if it was trained for that many, or {cure}."
        )
    return None


def _tools(info: ModelDict) -> bool:
    """Whether a model calls tools. Of models elsewhere it is not known, and most do."""
    return "tools" in info["model_ability"] or info.get("model_engine") == ELSEWHERE
