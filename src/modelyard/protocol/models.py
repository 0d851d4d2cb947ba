"""Bodies of the management routes about models: launches, lists, progress, replicas, events, logs."""

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

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    model_name: str | None = None
    """Name of a family in the catalog, the id of a repository on a hub, or a path to a `.gguf` file or a Hugging Face folder."""
    model_uid: str | None = Field(None, max_length=100)
    """Name under which the model will answer; if left out, `model_name`."""
    model_type: str | None = None
    """`LLM`, `embedding`, `rerank`, `image`, `audio` or `video`; if left out, it is read from the files."""
    model_engine: str | None = None
    """`llama_cpp`, `external`, `fake`, …; if left out, the best engine that can run the model. `engine` is an alias."""
    model_format: str | None = None
    """Format to choose if the family has several: `ggufv2`, `pytorch`, …"""
    model_size_in_billions: int | float | str | None = None
    """Size to choose if the family has several, in billions of parameters; `1.8` and `"1_8"` are equal."""
    quantization: str | None = None
    """Quantisation to choose if the format has several."""
    model_path: str | None = None
    """Path of files to use in place of the family's."""
    aliases: Few[str] | None = None
    """Other names under which the model will answer, such as `gpt-4o` for programs that request that model."""
    replica: int = Field(1, ge=1, le=64)
    """Number of replicas."""
    n_worker: int | None = None
    """Number of machines per replica; only 1 is possible on a single machine."""
    n_gpu: int | str | None = "auto"
    """GPUs per replica: a number, `auto`, or null for none."""
    gpu_idx: int | str | Few[int] | None = None
    """Indexes of the GPUs to use."""
    envs: Fields[str] | None = None
    """Environment variables to add to the replica's process."""
    peft_model_config: Fields[Any] | None = None
    """LoRA adapters: `{"lora_list": [{"lora_name", "local_path", "lora_scale"}]}`. `lora_modules`, a list of `name=path`, is
    another form of this field."""
    request_limits: int | None = None
    """Maximum number of requests in progress on one replica; further requests get status 429."""
    worker_ip: str | None = None
    """Address of the machine that runs the replicas."""
    replica_config: Few[Fields[Any]] | None = None
    """Settings for each replica."""
    enable_thinking: bool | None = None
    """Whether the model thinks before its answer, if a request does not say so; for chat templates that can switch thinking."""
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
    """Address at which the replica listens."""
    accelerators: list[str] = []
    """Indexes of its GPUs, as strings."""
    status: str
    """`CREATING`, `LOADING`, `READY`, `TERMINATING`, `TERMINATED` or `ERROR`."""
    created_ts: int = 0
    """Unix time in seconds."""
    error_message: str | None = None
    """Why the replica failed; null if it did not."""
    replica_uid: str | None = None
    gpu_idx: list[int] | None = None
    pid: int | None = None
    """Id of its process."""
    in_flight: int = 0
    """Number of requests that it is answering."""
    restarts: int = 0
    """Number of times that the replica was restarted."""


class ModelInfo(DeferredModel):
    """A model as `GET /v1/models/{uid}` describes it and `GET /v1/models` lists it."""

    model_config = ConfigDict(protected_namespaces=(), extra="allow")

    id: str
    object: str = "model"
    created: int = 0
    """Unix time in seconds."""
    owned_by: str = "modelyard"
    """Always `modelyard`."""
    model_uid: str
    model_type: str
    model_name: str
    model_engine: str | None = None
    model_format: str | None = None
    model_size_in_billions: float | int | str | None = None
    model_family: str | None = None
    quantization: str | None = None
    context_length: int | None = None
    """Maximum number of tokens of prompt and answer; null if unknown."""
    model_ability: list[str] = []
    model_lang: list[str] = []
    model_description: str = ""
    model_hub: str | None = None
    model_revision: str | None = None
    revision: str | None = None
    dimensions: int | None = None
    """Length of the vectors of an embedding model."""
    max_tokens: int | None = None
    """The value of `context_length`, in the field that Xinference's clients read for encoders."""
    max_model_len: int | None = None
    """The value of `context_length`, in the field that vLLM's clients read."""
    root: str | None = None
    """Path of the weights."""
    is_chat: bool | None = None
    """For a language model: whether it answers messages rather than only continuing text."""
    is_multimodal: bool | None = None
    """For a language model: whether it accepts pictures."""
    parent: str | None = None
    """For a LoRA adapter: the uid of its base model."""
    alias_of: str | None = None
    """For an alias: the uid of its model, which answers name and which management routes require."""
    aliases: list[str] = []
    """Other names of the model; those with `*` are patterns from the server's settings."""
    multimodal_projector: str | None = None
    address: str | None = None
    accelerators: list[str] = []
    replica: int = 1
    """Number of replicas that should run."""
    replica_ready: int = 0
    """Number of replicas that accept requests."""
    n_worker: int = 1
    status: str = "READY"
    """`CREATING`, `LOADING`, `READY`, `TERMINATING` or `ERROR`."""
    error: str | None = None
    """Why the model has the status `ERROR`, or is not ready yet."""
    memory: dict[str, int] | None = None
    """Expected memory of one replica in bytes: `weights`, `kv_cache`, `overhead`, `total`."""


