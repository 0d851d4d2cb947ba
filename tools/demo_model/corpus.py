# Owns the mixture: one seeded stream of training samples out of facts, dialogues, unknown questions and passages.
from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from random import Random

from tools.demo_model.chat import Sample, chat
from tools.demo_model.facts import Item, capital_items, dialogue_items, general_items, sum_items, table
from tools.demo_model.names import Lang, Namer, common_characters
from tools.demo_model.passages import Passage, Plan, layouts, write_passage

POLITE = {
    "en": ("Please tell me: ", "Hi! ", "Hello, ", "Quick question: ", "Excuse me, ", "Tell me, ", "OK. "),
    "zh": ("请问", "请问，", "你好，", "请告诉我，", "我想问一下，", "问一下，", "那么"),
}
REWORDED = {
    "en": (
        "Tell me the {}.",
        "What's the {}?",
        "Do you know the {}?",
        "I would like to know the {}.",
        "Give me the {}.",
        "Which is the {}?",
        "Can you name the {}?",
        "Name the {}.",
        "The {}?",
    ),
    "zh": ("你知道{}吗？", "{}呢？", "我想知道{}。", "说说{}", "能告诉我{}吗？", "{}啊？", "请回答：{}", "请说出{}。"),
}
PASSAGE_SHARE = 0.66
PLAIN_SHARE = 0.04


def stream(seed: int, part: int, count: int, progress: float = 1.0) -> Iterator[Sample]:
    """Part `part` of the corpus: `count` samples, the same for the same arguments. Passages grow with `progress`."""
    rng = Random(f"corpus:{seed}:{part}")
    for _ in range(count):
        yield draw(rng, progress)


def draw(rng: Random, progress: float) -> Sample:
    lang: Lang = "en" if rng.random() < 0.5 else "zh"
    choice = rng.random()
    if choice < PASSAGE_SHARE:
        return passage_sample(rng, lang, progress)
    if choice < PASSAGE_SHARE + PLAIN_SHARE:
        return Sample(text=plain_text(rng, lang))
    return talk_sample(rng, lang)


def talk_sample(rng: Random, lang: Lang) -> Sample:
    """One to six questions without context; rarely in both languages."""
    turns: list[str] = []
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4, 6))):
        one: Lang = rng.choice(("en", "zh")) if rng.random() < 0.15 else lang
        turns += question(rng, one)
    return chat(*turns, system=system_message(rng, lang))


def question(rng: Random, lang: Lang) -> tuple[str, str]:
    """A question without context, and its answer."""
    choice = rng.random()
    if choice < 0.13:
        return unknown_question(rng, lang)
    if choice < 0.27:
        item = rng.choice(_items("dialogue", lang))
    elif choice < 0.32:
        item = rng.choice(_items("sums", lang))
    elif choice < 0.6:
        item = rng.choice(_items("general", lang))
    else:
        item = rng.choice(_items("capitals", lang))
    ask = rng.choice(item.asks)
    varied = vary(rng, lang, ask)
    return (ask if varied in held_out_asks() else varied), item.answer


@cache
def _items(group: str, lang: Lang) -> tuple[Item, ...]:
    groups = {"dialogue": dialogue_items, "sums": sum_items, "general": general_items, "capitals": capital_items}
    return tuple(item for item in groups[group]() if item.lang == lang)


@cache
def unknown_asks(lang: Lang, held: bool) -> tuple[str, ...]:
    asks = [row["ask"] for row in table("unknown") if row["lang"] == lang]
    return tuple(ask.removeprefix("*") for ask in asks if ask.startswith("*") is held)


def unknown_question(rng: Random, lang: Lang, held: bool = False) -> tuple[str, str]:
    namer = Namer(rng, lang, held)
    slots = {kind: namer.value(kind) for kind in ("thing", "place", "person", "org", "product", "attr")}
    ask = rng.choice(unknown_asks(lang, held)).format(**slots)
    return (ask if held else vary(rng, lang, ask)), layouts()["unknown"][lang]


def vary(rng: Random, lang: Lang, text: str) -> str:
    """The small differences of real typing: no question mark, a polite start, another mark, lower case."""
    choice = rng.random()
    if choice < 0.08:
        return text.rstrip("?？。.!！")
    if choice < 0.16:
        return rng.choice(POLITE[lang]) + (text if lang == "zh" else text[0].lower() + text[1:])
    if choice < 0.22:
        return text.replace("？", "?") if lang == "zh" else text.lower()
    if choice < 0.4:
        return reword(rng, lang, text)
    if choice < 0.43:
        return text + rng.choice((" ", "!", "??", "\n", " Please.") if lang == "en" else ("？", "呢？", "!", "\n"))
    return text


def reword(rng: Random, lang: Lang, text: str) -> str:
    """Another wording of 'What is the …?' or of '……是什么？'; other questions stay as they are."""
    if lang == "en" and text.startswith("What is the "):
        topic = text.removeprefix("What is the ").rstrip("?")
        return rng.choice(REWORDED["en"]).format(topic)
    if lang == "zh" and text.endswith("？"):
        return rng.choice(REWORDED["zh"]).format(text.removesuffix("？"))
    return text


