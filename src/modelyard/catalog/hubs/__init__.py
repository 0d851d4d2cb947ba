"""Sources of model weights. A source is one file and one line here, or a third-party entry point."""

from __future__ import annotations

from typing import cast

from modelyard.catalog.hubs.base import Hub, RemoteHub
from modelyard.core.registry import Registry

HUBS: Registry[Hub] = Registry(
    "hubs",
    {
        "package": "modelyard.catalog.hubs.package:hub",
        "local": "modelyard.catalog.hubs.local:hub",
        "huggingface": "modelyard.catalog.hubs.huggingface:hub",
        "modelscope": "modelyard.catalog.hubs.modelscope:hub",
    },
)

REMOTE = ("huggingface", "modelscope")
"""The hubs on the network, in the order in which they are tried."""


def remote(name: str) -> RemoteHub:
    """The hub of a name in `REMOTE`."""
    return cast(RemoteHub, HUBS.get(name))
