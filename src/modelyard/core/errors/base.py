"""The root of the tree of errors, and the classes of each HTTP status that the others derive from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self


class ModelyardError(RuntimeError):
    """Base of all our errors: a message for people, a stable `code` and an HTTP `status` for programs.

    It is a `RuntimeError`, because programs written for Xinference's client catch that.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    type: ClassVar[str] = "server_error"

    param: str | None = None
    retry_after: int | None = None
    """Seconds, for the `Retry-After` header."""
    memory: Mapping[str, int | str] | None = None
    """For errors about memory: the estimate in bytes (`weights`, `kv_cache`, …, `total`), the `free` bytes, and the device."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @classmethod
    def from_wire(cls, message: str, param: str | None, retry_after: int | None) -> Self:
        """The error as a client received it, without the arguments that composed its message."""
        error = cls.__new__(cls)
        ModelyardError.__init__(error, message)
        error.param = param
        error.retry_after = retry_after
        return error


class BadRequest(ModelyardError):
    """The request cannot succeed without changes."""

    status = 400
    code = "bad_request"
    type = "invalid_request_error"


class NotFound(ModelyardError):
    """The named object does not exist."""

    status = 404
    code = "not_found"
    type = "invalid_request_error"


class Conflict(ModelyardError):
    """The request contradicts the current state."""

    status = 409
    code = "conflict"
    type = "invalid_request_error"


class Unavailable(ModelyardError):
    """The request cannot be served now; a later one may succeed."""

    status = 503
    code = "unavailable"
    retry_after: int | None = 5


class UpstreamFailed(ModelyardError):
    """The engine closed or refused the connection, or sent an invalid answer."""

    status = 502
    code = "upstream_failed"

    def __init__(self, model: str, problem: str) -> None:
        super().__init__(f"The engine of model '{model}' failed: {problem}")


class InternalError(ModelyardError):
    """A bug in Modelyard."""
