"""The root and the trunks of the tree of errors: what they share, and nothing of any subject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self


class ModelyardError(RuntimeError):
    """Base of all our errors: a sentence for people, a stable `code` and an HTTP `status` for programs.

    A `RuntimeError`, because that is what programs written for Xinference's client catch.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    type: ClassVar[str] = "server_error"

    param: str | None = None
    retry_after: int | None = None
    """Seconds, sent as the `Retry-After` header."""
    memory: Mapping[str, int | str] | None = None
    """Where memory decides: the estimate in bytes (`weights`, `kv_cache`, …, `total`), what is `free`, and where."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @classmethod
    def from_wire(cls, message: str, param: str | None, retry_after: int | None) -> Self:
        """The error as a client saw it, without the arguments that built its sentence."""
        error = cls.__new__(cls)
        ModelyardError.__init__(error, message)
        error.param = param
        error.retry_after = retry_after
        return error


class BadRequest(ModelyardError):
    """The request can never succeed as it stands."""

    status = 400
    code = "bad_request"
    type = "invalid_request_error"


class NotFound(ModelyardError):
    """There is no such thing."""

    status = 404
    code = "not_found"
    type = "invalid_request_error"


class Conflict(ModelyardError):
    """The request contradicts the present state."""

    status = 409
    code = "conflict"
    type = "invalid_request_error"


class Unavailable(ModelyardError):
    """Not now; perhaps later."""

    status = 503
    code = "unavailable"
    retry_after: int | None = 5


class UpstreamFailed(ModelyardError):
    """The engine broke off, refused the connection or answered nonsense."""

    status = 502
    code = "upstream_failed"

    def __init__(self, model: str, problem: str) -> None:
        super().__init__(f"The engine of model '{model}' failed: {problem}")


class InternalError(ModelyardError):
    """A defect of ours."""
