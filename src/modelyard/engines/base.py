"""The base class of engines: profile, fit, checks of a launch, and the command that runs a replica. Starts nothing."""

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
from modelyard.core.mismatches import reworded
from modelyard.core.rules import NO_RULES, Rules
from modelyard.core.trust import Privilege
from modelyard.core.types import (
    Adapter,
    Address,
    Footprint,
    Hardware,
    Json,
    Launch,
    Model,
    ModelType,
    ReplicaFigure,
    Task,
)
from modelyard.core.types import Recipe as Recipe
from modelyard.core.types import Step as Step

PYTHON = "python-of-the-engine"
"""Placeholder in `argv[0]` for the interpreter of the engine's environment if one is installed, else the server's own.

Use this and not `sys.executable`, also for an engine without an `environment`."""

ADAPTERS = "lora_modules"
"""The launch parameter that errors about adapters name."""


@dataclass(frozen=True, slots=True)
class Profile:
    """General properties of an engine: its names, and the models that it can run."""

    title: str
    """The name for people. Xinference's clients compare it exactly."""
    formats: frozenset[str] = frozenset()
    """Weight formats that it runs, such as `pytorch` or `ggufv2`."""
    types: tuple[ModelType, ...] = (ModelType.LLM,)
    """Types of models that it runs."""
    aliases: frozenset[str] = frozenset()
    """Other names for it, in lower case, with `_` for dots, dashes and spaces."""
    devices: frozenset[str] = frozenset({"cpu", "gpu"})
    """Devices that estimates assume. `Engine.uses_gpus` says what an installed build can use."""
    memory: Runtime | None = None
    """Its memory beside weights and cache. With it, an estimate can vary context, number of requests and type of
    cache; without it, an estimate is `Engine.footprint` of a launch without options."""
    weightless: str = ""
    """The format of its models if these have no files, such as `remote`; excludes `formats`.

    `runs` is False for every model, and `fits` compares `model.format` with this value. Such an engine is never chosen
    automatically, stands in no list of a model's engines, and cannot be estimated.
    """
    only_by_name: bool = False
    """Whether it is used only by launches that name it. It is listed and estimated, but never chosen automatically."""
    for_tests: bool = False
    """Whether it pretends to be an engine. `modelyard engine list` and `doctor` show it with `--all` only."""
    rank: int = 0
    """If several engines could run a model, those with a higher rank are listed first."""

    def __post_init__(self) -> None:
        if self.weightless and self.formats:
            raise ValueError(
                f"Profile({self.title!r}) has both 'formats' and 'weightless': remove 'weightless' if its models have files,"
                " 'formats' if they have none."
            )

    @property
    def remote(self) -> bool:
        """Whether its replicas are servers run by others, so that its commands are `Remote`."""
        return self.weightless == "remote"

    def runs(self, model: Model) -> bool:
        """Whether it runs models like this one, on some machine."""
        return model.format in self.formats and model.type in self.types


@dataclass(frozen=True, slots=True)
class Fit:
    """How well an engine suits a model: `score` is 0, not at all, to 100, and `reason` is for people."""

    score: int
    reason: str


