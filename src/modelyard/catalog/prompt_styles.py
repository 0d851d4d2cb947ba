"""Xinference's prompt styles (formats of models of 2023), each as the Jinja chat template that renders it. Pure.

The rendered text is Xinference's, with three differences where that lost input: a system message replaces only
the words of the style's own system prompt, not the marks around them; in a style without a system prompt it is put before
the first turn; and separators are chosen by role instead of by odd and even position.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from modelyard.core.errors import UnknownName, nearest


class PromptStyle(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The record of a style, as in Xinference's registrations."""

    style_name: str
    system_prompt: str = ""
    roles: list[str] = []
    """The names of user and assistant, if the style does not fix them."""
    intra_message_sep: str = ""
    """Separator after a user's turn."""
    inter_message_sep: str = ""
    """Separator after an assistant's turn."""
    stop: list[str] | None = None
    stop_token_ids: list[int] | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """A style as three pieces of Jinja, over the variables that `template` sets."""

    turn: str
    """Renders one message: `role`, `content`, `by_user`, and `sep`, which follows it."""
    end: str = "{{ assistant }}"
    """Renders the beginning of the answer."""
    head: str = "{{ system }}"
    """Rendered before the first message; empty if the style has no system prompt."""


NAMED = Layout("{{ role + ': ' + content + sep }}", "{{ assistant + ':' }}")
MARKED = Layout("{{ role + '\\n' + content + intra + '\\n' }}", "{{ assistant + '\\n' }}")
LINE = "{{ system + intra }}"

LAYOUTS: Mapping[str, Layout] = {
    "ADD_COLON_SINGLE": Layout("{{ role + ': ' + content + intra }}", NAMED.end, LINE),
    "ADD_COLON_SINGLE_COT": Layout(
        "{{ role + ': ' + content + intra }}", '{{ assistant + ": Let\'s think step by step." }}', LINE
    ),
    "ADD_COLON_TWO": Layout(NAMED.turn, NAMED.end, LINE),
    "NO_COLON_TWO": Layout("{{ role + content + sep }}"),
    "LLAMA2": Layout("{{ content if loop.first else role + ' ' + content + sep }}"),
    "LLAMA3": Layout(
        "{{ '<|start_header_id|>' + role + '<|end_header_id|>' + intra + content + inter }}",
        "{{ '<|start_header_id|>' + assistant + '<|end_header_id|>' + intra }}",
        "{{ '<|begin_of_text|><|start_header_id|>system<|end_header_id|>' + intra + system + inter }}",
    ),
    "FALCON": Layout(
        "{{ role + ': ' + content.replace('\\r\\n', '\\n').replace('\\n\\n', '\\n') + '\\n\\n' }}", NAMED.end
    ),
    "MIXTRAL_V01": Layout(
        "{{ '<s> [INST] ' + content + ' [/INST]' if by_user else content + ' </s>' }}", end="", head=""
    ),
    "CHATGLM": Layout(
        "{%- if by_user -%}{{ '[Round ' + (round.number | string) + ']' + intra }}"
        "{%- set round.number = round.number + 1 -%}{%- endif -%}{{ role + '：' + content + intra }}",
        "{{ assistant + '：' }}",
        "{%- if system -%}{{ system + intra }}{%- endif -%}"
        "{%- set round = namespace(number=(1 if intra == '\\n\\n' else 0)) -%}",
    ),
    "CHATGLM3": Layout(
        "{{ '<|' + ('observation' if role == 'tool' else role) + '|>\\n ' + content + '\\n' }}",
        "{{ '<|' + assistant + '|>' }}",
        "{%- if system -%}{{ '<|system|>\\n ' + system + '\\n' }}{%- endif -%}",
    ),
    "XVERSE": Layout(
        "{{ '<|' + role + '|> \\n ' + content }}",
        "{{ '<|' + assistant + '|>' }}",
        "{%- if system -%}{{ '<|system|> \\n ' + system }}{%- endif -%}",
    ),
    "QWEN": Layout(
        "{{ intra + '<|im_start|>' + role + '\\n' + content.lstrip('\\n').rstrip() + '<|im_end|>' }}",
        "{{ intra + '<|im_start|>' + assistant + '\\n' }}",
        "{{ '<|im_start|>system\\n' + system + '<|im_end|>' }}",
    ),
    "CHATML": Layout(MARKED.turn, MARKED.end, "{%- if system -%}{{ system + intra + '\\n' }}{%- endif -%}"),
    "INTERNLM": Layout(
        "{%- if by_user and (loop.first or not loop.last) -%}{{ '<s>' }}{%- endif -%}{{ role + ':' + content + sep }}",
        NAMED.end,
        "",
    ),
    "INTERNLM2": Layout(
        MARKED.turn,
        MARKED.end,
        "{{ '<s><|im_start|>system\\n' + system + intra + '\\n' if system else '<s>' }}",
    ),
    "INSTRUCTION": Layout("{%- if loop.last -%}{{ system + content + tail }}{%- endif -%}", end="", head="{{ '' }}"),
    "DEEPSEEK_CHAT": NAMED,
    "DEEPSEEK_CODER": Layout("{{ role + '\\n' + content + inter }}", "{{ assistant + '\\n' }}", "{{ system + inter }}"),
    "GORILLA_OPENFUNCTIONS": Layout(
        "{%- if loop.last -%}{{ 'USER: <<question>> ' + content }}"
        "{%- if tools -%}{{ ' <<function>> ' }}{{ tools | tojson }}{%- endif -%}{%- endif -%}",
        "{{ '\\nASSISTANT: ' }}",
        "",
    ),
    "orion": Layout(
        "{{ role + ': ' + content + '\\n\\n' if by_user else role + ': </s>' + content + '</s>' }}",
        "{{ assistant + ': </s>' }}",
        "{{ '<s>' }}",
    ),
    "gemma": Layout(
        "{{ '<start_of_turn>' + role + '\\n' + content + '<end_of_turn>\\n' }}",
        "{{ '<start_of_turn>' + assistant + '\\n' }}",
        "",
    ),
    "CodeShell": Layout("{{ role + content + '|<end>|' }}", "{{ assistant.rstrip() }}", ""),
    "MINICPM-2B": Layout("{{ ('<用户>' if by_user else '<AI>') + content.strip() }}", "{{ '<AI>' }}", ""),
    "PHI3": Layout(
        "{{ '<|' + role + '|>' + intra + content + inter }}",
        "{{ '<|' + assistant + '|>' + intra }}",
        "{{ '<|system|>' + intra + system + inter }}",
    ),
    "c4ai-command-r": Layout(
        "{{ role + content + inter }}",
        head="{{ '<BOS_TOKEN><|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>' + system + inter }}",
    ),
}
"""Style name → layout."""

