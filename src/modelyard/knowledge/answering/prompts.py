"""What a model is told: templates in Jinja, sandboxed, with those that a base brings in front of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from jinja2 import Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from modelyard.core.errors import InvalidParameter

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


@lru_cache(maxsize=256)
def _compiled(template: str) -> Template:
    return _ENVIRONMENT.from_string(template)


def check_prompts(given: Mapping[str, str]) -> dict[str, str]:
    """Templates that may be kept. Raises `InvalidParameter` for one that is no template, or has no use."""
    for name, template in given.items():
        if name not in DEFAULTS:
            raise InvalidParameter("prompts", f"'{name}' is none of {', '.join(DEFAULTS)}.")
        rendered("prompts", template, question="?", sources=[EXAMPLE], context="text")
    return dict(given)


def rendered(param: str, template: str, **values: Any) -> str:
    """A template with its values. Raises `InvalidParameter` with what Jinja says."""
    try:
        return _compiled(template).render(**values)
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise InvalidParameter(param, f"the template cannot be used: {error}") from None


def prompt(templates: Mapping[str, str], question: str, sources: Sequence[Mapping[str, Any]]) -> str:
    """The message for a question and its sources; the one for no sources where there are none."""
    name = "answer" if sources else "empty"
    template = templates.get(name) or DEFAULTS[name]
    context = "\n".join(str(source["text"]) for source in sources)
    return rendered("prompts", template, question=question, sources=sources, context=context)
