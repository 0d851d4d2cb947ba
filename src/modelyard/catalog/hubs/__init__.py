"""Where weights come from. One source is one file and one line here, or a stranger's entry point."""

from __future__ import annotations

from modelyard.catalog.hubs.base import Hub
from modelyard.core.registry import Registry

HUBS: Registry[Hub] = Registry("hubs", {"package": "modelyard.catalog.hubs.package:hub"})
