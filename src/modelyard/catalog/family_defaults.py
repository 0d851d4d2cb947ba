"""Applies the chat template, the stops and the defaults of a family's record to a model described by its files. Pure."""

from __future__ import annotations

from dataclasses import replace

from modelyard.catalog.family import Family
from modelyard.catalog.thinking import chat_abilities, thinking_key
from modelyard.core.types import Model, ModelType

TEMPLATE_ABILITIES = ("chat", "tools", "reasoning", "hybrid")
"""Abilities that depend on the chat template."""


def with_family(model: Model, family: Family) -> Model:
    """Apply a family's chat template, stops and defaults of requests to a model.

    A template of the family is always used. A prompt style is used if the record has version 1, or if the model's files have no
    template.
    """
    if family.type is not ModelType.LLM:
        return model
    model = replace(model, stop=tuple(family.stops), stop_token_ids=tuple(family.stop_ids), defaults=family.defaults)
    template = family.template
    if template is None or ("chat" in model.abilities and not family.rules_template):
        return model
    return replace(with_template(model, template), chat_template=template)


def with_template(model: Model, template: str) -> Model:
    """The model with another chat template, and the abilities that it gives."""
    kept = [ability for ability in model.abilities if ability not in TEMPLATE_ABILITIES]
    return replace(
        model,
        abilities=tuple(dict.fromkeys([*kept, *chat_abilities(template)])),
        thinking_key=thinking_key(template),
    )
