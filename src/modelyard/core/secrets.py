"""Launch requests as they may be shown: without what stands in their environment, or in options that hold keys. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "********"
SECRET = re.compile(r"(^|_)(api_?key|key|token|secret|passw(or)?d|credentials?)$")


def hidden(launch: Mapping[str, Any]) -> dict[str, Any]:
    """The same launch with `MASK` in place of every secret."""
    return {name: _hidden(name, value) for name, value in launch.items()}


def kept(given: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """A launch that was shown and comes back: what is masked in it is as it was before."""
    return {name: _kept(value, before.get(name)) for name, value in given.items()}


def _hidden(name: str, value: Any) -> Any:
    if name == "envs" and isinstance(value, Mapping):
        return dict.fromkeys(value, MASK)
    if isinstance(value, str) and value and SECRET.search(name.lower().replace("-", "_")):
        return MASK
    return hidden(value) if isinstance(value, Mapping) else value


def _kept(value: Any, before: Any) -> Any:
    if isinstance(value, Mapping):
        return kept(value, before if isinstance(before, Mapping) else {})
    return before if value == MASK and before is not None else value
