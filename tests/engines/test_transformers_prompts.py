"""transformers: what the model thinks of a prompt, beside bare logits, and prompts that ask for a middle."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.causal_models import DEMO, HOLE, in_engine, with_hole_tokens
from tests.causal_replica import COMPLETION, Replica, launch

PROMPTS = [
    "The capital of France is Paris, and that of Japan is Tokyo.",
    "中国的首都是北京 🙂, naïve",
    "Tell me a story about a small boat on a wide lake in winter, please. " * 8,
]
CLOSE = 2e-4

BARE = """
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
torch.set_num_threads(1)
model = AutoModelForCausalLM.from_pretrained(given["path"], dtype=torch.float32)
tokenizer = AutoTokenizer.from_pretrained(given["path"])
made = []
for prompt in given["prompts"]:
    ids = tokenizer.encode(prompt)
    with torch.no_grad():
        logprobs = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    own = [logprobs[place, token].item() for place, token in enumerate(ids[1:])]
    values, best = logprobs[:-1].topk(given["count"])
    made.append({
        "ids": ids, "tokens": [tokenizer.decode([token]) for token in ids], "own": own, "values": values.tolist(),
        "best": [[tokenizer.decode([token]) for token in row] for row in best.tolist()],
        "offsets": [len(tokenizer.decode(ids[:place]).rstrip("\\ufffd")) for place in range(len(ids))],
    })
"""


@pytest.fixture(scope="module")
def replica(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    folder = tmp_path_factory.mktemp("tf")
    wanted = launch(with_hole_tokens(folder), max_num_seqs=4, max_num_batched_tokens=96)
    started = Replica(folder / "run", wanted).until_ready()
    yield started
    assert started.stop() == 0


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    path = with_hole_tokens(tmp_path_factory.mktemp("bare"))
    made: list[dict[str, Any]] = in_engine(BARE, path=str(path), prompts=PROMPTS, count=3)
    return made


def hold(told: dict[str, Any], bare: dict[str, Any]) -> None:
    """The prompt's part of what is told is what bare logits say."""
    count = len(bare["ids"])
    assert told["tokens"][:count] == bare["tokens"]
    assert told["text_offset"][:count] == bare["offsets"]
    assert told["token_logprobs"][0] is told["top_logprobs"][0] is None
    assert told["token_logprobs"][1:count] == pytest.approx(bare["own"], abs=CLOSE)
    for place in range(1, count):
        top = dict(zip(bare["best"][place - 1], bare["values"][place - 1], strict=True))
        top.setdefault(bare["tokens"][place], bare["own"][place - 1])
        if len(top) == len(told["top_logprobs"][place]):  # broken characters look alike
            assert told["top_logprobs"][place] == pytest.approx(top, abs=CLOSE)


def test_a_prompt_is_told_as_bare_logits_say(replica: Replica, bare: list[dict[str, Any]]) -> None:
    wish = {"logprobs": 3, "max_tokens": 4, "temperature": 0, "ignore_eos": True}
    answer = replica.json(COMPLETION, prompt=PROMPTS, echo=True, **wish)
    again = replica.json(COMPLETION, prompt=[each["ids"] for each in bare], echo=True, **wish)
    for choice, other, prompt, expected in zip(answer["choices"], again["choices"], PROMPTS, bare, strict=True):
        hold(choice["logprobs"], expected)
        hold(other["logprobs"], expected)
        plain = replica.json(COMPLETION, prompt=prompt, **wish)["choices"][0]
        assert choice["text"] == prompt + plain["text"]
        assert choice["finish_reason"] == plain["finish_reason"] == "length"
        count = len(expected["ids"])
        rest = {name: values[count:] for name, values in choice["logprobs"].items()}
        assert rest["tokens"] == plain["logprobs"]["tokens"]
        assert rest["token_logprobs"] == pytest.approx(plain["logprobs"]["token_logprobs"], abs=CLOSE)
        assert rest["text_offset"] == [len(prompt) + place for place in plain["logprobs"]["text_offset"]]


