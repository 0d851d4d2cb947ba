"""`modelyard bench serve`: measures the speed of an OpenAI-compatible server with the metrics of vLLM's benchmark.

This file defines the command's options; `benchmark/serving.py` runs the benchmark.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.connection import DEFAULT_URL
from modelyard.cli.groups import SubcommandGroup
from modelyard.cli.output import json_option
from modelyard.core.errors import InvalidParameter
from modelyard.core.wording import reason

if TYPE_CHECKING:
    from modelyard.cli.benchmark.serving import Options

KINDS = {
    "chat": "chat",
    "completions": "completions",
    "embeddings": "embeddings",
    "openai-chat": "chat",
    "openai": "completions",
    "vllm": "completions",
    "openai-embeddings": "embeddings",
}
"""Values of `--endpoint-type`; the last four are vLLM's names."""
METRICS = ("ttft", "tpot", "itl", "e2el")
LENGTH = click.IntRange(1)
FILE = click.Path(dir_okay=False, path_type=Path)


class Rate(click.ParamType[float]):
    """Requests per second, or `inf`."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            rate = float(value)
        except ValueError:
            rate = 0.0
        if not rate > 0:
            self.fail(f"'{value}' is no positive number of requests per second, nor inf.", param, ctx)
        return rate


@click.group(cls=SubcommandGroup, short_help="Measure how fast a server answers.")
def command() -> None:
    """Measure how fast a server answers."""


@command.command("serve", short_help="Put a server under load and measure latency and throughput.")
@click.option("--base-url", metavar="URL", help="Any OpenAI-compatible server; else --endpoint.")
@click.option(
    "-e",
    "--endpoint",
    metavar="URL",
    help="The server; a path such as /v1/completions selects where requests are sent.",
)
@click.option("-ak", "--api-key", metavar="KEY", help="Else $MODELYARD_API_KEY; with --base-url also $OPENAI_API_KEY.")
@click.option("-m", "--model", metavar="NAME", help="Needed if the server has several models.")
@click.option(
    "--endpoint-type", "--backend", "kind", type=click.Choice(list(KINDS)), default="chat", show_default=True,
    help="The type of requests; vLLM's names are accepted too.",
)  # fmt: skip
@click.option("-n", "--num-prompts", type=LENGTH, default=100, show_default=True, help="Requests in all.")
@click.option("--request-rate", type=Rate(), default="inf", show_default=True, help="Requests per second.")
@click.option(
    "--burstiness", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True,
    help="1 is a Poisson process; lower values are burstier, higher ones more even.",
)  # fmt: skip
@click.option("--max-concurrency", type=LENGTH, metavar="N", help="Maximum concurrent requests; unlimited by default.")
@click.option("--num-warmups", type=click.IntRange(0), default=1, show_default=True, help="Requests sent before.")
@click.option(
    "--dataset-name", type=click.Choice(["builtin", "random", "jsonl"]), default="builtin", show_default=True,
    help="Built-in questions, random words, or a file.",
)  # fmt: skip
@click.option("--dataset-path", type=FILE, help="JSON Lines, each with 'prompt' or 'messages' (and 'output_tokens').")
@click.option("--output-len", type=LENGTH, default=128, show_default=True, help="Maximum tokens of an answer.")
@click.option("--random-input-len", type=LENGTH, default=1024, show_default=True, help="Words of a random prompt.")
@click.option("--random-output-len", type=LENGTH, help="Tokens of an answer to a random prompt; else --output-len.")
@click.option(
    "--random-range-ratio", type=click.FloatRange(0, 1, max_open=True), default=0.0, show_default=True,
    help="Relative spread of both lengths: 0.2 draws them from within 20 %.",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of prompts and arrival times.")
@click.option(
    "--ignore-eos/--no-ignore-eos", default=None, help="Ask for answers of full length; the default for random prompts."
)
@click.option("--temperature", type=click.FloatRange(0), help="Else the server's default.")
@click.option("--extra-body", metavar="JSON", default="{}", help="Keys to add to each request; null removes one.")
@click.option(
    "--goodput", multiple=True, metavar="METRIC:MS", help="Limits of a good request: ttft:500 tpot:100 e2el:2000."
)
@click.option(
    "--percentile-metrics", metavar="LIST", default=",".join(METRICS), show_default=True, help="What to report."
)
@click.option("--metric-percentiles", metavar="LIST", default="50,95,99", show_default=True, help="Which percentiles.")
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), default=3600, show_default=True, help="Of one answer."
)
@click.option("--save-result", type=FILE, help="Write the results to this JSON file.")
@click.option("--save-detailed", is_flag=True, help="Include the values of each request in the results.")
@click.option("--label", metavar="TEXT", help="A name for this run, stored with the results.")
@click.option("--plot", type=FILE, help="Draw latencies: FILE.html, or FILE.png where matplotlib is installed.")
@json_option
@click.argument("more", metavar="", nargs=-1)
def serve(**given: Any) -> int:
    """Send load to an OpenAI-compatible server, and measure latency and throughput with vLLM's metrics.

    TTFT is the time to the first token, TPOT the time per later token, ITL the gap between two tokens, E2EL the whole
    latency. Ctrl-C ends the run and shows what was measured so far.
    """
    from modelyard.cli.benchmark.serving import bench

    return bench(options_of(given))


def options_of(given: dict[str, Any]) -> Options:
    """Check the command's options. Raises `InvalidParameter`."""
    from modelyard.cli.benchmark.figures import FigureOptions
    from modelyard.cli.benchmark.prompts import EndpointKind, RandomLengths
    from modelyard.cli.benchmark.serving import Options

    url, path, api_key = where(given["base_url"], given["endpoint"], given["api_key"])
    extra = json_object(given["extra_body"])
    if given["temperature"] is not None:
        extra = {"temperature": given["temperature"], **extra}
    ignore_eos = given["ignore_eos"]
    return Options(
        url=url,
        api_key=api_key,
        model=given["model"],
        kind=EndpointKind(KINDS[given["kind"]]),
        path=path,
        dataset=given["dataset_name"],
        dataset_path=given["dataset_path"],
        count=given["num_prompts"],
        output_len=given["output_len"],
        lengths=RandomLengths(
            given["random_input_len"], given["random_output_len"] or given["output_len"], given["random_range_ratio"]
        ),
        seed=given["seed"],
        ignore_eos=given["dataset_name"] == "random" if ignore_eos is None else ignore_eos,
        extra=extra,
        warmups=given["num_warmups"],
        rate=given["request_rate"],
        burstiness=given["burstiness"],
        max_concurrency=given["max_concurrency"],
        timeout=given["timeout"],
        figure_options=FigureOptions(
            metrics=metrics(given["percentile_metrics"]),
            percentiles=percentiles(given["metric_percentiles"]),
            goodput=goodput([*given["goodput"], *given["more"]]),
            detailed=given["save_detailed"],
        ),
        save=given["save_result"],
        plot=given["plot"],
        as_json=given["as_json"],
        labels={"label": given["label"]} if given["label"] else {},
    )


