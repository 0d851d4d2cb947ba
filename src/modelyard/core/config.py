"""All settings of the server, with their manual. The only reader of `MODELYARD_*` variables, but for the file's place."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from modelyard.core.aliases import AliasRule, read_aliases
from modelyard.core.key_variables import Bindings, read_bindings
from modelyard.core.settings_file import SettingsFileSource
from modelyard.core.trust import read_allowances

LOG_LEVELS = ("debug", "info", "warning", "error")
DATABASE_URL = re.compile(r"(sqlite|postgresql)\+\w+://")


class Settings(BaseSettings):
    """The settings, read when an instance is created, never at import: arguments first, then `MODELYARD_<NAME>` variables, then
    the file `modelyard.toml`, then the defaults here. Raises `CannotStart` for a file that cannot be read."""

    model_config = SettingsConfigDict(
        env_prefix="MODELYARD_", extra="ignore", frozen=True, use_attribute_docstrings=True
    )

    home: Path = Path("~/.modelyard")
    """Folder of all the server's data: database, logs, registered models."""

    host: str = "127.0.0.1"
    """Address to listen on."""

    port: int = Field(9997, ge=0, le=65535)
    """Port to listen on; 0 picks a free one, which the ready line prints."""

    chatchat_port: int | None = Field(None, ge=0, le=65535)
    """A second port on the same address, for programs that expect Langchain-Chatchat on its port, 7861. On it, `GET /` redirects
    to `/docs`; otherwise it is the same server. 0 picks a free port; unset means no second port."""

    ollama_port: int | None = Field(None, ge=0, le=65535)
    """A further port on the same address, for programs that expect Ollama on its port, 11434. On it, `GET /` says
    `Ollama is running`; otherwise it is the same server. 0 picks a free port; unset means no such port."""

    ssl_certfile: Path | None = None
    """PEM file of the server's certificate, with the certificates between it and its authority; then all ports speak TLS only.
    A renewed file is loaded within seconds, and open connections stay. Unset means no TLS."""

    ssl_keyfile: Path | None = None
    """PEM file of the certificate's key, without a password; unset if the key is in the certificate's file."""

    interfaces: Literal["all", "api", "llm"] = "all"
    """What the server has: `all`; `api`, everything but its web page (`--all-api`); `llm`, models only (`--llm-api`): without
    the page, knowledge bases, stored chats and the routes of Langchain-Chatchat's API server."""

    local_models: bool = True
    """Run models on this machine. False (`--lite`) allows models of other servers only (engine `external`); models that ran here
    before are not started, and come back with the next start without it."""

    insecure: bool = False
    """Allow listening without keys on an address that other machines can reach. Anybody there can then use the server."""

    auth: Literal["auto", "on", "off"] = "auto"
    """When API keys are required: `auto`, once there is a key or user, and always beyond loopback; `on`, always; `off`, never."""

    session_idle_timeout: float = Field(7 * 24 * 3600.0, ge=60)
    """Seconds without a request after which the session of a browser ends."""

    session_lifetime: float = Field(30 * 24 * 3600.0, ge=60)
    """Seconds after which the session of a browser ends in any case, so that its user logs in again."""

    session_rotation: float = Field(3600.0, gt=0)
    """Seconds after which a browser gets another token for its session with the next answer of a management route."""

    cors_origins: str = ""
    """Origins, separated by commas, whose web pages may use this server from a browser, or `*` for all; empty means none."""

    launch_allow: str = ""
    """Privileges that every key with `models:write` gets for its launches, separated by commas: `trust_remote_code`,
    `chat_template` (files as templates), `allowed_media_hosts`, `envs:NAME` and `vllm_args:FLAG`, such as `envs:HF_TOKEN` or
    `vllm_args:logits-processors`. Most of them let a caller run code on this machine. Keys with `admin` have all of them."""

    key_variables: str = ""
    """Environment variables of the server that contain API keys of other servers, and the hosts that each may be sent to:
    `NAME=host`, separated by commas, in addition to those of well-known providers (`OPENAI_API_KEY` goes to `api.openai.com`).
    `host:port` and `http://host:port` are possible. A launch can name no other variable as `api_key_env`."""
    allowed_hosts: str = ""
    """Host names, separated by commas, by which clients may address this server, in addition to loopback names and the address
    it listens on; add the public name that a proxy passes on. Requests for other names are refused (421) on loopback, with
    `--insecure` while there is no key, and whenever this is set. `*` accepts every name, and so also DNS-rebinding attacks."""

    model_aliases: str = ""
    """Other names for models, as `NAME=MODEL` separated by commas, such as `claude-*=qwen3,gpt-*=qwen3`, for programs that ask
    for models of a vendor. One `*` in a name stands for any text. A model, adapter or alias of a launch that has the name goes
    first, then entries without `*`, then the others in this order. Answers and metrics have the model's own name."""

    infer_backend: str = ""
    """Engine of `modelyard deploy` and `modelyard.llm.get_vllm_engine` if the call names none; empty means the best fit for
    `deploy`, and vLLM for `get_vllm_engine`."""

    database_url: str = Field("", repr=False)
    """SQLAlchemy URL of the database, such as `postgresql+asyncpg://user@host/name`; empty means SQLite in the home folder."""

    log_level: str = "info"
    """`debug`, `info`, `warning` or `error`."""

    log_format: Literal["text", "json"] = "text"
    """Form of the log on stderr: `text`, or `json`, one object a line with `time` (UTC), `level`, `logger`, `message` and, of an
    error, `exception`; a line of the access log has its fields under names of their own, too."""

    otlp_endpoint: str = ""
    """Address of a collector that receives traces by OTLP over HTTP, such as `http://localhost:4318`; it needs the extra `otel`.
    OpenTelemetry's own variables, such as `OTEL_EXPORTER_OTLP_ENDPOINT`, hold, too."""

    access_log: bool = False
    """Write one line per inference request, after it has ended."""

    max_body_bytes: int = Field(64 * 1024 * 1024, ge=1024)
    """Maximum size of a request body in bytes; larger ones get a 413. Routes without a key or without text accept less."""

    max_json_values: int = Field(100_000, ge=1000)
    """Maximum number of values (list items and object fields) in the JSON of a management request that carries text; more get a
    413. Other management requests accept at most 10,000."""

    max_head_bytes: int = Field(64 * 1024, ge=8 * 1024)
    """Maximum size in bytes of a request's head, which is the request line and all headers; larger ones get a 431."""

    head_timeout: float = Field(30.0, gt=0)
    """Seconds in which a request's head must arrive, on a new connection from its start; otherwise the answer is a 408."""

    min_body_rate: int = Field(240, ge=0)
    """Minimum rate in bytes per second at which a request's body must arrive, averaged over 15 seconds; after two slower periods
    in a row the answer is a 408. 0 means no minimum."""

    connect_timeout: float = Field(5.0, gt=0)
    """Seconds in which the gateway tries to connect to a replica before it tries another one."""

    response_timeout: float = Field(600.0, gt=0)
    """Seconds until the first byte of an engine's answer. One that is not streamed sends its first byte when it is complete."""

    stall_timeout: float = Field(120.0, gt=0)
    """Seconds without a byte in the middle of an answer after which it is aborted."""

    start_timeout: float = Field(600.0, gt=0)
    """Seconds from a replica's start until it must be healthy, unless the engine sets another limit."""

    health_interval: float = Field(5.0, gt=0)
    """Seconds between two health checks of a ready replica."""

    health_timeout: float = Field(5.0, gt=0)
    """Timeout of a health check in seconds."""

    health_failures: int = Field(3, ge=1)
    """Consecutive failed health checks after which a ready replica is restarted."""

    drain_timeout: float = Field(30.0, ge=0)
    """Seconds that answers in progress may continue after their model is terminated."""

    stop_timeout: float = Field(10.0, ge=0)
    """Seconds between SIGTERM and SIGKILL for an engine."""

    restart_backoff: float = Field(0.5, gt=0)
    """Seconds before the first restart of a crashed replica; doubles with each crash, up to a minute."""

    restart_limit: int = Field(5, ge=0)
    """Consecutive crashes after which a model is `failed` and not restarted. A launch that never was ready fails at once."""

    resync_interval: float = Field(10.0, gt=0)
    """Seconds between two reads of the database by the control loop, which is also woken by every change."""

    memory_headroom: float = Field(0.05, ge=0, lt=1)
    """Part of each device's memory that placement leaves free, from 0 to 1."""

    hub: Literal["auto", "huggingface", "modelscope"] = "auto"
    """The hub for weights: `huggingface`, `modelscope`, or `auto`, the first that answers, Hugging Face being tried first."""

    offline: bool = False
    """Never connect to a hub: only weights on this machine can be launched."""

    download_attempts: int = Field(3, ge=1)
    """Attempts of a download before it fails; each one continues where the previous one stopped."""

    downloads_at_once: int = Field(2, ge=1)
    """Maximum number of concurrent downloads; others wait."""

    keep_jobs: int = Field(1000, ge=0)
    """Maximum number of finished jobs that are kept; the oldest ones are deleted."""

    keep_jobs_days: float = Field(30.0, gt=0)
    """Days for which finished jobs are kept, with their events and logs."""

    vector_store: str = "embedded"
    """Store of the knowledge bases' indexes: `embedded`, files beside the database, or `postgres`, in it, with pgvector."""

    vector_store_url: str = Field("", repr=False)
    """SQLAlchemy URL of the database of the store `postgres`; empty means the server's own, which must then be PostgreSQL."""

    max_open_indexes: int = Field(32, ge=1)
    """Indexes of knowledge bases that are open at the same time; each takes about 5 MB and two threads. A search in another base
    opens its index, and closes the least recently used one."""

    rerank_seconds: float = Field(1.0, ge=0)
    """Seconds that a search in knowledge bases waits for a running rerank model that neither the request nor the base names; 0
    leaves such models out."""

    ocr: bool = False
    """Extract text from pictures and scanned pages of documents. Needs `pip install rapidocr onnxruntime`."""

    max_document_bytes: int = Field(200 * 1024 * 1024, ge=1024)
    """Maximum size of a document in bytes."""

    max_documents: int = Field(1000, ge=1)
    """Maximum number of documents in one upload."""

    fetch_hosts: str = "*"
    """Hosts, separated by commas, from which this server and its replicas fetch URLs in a request or of an agent (`image_url`,
    `read_url`). `*` stands for all public hosts, at ports 80, 443, 8080 and 8443; a host listed as `name` or `name:port` may
    also be private. Empty means that nothing is fetched."""
    max_upload_bytes: int = Field(2 * 1024 * 1024 * 1024, ge=1024)
    """Maximum total size of an upload in bytes; larger ones get a 413."""

    max_file_bytes: int = Field(2 * 1024 * 1024 * 1024, ge=1024)
    """Maximum size in bytes of a file of `/v1/files`, also of one that is sent in parts; larger ones get a 413."""

    max_blob_bytes: int = Field(256 * 1024 * 1024 * 1024, ge=1024)
    """Maximum size in bytes of a model's file that Ollama's clients upload to `/api/blobs`; larger ones get a 413."""

    file_quota_bytes: int = Field(100 * 1024 * 1024 * 1024, ge=0)
    """Maximum size in bytes of all files of one owner together, with the parts of unfinished uploads; 0 means no limit."""

    max_batch_requests: int = Field(50_000, ge=1)
    """Maximum number of requests in one batch of `/v1/batches`."""

    files_url: str = Field("", repr=False)
    """Where the bytes of files are stored: a URL of fsspec, such as `s3://bucket/folder`; empty means `files` in the home folder.
    Needs `pip install fsspec`, and the library of that kind of storage, such as `s3fs`."""

    max_generations: int = Field(100, ge=1)
    """Maximum number of answers that the server makes for one owner at once whether or not their clients stay (`/v1/generations`,
    answers of chats); more get a 429."""

    keep_generations_hours: float = Field(24.0, gt=0)
    """Hours for which such answers can be read by their events after their end; at most 1,000 and 1 GiB of each owner."""

    keep_responses_days: float = Field(30.0, gt=0)
    """Days for which responses of `/v1/responses` are stored that were not created with `store: false`. Conversations of
    `/v1/conversations` stay until they are deleted."""

    response_quota_bytes: int = Field(10 * 1024 * 1024 * 1024, ge=0)
    """Maximum size in bytes of all responses and conversations of one owner; 0 means no limit. The oldest responses are deleted
    first; when conversations alone have that size, requests that store something get a 413."""

    searxng_url: str = ""
    """URL of a SearXNG instance whose `formats` include `json`, such as `http://127.0.0.1:8888`; empty means none."""

    bing_url: str = "https://api.bing.microsoft.com/v7.0/search"
    """URL of the Bing search API, version 7, or of a compatible service."""

    bing_subscription_key: str = Field("", repr=False)
    """Key of the Bing search API; if empty, Bing is not used."""

    tavily_url: str = "https://api.tavily.com"
    """URL of the Tavily search API."""

    tavily_api_key: str = Field("", repr=False)
    """Key of the Tavily search API; if empty, Tavily is not used."""

    duckduckgo_url: str = "https://html.duckduckgo.com/html/"
    """URL of DuckDuckGo's HTML page, which needs no key."""

    search_engine: str = ""
    """Search engine of agents; empty means the first configured one of `searxng`, `tavily`, `bing` and `duckduckgo`."""

    mcp_servers: str = ""
    """JSON file of the MCP servers whose tools agents may use, in the usual format `{"mcpServers": {…}}`; empty means none.
    Needs `pip install mcp`."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Where values come from, the first one that has a setting counts."""
        return init_settings, env_settings, SettingsFileSource(settings_cls)

    @field_validator("key_variables")
    @classmethod
    def _bindings_can_be_read(cls, value: str) -> str:
        read_bindings(value)
        return value

    @field_validator("log_level")
    @classmethod
    def _level_is_known(cls, value: str) -> str:
        if value.lower() not in LOG_LEVELS:
            raise ValueError(f"'{value}' is none of {', '.join(LOG_LEVELS)}")
        return value

    @field_validator("database_url")
    @classmethod
    def _database_is_one_of_ours(cls, value: str) -> str:
        if value and not DATABASE_URL.match(value):
            raise ValueError("it begins with sqlite+aiosqlite:/// or postgresql+asyncpg://")
        return value

    @field_validator("model_aliases")
    @classmethod
    def _aliases_can_be_read(cls, value: str) -> str:
        read_aliases(value)
        return value

    @cached_property
    def alias_rules(self) -> tuple[AliasRule, ...]:
        """`model_aliases`, in the order in which the entries are tried."""
        return read_aliases(self.model_aliases)

    @cached_property
    def key_bindings(self) -> Bindings:
        """Variable name → hosts that its value may be sent to."""
        return read_bindings(self.key_variables)

    @cached_property
    def allowances(self) -> frozenset[str]:
        """`launch_allow` as a set of privilege names."""
        return read_allowances(self.launch_allow)

    @cached_property
    def folder(self) -> Path:
        """`home`, absolute, with `~` resolved."""
        return self.home.expanduser().resolve()

    @property
    def database(self) -> str:
        """The SQLAlchemy URL of the database, with the default applied."""
        return self.database_url or f"sqlite+aiosqlite:///{self.folder / 'modelyard.db'}"

    @property
    def engines_folder(self) -> Path:
        """Folder of the engine environments: `engines/<engine>`."""
        return self.folder / "engines"

    @property
    def files_folder(self) -> Path:
        """Folder of the files that callers store, unless `files_url` names another place."""
        return self.folder / "files"

    @property
    def batches_folder(self) -> Path:
        """Folder of the answers of batches that are under way: `batches/<batch>`."""
        return self.folder / "batches"

    @property
    def log_folder(self) -> Path:
        """Folder of the replicas' output: `logs/<uid>/<replica>.log`."""
        return self.folder / "logs"

    @property
    def server_log_folder(self) -> Path:
        """Folder of the server's own log, for `GET /v1/logs`, apart from those of models, so that no model's name leads there."""
        return self.folder / "server-log"
