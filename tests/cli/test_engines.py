"""`modelyard engine`: which engines run a model, and its filters, in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from modelyard.cli.engine import fits, plain, rows_of
from tests.cli.conftest import Printed
from tests.cli.terminal import columns
from tests.client.stub import Stub, json_answer

Call = Callable[..., Printed]
ENGINES: dict[str, Any] = {
    "llama.cpp": [
        {
            "model_name": "q",
            "model_format": "ggufv2",
            "model_size_in_billions": "0_5",
            "quantizations": ["q4_0", "q8_0"],
        }
    ],
    "Transformers": [{"model_name": "q", "model_format": "pytorch", "quantization": "none"}, {}],
    "vLLM": "it is not installed",
}
ROWS = [
    ["llama.cpp", "q", "ggufv2", "0.5", "q4_0"],
    ["llama.cpp", "q", "ggufv2", "0.5", "q8_0"],
    ["Transformers", "q", "pytorch", "-", "none"],
    ["Transformers", "-", "-", "-", "-"],
]


def test_each_form_of_an_engine_is_a_row() -> None:
    assert list(rows_of(ENGINES)) == ROWS
    assert list(rows_of({"e": [{"model_size_in_billions": 0, "quantizations": []}]})) == [["e", "-", "-", "0", "-"]]


@pytest.mark.parametrize(
    ("filters", "rows"),
    [
        ({}, 4),
        ({"model_engine": None, "size": ""}, 4),
        ({"model_engine": "Llama-CPP"}, 2),
        ({"model_engine": "llama_cpp", "quantization": "Q8-0"}, 1),
        ({"size": "0_5B"}, 2),
        ({"size": "0.5"}, 2),
        ({"model_format": "pytorch"}, 1),
        ({"model_format": "pytorch", "size": "7"}, 0),
    ],
)
def test_a_row_fits_whatever_the_spelling(filters: dict[str, str | None], rows: int) -> None:
    assert sum(fits(row, filters) for row in ROWS) == rows


@pytest.mark.parametrize(("text", "found"), [("A-b.c_D", "a_b_c_d"), ("7B", "7"), ("b", ""), ("bb", "b")])
def test_spellings_are_plain(text: str, found: str) -> None:
    assert plain(text) == found


def test_engines_of_a_model_are_a_table_with_reasons(stub: Stub, call: Call) -> None:
    stub.routes["GET /v1/engines/LLM/q"] = stub.routes["GET /v1/engines/rerank/q"] = json_answer(ENGINES)
    for words in (
        ("engine", "q"),
        ("engine", "-n", "q"),
        ("engine", "of", "q"),
        ("engine", "of", "x", "--model_name", "q"),
    ):
        done = call(*words)
        assert (done.code, done.err) == (0, "vLLM: it is not installed\n")
        assert columns(done.out)[1:] == ROWS
    done = call("engine", "q", "--json")
    assert (done.code, json.loads(done.out), done.err) == (0, ENGINES, "")
    assert call("engine", "q", "-t", "rerank", "-f", "awq") == Printed(
        1, "", "vLLM: it is not installed\nNo engine can run q that way.\n"
    )
    none = call("engine", "of")
    assert none.code == 2 and "`modelyard registrations` lists the families" in none.err
    assert call("engine").code in (0, 2) and call("engine", "-h").code == 0