def where(base_url: str | None, endpoint: str | None, api_key: str | None) -> tuple[str, str | None, str | None]:
    """The server's address, the path if the URL has one, and the key. `$OPENAI_API_KEY` is used with `--base-url` only."""
    from modelyard.cli import tokens

    path = endpoint if endpoint and endpoint.startswith("/") else None
    url = base_url or (None if path else endpoint)
    key = api_key or os.environ.get("MODELYARD_API_KEY") or (os.environ.get("OPENAI_API_KEY") if base_url else None)
    found = (url or os.environ.get("MODELYARD_ENDPOINT") or DEFAULT_URL).strip().rstrip("/")
    found = found if "://" in found else f"http://{found}"
    return found, path, key or tokens.current(found.removesuffix("/v1"))


def json_object(text: str) -> dict[str, Any]:
    """Parse the JSON object of `--extra-body`."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InvalidParameter("--extra-body", f"it is no JSON: {reason(error)}.") from None
    if not isinstance(value, dict):
        raise InvalidParameter("--extra-body", "it must be a JSON object, such as '{\"top_k\": 5}'")
    return value


def goodput(goals: list[str]) -> dict[str, float]:
    """Parse goals such as `ttft:500`; returns metric → milliseconds."""
    found = {}
    for goal in [each for group in goals for each in re.split(r"[\s,]+", group) if each]:
        parts = re.fullmatch(r"(ttft|tpot|e2el):(\d+(?:\.\d+)?)", goal)
        if parts is None:
            raise InvalidParameter("--goodput", f"'{goal}' is no goal such as ttft:500, tpot:100 or e2el:2000 (ms)")
        found[parts[1]] = float(parts[2])
    return found


def metrics(text: str) -> tuple[str, ...]:
    """The named metrics, in the order of the output."""
    named = {each.strip() for each in text.split(",")} - {""}
    if unknown := named - set(METRICS):
        raise InvalidParameter("--percentile-metrics", f"{min(unknown)!r} is none of {', '.join(METRICS)}")
    return tuple(metric for metric in METRICS if metric in named)


def percentiles(text: str) -> tuple[float, ...]:
    """The named percentiles, in their order."""
    try:
        found = tuple(float(each) for each in text.split(",") if each.strip())
    except ValueError:
        found = (-1.0,)
    if not all(0 <= each <= 100 for each in found):
        raise InvalidParameter("--metric-percentiles", f"'{text}' is no list of numbers from 0 to 100, such as 50,99")
    return found
