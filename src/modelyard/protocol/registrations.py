"""Bodies of the routes about families: those of the catalog and those that users register."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from modelyard.protocol.bounds import Fields
from modelyard.protocol.catalog import CatalogEntry
from modelyard.protocol.deferred import DeferredModel


class RegistrationRequest(DeferredModel):
    """Body of `POST /v1/model_registrations/{model_type}`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    model: str | Fields[Any]
    """The record of the family, as JSON text or as an object; of the first or the second generation."""
    persist: bool = False
    """Whether it survives a restart, as a file in the folder `registrations`; its local files must then exist already."""
    worker_ip: str | None = None
    """Accepted without effect: every worker knows every family."""
    dry_run: bool = False
    """Only check the record: the answer says what it would register and what a launch of it would choose, and nothing is kept."""


class DraftRequest(DeferredModel):
    """Body of `POST /v1/model_registrations/drafts`."""

    model_config = ConfigDict(use_attribute_docstrings=True, protected_namespaces=())

    source: str = Field(min_length=1, max_length=1000)
    """The id of a repository on a hub, or a path of the server's machine: a `.gguf` file or a Hugging Face folder."""
    model_name: str | None = None
    """Name of the family; that of the repository or the file if left out."""
    model_type: str | None = None
    """`LLM`, `embedding`, …; read from the files if left out."""
    quantization: str | None = None
    """Which file of a GGUF repository; the best if left out."""
    download_hub: str | None = None
    """Hub to ask."""


class RegistrationDraft(DeferredModel):
    """Answer of `POST /v1/model_registrations/drafts`: what files say of themselves, as a record to be edited and registered."""

    model_config = ConfigDict(use_attribute_docstrings=True, protected_namespaces=())

    model_type: str
    model: dict[str, Any]
    """The record, for the field `model` of a registration."""


class RegistrationSummary(DeferredModel):
    """One line of the plain list."""

    model_config = ConfigDict(use_attribute_docstrings=True, protected_namespaces=())

    model_name: str
    is_builtin: bool
    """Whether it comes with Modelyard."""


class ModelPrompt(DeferredModel):
    """The prompt format of one model: the seven fields of its prompt style, and what ends its answers."""

    style_name: str
    system_prompt: str
    roles: list[str]
    intra_message_sep: str
    inter_message_sep: str
    stop: list[str] | None
    stop_token_ids: list[int] | None
    chat_template: str | None
    """Null where the model's files have it."""
    reasoning_start_tag: str | None = None
    reasoning_end_tag: str | None = None
    tool_parser: str | None = None


class SpecRecord(DeferredModel):
    """One size and format of a family. A registered one has the fields that were sent, too."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    model_format: str | None = None
    model_size_in_billions: int | float | str | None = None
    quantizations: list[str] | None = None
    model_id: str | None = None
    model_hub: str | None = None
    model_uri: str | None = None
    model_revision: str | None = None
    cache_status: list[bool] | bool | None = None
    """For each quantisation, whether its files are on this machine."""


class FamilyRecord(DeferredModel):
    """The full record of a family. Which further fields it has depends on its type; a registered one has what was sent."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    version: int
    model_name: str
    model_lang: list[str] | None = None
    model_ability: list[str] | None = None
    model_description: str | None = None
    model_family: str | None = None
    context_length: int | None = None
    is_builtin: bool
    model_specs: list[SpecRecord] = []


class RegistrationCheck(DeferredModel):
    """Answer of a registration with `dry_run`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    record: FamilyRecord
    """The record as it would be listed."""
    entry: CatalogEntry
    """The family as the catalog would list it: whether it fits here, and what a launch would choose, or why none."""
