"""Errors about a request itself: its body, its path, its key and its limits, and the client's disconnect."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.core.errors.base import BadRequest, Conflict, ModelyardError, NotFound


class MalformedBody(BadRequest):
    """The body is not JSON, or not of the form that this path accepts."""

    code = "malformed_body"


MOST_CHARACTERS = 1500
"""Length of what a sentence says of a parameter, which may repeat a value of any length."""


def _shortened(text: str) -> str:
    half = MOST_CHARACTERS // 2
    return text if len(text) <= MOST_CHARACTERS else f"{text[:half]} … {text[-half:]}"


class InvalidParameter(BadRequest):
    """A parameter has a wrong type or an invalid value."""

    code = "invalid_parameter"

    def __init__(self, param: str, problem: str) -> None:
        super().__init__(f"Parameter '{param}': {_shortened(problem)}")
        self.param = param


class UnsupportedParameter(BadRequest):
    """The engine of this model does not support the parameter or its value."""

    code = "unsupported_parameter"

    def __init__(self, param: str, model: str, why: str) -> None:
        super().__init__(f"Parameter '{param}' is not supported by model '{model}': {why}")
        self.param = param


class ContextLengthExceeded(BadRequest):
    """A prompt or a text has more tokens than the model accepts. Code and wording are OpenAI's, which clients look for.

    `where` is the field, if it is known, with an index if it has several texts (`input[3]`); `given` and `limit` are numbers of
    tokens. `cure` is the end of the message.
    """

    code = "context_length_exceeded"

    def __init__(
        self, where: str | None, limit: int, given: int, cure: str = "shorten it", at_least: bool = False
    ) -> None:
        count = f"at least {given}" if at_least else f"{given}"
        full = ", which leaves none for the answer" if given == limit and not at_least else ""
        place = f" in '{where}'" if where else ""
        super().__init__(
            f"This model's maximum context length is {limit} tokens, and the request has {count}{place}{full}; "
            f"{cure.rstrip('.')}."
        )
        self.param = where


class UnknownName(BadRequest):
    """A registry has no entry of this name."""

    code = "unknown_name"

    def __init__(self, group: str, name: str, known: Sequence[str], nearest: str | None = None) -> None:
        hint = f" Did you mean '{nearest}'?" if nearest else ""
        noun = group[:-1] if group.endswith("s") else group
        super().__init__(f"Unknown {noun} '{name}'.{hint} Known: {', '.join(known) or 'none'}.")


class ChatchatRefused(BadRequest):
    """A refusal in Chatchat's format, with HTTP status 200; `number` is the `code` of the body, `data` a field beside it."""

    code = "refused"

    def __init__(self, number: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.number = number
        self.data = data


class InvalidKey(ModelyardError):
    """The key is missing, unknown, revoked or expired; or the user name or password is wrong."""

    status = 401
    code = "invalid_api_key"
    type = "invalid_request_error"


class SessionEnded(InvalidKey):
    """The cookie is of no session that is open: it has expired, was ended, or never was one."""

    code = "session_ended"

    def __init__(self) -> None:
        super().__init__("This browser's session has ended; log in again (POST /v1/auth/sessions).")


class PermissionDenied(ModelyardError):
    """The key is valid, but not for this request."""

    status = 403
    code = "permission_denied"
    type = "invalid_request_error"


class CrossSiteRefused(PermissionDenied):
    """A browser sent the request for a page of another site, which the server's settings do not allow."""

    code = "cross_site_refused"

    def __init__(self, origin: str) -> None:
        page = f"pages of {origin}" if origin else "pages of other sites"
        allowed = origin if "://" in origin else "https://app.example"
        super().__init__(
            f"This server does not let {page} use it. MODELYARD_CORS_ORIGINS={allowed} would; only the server's owner "
            "can set it. Programs that are not web pages leave out Origin and Sec-Fetch-Site."
        )


class OriginUnproven(PermissionDenied):
    """A request that changes something carries the cookie of a session, and does not show that a page of this server sent it."""

    code = "origin_unproven"

    def __init__(self) -> None:
        super().__init__(
            "A session's cookie counts only for requests of this server's own pages, which browsers mark with Origin or "
            "Sec-Fetch-Site. A program sends an API key instead: 'Authorization: Bearer KEY'."
        )


class HostNotAllowed(ModelyardError):
    """The request names a host that is not known to be this server, which can be a DNS-rebinding attack."""

    status = 421
    code = "host_not_allowed"
    type = "invalid_request_error"

    def __init__(self, host: str) -> None:
        named = f"the host name '{host}'" if host else "requests without one Host header"
        super().__init__(
            f"This server does not answer to {named}. If it is reached by another name, by a proxy for example, add "
            "that name to MODELYARD_ALLOWED_HOSTS, with commas between names."
        )


class PathNotFound(NotFound):
    """There is no route with this path."""

    code = "path_not_found"

    def __init__(self, method: str, path: str, meant: str | None = None, hint: str = "") -> None:
        hints = [f"Did you mean {meant}?"] if meant else [hint] if hint else []
        super().__init__(" ".join([f"There is no {method} {path} here.", *hints, "/docs lists the routes."]))


class MethodNotAllowed(ModelyardError):
    """The path exists, but not with this method."""

    status = 405
    code = "method_not_allowed"
    type = "invalid_request_error"

    def __init__(self, method: str, path: str, allowed: Sequence[str]) -> None:
        super().__init__(f"{path} takes {', '.join(allowed)}, not {method}.")


def _limit_of(setting: str | None) -> str:
    """The limit that was exceeded, for a message: a setting's, or that of the path."""
    return f"the limit set by MODELYARD_{setting.upper()}" if setting else "the most that this path takes"


class BodyTooLarge(ModelyardError):
    """The request body exceeds the limit."""

    status = 413
    code = "body_too_large"
    type = "invalid_request_error"

    def __init__(self, limit: int, setting: str | None = "max_body_bytes", what: str = "The request body") -> None:
        super().__init__(f"{what} is larger than {limit} bytes, {_limit_of(setting)}.")


class TooManyValues(BodyTooLarge):
    """The JSON of the body has too many values, independently of its size in bytes."""

    code = "too_many_values"

    def __init__(self, limit: int, setting: str | None = "max_json_values") -> None:
        ModelyardError.__init__(self, f"The JSON of the body has more than {limit} values, {_limit_of(setting)}.")


class BodyTooComplex(ModelyardError):
    """The JSON of the body is nested too deeply or has too many fields."""

    status = 413
    code = "body_too_complex"
    type = "invalid_request_error"

    def __init__(self, problem: str) -> None:
        super().__init__(f"The request body {problem}, the limit; send it in several requests.")


class WrongContentType(ModelyardError):
    """This path does not accept the content type of the body."""

    status = 415
    code = "wrong_content_type"
    type = "invalid_request_error"

    def __init__(self, content_type: str, expected: str) -> None:
        advice = ""
        if expected == "application/json":
            advice = (
                " Send the header 'Content-Type: application/json' (with curl: -H 'Content-Type: application/json')."
            )
        super().__init__(f"This path takes {expected}, not '{content_type or 'a body without content-type'}'.{advice}")


class HeadTooLarge(ModelyardError):
    """The request line and the headers exceed a limit."""

    status = 431
    code = "head_too_large"
    type = "invalid_request_error"


class RequestTimeout(ModelyardError):
    """The request did not arrive in time."""

    status = 408
    code = "request_timeout"
    type = "invalid_request_error"


class RateLimited(ModelyardError):
    """The request exceeds a limit of its key or of the model."""

    status = 429
    code = "rate_limit_exceeded"
    type = "rate_limit_error"

    def __init__(self, problem: str, retry_after: int | None = None) -> None:
        super().__init__(f"Rate limit reached: {problem}")
        self.retry_after = retry_after


class RequestAborted(Conflict):
    """The request was aborted by its id."""

    code = "request_aborted"

    def __init__(self, request_id: str) -> None:
        super().__init__(f"The request '{request_id}' was aborted.")


class ClientGone(ModelyardError):
    """The client disconnected before the answer."""

    status = 499
    code = "client_gone"

    def __init__(self) -> None:
        super().__init__("The client disconnected before the answer was complete.")
