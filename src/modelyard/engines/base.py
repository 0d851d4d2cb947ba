"""What an engine is: its profile, what it fits, how it checks a launch, and the command that runs it. Starts nothing."""

from __future__ import annotations

import importlib.util
import signal
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeVar

import msgspec

from modelyard.core.errors import InvalidParameter, UnknownOption, nearest
from modelyard.core.memory import Runtime
from modelyard.core.rules import NO_RULES, Rules
from modelyard.core.trust import Privilege
from modelyard.core.types import Adapter, Address, Footprint, Hardware, Json, Launch, Model, ModelType, Task
from modelyard.core.types import Recipe as Recipe
from modelyard.core.types import Step as Step

PYTHON = "python-of-the-engine"
"""As `argv[0]` of a `Command`: the interpreter of the engine's environment where one is installed, else the server's own.

Use this and not `sys.executable`, also for an engine without an `environment`."""

ADAPTERS = "lora_modules"
"""The launch parameter that errors about adapters name."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of an engine before anything is launched on it: how people call it and what it runs in general."""

    title: str
    """The name that people read. Clients of Xinference compare it letter by letter."""
    formats: frozenset[str] = frozenset()
    """Formats of the weights that it runs, such as `pytorch` or `ggufv2`."""
    types: tuple[ModelType, ...] = (ModelType.LLM,)
    """Types of the models that it runs."""
    aliases: frozenset[str] = frozenset()
    """Other names that people and systems have for it: in lower case, with `_` for dots, dashes and spaces."""
    devices: frozenset[str] = frozenset({"cpu", "gpu"})
    """Where estimates expect its models. What an installed build can really use, `Engine.uses_gpus` says."""
    memory: Runtime | None = None
    """What it takes beside weights and cache. With it, an estimate can try any context, number of requests and type of
    cache; without it, an estimate is `Engine.footprint` of a launch without options."""
    weightless: str = ""
    """The format of its models where these have no files, such as `remote`; excludes `formats`.

    `runs` is False for every model, and `fits` compares `model.format` with this value. Such an engine is launched only
    where the launch names it, stands in no list of a model's engines, and cannot be estimated.
    """
    only_by_name: bool = False
    """Whether only launches that name it get it. It is listed and estimated like others, but never chosen automatically."""
    rank: int = 0
    """Where several engines could run a model, those with a higher rank are named first."""

    def __post_init__(self) -> None:
        if self.weightless and self.formats:
            raise ValueError(
                f"Profile({self.title!r}) has both 'formats' and 'weightless': remove 'weightless' if its models have files,"
                " 'formats' if they have none."
            )

    @property
    def remote(self) -> bool:
        """Whether its replicas are servers that somebody else runs, so that its commands are `Remote`."""
        return self.weightless == "remote"

    def runs(self, model: Model) -> bool:
        """Whether it runs models like this one, on some machine."""
        return model.format in self.formats and model.type in self.types


@dataclass(frozen=True, slots=True)
class Fit:
    """How well an engine suits a model, from 0, not at all, to 100; `reason` says why for people."""

    score: int
    reason: str


@dataclass(frozen=True, slots=True)
class Command:
    """How to run one replica."""

    argv: tuple[str, ...]
    """`argv[0]` is the interpreter or program, absolute, or `PYTHON`."""
    address: Address
    """Where it will listen."""
    tasks: frozenset[Task]
    """What its models can do: each task is one of OpenAI's paths that the replica answers, such as `Task.CHAT`."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the server's own environment, of which a replica gets no secrets and no settings of the server."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """What the gateway must send with each request, such as the replica's token."""
    health_path: str = "/health"
    """Answers 200 once the weights are loaded, something else before."""
    start_timeout: float | None = None
    """Seconds; None leaves it to the settings."""
    rules: Rules = NO_RULES
    """What each request parameter means to this launch, as `engines.rules.rules_of` makes it.

    For a task without a table every parameter passes unread by the gateway, so engines of this repository need one.
    """
    context_length: int | None = None
    """Tokens that one request may have, where the options make that less than the model's own."""
    hot_adapters: bool = False
    """Adapters come and go while it runs, by `POST /v1/load_lora_adapter` and `/v1/unload_lora_adapter` as vLLM has them.
    Such a replica starts without any; one that is not so serves those of its launch as soon as it is ready."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A server that somebody else runs: there is no process, only an address."""

    address: Address
    tasks: frozenset[Task]
    headers: tuple[tuple[bytes, bytes], ...] = ()
    upstream_name: str | None = None
    rules: Rules = NO_RULES
    context_length: int | None = None
    key_variable: str = ""
    """Variable of the server's environment whose value the gateway sends as the key, once the owner's bindings allow that."""


class NoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options of an engine that has none."""


class Engine(ABC):
    """One way to run models: the base class of every engine. Instances hold no state; `ENGINES` names one of each.

    Importing an engine's module must not import anything heavy: what it needs is imported inside the replica's process.
    A subclass sets `name` and `profile` and defines `fits`, `footprint` and `command`; the other methods have defaults.
    Its module ends with `engine = Name()`. docs/engines.md ("An engine of your own") says what each member means and what
    a replica must answer.
    """

    name: str
    """The name that it is registered by."""
    profile: Profile
    Options: type[msgspec.Struct] = NoOptions
    """The engine's launch options: a msgspec struct, each field with a default and a description.

    `read_options` refuses an option without a field. A launch that names no engine but has an option that one engine alone
    has goes to that engine. `--context-length` of the command line arrives as the option `n_ctx`.
    """

    environment: Recipe | None = None
    """How the engine's own virtual environment is made; None when it runs on what the server itself has."""

    def __new__(cls) -> Self:
        """An instance of a class that has what it must have; classes that several engines share may lack it."""
        for member, example in (("name", '"parrot"'), ("profile", 'Profile("Parrot", formats=frozenset({"ggufv2"}))')):
            if not hasattr(cls, member):
                raise TypeError(
                    f"The engine {cls.__qualname__} has no '{member}': add {member} = {example} to the class."
                )
        return super().__new__(cls)

    def missing(self) -> tuple[str, ...]:
        """One sentence for each library or program that the server's own interpreter lacks and how to get it.

        Empty when the engine can run. It is not called for an engine whose environment is installed.
        """
        if self.environment is None or importable(self.environment.proof):
            return ()
        return (f"{self.profile.title} is not installed: modelyard engine install {self.name}.",)

    def uses_gpus(self) -> bool:
        """Whether this engine, as it is installed, computes on GPUs when it is given some. Called where there are any."""
        return "gpu" in self.profile.devices

    @abstractmethod
    def fits(self, model: Model, hardware: Hardware) -> Fit:
        """How well this engine would run `model` here.

        Never raises and never touches the disk beyond `model.path`, which is None for a model that the catalog knows and
        that is not on this machine yet.
        """

    @abstractmethod
    def footprint(self, launch: Launch) -> Footprint:
        """Bytes that one replica is expected to take, from the model's shape and the options.

        Where no engine is named, an engine whose footprint fits into memory is chosen before one with a higher score whose
        footprint does not: too small a figure draws large models, unless the profile says `only_by_name`.
        Raises what `check` raises for wrong options.
        """

    def check(self, launch: Launch) -> None:
        """Raises `UnknownOption` or `InvalidParameter` when an option is wrong, so that a launch is refused before it starts.

        The model's files may not be on this machine yet.
        """
        read_options(self.name, self.Options, launch.options)

    @abstractmethod
    def command(self, launch: Launch, listen: Address, token: str) -> Command | Remote:
        """The command of one replica that listens at `listen` and refuses requests without `token`.

        `listen` is a Unix socket (`listen.uds`) on Linux and macOS, a port of the loopback address elsewhere.

        The model's files are on this machine, and `check` has accepted the launch.
        """

    def privileges(self, launch: Launch) -> Iterable[Privilege]:
        """What in a launch's options could run code, read files other than weights, or send secrets.

        Only callers who act for the server's owner may launch with these. Without a word from the engine, that is every
        option. Raises what `check` raises for wrong options.
        """
        return [
            Privilege(name, f"the engine '{self.name}' does not say what its options may do") for name in launch.options
        ]

    def check_adapter(self, launch: Launch, adapter: Adapter) -> None:
        """Raises `InvalidParameter` about `lora_modules` when this engine cannot serve an adapter on that launch.

        That the adapter suits the model itself has been checked before. Never touches the disk.
        """
        raise InvalidParameter(ADAPTERS, f"the {self.profile.title} engine does not load adapters.")

    def explain(self, log: Sequence[str], exit_code: int | None) -> str:
        """The sentence that says why a replica died, from the last lines of its output."""
        return last_words(log, exit_code)


