"""`modelyard chats`: lists, shows, exports, imports and deletes the chats that the server stores."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.chat_files import ExportedChats, portions, read_export
from modelyard.cli.connection import with_client
from modelyard.cli.groups import SubcommandGroup
from modelyard.cli.output import counting, json_option, note, print_json, print_sentence, print_table, printable
from modelyard.cli.output_files import replacing
from modelyard.core.errors import ModelyardError, ServerUnreachable
from modelyard.core.wording import clean

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.chat_types import ChatDict
    from modelyard.client.resources.chats import ExportFormat

TITLES = ("ID", "TITLE", "MESSAGES", "LAST")


@click.group(cls=SubcommandGroup, short_help="List, show, export, import and delete stored chats.")
def command() -> None:
    """List, show, export, import and delete the chats that the server stores."""


@command.command("list", short_help="List chats.")
@click.argument("words", nargs=-1)
@click.option("--pinned", is_flag=True, help="Only pinned chats.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Maximum number of chats.")
@click.option("--cursor", metavar="CURSOR", help="Go on where an earlier list ended.")
@json_option
@with_client
def list_chats(
    client: Client, words: tuple[str, ...], pinned: bool, limit: int, cursor: str | None, as_json: bool
) -> None:
    """List your chats, the most recently used first; with WORDS, those that have all of them in the title or in messages."""
    page = client.chats.list(clean(" ".join(words)) or None, pinned or None, limit=limit, cursor=cursor)
    if as_json:
        print_json(page["data"])
    elif not page["data"]:
        note("There are no such chats." if words or pinned else "There are no chats yet.")
    else:
        print_table(TITLES, [_row(chat) for chat in page["data"]])
    if page["next_cursor"] and not as_json:
        note(f"There are more. `modelyard chats list --cursor {page['next_cursor']}` goes on.")


@command.command("show", short_help="Show a chat.")
@click.argument("chat", metavar="ID")
@json_option
@with_client
def show(client: Client, chat: str, as_json: bool) -> None:
    """Show the branch of a chat that is shown in the web page, as Markdown; with --json, all messages of the chat."""
    if as_json:
        print_json(client.chats.get(clean(chat)))
    else:
        click.echo(client.chats.export(clean(chat)), nl=False)


@command.command("export", short_help="Export chats.")
@click.argument("chats", metavar="[ID]...", nargs=-1)
@click.option("--format", "kind", type=click.Choice(("json", "markdown")), default="json", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="The file to write; otherwise stdout.")
@with_client
def export(client: Client, chats: tuple[str, ...], kind: ExportFormat, output: str | None) -> None:
    """Export chats, all of yours without an ID: as JSON with all branches, which `import` reads, or as Markdown."""
    parts = client.chats.stream_export([clean(each) for each in chats] or None, kind)
    if output is None:
        for part in parts:
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
        return
    with replacing(Path(output)) as target:
        for part in parts:
            target.write(part)
    note(f"Written to {output}.")


@command.command("import", short_help="Import chats.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@json_option
@with_client
def import_chats(client: Client, files: tuple[str, ...], as_json: bool) -> int:
    """Import exports of this server, ChatGPT's (the .zip or its conversations.json) and Open WebUI's.

    Chats that were imported before get what is new, and are otherwise unchanged. A chat that the server refuses is named, and the
    others are imported.
    """
    counts = dict.fromkeys(("conversations", "messages", "skipped"), 0)
    failed: list[str] = []
    for each in files:
        found = read_export(Path(each))
        with counting("Chats", len(found.chats)) as step:
            for portion in portions(found):
                _import_portion(client, portion, found, counts, failed)
                step(len(portion))
    for sentence in failed:
        note(f"Error: {sentence}", fg="red")
    if as_json:
        print_json({**counts, "failed": failed})
    else:
        new = f"{counts['conversations']} new chats with {counts['messages']} new messages"
        print_sentence(f"{new}, {counts['skipped']} here already" if counts["skipped"] else new)
    return 1 if failed else 0


def _import_portion(
    client: Client, portion: list[dict[str, Any]], found: ExportedChats, counts: dict[str, int], failed: list[str]
) -> None:
    """Import some chats; if the server refuses them, one by one."""
    try:
        answer = client.chats.import_chats(portion, found.folders)
    except ServerUnreachable:
        raise
    except ModelyardError as error:
        if len(portion) == 1:
            failed.append(
                f"'{printable(clean(str(portion[0].get('title') or portion[0].get('id'))))}': {error.message}"
            )
            return
        for each in portion:
            _import_portion(client, [each], found, counts, failed)
    else:
        for name in counts:
            counts[name] += int(answer[name])  # type: ignore[literal-required]


@command.command("delete", short_help="Delete chats.")
@click.argument("chats", metavar="ID...", nargs=-1, required=True)
@json_option
@with_client
def delete(client: Client, chats: tuple[str, ...], as_json: bool) -> int:
    """Delete chats with all their messages."""
    done = client.chats.delete_many([clean(each) for each in chats])
    if as_json:
        print_json(done)
    else:
        for each in done["deleted"]:
            print_sentence(f"{each} deleted")
    for each in done["missing"]:
        note(f"Error: There is no conversation or message '{each}'.")
    return 1 if done["missing"] else 0


def _row(chat: ChatDict) -> list[str]:
    last = time.strftime("%Y-%m-%d %H:%M", time.localtime(chat["updated_at"]))
    return [chat["id"], chat["title"], str(chat["message_count"]), last]
