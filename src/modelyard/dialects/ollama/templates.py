"""Ollama's prompt templates, which are written in Go's template language, as Jinja chat templates. Pure.

Translated is what almost all templates of models consist of: texts, `.System`, `.Prompt` and `.Response` of one turn, or a loop
over `.Messages` with `.Role` and `.Content`, and conditions on these. Anything else is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from modelyard.core.errors import InvalidParameter

FIELD = "template"
DEEPEST = 50
"""Maximum depth of conditions in conditions."""
BLANKS = re.compile(r"\s*")
STRING = r'"((?:[^"\\]|\\.)*)"'
EQUAL = re.compile(rf"^\(?\s*(eq|ne)\s+([.$][\w.]*)\s+{STRING}\s*\)?$")
JINJA = re.compile(r"\{%|\{\{-?\s*(?:messages|bos_token|message\b|raise_exception)")

TURN = {".System": "system", ".Prompt": "prompt", ".Response": "response"}
"""Fields of a template for one turn → variables of the Jinja text."""
LOOP = {".Role": "message.role", ".Content": "(message.content or '')"}
"""Fields inside a loop over `.Messages`."""
OUTSIDE = {".System": "system"}
"""Fields around such a loop."""
WHOLE_SYSTEM = "{%- set system = messages[0].content if messages and messages[0].role == 'system' else '' -%}"
NO_TOOLS = frozenset({".Tools", ".ToolCalls"})
"""Fields that are always empty in a translated template: their conditions are left out."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A text, or the code of a tag."""

    text: str
    code: bool


def is_jinja(text: str) -> bool:
    """Whether a template is a Jinja chat template already."""
    return JINJA.search(text) is not None


def chat_template(text: str) -> str:
    """The Jinja chat template of a template. Raises `InvalidParameter`, which names what has no translation."""
    if is_jinja(text):
        return text
    pieces = list(_pieces(text))
    codes = [piece.text for piece in pieces if piece.code]
    if any(".Messages" in code for code in codes):
        body = "".join(Translator(OUTSIDE, LOOP).translate(pieces))
        return WHOLE_SYSTEM + body
    if any(".Prompt" in code for code in codes):
        return _by_turns(pieces)
    raise InvalidParameter(FIELD, "it has neither .Prompt nor .Messages, so it has no place for a question.")


def _pieces(text: str) -> Iterator[Piece]:
    """Texts and tags in order; the texts without the blanks that the tags beside them take away. Raises `InvalidParameter`."""
    place, trims = 0, False
    while (start := text.find("{{", place)) >= 0:
        inside = start + 2
        end = _tag_end(text, inside)
        left = text.startswith("- ", inside)
        code = text[inside + left : end]
        between = text[place:start]
        between = between.lstrip() if trims else between
        yield Piece(between.rstrip() if left else between, False)
        trims, place = code.endswith(" -"), end + 2
        code = code.removesuffix(" -").strip()
        if not code.startswith("/*"):
            yield Piece(code, True)
    rest = text[place:]
    yield Piece(rest.lstrip() if trims else rest, False)


def _tag_end(text: str, inside: int) -> int:
    """Where the `}}` of a tag stands whose code begins at `inside`. Raises `InvalidParameter` if there is none."""
    first = BLANKS.match(text, inside + text.startswith("- ", inside))
    assert first is not None
    comment = text.find("*/", first.end() + 2) if text.startswith("/*", first.end()) else -1
    if (end := text.find("}}", max(inside, comment))) < 0:
        raise InvalidParameter(FIELD, f"a {{{{ is never closed by }}}}: {text[inside - 2 : inside + 50].rstrip()}")
    return end


def _by_turns(pieces: list[Piece]) -> str:
    """A template for one turn, as a loop: a turn is a question with its answer; the last one ends where its answer begins."""
    translator = Translator(TURN, {})
    whole = list(translator.translate(pieces))
    place = next((index for index, part in enumerate(whole) if part == "{{ response }}"), len(whole))
    if translator.depth_at.get(place):
        raise InvalidParameter(FIELD, "its .Response stands in a condition, which has no translation.")
    head, tail = "".join(whole[:place]), "".join(whole[place + 1 :])
    reset = "{%- set turn.system = '' -%}{%- set turn.prompt = '' -%}"
    names = "{%- set system = turn.system -%}{%- set prompt = turn.prompt -%}"
    return (
        "{%- set turn = namespace(system='', prompt='', open=false) -%}"
        "{%- for message in messages -%}"
        "{%- if message.role == 'system' -%}{%- set turn.system = message.content -%}"
        "{%- elif message.role == 'assistant' -%}"
        "{%- set response = message.content or '' -%}" + names + _kept(head) + "{{ response }}" + _kept(tail) + reset
        + "{%- set turn.open = false -%}"
        "{%- else -%}"
        "{%- set turn.prompt = turn.prompt + ('\\n\\n' if turn.prompt else '') + (message.content or '') -%}"
        "{%- set turn.open = true -%}"
        "{%- endif -%}{%- endfor -%}"
        "{%- if turn.open and add_generation_prompt -%}" + names + _kept(head) + "{%- endif -%}"
    )  # fmt: skip


