"""What an engine is: what it lacks, what it fits, and the command that runs it. Pure; nothing here starts anything."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, runtime_checkable

import msgspec

from modelyard.core.errors import InvalidParameter, UnknownOption, nearest
from modelyard.core.rules import NO_RULES, Rules
from modelyard.core.trust import Privilege
from modelyard.core.types import Adapter, Address, Footprint, Hardware, Json, Launch, Model, Task
from modelyard.core.types import Recipe as Recipe
from modelyard.core.types import Step as Step
from modelyard.engines.names import displayed

PYTHON = "python-of-the-engine"
"""Stands as `argv[0]` for the interpreter of the engine's environment, or the server's own where that has the libraries."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How well an engine suits a model: `score` 0 means not at all, and `reason` says why for people."""

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
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the server's own environment, of which a replica gets no secrets and no settings of the server."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """What the gateway must send with each request, such as the replica's token."""
    health_path: str = "/health"
    """Answers 200 once the weights are loaded, something else before."""
    start_timeout: float | None = None
    """Seconds; None leaves it to the settings."""
    unsupported: Mapping[str, str] = field(default_factory=dict)
    """Request parameter → why this launch cannot do it, whatever `rules` say."""
    rules: Rules = NO_RULES
    """What each request parameter means to this engine."""
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
    unsupported: Mapping[str, str] = field(default_factory=dict)
    rules: Rules = NO_RULES
    context_length: int | None = None
    key_variable: str = ""
    """Variable of the server's environment whose value the gateway sends as the key, once the owner's bindings allow that."""


class Engine(Protocol):
    """One way to run models. Instances hold no state; the module-level `engine` of each file is registered in `ENGINES`.

    Importing an engine's file must not import anything heavy: what it needs is imported inside the replica's process.
    """

    name: str
    Options: type[msgspec.Struct]
    """The engine's launch options: a struct that forbids unknown fields; every field has a default and a description."""

    environment: Recipe | None
    """How the engine's own virtual environment is made; None when it runs on what the server itself has."""

    def missing(self) -> tuple[str, ...]:
        """One sentence for each library or program that the server's own interpreter lacks and how to get it.

        Empty when the engine can run. It is not asked of an engine whose environment is installed.
        """
        ...

    def uses_gpus(self) -> bool:
        """Whether this engine, as it is installed, computes on GPUs when it is given some. Asked where there are any."""
        ...

    def fits(self, model: Model, hardware: Hardware) -> Fit:
        """How well this engine would run `model` here. Never raises; never touches the disk beyond `model.path`,

        which is None for a model that the catalog knows and that is not on this machine yet.
        """
        ...

    def footprint(self, launch: Launch) -> Footprint:
        """Bytes that one replica is expected to take, from the model's shape and the options."""
        ...

    def command(self, launch: Launch, listen: Address, token: str) -> Command | Remote:
        """The command of one replica that shall listen at `listen` and refuse requests without `token`.

        Raises `UnknownOption` or `InvalidParameter` when an option is wrong, so a launch is refused before it starts.
        """
        ...

    def check_adapter(self, launch: Launch, adapter: Adapter) -> None:
        """Raises `InvalidParameter` about `lora_modules` when this engine cannot serve an adapter on that launch.

        That the adapter suits the model itself has been checked before. Never touches the disk.
        """
        ...

    def explain(self, log: Sequence[str], exit_code: int | None) -> str:
        """The sentence in the last lines of a dead replica's output that says why it died."""
        ...


@runtime_checkable
class Guarded(Protocol):
    """What an engine has beside `Engine` when some of its options are open to callers who are not the server's owner.

    Of an engine without it, every option that is given is a privilege under its own name.
    """

    def privileges(self, launch: Launch) -> Iterable[Privilege]:
        """What in a launch's options could run code, read files other than weights, or send secrets.

        Raises what `Engine.command` raises for wrong options.
        """
        ...


S = TypeVar("S", bound=msgspec.Struct)


ADAPTERS = "lora_modules"
"""The launch parameter that errors about adapters name."""


def refuse_adapters(engine: str) -> InvalidParameter:
    """What `check_adapter` of an engine without adapters raises."""
    return InvalidParameter(ADAPTERS, f"the {displayed(engine)} engine does not load adapters.")


def importable(module: str) -> bool:
    """Whether this process could import a module, found without importing it."""
    return importlib.util.find_spec(module) is not None


def not_installed(name: str, recipe: Recipe) -> tuple[str, ...]:
    """`Engine.missing` of an engine that has a recipe."""
    if importable(recipe.proof):
        return ()
    return (f"{displayed(name)} is not installed: modelyard engine install {name}.",)


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


def flag(name: str, value: str) -> list[str]:
    """An argument with its value, in one word where the value begins with a dash and would be read as another argument."""
    return [f"{name}={value}"] if value.startswith("-") else [name, value]


def last_words(log: Sequence[str], exit_code: int | None) -> str:
    """A default for `Engine.explain`: the last line that speaks of an error, or else how it ended and its last line."""
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
