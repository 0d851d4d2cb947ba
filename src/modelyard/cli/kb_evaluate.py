"""`modelyard kb evaluate`: how well a base finds and answers judged questions, and whether another setting does better."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from modelyard.cli.connection import with_client
from modelyard.cli.kb_documents import all_documents
from modelyard.cli.kb_evaluation import Ran, Setting, report, summary
from modelyard.cli.kb_jobs import INTERRUPTED
from modelyard.cli.kb_search import MODES
from modelyard.cli.output import clean, counting, json_option, note, print_json, printable
from modelyard.core.errors import BadRequest, ModelyardError, NotFound, ServerUnreachable
from modelyard.core.wording import reason
from modelyard.knowledge.search.evaluation import answer_measured, measured
from modelyard.knowledge.search.judgments import Judged, grade_of, read

if TYPE_CHECKING:
    from modelyard.client import Client

KEYS = ("base", "mode", "top_k", "rerank", "min_score", "model")
MOST_HITS = 200
MOST_SETTINGS = 10
LINE = "Parameter 'line': "
"""What an error about a whole line begins with; the number of the line stands before it."""
TOLD = 20
"""Wrong lines, and documents that are not there, that are named."""
_KEY = re.compile(rf"(?:^|,)({'|'.join(KEYS)})=")
_SWITCH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(slots=True)
class Run:
    """What is asked, and what came of it so far."""

    client: Client
    questions: Sequence[Judged]
    settings: Sequence[Setting]
    answers: bool
    file: IO[str] | None = None
    done: list[list[Ran]] = field(default_factory=list)
    """For each question whose turn is over, what each setting made of it."""
    remarks: dict[str, None] = field(default_factory=dict)


@click.command(short_help="Measure a base with judged questions.")
@click.argument("name")
@click.argument("questions", metavar="FILE")
@click.option("-k", "--top-k", type=click.IntRange(1, MOST_HITS), default=5, show_default=True, help="Hits at most.")
@click.option("--mode", type=MODES, default="hybrid", show_default=True, help="By words, by meaning, or both.")
@click.option("--rerank/--no-rerank", default=None, help="Let a model rank; else where the base has one.")
@click.option("--rerank-model", metavar="UID", help="Ranks in place of the base's.")
@click.option("--min-score", type=click.FloatRange(0, 1), default=0.0, help="Leave hits out whose score is lower.")
@click.option("--answers", is_flag=True, help="Answer the questions, too, and measure what the answers cite.")
@click.option("-m", "--model", metavar="UID", help="The chat model that answers; else the base's, else any that runs.")
@click.option("--compare", metavar="KEY=VALUE,...", multiple=True, help="Measure this, too: " + ", ".join(KEYS) + ".")
@click.option("--output", metavar="FILE", help="Keep what came of each question, a JSON object a line.")
@json_option
@with_client
def evaluate(
    client: Client, /, name: str, questions: str, compare: tuple[str, ...], as_json: bool, **options: Any
) -> int:
    """Measure how well a knowledge base finds what answers questions, and compares settings side by side.

    FILE has a JSON object a line: {"question": "…", "relevant": ["handbook.pdf"]}. What is relevant is a document's name, a
    chunk's id, or {"document": …, "page": …, "text": …, "grade": …}; [] is for a question that nothing answers. Each --compare
    is another setting: the one of the options, with what it names changed, as in --compare mode=lexical,top_k=10.
    """
    answers, output = options.pop("answers"), options.pop("output")
    first = Setting(clean(name), **options)
    settings = [first, *(changed(first, clean(each), answers) for each in compare)]
    if len(settings) > MOST_SETTINGS:
        raise click.UsageError(f"{MOST_SETTINGS} settings at most can be compared.")
    check(first, answers)
    run = Run(client, asked(clean(questions)), settings, answers)
    known(run)
    with ExitStack() as stack:
        if output:
            run.file = stack.enter_context(opened(output))
        over = go(run)
    return told(run, over, as_json)


def changed(first: Setting, text: str, answers: bool) -> Setting:
    """A setting as `--compare` writes it: `key=value,key=value`."""
    parts = _KEY.split(text)
    if parts[0] or len(parts) < 3:
        raise click.UsageError(f"--compare {text} is no KEY=VALUE; keys are {', '.join(KEYS)}.")
    found = first
    for key, value in zip(parts[1::2], parts[2::2], strict=True):
        found = replace(found, **_value(key, value))
    check(found, answers)
    return found


def _value(key: str, value: str) -> dict[str, Any]:
    try:
        if key == "top_k":
            return {key: click.IntRange(1, MOST_HITS)(value)}
        if key == "min_score":
            return {key: click.FloatRange(0, 1)(value)}
        if key == "mode":
            return {key: MODES(value)}
    except click.BadParameter as error:
        raise click.UsageError(f"--compare {key}={value}: {error.message}") from None
    if not value:
        raise click.UsageError(f"--compare {key}= names nothing.")
    if key == "rerank":
        known = _SWITCH.get(value.lower())
        return {"rerank": known, "rerank_model": None} if known is not None else {"rerank": True, "rerank_model": value}
    return {key: value}


def check(setting: Setting, answers: bool) -> None:
    """Refuse what cannot be asked for together."""
    if answers and setting.rerank_model:
        raise click.UsageError("With --answers the base's own model ranks; `modelyard kb configure` sets it.")
    if math.isnan(setting.min_score):
        raise click.UsageError("A score is a number from 0 to 1.")
    if setting.model and not answers:
        raise click.UsageError("A chat model is asked only with --answers.")


def asked(path: str) -> list[Judged]:
    """The questions of a file. Wrong lines are named on stderr; raises `BadRequest`."""
    try:
        with Path(path).expanduser().open(encoding="utf-8-sig") as file:
            questions, wrong = read(file)
    except OSError as error:
        raise BadRequest(f"'{path}' cannot be read: {reason(error)}.") from None
    except UnicodeDecodeError:
        raise BadRequest(f"'{path}' is no UTF-8 text.") from None
    for number, why in list(wrong.items())[:TOLD]:
        note(f"line {number}: {printable(why.removeprefix(LINE))}", fg="red")
    if wrong:
        raise BadRequest(f"'{path}' has {len(wrong)} wrong lines, so nothing was asked.")
    if not questions:
        raise BadRequest(f"There is no question in '{path}'.")
    return questions


def known(run: Run) -> None:
    """Say which documents are named that a base does not have. Raises `KnowledgeBaseNotFound`."""
    named = {each.document for question in run.questions for each in question.relevant if each.document}
    for base in dict.fromkeys(setting.base for setting in run.settings):
        there = {each["name"] for each in all_documents(run.client, base)}
        missing = sorted(named - there)
        for each in missing[:TOLD]:
            note(f"'{base}' has no document '{printable(each)}'; it cannot be found.", fg="yellow")
        if len(missing) > TOLD:
            note(f"and {len(missing) - TOLD} more documents", fg="yellow")


def opened(path: str) -> IO[str]:
    """A file to write to. Raises `BadRequest`."""
    try:
        return Path(path).expanduser().open("w", encoding="utf-8")
    except OSError as error:
        raise BadRequest(f"'{path}' cannot be written: {reason(error)}.") from None


def go(run: Run) -> bool:
    """Ask every question, each of all settings; false after Ctrl-C. Raises what would be the same for every question."""
    try:
        with counting("Asking", len(run.questions)) as count:
            for question in run.questions:
                run.done.append([one(run, question, setting) for setting in run.settings])
                keep(run, question)
                count(1)
    except KeyboardInterrupt:
        return False
    return True


def one(run: Run, question: Judged, setting: Setting) -> Ran:
    """What a setting makes of a question. An error is kept, unless the server, a base or a model is not there."""
    begun = time.perf_counter()
    ran = Ran()
    rank: dict[str, Any] = {"rerank": setting.rerank, "min_score": setting.min_score}
    what = (setting.base, question.text)
    try:
        found = run.client.search_knowledge(
            *what, setting.top_k, setting.mode, rerank_model=setting.rerank_model, **rank
        )
        ran.seconds = time.perf_counter() - begun
        ran.hits = found["data"]
        run.remarks.update(dict.fromkeys(found["notes"]))
        ran.measures = measured(question, ran.hits, setting.top_k)
        if run.answers:
            ran.answer = run.client.ask_knowledge(*what, setting.model, top_k=setting.top_k, mode=setting.mode, **rank)
            ran.measures |= answer_measured(question, ran.answer)
    except (NotFound, ServerUnreachable):
        raise
    except ModelyardError as error:
        ran.error, ran.measures = error.message, {}
    return ran


def keep(run: Run, question: Judged) -> None:
    """Write what each setting made of a question."""
    if run.file is None:
        return
    for setting, ran in zip(run.settings, run.done[-1], strict=True):
        row: dict[str, Any] = {"id": question.id, "question": question.text, "setting": setting.view()}
        row |= {"measures": dict(ran.measures), "hits": [_hit(question, each) for each in ran.hits]}
        if ran.answer:
            row |= {"answer": ran.answer["answer"], "evidence": ran.answer["evidence"]}
            row["citations"] = [_hit(question, each) for each in ran.answer["citations"]]
        row |= {"error": ran.error} if ran.error else {}
        run.file.write(json.dumps(row, ensure_ascii=False) + "\n")
    run.file.flush()


def _hit(question: Judged, hit: dict[str, Any]) -> dict[str, Any]:
    return {key: hit[key] for key in ("chunk_id", "document", "page", "score")} | {"grade": grade_of(question, hit)}


def told(run: Run, over: bool, as_json: bool) -> int:
    """Show what came of it; the exit code."""
    errors = [ran.error for row in run.done for ran in row if ran.error]
    for remark in run.remarks:
        note(printable(remark), dim=True)
    if not over:
        note(f"Interrupted after {len(run.done)} of {len(run.questions)} questions.", fg="yellow")
    if errors:
        failed = sum(any(ran.error for ran in row) for row in run.done)
        many = "1 question failed and is" if failed == 1 else f"{failed} questions failed and are"
        note(f"{many} left out: {printable(errors[0])}", fg="red")
    if not over and not run.done:
        return INTERRUPTED
    made = summary(run.questions, run.settings, run.done, over)
    if as_json:
        print_json(made)
    else:
        report(made)
    return INTERRUPTED if not over else int(bool(errors))
