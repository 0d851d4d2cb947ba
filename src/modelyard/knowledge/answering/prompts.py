"""The message that a model gets for a question: Jinja templates, of which a base may bring its own.

Our own are rendered here; those of bases are their users' and are rendered in a process apart (`core/templates.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from jinja2 import Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from modelyard.core.errors import InvalidParameter
from modelyard.core.templates import PROCESSES, TemplateProblem

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
"""What a template is tried with before it is kept."""

DEFAULTS: Mapping[str, str] = {"answer": ANSWER, "empty": EMPTY}
"""Name → template. `answer` gets `question`, `sources` and `context`; `empty` only `question`."""

_ENVIRONMENT = ImmutableSandboxedEnvironment(keep_trailing_newline=True)


@lru_cache(maxsize=len(DEFAULTS))
def _compiled(name: str) -> Template:
    return _ENVIRONMENT.from_string(DEFAULTS[name])


async def check_prompts(given: Mapping[str, str]) -> None:
    """Raises `InvalidParameter` for a template that is no template, takes too long, or has no use."""
    for name, template in given.items():
        if name not in DEFAULTS:
            raise InvalidParameter("prompts", f"'{name[:100]}' is none of {', '.join(DEFAULTS)}.")
        await _rendered(template, {"question": "?", "sources": [EXAMPLE], "context": "text"})


async def prompt(templates: Mapping[str, str], question: str, sources: Sequence[Mapping[str, Any]]) -> str:
    """The message for a question and its sources; the one for no sources where there are none.

    Raises `InvalidParameter` when a base's template cannot be used.
    """
    name = "answer" if sources else "empty"
    context = "\n".join(str(source["text"]) for source in sources)
    values = {"question": question, "sources": list(sources), "context": context}
    if template := templates.get(name):
        return await _rendered(template, values)
    return _compiled(name).render(values)


async def _rendered(template: str, values: Mapping[str, Any]) -> str:
    try:
        return await PROCESSES.render(template, values)
    except TemplateProblem as problem:
        raise InvalidParameter("prompts", f"the template cannot be used: {str(problem).rstrip('.')}.") from None
