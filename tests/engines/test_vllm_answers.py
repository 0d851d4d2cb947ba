"""What vLLM's front changes in requests and answers, without vLLM: a small application says what vLLM 0.32 says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from types import SimpleNamespace
from typing import Any

import pytest

from modelyard.engines.vllm import forms
from modelyard.engines.vllm.front import VllmFront

CHAT, COMPLETION, EMBEDDING, RERANK = "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/rerank"
LIMIT = 20
STATE = SimpleNamespace(
    vllm_config=SimpleNamespace(model_config=SimpleNamespace(max_model_len=LIMIT)),
    openai_serving_chat=SimpleNamespace(system_fingerprint="vllm-0.32.0-abc"),
)


class Server:
    """Says what it is made to say, and counts a word as a token at `/tokenize`; keeps the bodies it was sent."""

    def __init__(self, *parts: bytes, status: int = 200, announced: bool = True) -> None:
        self.parts = parts
        self.status = status
        self.announced = announced
        self.bodies: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = json.loads((await receive())["body"])
        if scope["path"] == "/tokenize":
            text = body.get("prompt") or " ".join(message["content"] for message in body["messages"])
            await self._answer(send, 200, [json.dumps({"count": len(text.split())}).encode()], True)
            return
        self.bodies.append(body)
        await self._answer(send, self.status, self.parts, self.announced)

    async def _answer(self, send: Any, status: int, parts: Any, announced: bool) -> None:
        headers = [(b"content-length", str(sum(map(len, parts))).encode())] if announced else []
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for index, part in enumerate(parts, 1):
            await send({"type": "http.response.body", "body": part, "more_body": index < len(parts)})

    def ask(self, path: str, body: object) -> tuple[int, bytes]:
        """What a client gets through the front."""
        sent: list[MutableMapping[str, Any]] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": json.dumps(body).encode()}

        scope = {"type": "http", "path": path, "method": "POST", "headers": [], "app": SimpleNamespace(state=STATE)}
        asyncio.run(VllmFront(self)(scope, receive, send))
        head, *rest = sent
        whole = b"".join(message["body"] for message in rest)
        length = dict(head["headers"]).get(b"content-length")
        assert length is None or int(length) == len(whole)
        return head["status"], whole


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        ({"role": "assistant", "content": ""}, {"role": "assistant", "content": ""}),
        ({"content": 'a "reasoning": {}'}, {"content": 'a "reasoning": {}'}),
        ({}, {"content": ""}),
        ({"reasoning": "嗯"}, {"content": None, "reasoning_content": "嗯", "reasoning": "嗯"}),
        ({"content": "a", "reasoning": "b"}, {"content": "a", "reasoning_content": "b", "reasoning": "b"}),
        ({"tool_calls": [{"index": 0}]}, {"content": None, "tool_calls": [{"index": 0}]}),
    ],
)
def test_each_delta_has_content_and_each_chunk_a_fingerprint(delta: dict[str, Any], expected: dict[str, Any]) -> None:
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "finish_reason": None}],
    }
    event = b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
    status, body = Server(event, b"data: [DONE]\n\n", announced=False).ask(CHAT, {"stream": True})
    first, done, rest = body.split(b"\n\n")
    assert (status, done, rest) == (200, b"data: [DONE]", b"")
    found = json.loads(first.removeprefix(b"data: "))
    assert found["choices"][0]["delta"] == expected
    assert found["system_fingerprint"] == "vllm-0.32.0-abc"


def test_calls_end_as_calls_with_a_named_tool_too() -> None:
    def event(index: int, delta: object, finish: str | None) -> bytes:
        chunk = {"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}
        return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"

    events = [event(1, {"tool_calls": [{"index": 0}]}, None), event(0, {}, "stop"), event(1, {}, "stop")]
    body = Server(*events, announced=False).ask(CHAT, {})[1]
    ends = [json.loads(line[6:])["choices"][0]["finish_reason"] for line in body.splitlines() if line]
    assert ends == [None, "stop", "tool_calls"], "only of the choice that has some"

    message = {"content": "", "tool_calls": [{"id": "a"}], "reasoning": 'so "reasoning": 1'}
    whole = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}, separators=(",", ":")).encode()
    choice = json.loads(Server(whole[:9], whole[9:]).ask(CHAT, {})[1])["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["reasoning_content"] == choice["message"]["reasoning"] == 'so "reasoning": 1'


CHAT_LOGPROBS = {"content": [{"token": "a"}, {"token": "<|im_end|>"}]}
LISTS = {"tokens": ["a", "</s>"], "token_logprobs": [-1, -2], "top_logprobs": [{}, {}], "text_offset": [0, 1]}


@pytest.mark.parametrize(
    ("path", "logprobs", "dropped"),
    [
        (CHAT, CHAT_LOGPROBS, {"content": [{"token": "a"}]}),
        (COMPLETION, LISTS, {"tokens": ["a"], "token_logprobs": [-1], "top_logprobs": [{}], "text_offset": [0]}),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_the_token_that_ends_an_answer_has_no_log_probability(
    path: str, logprobs: dict[str, Any], dropped: dict[str, Any], stream: bool
) -> None:
    text = {"text": "a"} if path == COMPLETION else {"delta" if stream else "message": {"content": "a"}}
    for finish, reason, expected in (
        ("stop", None, dropped),
        ("stop", "word", logprobs),
        ("length", None, logprobs),
        (None, None, logprobs),
    ):
        choice = {"index": 0, **text, "logprobs": logprobs, "finish_reason": finish, "stop_reason": reason}
        body = json.dumps({"choices": [choice]}, separators=(",", ":")).encode()
        sent = Server(b"data: " + body + b"\n\n", announced=False) if stream else Server(body)
        answer = json.loads(sent.ask(path, {})[1].removeprefix(b"data: "))
        assert answer["choices"] == [{**choice, "logprobs": expected}]


CHARACTERS = (
    f"This model's maximum context length is {LIMIT} tokens. However, your prompt contains 99 characters (more than 9)"
)
TOKENS = (
    f"This model's maximum context length is {LIMIT} tokens. However, your prompt contains {{}} input tokens, which"
)
LONG = "word " * 30


@pytest.mark.parametrize(
    ("path", "body", "says", "param", "count"),
    [
        (CHAT, {"messages": [{"role": "user", "content": LONG}]}, TOKENS.format("at least 21"), "messages", "30"),
        (CHAT, {"messages": [{"role": "user", "content": LONG}]}, CHARACTERS, "messages", "30"),
        (CHAT, {"messages": [{"role": "user", "content": "a"}]}, CHARACTERS, "messages", "at least 21"),
        (COMPLETION, {"prompt": ["a", LONG]}, TOKENS.format("at least 21"), "prompt", "30"),
        (COMPLETION, {"prompt": [1] * 22}, TOKENS.format("22"), "prompt", "22"),
        (COMPLETION, {"prompt": [1] * 20}, "max_tokens must be at least 1, got 0.", "prompt", "20"),
        (EMBEDDING, {"input": ["a", LONG]}, CHARACTERS, "input[1]", "30"),
        (EMBEDDING, {"input": LONG}, CHARACTERS, "input[0]", "30"),
        (RERANK, {"query": "q", "documents": [LONG]}, TOKENS.format("at least 21"), "documents", "at least 21"),
    ],
)
def test_a_prompt_that_is_too_long_has_openais_code_and_both_numbers(
    path: str, body: dict[str, Any], says: str, param: str, count: str
) -> None:
    theirs = {"error": {"message": says, "type": "BadRequestError", "param": "input_tokens", "code": 400}}
    status, answer = Server(json.dumps(theirs).encode(), status=400).ask(path, body)
    error = json.loads(answer)["error"]
    assert (status, error["code"], error["param"]) == (400, "context_length_exceeded", param)
    assert f"length is {LIMIT} tokens" in error["message"] and f"has {count} in '{param}'" in error["message"]


@pytest.mark.parametrize(
    ("says", "param", "expected"),
    [
        ("repetition_penalty must be greater than zero, got 0.0.", None, "repetition_penalty"),
        ("top_k must be 0 (disable), or at least 1, got -5. (parameter=top_k, value=-5)", "top_k", "top_k"),
        ("chat-vllm is not a multimodal model", None, "messages"),
        ("The decoder prompt cannot be empty", None, None),
    ],
)
def test_a_refusal_about_a_parameter_names_it(says: str, param: str | None, expected: str | None) -> None:
    theirs = {"error": {"message": says, "type": "BadRequestError", "param": param, "code": 400}}
    error = json.loads(Server(json.dumps(theirs).encode(), status=400).ask(CHAT, {})[1])["error"]
    assert error["param"] == expected and error["message"].endswith(says)
    assert error["message"].startswith("vLLM: ") is (expected is not None)


@pytest.mark.parametrize("whole", [b'{"error":{"message":"odd","param":"input"}}', b"[]", b"nonsense"])
@pytest.mark.parametrize("path", [CHAT, COMPLETION, EMBEDDING, RERANK])
def test_other_refusals_pass(path: str, whole: bytes) -> None:
    assert Server(whole, status=400).ask(path, {}) == (400, whole)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"max_tokens": LIMIT}, {"max_tokens": LIMIT}),
        ({"max_tokens": LIMIT + 1}, {"max_tokens": LIMIT}),
        ({"max_tokens": 10**30}, {"max_tokens": LIMIT}),
        ({"max_tokens": -1, "max_completion_tokens": 5000}, {"max_tokens": LIMIT, "max_completion_tokens": LIMIT}),
        ({"x": {"max_tokens": 99}}, {"x": {"max_tokens": 99}}),
        ({"max_tokens": None}, {"max_tokens": None}),
        ({"max_tokens": 0, "echo": True}, {"max_tokens": 0, "echo": True}),
    ],
)
def test_an_answer_may_be_as_long_as_there_is_room(given: dict[str, Any], sent: dict[str, Any]) -> None:
    server = Server(b"{}")
    for path in (CHAT, COMPLETION):
        assert server.ask(path, given) == (200, b"{}")
    assert server.bodies == [sent, sent]


def test_no_tokens_at_all_are_refused_by_name() -> None:
    status, body = Server(b"{}").ask(CHAT, {"model": "m", "max_tokens": 0})
    error = json.loads(body)["error"]
    assert (status, error["code"], error["param"]) == (400, "unsupported_parameter", "max_tokens")
    assert "vLLM" in error["message"]


def test_a_prompt_that_is_only_repeated_counts_no_answer() -> None:
    theirs = {
        "choices": [{"text": "a b", "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3},
    }
    body = Server(json.dumps(theirs).encode()).ask(COMPLETION, {"prompt": "a b", "echo": True, "max_tokens": 0})[1]
    answer = json.loads(body)
    assert answer["usage"] == {"prompt_tokens": 2, "completion_tokens": 0, "total_tokens": 2}
    assert answer["choices"] == [{"text": "a b", "finish_reason": "length"}]


EMPTY = {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("function", "held"),
    [
        ({"name": "f"}, {"name": "f", "parameters": EMPTY, "strict": True}),
        ({"name": "f", "parameters": None, "strict": False}, {"name": "f", "parameters": EMPTY, "strict": True}),
        ({"parameters": {"required": ["a"]}}, {"parameters": {"type": "object", "required": ["a"]}, "strict": True}),
    ],
)
def test_arguments_of_forced_calls_are_objects(function: dict[str, Any], held: dict[str, Any]) -> None:
    named = {"type": "function", "function": {"name": "f"}}
    for choice in ("required", named):
        body = {"tools": [{"type": "function", "function": function}], "tool_choice": choice}
        made = json.loads(forms.with_held_calls(json.dumps(body).encode()))
        assert made == {**body, "tools": [{"type": "function", "function": held}]}


@pytest.mark.parametrize(
    "body",
    [
        {"tools": [{"function": {"name": "f"}}], "tool_choice": "auto"},
        {"tools": [{"function": 5}], "tool_choice": "required"},
        {"tools": None, "tool_choice": "required"},
        {"tool_choice": "required"},
        {"tools": [{"function": {}}]},
        [{"tools": [], "tool_choice": "required"}],
    ],
)
def test_other_tools_stay(body: Any) -> None:
    given = json.dumps(body).encode()
    assert forms.with_held_calls(given) is given


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        (EMBEDDING, {"input": []}, "input"),
        (EMBEDDING, {"input": ""}, "input[0]"),
        (EMBEDDING, {"input": ["a", ""]}, "input[1]"),
        (EMBEDDING, {"input": [[]]}, "input[0]"),
        (RERANK, {"query": "", "documents": ["a"]}, "query"),
        (RERANK, {"query": "a", "documents": []}, "documents"),
    ],
)
def test_nothing_to_read_is_refused_by_name(path: str, body: object, param: str) -> None:
    server = Server(b"{}")
    status, answer = server.ask(path, body)
    assert (status, json.loads(answer)["error"]["param"], server.bodies) == (400, param, [])


@pytest.mark.parametrize("wanted", [False, True])
def test_a_ranking_has_the_shape_of_other_engines(wanted: bool) -> None:
    theirs = {
        "id": "score-1",
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
        "results": [{"index": 0, "document": {"text": "a", "multi_modal": None}, "relevance_score": 0.5}],
    }
    asked = {"query": "q", "documents": ["a"], "return_documents": wanted}
    answer = json.loads(Server(json.dumps(theirs).encode()).ask(RERANK, asked)[1])
    document = {"text": "a"} if wanted else None
    assert answer["results"] == [{"index": 0, "document": document, "relevance_score": 0.5}]
    assert answer["meta"]["tokens"] == {"input_tokens": 7, "output_tokens": 0}
    assert Server(b"[1]").ask(RERANK, asked) == (200, b"[1]")


@pytest.mark.parametrize(
    ("given", "drawn"),
    [
        ({"n": 2, "temperature": 0}, {"n": 2, "temperature": 1.0, "top_k": 1, "top_p": 1.0}),
        ({"top_p": 0, "temperature": 2}, {"top_p": 1.0, "temperature": 2, "top_k": 1}),
        ({"top_p": 0.1}, None),
        ({"n": 1, "temperature": 0}, None),
        ({"n": 2, "temperature": 0.7}, None),
        ({"n": 2}, None),
        ({"n": None, "temperature": 0}, None),
    ],
)
def test_the_likeliest_tokens_in_vllms_own_way(given: dict[str, Any], drawn: object) -> None:
    body = json.dumps(given).encode()
    assert json.loads(forms.likeliest(body)) == (drawn or given)
