"""What is changed in a body before any engine sees it, what is refused with its place, and that all else keeps its bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modelyard.core.errors import InvalidParameter, ModelyardError
from modelyard.gateway.paths import PATHS
from modelyard.protocol.requests import read

CHAT, COMPLETIONS, EMBEDDINGS, RERANK = (
    *("/v1/chat/completions", "/v1/completions", "/v1/embeddings"),
    "/v1/rerank",
)
USER = {"role": "user", "content": "What time is it?"}
NEEDED: dict[str, dict[str, Any]] = {
    CHAT: {"messages": [USER]},
    COMPLETIONS: {"prompt": "Once"},
    EMBEDDINGS: {"input": "a text"},
    RERANK: {"query": "a", "documents": ["b"]},
}
TOOL = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}
SCHEMA = {"type": "object", "properties": {"a": {"default": None}}}


def sent(path: str, given: dict[str, Any] | bytes) -> tuple[bytes, bytes]:
    """The bytes that came, and those that an engine gets."""
    body = given if isinstance(given, bytes) else json.dumps({"model": "m", **NEEDED[path], **given}).encode()
    row = PATHS[path]
    return body, read(body, row.request, row.plain)[1]


def refusal(path: str, given: dict[str, Any] | bytes) -> ModelyardError:
    with pytest.raises(ModelyardError) as refused:
        sent(path, given)
    assert refused.value.status == 400
    return refused.value


@pytest.mark.parametrize(
    ("path", "given"),
    [
        (CHAT, {}),
        (CHAT, {"n": 2, "tools": [TOOL], "tool_choice": "auto", "unknown": [None, 2**70]}),
        (CHAT, {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "now"}}}),
        (CHAT, {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}}),
        (CHAT, {"chat_template_kwargs": {"a": None}, "stream": True, "stream_options": {"include_usage": True}}),
        (CHAT, {"messages": [{"role": "user", "content": [{"type": "text", "text": "null"}]}], "x": "null"}),
        (CHAT, {"messages": [USER, {"role": "assistant", "content": "", "reasoning_content": "hm"}, USER]}),
        (COMPLETIONS, {"prompt": ["a", "b"], "max_tokens": -1, "logprobs": True}),
        (COMPLETIONS, {"prompt": [1, 2], "logit_bias": {"5": -100}}),
        (EMBEDDINGS, {"input": [[1, 2], [3]], "dimensions": 3}),
        (RERANK, {"documents": [{"text": "b", "more": None}]}),
    ],
)
def test_correct_bodies_keep_their_bytes(path: str, given: dict[str, Any]) -> None:
    came, gets = sent(path, given)
    assert gets is came


CALL = {"id": "c", "type": "function", "function": {"name": "now", "arguments": "{}"}}

OLD_CALL = {"role": "assistant", "content": None, "function_call": CALL["function"]}
SILENT = {"role": "assistant", "content": ""}


def talk(*calls: Any, **result: Any) -> dict[str, Any]:
    """A conversation in which the assistant has called."""
    answer = {"role": "tool", "tool_call_id": "c", "content": "noon", **result}
    return {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": list(calls)}, answer]}


def called(**function: Any) -> dict[str, Any]:
    return talk({**CALL, "function": {"name": "now", **function}})


def content(*parts: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


ADDRESS = "data:image/png;base64,AAAA"
IMAGE = {"type": "image_url", "image_url": {"url": ADDRESS}}


@pytest.mark.parametrize(
    ("given", "gets"),
    [
        # null is not there
        ({"messages": [{**USER, "name": None, "tool_call_id": None, "refusal": None}]}, {}),
        (
            {"messages": [USER, {"role": "assistant", "content": "Noon.", "tool_calls": None, "audio": None}, USER]},
            {"messages": [USER, {"role": "assistant", "content": "Noon."}, USER]},
        ),
        ({"stop": None, "temperature": None, "tools": None, "knowledge": None}, {}),
        ({"stream": True, "stream_options": {"include_usage": None}}, {"stream": True}),
        (
            {"tools": [{**TOOL, "function": {**TOOL["function"], "strict": None, "description": None}}]},  # type: ignore[dict-item]
            {"tools": [TOOL]},
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"strict": None, "schema": SCHEMA}}},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "response", "schema": SCHEMA}}},
        ),
        # numbers
        ({"max_tokens": 47.0, "n": 2.0, "temperature": 1.0, "x": 1.0}, {"max_tokens": 47, "n": 2, "temperature": 1.0, "x": 1.0}),
        ({"seed": -1, "max_tokens": -1, "max_completion_tokens": -1}, {}),
        ({"top_logprobs": 0}, {}),
        ({"guided_json": "", "guided_regex": "", "grammar": "", "structured_outputs": {}, "chat_template": ""}, {}),
        # tools
        ({"tools": [], "tool_choice": "auto"}, {}),
        ({"tool_choice": "none"}, {}),
        ({"tools": [{"function": {"name": "now", "parameters": True}}]}, {"tools": [TOOL]}),
        # calls in the history
        (talk(CALL), talk(CALL)),
        (talk({**CALL, "type": None}), talk(CALL)),
        (talk({"function": CALL["function"]}, tool_call_id=None), talk({**CALL, "id": "call_1_0"}, tool_call_id="call_1_0")),
        (called(), called(arguments="{}")),
        (called(arguments=None), called(arguments="{}")),
        (called(arguments=""), called(arguments="{}")),
        (called(arguments="null"), called(arguments="{}")),
        (called(arguments={"a": 1}), called(arguments='{"a":1}')),
        (called(arguments='{"a":'), called(arguments='{"INVALID_JSON":"{\\"a\\":"}')),
        (called(arguments="[1]"), called(arguments='{"INVALID_JSON":"[1]"}')),
        (
            {"messages": [USER, OLD_CALL, {"role": "function", "name": "now", "content": "noon"}]},
            talk({**CALL, "id": "call_1_0"}, tool_call_id="call_1_0", name="now"),
        ),
        # content
        ({"messages": [USER, {"role": "assistant", "content": None}, USER]}, {"messages": [USER, SILENT, USER]}),
        ({"messages": [USER, {"role": "assistant"}, USER]}, {"messages": [USER, SILENT, USER]}),
        (content(), {"messages": [{"role": "user", "content": ""}]}),
        (content({"text": "x"}), content({"type": "text", "text": "x"})),
        (content({"type": "input_text", "text": "x"}), content({"type": "text", "text": "x"})),
        (content({"type": "refusal", "refusal": "no"}), content({"type": "text", "text": "no"})),
        (content({"type": "image_url", "image_url": ADDRESS}), content(IMAGE)),
        (content({"type": "image_url", "image_url": {"url": ADDRESS, "detail": None}}), content(IMAGE)),
        (content({"type": "image", "image": ADDRESS}), content(IMAGE)),
        (content({"type": "input_image", "image_url": ADDRESS}), content(IMAGE)),
    ],
)  # fmt: skip
def test_bodies_of_chats_are_corrected(given: dict[str, Any], gets: dict[str, Any]) -> None:
    found = json.loads(sent(CHAT, given)[1])
    expected = {"model": "m", **NEEDED[CHAT], **gets}
    assert found == expected
    assert [type(found[name]) for name in found] == [type(expected[name]) for name in found], "47 is not 47.0"


@pytest.mark.parametrize(
    ("path", "given", "gets"),
    [
        (COMPLETIONS, {"prompt": [1.0, 2.0], "max_tokens": 5.0}, {"prompt": [1, 2], "max_tokens": 5}),
        (EMBEDDINGS, {"input": [[1.0], [2]], "dimensions": None}, {"input": [[1], [2]]}),
        (RERANK, {"top_n": 1.0, "return_documents": None}, {"top_n": 1}),
    ],
)
def test_bodies_of_other_paths_are_corrected(path: str, given: dict[str, Any], gets: dict[str, Any]) -> None:
    found = sent(path, given)[1]
    assert json.loads(found) == {"model": "m", **NEEDED[path], **gets}
    assert b".0" not in found


def test_integers_written_as_floats_are_corrected_at_any_depth() -> None:
    given = {"knowledge": {"bases": ["a"], "top_k": 3.0, "min_score": 1.0}}
    assert json.loads(sent(CHAT, given)[1])["knowledge"] == {"bases": ["a"], "top_k": 3, "min_score": 1.0}


def test_other_fields_keep_their_bytes() -> None:
    body = (
        b'{"model":"m","big":123456789012345678901234567890,"n":null,"messages":[{"role":"user","content":"\\u4f60"}]}'
    )
    assert sent(CHAT, body)[1] == body.replace(b'"n":null,', b"")


@pytest.mark.parametrize(
    ("given", "param"),
    [
        (content({"type": "text", "text": None}), "messages[0].content[0].text"),
        (content({"type": "text", "text": "a"}, {"type": "text"}), "messages[0].content[1].text"),
        (content({"type": "text", "text": 5}), "messages[0].content[0].text"),
        (content({"type": "hologram"}), "messages[0].content[0].type"),
        (content({"type": 5}), "messages[0].content[0].type"),
        (content({}), "messages[0].content[0].type"),
        (content({"type": "file", "file": "a.txt"}), "messages[0].content[0].file"),
        (content({"type": "file", "file": {"file_id": 5}}), "messages[0].content[0].file.file_id"),
        (content("text"), "messages[0].content[0]"),
        (content({"type": "image_url"}), "messages[0].content[0].image_url"),
        (content({"type": "image_url", "image_url": {}}), "messages[0].content[0].image_url.url"),
        (content({"type": "image_url", "image_url": 5}), "messages[0].content[0].image_url"),
        (content({"type": "input_audio", "input_audio": {"data": "AA"}}), "messages[0].content[0].input_audio.format"),
        (content({"type": "input_audio", "input_audio": "AA"}), "messages[0].content[0].input_audio"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [USER, {"role": "system", "content": None}]}, "messages[1].content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{**USER, "name": 5}]}, "messages[0].name"),
        ({"messages": [None]}, "messages[0]"),
        (talk("f"), "messages[1].tool_calls[0]"),
        (talk({**CALL, "function": "f"}), "messages[1].tool_calls[0].function"),
        (talk({**CALL, "function": None}), "messages[1].tool_calls[0].function"),
        (talk(CALL, {**CALL, "id": 5}), "messages[1].tool_calls[1].id"),
        (talk({**CALL, "type": "custom"}), "messages[1].tool_calls[0].type"),
        (talk({**CALL, "function": {"arguments": "{}"}}), "messages[1].tool_calls[0].function.name"),
        (called(arguments=5), "messages[1].tool_calls[0].function.arguments"),
        (called(arguments=["a"]), "messages[1].tool_calls[0].function.arguments"),
        ({"tools": [{"type": "custom"}]}, "tools[0].type"),
        ({"tools": [TOOL, {"type": "function"}]}, "tools[1].function"),
        ({"tools": [{"type": "function", "function": {"name": ""}}]}, "tools[0].function.name"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": "{}"}}]}, "tools[0].function.parameters"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": False}}]}, "tools[0].function.parameters"),
        ({"tools": [{"type": "function", "function": {"name": "f", "strict": "yes"}}]}, "tools[0].function.strict"),
        ({"tools": [{"type": "function", "function": {"name": "f", "description": 1}}]}, "tools[0].function.description"),
        ({"tools": "now"}, "tools"),
        ({"tools": [TOOL], "tool_choice": "now"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function"}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "then"}}}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "now"}}}, "tool_choice"),
        ({"response_format": {}}, "response_format.type"),
        ({"response_format": {"type": "yaml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format.json_schema.schema"),
        ({"response_format": "json_object"}, "response_format"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": False, "stream_options": {"include_usage": False}}, "stream_options"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"top_logprobs": 21, "logprobs": True}, "top_logprobs"),
        ({"stop": ""}, "stop"),
        ({"stop": ["a", ""]}, "stop[1]"),
        ({"stop": ["a"] * 129}, "stop"),
        ({"logit_bias": {"hello": 1}}, "logit_bias"),
        ({"logit_bias": {"-1": 1}}, "logit_bias"),
        ({"logit_bias": {"1": 101}}, "logit_bias"),
        ({"logit_bias": {"1": None}}, "logit_bias"),
        ({"seed": 2**70}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"max_tokens": 2**31}, "max_tokens"),
        ({"max_tokens": -2}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"n": 10_000}, "n"),
        ({"top_k": -2}, "top_k"),
        ({"repetition_penalty": 0}, "repetition_penalty"),
        ({"min_tokens": "a"}, "min_tokens"),
        ({"chat_template_kwargs": {"messages": []}}, "chat_template_kwargs.messages"),
        ({"continue_final_message": True}, "continue_final_message"),
        ({"response_format": {"type": "json_object", "schema": 5}}, "response_format.schema"),
        ({"structured_outputs": {"yaml": "x"}}, "structured_outputs"),
        ({"structured_outputs": {"choice": []}}, "structured_outputs.choice"),
        ({"guided_choice": []}, "guided_choice"),
        ({"guided_json": "[1]"}, "guided_json"),
        ({"guided_json": "{"}, "guided_json"),
        ({"guided_regex": "x" * 10_001}, "guided_regex"),
        ({"truncate_prompt_tokens": 0}, "truncate_prompt_tokens"),
        ({"reasoning_effort": "utmost"}, "reasoning_effort"),
        ({"media_io_kwargs": {"video": 5}}, "media_io_kwargs"),
        ({"guided_choice": ["a"], "guided_json": SCHEMA}, "guided_choice"),
        ({"grammar": "x", "response_format": {"type": "json_object"}}, "grammar"),
        ({"guided_choice": ["x"] * 1001}, "guided_choice"),
        ({"user": "\ud800"}, "user"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x\udfff"}]}]}, "messages[0].content[0].text"),
        ({"unknown": {"a": ["\ud800"]}}, "unknown.a[0]"),
    ],
)  # fmt: skip
def test_an_error_names_the_wrong_field(given: dict[str, Any], param: str) -> None:
    error = refusal(CHAT, given)
    assert isinstance(error, InvalidParameter) and error.param == param


@pytest.mark.parametrize(
    ("path", "given", "param"),
    [
        (COMPLETIONS, {"prompt": []}, "prompt"),
        (COMPLETIONS, {"prompt": [[1], []]}, "prompt[1]"),
        (COMPLETIONS, {"prompt": [1, -1]}, "prompt[1]"),
        (COMPLETIONS, {"prompt": [2**31]}, "prompt[0]"),
        (COMPLETIONS, {"prompt": ["a", 1]}, "prompt"),
        (COMPLETIONS, {"prompt": ["a", [1]]}, "prompt"),
        (COMPLETIONS, {"prompt": ["a", None]}, "prompt[1]"),
        (COMPLETIONS, {"prompt": [1.5]}, "prompt[0]"),
        (COMPLETIONS, {"prompt": ["a"] * 100, "n": 11}, "prompt"),
        (COMPLETIONS, {"best_of": 1000}, "best_of"),
        (COMPLETIONS, {"stream_options": {"include_usage": True}}, "stream_options"),
        (COMPLETIONS, {"response_format": {"type": "x"}}, "response_format.type"),
        (EMBEDDINGS, {"input": []}, "input"),
        (EMBEDDINGS, {"input": [["a"]]}, "input[0][0]"),
        (EMBEDDINGS, {"input": ["a", 1]}, "input"),
        (EMBEDDINGS, {"encoding_format": "hex"}, "encoding_format"),
        (RERANK, {"documents": []}, "documents"),
        (RERANK, {"query": ""}, "query"),
    ],
)
def test_an_error_of_another_path_names_the_wrong_field(path: str, given: dict[str, Any], param: str) -> None:
    assert refusal(path, given).param == param


def test_half_of_a_pair_in_broken_json_is_broken_json() -> None:
    assert refusal(CHAT, b'{"a": "\\ud800"').code == "malformed_body"
    assert refusal(CHAT, b'{"model": "m", "\\ud800": 1}').param == "body"