S = TypeVar("S", bound=msgspec.Struct)


def importable(module: str) -> bool:
    """Whether this process could import a module, found without importing it."""
    return importlib.util.find_spec(module) is not None


def read_options(engine: str, kind: type[S], options: Mapping[str, Json]) -> S:
    """`options` as the engine's struct; text such as `"4096"` or `"true"` is converted, as a command line gives it.

    Raises `UnknownOption` for a key the engine does not have and `InvalidParameter` for a value of the wrong type.
    """
    known = set(kind.__struct_encode_fields__)
    for key in options:
        if key not in known:
            raise UnknownOption(engine, key, sorted(known), nearest(key, known))
    given = {key: value for key, value in options.items() if value is not None}
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at `$.")
        raise InvalidParameter(where.rstrip("`") or "options", problem) from error


REASONS = {
    "trust_remote_code": "it runs Python that comes with the model's files",
    "allowed_media_hosts": "it opens addresses of the server's own network",
}
"""Why an option is a privilege."""


def option_privileges(options: msgspec.Struct, open_options: frozenset[str]) -> Iterator[Privilege]:
    """A privilege for each option that differs from its default, is not among the open ones and has no rule of its own.

    An option that an engine gains is therefore closed until somebody lists it.
    """
    for each in msgspec.structs.fields(options):
        default = each.default if each.default is not msgspec.NODEFAULT else each.default_factory()
        if each.name not in open_options and getattr(options, each.name) != default:
            yield Privilege(each.name, REASONS.get(each.name, "this option may do more than choose numbers"))


def template_privileges(template: str) -> Iterator[Privilege]:
    """A privilege where a chat template is the path of a file and not Jinja itself, which has braces."""
    if template and "{" not in template:
        yield Privilege("chat_template", "a template that is not Jinja text is a file of the server, read into prompts")


def token_header(token: str) -> tuple[tuple[bytes, bytes], ...]:
    """The header with which the gateway shows a replica's token; none where there is no token."""
    return ((b"authorization", b"Bearer " + token.encode()),) if token else ()


def flag(name: str, value: str) -> list[str]:
    """An argument with its value, in one word where the value begins with a dash and would be read as another argument."""
    return [f"{name}={value}"] if value.startswith("-") else [name, value]


def last_words(log: Sequence[str], exit_code: int | None) -> str:
    """The last line that speaks of an error, or else how the process ended and its last line."""
    if exit_code == -signal.SIGKILL:
        return f"{describe_exit(exit_code)}, most likely because the machine ran out of memory"
    lines = [line.strip() for line in log if line.strip()]
    telling = [line for line in lines if "error" in line.lower() or "exception" in line.lower()]
    end = describe_exit(exit_code)
    if telling:
        return f"{telling[-1]} ({end})"
    return f"{end}, after its last line: {lines[-1]}" if lines else f"{end}, and it printed nothing"


def describe_exit(exit_code: int | None) -> str:
    """How a process ended, for people: negative codes are signals."""
    if exit_code is None:
        return "still running"
    if exit_code < 0:
        return f"killed by signal {-exit_code}"
    return f"exit code {exit_code}"
