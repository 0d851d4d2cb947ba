"""The `model_type` names of ms-swift, such as `qwen-7b-chat`, and the repository of each on each hub."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from modelyard.catalog.hubs.cache import in_cache
from modelyard.catalog.hubs.queries import hubs_to_ask
from modelyard.catalog.index import FAMILIES
from modelyard.core.errors import NotFound
from modelyard.core.nearest import similar

FILE = Path(__file__).parent / "swift_models.json"
"""Name → id on Hugging Face (may be empty), id on ModelScope, name of swift's template."""


@dataclass(frozen=True, slots=True)
class SwiftModel:
    """One `model_type`."""

    name: str
    huggingface: str
    modelscope: str
    template: str

    @property
    def ids(self) -> dict[str, str]:
        """Hub name → repository id there, the preferred hub first."""
        both = {"huggingface": self.huggingface, "modelscope": self.modelscope}
        return {hub: model_id for hub, model_id in both.items() if model_id}

    @property
    def chats(self) -> bool:
        """Whether it is a chat model; others continue text."""
        return not self.template.endswith("generation")


@cache
def swift_models() -> dict[str, SwiftModel]:
    """All model types by name."""
    rows = msgspec.json.decode(FILE.read_bytes(), type=dict[str, tuple[str, str, str]])
    return {name: SwiftModel(name, *row) for name, row in rows.items()}


def place(model: SwiftModel, hub: str | None = None) -> tuple[str, str]:
    """The hub for a model and its repository id there: the hub in whose cache it is, else the first that answers.

    `hub` names the only one allowed. Raises the errors of `hubs_to_ask`.
    """
    for name, model_id in model.ids.items():
        if hub in (None, name) and in_cache(name, model_id, None, None) is not None:
            return name, model_id
    first = hubs_to_ask(f"'{model.name}'", hub, list(model.ids))[0]
    return first, model.ids[first]


def name_of(weights: str) -> str | None:
    """The `model_type` of a repository id or of a folder with such a name; None if it is unknown."""
    place = weights.rstrip("/").replace("___", ".").lower()  # ModelScope's cache writes dots like this
    parts = place.split("/")
    cached = next(
        (part.removeprefix("models--").replace("--", "/") for part in parts if part.startswith("models--")), ""
    )
    ids = [(model_id.lower(), model.name) for model in swift_models().values() for model_id in model.ids.values()]
    for known, name in ids:
        if known in (place, cached, "/".join(parts[-2:])):
            return name
    return next((name for known, name in ids if known.rpartition("/")[2] == parts[-1]), None)


def is_known(name: str) -> bool:
    """Whether our own catalog has a family or an alias of this name."""
    try:
        FAMILIES.get(name)
    except NotFound:
        return False
    return True


def unknown(name: str) -> NotFound:
    """The error for an unknown `model_type`, with similar names."""
    near = similar(name, [*swift_models(), *FAMILIES.names()])
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    error = NotFound(f"There is no model_type '{name}'.{hint} An id of a hub or a path is given as --model.")
    error.param = "model_type"
    return error
