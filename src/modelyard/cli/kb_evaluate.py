"""`modelyard kb evaluate`: measures how well a base finds and answers judged questions, and compares search settings."""

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
from modelyard.cli.exit_codes import INTERRUPTED
from modelyard.cli.kb_documents import all_documents
from modelyard.cli.kb_evaluation import QuestionResult, SearchSetting, report, summary
from modelyard.cli.kb_search import MODES
from modelyard.cli.output import counting, json_option, note, print_json, printable
from modelyard.core.errors import BadRequest, ModelyardError, NotFound, ServerUnreachable
from modelyard.core.wording import clean, reason
from modelyard.knowledge.search.evaluation import answer_measures, search_measures
from modelyard.knowledge.search.judgments import JudgedQuestion, grade_of, read

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.knowledge_types import HitDict

KEYS = ("base", "mode", "top_k", "rerank", "min_score", "model")
MOST_HITS = 200
MOST_SETTINGS = 10
LINE = "Parameter 'line': "
"""Beginning of an error about a whole line; the line's number replaces it."""
SET = "set:"
"""Prefix of an evaluation set in place of a file."""
MOST_NAMES = 20
"""Maximum number of wrong lines, and of missing documents, that are named."""
_KEY = re.compile(rf"(?:^|,)({'|'.join(KEYS)})=")
_SWITCH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(slots=True)
class Evaluation:
    """The questions and settings of an evaluation, and its results so far."""

    client: Client
    questions: Sequence[JudgedQuestion]
    settings: Sequence[SearchSetting]
    answers: bool
    file: IO[str] | None = None
    done: list[list[QuestionResult]] = field(default_factory=list)
    """For each question so far, the results of all settings."""
    remarks: dict[str, None] = field(default_factory=dict)


@click.command(short_help="Measure a base with judged questions.")
@click.argument("name")
@click.argument("questions", metavar="FILE")
@click.option("-k", "--top-k", type=click.IntRange(1, MOST_HITS), default=5, show_default=True, help="Hits at most.")
@click.option("--mode", type=MODES, default="hybrid", show_default=True, help="Search by words, by meaning, or both.")
@click.option("--rerank/--no-rerank", default=None, help="Rerank; by default if the base has a rerank model.")
@click.option("--rerank-model", metavar="UID", help="Used in place of the base's.")
@click.option("--min-score", type=click.FloatRange(0, 1), default=0.0, help="Drop hits with a lower score.")
@click.option("--answers", is_flag=True, help="Also answer the questions, and measure the citations.")
@click.option("-m", "--model", metavar="UID", help="The chat model that answers; else the base's, else any that runs.")
@click.option(
    "--compare", metavar="KEY=VALUE,...", multiple=True, help="A setting to compare: " + ", ".join(KEYS) + "."
)
@click.option("--output", metavar="FILE", help="Write the results of each question, one JSON object a line.")
@json_option
@with_client
def evaluate(
    client: Client, /, name: str, questions: str, compare: tuple[str, ...], as_json: bool, **options: Any
) -> int:
    """Measure how well a knowledge base finds the answers to questions, and compare settings side by side.

    FILE has a JSON object per line: {"question": "…", "relevant": ["handbook.pdf"]}. A relevant entry is a document's name, a
    chunk's id, or {"document": …, "page": …, "text": …, "grade": …}; [] is for a question that has no answer. Each --compare
    adds a setting: that of the options with the named changes, as in --compare mode=lexical,top_k=10. In place of FILE, set:NAME
    is an evaluation set of the base.
    """
    answers, output = options.pop("answers"), options.pop("output")
    first = SearchSetting(clean(name), **options)
    settings = [first, *(changed_setting(first, clean(each), answers) for each in compare)]
    if len(settings) > MOST_SETTINGS:
        raise click.UsageError(f"At most {MOST_SETTINGS} settings can be compared.")
    check_setting(first, answers)
    evaluation = Evaluation(client, questions_of(client, first.base, clean(questions)), settings, answers)
    report_missing(evaluation)
    with ExitStack() as stack:
        if output:
            evaluation.file = stack.enter_context(open_output(output))
        complete = ask_all(evaluation)
    return print_results(evaluation, complete, as_json)


