"""Puts the chat template and the stops of a family's record over those of the model's files. Pure."""

from __future__ import annotations

from dataclasses import replace

from modelyard.catalog.family import Family
from modelyard.catalog.thinking import chat_abilities, thinking_key
from modelyard.core.types import Model, ModelType

TEMPLATE_ABILITIES = ("chat", "tools", "reasoning", "hybrid")
"""Abilities that a chat template decides."""


def with_family(model: Model, family: Family) -> Model:
    """A model as its files describe it, with the chat template and the stops of its family.

    A template of the family's own always rules. A prompt style rules in a record of the first generation, and elsewhere
    where the files have no template.
    """
    if family.type is not ModelType.LLM:
        return model
    model = replace(model, stop=tuple(family.stops), stop_token_ids=tuple(family.stop_ids))
    template = family.template
    if template is None or ("chat" in model.abilities and not family.rules_template):
        return model
    return replace(with_template(model, template), chat_template=template)


def with_template(model: Model, template: str) -> Model:
    """A model with the abilities that another chat template than its own gives it."""
    kept = [ability for ability in model.abilities if ability not in TEMPLATE_ABILITIES]
    return replace(
        model,
        abilities=tuple(dict.fromkeys([*kept, *chat_abilities(template)])),
        thinking_key=thinking_key(template),
    )
