"""Errors about models: their files and registrations, engines, memory and answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from modelyard.core.errors.base import BadRequest, Conflict, ModelyardError, NotFound, Unavailable, UpstreamFailed
from modelyard.core.nearest import nearest

_BASE = "kb:"
"""Prefix of a knowledge base's name, `core.names.BASE`, which imports these errors."""
_LISTED = 20
"""Names that a sentence lists."""


class UnsupportedTask(BadRequest):
    """The model cannot do the task of this path."""

    code = "unsupported_task"

    def __init__(self, model: str, task: str, able: Sequence[str]) -> None:
        super().__init__(f"Model '{model}' cannot do {task}; it does {', '.join(able) or 'nothing yet'}.")
        self.param = "model"


class UnknownOption(BadRequest):
    """The engine does not have an option of the launch."""

    code = "unknown_option"

    def __init__(
        self, engine: str, option: str, known: Sequence[str], nearest: str | None = None, others: Sequence[str] = ()
    ) -> None:
        """`others` are engines that have the option."""
        hint = f" Did you mean '{nearest}'?" if nearest and not others else ""
        names = " and ".join(filter(None, (", ".join(others[:-1]), *others[-1:])))
        there = f"; {names} {'have' if len(others) > 1 else 'has'} it" if others else ""
        if option == "n_ctx":
            hint += " (--context-length of the command line sets 'n_ctx'.)"
        super().__init__(f"Engine '{engine}' has no option '{option}'{there}.{hint} It has: {', '.join(known)}.")
        self.param = option
        self.engine, self.known, self.nearest = engine, known, nearest


