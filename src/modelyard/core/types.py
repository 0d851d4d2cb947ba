"""The vocabulary that several packages share: models, launches, routes. Frozen data, no behaviour beyond reading it.

A type enters this file only when two rooms that may not import each other need it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from modelyard.core.asgi import App
from modelyard.core.rules import NO_RULES, Rules

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"


class ModelType(StrEnum):
    """The six kinds of model, spelled as the launch API spells them."""

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
    DETOKENIZATION = "detokenization"
    IMAGE = "image"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"
    VIDEO = "video"


class ReplicaState(StrEnum):
    """A replica's life. `FAILED` and `STOPPED` are final; a restart is a new replica process."""

    PENDING = "pending"
    DOWNLOADING = "downloading"
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    STOPPED = "stopped"
    FAILED = "failed"


OFFSET_POSITIONS = ("roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet", "xmod")
"""Kinds of model whose positions begin after the padding's."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The dimensions of a transformer that decide how much memory it takes."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int = 0
    parameters: int = 0
    """Number of weights; 0 when unknown."""
    value_dim: int = 0
    """Width of a value head, where it is not `head_dim`; 0 where it is."""
    kv_lora_rank: int = 0
    """With multi-head latent attention, the width of the one vector that stands for all keys and values; else 0."""
    qk_rope_head_dim: int = 0
    """Width of the rotated key beside that vector."""
    cached_layers: int = 0
    """Layers that keep keys and values at all; 0 is every one. Layers of linear attention keep none."""
    sliding_window: int = 0
    """Tokens that the layers with a sliding window look back; 0 when there are none."""
    sliding_layers: int = 0
    """How many of the cached layers have it."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a repository on a hub."""

    name: str
    """Path inside the repository, with `/`."""
    size: int = 0
    """Bytes; 0 when the hub does not say."""
    sha256: str | None = None
    """Of the content, where the hub says."""


@dataclass(frozen=True, slots=True)
class Download:
    """The files that a model needs on this machine, and the repository that they come from."""

    hub: str
    """Name in `catalog.hubs.HUBS`: `huggingface` or `modelscope`."""
    model_id: str
    """`owner/name`."""
    revision: str
    """A commit where the hub has them, so that what was planned is what comes."""
    files: tuple[RemoteFile, ...]
    """Only what this variant needs."""
    folder: str
    """Absolute path of the folder that will hold the files under their names."""

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Model:
    """A model as resolved for one launch: which weights, where, and what they can do."""

    name: str
    """Family name in the catalog, or the name of the file or folder."""
    type: ModelType = ModelType.LLM
    format: str = "pytorch"
    """`ggufv2`, `pytorch`, `gptq`, `awq`, `fp8`, … and `remote` for a server of others."""
    path: str | None = None
    """Absolute path of the GGUF file or the Hugging Face folder, there already or, with `download`, where it will be;
    None for `remote` and `fake`."""
    download: Download | None = None
    """The download that a launch needs first; None when the files are here."""
    projector: str | None = None
    """Absolute path of the GGUF file through which the model sees or hears, there already or where it will be."""
    size_in_billions: float | None = None
    quantization: str | None = None
    architecture: str | None = None
    context_length: int = 0
    """Longest context in tokens that the weights were made for; 0 when unknown."""
    abilities: tuple[str, ...] = ()
    """`chat generate embed rerank tools vision reasoning …`"""
    languages: tuple[str, ...] = ()
    description: str = ""
    family: str | None = None
    hub: str | None = None
    model_id: str | None = None
    revision: str | None = None
    dimensions: int | None = None
    """Width of the embedding vector, for embedding models."""
    weights_bytes: int = 0
    shape: Shape | None = None
    thinking_key: str | None = None
    """The name of the chat template's thinking switch: `enable_thinking` or `thinking`."""
    chat_template: str | None = None
    """Jinja text that takes the place of the one in the files: a registered family's own."""
    stop: tuple[str, ...] = ()
    """Strings that end an answer, beyond what the files say."""
    stop_token_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter as resolved for one launch: small weights on top of a model's own, under a name of their own."""

    name: str
    """The public name: what requests give as `model`."""
    path: str
    """Absolute path of the PEFT folder or the GGUF file."""
    format: str = "peft"
    """`peft` or `gguf`."""
    rank: int = 0
    """The highest of its modules."""
    targets: tuple[str, ...] = ()
    """Last parts of the names of the modules that it changes, such as `q_proj`; sorted."""
    traits: tuple[str, ...] = ()
    """What not every engine can do: `dora`, `bias`, `modules_to_save`, `embeddings`; sorted."""
    base: str = ""
    """The model that it was trained on, as its files name it; empty when they do not."""
    size: int = 0
    """Bytes of its weights."""
    scale: float = 1.0
    """Factor on top of its own scaling."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens: a Unix socket (`uds`) or host and port; `prefix` stands where `/v1` stands in our paths."""

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
    """One replica set as wanted: what to run, on which engine, with which options."""

    uid: str
    model: Model
    engine: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """The engine's own options, still as the user wrote them; the engine converts and checks them."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Extra environment of the replica's process."""
    gpus: int = 0
    """GPUs per replica."""
    gpu_idx: tuple[int, ...] = ()
    """Only these GPUs, if any are named."""
    request_limit: int | None = None
    """Answers that one replica may have in flight; more are a 429."""
    adapters: tuple[Adapter, ...] = ()
    """In the order in which they were given; names are unique."""
    trusted: bool = True
    """Whether its caller may have code run on this machine (`core/trust.py`)."""