def changed_setting(first: SearchSetting, text: str, answers: bool) -> SearchSetting:
    """Parse a setting of `--compare`: `key=value,key=value`."""
    parts = _KEY.split(text)
    if parts[0] or len(parts) < 3:
        raise click.UsageError(f"--compare {text} is no KEY=VALUE; keys are {', '.join(KEYS)}.")
    setting = first
    for key, value in zip(parts[1::2], parts[2::2], strict=True):
        setting = replace(setting, **_value(key, value))
    check_setting(setting, answers)
    return setting


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
        switch = _SWITCH.get(value.lower())
        return (
            {"rerank": switch, "rerank_model": None} if switch is not None else {"rerank": True, "rerank_model": value}
        )
    return {key: value}


def check_setting(setting: SearchSetting, answers: bool) -> None:
    """Raise `click.UsageError` for options that exclude each other."""
    if answers and setting.rerank_model:
        raise click.UsageError("With --answers the base's own rerank model is used; `modelyard kb configure` sets it.")
    if math.isnan(setting.min_score):
        raise click.UsageError("A score is a number from 0 to 1.")
    if setting.model and not answers:
        raise click.UsageError("A chat model is used only with --answers.")


def questions_of(client: Client, base: str, source: str) -> list[JudgedQuestion]:
    """The questions in a file, or those of an evaluation set of a base: `set:NAME`. Raises `BadRequest`."""
    if not source.startswith(SET):
        return read_questions(source)
    name = source.removeprefix(SET)
    sets = client.evaluations.list(base)
    found = next((each["id"] for each in sets if name in (each["name"], each["id"])), None)
    if found is None:
        known = ", ".join(f"'{each['name']}'" for each in sets) or "none"
        raise BadRequest(f"'{base}' has no evaluation set '{name}'; it has {known}.")
    questions, _ = read(client.evaluations.export(base, found).splitlines())
    if not questions:
        raise BadRequest(f"There is no question in the evaluation set '{name}'.")
    return questions


def read_questions(path: str) -> list[JudgedQuestion]:
    """The questions in a file. Prints wrong lines to stderr and raises `BadRequest`."""
    try:
        with Path(path).expanduser().open(encoding="utf-8-sig") as file:
            questions, wrong = read(file)
    except OSError as error:
        raise BadRequest(f"'{path}' cannot be read: {reason(error)}.") from None
    except UnicodeDecodeError:
        raise BadRequest(f"'{path}' is no UTF-8 text.") from None
    for number, why in list(wrong.items())[:MOST_NAMES]:
        note(f"line {number}: {printable(why.removeprefix(LINE))}", fg="red")
    if wrong:
        raise BadRequest(f"'{path}' has {len(wrong)} wrong lines, so nothing was asked.")
    if not questions:
        raise BadRequest(f"There is no question in '{path}'.")
    return questions


def report_missing(evaluation: Evaluation) -> None:
    """Print the documents that the questions name and a base does not have. Raises `KnowledgeBaseNotFound`."""
    named = {each.document for question in evaluation.questions for each in question.relevant if each.document}
    for base in dict.fromkeys(setting.base for setting in evaluation.settings):
        present = {each["name"] for each in all_documents(evaluation.client, base)}
        missing = sorted(named - present)
        for each in missing[:MOST_NAMES]:
            note(f"'{base}' has no document '{printable(each)}'; it cannot be found.", fg="yellow")
        if len(missing) > MOST_NAMES:
            note(f"and {len(missing) - MOST_NAMES} more documents", fg="yellow")


