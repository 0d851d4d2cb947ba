"""`modelyard kb import-chatchat`: bases, files and conversations of Langchain-Chatchat, brought over as often as one likes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.connection import with_client
from modelyard.cli.kb_add import BATCH, send
from modelyard.cli.kb_chatchat import Source, chosen, read
from modelyard.cli.kb_chatchat_conversations import Talk, portions
from modelyard.cli.kb_folder import Hashes
from modelyard.cli.kb_import_plan import Coming, Models, planned
from modelyard.cli.kb_import_report import summary, tell_base, tell_end, tell_plan
from modelyard.cli.kb_jobs import INTERRUPTED, ended_well, follow_job, tell
from modelyard.cli.output import counting, json_option, note, print_json
from modelyard.core.errors import ModelyardError, ServerUnreachable

if TYPE_CHECKING:
    from modelyard.client import Client

CONVERSATIONS_PAGE = 1000


@dataclass(slots=True)
class Done:
    """What was done, beside what stands in the plans."""

    conversations: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("new", "messages", "unchanged"), 0))
    failed: list[str] = field(default_factory=list)
    """What went wrong that is no document, for people."""
    views: list[dict[str, Any]] = field(default_factory=list)
    """Jobs, at their end."""
    interrupted: bool = False


@click.command("import-chatchat", short_help="Bring Langchain-Chatchat's data over.")
@click.argument("path")
@click.option("--base", "names", metavar="NAME", multiple=True, help="Only this base; more than once for more.")
@click.option("--embedding-model", metavar="UID", help="For bases whose own embedding model does not run here.")
@click.option("--database", metavar="FILE", help="Its info.db, where that lies elsewhere.")
@click.option("--conversations/--no-conversations", default=None, help="Bring them; else only without --base.")
@click.option("--dry-run", is_flag=True, help="Say what would come, and change nothing.")
@click.option("--no-wait", is_flag=True, help="Do not wait until documents are indexed.")
@json_option
@with_client
def import_chatchat(
    client: Client,
    path: str,
    names: tuple[str, ...],
    embedding_model: str | None,
    database: str | None,
    conversations: bool | None,
    dry_run: bool,
    no_wait: bool,
    as_json: bool,
) -> int:
    """Bring knowledge bases, files and conversations of Langchain-Chatchat 0.2 and 0.3 over; PATH is its folder, its `data` or
    its `knowledge_base`.

    Nothing of Chatchat's is changed. What came before and has not changed is left alone, so the command can be stopped and
    called again. Documents are indexed anew here: Chatchat's own indexes are not used.
    """
    source = read(Path(path), None if database is None else Path(database).expanduser())
    bases = chosen(source.bases, names)
    talks = source.talks if (not names if conversations is None else conversations) else []
    models = Models.running(client, embedding_model)
    hashes = Hashes()
    comings = planned(client, bases, models, hashes)
    hashes.save()
    done = Done()
    if dry_run:
        done.conversations |= _known(client, talks)
        if not as_json:
            tell_plan(source, comings, done.conversations)
    else:
        _bring(client, source, comings, talks, done, as_json, not no_wait)
    if as_json:
        print_json(summary(source, comings, done.conversations, done.failed, done.views, dry_run))
    elif not dry_run and not done.interrupted:
        tell_end(comings, done.conversations, done.failed)
    return _code(source, comings, done)


def _bring(
    client: Client, source: Source, comings: list[Coming], talks: list[Talk], done: Done, as_json: bool, wait: bool
) -> None:
    """Everything, in an order in which a Ctrl-C loses least: files, conversations, and then waiting."""
    try:
        for each in source.problems:
            note(each, fg="yellow")
        for coming in comings:
            _bring_base(client, coming)
            if not as_json:
                tell_base(coming)
        _bring_talks(client, talks, done)
        if wait:
            _wait(client, comings, done, as_json)
    except KeyboardInterrupt:
        done.interrupted = True
    if done.interrupted:
        note("Stopped. The same command goes on from here.", fg="yellow")


def _bring_base(client: Client, coming: Coming) -> None:
    """Make the base if there is none, upload what is new, and begin to index it. What fails is noted."""
    if coming.failed:
        return
    try:
        if not coming.exists:
            client.create_knowledge_base(
                coming.name, embedding_model=coming.model, description=coming.source.info or None
            )
        send(client, coming.name, coming.plan, {})
        for start in range(0, len(coming.plan.index), BATCH):
            coming.jobs.append(client.index_documents(coming.name, coming.plan.index[start : start + BATCH]))
    except ServerUnreachable:
        raise
    except ModelyardError as error:
        coming.failed = error.message


def _bring_talks(client: Client, talks: list[Talk], done: Done) -> None:
    with counting("Conversations", len(talks)) as step:
        for portion in portions(talks):
            _bring_portion(client, portion, done)
            step(len(portion))


def _bring_portion(client: Client, portion: list[Talk], done: Done) -> None:
    """Bring a few conversations; where the server refuses them, one by one. What fails is noted."""
    try:
        answer = client.import_conversations(portion)
    except ServerUnreachable:
        raise
    except ModelyardError as error:
        if len(portion) == 1:
            done.failed.append(f"Conversation '{portion[0]['title']}': {error.message}")
            return
        for each in portion:
            _bring_portion(client, [each], done)
    else:
        done.conversations["new"] += answer["conversations"]
        done.conversations["messages"] += answer["messages"]
        done.conversations["unchanged"] += answer["skipped"]


def _wait(client: Client, comings: list[Coming], done: Done, as_json: bool) -> None:
    """Follow the jobs of each base, those of an earlier call too; `done.interrupted` after Ctrl-C."""
    for coming in comings:
        if coming.failed:
            continue
        running = client.describe_knowledge_base(coming.name)["jobs"]
        for job in dict.fromkeys([*running, *coming.jobs]):
            view = follow_job(client, coming.name, job)
            if view is None:
                done.interrupted = True
                return
            done.views.append(view)
            if not as_json:
                click.echo(f"{coming.name}: ", nl=False)
                tell(view)


def _known(client: Client, talks: list[Talk]) -> Mapping[str, int]:
    """What would come of conversations, as far as their ids tell."""
    here: set[str] = set()
    while page := client.list_conversations(CONVERSATIONS_PAGE, len(here)) if talks else []:
        here |= {str(talk["id"]) for talk in page}
        if len(page) < CONVERSATIONS_PAGE:
            break
    new = [talk for talk in talks if talk["id"] not in here]
    messages = sum(len(talk["messages"]) for talk in new)
    return {"new": len(new), "messages": messages, "unchanged": len(talks) - len(new)}


def _code(source: Source, comings: list[Coming], done: Done) -> int:
    if done.interrupted:
        return INTERRUPTED
    wrong = source.problems or done.failed or any(each.failed or each.refused() for each in comings)
    return max([int(bool(wrong)), *map(ended_well, done.views)])
