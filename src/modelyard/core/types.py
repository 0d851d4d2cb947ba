"""Data types that several packages share: models, launches, routes. Frozen, without behaviour.

A type belongs here only if two packages that may not import each other need it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from modelyard.core.asgi import App
from modelyard.core.rules import NO_RULES, Rules

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"


class ModelType(StrEnum):
    """The six types of model, under their names in the launch API."""

    LLM = "LLM"
    EMBEDDING = "embedding"
    RERANK = "rerank"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"


class Task(StrEnum):
    """The task of an inference path."""

    CHAT = "chat"
    COMPLETION = "completion"
    EMBEDDING = "embedding"
    RERANK = "rerank"
    CLASSIFICATION = "classification"
    TOKENIZATION = "tokenization"
    DETOKENIZATION = "detokenization"
    IMAGE = "image"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"
    VIDEO = "video"


class ReplicaState(StrEnum):
    """The state of a replica. `FAILED` and `STOPPED` are final; a restart is a new replica."""

    PENDING = "pending"
    DOWNLOADING = "downloading"
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    STOPPED = "stopped"
    FAILED = "failed"


OFFSET_POSITIONS = ("roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet", "xmod")
"""Model types (`model_type`) whose position ids begin after the padding id."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The dimensions of a transformer that determine its memory."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int = 0
    parameters: int = 0
    """Number of parameters; 0 if unknown."""
    value_dim: int = 0
    """Width of a value head, if it differs from `head_dim`; else 0."""
    kv_lora_rank: int = 0
    """With multi-head latent attention, the width of the one vector that stands for all keys and values; else 0."""
    qk_rope_head_dim: int = 0
    """Width of the rotary key beside that vector."""
    cached_layers: int = 0
    """Number of layers with a KV cache; 0 means all. Linear-attention layers have none."""
    sliding_window: int = 0
    """Tokens in the window of layers with sliding-window attention; 0 if there are none."""
    sliding_layers: int = 0
    """Number of the cached layers that have sliding-window attention."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a repository on a hub."""

    name: str
    """Path in the repository, with `/`."""
    size: int = 0
    """Bytes; 0 if the hub does not state it."""
    sha256: str | None = None
    """SHA-256 of the content, if the hub states it."""


@dataclass(frozen=True, slots=True)
class Download:
    """The files that a model needs on this machine, and the repository that they come from."""

    hub: str
    """Name in `catalog.hubs.HUBS`: `huggingface` or `modelscope`."""
    model_id: str
    """`owner/name`."""
    revision: str
    """A commit hash if the hub has them, so that the files do not change between plan and download."""
    files: tuple[RemoteFile, ...]
    """Only the files that this variant needs."""
    folder: str
    """Absolute path of the folder that will contain the files under their names."""

    @property
    def size(self) -> int:
        """Total bytes."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class RequestDefaults:
    """What requests for chats and completions contain unless they say otherwise."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Sampling parameters, under the names of a chat completion."""
    system: str = ""
    """The system message of chats that begin with none."""
    messages: tuple[Mapping[str, Any], ...] = ()
    """Messages before those of a chat, behind its system message: examples of how to answer."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A registered family that a running model answers for: another name of that model, with defaults."""

    name: str
    uid: str
    """The model that answers."""
    defaults: RequestDefaults | None


