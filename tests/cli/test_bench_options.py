"""What `modelyard bench serve` makes of its options, before anything is sent."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click
import pytest

from modelyard.cli import bench
from modelyard.cli.benchmark import plot, serving
from modelyard.cli.benchmark.figures import FigureOptions
from modelyard.cli.benchmark.prompts import EndpointKind, RandomLengths, bodies, random_prompts
from modelyard.cli.benchmark.serving import Options, check_targets, prompts_of
from modelyard.cli.main import run
from modelyard.core.errors import BadRequest, InvalidParameter

DEFAULTS = Options(
    url="http://127.0.0.1:9997",
    api_key=None,
    model=None,
    kind=EndpointKind.CHAT,
    path=None,
    dataset="builtin",
    dataset_path=None,
    count=100,
    output_len=128,
    lengths=RandomLengths(1024, 128, 0.0),
    seed=0,
    ignore_eos=False,
    extra={},
    warmups=1,
    rate=math.inf,
    burstiness=1.0,
    max_concurrency=None,
    timeout=3600,
    figure_options=FigureOptions(("ttft", "tpot", "itl", "e2el"), (50, 95, 99), {}, False),
    save=None,
    plot=None,
    as_json=False,
    labels={},
)


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """No server and no key in the environment, and nobody logged in."""
    for name in ("MODELYARD_ENDPOINT", "MODELYARD_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODELYARD_HOME", str(tmp_path))
    return monkeypatch


def options_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Options:
    """The options of a run that is not made."""
    found: list[Options] = []

    def keep(options: Options) -> int:
        found.append(options)
        return 0

    monkeypatch.setattr(serving, "bench", keep)
    assert run(["bench", "serve", *arguments]) == 0
    return found[0]


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        ("", {}),
        ("--endpoint-type vllm", {"kind": EndpointKind.COMPLETIONS}),
        ("--backend openai-chat", {"kind": EndpointKind.CHAT}),
        ("--backend openai", {"kind": EndpointKind.COMPLETIONS}),
        ("--backend completions", {"kind": EndpointKind.COMPLETIONS}),
        ("--backend embeddings", {"kind": EndpointKind.EMBEDDINGS}),
        ("--backend openai-embeddings", {"kind": EndpointKind.EMBEDDINGS}),
        ("-e /v1/other -m m -n 7", {"path": "/v1/other", "model": "m", "count": 7}),
        ("--base-url http://h:1/v1/ -e /x", {"url": "http://h:1/v1", "path": "/x"}),
        ("-e h:1 -ak key", {"url": "http://h:1", "api_key": "key"}),
        ("--temperature 0", {"extra": {"temperature": 0.0}}),
        ('--temperature 1 --extra-body {"temperature":2}', {"extra": {"temperature": 2}}),
        ("--dataset-name random", {"dataset": "random", "ignore_eos": True}),
        ("--dataset-name random --no-ignore-eos", {"dataset": "random"}),
        ("--ignore-eos", {"ignore_eos": True}),
        ("--output-len 9", {"output_len": 9, "lengths": RandomLengths(1024, 9, 0.0)}),
        (
            "--random-input-len 5 --random-output-len 6 --random-range-ratio 0.5",
            {"lengths": RandomLengths(5, 6, 0.5)},
        ),
        ("--seed 3 --num-warmups 0 --timeout 2", {"seed": 3, "warmups": 0, "timeout": 2}),
        (
            "--request-rate 2.5 --burstiness 0.5 --max-concurrency 4",
            {"rate": 2.5, "burstiness": 0.5, "max_concurrency": 4},
        ),
        ("--dataset-path f.jsonl", {"dataset_path": Path("f.jsonl")}),
        (
            "--save-result r.json --plot p.html --label l",
            {"save": Path("r.json"), "plot": Path("p.html"), "labels": {"label": "l"}},
        ),
        ("--json", {"as_json": True}),
        (
            "--percentile-metrics itl,ttft, --metric-percentiles 0,100,99.9 --save-detailed --goodput ttft:1,e2el:2 tpot:3.5",
            {
                "figure_options": FigureOptions(
                    ("ttft", "itl"), (0, 100, 99.9), {"ttft": 1.0, "e2el": 2.0, "tpot": 3.5}, True
                )
            },
        ),
    ],
)
def test_options_of_a_run(arguments: str, changes: dict[str, Any], clean_environment: pytest.MonkeyPatch) -> None:
    found = options_of(clean_environment, *arguments.split())
    for name in Options.__dataclass_fields__:
        assert getattr(found, name) == changes.get(name, getattr(DEFAULTS, name)), name


@pytest.mark.parametrize(
    ("given", "environment", "found"),
    [
        ((None, None, None), {}, ("http://127.0.0.1:9997", None, None)),
        ((None, None, None), {"MODELYARD_ENDPOINT": " h:1/ "}, ("http://h:1", None, None)),
        ((None, "https://h", None), {"MODELYARD_ENDPOINT": "x"}, ("https://h", None, None)),
        ((None, "/v1/x", None), {"MODELYARD_ENDPOINT": "http://h"}, ("http://h", "/v1/x", None)),
        (("http://b", "http://e", "k"), {"MODELYARD_API_KEY": "no"}, ("http://b", None, "k")),
        ((None, None, None), {"MODELYARD_API_KEY": "m"}, ("http://127.0.0.1:9997", None, "m")),
        ((None, "http://e", None), {"OPENAI_API_KEY": "o"}, ("http://e", None, None)),
        (("http://b", None, None), {"OPENAI_API_KEY": "o"}, ("http://b", None, "o")),
        (("http://b", None, None), {"OPENAI_API_KEY": "o", "MODELYARD_API_KEY": "m"}, ("http://b", None, "m")),
    ],
)
def test_where_a_run_is_sent_and_with_which_key(
    given: tuple[Any, Any, Any], environment: dict[str, str], found: object, clean_environment: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        clean_environment.setenv(name, value)
    assert bench.where(*given) == found


@pytest.mark.parametrize(
    ("function", "text", "error"),
    [
        (bench.json_object, "{", "it is no JSON"),
        (bench.json_object, "[1]", "must be a JSON object"),
        (bench.metrics, "ttft,zz,aa", "'aa' is none of ttft, tpot, itl, e2el"),
        (bench.percentiles, "50,x", "'50,x' is no list"),
        (bench.percentiles, "-0.1", "no list of numbers from 0 to 100"),
        (bench.percentiles, "100.1", "no list of numbers from 0 to 100"),
        (lambda text: bench.goodput([text]), "itl:1", "'itl:1' is no goal"),
        (lambda text: bench.goodput([text]), "ttft:", "'ttft:' is no goal"),
        (lambda text: bench.goodput([text]), "ttft:1x", "'ttft:1x' is no goal"),
    ],
)
def test_a_wrong_option_is_named(function: Any, text: str, error: str) -> None:
    with pytest.raises(InvalidParameter, match=error):
        function(text)


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "fast", ""])
def test_a_rate_is_positive(rate: str) -> None:
    with pytest.raises(click.BadParameter, match="no positive number"):
        bench.Rate().convert(rate, None, None)
    assert bench.Rate().convert("0.5", None, None) == 0.5 and bench.Rate().convert("inf", None, None) == math.inf


def changed(**fields: Any) -> Options:
    return Options(**{name: getattr(DEFAULTS, name) for name in Options.__dataclass_fields__} | fields)


def test_prompts_are_those_of_the_dataset(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"prompt": "a"}\n')
    assert [
        each.text for each in prompts_of(changed(dataset="jsonl", dataset_path=tmp_path / "rows.jsonl", count=2))
    ] == ["a"] * 2
    assert len({each.text for each in prompts_of(changed(count=5))}) == 5
    random = prompts_of(changed(dataset="random", lengths=RandomLengths(3, 4, 0.0), count=2))
    assert [(len(each.text.split()), each.output_len) for each in random if each.text] == [(3, 4)] * 2
    with pytest.raises(BadRequest, match="--dataset-path"):
        prompts_of(changed(dataset="jsonl"))


def test_random_lengths_stay_within_their_ratio() -> None:
    for ratio, allowed in ((0.0, {10}), (0.2, set(range(8, 13))), (0.99, set(range(1, 21)))):
        found = random_prompts(300, RandomLengths(10, 10, ratio), 1)
        assert {len((each.text or "").split()) for each in found} == {each.output_len for each in found} == allowed
    assert random_prompts(3, RandomLengths(1, 1, 0.9), 1)[0].output_len in (1, 2)


def test_targets_of_a_run_are_checked_before_it(tmp_path: Path) -> None:
    good, html = tmp_path / "result", tmp_path / "page.html"
    check_targets(changed())
    check_targets(changed(save=good, plot=html))
    for field, path in (("save", tmp_path), ("save", tmp_path / "none" / "x"), ("plot", tmp_path / "none" / "x.html")):
        with pytest.raises(BadRequest, match="cannot be written"):
            check_targets(changed(**{field: path}))
    with pytest.raises(BadRequest, match="neither"):
        plot.check_target(tmp_path / "x.pdf")


@pytest.mark.parametrize("kind", [EndpointKind.COMPLETIONS, EndpointKind.EMBEDDINGS])
def test_messages_are_for_chats_only(kind: EndpointKind, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"prompt": "a"}\n{"messages": [{"role": "user", "content": "b"}]}\n')
    prompts = prompts_of(changed(dataset="jsonl", dataset_path=tmp_path / "rows.jsonl", count=2))
    assert [body["messages"][0]["content"] for body in bodies(EndpointKind.CHAT, "m", prompts, False, {})] == ["a", "b"]
    with pytest.raises(BadRequest, match="Prompt 2 has 'messages'"):
        list(bodies(kind, "m", prompts, False, {}))
