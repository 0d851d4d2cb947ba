"""Bodies of the management routes about models: launch, listing, progress, replicas, events."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, field_validator

from modelyard.protocol.bounds import Few, Fields
from modelyard.protocol.deferred import DeferredModel

BLANK_IS_UNSET = (
    "model_name", "model_uid", "model_type", "model_engine", "model_format", "model_size_in_billions", "quantization",
    "model_path", "gpu_idx", "worker_ip",
)  # fmt: skip


class LaunchRequest(DeferredModel):
    """Body of `POST /v1/models`. Keys that are not listed here are options of the engine."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True, protected_namespaces=())

    model_name: str | None = None
    """A family of the catalog, or a path: a `.gguf` file or a Hugging Face folder."""
    model_uid: str | None = Field(None, max_length=100)
    """Name under which the model will answer; the model's name if left out."""
    model_type: str | None = None
    """`LLM`, `embedding`, `rerank`, `image`, `audio` or `video`; read from the files if left out."""
    model_engine: str | None = None
    """`llama_cpp`, `external`, `fake`, …; the best that fits if left out. `engine` is an alias."""
    model_format: str | None = None
    """Format to pick when a family has several: `ggufv2`, `pytorch`, …"""
    model_size_in_billions: int | float | str | None = None
    """Size to pick when a family has several; `1.8` and `"1_8"` are the same."""
    quantization: str | None = None
    """Quantisation to pick when a format has several."""
    model_path: str | None = None
    """Use these files instead of the family's."""
    aliases: Few[str] | None = None
    """Other names under which the model will answer, such as `gpt-4o` for programs that ask for that."""
    replica: int = Field(1, ge=1, le=64)
    """Number of replicas."""
    n_worker: int | None = None
    """Machines per replica; only 1 on a single machine."""
    n_gpu: int | str | None = "auto"
    """GPUs per replica: a number, `auto`, or null for none."""
    gpu_idx: int | str | Few[int] | None = None
    """Indexes of the GPUs to use."""
    envs: Fields[str] | None = None
    """Extra environment of the replica's process."""
    peft_model_config: Fields[Any] | None = None
    """Adapters, each under a name of its own: `{"lora_list": [{"lora_name", "local_path", "lora_scale"}]}`. The same
    as `lora_modules`, a list of `name=path`."""
    request_limits: int | None = None
    """Requests one replica may have in flight; one more is a 429."""
    worker_ip: str | None = None
    """Machine to place the replicas on."""
    replica_config: Few[Fields[Any]] | None = None
    """Settings per replica."""
    enable_thinking: bool | None = None
    """Default of the thinking switch for templates that have one."""
    enable_virtual_env: bool | None = None
    virtual_env_packages: Few[str] | None = None
    virtual_env_find_links: Few[str] | None = None

    @field_validator(*BLANK_IS_UNSET, mode="before")
    @classmethod
    def _blank_is_unset(cls, value: Any) -> Any:
        """An empty string means unset: some programs send it for what they leave open."""
        return None if isinstance(value, str) and not value.strip() else value


class LaunchResponse(DeferredModel):
    """Answer of `POST /v1/models`."""

    model_config = ConfigDict(protected_namespaces=())

    model_uid: str


class ReplicaInfo(DeferredModel):
    """One replica, as `GET /v1/models/{uid}/replicas` lists it."""

    model_config = ConfigDict(protected_namespaces=())

    replica_id: int
    replica_model_uid: str
    worker_address: str
    model_address: str | None = None
    accelerators: list[str] = []
    status: str
    """`CREATING`, `LOADING`, `READY`, `TERMINATING`, `TERMINATED` or `ERROR`."""
    created_ts: int = 0
    """Unix time, seconds."""
    error_message: str | None = None
    replica_uid: str | None = None
    gpu_idx: list[int] | None = None
    pid: int | None = None
    in_flight: int = 0
    restarts: int = 0


