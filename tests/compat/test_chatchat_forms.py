"""How Chatchat's and FastChat's forms are read and written: histories, limits, events, patterns, prompts, choices of tools."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from modelyard.chats.tool_loop import ToolEnded
from modelyard.chats.tools.base import Tool
from modelyard.chats.tools.calculator import Calculator
from modelyard.compat.chatchat import unified
from modelyard.compat.chatchat.agent_chat import tool_report
from modelyard.compat.chatchat.base import checked_name
from modelyard.compat.chatchat.chat import LONGEST_ID, row_id
from modelyard.compat.chatchat.kb_chat import CompletionMessage, choice, completion, head
from modelyard.compat.chatchat.knowledge_base import _like, _matches, chunk_number, distance
from modelyard.compat.chatchat.prompts import render_prompt, template
from modelyard.compat.chatchat.streams import event, token_limit
from modelyard.compat.chatchat.turns import ChatQuestion, HistoryMessage
from modelyard.compat.chatchat.unified import UnifiedChat, tool_call
from modelyard.compat.chatchat.uploads import chunking_options, parse_custom_docs
from modelyard.compat.fastchat.generation import GenerationBody, error_value, generate, generation_stream
from modelyard.core.errors import (
    ChatchatRefused,
    DocumentNotFound,
    InvalidParameter,
    ModelNotFound,
    ModelyardError,
    RateLimited,
    UnsupportedParameter,
)
from modelyard.knowledge.documents.splitter import LARGEST, SMALLEST


@pytest.mark.parametrize(
    ("message", "role", "content"),
    [
        ({"role": "user", "content": "a"}, "user", "a"),
        ({"role": "human", "content": "a"}, "user", "a"),
        (["ai", "b"], "assistant", "b"),
        (("system", "c", "more"), "system", "c"),
    ],
)
def test_a_message_of_the_history_is_an_object_or_a_list(message: Any, role: str, content: str) -> None:
    [read] = ChatQuestion.model_validate({"query": "q", "history": [message]}).history
    assert read.openai_message() == {"role": role, "content": content}


@pytest.mark.parametrize("message", [["user"], "user", {"role": "user"}])
def test_any_other_message_is_refused(message: Any) -> None:
    with pytest.raises(ValidationError):
        HistoryMessage.model_validate(message)


@pytest.mark.parametrize(
    ("limit", "field"), [(None, {}), (0, {}), (-1, {}), (1, {"max_tokens": 1}), (9, {"max_tokens": 9})]
)
def test_a_limit_of_0_and_less_is_none(limit: int | None, field: dict[str, int]) -> None:
    assert token_limit(limit) == field


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ("中\r\nb\rc", "data: 中\r\ndata: b\r\ndata: c\r\n\r\n"),
        ({"a": "中"}, 'data: {"a": "中"}\r\n\r\n'),
        ("", "data: \r\n\r\n"),
    ],
)
def test_an_event_ends_its_lines_in_cr_lf(value: Any, data: str) -> None:
    assert event(value) == data.encode()


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("a.txt", "A.TXT", True),
        ("a.txt", "abtxt", False),
        ("a_txt", "a.txt", True),
        ("%", "", True),
        ("%.md", "x.md", True),
        ("%.md", "x.md.txt", False),
        ("a%", "bab", False),
        ("a%b%c", "a--b\nbc", True),
        ("a%b%c", "acb", False),
        ("%b%", "abc", True),
    ],
)
def test_a_pattern_is_that_of_sqls_like(pattern: str, name: str, matches: bool) -> None:
    assert (_like(pattern).fullmatch(name) is not None) is matches


def test_many_wildcards_end() -> None:
    """Without atomic groups, this takes longer than the limit of a test."""
    assert _like("%a" * 300 + "%b").fullmatch("a" * 3000) is None


@pytest.mark.parametrize(
    ("metadata", "required", "matches"),
    [({"a": 1}, {"a": "1"}, True), ({"a": 1}, {"a": 2}, False), ({}, {"a": None}, False), ({"a": 1}, {}, True)],
)
def test_metadata_matches_by_its_text(metadata: Mapping[str, Any], required: Mapping[str, Any], matches: bool) -> None:
    assert _matches(metadata, required) is matches


@pytest.mark.parametrize(("similarity", "fused", "expected"), [(1.0, 0.0, 0.0), (0.25, 0.0, 1.5), (None, 0.25, 1.5)])
def test_a_distance_is_that_of_unit_vectors(similarity: float | None, fused: float, expected: float) -> None:
    hit: Any = SimpleNamespace(scores=SimpleNamespace(similarity=similarity, fused=fused), score=0.9)
    assert distance(hit) == expected


@pytest.mark.parametrize("name", ["", "a", "-1", "1.5", "٣", "1" * 19])
def test_what_is_no_number_of_a_chunk_is_not_found(name: str) -> None:
    with pytest.raises(DocumentNotFound):
        chunk_number(name)


def test_a_chunks_number_is_read() -> None:
    assert chunk_number("9" * 18) == int("9" * 18)


def test_ids_that_are_too_long_are_hashed() -> None:
    assert row_id("x" * LONGEST_ID) == "x" * LONGEST_ID
    long = row_id("x" * (LONGEST_ID + 1))
    assert len(long) == LONGEST_ID and long not in (row_id("y" * (LONGEST_ID + 1)), "x" * LONGEST_ID)


def test_a_name_that_climbs_is_an_attack() -> None:
    assert checked_name("a..b") == "a..b"
    with pytest.raises(ChatchatRefused) as caught:
        checked_name("../a", [])
    assert (caught.value.number, caught.value.data) == (403, [])


@pytest.mark.parametrize(
    ("size", "overlap", "expected"),
    [(0, -1, (SMALLEST, 0)), (250, 50, (250, 50)), (10**9, 10**9, (LARGEST, 10**9))],
)
def test_sizes_of_chunks_stay_within_bounds(size: int, overlap: int, expected: tuple[int, int]) -> None:
    options = chunking_options(size, overlap, True)
    assert (options["size"], options["overlap"]) == expected and options["title_enhance"] is True


def test_chunks_by_hand_are_lists_of_objects() -> None:
    assert parse_custom_docs("") == {}
    assert parse_custom_docs('{"a": [{"page_content": "x"}]}') == {"a": [{"page_content": "x"}]}
    for text in ("[", "[1]", '{"a": 1}', '{"a": [1]}'):
        with pytest.raises(InvalidParameter, match="no JSON object of lists"):
            parse_custom_docs(text)


def test_a_users_text_is_never_a_template() -> None:
    assert render_prompt("llm_chat", "default", input="{{ 1 + 1 }}") == "{{ 1 + 1 }}"
    assert template("agent_chat", "ChatGLM3") == template("agent_chat", "Default") == "{{ input }}"
    for kind, name, words in (("llm_chat", "none", "default, with_history, py"), ("none", "default", "llm_chat")):
        with pytest.raises(InvalidParameter, match=words):
            template(kind, name)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a", "a"),
        (None, ""),
        ([{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}], "ab"),
    ],
)
def test_the_text_of_a_message(content: Any, text: str) -> None:
    message = CompletionMessage(role="user", content=content)
    assert "".join(message.text.split()) == text


def test_an_object_has_chatchats_fields_beside_openais() -> None:
    first, second = head("chat.completion", "m"), head("chat.completion", "m")
    assert first["id"].startswith("chat") and first["id"] != second["id"]
    assert (first["message_type"], first["is_ref"], first["status"]) == (1, False, None)
    assert "docs" not in completion("m", "a", None) and completion("m", "a", [])["docs"] == []
    assert completion("m", "a", None)["choices"][0]["message"]["content"] == "a"
    [piece] = choice("b", "stop", [{"id": "1"}])["choices"]
    assert (piece["delta"], piece["finish_reason"]) == ({"content": "b", "tool_calls": [{"id": "1"}]}, "stop")


@pytest.mark.parametrize(
    ("tool_choice", "chosen"),
    [
        (None, ""),
        ("auto", ""),
        ("none", ""),
        ("required", ""),
        ("calculate", "calculate"),
        ({"type": "function", "function": {"name": "f"}}, "f"),
        ({"type": "function"}, ""),
    ],
)
def test_the_tool_that_must_be_called(tool_choice: Any, chosen: str) -> None:
    body = UnifiedChat(messages=[{"role": "user", "content": "q"}], tool_choice=tool_choice)
    assert (body.chosen, body.question) == (chosen, "q")


def test_a_request_to_the_model_has_known_fields_only() -> None:
    body = UnifiedChat.model_validate(
        {"messages": [{"role": "user"}], "max_tokens": 0, "temperature": 0, "top_p": 0.5, "seed": None, "kb": "x"}
    )
    assert body.request("m") == {"model": "m", "messages": [{"role": "user"}], "temperature": 0, "top_p": 0.5}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [({"expression": "1"}, "1"), ({"a": 1}, '{"a": 1}'), ({"a": "中", "b": 2}, '{"a": "中", "b": 2}'), ("x{", "x{")],
)
def test_a_report_of_a_call_has_its_arguments(arguments: Any, text: str) -> None:
    call = ToolEnded("1", "calculator", arguments, "2", True)
    assert tool_report(call) == ["工具名称: calculator", "工具状态: 调用成功", f"工具输入: {text}", "工具输出: 2"]
    shown = tool_call(call, "2", False)
    assert (shown["id"], shown["tool_output"], shown["is_error"]) == ("1", "2", False)
    failed = ToolEnded("1", "calculator", arguments, "no", False)
    assert tool_report(failed) == ["工具名称: calculator", "工具状态: 调用失败", "错误信息: no"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"temperature": 1.0, "top_p": 1.0, "max_tokens": 256}),
        ({"temperature": -1, "max_new_tokens": None, "top_p": 0.5}, {"temperature": 0.0, "top_p": 0.5}),
        (
            {"max_new_tokens": 1, "top_k": 5, "repetition_penalty": 1.1, "presence_penalty": 0.5, "frequency_penalty": 0.1},
            {"temperature": 1.0, "top_p": 1.0, "max_tokens": 1, "top_k": 5, "repetition_penalty": 1.1,
             "presence_penalty": 0.5, "frequency_penalty": 0.1},
        ),
        (
            {"max_new_tokens": 1, "stop": ["a"], "stop_token_ids": [2]},
            {"temperature": 1.0, "top_p": 1.0, "max_tokens": 1, "stop": ["a"], "stop_token_ids": [2]},
        ),
    ],
)  # fmt: skip
def test_fastchats_parameters_become_openais(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    assert GenerationBody(prompt="p", **fields).openai_parameters("m") == {"model": "m", **expected}


@pytest.mark.parametrize("fields", [{"logprobs": 1}, {"use_beam_search": True}, {"best_of": 2}, {"images": ["x"]}])
def test_what_workers_lack_is_refused_by_name(fields: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        GenerationBody(prompt="p", **fields).check()
    assert caught.value.param == next(iter(fields))


def test_what_changes_nothing_is_accepted() -> None:
    GenerationBody(prompt="p", logprobs=0, best_of=1, images=[]).check()


@pytest.mark.parametrize(
    ("error", "code"),
    [(ModelNotFound("m"), 50005), (RateLimited("slow", 1), 42901), (InvalidParameter("a", "b"), 40302),
     (DocumentNotFound("a", "b"), 50001)],
)  # fmt: skip
def test_errors_have_fastchats_numbers(error: ModelyardError, code: int) -> None:
    assert error_value(error) == {"text": error.message, "error_code": code}


class Models:
    """A model whose chunks a test sets; `bodies` has the requests."""

    def __init__(self, *chunks: dict[str, Any] | ModelyardError) -> None:
        self._chunks = chunks
        self.bodies: list[Mapping[str, Any]] = []

    async def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        self.bodies.append(body)
        for chunk in self._chunks:
            if isinstance(chunk, ModelyardError):
                raise chunk
            yield chunk

    complete = chat


def test_values_have_the_whole_text_and_the_engines_counts() -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9, "details": None}
    models: Any = Models(
        {"choices": [{"delta": {"content": "a"}}]},
        {"choices": [{"text": "b", "finish_reason": "length"}]},
        {"choices": [], "usage": usage},
    )
    body = GenerationBody(prompt=[("user", "q"), ("assistant", "r"), ("user", None)])
    last = asyncio.run(generate(models, "m", body))
    counts = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    assert last == {"text": "ab", "error_code": 0, "usage": counts, "finish_reason": "length"}
    assert models.bodies[0]["messages"] == [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}]


@pytest.mark.parametrize(("echo", "texts"), [(True, ["pa", "pa"]), (False, ["a", "a"])])
def test_a_text_is_repeated_before_its_continuation_if_asked(echo: bool, texts: list[str]) -> None:
    async def values() -> list[bytes]:
        models: Any = Models({"choices": [{"text": "a"}]})
        return [each async for each in generation_stream(models, "m", GenerationBody(prompt="p", echo=echo))]

    found = asyncio.run(values())
    assert all(each.endswith(b"\0") for each in found)
    assert [each.split(b'"text": "')[1].split(b'"')[0].decode() for each in found] == texts
    assert b'"finish_reason": "stop"' in found[-1] and b'"completion_tokens": 1, "total_tokens": 1' in found[-1]


def test_an_error_on_the_way_is_the_last_value() -> None:
    models: Any = Models({"choices": [{"text": "a"}]}, ModelNotFound("m"))
    assert asyncio.run(generate(models, "m", GenerationBody(prompt="p")))["error_code"] == 50005


CALLERS_OWN = {"type": "function", "function": {"name": "mine"}}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"tools": ["calculate"]}, ["calculator"]),
        ({"tools": ["calculator", "calculate"]}, ["calculator"]),
        ({"tools": ["calculate"], "tool_choice": "none"}, []),
        ({"tool_choice": "calculate"}, ["calculator"]),
        ({"tool_choice": "auto"}, []),
        ({"tools": [CALLERS_OWN]}, []),
        ({"tools": [{"type": "function", "function": {"name": "calculate"}}]}, ["calculator"]),
    ],
)
def test_tools_of_the_server_are_chosen_by_name(
    fields: dict[str, Any], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [tool.name for tool in chosen(fields, monkeypatch)] == expected


@pytest.mark.parametrize(
    "fields", [{"tools": ["none"]}, {"tools": ["calculate", CALLERS_OWN]}, {"tool_choice": "none2"}]
)
def test_a_tool_that_the_server_lacks_is_refused(fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidParameter, match="there are calculator") as caught:
        chosen(fields, monkeypatch)
    assert caught.value.param == "tools"


def chosen(fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> list[Tool]:
    """Choose among the tools of a server that has only the calculator."""

    async def server_tools(*_: Any) -> list[Tool]:
        return [Calculator()]

    monkeypatch.setattr(unified, "server_tools", server_tools)
    body = UnifiedChat(messages=[{"role": "user", "content": "q"}], **fields)
    parts: Any = None
    return asyncio.run(unified.chosen_tools(body, parts, None))
