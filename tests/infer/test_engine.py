"""Engines in a child process: answers in order, figures, and that nothing of them is left, however their parent ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from modelyard.core.errors import AdapterNotFound, BadRequest, CannotStart, InvalidParameter, NotFound
from modelyard.infer import AdapterRequest, Engine, InferRequest, InferStats, LlamaEngine, RequestConfig, child
from modelyard.infer.launch_request import LaunchSpec, body, engine_of
from tests.processes import alive, wait_for

QUESTIONS = ("What is the capital of France?", "浙江的省会在哪？")
WORDS = ("Paris", "杭州")
ASKED = [InferRequest([{"role": "user", "content": question}]) for question in QUESTIONS]


def test_answers_in_order_with_figures(engine: Engine) -> None:
    stats = InferStats()
    answers = engine.infer(ASKED, RequestConfig(temperature=0, max_tokens=40), [stats])
    for answer, word in zip(answers, WORDS, strict=True):
        assert word in answer.choices[0].message.content
    figures = stats.compute()
    assert figures["num_samples"] == 2 and figures["num_generated_tokens"] == sum(
        answer.usage.completion_tokens for answer in answers
    )
    assert {"num_prompt_tokens", "runtime", "samples/s", "tokens/s", "ttft", "tpot"} < set(figures)


def test_streams_are_the_whole_answers(engine: Engine) -> None:
    whole = engine.infer(ASKED, RequestConfig(temperature=0, max_tokens=40))
    streams = engine.infer(ASKED, RequestConfig(temperature=0, max_tokens=40, stream=True))
    texts = ["".join(chunk.choices[0].delta.content for chunk in stream) for stream in streams]
    assert texts == [answer.choices[0].message.content for answer in whole]


def test_asynchronous_answers_are_those_of_infer(engine: LlamaEngine) -> None:
    async def both() -> list[str]:
        config = RequestConfig(temperature=0, max_tokens=40)
        answers = await asyncio.gather(*(engine.infer_async(each, config) for each in ASKED))
        stream = await engine.infer_async(ASKED[0], RequestConfig(temperature=0, max_tokens=40, stream=True))
        pieces = [chunk.choices[0].delta.content async for chunk in stream]
        return [*(answer.choices[0].message.content for answer in answers), "".join(pieces)]

    first, second, streamed = asyncio.run(both())
    assert WORDS[0] in first and WORDS[1] in second and streamed == first


def test_beam_search_is_refused(engine: LlamaEngine) -> None:
    with pytest.raises(InvalidParameter, match="num_beams"):
        engine.infer(ASKED, RequestConfig(num_beams=2))


def test_an_adapter_that_is_not_there_is_refused(engine: LlamaEngine) -> None:
    with pytest.raises(AdapterNotFound, match="There is nothing at"):
        engine.infer(ASKED, adapter_request=AdapterRequest("polite", "/nowhere/polite"))
    with pytest.raises(AdapterNotFound, match="No adapter 'other' is loaded"):
        engine.infer(ASKED, adapter_request=AdapterRequest("other"))


def test_a_server_that_does_not_start_is_an_error_with_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "modelyard"
    broken.mkdir()
    (broken / "__init__.py").touch()
    (broken / "__main__.py").write_text("import sys; sys.exit('this installation is broken')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(CannotStart, match="this installation is broken"):
        LlamaEngine(model_type="modelyard-demo")


SLEEPER = """
import os, sys
from modelyard.infer import LlamaEngine
engine = LlamaEngine(model_type="modelyard-demo")
print(engine.server.pid, engine.server.home, os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
sys.stdin.read()
"""


def below(pid: int) -> list[int]:
    return [each.pid for each in psutil.Process(pid).children(recursive=True)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, None])
def test_nothing_is_left_of_it(number: int | None) -> None:
    """`None` is the end of the program itself."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "0"}
    program = subprocess.Popen(
        [sys.executable, "-c", SLEEPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    with program:
        assert program.stdout is not None and program.stdin is not None
        shim = int(program.stdout.readline().split()[0])
        processes = below(shim)
        assert len(processes) >= 2
        assert all(psutil.Process(pid).environ()["CUDA_VISIBLE_DEVICES"] == "0" for pid in processes[:1])
        if number is None:
            program.stdin.close()
        else:
            program.send_signal(number)
        program.wait(60)
        wait_for(lambda: not any(alive(pid) for pid in (shim, *processes)))


def test_closing_takes_the_home_away() -> None:
    engine = LlamaEngine(model_type="modelyard-demo")
    home, processes = engine.server.home, below(engine.server.pid)
    assert home.is_dir() and processes
    engine.close()
    assert not home.exists() and not any(alive(pid) for pid in processes)


def test_a_server_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {**child.environment(), "MODELYARD_HEALTH_INTERVAL": "often"}
    monkeypatch.setattr(child, "environment", lambda: wrong)
    with pytest.raises(CannotStart, match=r"The private server did not start: .*MODELYARD_HEALTH_INTERVAL"):
        child.PrivateServer()


def test_models_and_backends_by_the_names_of_ms_swift() -> None:
    with pytest.raises(NotFound, match=r"qwen-7b-chat"):
        body(LaunchSpec(model_type="qwen-7b-chatt"))
    with pytest.raises(BadRequest, match="No model"):
        body(LaunchSpec())
    with pytest.raises(InvalidParameter, match="LMDeploy"):
        engine_of("lmdeploy")
    assert (engine_of("pt"), engine_of("auto"), engine_of("llama.cpp")) == ("transformers", None, "llama_cpp")
    assert body(LaunchSpec(model_type="modelyard-demo", backend="pt")) == {
        "model_name": "modelyard-demo",
        "model_uid": "modelyard-demo",
        "model_engine": "transformers",
    }
