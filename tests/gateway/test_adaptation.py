"""The rewrites: applied when asked for, and otherwise the very same bytes."""

from __future__ import annotations

import json

import pytest

from modelyard.core.types import Address, ReplicaState, Route
from modelyard.gateway.adaptation import adapt_body, adapt_target
from modelyard.gateway.model_call import Peeked
from modelyard.protocol.inference import ChatRequest
from modelyard.protocol.requests import decode


def peeked(body: bytes) -> Peeked:
    request = decode(body, ChatRequest)
    assert isinstance(request, ChatRequest)
    return Peeked(body, request, request.model)


def route(thinking_key: str | None = None, upstream_name: str | None = None) -> Route:
    return Route("m", "m", ReplicaState.READY, thinking_key=thinking_key, upstream_name=upstream_name)


PLAIN = b'{ "model": "m",\n "messages":[{"role":"user","content":"\\u4f60"}], "big": 123456789012345678901234567890'


@pytest.mark.parametrize(
    "end",
    [
        b"}",
        b', "enable_thinking": null}',
        b', "user": "\\"enable_thinking\\": true"}',
        b', "x": {"enable_thinking": true}}',
        b', "chat_template_kwargs": {"thinking": false}}',
        b', "chat_template_kwargs": {"a": 1}}',
    ],
)
def test_untouched(end: bytes) -> None:
    request = peeked(PLAIN + end)
    assert adapt_body(request, route("thinking", upstream_name="m")) is request.body


@pytest.mark.parametrize(
    ("key", "end", "kwargs"),
    [
        ("enable_thinking", b', "enable_thinking": false}', {"enable_thinking": False}),
        ("thinking", b', "enable_thinking": true}', {"thinking": True}),
        (None, b', "enable_thinking": true}', {"enable_thinking": True, "thinking": True}),
        ("thinking", b', "enable_thinking": true, "chat_template_kwargs": {"a": 1}}', {"a": 1, "thinking": True}),
        ("thinking", b', "enable_thinking": true, "chat_template_kwargs": {"thinking": false}}', {"thinking": False}),
        (
            "thinking",
            b', "chat_template_kwargs": {"enable_thinking": false}}',
            {"enable_thinking": False, "thinking": False},
        ),
        (
            "enable_thinking",
            b', "chat_template_kwargs": {"thinking": true}}',
            {"enable_thinking": True, "thinking": True},
        ),
        (
            "thinking",
            b', "enable_thinking": true, "chat_template_kwargs": {"enable_thinking": false}}',
            {"enable_thinking": False, "thinking": False},
        ),
        (
            None,
            b', "enable_thinking": true, "chat_template_kwargs": {"thinking": false}}',
            {"enable_thinking": False, "thinking": False},
        ),
        ("thinking", b', "\\u0065nable_thinking": true}', {"thinking": True}),
        ("thinking", b', "enable_thinking": true, "chat_template_kwargs": null}', {"thinking": True}),
    ],
)
def test_thinking_switch(key: str | None, end: bytes, kwargs: dict[str, object]) -> None:
    body = adapt_body(peeked(PLAIN + end), route(key))
    assert json.loads(body) == json.loads(PLAIN + b"}") | {"chat_template_kwargs": kwargs}
    assert b'[{"role":"user","content":"\\u4f60"}]' in body


def test_other_name_upstream() -> None:
    body = adapt_body(peeked(PLAIN + b"}"), route(upstream_name="org/m"))
    assert json.loads(body) == json.loads(PLAIN + b"}") | {"model": "org/m"}
    assert b"123456789012345678901234567890" in body


def test_target() -> None:
    path = "/v1/chat/completions"
    assert adapt_target(path, b"", Address()) == b"/v1/chat/completions"
    assert adapt_target(path, b"a=1", Address()) == b"/v1/chat/completions?a=1"
    assert adapt_target(path, b"", Address(prefix="/openai/v1/")) == b"/openai/v1/chat/completions"
    assert adapt_target(path, b"", Address(prefix="")) == b"/chat/completions"