def open_output(path: str) -> IO[str]:
    """Open a file for writing. Raises `BadRequest`."""
    try:
        return Path(path).expanduser().open("w", encoding="utf-8")
    except OSError as error:
        raise BadRequest(f"'{path}' cannot be written: {reason(error)}.") from None


def ask_all(evaluation: Evaluation) -> bool:
    """Ask every question with all settings. Returns False after Ctrl-C. Raises errors that every question would cause."""
    try:
        with counting("Asking", len(evaluation.questions)) as count:
            for question in evaluation.questions:
                evaluation.done.append([evaluate_one(evaluation, question, setting) for setting in evaluation.settings])
                write_results(evaluation, question)
                count(1)
    except KeyboardInterrupt:
        return False
    return True


def evaluate_one(evaluation: Evaluation, question: JudgedQuestion, setting: SearchSetting) -> QuestionResult:
    """Ask one question with one setting. An error is stored in the result, unless server, base or model is missing."""
    started = time.perf_counter()
    result = QuestionResult()
    rank: dict[str, Any] = {"rerank": setting.rerank, "min_score": setting.min_score}
    what = (setting.base, question.text)
    try:
        search = evaluation.client.knowledge.search(
            *what, setting.top_k, setting.mode, rerank_model=setting.rerank_model, **rank
        )
        result.seconds = time.perf_counter() - started
        result.hits = search["data"]
        evaluation.remarks.update(dict.fromkeys(search["notes"]))
        result.measures = search_measures(question, result.hits, setting.top_k)
        if evaluation.answers:
            result.answer = evaluation.client.knowledge.ask(
                *what, setting.model, top_k=setting.top_k, mode=setting.mode, **rank
            )
            result.measures |= answer_measures(question, result.answer)
    except (NotFound, ServerUnreachable):
        raise
    except ModelyardError as error:
        result.error, result.measures = error.message, {}
    return result


def write_results(evaluation: Evaluation, question: JudgedQuestion) -> None:
    """Write the results of all settings for the last question."""
    if evaluation.file is None:
        return
    for setting, result in zip(evaluation.settings, evaluation.done[-1], strict=True):
        row: dict[str, Any] = {"id": question.id, "question": question.text, "setting": setting.view()}
        row |= {"measures": dict(result.measures), "hits": [_hit(question, each) for each in result.hits]}
        if result.answer:
            row |= {"answer": result.answer["answer"], "evidence": result.answer["evidence"]}
            row["citations"] = [_hit(question, each) for each in result.answer["citations"]]
        row |= {"error": result.error} if result.error else {}
        evaluation.file.write(json.dumps(row, ensure_ascii=False) + "\n")
    evaluation.file.flush()


def _hit(question: JudgedQuestion, hit: HitDict) -> dict[str, Any]:
    grade = grade_of(question, hit)
    place = {"chunk_id": hit["chunk_id"], "document": hit["document"], "page": hit["page"]}
    return {**place, "score": hit["score"], "grade": grade}


def print_results(evaluation: Evaluation, complete: bool, as_json: bool) -> int:
    """Print the results. Returns the exit code."""
    errors = [result.error for row in evaluation.done for result in row if result.error]
    for remark in evaluation.remarks:
        note(printable(remark), dim=True)
    if not complete:
        note(f"Interrupted after {len(evaluation.done)} of {len(evaluation.questions)} questions.", fg="yellow")
    if errors:
        failed = sum(any(result.error for result in row) for row in evaluation.done)
        many = "1 question failed and is" if failed == 1 else f"{failed} questions failed and are"
        note(f"{many} left out: {printable(errors[0])}", fg="red")
    if not complete and not evaluation.done:
        return INTERRUPTED
    data = summary(evaluation.questions, evaluation.settings, evaluation.done, complete)
    if as_json:
        print_json(data)
    else:
        report(data)
    return INTERRUPTED if not complete else int(bool(errors))
