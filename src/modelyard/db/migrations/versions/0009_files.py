"""Files that callers store, and uploads in parts."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner", sa.String(length=32), nullable=False),
        sa.Column("filename", sa.String(length=1000), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_files_owner", "files", ["owner", "id"], unique=False)
    op.create_index("ix_files_expires_at", "files", ["expires_at"], unique=False)
    op.create_index("ix_files_whole", "files", ["whole"], unique=False)
    op.create_table(
        "file_uploads",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner", sa.String(length=32), nullable=False),
        sa.Column("filename", sa.String(length=1000), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("lifetime", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("file_id", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_file_uploads_expires_at", "file_uploads", ["expires_at"], unique=False)
    op.create_table(
        "file_upload_parts",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("upload_id", sa.String(length=40), nullable=False),
        sa.Column("owner", sa.String(length=32), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["upload_id"], ["file_uploads.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_file_upload_parts_upload_id", "file_upload_parts", ["upload_id"], unique=False)
    op.create_index("ix_file_upload_parts_owner", "file_upload_parts", ["owner"], unique=False)
    op.create_index("ix_file_upload_parts_whole", "file_upload_parts", ["whole"], unique=False)


def downgrade() -> None:
    for table in ("file_upload_parts", "file_uploads", "files"):
        op.drop_table(table)
