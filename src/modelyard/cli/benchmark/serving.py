"""Runs `modelyard bench serve`: finds the model, warms up, sends the load, prints and saves the results."""

from __future__ import annotations

import asyncio
import json
import math
import resource
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from modelyard.cli.benchmark import plot, prompts
from modelyard.cli.benchmark.figures import METRICS, FigureOptions, figures
from modelyard.cli.benchmark.load import LoadOutcome, LoadPlan, LoadRun, until_done
from modelyard.cli.benchmark.progress import PAUSE, TerminalProgress
from modelyard.cli.benchmark.prompts import PATHS, BenchPrompt, EndpointKind
from modelyard.cli.benchmark.wire import AnswerReader, BenchmarkSample, BenchServer
from modelyard.cli.output import note, print_json, print_table
from modelyard.core.errors import BadRequest, NotFound, ServerUnreachable

INTERRUPTED = 130
OPEN_FILES = 65536
"""The number of open files, which include connections, that the process requests from the system."""


@dataclass(frozen=True, slots=True)
class Options:
    """The arguments of the command, checked."""

    url: str
    api_key: str | None
    model: str | None
    kind: EndpointKind
    path: str | None
    dataset: str
    dataset_path: Path | None
    count: int
    output_len: int
    lengths: prompts.RandomLengths
    seed: int
    ignore_eos: bool
    extra: Mapping[str, Any]
    warmups: int
    rate: float
    burstiness: float
    max_concurrency: int | None
    timeout: float
    figure_options: FigureOptions
    save: Path | None
    plot: Path | None
    as_json: bool
    labels: Mapping[str, str] = field(default_factory=dict)


def bench(options: Options) -> int:
    """Run the benchmark. Returns the exit code: 1 if no request completed, 130 after Ctrl-C."""
    check_targets(options)
    chosen_prompts = prompts_of(options)
    allow_connections()
    result, outcome = uvloop.run(measure(options, chosen_prompts))
    if options.as_json:
        print_json(result)
    else:
        show(result, options)
    if options.save is not None:
        options.save.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        note(f"The results are in {options.save}.", dim=True)
    if options.plot is not None:
        plot.save(options.plot, outcome.samples, result)
        note(f"The plot is in {options.plot}.", dim=True)
    if outcome.interrupted:
        return INTERRUPTED
    return 0 if outcome.completed else 1


def check_targets(options: Options) -> None:
    """Check before the run that the output files can be written. Raises `BadRequest`."""
    if options.plot is not None:
        plot.check_target(options.plot)
    for path in (options.save, options.plot):
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise BadRequest(f"'{path}' cannot be written: its folder does not exist, or it is a folder itself.")


def prompts_of(options: Options) -> list[BenchPrompt]:
    """The prompts of the selected dataset."""
    if options.dataset == "random":
        return prompts.random_prompts(options.count, options.lengths, options.seed)
    if options.dataset == "builtin":
        return prompts.builtin_prompts(options.count, options.output_len, options.seed)
    if options.dataset_path is None:
        raise BadRequest("--dataset-name jsonl needs --dataset-path FILE.jsonl.")
    return prompts.file_prompts(options.dataset_path, options.count, options.output_len)


