"""Weights that come with this package."""

from __future__ import annotations

from pathlib import Path

from modelyard.catalog.family import ModelSource

CATALOG_FOLDER = Path(__file__).parents[1]


class PackagedModels:
    """The catalog's own folder."""

    name = "package"

    def locate(self, source: ModelSource, quantization: str) -> Path | None:
        if source.path is None:
            return None
        path = CATALOG_FOLDER / source.path.format(quantization=quantization)
        return path if path.exists() else None


hub = PackagedModels()
