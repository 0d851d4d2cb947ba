"""Notes of documents: what is in a file and not in its text."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("knowledge_documents", sa.Column("notes", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("knowledge_documents") as documents:
        documents.drop_column("notes")