class ModelFilesInvalid(BadRequest):
    """The files at a path are not a supported model."""

    code = "model_files_invalid"

    problem = ""
    """The message without its beginning."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"Cannot use '{path}' as a model: {problem}")
        self.problem = problem
        self.param = "model_path"


class AdapterInvalid(BadRequest):
    """The files at a path are not a LoRA adapter, or not one for this model."""

    code = "adapter_invalid"

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"Cannot use '{path}' as an adapter: {problem}")
        self.param = "lora_modules"


class RegistrationInvalid(BadRequest):
    """The record of a registration is invalid."""

    code = "registration_invalid"

    def __init__(self, problem: str) -> None:
        super().__init__(f"This cannot be registered: {problem}")
        self.param = "model"


class NoEngineFits(BadRequest):
    """No installed engine can run the model; the message has the reason for each engine."""

    code = "no_engine_fits"

    def __init__(self, model: str, reasons: Mapping[str, str], estimate: str = "") -> None:
        if len(reasons) == 1:
            ((engine, reason),) = reasons.items()
            sentence = f"{engine} cannot run '{model}': {reason.rstrip('.')}."
        else:
            why = "; ".join(f"{engine}: {reason.rstrip('.')}" for engine, reason in reasons.items())
            sentence = f"No engine can run '{model}'. {why}."
        super().__init__(f"{sentence} {estimate}".rstrip())
        self.param = "model_engine"


class HubsOffline(BadRequest):
    """The files are not on this machine, or hubs are to be searched, and the server is configured not to use hubs."""

    code = "hubs_offline"

    def __init__(self, what: str | None) -> None:
        """`what` names the files; None for a search."""
        if what is None:
            super().__init__(
                "Hubs cannot be searched: this server is set to be offline. Unset MODELYARD_OFFLINE and HF_HUB_OFFLINE."
            )
            return
        super().__init__(
            f"{what} is not on this machine, and this server is set to be offline. Bring the files into the cache "
            "folder of a hub, give their path as model_path, or unset MODELYARD_OFFLINE and HF_HUB_OFFLINE."
        )
        self.param = "model_name"


class MissingLibrary(BadRequest):
    """A required library is not installed."""

    code = "missing_library"

    def __init__(self, name: str, library: str, how: str | None = None) -> None:
        super().__init__(f"'{name}' needs the library '{library}'. {how or f'pip install {library}'}")


class ModelNotFound(NotFound):
    """No model of this name is running."""

    code = "model_not_found"

    def __init__(self, name: str, running: Sequence[str] | None = None, known: Sequence[str] = ()) -> None:
        """`running` are the names of what runs, None if the caller does not know them; `known` are names to suggest."""
        near = _similar_model(name, [*(running or ()), *known])
        hint = f" Did you mean '{near}'?" if near else ""
        super().__init__(f"Model '{name}' not found.{hint}{_running(running)}")
        self.param = "model"

    @classmethod
    def on_machine(cls, name: str, here: Sequence[str]) -> Self:
        """The error for a model whose files are not on this machine; `here` are the names of those that are."""
        near = _similar_model(name, here)
        hint = f" Did you mean '{near}'?" if near else ""
        have = f" On this machine: {_some(here)}." if here else " No model has been downloaded."
        return cls.from_wire(
            f"Model '{name}' has no files on this machine that could be deleted.{hint}{have}", "model", None
        )

    @classmethod
    def of_type(cls, kind: str) -> Self:
        """The error where no model of a type runs, and none was named."""
        return cls.from_wire(
            f"No {kind} model is running; start one with `modelyard launch NAME`, as `modelyard launch demo`.",
            "model",
            None,
        )

    @classmethod
    def behind(cls, alias: str, model: str, running: Sequence[str]) -> Self:
        """The error for an alias of a model that is not running."""
        have = _running(running or None)
        return cls.from_wire(f"'{alias}' stands for model '{model}', which is not running.{have}", "model", None)

    @classmethod
    def unloaded(cls, model: str) -> Self:
        """The error for a request whose adapter was unloaded before its answer began."""
        return cls.from_wire(
            f"The adapter of this request was unloaded before model '{model}' could answer; load it, and send it again.",
            "model",
            None,
        )

    @classmethod
    def launchable(cls, name: str, command: str) -> Self:
        """The error for a model that is known and does not run, with the command that launches it."""
        return cls.from_wire(f"Model '{name}' is not running. Launch it: {command}", "model", None)

    @classmethod
    def alias(cls, name: str, model: str) -> Self:
        """The error for an alias where a model's own name is needed."""
        return cls.from_wire(f"'{name}' is an alias of model '{model}'; name '{model}' here.", "model_uid", None)


def _similar_model(name: str, names: Sequence[str]) -> str | None:
    """The name that most likely was meant: a knowledge base only if no model is similar, unless the name is one of a base."""
    bases = [each for each in names if each.startswith(_BASE)]
    models = [each for each in names if not each.startswith(_BASE)]
    first, second = (bases, models) if name.startswith(_BASE) else (models, bases)
    return nearest(name, first) or nearest(name, second)


def _running(names: Sequence[str] | None) -> str:
    if names is None:
        return ""
    return f" Running: {_some(names)}." if names else " No model is running; start one with `modelyard launch NAME`."


def _some(names: Sequence[str]) -> str:
    """As many names as one reads, and how many more there are."""
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")


class AdapterNotFound(NotFound):
    """No adapter of this name is loaded, or there are no files at its path."""

    code = "adapter_not_found"

    def __init__(self, name: str, loaded: Sequence[str] = ()) -> None:
        near = nearest(name, loaded)
        hint = f" Did you mean '{near}'?" if near else ""
        have = f" Loaded: {', '.join(loaded)}." if loaded else ""
        super().__init__(f"No adapter '{name}' is loaded.{hint}{have}")
        self.param = "lora_name"

    @classmethod
    def at(cls, name: str, path: str) -> Self:
        """The error for an adapter without files at its path."""
        return cls.from_wire(f"There is nothing at '{path}', where adapter '{name}' should be.", "lora_path", None)


