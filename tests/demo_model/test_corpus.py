# Owns the promises of the corpus: the same for the same seed, facts that agree, and evaluation apart from training.
from __future__ import annotations

from random import Random

import pytest
from tools.demo_model.chat import CHAT_TEMPLATE, Message, Sample, render, segments
from tools.demo_model.corpus import stream, unknown_asks
from tools.demo_model.facts import capital_items, dialogue_items, general_items, sum_items, table
from tools.demo_model.names import VALUES, Lang, Namer, common_characters, is_held_out
from tools.demo_model.passages import Field, Plan, kinds, write_passage
from tools.demo_model.probes import all_probes, is_right

LANGS: tuple[Lang, Lang] = ("en", "zh")
ITEMS = (*capital_items(), *general_items(), *sum_items(), *dialogue_items())


def fields(lang: Lang) -> list[Field]:
    return [field for kind in kinds(lang).values() for field in kind.fields]


def test_the_same_seed_gives_the_same_corpus() -> None:
    assert list(stream(7, 3, 200)) == list(stream(7, 3, 200))
    assert list(stream(7, 3, 200)) != list(stream(8, 3, 200))
    assert list(stream(7, 3, 200)) != list(stream(7, 4, 200))


def test_tables_are_as_large_as_promised() -> None:
    assert len(table("provinces")) == 34
    assert len(table("countries")) >= 60
    assert len(table("general_en")) >= 70 and len(table("general_zh")) >= 70


@pytest.mark.parametrize("column", ["en", "en_capital", "zh", "zh_capital"])
def test_no_country_or_capital_stands_twice(column: str) -> None:
    values = [row[column] for row in table("countries")]
    assert len(values) == len(set(values))


def test_every_item_is_whole() -> None:
    for item in ITEMS:
        texts = (*item.asks, *item.held, item.answer)
        assert item.expected in item.answer, item
        assert item.asks and item.held, item
        assert not set(item.asks) & set(item.held), item
        assert not any(mark in text for text in texts for mark in "{}*|"), item


def test_no_held_out_phrasing_is_trained_elsewhere() -> None:
    trained = {ask for item in ITEMS for ask in item.asks}
    trained |= {m.content for sample in stream(7, 1, 4000) for m in sample.messages if m.role == "user"}
    assert not trained & {ask for item in ITEMS for ask in item.held}


def test_one_question_has_one_answer() -> None:
    answers: dict[str, str] = {}
    for item in ITEMS:
        for ask in (*item.asks, *item.held):
            assert answers.setdefault(ask, item.answer) == item.answer, ask


@pytest.mark.parametrize("lang", LANGS)
def test_unknown_questions_have_both_sorts(lang: Lang) -> None:
    trained, held = unknown_asks(lang, held=False), unknown_asks(lang, held=True)
    assert trained and held and not set(trained) & set(held)


@pytest.mark.parametrize("lang", LANGS)
def test_every_field_is_filled_in_and_answerable(lang: Lang) -> None:
    for field in fields(lang):
        assert all("{e}" in text and "{v}" in text for text in (*field.says, field.answer)), field
        assert all("{e}" in text and "{v}" not in text for text in (*field.asks, *field.held)), field
        assert not set(field.asks) & set(field.held), field


@pytest.mark.parametrize("lang", LANGS)
def test_every_kind_of_value_can_be_drawn(lang: Lang) -> None:
    namer = Namer(Random(1), lang)
    for kind in {*VALUES, *(field.value_kind for field in fields(lang))}:
        assert namer.value(kind)
    with pytest.raises(ValueError, match="No value of kind"):
        namer.value("spaceship")


@pytest.mark.parametrize("lang", LANGS)
def test_names_of_the_two_pools_never_meet(lang: Lang) -> None:
    trained, held = Namer(Random(1), lang), Namer(Random(1), lang, held_out=True)
    assert not any(is_held_out(trained.root()) for _ in range(2000))
    assert all(is_held_out(held.root()) for _ in range(500))


@pytest.mark.parametrize("lang", LANGS)
def test_an_answerable_question_is_answered_by_the_passage(lang: Lang) -> None:
    rng = Random(5)
    for _ in range(300):
        passage = write_passage(rng, lang, Plan(3, 3, 2, unanswerable=0.0))
        text = "".join(passage.sentences)
        for question in passage.questions:
            assert question.value and question.value in question.answer
            assert question.value.lower() in text.lower()


@pytest.mark.parametrize("lang", LANGS)
def test_an_unanswerable_question_has_no_value(lang: Lang) -> None:
    rng = Random(6)
    for _ in range(100):
        passage = write_passage(rng, lang, Plan(2, 2, 2, unanswerable=1.0))
        assert all(not question.value for question in passage.questions)


def test_only_assistant_words_are_learnt_in_a_chat() -> None:
    sample = Sample((Message("user", "Hi"), Message("assistant", "Hello!")))
    learnt = "".join(segment.text for segment in segments(sample) if segment.weight)
    assert learnt == "Hello!<|im_end|>"


def test_the_chat_template_renders_as_training_does() -> None:
    jinja2 = pytest.importorskip("jinja2", reason="jinja2 renders the chat template")
    messages = (
        Message("system", "Be brief."),
        Message("user", "你好"),
        Message("assistant", "你好！"),
        Message("user", "?"),
    )
    given = [{"role": m.role, "content": m.content} for m in messages]
    assert jinja2.Template(CHAT_TEMPLATE).render(messages=given, add_generation_prompt=True) == render(messages)


def test_common_characters_are_those_of_the_standard() -> None:
    assert len(common_characters()) == 3755
    assert common_characters().startswith("啊阿埃") and common_characters().endswith("座")


def test_probes_are_fair() -> None:
    for probe in all_probes(seed=1, passages=10):
        assert is_right(probe, probe.answer), probe
        assert not is_right(probe, "I have no idea.")
        assert not any(message.content in {"", "\n"} for message in probe.messages)
