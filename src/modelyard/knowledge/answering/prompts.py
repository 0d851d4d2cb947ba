"""Prompts: the Jinja templates that render a question and its sources as the message for a model.

A base may have its own templates. These come from users, so they are rendered in a separate process (`core/templates.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from modelyard.core.errors import InvalidParameter
from modelyard.core.templates import PROCESSES, TemplateProblem

if TYPE_CHECKING:
    from jinja2 import Template

ANSWER = """\
Answer the question from the sources below and from nothing else. Behind each statement write the number of its source in
brackets, as in [1]. If the sources do not hold the answer, say that you did not find it. Answer in the language of the question.

{% for source in sources %}[{{ loop.index }}] {{ source.document }}{% if source.page %}, page {{ source.page }}{% endif %}
{{ source.text }}

{% endfor %}Question: {{ question }}"""

EMPTY = """\
Nothing was found in the documents about this question:
{{ question }}"""

EXAMPLE: Mapping[str, Any] = {"document": "name.txt", "page": 1, "text": "text", "heading": ""}
"""A source for a test rendering of a template before it is stored."""

DEFAULTS: Mapping[str, str] = {"answer": ANSWER, "empty": EMPTY}
"""Name → template. `answer` gets `question`, `sources` and `context`; `empty` only `question`."""


@lru_cache(maxsize=len(DEFAULTS))
def _default(name: str) -> Template:
    """A template of ours. Jinja is imported here, because it takes 2 MB that a server whose bases are asked nothing saves."""
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(keep_trailing_newline=True).from_string(DEFAULTS[name])


async def check_prompts(prompts: Mapping[str, str]) -> None:
    """Render the templates of a base once. Raises `InvalidParameter` for an invalid or slow one and for an unknown name."""
    for name, template in prompts.items():
        if name not in DEFAULTS:
            raise InvalidParameter("prompts", f"'{name[:100]}' is none of {', '.join(DEFAULTS)}.")
        await _render(template, {"question": "?", "sources": [EXAMPLE], "context": "text"})


async def prompt(templates: Mapping[str, str], question: str, sources: Sequence[Mapping[str, Any]]) -> str:
    """Render the message for a question and its sources, or the one for no sources.

    Raises `InvalidParameter` if a base's template cannot be used.
    """
    name = "answer" if sources else "empty"
    context = "\n".join(str(source["text"]) for source in sources)
    values = {"question": question, "sources": list(sources), "context": context}
    if template := templates.get(name):
        return await _render(template, values)
    return _default(name).render(values)


async def _render(template: str, values: Mapping[str, Any]) -> str:
    try:
        return await PROCESSES.render(template, values)
    except TemplateProblem as problem:
        raise InvalidParameter("prompts", f"the template cannot be used: {str(problem).rstrip('.')}.") from None
