"""`modelyard kb import-chatchat`: imports knowledge bases, files and conversations of Langchain-Chatchat, repeatably."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.exit_codes import INTERRUPTED
from modelyard.cli.kb_add import BATCH, send
from modelyard.cli.kb_folder import Hashes
from modelyard.cli.kb_import_plan import BaseImport, EmbeddingModels, plan_imports
from modelyard.cli.kb_import_report import print_base, print_outcome, print_plan, summary
from modelyard.cli.kb_jobs import exit_code_of, follow_job, print_job
from modelyard.cli.output import counting, json_option, note, print_json
from modelyard.compat.chatchat.stored_conversations import ChatchatConversation, portions
from modelyard.compat.chatchat.stored_data import ChatchatData, read_data, select_bases
from modelyard.core.errors import ModelyardError, ServerUnreachable

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.knowledge_types import KnowledgeJobDict

CONVERSATIONS_PAGE = 1000


@dataclass(slots=True)
class ImportOutcome:
    """The result of an import, except for what the plans of the bases record."""

    conversations: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("new", "messages", "unchanged"), 0))
    failed: list[str] = field(default_factory=list)
    """Messages about failures that are not about a document."""
    views: list[KnowledgeJobDict] = field(default_factory=list)
    """The final views of the jobs."""
    interrupted: bool = False


@click.command("import-chatchat", short_help="Import Langchain-Chatchat's data.")
@click.argument("path")
@click.option("--base", "names", metavar="NAME", multiple=True, help="Only this base; repeatable.")
@click.option("--embedding-model", metavar="UID", help="For bases whose own embedding model is not running.")
@click.option("--database", metavar="FILE", help="Its info.db, if that is in another folder.")
@click.option("--conversations/--no-conversations", default=None, help="Import them; by default only without --base.")
@click.option("--dry-run", is_flag=True, help="Show what would be imported, and change nothing.")
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
    """Import knowledge bases, files and conversations of Langchain-Chatchat 0.2 and 0.3; PATH is its folder, its `data` or
    its `knowledge_base`.

    Chatchat's own files are not changed. Data that was imported before and has not changed is skipped, so the command can be
    stopped and called again. Documents are indexed here: Chatchat's own indexes are not used.
    """
    source = read_data(Path(path), None if database is None else Path(database).expanduser())
    bases = select_bases(source.bases, names)
    history = source.conversations if (not names if conversations is None else conversations) else []
    models = EmbeddingModels.on_server(client, embedding_model)
    hashes = Hashes()
    imports = plan_imports(client, bases, models, hashes)
    hashes.save()
    outcome = ImportOutcome()
    if dry_run:
        outcome.conversations |= _count_new(client, history)
        if not as_json:
            print_plan(source, imports, outcome.conversations)
    else:
        _import_all(client, source, imports, history, outcome, as_json, not no_wait)
    if as_json:
        print_json(summary(source, imports, outcome.conversations, outcome.failed, outcome.views, dry_run))
    elif not dry_run and not outcome.interrupted:
        print_outcome(imports, outcome.conversations, outcome.failed)
    return _code(source, imports, outcome)


def _import_all(
    client: Client,
    source: ChatchatData,
    imports: list[BaseImport],
    conversations: list[ChatchatConversation],
    outcome: ImportOutcome,
    as_json: bool,
    wait: bool,
) -> None:
    """Import files, then conversations, and then wait; in this order a Ctrl-C loses the least."""
    try:
        for each in source.problems:
            note(each, fg="yellow")
        for base_import in imports:
            _import_base(client, base_import)
            if not as_json:
                print_base(base_import)
        _import_conversations(client, conversations, outcome)
        if wait:
            _wait(client, imports, outcome, as_json)
    except KeyboardInterrupt:
        outcome.interrupted = True
    if outcome.interrupted:
        note("Stopped. The same command continues from here.", fg="yellow")


def _import_base(client: Client, base_import: BaseImport) -> None:
    """Create the base if it does not exist, upload new files, and start indexing. Failures are recorded in its plan."""
    if base_import.failed:
        return
    try:
        if not base_import.exists:
            client.knowledge.create(
                base_import.name, embedding_model=base_import.model, description=base_import.source.info or None
            )
        send(client, base_import.name, base_import.plan, {})
        for start in range(0, len(base_import.plan.index), BATCH):
            base_import.jobs.append(
                client.documents.index(base_import.name, base_import.plan.index[start : start + BATCH])
            )
    except ServerUnreachable:
        raise
    except ModelyardError as error:
        base_import.failed = error.message


def _import_conversations(client: Client, conversations: list[ChatchatConversation], outcome: ImportOutcome) -> None:
    with counting("Conversations", len(conversations)) as step:
        for portion in portions(conversations):
            _import_portion(client, portion, outcome)
            step(len(portion))


def _import_portion(client: Client, portion: list[ChatchatConversation], outcome: ImportOutcome) -> None:
    """Import a few conversations; if the server refuses them, one by one. Failures are recorded in the outcome."""
    try:
        answer = client.chats.import_conversations(portion)
    except ServerUnreachable:
        raise
    except ModelyardError as error:
        if len(portion) == 1:
            outcome.failed.append(f"Conversation '{portion[0]['title']}': {error.message}")
            return
        for each in portion:
            _import_portion(client, [each], outcome)
    else:
        outcome.conversations["new"] += answer["conversations"]
        outcome.conversations["messages"] += answer["messages"]
        outcome.conversations["unchanged"] += answer["skipped"]


def _wait(client: Client, imports: list[BaseImport], outcome: ImportOutcome, as_json: bool) -> None:
    """Follow the jobs of each base, including those of an earlier call; sets `interrupted` after Ctrl-C."""
    for base_import in imports:
        if base_import.failed:
            continue
        on_server = client.knowledge.describe(base_import.name)["jobs"]
        for job in dict.fromkeys([*on_server, *base_import.jobs]):
            view = follow_job(client, base_import.name, job)
            if view is None:
                outcome.interrupted = True
                return
            outcome.views.append(view)
            if not as_json:
                click.echo(f"{base_import.name}: ", nl=False)
                print_job(view)


def _count_new(client: Client, conversations: list[ChatchatConversation]) -> Mapping[str, int]:
    """The number of conversations that are new by their ids, and of their messages."""
    here: set[str] = set()
    cursor: str | None = None
    while conversations:
        page = client.chats.list(limit=CONVERSATIONS_PAGE, cursor=cursor)
        here |= {chat["id"] for chat in page["data"]}
        if (cursor := page["next_cursor"]) is None:
            break
    new = [conversation for conversation in conversations if conversation["id"] not in here]
    messages = sum(len(conversation["messages"]) for conversation in new)
    return {"new": len(new), "messages": messages, "unchanged": len(conversations) - len(new)}


def _code(source: ChatchatData, imports: list[BaseImport], outcome: ImportOutcome) -> int:
    if outcome.interrupted:
        return INTERRUPTED
    wrong = source.problems or outcome.failed or any(each.failed or each.refused() for each in imports)
    return max([int(bool(wrong)), *map(exit_code_of, outcome.views)])
