"""LangChain's three Xinference integrations, unmodified, over the peer's own client library."""

from __future__ import annotations

import warnings
from typing import Any

from langchain_community.embeddings import XinferenceEmbeddings
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_xinference.chat_models import ChatXinference
from langchain_xinference.llms import Xinference

from tests.live import Live
from tests.peers.conftest import CHAT, VECTORS

QUESTION = "浙江的省会在哪里？"


def test_the_llm_completes(server: Live) -> None:
    options: dict[str, Any] = {"server_url": server.url, "model_uid": CHAT, "temperature": 0, "max_tokens": 16}
    whole = Xinference(**options).invoke("The capital of France is")
    assert whole
    streaming = Xinference(**options, stream=True)
    assert streaming.invoke("The capital of France is") == whole
    assert "".join(streaming.stream("The capital of France is")) == whole


def test_chat(server: Live) -> None:
    # without `stream` this integration iterates over a whole answer as if it were one, with any server
    chat = ChatXinference(server_url=server.url, model_uid=CHAT, temperature=0, stream=True)
    answer = chat.invoke([SystemMessage(content="You are a helpful assistant."), HumanMessage(content=QUESTION)])
    assert "杭州" in str(answer.content)
    assert "杭州" in "".join(str(chunk.content) for chunk in chat.stream(QUESTION))


def test_embeddings_have_the_models_dimension(server: Live) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        embeddings = XinferenceEmbeddings(server_url=server.url, model_uid=VECTORS)
    assert len(embeddings.embed_query(QUESTION)) == 64
    assert [len(vector) for vector in embeddings.embed_documents(["a", "你好"])] == [64, 64]
