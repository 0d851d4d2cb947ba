# Owns the fact tables as question items: what is asked, in which phrasings, and what must be answered.
from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import cache
from typing import cast

from tools.demo_model.names import DATA, Lang

SEATS = {"province": ("省会", "省"), "region": ("首府", "自治区"), "municipality": ("", ""), "special": ("", "")}


@dataclass(frozen=True)
class Item:
    """One fact in one language and direction. `asks` is for training, `held` only for evaluation."""

    category: str
    lang: Lang
    answer: str
    expected: str
    asks: tuple[str, ...]
    held: tuple[str, ...]
    plain: tuple[str, ...] = ()


@dataclass(frozen=True)
class Relation:
    answer: str
    asks: tuple[str, ...]
    held: tuple[str, ...]
    plain: tuple[str, ...]

    def item(self, category: str, lang: Lang, expected: str, slots: dict[str, str]) -> Item:
        def fill(texts: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(dict.fromkeys(_sentence(text.format(**slots)) for text in texts))

        answer = _sentence(self.answer.format(**slots))
        return Item(category, lang, answer, expected, fill(self.asks), fill(self.held), fill(self.plain))


def table(name: str) -> list[dict[str, str]]:
    with (DATA / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@cache
def relations() -> dict[str, Relation]:
    raw = json.loads((DATA / "relations.json").read_text(encoding="utf-8"))
    return {
        key: Relation(one["answer"], tuple(one["asks"]), tuple(one["held"]), tuple(one.get("plain", ())))
        for key, one in raw.items()
    }


@cache
def capital_items() -> tuple[Item, ...]:
    """Countries and provinces, both directions, both languages."""
    items = []
    for row in table("countries"):
        for lang in _LANGS:
            slots = {"a": row[lang], "b": row[f"{lang}_capital"]}
            items.append(relations()[f"country_{lang}"].item("countries", lang, slots["b"], slots))
            items.append(relations()[f"country_{lang}_back"].item("countries reversed", lang, slots["a"], slots))
    for row in table("provinces"):
        if not row["zh_capital"]:
            continue
        seat, unit = SEATS[row["kind"]]
        for lang in _LANGS:
            slots = {"a": row[lang], "b": row[f"{lang}_capital"], "full": row["zh_full"], "seat": seat, "unit": unit}
            items.append(relations()[f"province_{lang}"].item("provinces", lang, slots["b"], slots))
            items.append(relations()[f"province_{lang}_back"].item("provinces reversed", lang, slots["a"], slots))
    return tuple(items)


@cache
def general_items() -> tuple[Item, ...]:
    """General knowledge, chemical symbols, opposites, small sums, and provincial units without a capital."""
    items = [_row_item("general knowledge", lang, row) for lang in _LANGS for row in table(f"general_{lang}")]
    for row in table("provinces"):
        if row["zh_capital"]:
            continue
        for lang in _LANGS:
            slots = {"a": row[lang], "full": row["zh_full"]}
            expected = {"en": "no provincial capital", "zh": "没有省会"}[lang]
            items.append(relations()[f"{row['kind']}_{lang}"].item("general knowledge", lang, expected, slots))
    for row in table("symbols"):
        for lang in _LANGS:
            slots = {"a": row[lang], "b": row["symbol"]}
            items.append(
                relations()[f"symbol_{lang}"].item("general knowledge", lang, f"{_IS[lang]}{slots['b']}", slots)
            )
    for row in table("opposites"):
        lang = cast(Lang, row["lang"])
        for one, other in ((row["one"], row["other"]), (row["other"], row["one"])):
            expected = {"en": f"is {other}", "zh": f"是“{other}”"}[lang]
            slots = {"a": one, "b": other}
            items.append(relations()[f"opposite_{lang}"].item("general knowledge", lang, expected, slots))
    return tuple(items)


@cache
def sum_items() -> tuple[Item, ...]:
    items = []
    for x in range(1, 10):
        for y in range(1, 10):
            slots = {"x": str(x), "y": str(y), "z": str(x + y)}
            for lang in _LANGS:
                expected = {"en": f"is {x + y}.", "zh": f"等于{x + y}。"}[lang]
                items.append(relations()[f"sum_{lang}"].item("small sums", lang, expected, slots))
    return tuple(items)


@cache
def dialogue_items() -> tuple[Item, ...]:
    """Greetings, identity, thanks and goodbyes."""
    return tuple(_row_item("identity", lang, row) for lang in _LANGS for row in table(f"dialogue_{lang}"))


def _row_item(category: str, lang: Lang, row: dict[str, str]) -> Item:
    every = row["asks"].split("|")
    asks = tuple(ask for ask in every if not ask.startswith("*"))
    held = tuple(ask[1:] for ask in every if ask.startswith("*"))
    return Item(category, lang, row["answer"], row["expected"], asks, held, (row["answer"],))


def _sentence(text: str) -> str:
    """Capitalised, and without a doubled full stop after 'Washington, D.C.'."""
    return (text[0].upper() + text[1:]).replace("..", ".")


_LANGS: tuple[Lang, Lang] = ("en", "zh")
_IS = {"en": "is ", "zh": "是"}