class ModelInfo(DeferredModel):
    """A model as `GET /v1/models/{uid}` describes it and `GET /v1/models` lists it."""

    model_config = ConfigDict(protected_namespaces=(), extra="allow")

    id: str
    object: str = "model"
    created: int = 0
    owned_by: str = "modelyard"
    model_uid: str
    model_type: str
    model_name: str
    model_engine: str | None = None
    model_format: str | None = None
    model_size_in_billions: float | int | str | None = None
    model_family: str | None = None
    quantization: str | None = None
    context_length: int | None = None
    model_ability: list[str] = []
    model_lang: list[str] = []
    model_description: str = ""
    model_hub: str | None = None
    model_revision: str | None = None
    revision: str | None = None
    dimensions: int | None = None
    max_tokens: int | None = None
    max_model_len: int | None = None
    """The context length, in the field that vLLM's clients read."""
    root: str | None = None
    """Where the weights are."""
    is_chat: bool | None = None
    """Of a language model: whether it answers messages; others continue text."""
    is_multimodal: bool | None = None
    """Of a language model: whether it accepts pictures."""
    parent: str | None = None
    """Of a LoRA adapter: the uid of its model."""
    alias_of: str | None = None
    """Of an alias: the name of its model, under which answers come and which management routes take."""
    aliases: list[str] = []
    """Other names under which it answers; those with `*` are patterns of the server's settings."""
    multimodal_projector: str | None = None
    address: str | None = None
    accelerators: list[str] = []
    replica: int = 1
    """Replicas that should run."""
    replica_ready: int = 0
    """Replicas that take requests."""
    n_worker: int = 1
    status: str = "READY"
    """`CREATING`, `LOADING`, `READY`, `TERMINATING` or `ERROR`."""
    error: str | None = None
    """Why the model is `ERROR`, or not ready yet."""
    memory: dict[str, int] | None = None
    """Expected bytes of one replica: `weights`, `kv_cache`, `overhead`, `total`."""


class KnowledgeModel(DeferredModel):
    """A knowledge base where models are listed: it answers chats, and cannot be launched or terminated."""

    model_config = ConfigDict(protected_namespaces=())

    id: str
    """`kb:` and the base's name."""
    object: str = "model"
    created: int = 0
    owned_by: str = "modelyard"
    knowledge_base: str
    """Its name; models do not have this field."""
    model_type: str = "knowledge_base"
    model_ability: list[str] = ["chat"]
    model_description: str = ""


class ModelListInfo(DeferredModel):
    """Answer of `GET /v1/models`."""

    object: str = "list"
    data: list[ModelInfo | KnowledgeModel]


class CodexModelList(ModelListInfo):
    """Answer of `GET /v1/models?client_version=...`, which Codex sends and which it cannot read without `models`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    models: list[dict[str, Any]] = []
    """Always empty: an entry would have to replace Codex's own instructions, which it uses for models that are not listed."""


class ReplicaProgress(DeferredModel):
    """Progress of one replica of a launch."""

    model_config = ConfigDict(protected_namespaces=())

    replica_id: int
    replica_model_uid: str
    progress: float
    stage: str
    info: str = ""
    updated_at: float = 0


class LaunchProgress(DeferredModel):
    """Answer of `GET /v1/models/{uid}/progress`. An unknown uid is `pending` with 0.0, as in Xinference."""

    progress: float
    """0 to 1."""
    stage: str
    """`pending`, `downloading`, `loading`, `completed`, `failed` or `cancelled`."""
    info: str = ""
    """For people: the error of a failed launch, or what is going on."""
    download_files: list[dict[str, Any]] = []
    replicas: list[ReplicaProgress] = []


class ModelEvent(DeferredModel):
    """One thing that happened to a model, as `GET /v1/models/{uid}/events` lists it."""

    event_type: str
    """`INFO`, `WARNING` or `ERROR`."""
    event_ts: int
    """Unix time, seconds."""
    event_content: str


class ScaleRequest(DeferredModel):
    """Body of `POST /v1/models/{uid}/replicas`: how many replicas to add. Other fields must agree with those that run."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True, protected_namespaces=())

    replica: int = Field(1, ge=1, le=64)
    """Number of replicas to add."""
    replica_config: Fields[Any] | Few[Fields[Any]] | None = None
    """Where each replica is placed."""
    model_engine: str | None = None
    """The engine of the new replicas."""
    n_gpu: int | str | None = None
    """GPUs per new replica."""


class ScaleResponse(DeferredModel):
    """Answer of `POST /v1/models/{uid}/replicas`; the first added replica is repeated at the top, as in Xinference."""

    model_config = ConfigDict(protected_namespaces=())

    replica: int
    replicas: list[ReplicaInfo]
    replica_id: int
    replica_model_uid: str
    worker_address: str


class RemainingReplicas(DeferredModel):
    """Answer of `DELETE /v1/models/{uid}/replicas/{replica_id}`."""

    remaining_replicas: int


class LogPortion(DeferredModel):
    """One event of `GET /v1/models/{uid}/logs?follow=true`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    """`OFFSET@REPLICA`: the place after these lines, which is the `id` of the server-sent event, too."""
    uid: str
    replica: str | None
    """The replica that printed the lines."""
    offset: int
    """Bytes of its log up to the end of these lines."""
    lines: list[str]
    ended: bool = False
    """The model is gone; no event follows."""


class ModelLogs(DeferredModel):
    """Answer of `GET /v1/models/{uid}/logs`."""

    uid: str
    replica: str | None = None
    """The replica that was read."""
    lines: list[str]
