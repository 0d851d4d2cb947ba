"""Errors about models: their files and registrations, where they run, and whether they fit and answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from modelyard.core.errors.base import BadRequest, Conflict, ModelyardError, NotFound, Unavailable, UpstreamFailed
from modelyard.core.nearest import nearest


class UnsupportedTask(BadRequest):
    """The model cannot do what this path asks."""

    code = "unsupported_task"

    def __init__(self, model: str, task: str, able: Sequence[str]) -> None:
        super().__init__(f"Model '{model}' cannot do {task}; it does {', '.join(able) or 'nothing yet'}.")
        self.param = "model"


class UnknownOption(BadRequest):
    """An engine was given an option it does not have."""

    code = "unknown_option"

    def __init__(
        self, engine: str, option: str, known: Sequence[str], nearest: str | None = None, others: Sequence[str] = ()
    ) -> None:
        """`others` are engines that have it."""
        hint = f" Did you mean '{nearest}'?" if nearest and not others else ""
        names = " and ".join(filter(None, (", ".join(others[:-1]), *others[-1:])))
        there = f"; {names} {'have' if len(others) > 1 else 'has'} it" if others else ""
        if option == "n_ctx":
            hint += " (--context-length of the command line sets 'n_ctx'.)"
        super().__init__(f"Engine '{engine}' has no option '{option}'{there}.{hint} It has: {', '.join(known)}.")
        self.param = option
        self.engine, self.known, self.nearest = engine, known, nearest


class ModelFilesInvalid(BadRequest):
    """The files at a path are not a model we can read."""

    code = "model_files_invalid"

    problem = ""
    """The sentence without its beginning."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"Cannot use '{path}' as a model: {problem}")
        self.problem = problem
        self.param = "model_path"


class AdapterInvalid(BadRequest):
    """The files at a path are no LoRA adapter, or none for this model."""

    code = "adapter_invalid"

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"Cannot use '{path}' as an adapter: {problem}")
        self.param = "lora_modules"


class RegistrationInvalid(BadRequest):
    """The record of a registration is not valid."""

    code = "registration_invalid"

    def __init__(self, problem: str) -> None:
        super().__init__(f"This cannot be registered: {problem}")
        self.param = "model"


class NoEngineFits(BadRequest):
    """No installed engine can run this model; the sentence says why for each."""

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
    """The files are not here, and this server is set never to ask a hub for them."""

    code = "hubs_offline"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} is not on this machine, and this server is set to be offline. Bring the files into the cache "
            "folder of a hub, give their path as model_path, or unset MODELYARD_OFFLINE and HF_HUB_OFFLINE."
        )
        self.param = "model_name"


class MissingLibrary(BadRequest):
    """A library that this choice needs is not installed."""

    code = "missing_library"

    def __init__(self, name: str, library: str, how: str | None = None) -> None:
        super().__init__(f"'{name}' needs the library '{library}'. {how or f'pip install {library}'}")


class ModelNotFound(NotFound):
    """No model of that name runs here."""

    code = "model_not_found"

    def __init__(self, name: str, running: Sequence[str] = (), nearest: str | None = None) -> None:
        hint = f" Did you mean '{nearest}'?" if nearest else ""
        have = (
            f" Running: {', '.join(running)}."
            if running
            else " No model is running; start one with `modelyard launch`."
        )
        super().__init__(f"Model '{name}' not found.{hint}{have}")
        self.param = "model"

    @classmethod
    def among(cls, name: str, running: Sequence[str]) -> Self:
        """With the nearest of the running names, if one is near."""
        return cls(name, running, nearest(name, running))


class AdapterNotFound(NotFound):
    """No adapter of that name is loaded, or there is nothing at its path."""

    code = "adapter_not_found"

    def __init__(self, name: str, loaded: Sequence[str] = ()) -> None:
        near = nearest(name, loaded)
        hint = f" Did you mean '{near}'?" if near else ""
        have = f" Loaded: {', '.join(loaded)}." if loaded else ""
        super().__init__(f"No adapter '{name}' is loaded.{hint}{have}")
        self.param = "lora_name"

    @classmethod
    def at(cls, name: str, path: str) -> Self:
        """For an adapter without files at its path."""
        return cls.from_wire(f"There is nothing at '{path}', where adapter '{name}' should be.", "lora_path", None)