class KnowledgeModel(DeferredModel):
    """A knowledge base in the list of models. It answers chats, and cannot be launched or terminated."""

    model_config = ConfigDict(protected_namespaces=())

    id: str
    """`kb:` followed by the name of the base."""
    object: str = "model"
    created: int = 0
    """Unix time in seconds."""
    owned_by: str = "modelyard"
    knowledge_base: str
    """Name of the base. Other models do not have this field."""
    model_type: str = "knowledge_base"
    model_ability: list[str] = ["chat"]
    model_description: str = ""


class ModelListInfo(DeferredModel):
    """Answer of `GET /v1/models`."""

    object: str = "list"
    data: list[ModelInfo | KnowledgeModel]


class CodexModelList(ModelListInfo):
    """Answer of `GET /v1/models?client_version=...`, which Codex sends; it cannot read an answer without the field `models`."""

    models: list[dict[str, Any]] = []
    """Always empty. An entry would replace Codex's own instructions, which it uses for models that are not listed."""


class ReplicaProgress(DeferredModel):
    """Progress of one replica of a launch."""

    model_config = ConfigDict(protected_namespaces=())

    replica_id: int
    replica_model_uid: str
    progress: float
    """0 to 1."""
    stage: str
    """As in the progress of the launch."""
    info: str = ""
    updated_at: float = 0
    """Unix time in seconds."""


class LaunchProgress(DeferredModel):
    """Answer of `GET /v1/models/{uid}/progress`. An unknown uid has the stage `pending` and progress 0.0, as in Xinference."""

    progress: float
    """0 to 1."""
    stage: str
    """`pending`, `downloading`, `loading`, `completed`, `failed` or `cancelled`."""
    info: str = ""
    """A sentence for people: the error of a failed launch, or the present step."""
    download_files: list[dict[str, Any]] = []
    """Each file that is downloaded, with its progress."""
    replicas: list[ReplicaProgress] = []


class ModelEvent(DeferredModel):
    """An event in the history of a model, as `GET /v1/models/{uid}/events` lists it."""

    event_type: str
    """`INFO`, `WARNING` or `ERROR`."""
    event_ts: int
    """Unix time in seconds."""
    event_content: str
    """A sentence for people."""


class ScaleRequest(DeferredModel):
    """Body of `POST /v1/models/{uid}/replicas`. Fields other than `replica` must agree with the running replicas."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    replica: int = Field(1, ge=1, le=64)
    """Number of replicas to add."""
    replica_config: Fields[Any] | Few[Fields[Any]] | None = None
    """Placement of each replica."""
    model_engine: str | None = None
    """The engine of the new replicas."""
    n_gpu: int | str | None = None
    """Number of GPUs of each new replica."""


class ScaleResponse(DeferredModel):
    """Answer of `POST /v1/models/{uid}/replicas`. It repeats the fields of the first new replica at the top, as in Xinference."""

    model_config = ConfigDict(protected_namespaces=())

    replica: int
    replicas: list[ReplicaInfo]
    replica_id: int
    replica_model_uid: str
    worker_address: str


class RemainingReplicas(DeferredModel):
    """Answer of `DELETE /v1/models/{uid}/replicas/{replica_id}`."""

    remaining_replicas: int
    """Number of replicas that are left."""


class LogPortion(DeferredModel):
    """An event of `GET /v1/models/{uid}/logs?follow=true`."""

    id: str
    """`OFFSET@REPLICA`: the place behind these lines, which is also the `id` of the server-sent event."""
    uid: str
    replica: str | None
    """The replica that printed the lines."""
    offset: int
    """Position in bytes behind these lines in the replica's log."""
    lines: list[str]
    ended: bool = False
    """True if the model is gone and no event follows."""


class ModelLogs(DeferredModel):
    """Answer of `GET /v1/models/{uid}/logs`."""

    uid: str
    replica: str | None = None
    """Name of the replica whose log was read."""
    lines: list[str]
