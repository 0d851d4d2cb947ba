"""The tables. Rows hold the desired state and events; the observed state is in memory, and only its changes are written."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Float, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Serial = BigInteger().with_variant(Integer, "sqlite")  # SQLite auto-increments only plain INTEGER keys


class Base(DeclarativeBase):
    """Base class of all tables."""


class Deployment(Base):
    """A desired model."""

    __tablename__ = "deployments"

    uid: Mapped[str] = mapped_column(String(100), primary_key=True)
    launch: Mapped[dict[str, object]] = mapped_column(JSON)
    """`core.types.Launch`, encoded: the resolved model, the engine and its options."""
    request: Mapped[dict[str, object]] = mapped_column(JSON)
    """The body of the launch request, as it was received."""
    ordinals: Mapped[list[int]] = mapped_column(JSON)
    """Numbers of the desired replicas."""
    generation: Mapped[int] = mapped_column(Integer, default=1)
    """Incremented when the launch changes; replicas of an older generation are replaced."""
    terminating: Mapped[bool] = mapped_column(default=False)
    """Whether the model is being removed; the row is deleted when its last replica has ended."""
    was_ready: Mapped[bool] = mapped_column(default=False)
    """Whether the model was ready once, so that it is restarted after a crash."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""


class Autostart(Base):
    """A model that the server launches when it starts, with its priority and retries."""

    __tablename__ = "autostart"

    uid: Mapped[str] = mapped_column(String(100), primary_key=True)
    entry: Mapped[dict[str, object]] = mapped_column(JSON)
    """`enabled`, `priority`, `max_retries`, `retry_interval_seconds` and `launch`, the body of a launch request."""


class Registration(Base):
    """A registered family of an earlier version. The first start of the server moves it into a file."""

    __tablename__ = "registrations"

    type: Mapped[str] = mapped_column(String(20), primary_key=True)
    """`core.types.ModelType`."""
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    """In lower case, so that two spellings of a name cannot both be registered; the record has the original spelling."""
    record: Mapped[dict[str, object]] = mapped_column(JSON)
    """`catalog.family.Family`, encoded."""
    persist: Mapped[bool] = mapped_column()
    """Whether it survives a restart of the server."""
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
    """Owner id of this person's rows; random, so that a later user with an equal name or id does not inherit them."""
    changes: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Incremented when the scopes change, by which other processes recognise it."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""


class Key(Base):
    """An API key, or the token of a login. The secret itself is never stored."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    prefix: Mapped[str] = mapped_column(String(16))
    """The first characters of the secret, by which people recognise it."""
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of the secret. A slow hash is not needed, because the secret has 256 random bits."""
    user_id: Mapped[int | None] = mapped_column(Integer, default=None)
    """The user who logged in; None for an API key."""
    owner: Mapped[str] = mapped_column(String(32), default="", server_default="")
    """Owner id of the rows created with it: that of the user, else the key's id or that of the key that it replaces."""
    scopes: Mapped[list[str]] = mapped_column(JSON)
    models: Mapped[list[str] | None] = mapped_column(JSON, default=None)
    """The models that it may use; None for all."""
    bases: Mapped[dict[str, str] | None] = mapped_column(JSON, default=None)
    """The knowledge bases that it may use, each with `read` or `write`; None for all that its scopes allow."""
    makers: Mapped[list[str] | None] = mapped_column(JSON, default=None)
    """Ids of the limited keys that created it; its requests count against their limits too. None if there are none."""
    requests_per_minute: Mapped[int | None] = mapped_column(Integer, default=None)
    tokens_per_minute: Mapped[int | None] = mapped_column(Integer, default=None)
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    expires_at: Mapped[float | None] = mapped_column(Float, default=None)
    """Unix time."""
    revoked_at: Mapped[float | None] = mapped_column(Float, default=None)
    """Unix time."""
    last_used_at: Mapped[float | None] = mapped_column(Float, default=None)
    """Unix time."""
    changes: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Incremented when scopes or limits change, by which other processes recognise it."""


class Event(Base):
    """An event of a model."""

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
    """A knowledge base. Its name is data, and is never used as a path or a pattern."""

    __tablename__ = "knowledge_bases"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    description: Mapped[str] = mapped_column(Text, default="")
    language: Mapped[str] = mapped_column(String(20), default="")
    """The language of its documents as a BCP 47 tag; empty for any."""
    embedding_model: Mapped[str | None] = mapped_column(String(200), default=None)
    """None searches words only."""
    rerank_model: Mapped[str | None] = mapped_column(String(200), default=None)
    chat_model: Mapped[str | None] = mapped_column(String(200), default=None)
    """The model that answers questions that name none."""
    chunking: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """`knowledge.documents.splitter.Chunking`, encoded."""
    prompts: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    """Prompt templates that replace the default ones: `answer`, `empty`."""
    generation: Mapped[int] = mapped_column(Integer, default=1)
    """The generation of the chunks that searches see. Re-indexing builds the next one beside it, then increments this."""
    dimension: Mapped[int | None] = mapped_column(Integer, default=None)
    """Length of a vector of this generation; None until the first text was embedded."""
    probe: Mapped[dict[str, object]] = mapped_column(JSON, default=dict, server_default="{}")
    """`knowledge.indexing.probes.Probe`, encoded: how well its model finds what is in it; empty until it is measured."""
    temporary: Mapped[bool] = mapped_column(default=False)
    """Whether it was created for a chat about files; it is deleted when it has not been used for some time."""
    owner: Mapped[str] = mapped_column(String(32), default="", server_default="")
    """Owner id of a temporary base, which only this owner may use; empty for shared bases."""
    extra: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """Fields that clients of other systems store with a base."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    used_at: Mapped[float] = mapped_column(Float)
    """Unix time."""


