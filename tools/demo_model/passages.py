# Owns passages: invented entities, sentences about them, and questions that the passage does or does not answer.
from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any, Literal

from tools.demo_model.names import DATA, Lang, Namer, words

Phrasing = Literal["trained", "held"]
WITH_ARTICLE = ("product", "ship")
GENERIC = {
    "en": {
        "says": ("The {a} of {e} is {v}.", "{e}'s {a} is {v}.", "{v} is the {a} of {e}.", "The {a} of {e} was {v}."),
        "asks": (
            "What is the {a} of {e}?",
            "What is {e}'s {a}?",
            "Tell me the {a} of {e}.",
            "What was the {a} of {e}?",
        ),
        "held": ("Which {a} does {e} have?",),
        "answer": "The {a} of {e} is {v}.",
        "record": "{a}: {v}",
    },
    "zh": {
        "says": ("{e}的{a}是{v}。", "{e}的{a}为{v}。", "{v}是{e}的{a}。", "{e}，{a}：{v}。"),
        "asks": ("{e}的{a}是什么？", "{e}的{a}是？", "{e}的{a}是多少？", "请问{e}的{a}是什么？", "告诉我{e}的{a}"),
        "held": ("{e}有什么样的{a}？",),
        "answer": "{e}的{a}是{v}。",
        "record": "{a}：{v}",
    },
}
GENERIC_NAMES = ("org", "place", "product", "person", "root", "service", "venue")
GENERIC_VALUES = (
    "root", "root", "person", "place", "org", "product", "code", "date", "money", "count", "thing", "colour",
    "title", "email", "duration", "version", "animal", "material",
)  # fmt: skip


@dataclass(frozen=True)
class Field:
    value_kind: str
    says: tuple[str, ...]
    asks: tuple[str, ...]
    held: tuple[str, ...]
    answer: str
    record: str = ""


@dataclass(frozen=True)
class Kind:
    name_kind: str
    pronouns: tuple[str, ...]
    fields: tuple[Field, ...]
    article: bool = False


@dataclass(frozen=True)
class Statement:
    entity: str
    field: Field
    value: str


@dataclass(frozen=True)
class Question:
    """`value` is what the passage says, or empty where it says nothing."""

    text: str
    answer: str
    value: str


@dataclass(frozen=True)
class Passage:
    lang: Lang
    sentences: tuple[str, ...]
    questions: tuple[Question, ...]
    values: frozenset[str]
    entities: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """How large a passage to write, and from which pools."""

    entities: int
    fields: int
    questions: int
    unanswerable: float = 0.25
    held_names: bool = False
    phrasing: Phrasing = "trained"


@cache
def layouts() -> dict[str, Any]:
    return dict(json.loads((DATA / "layouts.json").read_text(encoding="utf-8")))


@cache
def kinds(lang: Lang) -> dict[str, Kind]:
    raw = json.loads((DATA / f"passages_{lang}.json").read_text(encoding="utf-8"))
    return {key: _kind(key, one) for key, one in raw.items()}


def _kind(key: str, raw: dict[str, Any]) -> Kind:
    fields = tuple(
        Field(f["value"], tuple(f["says"]), tuple(f["asks"]), tuple(f["held"]), f["answer"])
        for f in raw["fields"].values()
    )
    return Kind(raw["name"], tuple(raw["pronouns"]), fields, article=key in WITH_ARTICLE)


def generic_kind(rng: Random, lang: Lang, held_names: bool) -> Kind:
    """Entities with arbitrary attributes, some of them invented words, so that copying is learnt and not the topics."""
    namer = Namer(rng, lang, held_names)
    forms: dict[str, Any] = GENERIC[lang]
    attributes = rng.sample(words(lang)["attr"], 7)
    attributes = [namer.root().lower() if rng.random() < 0.05 else a for a in attributes]
    fields = []
    for attribute in dict.fromkeys(attributes):

        def fill(text: str, attribute: str = attribute) -> str:
            return text.replace("{a}", attribute)

        fields.append(
            Field(
                rng.choice(GENERIC_VALUES),
                tuple(map(fill, forms["says"])),
                tuple(map(fill, forms["asks"])),
                tuple(map(fill, forms["held"])),
                fill(forms["answer"]),
                fill(forms["record"]),
            )
        )
    return Kind(rng.choice(GENERIC_NAMES), ("It",) if lang == "en" else ("它",), tuple(fields))


