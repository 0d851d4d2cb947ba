"""`modelyard infer`: one model, asked at the terminal or over a file of questions, as ms-swift infers."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.output import note, print_json
from modelyard.cli.swift_flags import Flags, parse, truth
from modelyard.cli.swift_models import passing, wanted

if TYPE_CHECKING:
    from modelyard.infer.dataset import DatasetQuestion
    from modelyard.infer.engine import Engine
    from modelyard.infer.requests import AdapterRequest, RequestConfig

OWN = (
    "val_dataset", "val_dataset_sample", "show_dataset_sample", "load_dataset_config", "result_path", "max_concurrency",
    "json",
)  # fmt: skip
INTERRUPTED = 130


SETTINGS = passing(
    "Ask one model, as ms-swift infers.",
    "Launch a model for this command alone and ask it: at <<< , or every row of --val_dataset.",
    {
        "val_dataset FILE…": ".jsonl with query, history, system, response; or messages",
        "load_dataset_config true": "the dataset that the checkpoint's args.json names",
        "result_path FILE": "answers, one JSON object a line; the same call goes on where it was",
        "val_dataset_sample N": "only the first N rows",
        "max_new_tokens N": "also temperature, top_p, top_k, repetition_penalty, stop_words, seed, stream",
        "system TEXT": "what the model is told first",
        "json": "only the statistics, as JSON",
    },
)


@click.command(short_help=SETTINGS["short_help"], help=SETTINGS["help"], context_settings=SETTINGS["context_settings"])
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="--FLAG VALUE…")
def command(words: tuple[str, ...]) -> int:
    flags = parse(words, OWN)
    from modelyard.core.config import Settings
    from modelyard.infer.engine import Engine
    from modelyard.infer.requests import AdapterRequest, RequestConfig

    found = wanted(flags, Settings().infer_backend)
    files = dataset(flags, found.model)
    asked = questions_of(files, flags) if files else []
    config = RequestConfig(**{name: value for name, value in flags.answer.items() if name != "stream"})
    with Engine(
        found.model,
        model_type=found.model_type,
        adapters=dict(found.adapters),
        infer_backend=found.backend,
        served_model_name=found.served_name,
        **found.options,
    ) as engine:
        names = [name for name in engine.models if name != engine.model]
        adapter = AdapterRequest(names[0]) if names else None
        if files:
            return over(engine, asked, flags, config, adapter)
        talk(engine, config, adapter, flags.model.get("system"), bool(flags.answer.get("stream", True)))
    return 0


def dataset(flags: Flags, checkpoint: str | None) -> list[str]:
    """The files of questions; none is a talk at the terminal."""
    files = flags.own.get("val_dataset") or []
    if files or not truth(str(flags.own.get("load_dataset_config", "false"))):
        return list(files)
    from modelyard.infer.launching import training

    notes = training(flags.model.get("ckpt_dir") or checkpoint)
    noted = notes.get("val_dataset") or notes.get("dataset") or []
    found = [noted] if isinstance(noted, str) else list(noted)
    if not found:
        raise click.UsageError("The checkpoint's args.json names no val_dataset; give one as --val_dataset.")
    return found


def questions_of(files: list[str], flags: Flags) -> list[DatasetQuestion]:
    """The rows to answer, read before a model is launched for them. Raises `BadRequest`."""
    from modelyard.infer.dataset import questions

    sample = flags.own.get("val_dataset_sample") or flags.own.get("show_dataset_sample")
    return questions(files, _number("val_dataset_sample", sample))


def over(
    engine: Engine, asked: list[DatasetQuestion], flags: Flags, config: RequestConfig, adapter: AdapterRequest | None
) -> int:
    """Answer every row; the exit code is 1 when some could not be."""
    from modelyard.infer.dataset import run
    from modelyard.infer.progress import bar
    from modelyard.infer.remote import CONCURRENCY
    from modelyard.infer.stats import InferStats

    result = Path(flags.own.get("result_path") or default_result(flags))
    concurrency = _number("max_concurrency", flags.own.get("max_concurrency")) or CONCURRENCY
    stats = InferStats()
    code = 0
    try:
        with bar(len(asked)) as tick:
            outcome = run(
                engine, asked, result, config, adapter=adapter, stats=stats, tick=tick, concurrency=concurrency
            )
        if outcome.kept:
            note(f"{outcome.kept} rows were answered before.")
        if outcome.failed:
            note(f"{outcome.failed} rows could not be answered; {result} says why.", fg="red")
            code = 1
    except KeyboardInterrupt:
        note(f"Stopped; the same command with --result_path {result} goes on.")
        code = INTERRUPTED
    figures = stats.compute()
    if truth(str(flags.own.get("json", "false"))):
        print_json({**figures, "result_path": str(result)})
    else:
        click.echo(json.dumps(figures))
        note(f"Answers are in {result}.")
    return code


def default_result(flags: Flags) -> str:
    """Beside the checkpoint, or here."""
    above = flags.model.get("ckpt_dir") or flags.model.get("model") or "."
    folder = Path(above).expanduser() if Path(above).expanduser().is_dir() else Path()
    return str(folder / "infer_result" / time.strftime("%Y%m%d-%H%M%S.jsonl"))


def _number(name: str, text: Any) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        raise click.UsageError(f"--{name} is a number, not '{text}'.") from None


def talk(
    engine: Engine, config: RequestConfig, adapter: AdapterRequest | None, system: str | None, stream: bool
) -> None:
    """A conversation at the terminal, with ms-swift's commands, until `exit` or the end of the input."""
    note("exit or quit ends; clear forgets; reset-system; multi-line (a line that ends in # ends it); single-line")
    messages: list[dict[str, Any]] = []
    multi = False
    while (query := _query(multi)) is not None:
        word = query.strip().lower()
        if word in ("exit", "quit"):
            return
        if word == "clear":
            messages.clear()
        elif word == "reset-system":
            messages.clear()
            system = (_query(multi, "<<<[SYSTEM] ") or "").strip() or None
        elif word in ("multi-line", "single-line"):
            multi = word == "multi-line"
        elif word:
            _answer(engine, config, adapter, system, messages, query, stream)


