"""The rows: what is wanted, and what happened. Observed state lives in memory; only transitions are written."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Float, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Serial = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only plain INTEGER keys


class Base(DeclarativeBase):
    """All tables."""


class Deployment(Base):
    """A model that somebody wants to run."""

    __tablename__ = "deployments"

    uid: Mapped[str] = mapped_column(String(100), primary_key=True)
    launch: Mapped[dict[str, object]] = mapped_column(JSON)
    """`core.types.Launch`, encoded: the resolved model, the engine and its options."""
    request: Mapped[dict[str, object]] = mapped_column(JSON)
    """The body that asked for it, as it came."""
    ordinals: Mapped[list[int]] = mapped_column(JSON)
    """Numbers of the wanted replicas."""
    generation: Mapped[int] = mapped_column(Integer, default=1)
    """Counts up when the launch itself changes; replicas of an older generation are replaced."""
    terminating: Mapped[bool] = mapped_column(default=False)
    """The model shall go; the row is deleted when its last replica is gone."""
    was_ready: Mapped[bool] = mapped_column(default=False)
    """It has worked before, so crashes are worth a restart."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""


class Autostart(Base):
    """What shall be launched when the server starts, in which order, though nobody asks for it then."""

    __tablename__ = "autostart"

    uid: Mapped[str] = mapped_column(String(100), primary_key=True)
    entry: Mapped[dict[str, object]] = mapped_column(JSON)
    """`enabled`, `priority`, `max_retries`, `retry_interval_seconds` and `launch`, the body of a launch request."""


class Registration(Base):
    """A family that a user of an earlier version registered: a file since, which the first start of a server makes."""

    __tablename__ = "registrations"

    type: Mapped[str] = mapped_column(String(20), primary_key=True)
    """`core.types.ModelType`."""
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    """In lower case, so that two spellings of one name cannot both be registered; the record has it as given."""
    record: Mapped[dict[str, object]] = mapped_column(JSON)
    """`catalog.family.Family`, encoded."""
    persist: Mapped[bool] = mapped_column()
    """Whether it outlives the server."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""


class User(Base):
    """A person who may log in."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    password: Mapped[str] = mapped_column(String(200))
    """A salted scrypt hash, with its parameters."""
    scopes: Mapped[list[str]] = mapped_column(JSON)
    owner: Mapped[str] = mapped_column(String(32), default="", server_default="")
    """Owner id of what this person makes; random, so that a later user of the same name or id does not inherit it."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""


class Key(Base):
    """An API key, or the token of a login. The secret itself is never stored."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    prefix: Mapped[str] = mapped_column(String(16))
    """The first characters of the secret, by which its owner recognises it."""
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the secret, which has 256 random bits, so that a slow hash would protect nothing."""
    user_id: Mapped[int | None] = mapped_column(Integer, default=None)
    """The person who logged in; None for an API key."""
    owner: Mapped[str] = mapped_column(String(32), default="", server_default="")
    """Owner id of what is made with it: that of the person, else the key's id or that of the key it stands in for."""
    scopes: Mapped[list[str]] = mapped_column(JSON)
    models: Mapped[list[str] | None] = mapped_column(JSON, default=None)
    """The only models it may use; None for all."""
    bases: Mapped[dict[str, str] | None] = mapped_column(JSON, default=None)
    """The only knowledge bases it may use, each with `read` or `write`; None for all that its scopes allow."""
    makers: Mapped[list[str] | None] = mapped_column(JSON, default=None)
    """Ids of the limited keys that it was made with, whose limits its use counts for, too; None for none."""
    requests_per_minute: Mapped[int | None] = mapped_column(Integer, default=None)
    tokens_per_minute: Mapped[int | None] = mapped_column(Integer, default=None)
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    expires_at: Mapped[float | None] = mapped_column(Float, default=None)
    """Unix time."""
    revoked_at: Mapped[float | None] = mapped_column(Float, default=None)
    """Unix time."""


