"""Probes of knowledge bases, which say how well words and vectors find what is in them; pages inside chunks."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("knowledge_bases", sa.Column("probe", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("knowledge_chunks", sa.Column("page_breaks", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    with op.batch_alter_table("knowledge_chunks") as chunks:
        chunks.drop_column("page_breaks")
    with op.batch_alter_table("knowledge_bases") as bases:
        bases.drop_column("probe")
