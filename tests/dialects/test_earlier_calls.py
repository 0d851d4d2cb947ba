"""Earlier calls of hosted tools: which of them a turn still needs, and what they become in a chat completion."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from modelyard.dialects.responses.earlier_calls import call_and_result, without_answered
from modelyard.protocol.responses_items import (
    AgentMessageItem,
    CustomCallItem,
    CustomOutputItem,
    FileSearchItem,
    FunctionCallItem,
    FunctionOutputItem,
    HostedItem,
    McpCallItem,
    MessageItem,
    WebSearchItem,
)


def made(kind: type[Any], **fields: Any) -> Any:
    return msgspec.convert(fields, kind)


def message(role: str) -> MessageItem:
    found: MessageItem = made(MessageItem, type="message", role=role, content="words")
    return found


USER, AGENT, SYSTEM = message("user"), message("assistant"), message("system")
CALL = made(FunctionCallItem, type="function_call", call_id="1", name="f", arguments="{}")
RESULT = made(FunctionOutputItem, type="function_call_output", call_id="1", output="x")
CUSTOM = made(CustomCallItem, type="custom_tool_call", call_id="1", name="f", input="x")
CUSTOM_RESULT = made(CustomOutputItem, type="custom_tool_call_output", call_id="1", output="x")
SEARCH = made(WebSearchItem, type="web_search_call", id="ws_1")
FILES = made(FileSearchItem, type="file_search_call", id="fs_1", queries=["a"])
MCP = made(McpCallItem, type="mcp_call", id="mcp_1", name="add", server_label="sums")
HANDED = made(AgentMessageItem, type="agent_message", content=[])


@pytest.mark.parametrize(
    ("items", "kept"),
    [
        ([USER, SEARCH, AGENT], [USER, AGENT]),
        ([USER, SEARCH, FILES, MCP, AGENT, USER], [USER, AGENT, USER]),
        ([USER, SEARCH], [USER, SEARCH]),
        ([USER, SEARCH, CALL], [USER, SEARCH, CALL]),
        ([USER, SEARCH, CALL, RESULT], [USER, SEARCH, CALL, RESULT]),
        ([USER, SEARCH, CUSTOM, CUSTOM_RESULT], [USER, SEARCH, CUSTOM, CUSTOM_RESULT]),
        ([USER, SEARCH, AGENT, CALL, RESULT], [USER, SEARCH, AGENT, CALL, RESULT]),
        ([USER, SEARCH, AGENT, USER, MCP, CALL, RESULT], [USER, AGENT, USER, MCP, CALL, RESULT]),
        ([USER, SEARCH, AGENT, HANDED, MCP], [USER, AGENT, HANDED, MCP]),
        ([USER, SEARCH, SYSTEM], [USER, SEARCH, SYSTEM]),
        ([USER, CALL, RESULT, AGENT], [USER, CALL, RESULT, AGENT]),
        ([], []),
    ],
)
def test_a_turn_that_ended_with_an_answer_needs_its_hosted_calls_no_more(items: list[Any], kept: list[Any]) -> None:
    places = [(item, f"input[{number}]") for number, item in enumerate(items)]
    found = without_answered(places)
    assert [item for item, _ in found] == kept
    assert list(found) == [each for each in places if each in found], "in their order, with their places"


def pair(item: HostedItem) -> tuple[str, str, dict[str, Any], str] | None:
    found = call_and_result(item, "input[3]")
    if found is None:
        return None
    call, result = found
    assert (call["type"], result["role"], result["tool_call_id"]) == ("function", "tool", call["id"])
    return call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]), result["content"]


def search(**fields: Any) -> HostedItem:
    found: HostedItem = made(WebSearchItem, **{"type": "web_search_call", "id": "ws_1", "output": "found", **fields})
    return found


@pytest.mark.parametrize(
    ("item", "function"),
    [
        (search(action={"type": "search", "queries": ["a", "b", 3]}), ("web_search", {"query": "a; b"})),
        (search(action={"type": "search", "queries": "a"}), ("web_search", {"query": ""})),
        (search(action={"type": "open_page", "url": "http://a"}), ("open_page", {"url": "http://a"})),
        (search(action={"type": "open_page", "url": None}), ("open_page", {"url": ""})),
        (search(), ("web_search", {"query": ""})),
        (
            made(FileSearchItem, type="file_search_call", id="ws_1", queries=["a", "b"], output="found"),
            ("file_search", {"query": "a; b"}),
        ),
        (
            made(
                McpCallItem,
                type="mcp_call",
                id="ws_1",
                name="add",
                server_label="s",
                arguments='{"a": 1}',
                output="found",
            ),
            ("s__add", {"a": 1}),
        ),
        (
            made(McpCallItem, type="mcp_call", id="ws_1", name="add", server_label="s", arguments="", output="found"),
            ("s__add", {}),
        ),
    ],
)
def test_a_call_has_the_name_and_arguments_of_its_function(item: HostedItem, function: tuple[str, Any]) -> None:
    assert pair(item) == ("ws_1", *function, "found")


def mcp(**fields: Any) -> HostedItem:
    found: HostedItem = made(McpCallItem, **{"type": "mcp_call", "name": "add", "server_label": "s", **fields})
    return found


@pytest.mark.parametrize(
    ("item", "content"),
    [
        (mcp(output="7"), "7"),
        (mcp(output="7", error={"content": [{"text": "no"}]}), "7"),
        (mcp(error={"content": [{"text": "no"}, {"text": 3}, 4, {"text": "way"}]}), "Error: no\nway"),
        (mcp(output="", error={"content": [{"text": "no"}]}), "Error: no"),
        (mcp(error={"content": "no"}), None),
        (mcp(error="no"), None),
        (mcp(error={}), None),
        (mcp(output=""), None),
        (search(output=None), None),
    ],
)
def test_a_result_is_what_came_or_the_error_of_the_server(item: HostedItem, content: str | None) -> None:
    found = pair(item)
    assert (found and found[3]) == content


def test_a_call_without_an_id_is_named_by_its_place() -> None:
    found = pair(mcp(output="7"))
    assert found is not None and found[0] == "input[3]"
