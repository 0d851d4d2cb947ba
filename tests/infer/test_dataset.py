"""Questions from files into answers: rows of every kind, bad ones too, and going on after a crash. On a real engine of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.core.errors import BadRequest
from modelyard.infer import Engine, RequestConfig
from modelyard.infer.dataset import RunOutcome, questions, run
from modelyard.infer.stats import InferStats

ROWS: list[Any] = [
    {"query": "浙江的省会是哪里？", "response": "杭州"},
    {"query": "And of France?", "history": [["What is the capital of Italy?", "Rome."]], "system": "Be brief."},
    {"messages": [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"}]},
    {"question": "wrong key"},
    {"query": "too long " * 5000},
    {"query": "bye"},
]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(model_type="modelyard-demo", infer_backend="llama_cpp", n_ctx=512) as made:
        yield made


@pytest.fixture
def file(tmp_path: Path) -> str:
    made = tmp_path / "rows.jsonl"
    lines = [json.dumps(row, ensure_ascii=False) for row in ROWS]
    made.write_text("\n".join([*lines[:3], '{"query": "cut off', *lines[3:]]) + "\n", encoding="utf-8")
    return str(made)


def records(result: Path) -> dict[int, dict[str, Any]]:
    found = [json.loads(line) for line in result.read_text(encoding="utf-8").splitlines()]
    return {record["index"]: record for record in found}


def test_a_bad_row_is_recorded_and_stops_nothing(engine: Engine, file: str, tmp_path: Path) -> None:
    result, stats = tmp_path / "out" / "answers.jsonl", InferStats()
    asked = questions([file])
    outcome = run(engine, asked, result, RequestConfig(temperature=0, max_tokens=16), stats=stats)
    assert outcome == RunOutcome(answered=4, failed=3, kept=0)
    found = records(result)
    assert sorted(found) == list(range(7))
    assert "杭州" in found[0]["response"] and found[0]["label"] == "杭州"
    assert found[0]["history"] == [["浙江的省会是哪里？", found[0]["response"]]]
    assert found[1]["system"] == "Be brief." and found[1]["history"][0] == ["What is the capital of Italy?", "Rome."]
    assert (found[2]["query"], found[2]["label"]) == ("hello", "hi")
    assert "no JSON" in found[3]["error"] and "neither 'query'" in found[4]["error"]
    assert "error" in found[5] and "response" not in found[5]
    figures = stats.compute()
    assert figures["num_samples"] == 4 and figures["num_generated_tokens"] > 4 and figures["ttft"] > 0


def test_a_run_goes_on_where_it_was(engine: Engine, file: str, tmp_path: Path) -> None:
    """After a crash in the middle of a line; what failed is tried again."""
    result = tmp_path / "answers.jsonl"
    asked = questions([file])
    config = RequestConfig(temperature=0, max_tokens=16)
    run(engine, asked, result, config)
    lines = [line for line in result.read_text(encoding="utf-8").splitlines() if '"index": 6' not in line]
    result.write_text("\n".join(lines) + '\n{"index": 6, "que', encoding="utf-8")
    outcome = run(engine, asked, result, config)
    assert (outcome.kept, outcome.answered) == (3, 1)
    last = [json.loads(line) for line in result.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
    assert {record["index"] for record in last if "response" in record} == {0, 1, 2, 6}
    other = questions([file], sample=2)
    other[0].row["query"] = "another question"
    with pytest.raises(BadRequest, match="answers to other questions"):
        run(engine, other, result, config)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="There is no file"):
        questions([str(tmp_path / "nowhere.jsonl")])
    (tmp_path / "a.json").write_text('[1, {"query": "x"}]', encoding="utf-8")
    first, second = questions([str(tmp_path / "a.json")])
    assert first.problem and not second.problem
