"""`modelyard kb add`: adds files, folders and URLs to a knowledge base; only new and changed files are sent."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.connection import with_client
from modelyard.cli.exit_codes import INTERRUPTED
from modelyard.cli.kb_documents import all_documents
from modelyard.cli.kb_folder import Files, Hashes, collect
from modelyard.cli.kb_from import add_from_server, is_url
from modelyard.cli.kb_jobs import exit_code_of, follow_job, print_job
from modelyard.cli.language import translate
from modelyard.cli.output import counting, json_option, note, print_json, printable
from modelyard.core.errors import BodyTooLarge, InvalidParameter, ModelyardError, RateLimited, ServerUnreachable
from modelyard.core.wording import clean

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.knowledge_types import DocumentDict, KnowledgeJobDict

BATCH = 10_000
"""Maximum number of documents that one request names."""
AGAIN = ("stored", "failed", "cancelled")
"""States of unchanged documents that are indexed again."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between attempts while the server does not answer."""


@dataclass(slots=True)
class UploadPlan:
    """The files to send, to index and to delete, and the refused ones."""

    send: dict[str, Path] = field(default_factory=dict)
    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: int = 0
    index: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AddOptions:
    """The arguments of `kb add`."""

    base: str
    paths: Sequence[str]
    include: Sequence[str]
    exclude: Sequence[str]
    metadata: Mapping[str, Any]
    delete: bool
    wait: bool
    as_json: bool


@click.command(short_help="Add files, folders and URLs to a base.")
@click.argument("name")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--watch", is_flag=True, help="Keep running and add changed files, until Ctrl-C.")
@click.option("--include", metavar="GLOB", multiple=True, help="Only files in folders that match, such as '*.md'.")
@click.option("--exclude", metavar="GLOB", multiple=True, help="Skip files in folders that match.")
@click.option("--metadata", metavar="KEY=VALUE", multiple=True, help="Metadata of the documents, for search filters.")
@click.option("--no-wait", is_flag=True, help="Do not wait until they are indexed.")
@click.option("--delete", is_flag=True, help="Delete documents of the base that are not files under PATH.")
@click.option("--on-server", is_flag=True, help="PATHs are folders of the server's machine, which it reads itself.")
@json_option
@with_client
def add(
    client: Client,
    name: str,
    paths: tuple[str, ...],
    watch: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    metadata: tuple[str, ...],
    no_wait: bool,
    delete: bool,
    on_server: bool,
    as_json: bool,
) -> int:
    """Add files, folders and URLs to a knowledge base, and wait until they are indexed.

    Documents in a folder are named by their path in it, with /. Hidden files and unsupported formats are skipped. Unchanged
    files are not sent again. URLs are fetched by the server.
    """
    options = AddOptions(clean(name), paths, include, exclude, pairs(metadata), delete, not no_wait, as_json)
    if on_server or any(map(is_url, paths)):
        if watch:
            raise click.UsageError("--watch is for files and folders of this machine.")
        return add_from_server(client, options, on_server)
    hashes = Hashes()
    code = update(client, options, hashes)
    return follow_changes(client, options, hashes) if watch and code != INTERRUPTED else code


def pairs(given: Sequence[str]) -> dict[str, Any]:
    """Parse `KEY=VALUE` pairs into an object; numbers, true and false become JSON values."""
    found: dict[str, Any] = {}
    for each in map(clean, given):
        key, mark, value = each.partition("=")
        if not key or not mark:
            raise click.UsageError(f"--metadata {each} is no KEY=VALUE.")
        try:
            read = json.loads(value)
        except ValueError:
            read = value
        found[key] = read if isinstance(read, int | float) else value
    return found


def update(client: Client, options: AddOptions, hashes: Hashes, quiet: bool = False) -> int:
    """Update the base once. Returns the exit code. With `quiet`, prints nothing if nothing has changed."""
    files = collect(options.paths, options.include, options.exclude, client.knowledge.formats())
    plan = plan_update(files, {each["name"]: each for each in all_documents(client, options.base)}, hashes, options)
    hashes.save()
    if quiet and not (plan.send or plan.index or plan.deleted):
        return 0
    send(client, options.base, plan, options.metadata)
    for start in range(0, len(plan.deleted), BATCH):
        client.documents.delete(options.base, plan.deleted[start : start + BATCH])
    if not options.as_json:
        _print_plan(files, plan)
    views: list[KnowledgeJobDict] = []
    jobs = [
        client.documents.index(options.base, plan.index[start : start + BATCH])
        for start in range(0, len(plan.index), BATCH)
    ]
    for job in jobs if options.wait else ():
        view = follow_job(client, options.base, job)
        if view is None:
            return INTERRUPTED
        views.append(view)
        if not options.as_json:
            print_job(view)
    if options.as_json:
        print_json(_summary(files, plan, jobs, views))
    elif not options.wait:
        for job in jobs:
            click.echo(job)
    return max([int(bool(plan.refused)), *map(exit_code_of, views)])


