"""The output of `kb import-chatchat` as text and as JSON: what would be imported, what was, and what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.kb_import_plan import BaseImport
from modelyard.cli.output import in_bytes, note, print_table, printable
from modelyard.compat.chatchat.stored_data import ChatchatData

if TYPE_CHECKING:
    from modelyard.client.knowledge_types import KnowledgeJobDict

TITLES = ("BASE", "NEW", "CHANGED", "UNCHANGED", "TO SEND", "EMBEDDING MODEL")
MOST_NAMES = 20
"""Maximum number of file names in one sentence."""


def print_plan(source: ChatchatData, imports: Sequence[BaseImport], conversations: Mapping[str, int]) -> None:
    """Print what an import would do."""
    click.echo(f"Langchain-Chatchat's bases in {source.folder}")
    if source.database is None:
        note("There is no info.db, so there are no conversations and no descriptions.", fg="yellow")
    for each in source.problems:
        note(each, fg="yellow")
    if imports:
        print_table(TITLES, [_row(base_import) for base_import in imports])
    for base_import in imports:
        _print_remarks(base_import)
    click.echo(_conversation_counts(conversations))
    note("This was a dry run; nothing was changed.")


def print_base(base_import: BaseImport) -> None:
    """Print how many files of a base were sent; called before they are indexed."""
    if not base_import.failed:
        plan = base_import.plan
        counts = f"{len(plan.new)} new, {len(plan.changed)} changed, {plan.unchanged} unchanged"
        searched = f"with {base_import.model}" if base_import.model else "by words alone"
        state = "here already" if base_import.exists else "made"
        click.echo(f"{printable(base_import.name)} ({state}, searched {searched}): {counts}")
    _print_remarks(base_import)


def print_outcome(imports: Sequence[BaseImport], conversations: Mapping[str, int], failed: Sequence[str]) -> None:
    """Print the counts of the whole import."""
    for each in failed:
        note(printable(each), fg="red")
    whole = [base_import for base_import in imports if not base_import.failed]
    new, changed, same = (sum(counts) for counts in zip(*map(_counts, whole), strict=True)) if whole else (0, 0, 0)
    missing = sum(len(base_import.source.missing) for base_import in imports)
    refused = sum(len(base_import.refused()) for base_import in imports) + sum(
        len(base_import.source.files) for base_import in imports if base_import.failed
    )
    parts = [f"{new} new files, {changed} changed, {same} unchanged"]
    parts += [f"{missing} missing"] if missing else []
    parts += [f"{refused} failed"] if refused else []
    parts.append(_conversation_counts(conversations))
    click.echo(f"{len(whole)} of {len(imports)} bases: {', '.join(parts)}")


def _print_remarks(base_import: BaseImport) -> None:
    """Print failures, remarks and skipped files of a base."""
    name = printable(base_import.source.name)
    if base_import.failed:
        note(f"{name}: {printable(base_import.failed)}", fg="red")
        return
    for remark in base_import.remarks:
        note(f"{name}: {printable(remark)}", fg="yellow")
    for files, what in (
        (base_import.source.missing, "in the database, and not in the folder"),
        (base_import.unread, "of unsupported formats"),
        (base_import.source.edited, "with chunks edited in Chatchat; the files are imported, the edits are not"),
    ):
        if files:
            note(f"{name}: {len(files)} {what}: {_named(files)}", fg="yellow")
    for file, why in base_import.refused().items():
        note(f"{name}: {printable(file)}: {printable(why)}", fg="red")


def _named(files: Sequence[str]) -> str:
    more = f" and {len(files) - MOST_NAMES} more" if len(files) > MOST_NAMES else ""
    return printable(", ".join(files[:MOST_NAMES])) + more


def _conversation_counts(conversations: Mapping[str, int]) -> str:
    same = f", {conversations['unchanged']} here already" if conversations["unchanged"] else ""
    return f"{conversations['new']} new conversations with {conversations['messages']} new messages{same}"


def _counts(base_import: BaseImport) -> tuple[int, int, int]:
    return len(base_import.plan.new), len(base_import.plan.changed), base_import.plan.unchanged


def _row(base_import: BaseImport) -> list[str]:
    size = sum(path.stat().st_size for path in base_import.plan.send.values())
    return [base_import.name, *map(str, _counts(base_import)), in_bytes(size), base_import.model or "- (words alone)"]


def summary(
    source: ChatchatData,
    imports: Sequence[BaseImport],
    conversations: Mapping[str, int],
    failed: Sequence[str],
    views: Sequence[KnowledgeJobDict],
    dry_run: bool,
) -> dict[str, Any]:
    """The whole import as JSON."""
    return {
        "dry_run": dry_run,
        "folder": printable(str(source.folder)),
        "database": None if source.database is None else printable(str(source.database)),
        "problems": source.problems,
        "bases": [_summary(base_import) for base_import in imports],
        "conversations": dict(conversations),
        "failed": list(failed),
        "jobs": list(views),
    }


def _summary(base_import: BaseImport) -> dict[str, Any]:
    return {
        "name": base_import.name,
        "source_name": base_import.source.name,
        "exists": base_import.exists,
        "embedding_model": base_import.model,
        "remarks": base_import.remarks,
        "new": base_import.plan.new,
        "changed": base_import.plan.changed,
        "unchanged": base_import.plan.unchanged,
        "missing": base_import.source.missing,
        "not_read": base_import.unread,
        "edited": base_import.source.edited,
        "refused": base_import.refused(),
        "failed": base_import.failed,
        "jobs": base_import.jobs,
    }
