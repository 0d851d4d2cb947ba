"""`modelyard kb add` with URLs or with folders of the server's machine: the server brings the documents itself."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.exit_codes import INTERRUPTED
from modelyard.cli.jobs import events_of
from modelyard.cli.kb_jobs import exit_code_of, follow_job, print_job
from modelyard.cli.language import translate
from modelyard.cli.output import about, counting, note, print_json, printable

if TYPE_CHECKING:
    from modelyard.cli.kb_add import AddOptions
    from modelyard.client import Client
    from modelyard.client.job_types import JobDict


def is_url(path: str) -> bool:
    """Whether an argument is a URL instead of a path."""
    return path.lower().startswith(("http://", "https://"))


def add_from_server(client: Client, options: AddOptions, on_server: bool) -> int:
    """Have the server bring the documents, wait for them and for their index. Returns the exit code."""
    urls = [each for each in options.paths if is_url(each)]
    folders = [each for each in options.paths if not is_url(each)]
    if folders and not on_server:
        raise click.UsageError("Add URLs and files of this machine one after the other.")
    started = [_start(client, options, urls, None)] if urls else []
    started += [_start(client, options, [], folder) for folder in folders]
    if not options.wait:
        if options.as_json:
            print_json({"jobs": started})
        for job_id in () if options.as_json else started:
            click.echo(job_id)
            note(f"`modelyard jobs follow {job_id}` follows it.")
        return 0
    codes, jobs = [], []
    for job_id in started:
        code = _wait(client, options, job_id)
        if code == INTERRUPTED:
            return INTERRUPTED
        codes.append(code)
        jobs.append(client.jobs.get(job_id))
    if options.as_json:
        print_json(jobs)
    return max(codes)


def _start(client: Client, options: AddOptions, urls: Sequence[str], folder: str | None) -> str:
    return client.documents.add_from(
        options.base,
        urls=urls,
        folder=folder,
        include=options.include,
        exclude=options.exclude,
        metadata=options.metadata,
        delete=options.delete and folder is not None,
    )


def _wait(client: Client, options: AddOptions, job_id: str) -> int:
    """Follow a job, and those that index what it has brought. Returns the exit code."""
    try:
        _follow(client, job_id)
    except KeyboardInterrupt:
        note(
            f"The job continues. `modelyard jobs follow {job_id}` follows it, `modelyard jobs cancel {job_id}` cancels it."
        )
        return INTERRUPTED
    job = client.jobs.get(job_id)
    result: dict[str, Any] = job["result"] or {}
    if not options.as_json:
        _print(job, result)
    codes = [int(job["state"] != "done" or bool(result.get("failures")))]
    for indexing in result.get("jobs", ()):
        view = follow_job(client, options.base, indexing)
        if view is None:
            return INTERRUPTED
        if not options.as_json:
            print_job(view)
        codes.append(exit_code_of(view))
    return max(codes)


def _follow(client: Client, job_id: str) -> None:
    """Print what fails, with a bar on a terminal."""
    done, advance = 0, None
    with ExitStack() as stack:
        for event in events_of(client, job_id):
            data = event["data"]
            if event["type"] == "failed":
                note(about(data["document"], data["error"]), fg="red")
            elif event["type"] == "progress" and data["total"]:
                advance = advance or stack.enter_context(counting("Bringing", data["total"]))
                advance(data["done"] - done)
                done = data["done"]


def _print(job: JobDict, result: dict[str, Any]) -> None:
    if job["error"]:
        note(printable(job["error"]["message"]), fg="red")
    if not result:
        note(f"The job is {job['state']}.", fg="yellow")
        return
    parts = [f"{result[name]} {name}" for name in ("new", "changed", "unchanged")]
    parts += [f"{len(result['deleted'])} deleted"] if result["deleted"] else []
    parts += [f"{count} skipped ({reason})" for reason, count in result["skipped"].items()]
    click.echo(", ".join(map(translate, parts)))