class Event(Base):
    """Something that happened to a model."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_uid_id", "uid", "id"),)

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    uid: Mapped[str] = mapped_column(String(100))
    at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    kind: Mapped[str] = mapped_column(String(10))
    """`INFO`, `WARNING` or `ERROR`."""
    content: Mapped[str] = mapped_column(Text)


class KnowledgeBase(Base):
    """A knowledge base. Its name is data: no path and no pattern is ever made of it."""

    __tablename__ = "knowledge_bases"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    description: Mapped[str] = mapped_column(Text, default="")
    language: Mapped[str] = mapped_column(String(20), default="")
    """Of its documents, as a BCP 47 tag; empty for any."""
    embedding_model: Mapped[str | None] = mapped_column(String(200), default=None)
    """None searches by words alone."""
    rerank_model: Mapped[str | None] = mapped_column(String(200), default=None)
    chat_model: Mapped[str | None] = mapped_column(String(200), default=None)
    """Answers where a question names none."""
    chunking: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """`knowledge.documents.splitter.Chunking`, encoded."""
    prompts: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    """Templates that take the place of the usual ones: `answer`, `empty`."""
    generation: Mapped[int] = mapped_column(Integer, default=1)
    """Of the chunks that searches see. Indexing anew makes the next one beside it, then this counts up."""
    dimension: Mapped[int | None] = mapped_column(Integer, default=None)
    """Length of a vector of this generation; None until the first text was embedded."""
    probe: Mapped[dict[str, object]] = mapped_column(JSON, default=dict, server_default="{}")
    """`knowledge.indexing.probes.Probe`, encoded: how well its model finds what is in it; empty until it is measured."""
    temporary: Mapped[bool] = mapped_column(default=False)
    """Made for one talk about files; deleted when it has not been used for a while."""
    owner: Mapped[str] = mapped_column(String(32), default="", server_default="")
    """Owner id of a temporary base, which nobody else may use; empty for bases that keys share."""
    extra: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """What other systems' clients say of a base and want back."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    used_at: Mapped[float] = mapped_column(Float)
    """Unix time."""


