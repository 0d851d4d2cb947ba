"""The format of the data files that describe families. `index.py` reads and finds them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from modelyard.catalog.prompt_styles import PromptStyle, template
from modelyard.core.types import ModelType, RequestDefaults

Size = int | float | str
"""Billions of parameters; `"0_6"` is Xinference's notation of 0.6."""
Text = Annotated[str, Meta(min_length=1)]
Defaults = dict[str, Any]


class Data(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of all structs in a data file: unknown fields are errors, and default values are omitted."""


class ModelSource(Data, kw_only=True, frozen=True):
    """The location of a spec's files: in this package or on this machine (`path`), or on a hub (`model_id`)."""

    path: str | None = None
    """Relative to the catalog's folder; absolute if the source is `local`."""
    model_id: str | None = None
    """Repository id. May contain `{quantization}`, which is then replaced."""
    revision: str | None = None
    quantizations: list[str] = []
    """The source's quantisations, if they differ from the spec's."""
    file: str | None = None
    """The name of the file to use, if the repository has several: `model-{quantization}.gguf`."""
    split_file: str | None = None
    """The name of one part of a split file: `model-{quantization}-{part}.gguf`."""
    parts: dict[str, list[str]] = {}
    """Quantisation → names of its parts, if its file is split."""
    projectors: list[str] = []
    """File names of vision or audio projectors to choose from; the first is the default."""


class Dimensions(Data, kw_only=True, frozen=True):
    """A transformer's dimensions, under the names of Hugging Face's configs."""

    num_hidden_layers: int
    hidden_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int | None = None
    intermediate_size: int | None = None
    vocab_size: int = 0


class Spec(Data, kw_only=True, frozen=True):
    """One size of a family in one format."""

    format: Text
    size_in_billions: Size | None = None
    activated_size_in_billions: Size | None = None
    quantizations: list[str] = msgspec.field(default_factory=lambda: ["none"])
    src: dict[str, ModelSource]
    """Hub name, `package` or `local` → source."""
    aliases: list[str] = []
    """Names of this spec alone, such as swift's `qwen-7b-chat`."""
    shape: Dimensions | None = None
    engine: str | None = None
    """The only engine that can run these weights, if there is only one."""
    gguf: dict[str, ModelSource] = {}
    """For image and video models, by hub: a quantised transformer that replaces the pipeline's own."""
    lightning: dict[str, ModelSource] = {}
    """For image and video models, by hub: weights that need fewer steps; `quantizations` lists their versions."""
    default_model_config: Defaults = {}
    default_generate_config: Defaults = {}

    def quantizations_of(self, source: ModelSource) -> list[str]:
        """The quantisations of one source."""
        return source.quantizations or self.quantizations


OWN_ABILITIES = {ModelType.EMBEDDING: "embed", ModelType.RERANK: "rerank"}
"""The ability that every model of a type has."""


class Family(Data, kw_only=True, frozen=True):
    """All sizes, formats and quantisations that are published under one name."""

    name: Text
    type: ModelType
    version: int = 2
    """The version of the record's format, as in Xinference. In version 1 the prompt style is used even if the model's files have
    a chat template."""
    aliases: list[str] = []
    description: str = ""
    """A description of one line; if it is empty, `descriptions.py` composes one from the other fields."""
    description_zh: str = ""
    purpose: str = ""
    """The purpose if the abilities do not state it, such as `programming`."""
    languages: list[str] = []
    abilities: list[str] = []
    context_length: int = 0
    """Tokens; of embedding and rerank models, the maximum length of a text."""
    dimensions: int | None = None
    family: str | None = None
    """Xinference's `model_family`, if it differs from the name."""
    architectures: list[str] = []
    prompt_style: PromptStyle | None = None
    chat_template: str | None = None
    """A Jinja template that is used in place of the one in the model's files."""
    stop: list[str] = []
    stop_token_ids: list[int] = []
    reasoning_start_tag: str | None = None
    reasoning_end_tag: str | None = None
    tool_parser: str | None = None
    rerank_kind: str | None = None
    multilingual: bool | None = None
    controlnet: list[Defaults] = []
    system_prompt: str = ""
    """The system message of chats that begin with none."""
    messages: list[Defaults] = []
    """Messages before those of a chat, each with `role` and `content`."""
    adapters: list[str] = []
    """Absolute paths of GGUF files of LoRA adapters that every launch loads."""
    default_context_length: int | None = None
    """The context in tokens of launches that name none."""
    runs_on: str | None = None
    """The uid of a model that has the same weights and answers for this family while that is not launched itself."""
    sent: Defaults | None = None
    """A registered family's record as its user wrote it; listings return this record."""
    specs: Annotated[list[Spec], Meta(min_length=1)]

    @property
    def all_abilities(self) -> list[str]:
        """The abilities under Xinference's names, with `embed` and `rerank`, which the data files leave out."""
        own = [OWN_ABILITIES[self.type]] if self.type in OWN_ABILITIES else []
        return list(dict.fromkeys([*own, *self.abilities]))

    @property
    def defaults(self) -> RequestDefaults | None:
        """What requests contain unless they say otherwise; None for families without such defaults."""
        found = RequestDefaults(self.specs[0].default_generate_config, self.system_prompt, tuple(self.messages))
        return found if self.type is ModelType.LLM and found != RequestDefaults() else None

    @property
    def template(self) -> str | None:
        """The chat template of this record or its prompt style; None if the model's files provide it."""
        if self.chat_template:
            return self.chat_template
        return template(self.prompt_style) if self.prompt_style else None

    @property
    def rules_template(self) -> bool:
        """Whether `template` replaces a template in the model's files."""
        return bool(self.chat_template) or self.version == 1

    @property
    def stops(self) -> list[str]:
        """Every string that ends an answer, including those of the prompt style."""
        style = self.prompt_style.stop if self.prompt_style else None
        return list(dict.fromkeys([*self.stop, *(style or [])]))

    @property
    def stop_ids(self) -> list[int]:
        """Every token id that ends an answer, including those of the prompt style."""
        style = self.prompt_style.stop_token_ids if self.prompt_style else None
        return list(dict.fromkeys([*self.stop_token_ids, *(style or [])]))


DECODER = msgspec.json.Decoder(Family)


def load(path: Path) -> Family:
    """Decode the family in a file. Raises `ValueError` with the file and the position of the problem."""
    try:
        return DECODER.decode(path.read_bytes())
    except msgspec.DecodeError as error:
        raise ValueError(f"{path}: {error}") from error