def _kept(text: str) -> str:
    """Jinja text whose blanks at its ends stay, although the tags beside it take blanks away."""
    return "{{ '' }}" + text + "{{ '' }}"


class Translator:
    """Translates tags one after the other."""

    def __init__(self, fields: dict[str, str], inner: dict[str, str]) -> None:
        """`fields` are known outside of a loop over messages, `inner` inside of it."""
        self._fields = fields
        self._inner = inner
        self._open: list[str] = []
        """The blocks that are open: `if`, `for`, `never` and `always` (a condition that is), `skipped` (inside of `never`)."""
        self.depth_at: dict[int, int] = {}
        """Number of an output → how many conditions stand around it."""
        self._count = 0

    def translate(self, pieces: list[Piece]) -> Iterator[str]:
        """The parts of the Jinja text. Raises `InvalidParameter`."""
        for piece in pieces:
            found = self._code(piece.text) if piece.code else literal(piece.text)
            if found and "never" not in self._open:
                self.depth_at[self._count] = len(self._open)
                self._count += 1
                yield found
        if self._open:
            raise InvalidParameter(FIELD, "an {{ end }} is missing.")

    def _code(self, code: str) -> str:
        if len(self._open) > DEEPEST:
            raise InvalidParameter(FIELD, f"its conditions are nested more than {DEEPEST} deep, the limit.")
        word, _, rest = code.partition(" ")
        if "never" in self._open and (word in ("if", "range", "with") or self._open[-1] == "skipped"):
            return self._skip(word)
        if "never" in self._open and word not in ("else", "end"):
            return ""
        if word == "range":
            return self._loop(code)
        if word == "if":
            return self._if(rest.strip())
        if word == "else":
            return self._else(rest.strip())
        if word == "end":
            return self._end()
        return "{{ " + self._value(code) + " }}"

    def _skip(self, word: str) -> str:
        """Follow the blocks inside of a condition that is never true."""
        if word == "end":
            self._open.pop()
        elif word in ("if", "range", "with"):
            self._open.append("skipped")
        return ""

    def _loop(self, code: str) -> str:
        if code.replace("$.", ".") not in ("range .Messages", "range $i, $_ := .Messages") or "for" in self._open:
            raise unknown(code)
        self._open.append("for")
        return "{%- for message in messages -%}{{ '' }}"

    def _if(self, condition: str) -> str:
        if condition.replace("$.", ".") in NO_TOOLS:
            self._open.append("never")
            return ""
        self._open.append("if")
        return "{%- if " + self._condition(condition) + " -%}{{ '' }}"

    def _else(self, rest: str) -> str:
        if not self._open or self._open[-1] == "for":
            raise unknown("else")
        word, _, condition = rest.partition(" ")
        if (rest and word != "if") or self._open[-1] == "always":
            raise unknown(f"else {rest}")
        if self._open[-1] == "never":
            self._open.pop()
            if rest:
                return self._if(condition.strip())
            self._open.append("always")
            return ""
        if not rest:
            return "{{ '' }}{%- else -%}{{ '' }}"
        return "{{ '' }}{%- elif " + self._condition(condition.strip()) + " -%}{{ '' }}"

    def _end(self) -> str:
        if not self._open:
            raise unknown("end")
        kind = self._open.pop()
        return {"for": "{{ '' }}{%- endfor -%}", "if": "{{ '' }}{%- endif -%}"}.get(kind, "")

    def _condition(self, code: str) -> str:
        word, _, rest = code.partition(" ")
        if word == "not" and not rest.strip().startswith("not "):
            return f"not ({self._condition(rest.strip())})"
        if found := EQUAL.match(code):
            return f"{self._value(found[2])} {'==' if found[1] == 'eq' else '!='} {quoted(found[3])}"
        return self._value(code)

    def _value(self, code: str) -> str:
        fields = self._inner if "for" in self._open else self._fields
        if code.startswith("$."):
            fields, code = self._fields, code[1:]
        if (found := fields.get(code)) is None:
            raise unknown(code)
        return found


def literal(text: str) -> str:
    """A text as Jinja that renders it unchanged."""
    if not text:
        return ""
    return "{{ " + quoted(text.replace("\\", "\\\\").replace('"', '\\"')) + " }}"


def quoted(escaped: str) -> str:
    """The inside of a string of Go, in which quotes are escaped, as a string of Jinja."""
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def unknown(code: str) -> InvalidParameter:
    """The error for a tag without a translation."""
    return InvalidParameter(
        FIELD,
        f"{{{{ {code[:100]} }}}} has no translation to Jinja, which chat templates are written in here; leave the template out, "
        "and the one in the model's files is used, or send a Jinja chat template.",
    )
