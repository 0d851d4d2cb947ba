"""A family of models as one data file describes it: the format of these files. Reading and finding them is `index.py`'s."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from modelyard.catalog.prompt_styles import PromptStyle, template
from modelyard.core.types import ModelType

Size = int | float | str
"""Billions of weights; `"0_6"` is Xinference's spelling of 0.6."""
Text = Annotated[str, Meta(min_length=1)]
Defaults = dict[str, Any]


class Data(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of everything in a data file: an unknown field is an error, and a default is not written down."""


class ModelSource(Data, kw_only=True, frozen=True):
    """Where the files of a spec are: in this package or on this machine (`path`), or on a hub (`model_id`)."""

    path: str | None = None
    """Relative to the catalog's folder; absolute where the source is `local`."""
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


class Dimensions(Data, kw_only=True, frozen=True):
    """A transformer's dimensions, in the words of Hugging Face's configs."""

    num_hidden_layers: int
    hidden_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int | None = None
    intermediate_size: int | None = None
    vocab_size: int = 0


class Spec(Data, kw_only=True, frozen=True):
    """One size in one format."""

    format: Text
    size_in_billions: Size | None = None
    activated_size_in_billions: Size | None = None
    quantizations: list[str] = msgspec.field(default_factory=lambda: ["none"])
    src: dict[str, ModelSource]
    """Hub, or `package`, or `local` → where."""
    aliases: list[str] = []
    """Names that mean this spec alone, such as swift's `qwen-7b-chat`."""
    shape: Dimensions | None = None
    engine: str | None = None
    """The only engine for it, where the weights decide that."""
    gguf: dict[str, ModelSource] = {}
    """For image and video models, by hub: a quantised transformer to go with the pipeline."""
    lightning: dict[str, ModelSource] = {}
    """For image and video models, by hub: weights that need fewer steps; `quantizations` are their versions."""
    default_model_config: Defaults = {}
    default_generate_config: Defaults = {}

    def quantizations_of(self, source: ModelSource) -> list[str]:
        """The quantisations of one source."""
        return source.quantizations or self.quantizations


OWN_ABILITIES = {ModelType.EMBEDDING: "embed", ModelType.RERANK: "rerank"}
"""The ability that every model of a type has."""


class Family(Data, kw_only=True, frozen=True):
    """All sizes, formats and quantisations that go by one name."""

    name: Text
    type: ModelType
    version: int = 2
    """The generation of the record, as Xinference counts them. In 1, the prompt style rules even where the files have a
    chat template of their own."""
    aliases: list[str] = []
    description: str = ""
    """One line in words of our own; without it, `describing.py` makes one of the facts below."""
    description_zh: str = ""
    purpose: str = ""
    """Its purpose, where its abilities do not say it: `programming`."""
    languages: list[str] = []
    abilities: list[str] = []
    context_length: int = 0
    """For embedding and rerank models, the longest text."""
    dimensions: int | None = None
    family: str | None = None
    """Xinference's `model_family`, where it is not the name."""
    architectures: list[str] = []
    prompt_style: PromptStyle | None = None
    chat_template: str | None = None
    """Jinja text, for a family whose files shall not be asked for one."""
    stop: list[str] = []
    stop_token_ids: list[int] = []
    reasoning_start_tag: str | None = None
    reasoning_end_tag: str | None = None
    tool_parser: str | None = None
    rerank_kind: str | None = None
    multilingual: bool | None = None
    controlnet: list[Defaults] = []
    sent: Defaults | None = None
    """The record of a registered family as its user wrote it, which is what others see of it."""
    specs: Annotated[list[Spec], Meta(min_length=1)]

    @property
    def all_abilities(self) -> list[str]:
        """Its abilities under Xinference's names; the data files leave `embed` and `rerank` out."""
        own = [OWN_ABILITIES[self.type]] if self.type in OWN_ABILITIES else []
        return list(dict.fromkeys([*own, *self.abilities]))

    @property
    def template(self) -> str | None:
        """The chat template that this record brings, its own or its prompt style's; None leaves it to the files."""
        if self.chat_template:
            return self.chat_template
        return template(self.prompt_style) if self.prompt_style else None

    @property
    def rules_template(self) -> bool:
        """Whether that template takes the place of one in the files."""
        return bool(self.chat_template) or self.version == 1

    @property
    def stops(self) -> list[str]:
        """Every string that ends an answer, the prompt style's included."""
        style = self.prompt_style.stop if self.prompt_style else None
        return list(dict.fromkeys([*self.stop, *(style or [])]))

    @property
    def stop_ids(self) -> list[int]:
        """Every token that ends an answer, the prompt style's included."""
        style = self.prompt_style.stop_token_ids if self.prompt_style else None
        return list(dict.fromkeys([*self.stop_token_ids, *(style or [])]))


DECODER = msgspec.json.Decoder(Family)


def load(path: Path) -> Family:
    """The family in a file. Raises `ValueError` with the file and the place of what is wrong."""
    try:
        return DECODER.decode(path.read_bytes())
    except msgspec.DecodeError as error:
        raise ValueError(f"{path}: {error}") from error