async def measure(options: Options, chosen_prompts: Sequence[BenchPrompt]) -> tuple[dict[str, Any], LoadOutcome]:
    """Send all requests and measure the answers. Ctrl-C ends the run early with the samples so far."""
    server = BenchServer.at(options.url, options.api_key)
    model = options.model or await find_model(server, options.kind)
    path = options.path or PATHS[options.kind]
    bodies = prompts.bodies(options.kind, model, chosen_prompts, options.ignore_eos, options.extra)
    requests = [server.request(path, body) for body in bodies]
    plan = LoadPlan(
        server=server,
        requests=requests,
        stream=options.kind is not EndpointKind.EMBEDDINGS and options.extra.get("stream") is not False,
        rate=options.rate,
        burstiness=options.burstiness,
        max_concurrency=options.max_concurrency,
        timeout=options.timeout,
        seed=options.seed,
        keep_text=options.figure_options.detailed,
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    await warm_up(plan, options.warmups, stop)
    outcome = await send(plan, stop)
    return result_of(options, model, outcome), outcome


async def warm_up(plan: LoadPlan, count: int, stop: asyncio.Event) -> None:
    """Send requests that are not measured. Raises `BadRequest` if all of them fail, because the others would fail too."""
    if not count or stop.is_set():
        return
    first = [plan.requests[number % len(plan.requests)] for number in range(count)]
    load = LoadRun(
        LoadPlan(plan.server, first, plan.stream, timeout=plan.timeout, max_concurrency=plan.max_concurrency or 8)
    )
    outcome = await load.run(stop)
    if not outcome.interrupted and not outcome.completed:
        raise BadRequest(f"The warm-up request failed: {outcome.samples[0].example}")


async def send(plan: LoadPlan, stop: asyncio.Event) -> LoadOutcome:
    """Send the load, with its progress on the terminal."""
    load, progress = LoadRun(plan), TerminalProgress()
    try:
        return await until_done(load.outcome, progress.show, load.run(stop), PAUSE)
    finally:
        progress.end()


async def find_model(server: BenchServer, kind: EndpointKind) -> str:
    """The server's only model of the type that the endpoint needs. Raises `NotFound` or `BadRequest`."""
    models = await fetch_models(server)
    model_type = "embedding" if kind is EndpointKind.EMBEDDINGS else "LLM"
    suitable = [
        each for each in models if each.get("model_type", model_type) == model_type and not each.get("alias_of")
    ]
    names = [str(each["id"]) for each in suitable if "id" in each]
    if not names:
        raise NotFound(f"No model of type {model_type} runs at {server.authority}.")
    if len(names) > 1:
        raise BadRequest(f"{len(names)} models run at {server.authority}: {', '.join(names)}. Name one with --model.")
    return names[0]


async def fetch_models(server: BenchServer) -> list[dict[str, Any]]:
    """The models in the server's `/v1/models`. Raises `ServerUnreachable`, or `BadRequest` for an unexpected answer."""
    sample = BenchmarkSample()
    answer = AnswerReader(sample, stream=False)
    try:
        connection = await server.connect()
    except OSError:
        raise ServerUnreachable(f"{'https' if server.tls else 'http'}://{server.authority}") from None
    await connection.ask(server.request("/v1/models"), answer)
    connection.transport.close()
    if sample.problem:
        raise BadRequest(f"{server.authority} does not list its models ({sample.example}); name one with --model.")
    with suppress(msgspec.DecodeError, TypeError, KeyError):
        return [each for each in msgspec.json.decode(answer.body)["data"] if isinstance(each, dict)]
    raise BadRequest(f"{server.authority} does not list its models; name one with --model.")


def allow_connections() -> None:
    """Raise this process's limit of open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def result_of(options: Options, model: str, outcome: LoadOutcome) -> dict[str, Any]:
    """The description of the run and its results, under vLLM's keys."""
    description = {
        "date": time.strftime("%Y%m%d-%H%M%S"),
        "endpoint_type": str(options.kind),
        "base_url": options.url,
        "model_id": model,
        "dataset_name": options.dataset,
        "num_prompts": options.count,
        **options.labels,
        "request_rate": "inf" if math.isinf(options.rate) else options.rate,
        "burstiness": options.burstiness,
        "max_concurrency": options.max_concurrency,
        "interrupted": outcome.interrupted,
    }
    embeddings = options.kind is EndpointKind.EMBEDDINGS
    return description | figures(outcome.samples, outcome.duration, options.figure_options, embeddings)


def show(result: Mapping[str, Any], options: Options) -> None:
    """Print the results as tables."""
    if result["interrupted"]:
        missing = result["num_prompts"] - result["completed"] - result["failed"]
        note(f"Interrupted: {missing} of {result['num_prompts']} requests are not counted.", fg="yellow")
    embeddings = options.kind is EndpointKind.EMBEDDINGS
    rows = [
        ("Completed requests", f"{result['completed']}"),
        ("Failed requests", f"{result['failed']}"),
        ("Duration", f"{result['duration']:.2f} s"),
        ("Input tokens", f"{result['total_input_tokens']}"),
        ("Output tokens", f"{result['total_output_tokens']}"),
        ("Request throughput", f"{result['request_throughput']:.2f} req/s"),
        ("Request goodput", "-" if result["request_goodput"] is None else f"{result['request_goodput']:.2f} req/s"),
        ("Output throughput", f"{result['output_throughput']:.2f} tok/s"),
        ("Total throughput", f"{result['total_token_throughput']:.2f} tok/s"),
        ("Peak output throughput", f"{result['max_output_tokens_per_s']:.2f} tok/s"),
        ("Peak concurrency", f"{result['max_concurrent_requests']}"),
    ]
    print_table(
        (result["model_id"], ""), [row for row in rows if not (embeddings and "utput" in row[0]) and row[1] != "-"]
    )
    names = [name for name in METRICS if f"mean_{name}_ms" in result]
    kinds = ["mean", "median", "std", *(f"p{part:g}" for part in options.figure_options.percentiles if part != 50)]
    if names:
        print()
        print_table(
            ("MS", *(kind.upper() for kind in kinds)),
            [(METRICS[name], *(f"{result[f'{kind}_{name}_ms']:.2f}" for kind in kinds)) for name in names],
        )
    for kind, found in result["error_kinds"].items():
        note(f"{found['count']} × {kind}: {found['example']}", fg="red")