@dataclass(frozen=True, slots=True)
class Command:
    """How to run one replica: a launch plan's process."""

    argv: tuple[str, ...]
    """`argv[0]` is the interpreter or program, absolute, or `PYTHON`."""
    address: Address
    """The address where it will listen."""
    tasks: frozenset[Task]
    """What its models can do: each task is one of OpenAI's paths that the replica answers, such as `Task.CHAT`."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the server's environment without its secrets and settings."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """Headers that the gateway must send with each request, such as the replica's token."""
    health_path: str = "/health"
    """Answers 200 once the weights are loaded, another status before."""
    start_timeout: float | None = None
    """Seconds; None means the setting `start_timeout`."""
    rules: Rules = NO_RULES
    """What the engine does with each request parameter in this launch; `engines.rules.rules_of` makes it.

    The gateway passes on all parameters of a task without a table, so engines of this repository need one for each task.
    """
    context_length: int | None = None
    """Maximum tokens of a request, if the options make it smaller than the model's own."""
    hot_adapters: bool = False
    """Whether adapters can be loaded while it runs, with vLLM's `POST /v1/load_lora_adapter` and `/v1/unload_lora_adapter`.
    Such a replica starts without adapters; others serve those of their launch as soon as they are ready."""
    figures: Mapping[str, Sequence[ReplicaFigure]] = field(default_factory=dict)
    """Name of a sample in the replica's `GET /metrics`, which is Prometheus' text, → the figures that it counts for; empty for a
    replica without such a path."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A server run by others, which has no process here, only an address."""

    address: Address
    tasks: frozenset[Task]
    headers: tuple[tuple[bytes, bytes], ...] = ()
    upstream_name: str | None = None
    rules: Rules = NO_RULES
    context_length: int | None = None
    key_variable: str = ""
    """Environment variable of the server with the key to send, if the owner's bindings allow that."""


class NoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options of an engine without options."""


class Engine(ABC):
    """Base class of all engines. Instances are stateless; `ENGINES` has one of each.

    Importing an engine's module must not import large libraries; they are imported in the replica's process.
    A subclass sets `name` and `profile` and defines `fits`, `footprint` and `command`; the other methods have defaults.
    Its module ends with `engine = Name()`. docs/engines.md ("An engine of your own") says what each member means and what
    a replica must answer.
    """

    name: str
    """The name that it is registered under."""
    profile: Profile
    Options: type[msgspec.Struct] = NoOptions
    """The engine's launch options: a msgspec struct, each field with a default, a description and, unless
    `engines/option_schema.py` lists the option, `extra_json_schema={"group": "answers"}`: its place in the form of a launch.

    `read_options` refuses an option without a field. A launch that names no engine but has an option that one engine alone
    has goes to that engine. `--context-length` of the command line arrives as the option `n_ctx`.
    """

    rules: Rules = NO_RULES
    """What it does with each request parameter (`engines.rules.rules_of`), before the rules that a launch adds; the reference
    of parameters shows it. `command` gives `Command.rules`."""

    environment: Recipe | None = None
    """The recipe of the engine's own virtual environment; None if it runs with the server's libraries."""

    def __new__(cls) -> Self:
        """An instance of a class that has what it must have; classes that several engines share may lack it."""
        for member, example in (("name", '"parrot"'), ("profile", 'Profile("Parrot", formats=frozenset({"ggufv2"}))')):
            if not hasattr(cls, member):
                raise TypeError(
                    f"The engine {cls.__qualname__} has no '{member}': add {member} = {example} to the class."
                )
        return super().__new__(cls)

    def missing(self) -> tuple[str, ...]:
        """Sentences about libraries or programs that the server's own interpreter lacks, with the way to get them.

        Empty if the engine can run. Not called for an engine whose environment is installed.
        """
        if self.environment is None or importable(self.environment.proof):
            return ()
        return (f"{self.profile.title} is not installed: modelyard engine install {self.name}.",)

    def uses_gpus(self) -> bool:
        """Whether this engine, as installed, can compute on GPUs. Called only if there are GPUs."""
        return "gpu" in self.profile.devices

    @abstractmethod
    def fits(self, model: Model, hardware: Hardware) -> Fit:
        """How well this engine would run `model` here. Never raises, and reads no files except `model.path`.

        `model.path` is None for a model of the catalog that is not on this machine yet.
        """

    @abstractmethod
    def footprint(self, launch: Launch) -> Footprint:
        """Expected memory of one replica in bytes, by the model's shape and the options.

        If no engine is named, an engine whose footprint fits into memory is chosen before one with a higher score whose
        footprint does not. Too small a figure attracts large models, unless the profile says `only_by_name`.
        Raises the errors of `check` for wrong options.
        """

    def check(self, launch: Launch) -> None:
        """Raise `UnknownOption` or `InvalidParameter` for wrong options, so that a launch is refused before it starts.

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
        """The options of a launch that could run code, read files other than weights, or send secrets.

        Only callers with the owner's trust may launch with these. By default that is every
        option. Raises the errors of `check` for wrong options.
        """
        return [
            Privilege(name, f"the engine '{self.name}' does not say what its options may do") for name in launch.options
        ]

    def check_adapter(self, launch: Launch, adapter: Adapter) -> None:
        """Raise `InvalidParameter` about `lora_modules` if this engine cannot serve an adapter with that launch.

        Whether the adapter suits the model was checked before. Reads no files.
        """
        raise InvalidParameter(ADAPTERS, f"the {self.profile.title} engine does not load adapters.")

    def explain(self, log: Sequence[str], exit_code: int | None) -> str:
        """A sentence with the reason why a replica died, from the last lines of its output."""
        return last_words(log, exit_code)


