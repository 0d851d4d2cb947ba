"""Reads from a chat template whether a model takes tools and thinks, and the name of its thinking switch. Pure."""

from __future__ import annotations

import re

SWITCHES = ("enable_thinking", "thinking")
STATEMENT = re.compile(r"{%-?([^%}]*)%}")
"""A statement of Jinja. Its content is searched in a second step: one pattern for both would take quadratic time."""
THOUGHTS = ("<think>", "reasoning_content", "<|channel|>")


def thinking_key(template: str) -> str | None:
    """The variable that turns thoughts on and off, if the template has one."""
    statements = "\n".join(STATEMENT.findall(template))
    for name in SWITCHES:
        if re.search(rf"(?<![\w.'\"]){name}\b(?!['\"])", statements):
            return name
    return None


def chat_abilities(template: str | None) -> tuple[str, ...]:
    """Abilities of a language model with this template."""
    if not template:
        return ("generate",)
    found = ["generate", "chat"]
    if re.search(r"\btools\b", template):
        found.append("tools")
    switch = thinking_key(template)
    if switch or any(mark in template for mark in THOUGHTS):
        found.append("reasoning")
    if switch:
        found.append("hybrid")
    return tuple(found)
