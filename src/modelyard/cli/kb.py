"""`modelyard kb`: creates, lists, configures and deletes knowledge bases. The other commands are in `kb_*.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.connection import with_client
from modelyard.cli.groups import SubcommandGroup
from modelyard.cli.kb_add import add
from modelyard.cli.kb_documents import chunks, documents, download
from modelyard.cli.kb_evaluate import evaluate
from modelyard.cli.kb_import import import_chatchat
from modelyard.cli.kb_jobs import job, jobs, reindex
from modelyard.cli.kb_metadata import metadata
from modelyard.cli.kb_search import ask, search
from modelyard.cli.output import (
    agrees,
    in_bytes,
    json_option,
    note,
    print_json,
    print_list,
    print_sentence,
    print_table,
)
from modelyard.core.errors import ModelyardError
from modelyard.core.wording import clean

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.knowledge_types import BaseDict, ProbeDict

TITLES = ("NAME", "DOCUMENTS", "CHUNKS", "SIZE", "MODE", "EMBEDDING MODEL")


@click.group(cls=SubcommandGroup, short_help="Knowledge bases: add documents, search, ask.")
def command() -> None:
    """Knowledge bases: add documents, search them, and ask questions that are answered with citations.

    `modelyard kb create NAME`, `modelyard kb add NAME FOLDER`, then `modelyard kb ask NAME QUESTION`.
    """


PARTS = (
    add,
    documents,
    metadata,
    chunks,
    search,
    ask,
    jobs,
    job,
    reindex,
    download,
    evaluate,
    import_chatchat,
)
for each in PARTS:
    command.add_command(each)


@command.command("create", short_help="Create an empty base.")
@click.argument("name")
@click.option("--embedding-model", metavar="UID", help="A running model; without one, search uses words only.")
@click.option("--rerank-model", metavar="UID", help="Reranks search results.")
@click.option("--chat-model", metavar="UID", help="Answers questions; else any running chat model.")
@click.option("--description", metavar="TEXT", help="What is in it.")
@click.option("--language", metavar="CODE", help="The language of its documents, such as zh or en.")
@click.option("--chunk-size", type=click.IntRange(1), metavar="N", help="Maximum characters of a chunk.")
@click.option("--chunk-overlap", type=click.IntRange(0), metavar="N", help="Characters that a chunk repeats.")
@json_option
@with_client
def create(
    client: Client, /, name: str, chunk_size: int | None, chunk_overlap: int | None, as_json: bool, **settings: Any
) -> None:
    """Create an empty knowledge base, NAME. OpenAI clients can use it as the chat model kb:NAME."""
    made = client.knowledge.create(clean(name), chunking=chunking(chunk_size, chunk_overlap), **settings)
    if as_json:
        print_json(made)
    else:
        print_sentence(f"{made['name']} created")
        for each in made["warnings"]:
            note(each, fg="yellow")


@command.command("list", short_help="List the bases.")
@json_option
@with_client
def list_bases(client: Client, as_json: bool) -> None:
    """List the knowledge bases."""
    found = client.knowledge.list()
    print_list(found, TITLES, row, "There is no knowledge base; `modelyard kb create NAME` creates one.", as_json)


@command.command("show", short_help="Show a base.")
@click.argument("name")
@json_option
@with_client
def show(client: Client, name: str, as_json: bool) -> None:
    """Show the settings of a knowledge base, and the number of its documents and chunks."""
    base = client.knowledge.describe(clean(name))
    if as_json:
        print_json(base)
        return
    cut = base["chunking"]
    states = ", ".join(f"{count} {state}" for state, count in sorted(base["states"].items()))
    lines = {
        "name": base["name"],
        "description": base["description"],
        "language": base["language"],
        "documents": f"{base['documents']}{f' ({states})' if states else ''}",
        "chunks": base["chunks"],
        "size": in_bytes(base["bytes"]),
        "mode": base["mode"],
        "embedding model": base["embedding_model"],
        "weight of vectors": probe_line(base.get("probe")),
        "rerank model": base["rerank_model"],
        "chat model": base["chat_model"],
        "chunk size": f"{cut['size']}, overlap {cut['overlap']}",
        "jobs": ", ".join(base["jobs"]),
    }
    print_table(
        ("SETTING", "VALUE"), [[key, str(value) if value not in (None, "") else "-"] for key, value in lines.items()]
    )
    for each in base.get("warnings", []):
        note(each, fg="yellow")


def probe_line(probe: ProbeDict | None) -> str:
    """How much vectors count beside words, by script, and why: `latin 1.6 (find 52%, words 24%), han 0.07 (…)`."""
    parts = []
    for script, each in ({} if probe is None else probe["scripts"]).items():
        if each["sentences"]:
            why = f"find {each['by_vectors']:.0%}, words {each['by_words']:.0%}"
        else:
            why = f"pass {each['reads']:.0%} of the reading test"
        parts.append(f"{script} {each['weight']:g} ({why})")
    return ", ".join(parts)


@command.command("configure", short_help="Change a base's settings.")
@click.argument("name")
@click.option("--name", "new_name", metavar="NAME", help="The base's new name.")
@click.option("--rerank-model", metavar="UID", help="Reranks search results; '' for none.")
@click.option("--chat-model", metavar="UID", help="Answers questions; '' for any running chat model.")
@click.option("--description", metavar="TEXT", help="What is in it.")
@click.option("--language", metavar="CODE", help="Of its documents.")
@json_option
@with_client
def configure(client: Client, /, name: str, new_name: str | None, as_json: bool, **settings: Any) -> None:
    """Change settings that need no new index; `modelyard kb reindex` changes the embedding model and the chunk size."""
    if new_name is None and all(value is None for value in settings.values()):
        raise click.UsageError("There is nothing to change; name a setting, such as --chat-model UID.")
    base = client.knowledge.configure(clean(name), name=new_name, **settings)
    if as_json:
        print_json(base)
    else:
        print_sentence(f"{base['name']} configured")


@command.command("delete", short_help="Delete bases.")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_client
def delete(client: Client, names: tuple[str, ...], yes: bool) -> int:
    """Delete knowledge bases with all their documents."""
    code = 0
    for name in map(clean, names):
        try:
            base = client.knowledge.describe(name)
            if not yes and not agrees(f"Delete {name} with its {base['documents']} documents?"):
                note(f"{name} stays")
                continue
            client.knowledge.delete(name)
            print_sentence(f"{name} deleted")
        except ModelyardError as error:
            note(f"Error: {error.message}")
            code = 1
    return code


def chunking(size: int | None, overlap: int | None) -> dict[str, int] | None:
    """The chunk settings that were given, or None."""
    found = {name: value for name, value in (("size", size), ("overlap", overlap)) if value is not None}
    return found or None


def row(base: BaseDict) -> list[str]:
    """A base as a table row."""
    counts = [str(base["documents"]), str(base["chunks"]), in_bytes(base["bytes"])]
    return [base["name"], *counts, base["mode"], base["embedding_model"] or "-"]
