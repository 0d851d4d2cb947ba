"""Errors about answers that the server makes to the end, whether or not their client stays."""

from __future__ import annotations

from modelyard.core.errors.base import ModelyardError, NotFound
from modelyard.core.errors.requests import BodyTooLarge


class GenerationNotFound(NotFound):
    """The caller has no generation of this id."""

    code = "generation_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no generation '{name}'. GET /v1/generations lists those of this key.")
        self.param = "generation_id"


class GenerationTooLarge(BodyTooLarge):
    """The events of a generation take more room than one may have."""

    code = "generation_too_large"

    def __init__(self, limit: int) -> None:
        ModelyardError.__init__(self, f"The answer was ended because its events take more than {limit} bytes.")
