"""`modelyard kb jobs`, `job` and `reindex`: lists, follows and cancels indexing jobs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.exit_codes import INTERRUPTED
from modelyard.cli.language import translate
from modelyard.cli.output import (
    ProgressLines,
    about,
    json_option,
    note,
    print_json,
    print_list,
    print_sentence,
    print_table,
    printable,
)
from modelyard.core.errors import ConnectionLost
from modelyard.core.wording import clean

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.knowledge_types import KnowledgeJobDict

TITLES = ("ID", "KIND", "STATE", "DOCUMENTS", "FAILED", "CHUNKS", "STARTED")
RUNNING = "running"
FEW = 3
"""Documents with the same note that are named one by one."""


@click.command(short_help="List a base's jobs.")
@click.argument("name")
@json_option
@with_client
def jobs(client: Client, name: str, as_json: bool) -> None:
    """List the last jobs of a knowledge base, newest first."""
    found = client.knowledge.jobs(clean(name))
    print_list(found, TITLES, _row, "There are no jobs yet.", as_json)


@click.command(short_help="Show, follow or cancel a job.")
@click.argument("name")
@click.argument("job_id", metavar="ID")
@click.option("--follow", is_flag=True, help="Wait until it is finished.")
@click.option("--cancel", is_flag=True, help="Cancel it; what it has indexed stays.")
@json_option
@with_client
def job(client: Client, name: str, job_id: str, follow: bool, cancel: bool, as_json: bool) -> int:
    """Show the progress of a job."""
    base = clean(name)
    view = client.knowledge.cancel_job(base, job_id) if cancel else client.knowledge.job(base, job_id)
    if follow:
        return follow_and_report(client, base, job_id, as_json)
    if as_json:
        print_json(view)
    else:
        print_table(TITLES, [_row(view)])
        problems(view)
    return 0


@click.command(short_help="Re-index all documents of a base.")
@click.argument("name")
@click.option("--embedding-model", metavar="UID", help="The base's new embedding model; '' for none.")
@click.option("--chunk-size", type=click.IntRange(1), metavar="N", help="Maximum characters of a chunk.")
@click.option("--chunk-overlap", type=click.IntRange(0), metavar="N", help="Characters that a chunk repeats.")
@click.option("--force", is_flag=True, help="Also replace chunks that were edited by hand.")
@click.option("--follow", is_flag=True, help="Wait until it is finished.")
@json_option
@with_client
def reindex(
    client: Client,
    name: str,
    embedding_model: str | None,
    chunk_size: int | None,
    chunk_overlap: int | None,
    force: bool,
    follow: bool,
    as_json: bool,
) -> int:
    """Re-index all documents of a base, in the background; searches use the old chunks until the new ones are complete."""
    base = clean(name)
    chunking = None
    if chunk_size is not None or chunk_overlap is not None:
        chunking = dict(client.knowledge.describe(base)["chunking"])
        chunking["size"] = chunking["size"] if chunk_size is None else chunk_size
        chunking["overlap"] = chunking["overlap"] if chunk_overlap is None else chunk_overlap
    started = client.knowledge.reindex(base, embedding_model, chunking, force)
    if follow:
        return follow_and_report(client, base, started, as_json)
    if as_json:
        print_json({"job": started})
    else:
        click.echo(started)
        note(f"`modelyard kb job {base} {started} --follow` follows it.")
    return 0


def follow_and_report(client: Client, base: str, job_id: str, as_json: bool = False) -> int:
    """Follow a job and print its outcome. Returns the exit code, 1 if a document failed, 130 after Ctrl-C."""
    view = follow_job(client, base, job_id)
    if view is None:
        return INTERRUPTED
    if as_json:
        print_json(view)
    else:
        print_job(view)
    return exit_code_of(view)


def exit_code_of(view: KnowledgeJobDict) -> int:
    """0, or 1 if the job or a document of it failed."""
    return int(bool(view["failed"]) or view["state"] != "done")


def print_job(view: KnowledgeJobDict) -> None:
    """Print the outcome of a job."""
    print_sentence(
        f"{view['done']} of {view['total']} documents indexed, {view['unchanged']} of them unchanged; "
        f"{view['chunks']} chunks, {view['embedded']} embedded"
    )
    if view["state"] not in ("done", RUNNING):
        note(f"The job is {view['state']}{': ' + view['error'] if view['error'] else ''}.", fg="yellow")
    problems(view)


def problems(view: KnowledgeJobDict) -> None:
    """Print the failed documents with their errors, and the notes about content that was not read."""
    for each in view["problems"]:
        note(about(each["document"], each["error"]), fg="red")
    if view["failed"] > len(view["problems"]):
        note(f"and {view['failed'] - len(view['problems'])} more failed", fg="red")
    remarks([(each["document"], each["notes"]) for each in view.get("remarks") or ()])


def remarks(documents: Iterable[tuple[str, Sequence[str]]]) -> None:
    """Print the notes about content of documents' files that is not in their text; a note of many documents once."""
    names: dict[str, list[str]] = {}
    for document, notes in documents:
        for each in notes:
            names.setdefault(each, []).append(document)
    for each, where in names.items():
        if len(where) > FEW:
            note(f"{len(where)} documents, such as {printable(where[0])}: {printable(each)}", fg="yellow")
        else:
            for document in where:
                note(f"{printable(document)}: {printable(each)}", fg="yellow")