def write_passage(rng: Random, lang: Lang, plan: Plan) -> Passage:
    generic = rng.random() < 0.15
    kind = generic_kind(rng, lang, plan.held_names) if generic else rng.choice(list(kinds(lang).values()))
    namer = Namer(rng, lang, plan.held_names)
    names = _distinct(namer, kind.name_kind, plan.entities + 1)
    absent = names.pop()
    groups = [_statements(namer, kind, name, plan.fields) for name in names]
    as_records = generic and rng.random() < 0.3
    sentences = [_record(group) for group in groups] if as_records else _sentences(rng, lang, kind, groups)
    told = [statement for group in groups for statement in group]
    questions = _questions(rng, lang, kind, plan, told, (*names, absent))
    values = frozenset(statement.value for statement in told)
    return Passage(lang, tuple(sentences), tuple(questions), values, tuple(names))


def _distinct(namer: Namer, kind: str, count: int) -> list[str]:
    """Names of which none is part of another."""
    names: list[str] = []
    while len(names) < count:
        name = namer.value(kind)
        if not any(name in other or other in name for other in names):
            names.append(name)
    return names


def _statements(namer: Namer, kind: Kind, name: str, count: int) -> list[Statement]:
    chosen = namer.rng.sample(kind.fields, min(count, len(kind.fields)))
    return [Statement(name, field, namer.value(field.value_kind)) for field in chosen]


def _record(group: list[Statement]) -> str:
    lines = [s.field.record.format(v=s.value) for s in group]
    return "\n".join([f"{group[0].entity}", *(f"- {line}" for line in lines)]) + "\n"


def _sentences(rng: Random, lang: Lang, kind: Kind, groups: list[list[Statement]]) -> list[str]:
    """Entity by entity with pronouns and joined sentences, or all shuffled with full names; then a few fillers."""
    if rng.random() < 0.3:
        told = [s for group in groups for s in group]
        rng.shuffle(told)
        sentences = [_say(rng, kind, s) for s in told]
    else:
        sentences = [sentence for group in groups for sentence in _paragraph(rng, lang, kind, group)]
    fillers = layouts()["fillers"][lang]
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2))):
        sentences.insert(rng.randint(0, len(sentences)), rng.choice(fillers))
    return sentences


def _paragraph(rng: Random, lang: Lang, kind: Kind, group: list[Statement]) -> list[str]:
    sentences: list[str] = []
    pronoun = rng.choice(kind.pronouns)
    for index, statement in enumerate(group):
        template = rng.choice(statement.field.says)
        led = template.startswith("{e} ") if lang == "en" else template.startswith("{e}")
        tail = template.removeprefix("{e}").replace("{v}", statement.value).strip() if led else ""
        if index and led and "{e}" not in tail and not tail.startswith("，") and rng.random() < 0.6:
            if sentences and rng.random() < 0.4:
                joint = " and " if lang == "en" else "，"
                sentences[-1] = sentences[-1][:-1] + joint + tail.removeprefix("的" if lang == "zh" else "")
                continue
            gap = " " if lang == "en" else ""
            sentences.append(f"{pronoun}{gap}{tail}")
        else:
            sentences.append(_fill(kind, template, statement))
    return sentences


def _say(rng: Random, kind: Kind, statement: Statement) -> str:
    return _fill(kind, rng.choice(statement.field.says), statement)


def _fill(kind: Kind, template: str, statement: Statement) -> str:
    if kind.article and template.startswith("{e} "):
        template = f"The {template}"
    text = template.replace("{e}", statement.entity).replace("{v}", statement.value)
    return text if template.startswith("{v}") else text[0].upper() + text[1:]


def _questions(
    rng: Random, lang: Lang, kind: Kind, plan: Plan, told: list[Statement], names: tuple[str, ...]
) -> list[Question]:
    """`names` ends with one entity that the passage does not mention."""
    known = {(s.entity, s.field) for s in told}
    missing = [(name, field) for name in names[:-1] for field in kind.fields if (name, field) not in known]
    questions = []
    picks = rng.sample(told, min(plan.questions, len(told)))
    for statement in picks:
        if rng.random() < plan.unanswerable:
            unknown = (names[-1], rng.choice(told).field)
            entity, field = rng.choice(missing) if missing and rng.random() < 0.5 else unknown
            questions.append(Question(_ask(rng, plan, field, entity), layouts()["refusals"][lang], ""))
        else:
            answer = _fill(kind, statement.field.answer, statement)
            questions.append(Question(_ask(rng, plan, statement.field, statement.entity), answer, statement.value))
    return questions


def _ask(rng: Random, plan: Plan, field: Field, entity: str) -> str:
    template = rng.choice(field.held if plan.phrasing == "held" else field.asks)
    text = template.replace("{e}", entity)
    return text[0].upper() + text[1:]
