"""Bodies of the routes about model families: those of the catalog and those that users register."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from modelyard.protocol.bounds import Fields
from modelyard.protocol.catalog import CatalogEntry
from modelyard.protocol.deferred import DeferredModel


class RegistrationRequest(DeferredModel):
    """Body of `POST /v1/model_registrations/{model_type}`."""

    model: str | Fields[Any]
    """The record of the family, as JSON text or as an object; version 1 or 2 of Xinference's format."""
    persist: bool = False
    """Whether the registration survives a restart of the server, as a file in the folder `registrations`. The record's local
    files must then exist."""
    worker_ip: str | None = None
    """Accepted without effect: the server has one machine."""
    dry_run: bool = False
    """Only check the record. The answer says what it would register and what a launch would choose; nothing is stored."""


class DraftRequest(DeferredModel):
    """Body of `POST /v1/model_registrations/drafts`."""

    model_config = ConfigDict(protected_namespaces=())

    source: str = Field(min_length=1, max_length=1000)
    """The id of a repository on a hub, or a path on the server's machine: a `.gguf` file or a Hugging Face folder."""
    model_name: str | None = None
    """Name of the family; if left out, it is made from the repository's or the file's name."""
    model_type: str | None = None
    """`LLM`, `embedding`, …; if left out, it is read from the files."""
    quantization: str | None = None
    """Which file of a GGUF repository; if left out, the best one."""
    download_hub: str | None = None
    """Hub on which to look up the repository."""


class RegistrationDraft(DeferredModel):
    """Answer of `POST /v1/model_registrations/drafts`: a record made from the files, to be edited and registered."""

    model_config = ConfigDict(protected_namespaces=())

    model_type: str
    model: dict[str, Any]
    """The record, which a registration accepts as `model`."""


class RegistrationSummary(DeferredModel):
    """A family in the short list."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    is_builtin: bool
    """Whether the family comes with Modelyard; otherwise a user registered it."""


class ModelPrompt(DeferredModel):
    """The prompt format of a model: the seven fields of its prompt style, and the texts and tokens that end its answers."""

    style_name: str
    system_prompt: str
    roles: list[str]
    intra_message_sep: str
    inter_message_sep: str
    stop: list[str] | None
    stop_token_ids: list[int] | None
    chat_template: str | None
    """Jinja text of the chat template; null if the model's own template is used."""
    reasoning_start_tag: str | None = None
    reasoning_end_tag: str | None = None
    tool_parser: str | None = None


class SpecRecord(DeferredModel):
    """One size and format of a family. A registered one also has all fields that were sent."""

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
    """The full record of a family. Further fields depend on its type; a registered family also has all fields that were sent."""

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

    record: FamilyRecord
    """The record as the server would list it."""
    entry: CatalogEntry
    """The family as the catalog would list it: whether it fits this machine, and which version a launch would choose, or why
    none."""