@dataclass(frozen=True, slots=True)
class Model:
    """A model as resolved for one launch: its weights, their path, and its abilities."""

    name: str
    """Family name in the catalog, or the name of the file or folder."""
    type: ModelType = ModelType.LLM
    format: str = "pytorch"
    """`ggufv2`, `pytorch`, `gptq`, `awq`, `fp8`, … and `remote` for a model on another server."""
    path: str | None = None
    """Absolute path of the GGUF file or the Hugging Face folder, which exists or, with `download`, will exist;
    None for `remote` and `fake`."""
    download: Download | None = None
    """The download that a launch needs first; None if the files are here."""
    projector: str | None = None
    """Absolute path of the GGUF file of the vision or audio projector, which exists or will exist."""
    size_in_billions: float | None = None
    quantization: str | None = None
    architecture: str | None = None
    context_length: int = 0
    """Maximum context in tokens that the model was trained for; 0 if unknown."""
    abilities: tuple[str, ...] = ()
    """`chat generate embed rerank tools vision reasoning …`"""
    languages: tuple[str, ...] = ()
    description: str = ""
    family: str | None = None
    hub: str | None = None
    model_id: str | None = None
    revision: str | None = None
    dimensions: int | None = None
    """Width of the embedding vectors, for embedding models."""
    weights_bytes: int = 0
    shape: Shape | None = None
    thinking_key: str | None = None
    """The variable of the chat template that switches thinking: `enable_thinking` or `thinking`."""
    chat_template: str | None = None
    """Jinja text that replaces the template in the files: that of a registered family."""
    stop: tuple[str, ...] = ()
    """Strings that end an answer, in addition to those in the files."""
    stop_token_ids: tuple[int, ...] = ()
    defaults: RequestDefaults | None = None
    """Those of a registered family."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter as resolved for one launch: small additional weights for a model, served under its own name."""

    name: str
    """The public name, which requests have as `model`."""
    path: str
    """Absolute path of the PEFT folder or the GGUF file."""
    format: str = "peft"
    """`peft` or `gguf`."""
    rank: int = 0
    """The highest rank of its modules."""
    targets: tuple[str, ...] = ()
    """Last parts of the names of the modules that it changes, such as `q_proj`; sorted."""
    traits: tuple[str, ...] = ()
    """Features that not every engine supports: `dora`, `bias`, `modules_to_save`, `embeddings`; sorted."""
    base: str = ""
    """The model that it was trained on, as its files name it; empty if they do not."""
    size: int = 0
    """Bytes of its weights."""
    scale: float = 1.0
    """Factor that multiplies its own scaling."""


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a server: a Unix socket (`uds`) or host and port; `prefix` replaces `/v1` in our paths."""

    uds: str | None = None
    host: str = "127.0.0.1"
    port: int = 0
    tls: bool = False
    prefix: str = "/v1"

    def __str__(self) -> str:
        if self.uds:
            return f"unix:{self.uds}"
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Launch:
    """A launch plan: the model to run, the engine, and its options."""

    uid: str
    model: Model
    engine: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """The engine's options as the user wrote them; the engine converts and checks them."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Additional environment variables of the replica's process."""
    gpus: int = 0
    """GPUs per replica."""
    gpu_idx: tuple[int, ...] = ()
    """The GPUs that may be used; empty for all."""
    request_limit: int | None = None
    """Maximum number of requests in flight on one replica; further ones get a 429."""
    adapters: tuple[Adapter, ...] = ()
    """In the order of the launch request; names are unique."""
    trusted: bool = True
    """Whether its caller may run code on this machine (`core/trust.py`)."""
    aliases: tuple[str, ...] = ()
    """Other names under which it answers."""


ReplicaFigure = Literal["queued", "kv_cache", "prefix_queries", "prefix_hits"]
"""What engines say of their replicas: requests that wait, share of the KV cache that is used (0 to 1), tokens of prompts that
were looked up in the prefix cache, and those that were found there."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device with memory: `cpu`, or a GPU by index."""

    name: str
    """`cpu`, `cuda:0`, …"""
    title: str
    memory_total: int
    """Bytes."""
    memory_free: int
    """Bytes that are free at present."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """The hardware of this machine."""

    cpu_count: int
    devices: tuple[Device, ...]
    """`devices[0]` is always the CPU with main memory."""

    @property
    def cpu(self) -> Device:
        return self.devices[0]

    @property
    def gpus(self) -> tuple[Device, ...]:
        return self.devices[1:]


@dataclass(frozen=True, slots=True)
class Footprint:
    """Expected memory of one replica in bytes."""

    weights: int
    kv_cache: int
    overhead: int
    """Memory of the process before a model is loaded: interpreter, libraries, tables."""
    activations: int = 0
    """Working memory of one forward pass."""
    share: float = 0.0
    """The part of each GPU that the engine always takes and never exceeds; 0 if it takes what it needs."""

    @property
    def total(self) -> int:
        return self.weights + self.kv_cache + self.overhead + self.activations

    def figures(self) -> dict[str, int]:
        """Each part and the total, in bytes."""
        parts = {"weights": self.weights, "kv_cache": self.kv_cache, "overhead": self.overhead}
        return {**parts, "activations": self.activations, "total": self.total}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A replica that accepts requests."""

    replica: str
    address: Address
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """Headers added to every request; they replace the client's headers of equal name (for example a replica's token)."""


@dataclass(frozen=True, slots=True)
class Route:
    """One public model name and the replicas that answer for it."""

    name: str
    uid: str
    state: ReplicaState
    """`READY` if at least one endpoint accepts requests, else the state that prevents it."""
    reason: str = ""
    """For people: the message of a 503 while `endpoints` is empty."""
    endpoints: tuple[Endpoint, ...] = ()
    tasks: frozenset[Task] = frozenset()
    rules: Rules = NO_RULES
    """What the engine does with each request parameter."""
    app: App | None = None
    """An ASGI app of this process that answers instead of endpoints."""
    request_limit: int | None = None
    """Maximum number of requests in flight on one endpoint; None for no limit."""
    upstream_name: str | None = None
    """The model's name on the endpoint, if it differs from `name`."""
    thinking_key: str | None = None
    context_length: int | None = None
    """Tokens of prompt and answer, at most; None if that is not known."""
    defaults: RequestDefaults | None = None


@dataclass(frozen=True, slots=True)
class RouteTable:
    """An immutable snapshot of all public names; the control loop publishes it, gateways read it."""

    routes: Mapping[str, Route] = field(default_factory=dict)
    version: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One call of the installer while an engine environment is created."""

    packages: tuple[str, ...] = ()
    """Requirements in pip's format. Packages of earlier steps are kept if they satisfy them."""
    lock: str = ""
    """A lock file in `engines/locks/`, compiled from `packages` by `make lock`. It is installed in their place: exactly the
    listed versions, each file checked by its hash. Third-party engines may give an absolute path."""
    dependencies: bool = True
    """Whether dependencies of the packages are installed too."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to create an engine's virtual environment."""

    proof: str
    """The module whose presence shows that an interpreter has the engine's libraries."""
    steps: tuple[Step, ...]
    gpu_steps: tuple[Step, ...] = ()
    """Used instead of `steps` on Linux with an NVIDIA GPU; empty if there is no difference."""
    show: tuple[str, ...] = ()
    """Packages whose versions are shown to users."""