S = TypeVar("S", bound=msgspec.Struct)


def importable(module: str) -> bool:
    """Whether this process could import a module, without importing it."""
    return importlib.util.find_spec(module) is not None


def read_options(engine: str, kind: type[S], options: Mapping[str, Json]) -> S:
    """Convert `options` to the engine's struct; text such as `"4096"` or `"true"`, as on a command line, is converted.

    Raises `UnknownOption` for an unknown key and `InvalidParameter` for a value of the wrong type.
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
        where = where.rstrip("`")
        raise InvalidParameter(where or "options", f"{reworded(problem, kind, where)}.") from error


REASONS = {
    "trust_remote_code": "it runs Python that comes with the model's files",
    "allowed_media_hosts": "it opens addresses of the server's own network",
}
"""Option → why it is a privilege."""


def option_privileges(options: msgspec.Struct, open_options: frozenset[str]) -> Iterator[Privilege]:
    """Yield a privilege for each option that differs from its default, is not open and has no rule of its own.

    An option that is added to an engine therefore needs a privilege until it is listed as open.
    """
    for each in msgspec.structs.fields(options):
        default = each.default if each.default is not msgspec.NODEFAULT else each.default_factory()
        if each.name not in open_options and getattr(options, each.name) != default:
            yield Privilege(each.name, REASONS.get(each.name, "this option may do more than choose numbers"))


def template_privileges(template: str) -> Iterator[Privilege]:
    """Yield a privilege if a chat template is the path of a file instead of Jinja text, which contains braces."""
    if template and "{" not in template:
        yield Privilege("chat_template", "a template that is not Jinja text is a file of the server, read into prompts")


def token_header(token: str) -> tuple[tuple[bytes, bytes], ...]:
    """The header with which the gateway sends a replica's token; empty without a token."""
    return ((b"authorization", b"Bearer " + token.encode()),) if token else ()


def flag(name: str, value: str) -> list[str]:
    """An argument with its value, in one word if the value begins with a dash and would be parsed as another argument."""
    return [f"{name}={value}"] if value.startswith("-") else [name, value]


def last_words(log: Sequence[str], exit_code: int | None) -> str:
    """The last line that contains an error, else how the process ended and its last line."""
    if exit_code == -signal.SIGKILL:
        return f"{describe_exit(exit_code)}, most likely because the machine ran out of memory"
    lines = [line.strip() for line in log if line.strip()]
    telling = [line for line in lines if "error" in line.lower() or "exception" in line.lower()]
    end = describe_exit(exit_code)
    if telling:
        return f"{telling[-1]} ({end})"
    return f"{end}, after its last line: {lines[-1]}" if lines else f"{end}, and it printed nothing"


def describe_exit(exit_code: int | None) -> str:
    """How a process ended, for people; negative codes are signals."""
    if exit_code is None:
        return "still running"
    if exit_code < 0:
        return f"killed by signal {-exit_code}"
    return f"exit code {exit_code}"