class ModelExists(Conflict):
    """A model of that uid already runs."""

    code = "model_exists"

    def __init__(self, uid: str, state: str, param: str = "model_uid") -> None:
        other = "launch under another model_uid" if param == "model_uid" else "choose another name"
        super().__init__(f"Model '{uid}' is already here ({state}). Terminate it first, or {other}.")
        self.param = param


class RegistrationExists(Conflict):
    """A family of that name is there already."""

    code = "registration_exists"

    def __init__(self, name: str, kind: str, built_in: bool) -> None:
        origin = "in the catalog" if built_in else "registered"
        super().__init__(f"A model of type {kind} named '{name}' is already {origin}; choose another model_name.")
        self.param = "model_name"


class RegistrationInUse(Conflict):
    """A family cannot go while models of it are launched."""

    code = "registration_in_use"

    def __init__(self, name: str, uids: Sequence[str]) -> None:
        super().__init__(f"'{name}' is in use by {', '.join(uids)}; terminate it first.")
        self.param = "model_name"


class LaunchCancelled(ModelyardError):
    """Somebody cancelled the launch that was being waited for."""

    status = 499
    code = "launch_cancelled"
    type = "invalid_request_error"

    def __init__(self, uid: str) -> None:
        super().__init__(f"The launch of '{uid}' was cancelled.")


class LaunchFailed(UpstreamFailed):
    """An engine did not come up; the sentence carries its own error."""

    code = "launch_failed"

    def __init__(self, uid: str, reason: str) -> None:
        ModelyardError.__init__(self, f"Launching '{uid}' failed: {reason}")


class DownloadFailed(UpstreamFailed):
    """A hub broke off, or sent something else than it promised."""

    code = "download_failed"

    def __init__(self, model_id: str, hub: str, problem: str) -> None:
        ModelyardError.__init__(self, f"Downloading '{model_id}' from {hub} failed: {problem}")


class ModelNotReady(Unavailable):
    """The model is known, but no replica of it takes requests at the moment."""

    code = "model_not_ready"

    def __init__(self, name: str, state: str, reason: str = "") -> None:
        super().__init__(f"Model '{name}' is {state}{': ' + reason if reason else ''}.")
        self.param = "model"


class NotEnoughMemory(Unavailable):
    """The launch would not fit; the sentence has the figures."""

    code = "not_enough_memory"
    retry_after = None
    problem = ""
    """The sentence without its beginning."""

    def __init__(self, uid: str, problem: str, memory: Mapping[str, int | str] | None = None) -> None:
        super().__init__(f"Not enough memory to launch '{uid}': {problem}")
        self.problem = problem
        self.memory = memory


class NotEnoughDisk(Unavailable):
    """The files would not fit; the sentence has the figures."""

    code = "not_enough_disk"
    retry_after = None

    def __init__(self, folder: str, need: int, free: int) -> None:
        super().__init__(
            f"Not enough room in {folder}: {need / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free."
        )

    @classmethod
    def full(cls, folder: object) -> Self:
        """For a disk on which a write found no room."""
        return cls.from_wire(
            f"The disk of {folder} is full, and nothing was written. Delete documents, models or other files, and send it again.",
            None,
            None,
        )


class HubUnavailable(Unavailable):
    """No hub answers."""

    code = "hub_unavailable"
    retry_after = None


class UpstreamTimeout(ModelyardError):
    """The engine took the request and did not answer in time."""

    status = 504
    code = "upstream_timeout"

    def __init__(self, model: str, seconds: float) -> None:
        super().__init__(f"The engine of model '{model}' sent nothing for {seconds:g} s; the request was given up.")


class InstallFailed(ModelyardError):
    """The environment of an engine could not be made; what was there before is still there."""

    code = "install_failed"

    def __init__(self, engine: str, problem: str) -> None:
        super().__init__(f"Installing {engine} failed: {problem}.")