class KnowledgeDocument(Base):
    """A document of a base. Its content is a file in the home folder, named by its hash."""

    __tablename__ = "knowledge_documents"
    __table_args__ = (
        UniqueConstraint("base_id", "name"),
        Index("ix_knowledge_documents_source", "base_id", "source_file_id"),
        Index("ix_knowledge_documents_order", "base_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    base_id: Mapped[int] = mapped_column(ForeignKey("knowledge_bases.id", ondelete="CASCADE"))
    source_file_id: Mapped[str | None] = mapped_column(String(64), default=None)
    """Id of the stored file that it was made of; its id among the files of a vector store."""
    name: Mapped[str] = mapped_column(String(1000))
    """The name that its owner gave it; it may look like a path, and is never used as one."""
    hash: Mapped[str] = mapped_column(String(64), index=True)
    """SHA-256 of its content."""
    size: Mapped[int] = mapped_column(BigInteger)
    """Size of its content in bytes."""
    modified_at: Mapped[float | None] = mapped_column(Float, default=None)
    """Unix time at which the original file was modified."""
    details: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """Metadata from the upload and from the file itself, which filters search."""
    loaded_names: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    """Names of the metadata that a loader read from the file itself."""
    chunking: Mapped[dict[str, object] | None] = mapped_column(JSON, default=None)
    """Its own chunking, if it differs from its base's."""
    enabled: Mapped[bool] = mapped_column(default=True)
    """Whether searches include it."""
    edited: Mapped[bool] = mapped_column(default=False)
    """Whether its chunks were edited by hand; re-indexing then keeps them unless the request says otherwise."""
    fingerprint: Mapped[str] = mapped_column(String(64), default="")
    """Hash of everything its chunks depend on; an equal one means that nothing has to be done. Empty before indexing."""
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    """`waiting`, `working`, `ready`, `failed`, `cancelled` or `stored` (not to be indexed)."""
    error: Mapped[str] = mapped_column(Text, default="")
    notes: Mapped[str] = mapped_column(Text, default="", server_default="")
    """What its loader did not read, one sentence per line."""
    chunks: Mapped[int] = mapped_column(Integer, default=0)
    characters: Mapped[int] = mapped_column(Integer, default=0)
    version: Mapped[int] = mapped_column(Integer, default=1)
    """Incremented when its content changes."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    updated_at: Mapped[float] = mapped_column(Float)
    """Unix time."""


class KnowledgeText(Base):
    """The text of a document. Spans of chunks are character offsets in it."""

    __tablename__ = "knowledge_texts"

    document_id: Mapped[int] = mapped_column(
        ForeignKey("knowledge_documents.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    text: Mapped[str] = mapped_column(Text)


class KnowledgeChunk(Base):
    """A piece of a document. A changed text is a new row, so an id always means one text and indexes can be compared by ids."""

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
    """Its index in the document, from 0."""
    text: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(String(64))
    """SHA-256 of the text, the key of its vector."""
    start: Mapped[int | None] = mapped_column(Integer, default=None)
    """Character offset in the document's text; None for a chunk that was written by hand."""
    end: Mapped[int | None] = mapped_column(Integer, default=None)
    page: Mapped[int | None] = mapped_column(Integer, default=None)
    """The page where it begins."""
    page_breaks: Mapped[list[list[int]]] = mapped_column(JSON, default=list, server_default="[]")
    """Offset in `text` and page of each place where another page begins."""
    heading: Mapped[str] = mapped_column(Text, default="")
    enabled: Mapped[bool] = mapped_column(default=True)
    edited: Mapped[bool] = mapped_column(default=False)
    extra: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """Fields that clients of other systems store with a chunk."""


class KnowledgeVector(Base):
    """The vector of a text by an embedding model; shared by all bases, so that each text is embedded once."""

    __tablename__ = "knowledge_vectors"

    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    vector: Mapped[bytes] = mapped_column(LargeBinary)
    """float32, little-endian, normalized to length 1."""


class JobRow(Base):
    """Work that continues in the background and after a restart; see `modelyard.jobs`."""

    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_state", "state", "finished_at"), Index("ix_jobs_owner", "owner", "created_at"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    """`jobs.types.Kind.name`."""
    state: Mapped[str] = mapped_column(String(10))
    """`jobs.types.JobState`."""
    owner: Mapped[str] = mapped_column(String(32))
    """Owner id of the caller that created it; see `core.access.Owner`."""
    parameters: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """The parameters of the work, in the format of its kind."""
    details: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """Other data that its kind stores."""
    done: Mapped[int] = mapped_column(BigInteger, default=0)
    total: Mapped[int | None] = mapped_column(BigInteger, default=None)
    """None while the amount of work is unknown."""
    unit: Mapped[str] = mapped_column(String(20), default="")
    """The unit of `done` and `total`: `bytes`, `documents`, `steps`."""
    message: Mapped[str] = mapped_column(Text, default="")
    """For people: the current step, or what the job waits for."""
    result: Mapped[dict[str, object] | None] = mapped_column(JSON, default=None)
    error_code: Mapped[str] = mapped_column(String(50), default="")
    """`code` of an error in `core.errors`; empty if there is none."""
    error: Mapped[str] = mapped_column(Text, default="")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    """Number of failed runs."""
    created_at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    started_at: Mapped[float | None] = mapped_column(Float, default=None)
    """Unix time of the last start."""
    finished_at: Mapped[float | None] = mapped_column(Float, default=None)
    """Unix time."""


class JobEventRow(Base):
    """An event of a job. Numbers increase over all jobs, so that clients can continue where they stopped."""

    __tablename__ = "job_events"
    __table_args__ = (Index("ix_job_events_job", "job_id", "seq"), {"sqlite_autoincrement": True})

    seq: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    at: Mapped[float] = mapped_column(Float)
    """Unix time."""
    type: Mapped[str] = mapped_column(String(20))
    """`state`, or a type that the job itself reports: `metrics`, `message`."""
    data: Mapped[dict[str, object]] = mapped_column(JSON)


class KnowledgeJob(JobRow):
    """The additional columns of a job on documents; its row in `jobs` is read and written together with it."""

    __tablename__ = "knowledge_jobs"

    id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    base_id: Mapped[int] = mapped_column(ForeignKey("knowledge_bases.id", ondelete="CASCADE"), index=True)
    generation: Mapped[int] = mapped_column(Integer)
    """The generation that the job writes."""
    settings: Mapped[dict[str, object]] = mapped_column(JSON, default=dict)
    """Settings of the base that a new generation changes when it is complete."""


class KnowledgeTask(Base):
    """One document of an indexing job."""

    __tablename__ = "knowledge_tasks"
    __table_args__ = (Index("ix_knowledge_tasks_job", "job_id", "state"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Serial, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("knowledge_jobs.id", ondelete="CASCADE"))
    document_id: Mapped[int] = mapped_column(ForeignKey("knowledge_documents.id", ondelete="CASCADE"), index=True)
    force: Mapped[bool] = mapped_column(default=False)
    """Whether to index it even if nothing has changed, and to overwrite chunks that were edited by hand."""
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    """`waiting`, `done`, `unchanged`, `failed` or `cancelled`."""
    error: Mapped[str] = mapped_column(Text, default="")
    chunks: Mapped[int] = mapped_column(Integer, default=0)
    embedded: Mapped[int] = mapped_column(Integer, default=0)
    """Number of chunks that were embedded, because they had no vector yet."""