def test_a_prompt_is_told_and_nothing_written(replica: Replica, bare: list[dict[str, Any]]) -> None:
    answer = replica.json(COMPLETION, prompt=PROMPTS, echo=True, logprobs=3, max_tokens=0, n=2)
    assert answer["usage"]["completion_tokens"] == 0
    assert [choice["index"] for choice in answer["choices"]] == list(range(6))
    for index, choice in enumerate(answer["choices"]):
        assert (choice["text"], choice["finish_reason"]) == (PROMPTS[index // 2], "length")
        assert len(choice["logprobs"]["tokens"]) == len(bare[index // 2]["ids"])
        hold(choice["logprobs"], bare[index // 2])
    one = replica.json(COMPLETION, prompt=[5], echo=True, logprobs=0, max_tokens=0)["choices"][0]["logprobs"]
    assert (one["token_logprobs"], one["top_logprobs"], one["text_offset"]) == ([None], [None], [0])
    assert replica.json(COMPLETION, prompt="a", echo=True, max_tokens=0)["choices"][0]["logprobs"] is None
    full = replica.json(COMPLETION, prompt=[5] * 512, echo=True, logprobs=0, max_tokens=0)["choices"][0]
    assert len(full["logprobs"]["tokens"]) == 512, "a prompt as long as the context, for there is nothing to write"
    assert replica.refused(COMPLETION, prompt=[5] * 512, echo=True, logprobs=0, max_tokens=1) == "prompt"


@pytest.mark.parametrize("most", [0, 5])
def test_a_told_prompt_streams_as_it_is_whole(replica: Replica, most: int) -> None:
    given = {"prompt": PROMPTS, "echo": True, "logprobs": 2, "max_tokens": most, "temperature": 0}
    whole = replica.json(COMPLETION, **given)["choices"]
    pieces = [event["choices"][0] for event in replica.stream(COMPLETION, **given)]
    for index, choice in enumerate(whole):
        mine = [piece for piece in pieces if piece["index"] == index]
        assert "".join(piece["text"] for piece in mine) == choice["text"]
        assert mine[-1]["finish_reason"] == choice["finish_reason"]
        told = [piece["logprobs"] for piece in mine if piece["logprobs"]]
        for name in ("tokens", "text_offset"):
            assert [value for part in told for value in part[name]] == choice["logprobs"][name]


def test_who_is_told_disturbs_nobody(replica: Replica, bare: list[dict[str, Any]]) -> None:
    prompt = {"prompt": PROMPTS[2], "temperature": 0, "max_tokens": 20}
    alone = replica.json(COMPLETION, **prompt)["choices"][0]["text"]
    with ThreadPoolExecutor(8) as pool:
        told = [pool.submit(replica.json, COMPLETION, echo=True, logprobs=3, **prompt) for _ in range(4)]
        plain = [pool.submit(replica.json, COMPLETION, **prompt) for _ in range(4)]
    assert {each.result()["choices"][0]["text"] for each in plain} == {alone}
    for each in told:
        choice = each.result()["choices"][0]
        assert choice["text"] == PROMPTS[2] + alone
        hold(choice["logprobs"], bare[2])


def test_what_is_likely_counts_though_it_is_not_chosen(replica: Replica) -> None:
    """The chosen token is told beside the likeliest, as OpenAI does."""
    given = {"prompt": "The capital of France is", "max_tokens": 1, "logit_bias": {"100": 100}, "logprobs": 2}
    told = replica.json(COMPLETION, **given)["choices"][0]["logprobs"]
    (token,), (top,) = told["tokens"], told["top_logprobs"]
    assert len(top) == 3 and top[token] == told["token_logprobs"][0] == min(top.values())


def token_ids(*texts: str) -> list[list[int]]:
    script = """
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(given["path"])
made = [tokenizer.encode(text) for text in given["texts"]]
"""
    made: list[list[int]] = in_engine(script, path=str(DEMO), texts=texts)
    return made


MARKS = [6143 - number for number in range(len(HOLE))]
FIRST, LAST = "The capital of France", " is a city. 你好"


def test_a_suffix_asks_for_the_middle(replica: Replica) -> None:
    first, last = token_ids(FIRST, LAST)
    wish = {"max_tokens": 12, "temperature": 0}
    asked = [MARKS[0], *first, MARKS[1], *last, MARKS[2]]
    by_hand = replica.json(COMPLETION, prompt=asked, **wish)
    answer = replica.json(COMPLETION, prompt=FIRST, suffix=LAST, **wish)
    assert answer["choices"][0]["text"] == by_hand["choices"][0]["text"]
    assert answer["usage"]["prompt_tokens"] == len(asked)
    assert replica.json(COMPLETION, prompt=first, suffix=LAST, **wish)["choices"] == answer["choices"]
    assert replica.json(COMPLETION, prompt=FIRST, suffix="", **wish)["usage"]["prompt_tokens"] == len(first)
    both = replica.json(COMPLETION, prompt=[FIRST, "Hello"], suffix=LAST, echo=True, **wish)["choices"]
    assert both[0]["text"] == FIRST + answer["choices"][0]["text"] and both[1]["text"].startswith("Hello")
    streamed = replica.stream(COMPLETION, prompt=FIRST, suffix=LAST, **wish)
    assert "".join(event["choices"][0]["text"] for event in streamed) == answer["choices"][0]["text"]
    assert replica.refused(COMPLETION, prompt=FIRST, suffix=LAST, echo=True, logprobs=1) == "echo"


def test_the_middle_ends_where_another_text_would_begin(replica: Replica) -> None:
    biased = {"prompt": FIRST, "max_tokens": 6, "temperature": 0, "logit_bias": {str(MARKS[0]): 100}}
    ended = replica.json(COMPLETION, suffix=LAST, **biased)["choices"][0]
    assert (ended["text"], ended["finish_reason"]) == ("", "stop")
    for free in ({"suffix": LAST, "ignore_eos": True}, {}):
        assert replica.json(COMPLETION, **free, **biased)["choices"][0]["finish_reason"] == "length"


FORMS = """
from transformers import PreTrainedTokenizerFast
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from modelyard.core.errors import InvalidParameter
from modelyard.engines.transformers.infilling import InfillForms

made = []
for marks, spaced, begins in given["cases"]:
    words = ["<s>", "\u2581", "a", "b", "c", "\u263a", *marks]
    core = Tokenizer(models.BPE({word: number for number, word in enumerate(words)}, [], fuse_unk=False))
    if spaced:
        core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    if begins:
        core.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 0)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", additional_special_tokens=marks)
    holes = InfillForms(tokenizer)
    try:
        found = [holes.fill("ab", "c"), holes.fill(tokenizer.encode("ab"), "c")]
        made.append([" ".join(words[token] for token in each) for each in found] + [sorted(holes.ends)])
    except InvalidParameter as error:
        made.append([error.param, str(error), sorted(holes.ends)])
"""


def test_every_family_is_asked_as_it_was_trained() -> None:
    cases = {
        ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"): "{0} a b {1} c {2}",
        ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"): "{0} a b {1} c {2}",
        ("<fim-prefix>", "<fim-suffix>", "<fim-middle>"): "{0} a b {1} c {2}",
        ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"): "<s> {0} a b {1} c {2}",
        ("▁<PRE>", "▁<SUF>", "▁<MID>"): "<s> {0} ▁ a b {1} c {2}",
        ("<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>"): "<s> {1} c {0} a b {2}",
        ("[PREFIX]", "[SUFFIX]", "[MIDDLE]"): "<s> {1} c {0} ▁ a b",
    }
    given = [(marks, "▁ a" in want, "<s>" in want) for marks, want in cases.items()]
    made = in_engine(FORMS, cases=[*given, (["<fim_prefix>", "<fim_suffix>"], False, True)])
    for (marks, want), (by_text, by_ids, ends) in zip(cases.items(), made, strict=False):
        assert by_text == by_ids == want.format(*marks)
        assert ends == [6, 7, 8], "another text would begin with one of these"
    param, why, ends = made[-1]
    assert (param, ends) == ("suffix", []) and "transformers engine" in why and "<|fim_prefix|>" in why
