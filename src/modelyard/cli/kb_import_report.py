"""How `kb import-chatchat` tells what would come, what came and what did not, to people and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from modelyard.cli.kb_chatchat import Source
from modelyard.cli.kb_import_plan import Coming
from modelyard.cli.output import in_bytes, note, print_table, printable

TITLES = ("BASE", "NEW", "CHANGED", "UNCHANGED", "TO SEND", "EMBEDDING MODEL")
SHOWN = 20
"""Names of files that are told in one sentence."""


def tell_plan(source: Source, comings: Sequence[Coming], talks: Mapping[str, int]) -> None:
    """What would come."""
    click.echo(f"Langchain-Chatchat's bases in {source.folder}")
    if source.database is None:
        note("There is no info.db, so there are no conversations and no descriptions.", fg="yellow")
    for each in source.problems:
        note(each, fg="yellow")
    if comings:
        print_table(TITLES, [_row(coming) for coming in comings])
    for coming in comings:
        _tell_rest(coming)
    click.echo(_talks(talks))
    note("This was a dry run; nothing was changed.")


def tell_base(coming: Coming) -> None:
    """What came of a base, before it is indexed."""
    if not coming.failed:
        plan = coming.plan
        sent = f"{len(plan.new)} new, {len(plan.changed)} changed, {plan.unchanged} unchanged"
        searched = f"with {coming.model}" if coming.model else "by words alone"
        made = "here already" if coming.exists else "made"
        click.echo(f"{printable(coming.name)} ({made}, searched {searched}): {sent}")
    _tell_rest(coming)


def tell_end(comings: Sequence[Coming], talks: Mapping[str, int], failed: Sequence[str]) -> None:
    """The counts of it all."""
    for each in failed:
        note(printable(each), fg="red")
    whole = [coming for coming in comings if not coming.failed]
    new, changed, same = (sum(counts) for counts in zip(*map(_counts, whole), strict=True)) if whole else (0, 0, 0)
    missing = sum(len(coming.source.missing) for coming in comings)
    refused = sum(len(coming.refused()) for coming in comings) + sum(
        len(coming.source.files) for coming in comings if coming.failed
    )
    parts = [f"{new} new files, {changed} changed, {same} unchanged"]
    parts += [f"{missing} missing"] if missing else []
    parts += [f"{refused} failed"] if refused else []
    parts.append(_talks(talks))
    click.echo(f"{len(whole)} of {len(comings)} bases: {', '.join(parts)}")


def _tell_rest(coming: Coming) -> None:
    """What is to be known about a base."""
    name = printable(coming.source.name)
    if coming.failed:
        note(f"{name}: {printable(coming.failed)}", fg="red")
        return
    for remark in coming.remarks:
        note(f"{name}: {printable(remark)}", fg="yellow")
    for files, what in (
        (coming.source.missing, "in the database, and not in the folder"),
        (coming.unread, "of formats that are not read here"),
        (coming.source.edited, "with chunks that were edited there; the files come, the edits do not"),
    ):
        if files:
            note(f"{name}: {len(files)} {what}: {_named(files)}", fg="yellow")
    for file, why in coming.refused().items():
        note(f"{name}: {printable(file)}: {printable(why)}", fg="red")


def _named(files: Sequence[str]) -> str:
    more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
    return printable(", ".join(files[:SHOWN])) + more


def _talks(talks: Mapping[str, int]) -> str:
    same = f", {talks['unchanged']} here already" if talks["unchanged"] else ""
    return f"{talks['new']} new conversations with {talks['messages']} new messages{same}"


def _counts(coming: Coming) -> tuple[int, int, int]:
    return len(coming.plan.new), len(coming.plan.changed), coming.plan.unchanged


def _row(coming: Coming) -> list[str]:
    size = sum(path.stat().st_size for path in coming.plan.send.values())
    return [coming.name, *map(str, _counts(coming)), in_bytes(size), coming.model or "- (words alone)"]


def summary(
    source: Source,
    comings: Sequence[Coming],
    talks: Mapping[str, int],
    failed: Sequence[str],
    views: Sequence[dict[str, Any]],
    dry_run: bool,
) -> dict[str, Any]:
    """All of it for programs."""
    return {
        "dry_run": dry_run,
        "folder": printable(str(source.folder)),
        "database": None if source.database is None else printable(str(source.database)),
        "problems": source.problems,
        "bases": [_summary(coming) for coming in comings],
        "conversations": dict(talks),
        "failed": list(failed),
        "jobs": list(views),
    }


def _summary(coming: Coming) -> dict[str, Any]:
    return {
        "name": coming.name,
        "source_name": coming.source.name,
        "exists": coming.exists,
        "embedding_model": coming.model,
        "remarks": coming.remarks,
        "new": coming.plan.new,
        "changed": coming.plan.changed,
        "unchanged": coming.plan.unchanged,
        "missing": coming.source.missing,
        "not_read": coming.unread,
        "edited": coming.source.edited,
        "refused": coming.refused(),
        "failed": coming.failed,
        "jobs": coming.jobs,
    }