class ModelExists(Conflict):
    """A model with this uid exists already."""

    code = "model_exists"

    def __init__(self, uid: str, state: str, param: str = "model_uid") -> None:
        other = "launch under another model_uid" if param == "model_uid" else "choose another name"
        super().__init__(f"Model '{uid}' is already here ({state}). Terminate it first, or {other}.")
        self.param = param


class RegistrationExists(Conflict):
    """A family of this name exists already."""

    code = "registration_exists"

    def __init__(self, name: str, kind: str, built_in: bool) -> None:
        origin = "in the catalog" if built_in else "registered"
        super().__init__(f"A model of type {kind} named '{name}' is already {origin}; choose another model_name.")
        self.param = "model_name"


class RegistrationInUse(Conflict):
    """A family cannot be unregistered while models of it are launched."""

    code = "registration_in_use"

    def __init__(self, name: str, uids: Sequence[str]) -> None:
        super().__init__(f"'{name}' is in use by {', '.join(uids)}; terminate it first.")
        self.param = "model_name"


class LaunchCancelled(ModelyardError):
    """The launch was cancelled while the caller waited for it."""

    status = 499
    code = "launch_cancelled"
    type = "invalid_request_error"

    def __init__(self, uid: str) -> None:
        super().__init__(f"The launch of '{uid}' was cancelled.")


class LaunchFailed(UpstreamFailed):
    """The engine did not become ready; the message quotes its error."""

    code = "launch_failed"

    def __init__(self, uid: str, reason: str) -> None:
        ModelyardError.__init__(self, f"Launching '{uid}' failed: {reason}")


class DownloadFailed(UpstreamFailed):
    """The download was interrupted, or the files differ from those that the hub announced."""

    code = "download_failed"

    def __init__(self, model_id: str, hub: str, problem: str) -> None:
        ModelyardError.__init__(self, f"Downloading '{model_id}' from {hub} failed: {problem}")


class ModelNotReady(Unavailable):
    """The model exists, but no replica accepts requests at the moment."""

    code = "model_not_ready"

    def __init__(self, name: str, state: str, reason: str = "") -> None:
        super().__init__(f"Model '{name}' is {state}{': ' + reason if reason else ''}.")
        self.param = "model"


class NotEnoughMemory(Unavailable):
    """The launch does not fit into memory; the message has the figures."""

    code = "not_enough_memory"
    retry_after = None
    problem = ""
    """The message without its beginning."""

    def __init__(self, uid: str, problem: str, memory: Mapping[str, int | str] | None = None) -> None:
        super().__init__(f"Not enough memory to launch '{uid}': {problem}")
        self.problem = problem
        self.memory = memory


class NotEnoughDisk(Unavailable):
    """The files do not fit on the disk; the message has the figures."""

    code = "not_enough_disk"
    retry_after = None

    def __init__(self, folder: str, need: int, free: int) -> None:
        super().__init__(
            f"Not enough room in {folder}: {need / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free."
        )

    @classmethod
    def full(cls, folder: object) -> Self:
        """The error for a write that failed because the disk is full."""
        return cls.from_wire(
            f"The disk of {folder} is full, and nothing was written. Delete documents, models or other files, and send it again.",
            None,
            None,
        )


class HubUnavailable(Unavailable):
    """No hub can be reached."""

    code = "hub_unavailable"
    retry_after = None


class UpstreamTimeout(ModelyardError):
    """The engine accepted the request and did not answer in time."""

    status = 504
    code = "upstream_timeout"

    def __init__(self, model: str, seconds: float) -> None:
        super().__init__(f"The engine of model '{model}' sent nothing for {seconds:g} s; the request was given up.")


class InstallFailed(ModelyardError):
    """The environment of an engine could not be created; the previous one is unchanged."""

    code = "install_failed"

    def __init__(self, engine: str, problem: str) -> None:
        super().__init__(f"Installing {engine} failed: {problem}.")