def plan_update(files: Files, there: Mapping[str, DocumentDict], hashes: Hashes, options: AddOptions) -> UploadPlan:
    """Compare files with documents: new, changed, unchanged and deleted ones."""
    plan = UploadPlan()
    for name, path in files.paths.items():
        known = there.get(name)
        if known is None:
            plan.new.append(name)
        elif known["hash"] != hashes.of(path) or any(
            known["metadata"].get(key) != value for key, value in options.metadata.items()
        ):
            plan.changed.append(name)
        else:
            plan.unchanged += 1
            if known["state"] in AGAIN:
                plan.index.append(name)
            continue
        plan.send[name] = path
    if options.delete and files.there:
        plan.deleted = [name for name in there if name not in files.there]
    elif options.delete and there:
        note("There are no files under that path, so nothing is deleted.", fg="yellow")
    return plan


def send(client: Client, base: str, plan: UploadPlan, metadata: Mapping[str, Any]) -> None:
    """Upload files in small requests. Files that the server refuses are recorded in the plan."""
    from modelyard.client.resources.documents import batches

    total = sum(path.stat().st_size for path in plan.send.values())
    with counting("Uploading", total, "bytes") as advance:
        for batch in batches(list(plan.send.items())):
            portion = [each for each in batch if isinstance(each, tuple)]
            try:
                answer = client.documents.upload(base, portion, metadata or None, index=False)
            except (BodyTooLarge, InvalidParameter) as error:
                if len(portion) > 1:
                    raise
                plan.refused[portion[0][0]] = error.message
                continue
            plan.refused |= answer["failed"]
            plan.index += [each["name"] for each in answer["data"]]
            advance(sum(Path(str(path)).stat().st_size for _, path in portion))


def follow_changes(client: Client, options: AddOptions, hashes: Hashes) -> int:
    """Update the base whenever files change, until Ctrl-C."""
    from watchfiles import watch

    note("Watching; Ctrl-C ends.", dim=True)
    try:
        paths, looked = (Path(each).expanduser() for each in options.paths), False
        for changes in watch(*paths, raise_interrupt=True, rust_timeout=1000, yield_on_timeout=True):
            if not changes and looked:
                continue
            looked = True  # also at the start, for changes between the first run and the start of the watch
            if update_with_retries(client, options, hashes) == INTERRUPTED:
                break
    except KeyboardInterrupt:
        pass
    return 0


def update_with_retries(client: Client, options: AddOptions, hashes: Hashes) -> int:
    """Call `update` until it succeeds, with increasing pauses. Raises errors that are not temporary."""
    pause, failed_before = FIRST_PAUSE, False
    while True:
        try:
            code = update(client, options, hashes, quiet=True)
        except ModelyardError as error:
            if not is_temporary(error):
                raise
            note(f"{printable(error.message)} Trying again in {pause:.0f} s.", fg="yellow")
        else:
            if failed_before:
                note("The server answers again.", dim=True)
            return code
        time.sleep(pause)
        pause, failed_before = min(2 * pause, LONGEST_PAUSE), True


def is_temporary(error: ModelyardError) -> bool:
    """Whether the same request may succeed later."""
    return isinstance(error, ServerUnreachable | RateLimited) or error.status >= 500


def _print_plan(files: Files, plan: UploadPlan) -> None:
    parts = [f"{len(plan.new)} new", f"{len(plan.changed)} changed", f"{plan.unchanged} unchanged"]
    parts += [f"{len(plan.deleted)} deleted"] if plan.deleted else []
    parts += [f"{count} skipped ({reason})" for reason, count in files.skipped.items()]
    click.echo(", ".join(map(translate, parts)))
    for name, why in plan.refused.items():
        note(f"{printable(name)}: {printable(why)}", fg="red")


def _summary(files: Files, plan: UploadPlan, jobs: list[str], views: list[KnowledgeJobDict]) -> dict[str, Any]:
    return {
        "new": plan.new,
        "changed": plan.changed,
        "unchanged": plan.unchanged,
        "deleted": plan.deleted,
        "skipped": files.skipped,
        "refused": plan.refused,
        "jobs": views or jobs,
    }
