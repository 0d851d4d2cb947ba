"""The list of changes that callers made or tried to make: who launched and deleted models, made keys, and so on."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sqlalchemy import Select, delete, select

from modelyard.core.access import Grant, Owner
from modelyard.core.errors import ChangedMeanwhile
from modelyard.db.session import TROUBLE, Database
from modelyard.db.usage_tables import AuditRow
from modelyard.protocol.metrics import AuditEntry, AuditList

log = logging.getLogger(__name__)

KEEP_CHANGES = 10_000
"""Rows that are kept; older ones are deleted."""
TARGET_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Change:
    """A change that a caller made, or was refused."""

    at: float
    """Unix time."""
    action: str
    target: str
    grant: Grant | None
    address: str
    status: int
    request_id: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which changes a caller wants to see; None for all."""

    action: str | None = None
    target: str | None = None
    key: str | None = None
    """Id or name of a key, or name of a user."""
    before: int | None = None


class AuditLog:
    """The rows of changes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, change: Change) -> None:
        """Write a change. If the database cannot be written, it is logged."""
        grant = change.grant
        row = AuditRow(
            at=change.at,
            action=change.action[:100],
            target=change.target.replace("\0", "")[:TARGET_LENGTH],  # PostgreSQL texts cannot contain this character
            owner=Owner.of(grant).id,
            key=grant.id if grant and not grant.user else "",
            name=grant.name if grant else "",
            address=change.address[:64],
            status=change.status,
            request_id=change.request_id,
        )
        try:
            async with self._database.session() as session:
                session.add(row)
                await session.flush()
                await session.execute(delete(AuditRow).where(AuditRow.id <= row.id - KEEP_CHANGES))
        except (*TROUBLE, ChangedMeanwhile) as error:
            log.error("%s of %s by %s is not in the list of changes: %s", row.action, row.target or "?", row.name or "?",
                      error.message)  # fmt: skip

    async def page(self, filters: AuditFilter, limit: int) -> AuditList:
        """The newest changes, newest first."""
        query: Select[AuditRow] = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit + 1)
        if filters.action is not None:
            query = query.where(AuditRow.action == filters.action)
        if filters.target is not None:
            query = query.where(AuditRow.target == filters.target)
        if filters.key is not None:
            query = query.where((AuditRow.key == filters.key) | (AuditRow.name == filters.key))
        if filters.before is not None:
            query = query.where(AuditRow.id < filters.before)
        async with self._database.session() as session:
            rows = list(await session.scalars(query))
        return AuditList(object="list", data=[_entry(row) for row in rows[:limit]], has_more=len(rows) > limit)


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        at=row.at,
        action=row.action,
        target=row.target or None,
        owner=row.owner,
        key=row.key or None,
        name=row.name or None,
        address=row.address,
        status=row.status,
        request_id=row.request_id,
    )
