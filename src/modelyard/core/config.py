"""Every setting of the server, with its manual. The only reader of `MODELYARD_*` variables."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from modelyard.core.key_variables import Bindings, read_bindings
from modelyard.core.trust import read_allowances


class Settings(BaseSettings):
    """Read from `MODELYARD_<NAME>` variables when made, never at import."""

    model_config = SettingsConfigDict(
        env_prefix="MODELYARD_", extra="ignore", frozen=True, use_attribute_docstrings=True
    )

    home: Path = Path("~/.modelyard")
    """Folder of everything the server keeps: database, logs, registered models."""

    host: str = "127.0.0.1"
    """Address to listen on."""

    port: int = Field(9997, ge=0, le=65535)
    """Port to listen on; 0 picks a free one, which the ready line names."""

    chatchat_port: int | None = Field(None, ge=0, le=65535)
    """A second port on the same address, for programs that look for Langchain-Chatchat: 7861 is its own. There, `GET /` leads to
    `/docs`; all else is the same server. 0 picks a free one; not set means none."""

    insecure: bool = False
    """Listen on an address that others can reach, although anybody there can then use this server."""

    auth: Literal["auto", "on", "off"] = "auto"
    """When API keys are asked for: `auto` as soon as there is one (or a user), and beyond loopback always; `on` and `off`."""

    cors_origins: str = ""
    """Origins, with commas between, whose pages a browser lets use this server, or `*` for all; empty means none."""

    launch_allow: str = ""
    """What every key with `models:write` may do in a launch beyond what is open to it, with commas between: `trust_remote_code`,
    `chat_template` (files as templates), `allowed_media_hosts`, `envs:NAME` and `vllm_args:FLAG`, such as `envs:HF_TOKEN` or
    `vllm_args:logits-processors`. Most of these let a caller run code on this machine. Keys with `admin` may do all of it."""

    key_variables: str = ""
    """Variables of the server's environment that hold keys of other servers, and where each may be sent: `NAME=host`, with
    commas between, added to those of well-known providers (`OPENAI_API_KEY` goes to `api.openai.com`). `host:port` and
    `http://host:port` are possible. No other variable can be named as `api_key_env`."""
    allowed_hosts: str = ""
    """Host names, with commas between, by which this server may be addressed beside loopback names and the address it listens on;
    a proxy that passes on its public name needs it here. Others are refused (421) on loopback, with `--insecure` while there is
    no key, and wherever this is set. `*` lets in every name, and with it pages that have rebound theirs."""

    infer_backend: str = ""
    """Engine of `modelyard deploy` and `modelyard.llm.get_vllm_engine` where none is named; empty means what fits best for the
    first, and vLLM for the second."""

    database_url: str = Field("", repr=False)
    """SQLAlchemy URL of the database, such as `postgresql+asyncpg://user@host/name`; empty means SQLite in the home folder."""

    log_level: str = "info"
    """`debug`, `info`, `warning` or `error`."""

    access_log: bool = False
    """Write one line per inference request, after it has ended."""

    max_body_bytes: int = Field(64 * 1024 * 1024, ge=1024)
    """Largest request body in bytes; a larger one is a 413. Routes that need no key, and those that carry no text, take less."""

    max_json_values: int = Field(100_000, ge=1000)
    """Most values (items of lists, fields of objects) in the JSON of a management request that carries text; more are a 413.
    Other management requests take 10,000 at most."""

    max_head_bytes: int = Field(64 * 1024, ge=8 * 1024)
    """Largest request head in bytes: the request line with all headers; a larger one is a 431."""

    head_timeout: float = Field(30.0, gt=0)
    """Seconds a request's head may take to arrive, on a fresh connection from its start; then it is a 408."""

    min_body_rate: int = Field(240, ge=0)
    """Bytes a second at which a request's body must arrive while it is read, averaged over 15 seconds, twice in a row; a slower
    one is a 408. 0 means that it may be as slow as it likes."""

    connect_timeout: float = Field(5.0, gt=0)
    """Seconds the gateway tries to connect to a replica before it takes another."""

    response_timeout: float = Field(600.0, gt=0)
    """Seconds an engine may take until the first byte of its answer (a long answer that is not streamed is one byte late)."""

    stall_timeout: float = Field(120.0, gt=0)
    """Seconds of silence in the middle of an answer after which it is given up."""

    start_timeout: float = Field(600.0, gt=0)
    """Seconds a replica may take from its start until it is healthy, unless the engine knows better."""

    health_interval: float = Field(5.0, gt=0)
    """Seconds between two health checks of a ready replica."""

    health_timeout: float = Field(5.0, gt=0)
    """Seconds a health check may take."""

    health_failures: int = Field(3, ge=1)
    """Health checks that must fail in a row before a ready replica is restarted."""

    drain_timeout: float = Field(30.0, ge=0)
    """Seconds that answers in progress may go on after a model was asked to terminate."""

    stop_timeout: float = Field(10.0, ge=0)
    """Seconds an engine has between SIGTERM and SIGKILL."""

    restart_backoff: float = Field(0.5, gt=0)
    """Seconds before the first restart of a crashed replica; doubles with each crash, up to a minute."""

    restart_limit: int = Field(5, ge=0)
    """Crashes in a row after which a model is `failed` and no longer restarted. A launch that never was ready fails at once."""

    resync_interval: float = Field(10.0, gt=0)
    """Seconds between two looks of the control loop at the database, beside the nudges it gets on every change."""

    memory_headroom: float = Field(0.05, ge=0, lt=1)
    """Part of a device's memory that placement leaves free."""

    hub: Literal["auto", "huggingface", "modelscope"] = "auto"
    """Where weights come from: `huggingface`, `modelscope`, or `auto`, which takes the one that answers, Hugging Face first."""

    offline: bool = False
    """Never touch a hub: only weights that are on this machine can be launched."""

    download_attempts: int = Field(3, ge=1)
    """How often a download is tried before it is given up; each attempt goes on where the one before broke off."""

    downloads_at_once: int = Field(2, ge=1)
    """Downloads that run at the same time; more wait."""

    keep_jobs: int = Field(1000, ge=0)
    """Finished jobs that are kept; of more, those that ended first are deleted."""

    keep_jobs_days: float = Field(30.0, gt=0)
    """Days for which finished jobs are kept, with their events and logs."""

    vector_store: str = "embedded"
    """Where knowledge bases keep their indexes: `embedded`, beside the database, or `postgres`, in it, with pgvector."""

    vector_store_url: str = Field("", repr=False)
    """SQLAlchemy URL of the database of the store `postgres`; empty means the server's own, which must then be PostgreSQL."""

    max_open_indexes: int = Field(32, ge=1)
    """Indexes of knowledge bases that stay open at a time; one takes some 5 MB and two threads. What is searched beyond these is
    opened when it is needed, and the one that was used least recently is closed."""

    ocr: bool = False
    """Read pictures and scanned pages of documents, which takes `pip install 'modelyard[ocr]'`."""

    max_document_bytes: int = Field(200 * 1024 * 1024, ge=1024)
    """Largest document in bytes that a knowledge base takes."""

    max_documents: int = Field(1000, ge=1)
    """Documents that one upload may bring."""

    fetch_hosts: str = "*"
    """Hosts, with commas between, that this server and its replicas fetch from when a request or an agent gives an address
    (`image_url`, `read_url`). `*` stands for all public hosts, at ports 80, 443, 8080 and 8443; a host that is named, as `name`
    or `name:port`, may be private. Empty means that nothing is fetched."""
    max_upload_bytes: int = Field(2 * 1024 * 1024 * 1024, ge=1024)
    """Largest upload in bytes, all documents of one request together; a larger one is a 413."""

    searxng_url: str = ""
    """Address of a SearXNG instance, such as `http://127.0.0.1:8888`, with `json` among its formats; empty means none."""

    bing_url: str = "https://api.bing.microsoft.com/v7.0/search"
    """Address of the Bing search API, version 7, or of a service that speaks it."""

    bing_subscription_key: str = Field("", repr=False)
    """Key of the Bing search API; empty means that it is not used."""

    tavily_url: str = "https://api.tavily.com"
    """Address of the Tavily search API."""

    tavily_api_key: str = Field("", repr=False)
    """Key of the Tavily search API; empty means that it is not used."""

    duckduckgo_url: str = "https://html.duckduckgo.com/html/"
    """Address of DuckDuckGo's page without scripts, which needs no key."""

    search_engine: str = ""
    """Search engine of agents; empty means the first that is set up of `searxng`, `tavily`, `bing` and `duckduckgo`."""

    mcp_servers: str = ""
    """JSON file of the MCP servers whose tools agents may use, `{"mcpServers": {…}}` as other programs have it; empty means none.
    It takes `pip install 'modelyard[mcp]'`."""

    @field_validator("key_variables")
    @classmethod
    def _bindings_can_be_read(cls, given: str) -> str:
        read_bindings(given)
        return given

    @cached_property
    def key_bindings(self) -> Bindings:
        """Variable → the hosts that its value may be sent to."""
        return read_bindings(self.key_variables)

    @cached_property
    def allowances(self) -> frozenset[str]:
        """`launch_allow` as names of privileges."""
        return read_allowances(self.launch_allow)

    @cached_property
    def folder(self) -> Path:
        """`home`, absolute, with `~` resolved."""
        return self.home.expanduser().resolve()

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite+aiosqlite:///{self.folder / 'modelyard.db'}"

    @property
    def engines_folder(self) -> Path:
        """Where each engine's virtual environment is: `engines/<engine>`."""
        return self.folder / "engines"

    @property
    def log_folder(self) -> Path:
        """Where each replica's output is kept: `logs/<uid>/<replica>.log`."""
        return self.folder / "logs"