def _query(multi: bool, prompt: str = "<<< ") -> str | None:
    """What somebody types; None at the end of the input. In several lines, `#` at the end of one ends it."""
    lines: list[str] = []
    while True:
        click.echo("<<<[M] " if multi and not lines and prompt == "<<< " else prompt if not lines else "", nl=False)
        sys.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            return None
        text = line.rstrip("\n")
        if not multi or (not lines and text.strip() in ("exit", "quit", "clear", "single-line", "reset-system")):
            return text
        if text.endswith("#"):
            return "\n".join([*lines, text[:-1]])
        lines.append(text)


def _answer(
    engine: Engine,
    config: RequestConfig,
    adapter: AdapterRequest | None,
    system: str | None,
    messages: list[dict[str, Any]],
    query: str,
    stream: bool,
) -> None:
    """Ask, print, remember; a question that failed is forgotten."""
    from dataclasses import replace

    from modelyard.core.errors import ModelyardError
    from modelyard.infer.requests import InferRequest

    told = [{"role": "system", "content": system}] if system else []
    asked = InferRequest([*told, *messages, {"role": "user", "content": query}])
    text = ""
    try:
        if stream:
            (chunks,) = engine.infer([asked], replace(config, stream=True), adapter_request=adapter)
            for chunk in chunks:
                piece = chunk.choices[0].delta.content or ""
                text += piece
                click.echo(piece, nl=False)
                sys.stdout.flush()
            click.echo()
        else:
            (found,) = engine.infer([asked], config, adapter_request=adapter)
            text = found.choices[0].message.content or ""
            click.echo(text)
    except KeyboardInterrupt:
        note("\n(stopped)")
    except ModelyardError as error:
        note(f"{click.style('Error:', fg='red')} {error.message}")
        return
    messages += [{"role": "user", "content": query}, {"role": "assistant", "content": text}]
