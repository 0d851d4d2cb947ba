"""What a source of weights is."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from modelyard.catalog.family import Source


class Hub(Protocol):
    """A place that weights are taken from."""

    name: str

    def locate(self, source: Source, quantization: str) -> Path | None:
        """Where the files are on this machine; None when they are not. Never downloads."""
        ...
