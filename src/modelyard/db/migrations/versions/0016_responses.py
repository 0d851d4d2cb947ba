"""Stored responses and conversations."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "response_threads",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(32), nullable=False),
        sa.Column("conversation", sa.Boolean(), nullable=False),
        sa.Column("parent_id", sa.String(64), nullable=True),
        sa.Column("parent_length", sa.Integer(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("parent_size", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("details_size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
    )
    op.create_index("ix_response_threads_owner", "response_threads", ["owner", "conversation", "size", "details_size"])
    op.create_index("ix_response_threads_parent_id", "response_threads", ["parent_id"])
    op.create_table(
        "response_items",
        sa.Column("number", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("thread_id", sa.String(64), sa.ForeignKey("response_threads.id"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("json", sa.Text(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_response_items_position", "response_items", ["thread_id", "position"], unique=True)
    op.create_index("ix_response_items_id", "response_items", ["id"])
    op.create_table(
        "stored_responses",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(32), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("background", sa.Boolean(), nullable=False),
        sa.Column("thread_id", sa.String(64), sa.ForeignKey("response_threads.id"), nullable=True),
        sa.Column("input_start", sa.Integer(), nullable=False),
        sa.Column("output_start", sa.Integer(), nullable=False),
        sa.Column("output_end", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("input", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
    )
    op.create_index("ix_stored_responses_owner", "stored_responses", ["owner", "created_at"])
    op.create_index("ix_stored_responses_size", "stored_responses", ["owner", "size"])
    op.create_index("ix_stored_responses_thread", "stored_responses", ["thread_id", "output_end"])
    op.create_index("ix_stored_responses_expires_at", "stored_responses", ["expires_at"])


def downgrade() -> None:
    raise NotImplementedError("restore the database from a copy that was made before")
