"""The server's side of a hub: which one to ask, and questions put to it through a child process.

The libraries of the hubs are imported in that child only, so the server stays light and a question can be given up.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import msgspec

from modelyard.catalog.hubs import REMOTE, remote
from modelyard.core.environment import FOR_DOWNLOADS, cleaned
from modelyard.core.errors import HubsOffline, HubUnavailable, InvalidParameter, error_classes
from modelyard.core.types import Model, ModelType

PATIENCE = 90.0
"""Seconds a child may take to answer a question."""
PROBE = 3.0
"""Seconds a hub has to answer at all."""
REMEMBER = 60.0
"""Seconds for which it is remembered that a hub answers, and what it said of a model."""
FORGET = 10.0
"""Seconds for which it is remembered that a hub does not answer."""
AUTO = "auto"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to know of a repository: what model it is, and which files that model needs."""

    hub: str
    model_id: str
    revision: str | None = None
    type: ModelType | None = None
    """What somebody knows it to be."""
    format: str | None = None
    quantization: str | None = None
    names: tuple[str, ...] = ()
    """Exactly these files, where the catalog knows them."""
    projector: str | None = None
    """The projector of a GGUF model, where somebody names it."""


@dataclass(slots=True)
class Access:
    """How this server reaches hubs; the composition root sets it from the settings."""

    hub: str = AUTO
    offline: bool = False
    probed: dict[str, tuple[float, bool]] = field(default_factory=dict)
    """Endpoint → when it was tried, and whether it answered."""
    answers: dict[Question, tuple[float, Model]] = field(default_factory=dict)
    locks: dict[Question, threading.Lock] = field(default_factory=dict)


ACCESS = Access()


def use(hub: str, offline: bool) -> None:
    """Take over the settings; what was remembered is forgotten."""
    ACCESS.hub, ACCESS.offline = hub, offline
    ACCESS.probed.clear()
    ACCESS.answers.clear()


def checked(hub: str) -> str:
    """A hub's name as given; raises `InvalidParameter` for one that there is not."""
    if hub not in (AUTO, *REMOTE):
        raise InvalidParameter("download_hub", f"'{hub}' is none of {', '.join((AUTO, *REMOTE))}.")
    return hub


def is_offline() -> bool:
    """Whether the network must not be touched."""
    said = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    return ACCESS.offline or said


def to_ask(what: str, wish: str | None = None, having: Sequence[str] = REMOTE) -> list[str]:
    """The hubs to ask for something, best first: the wished one, else the one of the settings, else those that answer.

    Raises `HubsOffline` when the server is set to be offline, and `HubUnavailable` when no hub answers.
    """
    chosen = checked(wish) if wish and wish != AUTO else ACCESS.hub
    if is_offline():
        raise HubsOffline(what)
    if wish and wish != AUTO and chosen not in having:
        raise InvalidParameter("download_hub", f"{what} is on {' and '.join(having)} only.")
    if chosen != AUTO and chosen in having:
        return [chosen]
    answering = [name for name, answered in zip(having, probe(having), strict=True) if answered]
    if not answering:
        tried = " and ".join(f"{remote(name).title} ({remote(name).endpoint()})" for name in having)
        raise HubUnavailable(
            f"{what} is not on this machine, and {tried} cannot be reached. "
            "Give the path of its files as model_path, or name a mirror in HF_ENDPOINT."
        )
    return answering


def probe(hubs: Sequence[str]) -> list[bool]:
    """Whether each hub answers, asked at the same time and remembered for a while."""
    with ThreadPoolExecutor(max_workers=max(1, len(hubs))) as pool:
        return list(pool.map(lambda name: _answers(remote(name).endpoint()), hubs))


def _answers(endpoint: str) -> bool:
    known = ACCESS.probed.get(endpoint)
    if known is not None and time.monotonic() - known[0] < (REMEMBER if known[1] else FORGET):
        return known[1]
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    try:
        with urlopen(Request(endpoint, method="HEAD"), timeout=PROBE):
            answered = True
    except HTTPError:
        answered = True  # it refuses, so it is there
    except (OSError, ValueError):
        answered = False
    ACCESS.probed[endpoint] = (time.monotonic(), answered)
    return answered


def ask(question: Question) -> Model:
    """The model a repository holds, with its `download`; raises the child's error as our own."""
    with ACCESS.locks.setdefault(question, threading.Lock()):  # two who ask the same at once ask once
        known = ACCESS.answers.get(question)
        if known is not None and time.monotonic() - known[0] < REMEMBER:
            return known[1]
        model = msgspec.convert(_child("inspect", msgspec.json.encode(question)), Model)
        ACCESS.answers[question] = (time.monotonic(), model)
        return model


def command(action: str) -> tuple[str, ...]:
    """The command line of a child."""
    return (sys.executable, "-P", "-m", "modelyard.catalog.hubs", action)


CHILD_ENVIRONMENT: Mapping[str, str] = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_VERBOSITY": "error",
    "MODELSCOPE_DOWNLOAD_PARALLEL_WORKERS": "1",
    "PYTHONUNBUFFERED": "1",
    "TQDM_DISABLE": "1",
}
"""One stream per file, so that what has arrived is the beginning of it and can be gone on with; and no warnings, which
would carry signed addresses into the log."""


def _child(action: str, given: bytes) -> Any:
    try:
        done = subprocess.run(
            command(action),
            input=given,
            capture_output=True,
            timeout=PATIENCE,
            env={**cleaned(os.environ, FOR_DOWNLOADS), **CHILD_ENVIRONMENT},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise HubUnavailable(f"The hub did not say within {PATIENCE:g} s what it has; try again later.") from None
    found = last_object(done.stdout.decode("utf-8", "replace").splitlines())
    if found is None:
        words = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise HubUnavailable(f"The hub could not be asked: {words[-1] if words else f'exit code {done.returncode}'}.")
    raise_error(found)
    return found["model"]


def last_object(lines: Sequence[str]) -> dict[str, Any] | None:
    """The last line that is a JSON object."""
    for line in reversed(lines):
        if line.startswith("{"):
            try:
                found = msgspec.json.decode(line)
            except msgspec.DecodeError:
                continue
            if isinstance(found, dict):
                return found
    return None


def raise_error(found: Mapping[str, Any]) -> None:
    """Raise the error that a child wrote, if it wrote one."""
    error = found.get("error")
    if error:
        raise error_classes()[error["code"]].from_wire(error["message"], error.get("param"), None)
