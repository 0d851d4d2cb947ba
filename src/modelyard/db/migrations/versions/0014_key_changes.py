"""Counts of changes of keys and users, by which other servers with this database recognise them."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    for table in ("keys", "users"):
        op.add_column(table, sa.Column("changes", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    for table in ("keys", "users"):
        with op.batch_alter_table(table) as rows:
            rows.drop_column("changes")
