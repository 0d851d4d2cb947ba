"""Documents know the stored file that they were made of, and which metadata their loaders read."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

BACKFILLS = {
    "sqlite": """
        UPDATE knowledge_documents
        SET source_file_id = json_extract(details, '$.file_id')
        WHERE CASE WHEN json_valid(details) AND json_type(details) = 'object' AND json_type(details, '$.file_id') = 'text'
            THEN json_extract(details, '$.file_id') LIKE 'file-%' AND length(json_extract(details, '$.file_id')) = 32
            ELSE FALSE END
        """,
    "postgresql": """
        UPDATE knowledge_documents
        SET source_file_id = substr((details -> 'file_id')::text, 2, 32)
        WHERE CASE WHEN strpos(details::text, '\\u0000') = 0
            THEN (details -> 'file_id')::text ~ '^"file-[0-9a-f]{27}"$' ELSE FALSE END
        """,
}
"""Details that a database cannot read as JSON are left out: with a NUL on PostgreSQL, with `NaN` on SQLite."""


def upgrade() -> None:
    op.add_column("knowledge_documents", sa.Column("source_file_id", sa.String(64), nullable=True))
    op.add_column("knowledge_documents", sa.Column("loaded_names", sa.JSON(), nullable=False, server_default="[]"))
    op.execute(BACKFILLS[op.get_bind().dialect.name])
    op.create_index("ix_knowledge_documents_source", "knowledge_documents", ["base_id", "source_file_id"])
    op.create_index("ix_knowledge_documents_order", "knowledge_documents", ["base_id", "id"])


def downgrade() -> None:
    raise NotImplementedError("restore the database from a copy that was made before")