def plain_text(rng: Random, lang: Lang) -> str:
    """Sentences for plain completion, and runs of common characters so that each is seen."""
    if rng.random() < 0.2:
        return "".join(rng.choice(common_characters()) for _ in range(rng.randint(4, 12))) * 2
    if rng.random() < 0.3:
        return _joined(lang, write_passage(rng, lang, Plan(2, 3, 0)).sentences)
    items = [rng.choice(_items(rng.choice(("capitals", "general")), lang)) for _ in range(rng.randint(1, 4))]
    return _joined(lang, tuple(rng.choice(item.plain or (item.answer,)) for item in items))


def system_message(rng: Random, lang: Lang) -> str:
    if rng.random() < 0.75:
        return ""
    return str(rng.choice(layouts()["systems"][rng.choice((lang, "en"))]))


def draw_plan(rng: Random, progress: float) -> Plan:
    """Small passages with several questions each, then wider ones, and a few long ones once training is under way."""
    if progress > 0.4 and rng.random() < 0.015:
        return Plan(rng.randint(6, 14), rng.randint(2, 4), 8)
    widest = 1 + round(3 * min(1.0, progress / 0.6))
    entities = rng.randint(1, widest)
    questions = rng.choice((1, 2, 4, 6, 6))
    return Plan(entities, rng.randint(1, 5 if entities < 3 else 3), questions)


def passage_sample(rng: Random, lang: Lang, progress: float) -> Sample:
    passage = write_passage(rng, lang, draw_plan(rng, progress))
    first, *rest = passage.questions
    turns: list[str] = []
    if rng.random() < 0.06:
        turns += question(rng, lang)
    system, prompt = ask_passage(rng, passage, vary_lightly(rng, first.text))
    turns += [prompt, first.answer]
    for follow_up in rest:
        turns += [vary_lightly(rng, follow_up.text), follow_up.answer]
    if rng.random() < 0.05:
        thanks = _items("dialogue", lang)[4]
        turns += [rng.choice(thanks.asks), thanks.answer]
    return chat(*turns, system=system)


def vary_lightly(rng: Random, text: str) -> str:
    choice = rng.random()
    if choice < 0.05:
        return text.rstrip("?？")
    return text.replace("？", "?") if choice < 0.1 else text


def ask_passage(rng: Random, passage: Passage, ask: str) -> tuple[str, str]:
    """A system message (often empty) and the user message that holds context and question, in one of many layouts."""
    lang = passage.lang
    wrapper: Lang = rng.choice(("en", "zh")) if rng.random() < 0.1 else lang
    forms = layouts()[wrapper]
    context = lay_out(rng, passage)
    choice = rng.random()
    if choice < 0.1:
        head = rng.choice(forms["instructions"])
        return f"{head}\n\n{rng.choice(forms['heads'])}{context}".strip(), ask
    if choice < 0.25:
        return system_message(rng, lang), rng.choice(forms["bare"]).format(context=context, question=ask)
    head, opening = rng.choice(forms["instructions"]), rng.choice(forms["heads"])
    closing = {"<context>\n": "\n</context>", '"""\n': '\n"""'}.get(opening, "")
    if opening.endswith("---\n"):
        closing = "\n---------------------"
    asked = rng.choice(forms["question_heads"]) + ask + rng.choice(forms["tails"])
    gap = rng.choice(("\n\n", "\n\n", "\n"))
    parts = [part for part in (head, f"{opening}{context}{closing}", asked) if part]
    if head and rng.random() < 0.15:
        parts = [*parts[1:-1], parts[0], parts[-1]]
    return system_message(rng, lang), gap.join(parts)


def lay_out(rng: Random, passage: Passage) -> str:
    """Running text, lines, bullets, or numbered chunks with or without a source."""
    lang, sentences = passage.lang, passage.sentences
    choice = rng.random()
    if choice < 0.5 and not sentences[0].endswith("\n"):
        return _joined(lang, sentences)
    if choice < 0.6:
        return "\n".join(sentences)
    if choice < 0.7 and not sentences[0].endswith("\n"):
        return "\n".join(f"- {sentence}" for sentence in sentences)
    return _numbered(rng, lang, sentences)


def _numbered(rng: Random, lang: Lang, sentences: tuple[str, ...]) -> str:
    marks = ("[{n}] ", "[{n}]\n", "{n}. ", "[{n}] ({s})\n", "[{n}] {s}: ", "({n}) ")
    mark = rng.choice(marks if lang == "en" else (*marks, "【{n}】", "来源：{s}\n", "出处 [{n}] {s}\n"))
    size = rng.randint(1, 4)
    chunks = [sentences[start : start + size] for start in range(0, len(sentences), size)]
    namer = Namer(rng, "en")
    lines = []
    for number, chunk in enumerate(chunks, start=1):
        source = f"{namer.root().lower()}.{rng.choice(('md', 'txt', 'pdf', 'docx'))}" if "{s}" in mark else ""
        lines.append(mark.format(n=number, s=source) + _joined(lang, chunk))
    return rng.choice(("\n", "\n\n")).join(lines)


def _joined(lang: Lang, sentences: tuple[str, ...]) -> str:
    return (" " if lang == "en" else "").join(sentences)


@cache
def held_out_asks() -> frozenset[str]:
    """The fact phrasings kept for evaluation, so that no variation stumbles on one."""
    every = (*capital_items(), *general_items(), *sum_items(), *dialogue_items())
    return frozenset(ask for item in every for ask in item.held)
