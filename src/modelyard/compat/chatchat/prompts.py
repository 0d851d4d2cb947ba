"""Chatchat's prompt templates by kind and name. Users' texts are inserted into them and never rendered as templates."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from modelyard.core.errors import InvalidParameter

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATES: Mapping[str, Mapping[str, str]] = {
    "llm_chat": {
        "default": "{{ input }}",
        "with_history": "对话记录：\n{{ history }}\n用户：{{ input }}\n助手：",
        "py": "\n你是一个聪明的代码助手，请你给我写出简单的py代码。 \n\n{{ input }}\n",
    },
    "knowledge_base_chat": {
        "default": (
            "<指令>根据已知信息，简洁和专业的来回答问题。如果无法从中得到答案，请说 “根据已知信息无法回答该问题”，"
            "不允许在答案中添加编造成分，答案请使用中文。 </指令>\n"
            "<已知信息>{{ context }}</已知信息>\n<问题>{{ question }}</问题>\n"
        ),
        "text": (
            "<指令>根据已知信息，简洁和专业的来回答问题。如果无法从中得到答案，请说 “根据已知信息无法回答该问题”，"
            "答案请使用中文。 </指令>\n<已知信息>{{ context }}</已知信息>\n<问题>{{ question }}</问题>\n"
        ),
        "empty": "请你回答我的问题:\n{{ question }}\n\n",
    },
    "search_engine_chat": {
        "default": (
            "<指令>下面是从互联网上搜索到的信息，请据此有条理、简洁地回答问题。如果无法从中得到答案，请说 "
            "“无法搜索到能回答问题的内容”。 </指令>\n"
            "<已知信息>{{ context }}</已知信息>\n<问题>{{ question }}</问题>\n"
        ),
        "search": (
            "<指令>根据搜索到的信息，简洁地回答问题，答案请使用中文。 </指令>\n"
            "<已知信息>{{ context }}</已知信息>\n<问题>{{ question }}</问题>\n"
        ),
    },
    "agent_chat": {"default": "{{ input }}", "ChatGLM3": "{{ input }}"},
    "completion": {"default": "{{ input }}"},
}
"""`agent_chat` is short because the model's chat template describes the tools, not this text."""


def template(kind: str, name: str) -> str:
    """Return a template's text. Raises `InvalidParameter`."""
    group = TEMPLATES.get(kind, {})
    text = group.get(name, group.get(name.lower()))
    if text is None:
        known = ", ".join(TEMPLATES.get(kind, TEMPLATES))
        raise InvalidParameter("prompt_name", f"'{name}' is none of {known}.")
    return text


def render_prompt(kind: str, name: str, **values: str) -> str:
    """Render a template with values. Raises `InvalidParameter`."""
    return _compiled(template(kind, name)).render(values)


@cache
def _compiled(text: str) -> Template:
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # 2 MB, which most servers never need

    return ImmutableSandboxedEnvironment(keep_trailing_newline=True).from_string(text)