class KnowledgeDocument(Base):
    """A document of a base. Its bytes are a file named by their hash, below the home folder."""

    __tablename__ = "knowledge_documents"
    __table_args__ = (UniqueConstraint("base_id", "name"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    base_id: Mapped[int] = mapped_column(ForeignKey("knowledge_bases.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(1000))
    """As its owner calls it; may look like a path and never is one."""
    hash: Mapped[str] = mapped_column(String(64), index=True)
    """SHA-256 of its bytes."""
    size: Mapped[int] = mapped_column(BigInteger)
    """Bytes."""
    modified_at: Mapped[float | None] = mapped_column(Float, default=None)
    """Unix time of the file where it came from."""
    details: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """What was given with it, and what the file says of itself; filters look here."""
    chunking: Mapped[dict[str, object] | None] = mapped_column(JSON, default=None)
    """Where it is cut in another way than its base."""
    enabled: Mapped[bool] = mapped_column(default=True)
    """Whether searches see it."""
    edited: Mapped[bool] = mapped_column(default=False)
    """Somebody changed its chunks by hand; indexing anew keeps them unless told otherwise."""
    fingerprint: Mapped[str] = mapped_column(String(64), default="")
    """Of everything its chunks were made from; the same again is nothing to do. Empty before it was indexed."""
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    """`waiting`, `working`, `ready`, `failed`, `cancelled` or `stored`: kept, and not to be indexed."""
    error: Mapped[str] = mapped_column(Text, default="")
    notes: Mapped[str] = mapped_column(Text, default="", server_default="")
    """What is in its bytes and not in its text, a sentence in each line."""
    chunks: Mapped[int] = mapped_column(Integer, default=0)
    characters: Mapped[int] = mapped_column(Integer, default=0)
    version: Mapped[int] = mapped_column(Integer, default=1)
    """Counts up with its bytes."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    updated_at: Mapped[float] = mapped_column(Float)
    """Unix time."""


class KnowledgeText(Base):
    """What was read in a document; spans of chunks are character offsets into it."""

    __tablename__ = "knowledge_texts"

    document_id: Mapped[int] = mapped_column(
        ForeignKey("knowledge_documents.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    text: Mapped[str] = mapped_column(Text)


class KnowledgeChunk(Base):
    """A piece of a document. A new text is a new row, so that an id means one text for ever and indexes can be compared."""

    __tablename__ = "knowledge_chunks"
    __table_args__ = (
        Index("ix_knowledge_chunks_document", "document_id", "generation", "position"),
        Index("ix_knowledge_chunks_base", "base_id", "generation", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    base_id: Mapped[int] = mapped_column(ForeignKey("knowledge_bases.id", ondelete="CASCADE"))
    document_id: Mapped[int] = mapped_column(ForeignKey("knowledge_documents.id", ondelete="CASCADE"))
    generation: Mapped[int] = mapped_column(Integer)
    position: Mapped[int] = mapped_column(Integer)
    """Its place in the document, from 0."""
    text: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the text: where its vector is found."""
    start: Mapped[int | None] = mapped_column(Integer, default=None)
    """Character offset in the document's text; None for a chunk that somebody wrote."""
    end: Mapped[int | None] = mapped_column(Integer, default=None)
    page: Mapped[int | None] = mapped_column(Integer, default=None)
    """The page where it begins."""
    page_breaks: Mapped[list[list[int]]] = mapped_column(JSON, default=list, server_default="[]")
    """Offset in `text` and page of each place where another page begins."""
    heading: Mapped[str] = mapped_column(Text, default="")
    enabled: Mapped[bool] = mapped_column(default=True)
    edited: Mapped[bool] = mapped_column(default=False)
    extra: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """What other systems' clients keep with a chunk and want back."""


class KnowledgeVector(Base):
    """What a model made of a text; shared by all bases, so that a text is embedded once."""

    __tablename__ = "knowledge_vectors"

    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    vector: Mapped[bytes] = mapped_column(LargeBinary)
    """float32, little endian, of unit length."""


class JobRow(Base):
    """Work that goes on in the background and after a restart; see `modelyard.jobs`."""

    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_state", "state", "finished_at"), Index("ix_jobs_owner", "owner", "created_at"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    """`jobs.types.Kind.name`."""
    state: Mapped[str] = mapped_column(String(10))
    """`jobs.types.JobState`."""
    owner: Mapped[str] = mapped_column(String(32))
    """Owner id of who asked for it; see `core.access.Owner`."""
    parameters: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """What to do, as its kind wrote it."""
    details: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """What its kind keeps of it beside that."""
    done: Mapped[int] = mapped_column(BigInteger, default=0)
    total: Mapped[int | None] = mapped_column(BigInteger, default=None)
    """None while nobody knows how much there is to do."""
    unit: Mapped[str] = mapped_column(String(20), default="")
    """What `done` and `total` count: `bytes`, `documents`, `steps`."""
    message: Mapped[str] = mapped_column(Text, default="")
    """For people: what is done now, or what it waits for."""
    result: Mapped[dict[str, object] | None] = mapped_column(JSON, default=None)
    error_code: Mapped[str] = mapped_column(String(50), default="")
    """`code` of an error in `core.errors`; empty while nothing went wrong."""
    error: Mapped[str] = mapped_column(Text, default="")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    """Runs that have failed."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    started_at: Mapped[float | None] = mapped_column(Float, default=None)
    """Unix time of the last start."""
    finished_at: Mapped[float | None] = mapped_column(Float, default=None)
    """Unix time."""


class JobEventRow(Base):
    """Something that happened to a job. The number counts up over all jobs, so clients can go on where they stopped."""

    __tablename__ = "job_events"
    __table_args__ = (Index("ix_job_events_job", "job_id", "seq"), {"sqlite_autoincrement": True})

    seq: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    type: Mapped[str] = mapped_column(String(20))
    """`state`, or what the job itself reports: `metrics`, `message`."""
    data: Mapped[dict[str, object]] = mapped_column(JSON)


class KnowledgeJob(JobRow):
    """What a job on documents has beside what all jobs have; its row in `jobs` is read and written with it."""

    __tablename__ = "knowledge_jobs"

    id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    base_id: Mapped[int] = mapped_column(ForeignKey("knowledge_bases.id", ondelete="CASCADE"), index=True)
    generation: Mapped[int] = mapped_column(Integer)
    """The one that it writes."""
    settings: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """What a new generation changes in its base, once it is complete."""


class KnowledgeTask(Base):
    """One document of a job."""

    __tablename__ = "knowledge_tasks"
    __table_args__ = (Index("ix_knowledge_tasks_job", "job_id", "state"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("knowledge_jobs.id", ondelete="CASCADE"))
    document_id: Mapped[int] = mapped_column(ForeignKey("knowledge_documents.id", ondelete="CASCADE"), index=True)
    force: Mapped[bool] = mapped_column(default=False)
    """Also where nothing has changed, and over what was edited by hand."""
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    """`waiting`, `done`, `unchanged`, `failed` or `cancelled`."""
    error: Mapped[str] = mapped_column(Text, default="")
    chunks: Mapped[int] = mapped_column(Integer, default=0)
    embedded: Mapped[int] = mapped_column(Integer, default=0)
    """Chunks that had no vector yet."""


class Conversation(Base):
    """A talk that can be gone on with."""

    __tablename__ = "conversations"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(32), default="", index=True)
    """Owner id of who began it; see `core.access.Owner`."""
    title: Mapped[str] = mapped_column(String(200), default="")
    kind: Mapped[str] = mapped_column(String(50), default="")
    """`knowledge`, or what another system's client calls it."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    updated_at: Mapped[float] = mapped_column(Float)
    """Unix time."""


class Message(Base):
    """A question and its answer."""

    __tablename__ = "messages"
    __table_args__ = (Index("ix_messages_conversation", "conversation_id", "number"), {"sqlite_autoincrement": True})

    number: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    conversation_id: Mapped[str | None] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    owner: Mapped[str] = mapped_column(String(32), default="", server_default="")
    """Owner id of who asked, which is that of its conversation where it has one."""
    kind: Mapped[str] = mapped_column(String(50), default="")
    question: Mapped[str] = mapped_column(Text)
    answer: Mapped[str] = mapped_column(Text, default="")
    citations: Mapped[list[dict[str, object]]] = mapped_column(JSON, default=list)
    details: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """Model, bases, usage."""
    score: Mapped[int | None] = mapped_column(Integer, default=None)
    """Feedback, 0 to 100; None before there was any."""
    reason: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""
