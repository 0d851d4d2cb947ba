"""Owner ids: whose a conversation, a message or a temporary knowledge base is, however often a token is refreshed.

And which keys a key was made with, whose limits hold for it, too.
"""

import json
import secrets

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TABLES = ("users", "keys", "messages", "knowledge_bases")
LOCAL = "local"
"""Owner id where no key is asked for."""


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("owner", sa.String(length=32), nullable=False, server_default=""))
    op.add_column("keys", sa.Column("makers", sa.JSON(), nullable=True))
    bind = op.get_bind()
    logins = _own_users_and_keys(bind)
    _own_conversations(bind, logins)
    _own_messages(bind)
    _own_temporary_bases(bind, logins)


def downgrade() -> None:
    with op.batch_alter_table("keys") as keys:
        keys.drop_column("makers")
    for table in TABLES:
        with op.batch_alter_table(table) as altered:
            altered.drop_column("owner")


def _own_users_and_keys(bind: sa.Connection) -> dict[str, str]:
    """Give every user and key an owner id; returns token id → owner id of its user, for the tokens of every login.

    The two tokens of a login have ids that differ in their last letter, and the one that refreshes outlives the other.
    """
    of_user = {row.id: f"user-{secrets.token_hex(8)}" for row in bind.execute(sa.text("SELECT id FROM users"))}
    for user, owner in of_user.items():
        bind.execute(sa.text("UPDATE users SET owner = :owner WHERE id = :id"), {"owner": owner, "id": user})
    bind.execute(sa.text("UPDATE keys SET owner = id WHERE user_id IS NULL"))
    logins: dict[str, str] = {}
    for row in bind.execute(sa.text("SELECT id, user_id FROM keys WHERE user_id IS NOT NULL")).all():
        owner = of_user.get(row.user_id, row.id)
        bind.execute(sa.text("UPDATE keys SET owner = :owner WHERE id = :id"), {"owner": owner, "id": row.id})
        logins |= {row.id[:-1] + "a": owner, row.id[:-1] + "r": owner}
    return logins


def _own_conversations(bind: sa.Connection, logins: dict[str, str]) -> None:
    """Hand conversations of a login's token to its user, and those made without a key to the local owner."""
    for token, owner in {**logins, "": LOCAL}.items():
        query = sa.text("UPDATE conversations SET owner = :owner WHERE owner = :before")
        bind.execute(query, {"owner": owner, "before": token})


def _own_messages(bind: sa.Connection) -> None:
    """Give messages the owner of their conversation; those without one stay administrators' where there are keys."""
    bind.execute(
        sa.text(
            "UPDATE messages SET owner = (SELECT owner FROM conversations WHERE conversations.id = conversation_id)"
            " WHERE conversation_id IS NOT NULL"
        )
    )
    if not bind.execute(sa.text("SELECT count(*) FROM keys")).scalar():
        bind.execute(sa.text("UPDATE messages SET owner = :owner WHERE conversation_id IS NULL"), {"owner": LOCAL})


def _own_temporary_bases(bind: sa.Connection, logins: dict[str, str]) -> None:
    """Move the owner of a temporary base, a key's or token's id, out of its JSON."""
    bases = sa.table(
        "knowledge_bases",
        sa.column("id", sa.Integer),
        sa.column("temporary", sa.Boolean),
        sa.column("extra", sa.JSON),
        sa.column("owner", sa.String),
    )
    for row in bind.execute(sa.select(bases.c.id, bases.c.extra).where(bases.c.temporary)).all():
        extra = json.loads(row.extra) if isinstance(row.extra, str) else dict(row.extra or {})
        before = str(extra.pop("owner", ""))
        owner = logins.get(before, before) or LOCAL
        bind.execute(sa.update(bases).where(bases.c.id == row.id).values(owner=owner, extra=extra))
