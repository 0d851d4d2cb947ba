"""transformers: the command as data, then real replicas beside bare `generate`."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.core.errors import InvalidParameter, UnknownOption
from modelyard.core.types import Address, Device, Hardware, Model, ModelType, Shape, Task
from modelyard.engines.base import PYTHON
from modelyard.engines.served import CONFIG_VARIABLE, TOKEN_VARIABLE, ReplicaConfig
from modelyard.engines.transformers import engine
from tests.causal_models import DEMO, bare_answers, batched_and_bare
from tests.causal_replica import CHAT, COMPLETION, SHAPE, Replica, launch
from tests.parameter_rules import refused
from tests.processes import wait_for

MACHINE = Hardware(2, (Device("cpu", "main memory", 2**33, 2**33),))
NOWHERE = Address(uds="/nowhere.sock")

QUESTIONS = [
    "Hello, who are you?",
    "What is the capital of France?",
    "Tell me something about Hangzhou.",
    "中国的首都是哪里？",
    "Thank you very much!",
    "What is the capital of Japan, and how many people live there?",
    "你好",
    "Tell me a story about a small boat on a wide lake in winter, please, and make it long.",
]


def test_it_fits_folders_of_language_models() -> None:
    assert engine.fits(Model("m", format="pytorch"), MACHINE).score > 0
    for other in (Model("m", format="ggufv2"), Model("m", ModelType.EMBEDDING, "pytorch"), Model("m", format="awq")):
        assert engine.fits(other, MACHINE).score == 0
    hybrid = Model("m", format="pytorch", shape=Shape(48, 64, 4, 2, 16, cached_layers=12))
    assert "state" in engine.fits(hybrid, MACHINE).reason


def test_command() -> None:
    command = engine.command(launch(max_num_seqs="4", context_length=256), NOWHERE, "s3cret")
    assert command.argv == (PYTHON, "-m", "modelyard.serving")
    assert command.tasks == {Task.CHAT, Task.COMPLETION, Task.TOKENIZATION}
    assert command.context_length == 256
    assert command.env[TOKEN_VARIABLE] == "s3cret"
    assert command.headers == ((b"authorization", b"Bearer s3cret"),)
    config = json.loads(command.env[CONFIG_VARIABLE])
    assert config["options"]["max_num_seqs"] == 4
    assert config["options"]["trust_remote_code"] is False
    assert "messages" not in refused(command.rules)


def test_options_are_checked_at_launch() -> None:
    with pytest.raises(UnknownOption, match="max_num_seqs"):
        engine.command(launch(max_num_seq=4), NOWHERE, "")
    with pytest.raises(InvalidParameter, match="dtype"):
        engine.command(launch(dtype="int3"), NOWHERE, "")
    with pytest.raises(InvalidParameter, match="512"):
        engine.command(launch(max_model_len=4096), NOWHERE, "")
    with pytest.raises(InvalidParameter, match="given too"):
        engine.command(launch(max_model_len=128, n_ctx=128), NOWHERE, "")


def test_footprint_counts_float32_on_a_cpu_and_every_row() -> None:
    small, large = engine.footprint(launch(max_num_seqs=1)), engine.footprint(launch(max_num_seqs=16))
    assert small.weights == 4 * SHAPE.parameters
    assert large.kv_cache == 16 * small.kv_cache == 16 * 512 * 6 * 2 * 128 * 4


def test_explain_takes_the_line_of_the_error() -> None:
    log = ["Traceback (most recent call last):", "  File ...", "modelyard.core.errors.CannotStart: it has conv layers."]
    assert engine.explain(log, 1) == "it has conv layers. (exit code 1)"
    assert "memory" in engine.explain(["loading"], -9)


@pytest.fixture(scope="module")
def replica(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    wanted = launch(max_num_seqs=6, max_num_batched_tokens=32)
    started = Replica(tmp_path_factory.mktemp("tf"), wanted, fork=False).until_ready()
    yield started
    assert started.stop() == 0


@pytest.fixture(scope="module")
def bare() -> dict[str, str]:
    return dict(zip(QUESTIONS, bare_answers(QUESTIONS, 40), strict=True))


def test_it_listens_before_it_is_loaded_and_says_so(replica: Replica) -> None:
    assert replica.seen[0] == 503


def test_greedy_answers_are_those_of_bare_generate(replica: Replica, bare: dict[str, str]) -> None:
    assert {question: replica.text(question, max_tokens=40) for question in QUESTIONS} == bare


def test_many_at_once_are_each_what_they_are_alone(replica: Replica, bare: dict[str, str]) -> None:
    """Twelve times more answers than rows, of different lengths, among others that draw by chance."""

    def one(index: int) -> tuple[str, str]:
        question = QUESTIONS[index % len(QUESTIONS)]
        if index % 3 == 0:
            replica.text(question, max_tokens=5 + index % 30, temperature=1)
        return question, replica.text(question, max_tokens=40)

    with ThreadPoolExecutor(24) as pool:
        for question, answer in pool.map(one, range(72)):
            assert answer == bare[question]
    assert replica.figure("answers_running") == 0


def test_a_seed_repeats_whoever_else_is_answered(replica: Replica) -> None:
    wish: dict[str, Any] = {"temperature": 1.5, "top_p": 0.95, "top_k": 200, "min_p": 0.001, "max_tokens": 30}
    alone = [replica.text(QUESTIONS[7], seed=seed, **wish) for seed in range(6)]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda seed: replica.text(QUESTIONS[7], seed=seed, **wish), range(6)))
    assert together == alone
    assert len(set(alone)) > 1


def test_the_stream_is_the_whole_answer(replica: Replica) -> None:
    for question in QUESTIONS:
        whole = replica.chat(question, max_tokens=40)
        body = {"messages": [{"role": "user", "content": question}], "temperature": 0, "max_tokens": 40}
        found = replica.stream(CHAT, stream_options={"include_usage": True}, **body)
        deltas = [event["choices"][0]["delta"] for event in found if event["choices"]]
        assert deltas[0] == {"role": "assistant", "content": ""}
        assert "".join(delta.get("content", "") for delta in deltas) == whole["choices"][0]["message"]["content"]
        assert found[-2]["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"]
        counts = ("prompt_tokens", "completion_tokens", "total_tokens", "completion_tokens_details")
        assert [found[-1]["usage"][name] for name in counts] == [whole["usage"][name] for name in counts]


def test_stops(replica: Replica) -> None:
    full = replica.text(QUESTIONS[0], max_tokens=40)
    middle = full[7:13]
    answer = replica.chat(QUESTIONS[0], max_tokens=40, stop=[middle, "never"])["choices"][0]
    assert answer["message"]["content"] == full[: full.index(middle)]
    assert answer["finish_reason"] == "stop"
    token = replica.json(COMPLETION, prompt="The capital of France is", max_tokens=5, temperature=0, logprobs=0)
    assert token["choices"][0]["finish_reason"] == "stop"


def test_length_and_ignore_eos(replica: Replica) -> None:
    answer = replica.chat(QUESTIONS[4], max_completion_tokens=100, ignore_eos=True)
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 100
    nothing = replica.json(COMPLETION, prompt="a b c", max_tokens=0, echo=True)
    assert nothing["choices"][0]["text"] == "a b c"
    assert nothing["usage"]["completion_tokens"] == 0


def test_the_answer_ends_where_the_context_does(replica: Replica) -> None:
    answer = replica.chat(QUESTIONS[0], max_tokens=4000, ignore_eos=True)
    assert answer["usage"]["total_tokens"] == 512
    assert answer["choices"][0]["finish_reason"] == "length"


def test_logprobs_of_a_chat(replica: Replica) -> None:
    choice = replica.chat(QUESTIONS[1], max_tokens=6, logprobs=True, top_logprobs=3)["choices"][0]
    told = choice["logprobs"]["content"]
    assert "".join(each["token"] for each in told).startswith(choice["message"]["content"])
    for each in told:
        assert each["logprob"] == each["top_logprobs"][0]["logprob"] <= 0
        assert len(each["top_logprobs"]) == 3


def test_completions_of_texts_and_tokens(replica: Replica) -> None:
    prompts = ["The capital of France is", "中国的首都是"]
    wish = {"max_tokens": 6, "temperature": 0}
    answer = replica.json(COMPLETION, prompt=prompts, n=2, echo=True, **wish)
    texts = [choice["text"] for choice in answer["choices"]]
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2, 3]
    assert texts[0] == texts[1] and texts[0].startswith(prompts[0] + " Paris")
    assert texts[2] == texts[3] and texts[2].startswith(prompts[1])
    tokens = replica.json(COMPLETION, prompt=[5, 6, 7], logprobs=2, **wish)
    again = replica.json(COMPLETION, prompt=[[5, 6, 7], [8, 9]], **wish)
    assert tokens["choices"][0]["text"] == again["choices"][0]["text"]
    assert tokens["usage"]["prompt_tokens"] == 3 and again["usage"]["prompt_tokens"] == 5
    told = tokens["choices"][0]["logprobs"]
    assert len(told["tokens"]) == len(told["token_logprobs"]) == len(told["text_offset"])
    found = replica.stream(COMPLETION, prompt=prompts, **wish)
    streamed = ["".join(e["choices"][0]["text"] for e in found if e["choices"][0]["index"] == i) for i in (0, 1)]
    assert [prompt + text for prompt, text in zip(prompts, streamed, strict=True)] == texts[::2]


def test_penalties_and_biases_change_what_is_chosen(replica: Replica) -> None:
    plain = replica.json(COMPLETION, prompt=[5, 6, 7], max_tokens=1, temperature=0, logprobs=1)
    first = plain["choices"][0]["logprobs"]["tokens"][0]
    listed = replica.json(
        COMPLETION, prompt=[5, 6, 7], max_tokens=1, temperature=0, logit_bias={"100": 100}, logprobs=1
    )
    assert listed["choices"][0]["logprobs"]["tokens"][0] != first
    repeated = {"prompt": "a a a a a a a a a a a a a a a a", "max_tokens": 60, "temperature": 0, "ignore_eos": True}
    free = replica.json(COMPLETION, **repeated)["choices"][0]["text"]
    for wish in ({"repetition_penalty": 2.0}, {"frequency_penalty": 2.0}, {"presence_penalty": 2.0}):
        assert replica.json(COMPLETION, **repeated, **wish)["choices"][0]["text"] != free


def test_refusals_name_the_parameter(replica: Replica) -> None:
    hello = [{"role": "user", "content": "hello"}]
    assert replica.refused(CHAT, messages=hello, temperature="hot") == "temperature"
    assert replica.refused(CHAT, messages=hello, n=1000) == "n"
    assert replica.refused(CHAT, messages=hello, stop=[""]) == "stop[0]"
    assert replica.refused(CHAT, messages=hello, repetition_penalty=0) == "repetition_penalty"
    assert replica.refused(CHAT, messages=[{"role": "user", "content": "long " * 600}]) == "messages"
    picture = [{"type": "image_url", "image_url": {"url": "data:,"}}]
    assert replica.refused(CHAT, messages=[{"role": "user", "content": picture}]) == "messages"
    assert replica.refused(COMPLETION, prompt="") == "prompt"
    assert replica.refused(COMPLETION, prompt=[10**6]) == "prompt"
    assert replica.refused(COMPLETION, prompt="a", logit_bias={"x": 1}) == "logit_bias"
    assert replica.refused(COMPLETION, prompt="a", suffix="b") == "suffix"
    assert replica.post("/v1/nothing").status_code == 404
    assert replica.http.get(CHAT).status_code == 405
    assert replica.http.get("/v1/models", headers={"authorization": "Bearer no"}).status_code == 401


def test_who_leaves_frees_the_rows(replica: Replica) -> None:
    """Streams and whole answers that would take all six rows for long are left; the next answer does not wait."""
    endless = {"messages": [{"role": "user", "content": "hello"}], "ignore_eos": True, "model": "m", "n": 6}
    for _ in range(3):
        with replica.http.stream("POST", CHAT, json={**endless, "stream": True}) as answer:
            next(answer.iter_lines())
    wait_for(lambda: replica.figure("answers_running") == replica.figure("answers_waiting") == 0)
    abandoned = replica.figure("abandoned_total")
    assert abandoned >= 3
    with pytest.raises(httpx.ReadTimeout):
        replica.http.post(CHAT, json=endless, timeout=httpx.Timeout(60, read=0.05))
    wait_for(lambda: replica.figure("abandoned_total") > abandoned)
    wait_for(lambda: replica.figure("answers_running") == replica.figure("answers_waiting") == 0)


def test_the_beginning_of_a_prompt_is_read_once(replica: Replica) -> None:
    before = replica.figure("prompt_tokens_read_total")
    long = "Remember this: " + "the lake is wide and the boat is small, " * 8
    replica.text(long, max_tokens=2)
    once = replica.figure("prompt_tokens_read_total") - before
    replica.text(long, max_tokens=2)
    assert replica.figure("prompt_tokens_read_total") - before - once < once / 4


def test_thoughts_go_apart_and_sigterm_ends_an_answer(tmp_path: Path) -> None:
    template = (
        "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
        "<|im_start|>assistant\n{% if enable_thinking %}<think>\n{% else %}<think></think>{% endif %}"
    )
    wanted = launch(chat_template=template, enable_thinking=False)
    replica = Replica(tmp_path, wanted).until_ready()
    hello = [{"role": "user", "content": "Hello, who are you?"}]
    plain = replica.json(CHAT, messages=hello, max_tokens=8, temperature=0)["choices"][0]["message"]
    assert plain["content"] and "reasoning_content" not in plain
    switch = {"chat_template_kwargs": {"enable_thinking": True}}
    thinking = {"messages": hello, "max_tokens": 60, "temperature": 0, "ignore_eos": True, **switch}
    thought = replica.json(CHAT, **thinking)["choices"][0]["message"]
    assert thought["reasoning_content"] and thought["content"] == ""
    deltas = [event["choices"][0]["delta"] for event in replica.stream(CHAT, **thinking)]
    for name in ("reasoning_content", "reasoning"):
        assert "".join(delta.get(name, "") for delta in deltas) == thought[name]
    with replica.http.stream(
        "POST", CHAT, json={**thinking, "model": "m", "stream": True, "max_tokens": 400}
    ) as answer:
        next(answer.iter_lines())
        replica.process.send_signal(signal.SIGTERM)
        assert replica.process.wait(timeout=60) == 0
    replica.http.close()


def test_a_folder_that_is_no_model_ends_with_the_reason(tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}')
    replica = Replica(tmp_path, launch(folder))
    assert replica.process.wait(timeout=150) == 1
    replica.http.close()
    said = engine.explain(replica.log.read_text().splitlines(), 1)
    assert "model.safetensors" in said


ARCHITECTURES: dict[str, dict[str, Any]] = {
    "Llama": {},
    "Mistral": {"sliding_window": 16, "head_dim": 16},
    "Gemma2": {"sliding_window": 16, "head_dim": 16},
    "GptOss": {"sliding_window": 16, "head_dim": 16, "num_local_experts": 4},
    "Qwen3": {"head_dim": 16},
}
"""Full attention, windows that the prompt outgrows, soft caps, sinks."""
OTHERS: dict[str, dict[str, Any]] = {"Mamba": {}, "Bloom": {"n_layer": 4, "n_head": 4}}


@pytest.fixture(scope="module")
def architectures() -> Any:
    return batched_and_bare(ARCHITECTURES | OTHERS)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_architectures_batched_are_as_bare(architectures: Any, name: str) -> None:
    assert architectures[name]["refused"] is None
    assert architectures[name]["ours"] == architectures[name]["bare"]


@pytest.mark.parametrize("name", OTHERS)
def test_architectures_that_cannot_be_batched_are_refused(architectures: Any, name: str) -> None:
    assert "cannot be batched" in architectures[name]["refused"]


def test_the_configuration_goes_through_the_environment_whole() -> None:
    import msgspec

    command = engine.command(launch(), NOWHERE, "")
    config = msgspec.json.decode(command.env[CONFIG_VARIABLE], type=ReplicaConfig)
    assert config.path == str(DEMO) and config.context_length == 512
    assert TOKEN_VARIABLE not in command.env
