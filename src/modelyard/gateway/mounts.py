"""Apps of this process that are mounted at paths: which requests they accept, and the form of their answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from modelyard.core.access import INFERENCE
from modelyard.core.asgi import App, Headers
from modelyard.gateway.asgi import OWN_FORM, ErrorForm
from modelyard.gateway.middleware.limits import Allowance
from modelyard.gateway.paths import PATHS
from modelyard.gateway.rate_headers import rate_limits

Head = Callable[[bytes, Sequence[Allowance]], Headers]
"""Returns further headers of an answer, from the request's id and what is left of the key's limits."""


@dataclass(frozen=True, slots=True)
class MountStyle:
    """The conventions of one system's interface, for all its paths."""

    errors: ErrorForm = OWN_FORM
    head: Head = rate_limits
    any_type: bool = False
    """Whether bodies may lack the content type of JSON. Then only `Origin` and `Sec-Fetch-*` reveal requests of other sites."""
    streams: bool = False
    """Whether the app itself reads the body and limits its size. The app gets `ClientLeft` if the client disconnects."""


@dataclass(frozen=True, slots=True)
class Mount:
    """An app of this process at a path; at all paths below it that have one part more, if it ends with `/`."""

    app: App
    methods: Sequence[str] = ("POST",)
    style: MountStyle = field(default_factory=MountStyle)
    scope: str = INFERENCE
    """The scope that requests need. Requests with the scope for inference count against the limits of their key."""

    def takes(self, method: str) -> bool:
        """Whether the app answers requests with a method. `HEAD` is taken wherever `GET` is."""
        return method in self.methods or (method == "HEAD" and "GET" in self.methods)


@dataclass(frozen=True, slots=True)
class UnknownPaths:
    """How one system's interface answers at the paths below its own at which there is nothing."""

    style: MountStyle
    hints: Mapping[str, str] = field(default_factory=dict)
    """Path → a sentence for those who look for it, or for what is below it."""

    def hint(self, path: str) -> str:
        """The sentence about a path; empty if there is none."""
        return next((hint for top, hint in self.hints.items() if path == top or path.startswith(f"{top}/")), "")


OWN_PATHS = UnknownPaths(MountStyle())


class Mounts:
    """The mounted apps by path."""

    def __init__(self) -> None:
        self._by_path: dict[str, Mount] = {}
        self._unknown: dict[str, UnknownPaths] = {}

    def add_unknown(self, beginning: str, paths: UnknownPaths) -> None:
        """Say how requests are answered at paths with this beginning at which there is nothing."""
        self._unknown[beginning] = paths

    def unknown(self, path: str) -> UnknownPaths:
        """How a request is answered at a path at which there is nothing."""
        return next((each for beginning, each in self._unknown.items() if path.startswith(beginning)), OWN_PATHS)

    def add(self, path: str, mount: Mount) -> None:
        """Mount an app at a path, or below it if it ends with `/`."""
        self._by_path[path] = mount

    def at(self, path: str) -> Mount | None:
        """The app that answers at a path."""
        return self._by_path.get(path) or self._by_path.get(path[: path.rfind("/") + 1])

    def methods(self, path: str) -> list[str]:
        """The methods of a path at which an app or a replica answers, for `Allow`."""
        mount = self.at(path)
        methods = [*mount.methods] if mount else [PATHS[path].method]
        return ["OPTIONS", *methods, *(["HEAD"] if "GET" in methods else [])]