@dataclass(frozen=True, slots=True)
class Device:
    """One place that memory can be taken from: `cpu`, or a GPU by index."""

    name: str
    """`cpu`, `cuda:0`, …"""
    title: str
    memory_total: int
    """Bytes."""
    memory_free: int
    """Bytes free right now."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """The hardware of this machine."""

    cpu_count: int
    devices: tuple[Device, ...]
    """`devices[0]` is always the CPU with the machine's main memory."""

    @property
    def cpu(self) -> Device:
        return self.devices[0]

    @property
    def gpus(self) -> tuple[Device, ...]:
        return self.devices[1:]


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes that one replica is expected to take."""

    weights: int
    kv_cache: int
    overhead: int
    """Memory of the process before it has a model: the interpreter, libraries, tables."""
    activations: int = 0
    """Working memory of one pass."""
    share: float = 0.0
    """Part of each of its GPUs that the engine takes in any case, and stays within; 0 where it takes what it needs."""

    @property
    def total(self) -> int:
        return self.weights + self.kv_cache + self.overhead + self.activations

    def figures(self) -> dict[str, int]:
        """Each part and the total, in bytes."""
        parts = {"weights": self.weights, "kv_cache": self.kv_cache, "overhead": self.overhead}
        return {**parts, "activations": self.activations, "total": self.total}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A replica that may be sent requests."""

    replica: str
    address: Address
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """Sent with every request, in place of the client's header of the same name (a replica's token, say)."""


@dataclass(frozen=True, slots=True)
class Route:
    """One public model name and the replicas that answer for it."""

    name: str
    uid: str
    state: ReplicaState
    """`READY` when at least one endpoint takes requests, else why not."""
    reason: str = ""
    """For people: what a 503 says while `endpoints` is empty."""
    endpoints: tuple[Endpoint, ...] = ()
    tasks: frozenset[Task] = frozenset()
    rules: Rules = NO_RULES
    """What each request parameter means to this engine."""
    app: App | None = None
    """An ASGI app of this process that answers, in place of endpoints."""
    request_limit: int | None = None
    """Answers that one endpoint may have in flight; None for no limit."""
    upstream_name: str | None = None
    """The name the endpoint knows the model by, when it is not `name`."""
    thinking_key: str | None = None


@dataclass(frozen=True, slots=True)
class RouteTable:
    """An immutable snapshot of every public name; the control loop publishes it, gateways read it."""

    routes: Mapping[str, Route] = field(default_factory=dict)
    version: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One call of the installer while an engine's environment is made."""

    packages: tuple[str, ...] = ()
    """Requirements as pip writes them. What an earlier step installed stays, where it will do."""
    lock: str = ""
    """A lock file in `engines/locks/`, compiled from `packages` by `make lock`. It is installed instead of them: exactly the
    versions it lists, each file checked against its hash. An absolute path works too, for engines of other packages."""
    dependencies: bool = True
    """Whether what the packages require is installed with them."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The recipe of an engine's own virtual environment."""

    proof: str
    """The module whose presence shows that an interpreter has the engine's libraries."""
    steps: tuple[Step, ...]
    gpu_steps: tuple[Step, ...] = ()
    """Instead of `steps` on Linux with an NVIDIA GPU, where the two differ."""
    show: tuple[str, ...] = ()
    """Packages whose versions people want to see."""
