"""LlamaIndex's Xinference LLM, unmodified.

It still calls `chat(prompt=…, chat_history=…)`, which the peer's client dropped; ours takes it.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator

import pytest
from llama_index.core.llms import ChatMessage, MessageRole
from llama_index.llms.xinference import Xinference

import modelyard.client
from tests.live import Live
from tests.peers.conftest import CHAT

QUESTION = "浙江的省会在哪里？"


@pytest.fixture
def llm(server: Live, monkeypatch: pytest.MonkeyPatch) -> Iterator[Xinference]:
    """It imports `xinference.client`: our client stands there under that name."""
    monkeypatch.setitem(sys.modules, "xinference", types.ModuleType("xinference"))
    monkeypatch.setitem(sys.modules, "xinference.client", modelyard.client)
    made = Xinference(model_uid=CHAT, endpoint=server.url, temperature=0.0, max_tokens=32)
    yield made
    made._generator._sender.close()  # which it never does itself


def test_complete(llm: Xinference) -> None:
    whole = llm.complete(QUESTION).text
    assert "杭州" in whole
    assert list(llm.stream_complete(QUESTION))[-1].text == whole


def test_chat(llm: Xinference) -> None:
    messages = [
        ChatMessage(role=MessageRole.USER, content="Hello"),
        ChatMessage(role=MessageRole.ASSISTANT, content="Hello!"),
        ChatMessage(role=MessageRole.USER, content=QUESTION),
    ]
    whole = llm.chat(messages).message.content
    assert whole and "杭州" in whole
    assert list(llm.stream_chat(messages))[-1].message.content == whole


def test_metadata(llm: Xinference) -> None:
    assert llm.metadata.model_name == CHAT
    assert llm.metadata.context_window > 0
