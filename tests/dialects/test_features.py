"""The tables of fields against the types of the official clients: a field that a client gains is a line to decide."""

from __future__ import annotations

import pytest
from openai.types.responses import (
    input_token_count_params,
    response_create_params,
    response_input_item_param,
    response_input_message_content_list_param,
    response_output_message_param,
    tool_param,
)

from modelyard.dialects.anthropic.features import BLOCKS, FIELDS, SOURCES, TOOLS
from modelyard.dialects.features import Fate, Table
from modelyard.dialects.ollama.features import CHAT, CREATE, EMBED, GENERATE, OPTIONS
from modelyard.dialects.responses import features as responses
from modelyard.dialects.tables import FIELDS_OF_DIALECTS
from tests.dialects.conftest import client_results
from tests.dialects.scripts import Json
from tests.dialects.typed_dicts import fields, tags

ANTHROPIC: dict[str, Table] = {"fields": FIELDS, "blocks": BLOCKS, "sources": SOURCES, "tools": TOOLS}
OLDER = {"temperature", "top_p", "top_k"}
"""Fields that clients of earlier versions have."""


@pytest.fixture(scope="module")
def types() -> Json:
    return client_results("client_types.py")


@pytest.mark.parametrize("subject", ANTHROPIC)
def test_what_anthropic_has_is_decided(types: Json, subject: str) -> None:
    assert set(ANTHROPIC[subject]) - OLDER == set(types[subject]) - OLDER


RESPONSES: dict[str, tuple[Table, set[str], set[str]]] = {
    "fields": (
        responses.FIELDS,
        {"stream", *fields(response_create_params.ResponseCreateParamsBase)}
        | fields(input_token_count_params.InputTokenCountParams),
        {"client_metadata"},
    ),
    "items": (
        responses.ITEMS,
        tags(response_input_item_param.ResponseInputItemParam),
        {"agent_message", "ghost_snapshot", "compaction_summary"},
    ),
    "parts": (
        responses.PARTS,
        tags(response_input_message_content_list_param.ResponseInputMessageContentListParam)
        | tags(response_output_message_param.Content),
        {"input_audio"},
    ),
    "tools": (responses.TOOLS, tags(tool_param.ToolParam), {"computer_use"}),
}
"""Table, what the official client has, and what other clients send besides."""


@pytest.mark.parametrize("subject", RESPONSES)
def test_what_responses_have_is_decided(subject: str) -> None:
    table, official, others = RESPONSES[subject]
    assert set(table) - others == official


OLLAMA: dict[str, Table] = {"chat": CHAT, "generate": GENERATE, "embed": EMBED, "options": OPTIONS, "create": CREATE}
OF_THE_SERVER = {"new_topic_penalty", "truncate", "shift", "min_p", "logit_bias"}
"""Fields and options that Ollama's server documents or other clients send, and its Python client does not have."""


@pytest.mark.parametrize("subject", OLLAMA)
def test_what_ollama_has_is_decided(types: Json, subject: str) -> None:
    assert set(OLLAMA[subject]) - OF_THE_SERVER == set(types[f"ollama {subject}"]) - OF_THE_SERVER


def test_what_is_not_taken_as_it_is_says_why() -> None:
    for tables in FIELDS_OF_DIALECTS.values():
        for table in tables.values():
            silent = [name for name, each in table.items() if each.fate is not Fate.HONOURED and not each.note]
            assert silent == []
