"""The `model_type` names of ms-swift, such as `qwen-7b-chat`: which repository on which hub each one means. Facts only."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from modelyard.catalog.hubs.cache import in_cache
from modelyard.catalog.hubs.queries import to_ask
from modelyard.catalog.index import FAMILIES
from modelyard.core.errors import NotFound

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
        """Hub → id there, our preference first."""
        both = {"huggingface": self.huggingface, "modelscope": self.modelscope}
        return {hub: model_id for hub, model_id in both.items() if model_id}

    @property
    def chats(self) -> bool:
        """Whether it answers messages; others continue text."""
        return not self.template.endswith("generation")


@cache
def swift_models() -> dict[str, SwiftModel]:
    """Every one by its name."""
    rows = msgspec.json.decode(FILE.read_bytes(), type=dict[str, tuple[str, str, str]])
    return {name: SwiftModel(name, *row) for name, row in rows.items()}


def place(model: SwiftModel, hub: str | None = None) -> tuple[str, str]:
    """The hub to take a model from, and its id there: where its files lie already, else the first hub that answers.

    `hub` insists on one. Raises what `to_ask` raises.
    """
    for name, model_id in model.ids.items():
        if hub in (None, name) and in_cache(name, model_id, None, None) is not None:
            return name, model_id
    first = to_ask(f"'{model.name}'", hub, list(model.ids))[0]
    return first, model.ids[first]


def name_of(weights: str) -> str | None:
    """The `model_type` of weights that go by an id, or lie in a folder that is called like one; None when none is known."""
    place = weights.rstrip("/").replace("___", ".").lower()  # ModelScope's cache writes dots so
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
    """Whether our own catalog has a family or an alias of that name."""
    try:
        FAMILIES.get(name)
    except NotFound:
        return False
    return True


def unknown(name: str) -> NotFound:
    """The error that says that there is no such name, and which are near."""
    known = [*swift_models(), *FAMILIES.names()]
    near = difflib.get_close_matches(name.lower(), known, n=3)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    error = NotFound(f"There is no model_type '{name}'.{hint} An id of a hub or a path is given as --model.")
    error.param = "model_type"
    return error
