"""Where weights come from. One source is one file and one line here, or a stranger's entry point."""

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
"""The hubs that are on the network, in the order in which they are asked."""


def remote(name: str) -> RemoteHub:
    """One of `REMOTE`."""
    return cast(RemoteHub, HUBS.get(name))
