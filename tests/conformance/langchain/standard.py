"""LangChain's standard tests of chat models and embeddings, by `langchain-openai`, against one model of a running server.

Runs in the environment `langchain` of `tests/client_environments.py`, started by `test_langchain.py`, which sets the variables.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

SERVER = {"base_url": os.environ["SERVER_URL"], "api_key": "none", "timeout": 300, "max_retries": 0}
"""The address that ends with `/v1`, and what every client gets."""

TOO_HARD = {
    "test_agent_loop": "the model would have to decide to call a tool, and then to answer",
    "test_bind_runnables_as_tools": "the model would have to write a greeting",
    "test_tool_calling": "the model would have to pass 3 because the question says so",
    "test_tool_calling_async": "the model would have to pass 3 because the question says so",
    "test_tool_calling_with_no_arguments": "the model would have to stop after one call",
    "test_unicode_tool_call_integration": "the model would have to repeat a name of the question",
}
"""Tests that ask a skill of the model which one of four megabytes does not have."""


@pytest.fixture(autouse=True)
def _model_skill(request: pytest.FixtureRequest) -> None:
    """Expect the tests of `TOO_HARD` to fail, by an assertion about the answer and by nothing else."""
    if reason := TOO_HARD.get(request.node.originalname):
        request.applymarker(pytest.mark.xfail(reason=reason, raises=AssertionError, strict=False))


class TestChat(ChatModelIntegrationTests):  # type: ignore[misc]
    chat_model_class = ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        """`logit_bias` makes a tiny model close its strings and objects, where a larger one would know when to."""
        bias = json.loads(os.environ["LOGIT_BIAS"])
        model = {"model": os.environ["CHAT_MODEL"], "temperature": 0, "max_tokens": 100, "logit_bias": bias}
        return {**SERVER, **model, "stream_usage": True}


class TestEmbeddings(EmbeddingsIntegrationTests):  # type: ignore[misc]
    embeddings_class = OpenAIEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        """Texts are sent as texts: by default the class sends numbers of tokens of OpenAI's own models."""
        return {**SERVER, "model": os.environ["EMBEDDING_MODEL"], "check_embedding_ctx_length": False}
