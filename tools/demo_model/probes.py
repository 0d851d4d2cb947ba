# Owns the evaluation questions: held-out phrasings of known facts, and passages about held-out names.
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from tools.demo_model.chat import Message
from tools.demo_model.corpus import ask_passage, unknown_question
from tools.demo_model.facts import Item, capital_items, dialogue_items, general_items, sum_items
from tools.demo_model.names import Lang
from tools.demo_model.passages import Passage, Plan, Question, layouts, write_passage

LANGS: tuple[Lang, Lang] = ("en", "zh")
FACTS = ("countries", "countries reversed", "provinces", "provinces reversed", "general knowledge", "identity")


@dataclass(frozen=True)
class Probe:
    """Right means: `expected` is in the reply and none of `rivals` is (see `is_right`)."""

    category: str
    lang: Lang
    messages: tuple[Message, ...]
    answer: str
    expected: str
    rivals: frozenset[str] = frozenset()
    exact: bool = False


def is_right(probe: Probe, reply: str) -> bool:
    """Refusals must match to the letter; other replies hold the expected value and no competing one."""
    text = reply.strip()
    if probe.exact:
        return text == probe.answer
    return probe.expected in text and not any(rival in text for rival in probe.rivals)


def all_probes(seed: int, passages: int) -> list[Probe]:
    """Every fact in one trained and every held-out phrasing, and `passages` passages of each sort and language."""
    return [*fact_probes(seed), *unknown_probes(seed), *passage_probes(seed, passages)]


def fact_probes(seed: int) -> list[Probe]:
    rng = Random(f"probes:{seed}")
    probes = []
    for item in (*capital_items(), *general_items(), *sum_items(), *dialogue_items()):
        rivals = _fact_rivals(item)
        for phrasing, asks in (("trained", (rng.choice(item.asks),)), ("held-out", item.held)):
            for ask in asks:
                messages = (Message("user", ask),)
                category = f"{item.category}, {phrasing} phrasing"
                probes.append(Probe(category, item.lang, messages, item.answer, item.expected, rivals - _parts(ask)))
    return probes


def _fact_rivals(item: Item) -> frozenset[str]:
    """The expected values of the other facts of its kind, where one is not part of the right answer."""
    others = {o.expected for o in _siblings(item) if o.lang == item.lang}
    return frozenset(other for other in others if other not in item.answer)


def _siblings(item: Item) -> Iterable[Item]:
    return (o for o in capital_items() if o.category == item.category)


def _parts(ask: str) -> frozenset[str]:
    return frozenset(o.expected for o in capital_items() if o.expected in ask)


def unknown_probes(seed: int, count: int = 40) -> list[Probe]:
    rng = Random(f"unknown:{seed}")
    probes = []
    for lang in LANGS:
        for _ in range(count):
            ask, answer = unknown_question(rng, lang, held=True)
            probes.append(Probe("unknown question", lang, (Message("user", ask),), answer, answer, exact=True))
    return probes


def passage_probes(seed: int, count: int) -> list[Probe]:
    """All names are held out; one sort has held-out question phrasings too, one has long contexts, one no answer."""
    sorts = {
        "passage, one subject": Plan(1, 3, 1, 0.0, held_names=True),
        "passage, two subjects": Plan(2, 3, 1, 0.0, held_names=True),
        "passage": Plan(3, 3, 1, 0.0, held_names=True),
        "passage, held-out phrasing": Plan(3, 3, 1, 0.0, held_names=True, phrasing="held"),
        "passage, follow-up": Plan(2, 3, 2, 0.0, held_names=True),
        "passage, long": Plan(11, 3, 1, 0.0, held_names=True),
        "passage, no answer": Plan(3, 3, 1, 1.0, held_names=True),
    }
    probes = []
    for sort, plan in sorts.items():
        for lang in LANGS:
            rng = Random(f"passages:{seed}:{sort}:{lang}")
            probes += [_passage_probe(rng, sort, lang, plan) for _ in range(count)]
    return probes


def _passage_probe(rng: Random, sort: str, lang: Lang, plan: Plan) -> Probe:
    passage = write_passage(rng, lang, plan)
    first, *rest = passage.questions
    system, prompt = ask_passage(rng, passage, first.text)
    head = (Message("system", system),) if system else ()
    messages = (*head, Message("user", prompt))
    asked = first
    for asked_next in rest:
        messages = (*messages, Message("assistant", asked.answer), Message("user", asked_next.text))
        asked = asked_next
    rivals = _passage_rivals(passage, asked)
    exact = not asked.value
    return Probe(sort, lang, messages, asked.answer, asked.value or asked.answer, rivals, exact)


def _passage_rivals(passage: Passage, asked: Question) -> frozenset[str]:
    """Every other value and entity of the passage that the right answer does not hold, and the refusal."""
    others = (*passage.values, *passage.entities, layouts()["refusals"][passage.lang])
    return frozenset(other for other in others if other not in asked.answer)