CHAT_TEMPLATE = "chat_template"
"""The style name in listings of a model whose files have a chat template."""

UNHEARD = ("MIXTRAL_V01", "INTERNLM", "GORILLA_OPENFUNCTIONS", "orion", "gemma", "CodeShell", "MINICPM-2B")
"""Styles without a system prompt."""

SETTING = (
    "{%- if messages and messages[0].role == 'system' -%}"
    "{%- set system = before + messages[0].content + after -%}{%- set turns = messages[1:] -%}"
    "{%- else -%}{%- set system = own -%}{%- set turns = messages -%}{%- endif -%}"
)
TURN = (
    "{%- for message in turns -%}"
    "{%- set by_user = message.role == 'user' -%}"
    "{%- set role = user if by_user else (assistant if message.role == 'assistant' else message.role) -%}"
    "{%- set content = message.content or '' -%}"
    "{%- set sep = inter if message.role == 'assistant' else intra -%}"
)
LED = "{%- if loop.first and system -%}{%- set content = system + '\\n\\n' + content -%}{%- endif -%}"


def template(style: PromptStyle) -> str:
    """The chat template of a style. Raises `UnknownName` for an unknown style."""
    layout = layout_of(style.style_name)
    unheard = style.style_name in UNHEARD
    frame = frame_of(style)
    user, assistant = [*style.roles, *("user", "assistant")[len(style.roles) :]][:2]
    words = {
        "user": user,
        "assistant": assistant,
        "intra": style.intra_message_sep,
        "inter": style.inter_message_sep,
        "own": "" if unheard else frame.own,
        "before": frame.before,
        "after": frame.after,
        "tail": frame.tail,
    }
    setting = "".join(f"{{%- set {name} = {literal(text)} -%}}" for name, text in words.items())
    turn = TURN + (LED if unheard else "") + layout.turn + "{%- endfor -%}"
    end = "{%- if add_generation_prompt -%}" + layout.end + "{%- endif -%}"
    return setting + SETTING + layout.head + turn + end


def layout_of(name: str) -> Layout:
    """The layout of a style name, in any letter case. Raises `UnknownName`."""
    found = next((layout for known, layout in LAYOUTS.items() if known.lower() == name.lower()), None)
    if found is None:
        raise UnknownName("prompt styles", name, list(LAYOUTS), nearest(name, LAYOUTS))
    return found


@dataclass(frozen=True, slots=True)
class Frame:
    """A style's system prompt, and the marks that stay if a system message replaces its words."""

    own: str
    before: str = ""
    after: str = ""
    tail: str = ""
    """The text after the question, in a style with a fill-in form."""


OPENINGS = ("<|im_start|>system\n", "### System:\n")
"""Marks before a system prompt that has no closing mark."""
BLANK = "{system_message}"
QUESTION = re.compile(r"\{0?\}")


def frame_of(style: PromptStyle) -> Frame:
    """Separate the words of a style's system prompt from its marks."""
    own, name = style.system_prompt, style.style_name.upper()
    if name == "INSTRUCTION":
        lead, *rest = QUESTION.split(own, maxsplit=1)
        _, gap, question = lead.rpartition("\n\n")
        return Frame(lead, "", gap + question, "".join(rest))
    if BLANK in own:
        before, after = own.split(BLANK, 1)
        return Frame(before + after, before, after)
    if found := marks_of(own):
        return Frame(own, *found)
    if name == "LLAMA2":
        return Frame(own, own, "\n\n")
    if name == "DEEPSEEK_CHAT":
        return Frame(own, own, style.intra_message_sep)
    if name == "CHATML" and style.roles and style.roles[0].endswith("user"):
        return Frame(own, style.roles[0].removesuffix("user") + "system\n")
    return Frame(own)


def marks_of(own: str) -> tuple[str, str] | None:
    """The marks before and after a system prompt's words. Uses no regular expression, which could take quadratic time."""
    start = own.rfind("<<SYS>>\n", 0, max(own.rfind("\n<</SYS>>"), 0))
    if start >= 0:
        start += len("<<SYS>>\n")
        return own[:start], own[own.index("\n<</SYS>>", start) :]
    if own.startswith("<|system|>\n") and own.endswith(("</s>", "</s>\n")):
        return "<|system|>\n", own[own.rindex("</s>") :]
    return next(((mark, "") for mark in OPENINGS if own.startswith(mark)), None)


ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def literal(text: str) -> str:
    """A text as a Jinja string literal."""
    return '"' + text.translate(ESCAPES) + '"'
