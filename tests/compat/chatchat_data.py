"""Folders as Langchain-Chatchat 0.2.10 and 0.3.1 leave them, their SQLite file with the tables that SQLAlchemy makes there."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

SCHEMA = """
CREATE TABLE knowledge_base (id INTEGER NOT NULL, kb_name VARCHAR(50), kb_info VARCHAR(200), vs_type VARCHAR(50),
  embed_model VARCHAR(50), file_count INTEGER, create_time DATETIME, PRIMARY KEY (id));
CREATE TABLE knowledge_file (id INTEGER NOT NULL, file_name VARCHAR(255), file_ext VARCHAR(10), kb_name VARCHAR(50),
  document_loader_name VARCHAR(50), text_splitter_name VARCHAR(50), file_version INTEGER, file_mtime FLOAT,
  file_size INTEGER, custom_docs BOOLEAN, docs_count INTEGER, create_time DATETIME, PRIMARY KEY (id));
CREATE TABLE file_doc (id INTEGER NOT NULL, kb_name VARCHAR(50), file_name VARCHAR(255), doc_id VARCHAR(50), meta_data JSON,
  PRIMARY KEY (id));
CREATE TABLE summary_chunk (id INTEGER NOT NULL, kb_name VARCHAR(50), summary_context VARCHAR(255), summary_id VARCHAR(255),
  doc_ids VARCHAR(1024), meta_data JSON, PRIMARY KEY (id));
CREATE TABLE conversation (id VARCHAR(32) NOT NULL, name VARCHAR(50), chat_type VARCHAR(50), create_time DATETIME,
  PRIMARY KEY (id));
CREATE TABLE message (id VARCHAR(32) NOT NULL, conversation_id VARCHAR(32), chat_type VARCHAR(50), query VARCHAR(4096),
  response VARCHAR(4096), meta_data JSON, feedback_score INTEGER, feedback_reason VARCHAR(255), create_time DATETIME,
  PRIMARY KEY (id));
CREATE INDEX ix_message_conversation_id ON message (conversation_id);
"""
"""The same in both."""

FILE = (
    "INSERT INTO knowledge_file (file_name, file_ext, kb_name, document_loader_name, text_splitter_name, file_version, "
    "file_mtime, file_size, custom_docs, docs_count, create_time) "
    "VALUES (?, ?, ?, 'UnstructuredFileLoader', 'ChineseRecursiveTextSplitter', 1, 1.5, 10, ?, 2, CURRENT_TIMESTAMP)"
)
MESSAGE = "INSERT INTO message VALUES (?, ?, 'llm_chat', ?, ?, ?, ?, ?, ?)"
TALK, GROWN = "c" * 32, "d" * 32


class Chatchat:
    """A folder with two bases: `人事` with three files and one that is gone, and `samples`, which is only a folder."""

    def __init__(self, root: Path, bases: str) -> None:
        self.root = root
        self.bases = root / bases
        self.database = self.bases / "info.db"
        content = self.bases / "人事" / "content"
        (content / "制度").mkdir(parents=True)
        (self.bases / "人事" / "vector_store" / "bge-large-zh-v1.5").mkdir(parents=True)
        (self.bases / "人事" / "vector_store" / "bge-large-zh-v1.5" / "index.pkl").write_bytes(b"\x80\x04N.")
        (content / "制度" / "年假 2024.md").write_text("# 年假\n\n员工每年有十五天年假。\n", encoding="utf-8")
        (content / 'a "b" 50%.txt').write_text("The MX-2140 pump delivers 12 litres per minute.\n")
        (content / "不在库里.txt").write_text("报销须在三十天内提交。\n", encoding="utf-8")
        (content / ".DS_Store").write_bytes(b"\0")
        (content / "old.enex").write_text("<en-export/>")
        (self.bases / "samples" / "content").mkdir(parents=True)
        (self.bases / "samples" / "content" / "test.txt").write_text("ChatGLM is a model.\n")
        self.fill()

    def fill(self) -> None:
        with self.opened() as database:
            database.executescript(SCHEMA)
            database.execute(
                "INSERT INTO knowledge_base (kb_name, kb_info, vs_type, embed_model, file_count, create_time) "
                "VALUES ('人事', '关于人事的知识库', 'faiss', 'bge-large-zh-v1.5', 3, CURRENT_TIMESTAMP)"
            )
            names = (("制度/年假 2024.md", 0), ('a "b" 50%.txt', 1), ("已删除.docx", 0))
            database.executemany(FILE, [(name, name[-4:], "人事", edited) for name, edited in names])
            database.execute(
                "INSERT INTO conversation VALUES (?, '年假问题', 'llm_chat', '2024-01-26 08:00:00')", (TALK,)
            )
            self.say(database, "1" * 32, TALK, "年假有几天？", "十五天。", "2024-01-26 08:00:01", 90, "对")
            self.say(database, "2" * 32, TALK, "可以分开休吗？", "可以。", "2024-01-26 08:00:02")
            self.say(database, "3" * 32, GROWN, "Who wrote  the\nmanual?", "HR did.", "2024-01-27 08:00:00", 500)
            self.say(database, "4" * 32, "", "alone", "yes", "2024-01-28 23:59:59")
            self.say(database, "5" * 32, None, "alone, too", None, "2024-01-28 10:00:00", 0)
            self.say(database, "6" * 32, "1f0c2a3e-5b6d-4c7e-8f90-a1b2c3d4e5f6", "long id", "", "2024-01-29 10:00:00.5")

    def opened(self) -> sqlite3.Connection:
        return sqlite3.connect(self.database)

    def say(
        self,
        database: sqlite3.Connection,
        name: str,
        talk: str | None,
        question: str,
        answer: str | None,
        when: str,
        score: int = -1,
        reason: str = "",
    ) -> None:
        """One row of `message`."""
        details = json.dumps({"知识库": "人事"}, ensure_ascii=False)
        database.execute(MESSAGE, (name, talk, question, answer, details, score, reason, when))


def v02(root: Path) -> Chatchat:
    """Of 0.2: `root` is the project."""
    return Chatchat(root, "knowledge_base")


def v03(root: Path) -> Chatchat:
    """Of 0.3: `root` is `CHATCHAT_ROOT`."""
    return Chatchat(root, "data/knowledge_base")


def state(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, to see that nothing was changed."""
    return {str(file): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}
