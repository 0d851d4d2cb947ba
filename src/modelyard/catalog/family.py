"""A family of models as one data file describes it: the format of these files, and how they are read and found."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import msgspec
import yaml
from msgspec import Meta

from modelyard.core.errors import NotFound
from modelyard.core.types import ModelType

Size = int | float | str
"""Billions of weights; `"0_6"` is the peer's spelling of 0.6."""
Text = Annotated[str, Meta(min_length=1)]
Defaults = dict[str, Any]


class Source(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where the files of a spec are: in this package (`path`), or on a hub (`model_id`)."""

    path: str | None = None
    """Relative to the catalog's folder."""
    model_id: str | None = None
    """With `{quantization}` where that stands in the name."""
    revision: str | None = None
    quantizations: list[str] = []
    """Where a hub has others than the spec lists."""
    file: str | None = None
    """The file to take, when the repository has several: `model-{quantization}.gguf`."""
    split_file: str | None = None
    """The name of one part: `model-{quantization}-{part}.gguf`."""
    parts: dict[str, list[str]] = {}
    """Quantisation → parts, where it is split."""
    projectors: list[str] = []
    """Vision or audio projectors to choose from; the first is the default."""


class Dimensions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A transformer's dimensions, in the words of Hugging Face's configs."""

    num_hidden_layers: int
    hidden_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int | None = None
    intermediate_size: int | None = None
    vocab_size: int = 0


class Spec(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One size in one format."""

    format: Text
    src: dict[str, Source]
    """Hub, or `package` → where."""
    size_in_billions: Size | None = None
    activated_size_in_billions: Size | None = None
    quantizations: list[str] = msgspec.field(default_factory=lambda: ["none"])
    shape: Dimensions | None = None
    engine: str | None = None
    """The only engine for it, where the weights decide that."""
    gguf: Source | None = None
    """For image and video models: a quantised transformer to go with the pipeline."""
    lightning: Source | None = None
    """For image and video models: weights that need fewer steps."""
    default_model_config: Defaults = {}
    default_generate_config: Defaults = {}


class Family(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """All sizes, formats and quantisations that go by one name."""

    name: Text
    type: ModelType
    specs: Annotated[list[Spec], Meta(min_length=1)]
    aliases: list[str] = []
    """On one line of the file, so that an index of all families needs no parsing."""
    description: str = ""
    description_zh: str = ""
    languages: list[str] = []
    abilities: list[str] = []
    context_length: int = 0
    """For embedding and rerank models, the longest text."""
    dimensions: int | None = None
    family: str | None = None
    """The peer's `model_family`, where it is not the name."""
    architectures: list[str] = []
    stop: list[str] = []
    stop_token_ids: list[int] = []
    reasoning_start_tag: str | None = None
    reasoning_end_tag: str | None = None
    tool_parser: str | None = None
    rerank_kind: str | None = None
    multilingual: bool | None = None
    controlnet: list[Defaults] = []


def load(path: Path) -> Family:
    """The family in a file. Raises `ValueError` with the place of what is wrong."""
    try:
        return msgspec.convert(yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER), Family)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise ValueError(f"{path}: {error}") from error


LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Entry:
    """A family before its file is parsed."""

    name: str
    type: ModelType
    path: Path


class Catalog:
    """A folder of families, `<type>/<file name>.yaml`. A file is parsed when its family is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, name: str, type: ModelType | None = None) -> Family:
        """The family of that name or alias. Raises `NotFound`, with the nearest names."""
        for kind in [type] if type else ModelType:
            path = self.folder / kind.lower() / f"{file_name(name)}.yaml"
            if path.is_file() and (family := load(path)).name.lower() == name.lower():
                return family
        for entry in self._index.get(name.lower(), ()):
            if type is None or entry.type is type:
                return load(entry.path)
        raise not_found(name, type, self.names(type))

    def names(self, type: ModelType | None = None) -> list[str]:
        """The names of all families, or of those of one type; aliases are not among them."""
        found = {entry.name for entries in self._index.values() for entry in entries if type in (None, entry.type)}
        return sorted(found, key=str.lower)

    def families(self, type: ModelType | None = None) -> Iterator[Family]:
        """All families, parsed one by one."""
        for kind in [type] if type else ModelType:
            for path in sorted((self.folder / kind.lower()).glob("*.yaml")):
                yield load(path)

    @cached_property
    def _index(self) -> Mapping[str, list[Entry]]:
        """Name or alias in lower case → families, read from two lines of each file."""
        index: dict[str, list[Entry]] = {}
        for kind in ModelType:
            for path in sorted((self.folder / kind.lower()).glob("*.yaml")):
                text = path.read_text(encoding="utf-8")
                name, aliases = NAME.search(text), ALIASES.search(text)
                if name is None:
                    continue
                entry = Entry(_bare(name[1]), kind, path)
                others = [_bare(alias) for alias in aliases[1].split(",")] if aliases else []
                for key in {entry.name.lower(), *(alias.lower() for alias in others if alias)}:
                    index.setdefault(key, []).append(entry)
        return index


NAME = re.compile(r"^name: *(.+)$", re.MULTILINE)
ALIASES = re.compile(r"^aliases: *\[(.*)\] *$", re.MULTILINE)


def _bare(text: str) -> str:
    return text.strip().strip("'\"")


def file_name(name: str) -> str:
    """The file of a family, without its ending: the name in lower case, with what file systems dislike as dashes."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-.")


def not_found(name: str, type: ModelType | None, known: list[str]) -> NotFound:
    """Says what was asked for and which names are near it."""
    near = difflib.get_close_matches(name.lower(), [one.lower() for one in known], n=3)
    spelled = [one for one in known if one.lower() in near]
    hint = f" Did you mean {' or '.join(spelled)}?" if spelled else ""
    kind = f" of type {type}" if type else ""
    error = NotFound(
        f"There is no model '{name}'{kind} in the catalog, nor a folder of that name.{hint} "
        "Give a family of the catalog, or a path to a .gguf file or a Hugging Face folder."
    )
    error.param = "model_name"
    return error


FAMILIES = Catalog(Path(__file__).parent / "families")
"""The families that come with this package."""
