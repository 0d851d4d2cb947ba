"""Evaluation sets of knowledge bases: questions with what answers them, and results of runs."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "evaluation_sets",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("base_id", SERIAL, sa.ForeignKey("knowledge_bases.id", ondelete="CASCADE"), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.UniqueConstraint("base_id", "name"),
    )
    op.create_table(
        "evaluation_questions",
        sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("set_id", sa.String(32), sa.ForeignKey("evaluation_sets.id", ondelete="CASCADE"), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("relevant", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_evaluation_questions_set_id", "evaluation_questions", ["set_id"])
    op.create_table(
        "evaluation_runs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("set_id", sa.String(32), sa.ForeignKey("evaluation_sets.id", ondelete="CASCADE"), nullable=False),
        sa.Column("questions", sa.Integer(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("results", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("finished_at", sa.Float(), nullable=False),
    )
    op.create_index("ix_evaluation_runs_set", "evaluation_runs", ["set_id", "created_at"])


def downgrade() -> None:
    raise NotImplementedError("restore the database from a copy that was made before")
