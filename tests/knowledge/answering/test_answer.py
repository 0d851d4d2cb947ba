"""Answers to questions: sources first, then tokens, then the whole answer with its citations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from modelyard.core.access import Grant
from modelyard.core.config import Settings
from modelyard.core.errors import InvalidParameter, PermissionDenied
from modelyard.knowledge.answering.answer import (
    Answering,
    AnswerToken,
    Event,
    FinalAnswer,
    KnowledgeQuestion,
    Sources,
    _with_citations,
    nothing_found,
)
from modelyard.knowledge.answering.excerpts import excerpts
from modelyard.knowledge.answering.prompts import check_prompts, prompt
from modelyard.knowledge.documents.bases import BaseSettings
from modelyard.knowledge.documents.blobs import whole
from modelyard.protocol.hits import Citation
from tests.knowledge.answering.hits import hit
from tests.knowledge.room import Models, Running, room, written

WHOLE = "The lake is deep in January.\n\nThe river is shallow in July."
USAGE = {"prompt_tokens": 3, "completion_tokens": 2}


class Talking(Models):
    """Answers with the given pieces; `bodies` has the requests."""

    def __init__(self, *pieces: str, reason: str | None = "length") -> None:
        super().__init__()
        self._pieces, self._reason = pieces, reason
        self.bodies: list[Mapping[str, Any]] = []

    async def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        self.bodies.append(body)
        yield {"choices": [{"delta": {"role": "assistant"}, "finish_reason": None}]}
        for piece in self._pieces:
            yield {"choices": [{"delta": {"content": piece}}]}
        yield {"choices": [{"delta": {}, "finish_reason": self._reason}]}
        yield {"choices": [], "usage": USAGE}


def answered(
    settings: Settings, models: Models, text: str, any_model: str | None = None, /, **more: Any
) -> list[Event]:
    """The events of a question to a base with two chunks: a deep lake and a shallow river."""
    context = more.pop("context", None)

    async def go() -> list[Event]:
        async with room(settings, models, Running(any_model, context)) as knowledge:
            prompts = more.pop("prompts", None)
            base = await written(knowledge, chat_model=more.pop("chat_model", None), prompts=prompts)
            question = KnowledgeQuestion(text=text, bases=[base], **more)
            return [event async for event in knowledge.answering.answer(question)]

    return asyncio.run(go())


def test_an_answer_is_its_sources_its_tokens_and_the_whole(settings: Settings) -> None:
    models = Talking("The river ", "is shallow in July [1].")
    history = [{"role": "user", "content": "What of the lake?"}, {"role": "assistant", "content": "Deep."}]
    sources, *tokens, last = answered(
        settings, models, "Is the river shallow in July?", model="m", history=history, options={"temperature": 0.5}
    )
    assert isinstance(sources, Sources) and [each.number for each in sources.citations] == list(
        range(1, len(sources.citations) + 1)
    )
    assert tokens == [AnswerToken("The river "), AnswerToken("is shallow in July [1].", sources.citations[:1])]
    assert isinstance(last, FinalAnswer)
    assert (last.text, last.model, last.evidence) == ("The river is shallow in July [1].", "m", True)
    assert (last.usage, last.finish_reason, last.notes) == (USAGE, "length", [])
    assert [(each.number, each.text) for each in last.citations] == [(1, "The river is shallow in July.")]
    [body] = models.bodies
    assert (body["model"], body["temperature"], body["messages"][:2]) == ("m", 0.5, history)
    message = body["messages"][2]
    assert message["role"] == "user" and f"[1] a.txt\n{WHOLE}" in message["content"]
    assert message["content"].endswith("Question: Is the river shallow in July?")


class Spelling(Talking):
    """Reads ten tokens in each character, as models with few words do in an alphabet they hardly know."""

    async def count_tokens(self, model: str, messages: Sequence[Mapping[str, Any]]) -> int | None:
        return sum(10 * len(str(each["content"])) for each in messages)


@pytest.mark.parametrize(("context", "sources"), [(8000, [WHOLE]), (6600, ["The river is shallow in July."])])
def test_the_prompt_fits_into_the_context_as_the_model_counts_it(
    settings: Settings, context: int, sources: list[str]
) -> None:
    models = Spelling("Shallow.")
    answered(settings, models, "Is the river shallow in July?", model="m", context=context)
    [body] = models.bodies
    [message] = body["messages"]
    assert 10 * len(message["content"]) <= context - 1024
    assert all(text in message["content"] for text in sources)


def test_a_model_whose_tokens_cannot_be_counted_answers_all_the_same(settings: Settings) -> None:
    class Uncounted(Talking):
        async def count_tokens(self, model: str, messages: Sequence[Mapping[str, Any]]) -> int | None:
            return None

    events = answered(settings, Uncounted("Shallow [1]."), "Is the river shallow in July?", model="m", context=700)
    assert isinstance(events[-1], FinalAnswer) and events[-1].evidence


def test_a_mark_is_added_where_the_model_sets_none(settings: Settings) -> None:
    events = answered(settings, Talking("The river is shallow.", reason=None), "Is the river shallow?", model="m")
    last = events[-1]
    assert isinstance(last, FinalAnswer) and events[-2] == AnswerToken(" [1]", last.citations)
    assert last.text == "The river is shallow. [1]" and last.finish_reason == "stop"
    assert [each.number for each in last.citations] == [1]


def test_a_source_that_does_not_say_it_is_no_citation(settings: Settings) -> None:
    events = answered(
        settings, Talking("The mountain railway costs 900 francs [1]."), "Is the river shallow?", model="m"
    )
    last = events[-1]
    assert isinstance(last, FinalAnswer) and last.citations == []
    assert last.notes == ["Source [1] does not say what the answer cites it for."]
    assert len(events) == 3


def test_without_evidence_no_model_is_asked(settings: Settings) -> None:
    models = Talking("never")
    sources, token, last = answered(settings, models, "Which airline flies to Peru?", model="m")
    assert sources == Sources([], ["'b' is searched by words alone: it has no embedding model."])
    sentence = "I found nothing about this in b."
    assert (token, last) == (AnswerToken(sentence), FinalAnswer(sentence, [], False, None)) and not models.bodies


def test_without_a_model_the_sources_answer(settings: Settings) -> None:
    sources, token, last = answered(settings, Models(), "Is the river shallow in July?")
    assert isinstance(sources, Sources) and isinstance(last, FinalAnswer)
    assert token == AnswerToken(last.text, last.citations) and "The river is shallow in July. [1]" in last.text
    assert (last.evidence, last.model, last.citations[0]) == (True, None, sources.citations[0])


@pytest.mark.parametrize(
    ("named", "of_base", "running", "chosen"),
    [("m", "b", "r", "m"), (None, "b", "r", "b"), (None, None, "r", "r"), (None, None, None, None)],
)
def test_the_model_is_the_named_one_or_that_of_the_base_or_any(
    settings: Settings, named: str | None, of_base: str | None, running: str | None, chosen: str | None
) -> None:
    models = Talking("The river is shallow [1].")
    events = answered(settings, models, "Is the river shallow?", running, model=named, chat_model=of_base)
    assert [body["model"] for body in models.bodies] == ([chosen] if chosen else [])
    last = events[-1]
    assert isinstance(last, FinalAnswer) and last.model == chosen


def test_a_key_answers_with_its_models_only() -> None:
    nothing: Any = None
    running = Running("any")
    answering = Answering(nothing, nothing, nothing, running)
    grant = Grant("1", "k", frozenset(), models=frozenset({"mine"}))
    bases: Any = [SimpleNamespace(chat_model=None), SimpleNamespace(chat_model="other")]
    assert answering.model(KnowledgeQuestion(text="?", bases=bases, model="mine", grant=grant)) == "mine"
    assert answering.model(KnowledgeQuestion(text="?", bases=bases[:1], grant=grant)) == "any" and running.grants == [
        grant
    ]
    assert answering.model(KnowledgeQuestion(text="?", bases=bases)) == "other"
    for named in ("other", None):
        with pytest.raises(PermissionDenied):
            answering.model(KnowledgeQuestion(text="?", bases=bases, model=named, grant=grant))


def test_a_caller_is_counted_by_models_of_its_own(settings: Settings) -> None:
    server, caller = Talking("no"), Talking("The river is shallow [1].")
    answered(settings, server, "Is the river shallow?", model="m", models=caller)
    assert (len(server.bodies), len(caller.bodies)) == (0, 1)


def test_a_base_may_have_a_prompt_of_its_own(settings: Settings) -> None:
    models = Talking("The river is shallow [1].")
    own = {"answer": "{{ question }}|{{ sources[0].document }}|{{ sources[0].text }}|{{ context }}"}
    answered(settings, models, "Is the river shallow?", model="m", prompts=own, k=1)
    assert models.bodies[0]["messages"][-1]["content"] == f"Is the river shallow?|a.txt|{WHOLE}|{WHOLE}"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("why?", "I found nothing about this in a and b."),
        ("为什么？", "在知识库“a”、“b”中没有找到与这个问题有关的内容。"),
        ("なぜ", "在知识库“a”、“b”中没有找到与这个问题有关的内容。"),
    ],
)
def test_nothing_found_is_said_in_the_language_of_the_question(text: str, sentence: str) -> None:
    bases: Any = [type("Base", (), {"name": name})() for name in ("a", "b")]
    assert nothing_found(KnowledgeQuestion(text=text, bases=bases)) == sentence


def test_citations_keep_their_numbers() -> None:
    hits = [hit("The lake is deep."), hit("The river is shallow in July.")]
    sources = [Citation.of(number, each) for number, each in enumerate(hits, 1)]
    answer = FinalAnswer("The river is shallow in July [2]. The lake is deep [1].", [], True, "m")
    found, more = _with_citations(answer, "?", hits, sources)
    assert ([each.number for each in found.citations], more, found.notes) == ([2, 1], "", [])
    nothing, more = _with_citations(FinalAnswer("Unrelated words entirely.", [], True, "m"), "?", hits, sources)
    assert (nothing.citations, more, nothing.text) == ([], "", "Unrelated words entirely.")


def test_excerpts_for_a_tool_are_numbered_or_a_sentence(settings: Settings) -> None:
    async def go() -> None:
        async with room(settings) as knowledge:
            base = await written(knowledge)
            found = await excerpts(knowledge.search, base, "river shallow July")
            assert found.startswith("[1] a.txt\nThe river is shallow in July.")
            assert await excerpts(knowledge.search, base, "airline Peru") == "'b' has nothing about this."
            assert await excerpts(knowledge.search, base, "river " * 5000)
            await knowledge.documents.put(base, "p.md", whole(b"# Top\n\nThe glacier melts in August."))
            await knowledge.worker.wait(await knowledge.index(base, ["p.md"]))
            assert "p.md\n" in await excerpts(knowledge.search, base, "glacier melts")

    asyncio.run(go())


SOURCE = {"document": "a.pdf", "page": 3, "text": "the text", "heading": ""}


@pytest.mark.parametrize(
    ("templates", "sources", "message"),
    [
        ({}, [], "Nothing was found in the documents about this question:\nwhy?"),
        ({"empty": "No: {{ question }}"}, [], "No: why?"),
        ({"answer": "A {{ context }}"}, [SOURCE, {**SOURCE, "text": "more"}], "A the text\nmore"),
        ({"empty": "x"}, [SOURCE], "[1] a.pdf, page 3\nthe text\n\nQuestion: why?"),
        (
            {},
            [{**SOURCE, "page": None}, SOURCE],
            "[1] a.pdf\nthe text\n\n[2] a.pdf, page 3\nthe text\n\nQuestion: why?",
        ),
    ],
)
def test_the_message_has_the_question_and_its_sources(
    templates: dict[str, str], sources: list[dict[str, Any]], message: str
) -> None:
    assert asyncio.run(prompt(templates, "why?", sources)).endswith(message)


@pytest.mark.parametrize(
    ("prompts", "error"),
    [
        ({"other": "x"}, "'other' is none of answer, empty"),
        ({"answer": "{{"}, "the template cannot be used: "),
        ({"empty": "{{ 1 / 0 }}"}, "the template cannot be used: "),
    ],
)
def test_a_template_is_tried_before_it_is_kept(settings: Settings, prompts: dict[str, str], error: str) -> None:
    with pytest.raises(InvalidParameter, match=error) as caught:
        asyncio.run(check_prompts(prompts))
    assert caught.value.param == "prompts" and not caught.value.message.endswith("..")

    async def go() -> None:
        async with room(settings) as knowledge:
            with pytest.raises(InvalidParameter, match=error):
                await knowledge.create("b", BaseSettings(prompts=prompts))
            await knowledge.create(
                "b", BaseSettings(prompts={"answer": "{{ sources[0].page }}{{ context }}{{ question }}"})
            )
            with pytest.raises(InvalidParameter, match=error):
                await knowledge.rename("b", BaseSettings(prompts=prompts), None)

    asyncio.run(go())
