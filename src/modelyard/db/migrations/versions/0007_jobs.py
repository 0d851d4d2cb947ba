"""Jobs of all kinds in one table, with numbered events; those on documents keep there what all jobs have."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

MOVED = ("kind", "state", "error", "created_at", "finished_at")
"""Columns of jobs on documents that all jobs have."""
SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("owner", sa.String(length=32), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("unit", sa.String(length=20), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("error_code", sa.String(length=50), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=True),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_jobs_state", "jobs", ["state", "finished_at"], unique=False)
    op.create_index("ix_jobs_owner", "jobs", ["owner", "created_at"], unique=False)
    op.create_table(
        "job_events",
        sa.Column("seq", SERIAL, autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_events_job", "job_events", ["job_id", "seq"], unique=False)
    _share()
    if op.get_bind().dialect.name == "sqlite":
        _rebuild()
    else:
        for name in MOVED:
            op.drop_column("knowledge_jobs", name)
        op.create_foreign_key(None, "knowledge_jobs", "jobs", ["id"], ["id"], ondelete="CASCADE")


def _share() -> None:
    """A row in `jobs` for each job on documents, unfinished ones included; those of bases for one owner are that owner's."""
    op.execute(
        "INSERT INTO jobs (id, kind, state, owner, parameters, details, done, unit, message, error_code, error, attempts,"
        " created_at, started_at, finished_at)"
        " SELECT job.id, CASE job.kind WHEN 'add' THEN 'knowledge_index' ELSE 'knowledge_reindex' END, job.state,"
        " CASE base.owner WHEN '' THEN 'local' ELSE base.owner END, '{}', '{}', 0, 'documents', '',"
        " CASE job.error WHEN '' THEN '' ELSE 'internal_error' END, job.error, 0, job.created_at, job.created_at,"
        " job.finished_at"
        " FROM knowledge_jobs AS job JOIN knowledge_bases AS base ON base.id = job.base_id"
    )


def _rebuild() -> None:
    """SQLite adds no foreign key to a table; dropping one deletes what refers to it, so the tasks are put aside."""
    op.execute("CREATE TEMPORARY TABLE kept_tasks AS SELECT * FROM knowledge_tasks")
    op.execute("CREATE TEMPORARY TABLE kept_jobs AS SELECT id, base_id, generation, settings FROM knowledge_jobs")
    op.drop_table("knowledge_tasks")
    op.drop_table("knowledge_jobs")
    op.create_table(
        "knowledge_jobs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("base_id", SERIAL, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["base_id"], ["knowledge_bases.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["id"], ["jobs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_knowledge_jobs_base_id", "knowledge_jobs", ["base_id"], unique=False)
    op.create_table(
        "knowledge_tasks",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("document_id", SERIAL, nullable=False),
        sa.Column("force", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("embedded", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["knowledge_documents.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["job_id"], ["knowledge_jobs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_knowledge_tasks_document_id", "knowledge_tasks", ["document_id"], unique=False)
    op.create_index("ix_knowledge_tasks_job", "knowledge_tasks", ["job_id", "state"], unique=False)
    op.execute("INSERT INTO knowledge_jobs SELECT id, base_id, generation, settings FROM kept_jobs")
    columns = "id, job_id, document_id, force, state, error, chunks, embedded"
    op.execute(f"INSERT INTO knowledge_tasks ({columns}) SELECT {columns} FROM kept_tasks")
    op.execute("DROP TABLE kept_tasks")
    op.execute("DROP TABLE kept_jobs")


def downgrade() -> None:
    raise NotImplementedError("restore the database from a copy that was made before")
