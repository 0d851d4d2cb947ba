"""Weights on this machine, at the path that a registration names."""

from __future__ import annotations

from pathlib import Path

from modelyard.catalog.family import ModelSource
from modelyard.catalog.hubs.complete import place


class Local:
    """A folder or a file by its absolute path; `file` selects one file of a folder."""

    name = "local"

    def locate(self, source: ModelSource, quantization: str) -> Path | None:
        if source.path is None:
            return None
        path = Path(source.path.replace("{quantization}", quantization)).expanduser()
        if path.is_dir() and source.file:
            return place(path, source, quantization)
        return path if path.exists() else None


hub = Local()
