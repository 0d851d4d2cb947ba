"""Recorded passes, on a CPU: what is recorded is a function that runs again, and all around it is what a GPU has."""

from __future__ import annotations

from typing import Any

import pytest

from tests.causal_models import in_engine

SCRIPT = """
import logging
import torch
import transformers
from modelyard.engines.generation import NOTHING, SamplingParams
from modelyard.engines.transformers.model import Passes

logging.basicConfig(level=logging.WARNING, format="%(message)s", filename=given["log"])
torch.manual_seed(0)
config = transformers.LlamaConfig(vocab_size=300, hidden_size=64, intermediate_size=96, num_hidden_layers=3,
    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=1024, initializer_range=0.5)
model = transformers.LlamaForCausalLM(config).eval()
chance = torch.Generator().manual_seed(1)
PROMPTS = [torch.randint(3, 300, (length,), generator=chance).tolist() for length in (40, 7, 25)]
IDLE = torch.randint(3, 300, (30,), generator=chance).tolist()
made, plays = 0, 0

def again(run):
    global made
    made += 1
    outcome = run().clone()
    def play():
        global plays
        plays += 1
        outcome.copy_(run())
    return play, outcome

def other(run):
    return (lambda: None), run() + 100

def impossible(run):
    raise RuntimeError("operation not permitted when stream is capturing\\nand more")

def answers(record):
    # three answers beside a row whose prompt is read and nothing more; then that row answers
    passes = Passes(model, 6, record and (lambda: record))
    for row, prompt in enumerate((*PROMPTS, IDLE)):
        passes.begin(row, SamplingParams(temperature=0), prompt, NOTHING)
        passes.read(row, 0, prompt[:-1])
    lengths, last, told = [*(len(prompt) - 1 for prompt in (*PROMPTS, IDLE)), 0, 0], [each[-1] for each in PROMPTS], []
    for _ in range(150):
        last = [drawn.token for drawn in passes.write(last, lengths)]
        lengths[:3] = [length + 1 for length in lengths[:3]]
        told.append(last)
    last += IDLE[-1:]
    for _ in range(20):
        last = [drawn.token for drawn in passes.write(last, lengths)]
        lengths[:4] = [length + 1 for length in lengths[:4]]
        told.append(last)
    passes.reset()
    passes.begin(0, SamplingParams(temperature=0), IDLE, NOTHING)
    passes.read(0, 0, IDLE[:-1])
    told.append([passes.write(IDLE[-1:], [29, 0, 0, 0, 0, 0])[0].token])
    return told

made = {
    "plain": answers(None), "again": answers(again), "recorded": made, "played": plays,
    "other": answers(other), "impossible": answers(impossible),
}
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    log = tmp_path_factory.mktemp("recordings") / "log"
    return in_engine(SCRIPT, log=str(log)) | {"log": log.read_text(encoding="utf-8").splitlines()}


def test_recorded_passes_give_the_tokens_of_passes_carried_out(told: Any) -> None:
    """Through steps of rows and columns, past a growth of the buffers and a reset, with a row that only waits."""
    assert told["again"] == told["plain"]
    assert len(told["plain"]) == 171


def test_few_recordings_serve_many_passes(told: Any) -> None:
    assert told["recorded"] == 4, "128, 192 and 256 columns, and 128 again after the reset"
    assert told["played"] == 171


def test_a_pass_that_cannot_be_recorded_is_carried_out_each_time(told: Any) -> None:
    assert told["impossible"] == told["plain"]
    assert any("operation not permitted when stream is capturing" in line for line in told["log"])
    assert not any("and more" in line for line in told["log"])


def test_a_recording_that_gives_something_else_is_not_used(told: Any) -> None:
    assert told["other"] == told["plain"]
    assert any("a recorded pass differs by" in line for line in told["log"])
