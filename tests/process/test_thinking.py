"""The thinking switch on real llama.cpp replicas: per request and per launch, under both names that templates have for it.

Weights are random, so a grammar says what the model says; how many tokens the prompt has shows which way the template went.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests import make_gguf
from tests.live import HELLO, Live, events, live

HISTORY = (
    "{% for message in messages %}{% if message.role == 'assistant' %}{% set thought = '' %}"
    "{% if message.reasoning_content is string %}{% set thought = message.reasoning_content %}{% endif %}<|assistant|>\n"
    "{% if thought %}<think>\n{{ thought }}\n</think>\n\n{% endif %}{{ message.content }}\n"
    "{% else %}<|{{ message.role }}|>{{ message.content }}\n{% endif %}{% endfor %}"
)
QWEN = (
    HISTORY + "{% if add_generation_prompt %}<|assistant|>\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
"""Thinks unless told not to; the model itself opens its thoughts."""
DEEPSEEK = (
    "{% if not thinking is defined %}{% set thinking = false %}{% endif %}" + HISTORY + "{% if add_generation_prompt %}"
    "<|assistant|>{% if thinking %}<think>{% else %}</think>{% endif %}{% endif %}"
)
"""Thinks if told to; the template opens the thoughts."""

SAID = {"qwen": "<think>so</think>yes", "deepseek": "so</think>yes"}
TOKENS = {"qwen": {True: 29, False: 48}, "deepseek": {True: 35, False: 36}}
"""Of the prompt, with the switch on and off: letters and angle brackets are single tokens here."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("thinking")
    with live(folder / "home") as running:
        for name, template in (("qwen", QWEN), ("deepseek", DEEPSEEK)):
            file = make_gguf.chat_model(folder / f"{name}.gguf", template=template)
            for launch, extra in (("", {}), ("-on", {"enable_thinking": True}), ("-off", {"enable_thinking": False})):
                body = {"model_name": str(file), "model_uid": name + launch, "n_ctx": 512, "n_parallel": 1, **extra}
                answer = running.http.post("/v1/models", json=body)
                assert answer.status_code == 200, answer.text
        yield running


def asked(server: Live, uid: str, **body: Any) -> tuple[bool, str | None, str]:
    """Whether the template was told to think, the thoughts, and the answer; the same whole and streamed."""
    name = uid.partition("-")[0]
    given = {"grammar": f'root ::= "{SAID[name]}"', "max_tokens": 64, **body}
    whole = server.chat(uid, **given)
    assert whole.status_code == 200, whole.text
    message = whole.json()["choices"][0]["message"]
    deltas = [
        choice["delta"] for event in events(server.chat(uid, stream=True, **given).text) for choice in event["choices"]
    ]
    streamed = ["".join(delta.get(key) or "" for delta in deltas) for key in ("reasoning_content", "content")]
    assert streamed == [message.get("reasoning_content") or "", message["content"] or ""]
    ways = {tokens: way for way, tokens in TOKENS[name].items()}
    return ways[whole.json()["usage"]["prompt_tokens"]], message.get("reasoning_content"), message["content"]


@pytest.mark.parametrize("name", ["qwen", "deepseek"])
@pytest.mark.parametrize(
    "body",
    [
        {"enable_thinking": True},
        {"chat_template_kwargs": {"enable_thinking": True}},
        {"chat_template_kwargs": {"thinking": True}},
        {"enable_thinking": False, "chat_template_kwargs": {"enable_thinking": True}},
        {"enable_thinking": False, "chat_template_kwargs": {"thinking": True}},
        {"chat_template_kwargs": {"enable_thinking": True, "thinking": True}},
    ],
)
def test_a_request_turns_thoughts_on_and_gets_them_apart(server: Live, name: str, body: dict[str, Any]) -> None:
    for uid in (name, f"{name}-on", f"{name}-off"):
        assert asked(server, uid, **body) == (True, "so", "yes"), uid


@pytest.mark.parametrize("name", ["qwen", "deepseek"])
@pytest.mark.parametrize(
    "body",
    [
        {"enable_thinking": False},
        {"chat_template_kwargs": {"enable_thinking": False}},
        {"chat_template_kwargs": {"thinking": False}},
        {"enable_thinking": True, "chat_template_kwargs": {"enable_thinking": False}},
        {"enable_thinking": True, "chat_template_kwargs": {"thinking": False}},
    ],
)
def test_a_request_turns_thoughts_off(server: Live, name: str, body: dict[str, Any]) -> None:
    for uid in (name, f"{name}-on", f"{name}-off"):
        thinks, thought, answer = asked(server, uid, grammar='root ::= "yes"', **body)
        assert (thinks, thought, answer) == (False, None, "yes"), uid


@pytest.mark.parametrize(
    ("uid", "thinks"),
    [
        ("qwen", True),
        ("deepseek", False),
        ("qwen-on", True),
        ("deepseek-on", True),
        ("qwen-off", False),
        ("deepseek-off", False),
    ],
)
def test_a_launch_sets_the_default_and_else_the_template_does(server: Live, uid: str, thinks: bool) -> None:
    assert asked(server, uid)[0] is thinks
    assert asked(server, uid, enable_thinking=None)[0] is thinks


def test_the_openai_sdk_sends_the_switch_as_extra_body(server: Live) -> None:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
        given: Any = {"model": "deepseek", "messages": HELLO, "max_tokens": 64}
        grammar = {"grammar": f'root ::= "{SAID["deepseek"]}"'}
        answer = client.chat.completions.create(**given, extra_body={"enable_thinking": True, **grammar})
        message = answer.choices[0].message
        assert (message.content, getattr(message, "reasoning_content", None)) == ("yes", "so")
        parts = client.chat.completions.create(**given, stream=True, extra_body={"enable_thinking": True, **grammar})
        thoughts = "".join(
            getattr(part.choices[0].delta, "reasoning_content", None) or "" for part in parts if part.choices
        )
        assert thoughts == "so"


@pytest.mark.parametrize("value", ["maybe", 7, None, [1]])
def test_a_switch_of_the_wrong_type_is_never_a_defect(server: Live, value: Any) -> None:
    for body in ({"enable_thinking": value}, {"chat_template_kwargs": {"enable_thinking": value}}):
        answer = server.chat("qwen", max_tokens=1, **body)
        assert answer.status_code in (200, 400), answer.text
