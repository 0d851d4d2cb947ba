"""Chats as trees of messages: each question with its answer becomes two messages, and a conversation a chat with one branch."""

import hashlib
import json
import unicodedata
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0011"

SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")
PAGE = 500
"""Rows that are read and written at once."""
LONGEST_MODEL = 300

OLD_CHATS = sa.table(
    "conversations",
    *(sa.column(name, sa.String) for name in ("id", "owner", "title", "kind")),
    *(sa.column(name, sa.Float) for name in ("created_at", "updated_at")),
)
OLD_MESSAGES = sa.table(
    "messages",
    sa.column("number", SERIAL),
    *(sa.column(name, sa.Text) for name in ("id", "conversation_id", "owner", "kind", "question", "answer", "reason")),
    *(sa.column(name, sa.JSON) for name in ("citations", "details")),
    sa.column("score", sa.Integer),
    sa.column("created_at", sa.Float),
)


def upgrade() -> None:
    _create()
    bind = op.get_bind()
    kinds = _move_chats(bind)
    _move_messages(bind, kinds)
    op.drop_table("messages")
    op.drop_table("conversations")


def downgrade() -> None:
    raise NotImplementedError("restore the database from a copy that was made before")


def _create() -> None:
    op.create_table(
        "chat_folders",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("owner", sa.String(32), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
    )
    op.create_index("ix_chat_folders_owner", "chat_folders", ["owner"])
    op.create_table(
        "chats",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("owner", sa.String(32), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(50), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("folder_id", sa.String(32), sa.ForeignKey("chat_folders.id", ondelete="SET NULL")),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("active_leaf", sa.String(32)),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
    )
    op.create_index("ix_chats_owner", "chats", ["owner", "updated_at", "id"])
    op.create_index("ix_chats_updated_at", "chats", ["updated_at", "id"])
    op.create_index("ix_chats_folder_id", "chats", ["folder_id"])
    json_columns = ("content", "tool_calls", "citations", "parameters", "usage", "timings", "details")
    op.create_table(
        "chat_messages",
        sa.Column("number", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("chat_id", sa.String(32), sa.ForeignKey("chats.id", ondelete="CASCADE")),
        sa.Column("owner", sa.String(32), nullable=False),
        sa.Column("parent", sa.String(32)),
        sa.Column("role", sa.String(10), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("score", sa.Integer()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("model", sa.String(300), nullable=False),
        sa.Column("finish_reason", sa.String(30), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("reasoning", sa.Text(), nullable=False),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in json_columns),
        sa.Column("error", sa.JSON(none_as_null=True)),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_chat_messages_chat", "chat_messages", ["chat_id", "number"])
    op.create_index("ix_chat_messages_state", "chat_messages", ["state"])


def _table(bind: sa.Connection, name: str) -> sa.Table:
    return sa.Table(name, sa.MetaData(), autoload_with=bind)


def _move_chats(bind: sa.Connection) -> dict[str, str]:
    """Write a chat for each conversation; returns conversation id → kind."""
    chats, kinds, last = _table(bind, "chats"), dict[str, str](), ""
    query = sa.select(OLD_CHATS).order_by(OLD_CHATS.c.id).limit(PAGE)
    while rows := bind.execute(query.where(OLD_CHATS.c.id > last)).mappings().all():
        fixed: dict[str, Any] = {
            "pinned": False,
            "folder_id": None,
            "settings": {},
            "active_leaf": None,
            "messages": 0,
            "size": 0,
        }
        bind.execute(sa.insert(chats), [{**row, **fixed, "search": _folded(row["title"])} for row in rows])
        kinds |= {row["id"]: row["kind"] for row in rows}
        last = rows[-1]["id"]
    return kinds


def _move_messages(bind: sa.Connection, kinds: dict[str, str]) -> None:
    """Write two messages for each old one; the last answer of a chat is its active leaf."""
    messages, chats, last = _table(bind, "chat_messages"), _table(bind, "chats"), 0
    leaves: dict[str, str] = {}
    counts: dict[str, int] = {}
    sizes: dict[str, int] = {}
    query = sa.select(OLD_MESSAGES).order_by(OLD_MESSAGES.c.number).limit(PAGE)
    while rows := bind.execute(query.where(OLD_MESSAGES.c.number > last)).mappings().all():
        written: list[dict[str, Any]] = []
        for row in rows:
            chat = row["conversation_id"]
            pair = _pair(dict(row), leaves.get(chat) if chat else None, kinds.get(chat, ""))
            written += pair
            if chat:
                leaves[chat] = row["id"]
                counts[chat] = counts.get(chat, 0) + 2
                sizes[chat] = sizes.get(chat, 0) + sum(each["size"] for each in pair)
        bind.execute(sa.insert(messages), written)
        last = rows[-1]["number"]
    for chat, leaf in leaves.items():
        values = {"active_leaf": leaf, "messages": counts[chat], "size": sizes[chat]}
        bind.execute(sa.update(chats).where(chats.c.id == chat).values(values))


def _pair(row: dict[str, Any], parent: str | None, kind: str) -> list[dict[str, Any]]:
    """The question and the answer of an old row. The answer keeps the id, by which clients rate it."""
    details = dict(row["details"] or {})
    broken_off = details.pop("broken_off", False)
    model = details.pop("model", "") if isinstance(details.get("model"), str) else ""
    usage = details.pop("usage", {}) if isinstance(details.get("usage"), dict) else {}
    if len(model) > LONGEST_MODEL:
        details["model"], model = model, model[:LONGEST_MODEL]
    if row["kind"] and row["kind"] != kind:
        details.setdefault("kind", row["kind"])
    question_id = hashlib.blake2b(f"question {row['id']}".encode(), digest_size=16).hexdigest()
    shared = {
        "chat_id": row["conversation_id"],
        "owner": row["owner"],
        "finish_reason": "",
        "created_at": row["created_at"],
        "updated_at": row["created_at"],
        "reasoning": "",
        **{name: [] for name in ("tool_calls", "citations")},
        **{name: {} for name in ("parameters", "usage", "timings", "details")},
        "error": None,
        "model": "",
        "score": None,
        "reason": "",
    }
    question = {"id": question_id, "parent": parent, "role": "user", "state": "complete", **_text(row["question"])}
    answer = {
        "id": row["id"],
        "parent": question_id,
        "role": "assistant",
        "state": "complete" if row["answer"] and not broken_off else "stopped",
        **_text(row["answer"]),
        "citations": list(row["citations"] or ()),
        "model": model,
        "usage": usage,
        "details": details,
        "score": row["score"],
        "reason": row["reason"],
    }
    return [_sized({**shared, **question}), _sized({**shared, **answer})]


def _text(text: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}] if text else [], "search": _folded(text)}


def _sized(row: dict[str, Any]) -> dict[str, Any]:
    held = ("content", "citations", "usage", "details")
    return {**row, "size": len(json.dumps([row[name] for name in held], ensure_ascii=False).encode())}


def _folded(text: str) -> str:
    """A text as searches compare it."""
    return unicodedata.normalize("NFKC", text).casefold()
