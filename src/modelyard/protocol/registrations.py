"""Bodies of the routes about families: those of the catalog and those that users register."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from modelyard.protocol.bounds import Fields


class RegistrationRequest(BaseModel):
    """Body of `POST /v1/model_registrations/{model_type}`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    model: str | Fields[Any]
    """The record of the family, as JSON text or as an object; of the first or the second generation."""
    persist: bool = False
    """Whether it outlives the server, as a file in its folder `registrations`; then its local files must be there already."""
    worker_ip: str | None = None
    """Taken and not needed: every worker knows every family."""


class RegistrationSummary(BaseModel):
    """One line of the plain list."""

    model_config = ConfigDict(use_attribute_docstrings=True, protected_namespaces=())

    model_name: str
    is_builtin: bool
    """Whether it comes with Modelyard."""


class ModelPrompt(BaseModel):
    """How one model is spoken to: the seven fields of its prompt style, and what ends its answers."""

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


class SpecRecord(BaseModel):
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


class FamilyRecord(BaseModel):
    """All there is to know of a family. Which further fields it has depends on its type; a registered one has what was sent."""

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
