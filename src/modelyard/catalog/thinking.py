"""Detects from a chat template whether a model supports tools and thinking, and the variable that switches thinking. Pure."""

from __future__ import annotations

import re

SWITCHES = ("enable_thinking", "thinking")
STATEMENT = re.compile(r"{%-?([^%}]*)%}")
"""A Jinja statement. Its content is searched in a second step, because one pattern for both would take quadratic time."""
THOUGHTS = ("<think>", "reasoning_content", "<|channel|>")


def thinking_key(template: str) -> str | None:
    """The template variable that switches thinking on and off, if there is one."""
    statements = "\n".join(STATEMENT.findall(template))
    for name in SWITCHES:
        if re.search(rf"(?<![\w.'\"]){name}\b(?!['\"])", statements):
            return name
    return None


def chat_abilities(template: str | None) -> tuple[str, ...]:
    """The abilities of a language model with this template."""
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
