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
