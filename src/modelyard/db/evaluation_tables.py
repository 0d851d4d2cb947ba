"""The tables of evaluation sets: questions with what answers them in a knowledge base, and the results of runs."""

from __future__ import annotations

from sqlalchemy import JSON, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from modelyard.db.tables import Base, Serial


class EvaluationSetRow(Base):
    """Questions that measure how well a base is searched."""

    __tablename__ = "evaluation_sets"
    __table_args__ = (UniqueConstraint("base_id", "name"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    base_id: Mapped[int] = mapped_column(ForeignKey("knowledge_bases.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""


class EvaluationQuestionRow(Base):
    """A question of a set."""

    __tablename__ = "evaluation_questions"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    set_id: Mapped[str] = mapped_column(ForeignKey("evaluation_sets.id", ondelete="CASCADE"), index=True)
    question: Mapped[str] = mapped_column(Text)
    relevant: Mapped[list[dict[str, object]]] = mapped_column(JSON, default=list)
    """What answers it, as `knowledge.search.judgments` reads it; empty if nothing does."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""


class EvaluationRunRow(Base):
    """What one run of a set found."""

    __tablename__ = "evaluation_runs"
    __table_args__ = (Index("ix_evaluation_runs_set", "set_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    """The id of its job."""
    set_id: Mapped[str] = mapped_column(ForeignKey("evaluation_sets.id", ondelete="CASCADE"))
    questions: Mapped[int] = mapped_column(Integer)
    """Number of questions."""
    settings: Mapped[list[dict[str, object]]] = mapped_column(JSON)
    """The search settings that were measured, with their measures."""
    results: Mapped[list[dict[str, object]]] = mapped_column(JSON)
    """Each question with its ranks, a value for each setting."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time of its start."""
    finished_at: Mapped[float] = mapped_column(Float)
    """Unix time."""
