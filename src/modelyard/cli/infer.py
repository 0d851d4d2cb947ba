"""`modelyard infer`: runs one model at the terminal or over a file of questions, like ms-swift's `infer`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.exit_codes import INTERRUPTED
from modelyard.cli.output import complain, note, print_json
from modelyard.cli.swift_models import passthrough, run_options
from modelyard.compat.swift.flags import Flags, parse, truth

if TYPE_CHECKING:
    from modelyard.infer.dataset import DatasetQuestion
    from modelyard.infer.engine import Engine
    from modelyard.infer.requests import AdapterRequest, RequestConfig

OWN = (
    "val_dataset", "val_dataset_sample", "show_dataset_sample", "load_dataset_config", "result_path", "max_concurrency",
    "json",
)  # fmt: skip


SETTINGS = passthrough(
    "Ask one model, like ms-swift's infer.",
    "Launch a model for this command only, and ask it at the prompt <<< or with every row of --val_dataset.",
    {
        "val_dataset FILE…": ".jsonl with query, history, system, response; or messages",
        "load_dataset_config true": "the dataset that the checkpoint's args.json names",
        "result_path FILE": "answers, one JSON object a line; the same command continues an interrupted run",
        "val_dataset_sample N": "only the first N rows",
        "max_new_tokens N": "also temperature, top_p, top_k, repetition_penalty, stop_words, seed, stream",
        "system TEXT": "the system message",
        "json": "print only the statistics, as JSON",
    },
)


@click.command(short_help=SETTINGS["short_help"], help=SETTINGS["help"], context_settings=SETTINGS["context_settings"])
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="--FLAG VALUE…")
def command(words: tuple[str, ...]) -> int:
    flags = parse(words, OWN)
    from modelyard.core.config import Settings
    from modelyard.infer.engine import Engine
    from modelyard.infer.requests import AdapterRequest, RequestConfig

    options = run_options(flags, Settings().infer_backend)
    files = dataset(flags, options.model)
    questions = questions_of(files, flags) if files else []
    config = RequestConfig(**{name: value for name, value in flags.answer.items() if name != "stream"})
    with Engine(
        options.model,
        model_type=options.model_type,
        adapters=dict(options.adapters),
        infer_backend=options.backend,
        served_model_name=options.served_name,
        **options.options,
    ) as engine:
        names = [name for name in engine.models if name != engine.model]
        adapter = AdapterRequest(names[0]) if names else None
        if files:
            return answer_dataset(engine, questions, flags, config, adapter)
        converse(engine, config, adapter, flags.model.get("system"), bool(flags.answer.get("stream", True)))
    return 0


def dataset(flags: Flags, checkpoint: str | None) -> list[str]:
    """The files of questions; empty for a chat at the terminal."""
    files = flags.own.get("val_dataset") or []
    if files or not truth(str(flags.own.get("load_dataset_config", "false"))):
        return list(files)
    from modelyard.infer.launch_request import training

    notes = training(flags.model.get("ckpt_dir") or checkpoint)
    noted = notes.get("val_dataset") or notes.get("dataset") or []
    named = [noted] if isinstance(noted, str) else list(noted)
    if not named:
        raise click.UsageError("The checkpoint's args.json names no val_dataset; give one as --val_dataset.")
    return named


def questions_of(files: list[str], flags: Flags) -> list[DatasetQuestion]:
    """The questions in the files, read before a model is launched. Raises `BadRequest`."""
    from modelyard.infer.dataset import questions

    sample = flags.own.get("val_dataset_sample") or flags.own.get("show_dataset_sample")
    return questions(files, _number("val_dataset_sample", sample))


def answer_dataset(
    engine: Engine,
    questions: list[DatasetQuestion],
    flags: Flags,
    config: RequestConfig,
    adapter: AdapterRequest | None,
) -> int:
    """Answer every row. Returns the exit code, 1 if some rows failed."""
    from modelyard.infer.dataset import run
    from modelyard.infer.progress import bar
    from modelyard.infer.remote import CONCURRENCY
    from modelyard.infer.stats import InferStats

    result = Path(flags.own.get("result_path") or default_result(flags))
    concurrency = _number("max_concurrency", flags.own.get("max_concurrency")) or CONCURRENCY
    stats = InferStats()
    code = 0
    try:
        with bar(len(questions)) as tick:
            outcome = run(
                engine, questions, result, config, adapter=adapter, stats=stats, tick=tick, concurrency=concurrency
            )
        if outcome.kept:
            note(f"{outcome.kept} rows were answered before.")
        if outcome.failed:
            note(f"{outcome.failed} rows could not be answered; {result} says why.", fg="red")
            code = 1
    except KeyboardInterrupt:
        note(f"Stopped; the same command with --result_path {result} continues.")
        code = INTERRUPTED
    figures = stats.compute()
    if truth(str(flags.own.get("json", "false"))):
        print_json({**figures, "result_path": str(result)})
    else:
        click.echo(json.dumps(figures))
        note(f"Answers are in {result}.")
    return code


def default_result(flags: Flags) -> str:
    """The default result file: beside the checkpoint, or in the current folder."""
    above = flags.model.get("ckpt_dir") or flags.model.get("model") or "."
    folder = Path(above).expanduser() if Path(above).expanduser().is_dir() else Path()
    return str(folder / "infer_result" / time.strftime("%Y%m%d-%H%M%S.jsonl"))


def _number(name: str, text: Any) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        raise click.UsageError(f"--{name} is a number, not '{text}'.") from None


def converse(
    engine: Engine, config: RequestConfig, adapter: AdapterRequest | None, system: str | None, stream: bool
) -> None:
    """Chat at the terminal, with ms-swift's commands, until `exit` or the end of the input."""
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
    """The next question; None at the end of the input. A multi-line question ends with `#` at the end of a line."""
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
    """Ask, print the answer and add both to the messages; a failed question is not added."""
    from dataclasses import replace

    from modelyard.core.errors import ModelyardError
    from modelyard.infer.requests import InferRequest

    system_messages = [{"role": "system", "content": system}] if system else []
    request = InferRequest([*system_messages, *messages, {"role": "user", "content": query}])
    text = ""
    try:
        if stream:
            (chunks,) = engine.infer([request], replace(config, stream=True), adapter_request=adapter)
            for chunk in chunks:
                piece = chunk.choices[0].delta.content or ""
                text += piece
                click.echo(piece, nl=False)
                sys.stdout.flush()
            click.echo()
        else:
            (response,) = engine.infer([request], config, adapter_request=adapter)
            text = response.choices[0].message.content or ""
            click.echo(text)
    except KeyboardInterrupt:
        note("\n(stopped)")
    except ModelyardError as error:
        complain(error.message)
        return
    messages += [{"role": "user", "content": query}, {"role": "assistant", "content": text}]