def follow_job(client: Client, base: str, job_id: str) -> KnowledgeJobDict | None:
    """Follow a job and return its final view; None after Ctrl-C, which leaves it running and prints how to follow it."""
    try:
        *_, last = _with_bar(_with_remarks(_views(client, base, job_id)))
    except KeyboardInterrupt:
        note(
            f"The job continues. `modelyard kb job {base} {job_id} --follow` follows it, "
            f"`modelyard kb job {base} {job_id} --cancel` cancels it."
        )
        return None
    return last


def _views(client: Client, base: str, job_id: str) -> Iterator[KnowledgeJobDict]:
    """Yield views until the last one. Reconnects after a broken connection or a stream that ended early."""
    lost = 0
    while True:
        try:
            with client.knowledge.follow_job(base, job_id) as events:
                for view in events:
                    lost = 0
                    yield view
                    if view["state"] != RUNNING:
                        return
        except ConnectionLost:
            lost += 1
            if lost > 3:
                raise
        time.sleep(0.5)


def _with_remarks(views: Iterator[KnowledgeJobDict]) -> Iterator[KnowledgeJobDict]:
    """Pass views on, and print once why a job waits."""
    before = ""
    for view in views:
        if view["waiting"] and view["waiting"] != before:
            note(printable(view["waiting"]), fg="yellow")
        before = view["waiting"]
        yield view


def _with_bar(views: Iterator[KnowledgeJobDict]) -> Iterator[KnowledgeJobDict]:
    """Pass views on, with a progress bar on a terminal and lines elsewhere."""
    if not sys.stderr.isatty():
        lines = ProgressLines()
        for view in views:
            lines.offer(partial(_progress, view))
            yield view
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(translate("Indexing")), BarColumn(bar_width=30), MofNCompleteColumn(), TimeElapsedColumn())
    more = (TextColumn("{task.fields[chunks]} chunks"), TextColumn("{task.description}"))
    with Progress(*columns, *more, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None, chunks=0)
        for view in views:
            now = escape(_working(view))
            progress.update(task, total=view["total"], completed=_ended(view), chunks=view["chunks"], description=now)
            yield view


def _ended(view: KnowledgeJobDict) -> int:
    """How many documents a job has finished, whatever came of them."""
    return view["done"] + view["failed"] + view["cancelled"]


def _working(view: KnowledgeJobDict) -> str:
    """The documents that a job works on."""
    return printable(", ".join(f"{name}: {stage}" for name, stage in view["working"].items()))


def _progress(view: KnowledgeJobDict) -> str:
    """The progress of a job in a line."""
    failed = f", {view['failed']} failed" if view["failed"] else ""
    line = f"Indexing: {_ended(view)} of {view['total']} documents{failed}, {view['chunks']} chunks"
    return f"{line}; {_working(view)}" if view["working"] else line


def _row(view: KnowledgeJobDict) -> list[str]:
    started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(view["created_at"]))
    counts = [f"{view['done']}/{view['total']}", str(view["failed"]), str(view["chunks"])]
    return [view["id"], view["kind"], view["state"], *counts, started]
