"""The server's side of hub access: chooses the hub, and queries it through a child process.

Only the child imports the hubs' libraries, so the server stays small and a query can be cancelled.
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
"""Seconds that a child has to answer a query."""
PROBE = 3.0
"""Seconds that a hub has to answer a reachability check."""
REMEMBER = 60.0
"""Seconds for which a hub counts as reachable, and for which its answers about models are cached."""
FORGET = 10.0
"""Seconds for which a hub counts as unreachable."""
AUTO = "auto"


class RepositoryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A query about a repository: which model it contains, and which files that model needs."""

    hub: str
    model_id: str
    revision: str | None = None
    type: ModelType | None = None
    """The type of the model, if it is known."""
    format: str | None = None
    quantization: str | None = None
    names: tuple[str, ...] = ()
    """The names of the files, if the catalog lists them."""
    projector: str | None = None
    """The projector of a GGUF model, if the request names one."""


@dataclass(slots=True)
class HubAccess:
    """The settings and cached results of hub access. `api/` sets it from the settings."""

    hub: str = AUTO
    offline: bool = False
    probed: dict[str, tuple[float, bool]] = field(default_factory=dict)
    """Endpoint → when it was checked, and whether it answered."""
    answers: dict[RepositoryQuery, tuple[float, Model]] = field(default_factory=dict)
    locks: dict[RepositoryQuery, threading.Lock] = field(default_factory=dict)


ACCESS = HubAccess()


def use(hub: str, offline: bool) -> None:
    """Apply the settings and clear the caches."""
    ACCESS.hub, ACCESS.offline = hub, offline
    ACCESS.probed.clear()
    ACCESS.answers.clear()


def check_hub(hub: str) -> str:
    """Return a hub's name. Raises `InvalidParameter` for an unknown hub."""
    if hub not in (AUTO, *REMOTE):
        raise InvalidParameter("download_hub", f"'{hub}' is none of {', '.join((AUTO, *REMOTE))}.")
    return hub


def is_offline() -> bool:
    """Whether the network must not be used."""
    by_environment = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    return ACCESS.offline or by_environment


def hubs_to_ask(what: str | None, wish: str | None = None, having: Sequence[str] = REMOTE) -> list[str]:
    """The hubs to query, in order: the request's hub alone, else the setting's, else those that answer.

    `what` names the files for messages; None for a search. Raises `HubsOffline` if the server is configured as offline, and
    `HubUnavailable` if no hub answers.
    """
    chosen = check_hub(wish) if wish and wish != AUTO else ACCESS.hub
    if is_offline():
        raise HubsOffline(what)
    if wish and wish != AUTO and chosen not in having:
        raise InvalidParameter("download_hub", f"{what} is on {' and '.join(having)} only.")
    if chosen != AUTO and chosen in having:
        return [chosen]
    answering = [name for name, answered in zip(having, probe(having), strict=True) if answered]
    if not answering:
        tried = " and ".join(f"{remote(name).title} ({remote(name).endpoint()})" for name in having)
        if what is None:
            raise HubUnavailable(f"{tried} cannot be reached. Name a mirror in HF_ENDPOINT or MODELSCOPE_ENDPOINT.")
        raise HubUnavailable(
            f"{what} is not on this machine, and {tried} cannot be reached. "
            "Launch it by the path of its files (`model_path`, --model-path), or name a mirror in HF_ENDPOINT."
        )
    return answering


def probe(hubs: Sequence[str]) -> list[bool]:
    """Whether each hub answers; checked in parallel and cached."""
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
        answered = True  # an error status also shows that it is reachable
    except (OSError, ValueError):
        answered = False
    ACCESS.probed[endpoint] = (time.monotonic(), answered)
    return answered


def ask(question: RepositoryQuery) -> Model:
    """Describe a repository's model, with its `download`. Raises the child's error."""
    with ACCESS.locks.setdefault(question, threading.Lock()):  # equal concurrent queries start one child
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
"""Variables of the child: one connection per file, so that a partial file is its beginning and can be continued; no warnings,
which would write signed URLs into the log."""


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
    """Raise the error in a child's output, if it contains one."""
    error = found.get("error")
    if error:
        raise error_classes()[error["code"]].from_wire(error["message"], error.get("param"), None)
