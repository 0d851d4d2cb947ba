"""Every error that a person or a program can meet, each building its own sentence.

    ModelyardError                      status  code
    ├── BadRequest                      400     bad_request
    │   ├── MalformedBody               400     malformed_body
    │   ├── InvalidParameter            400     invalid_parameter
    │   ├── UnsupportedParameter        400     unsupported_parameter
    │   ├── ContextLengthExceeded       400     context_length_exceeded
    │   ├── UnsupportedTask             400     unsupported_task
    │   ├── UnknownName                 400     unknown_name
    │   ├── UnknownOption               400     unknown_option
    │   ├── ModelFilesInvalid           400     model_files_invalid
    │   ├── RegistrationInvalid         400     registration_invalid
    │   ├── AdapterInvalid              400     adapter_invalid
    │   ├── DocumentUnreadable          400     document_unreadable
    │   ├── NoEngineFits                400     no_engine_fits
    │   ├── HubsOffline                 400     hubs_offline
    │   ├── AddressRefused              400     address_refused
    │   ├── SearchNotConfigured         400     search_not_configured
    │   ├── Refused                     400     refused            in the words of another system, by its own routes
    │   └── MissingLibrary              400     missing_library
    ├── InvalidKey                      401     invalid_api_key
    ├── PermissionDenied                403     permission_denied
    │   └── CrossSiteRefused            403     cross_site_refused
    ├── NotFound                        404     not_found
    │   ├── ModelNotFound               404     model_not_found
    │   ├── AdapterNotFound             404     adapter_not_found
    │   ├── KnowledgeBaseNotFound       404     knowledge_base_not_found
    │   ├── DocumentNotFound            404     document_not_found
    │   ├── ChunkNotFound               404     chunk_not_found
    │   ├── JobNotFound                 404     job_not_found
    │   ├── ConversationNotFound        404     conversation_not_found
    │   └── PathNotFound                404     path_not_found
    ├── MethodNotAllowed                405     method_not_allowed
    ├── Conflict                        409     conflict
    │   ├── ModelExists                 409     model_exists
    │   ├── KnowledgeBaseExists         409     knowledge_base_exists
    │   ├── KnowledgeBaseBusy           409     knowledge_base_busy
    │   ├── RegistrationExists          409     registration_exists
    │   ├── RegistrationInUse           409     registration_in_use
    │   ├── ChangedMeanwhile            409     changed_meanwhile
    │   └── RequestAborted              409     request_aborted
    ├── RequestTimeout                  408     request_timeout
    ├── BodyTooLarge                    413     body_too_large
    │   └── TooManyValues               413     too_many_values
    ├── BodyTooComplex                  413     body_too_complex
    ├── WrongContentType                415     wrong_content_type
    ├── HostNotAllowed                  421     host_not_allowed
    ├── RateLimited                     429     rate_limit_exceeded
    ├── HeadTooLarge                    431     head_too_large
    ├── LaunchCancelled                 499     launch_cancelled
    ├── ClientGone                      499     client_gone        nobody hears it
    ├── InternalError                   500     internal_error
    ├── JobLost                         500     job_lost           the error of a job that nobody runs any more
    ├── UpstreamFailed                  502     upstream_failed
    │   ├── LaunchFailed                502     launch_failed
    │   ├── DownloadFailed              502     download_failed
    │   ├── JobFailed                   502     job_failed
    │   ├── FetchFailed                 502     fetch_failed
    │   ├── SearchFailed                502     search_failed
    │   └── ToolFailed                  502     tool_failed
    ├── Unavailable                     503     unavailable
    │   ├── ModelNotReady               503     model_not_ready
    │   ├── NotEnoughMemory             503     not_enough_memory
    │   ├── NotEnoughDisk               503     not_enough_disk
    │   ├── HubUnavailable              503     hub_unavailable
    │   ├── DatabaseUnavailable         503     database_unavailable
    │   └── IndexUnavailable            503     index_unavailable
    ├── UpstreamTimeout                 504     upstream_timeout
    ├── CannotStart                     (exit)  cannot_start       raised before there is anybody to answer
    ├── InstallFailed                   (exit)  install_failed     raised by `modelyard engine install`
    └── ServerUnreachable               (client) server_unreachable  raised by our client: nobody answered
        └── ConnectionLost              (client) connection_lost     the answer began, or was awaited, and broke off

Raised deep, rendered in one place (`protocol/errors.py`); the client raises the same class again from the code.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
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


class MalformedBody(BadRequest):
    """The body is not JSON, or not the JSON this path takes."""

    code = "malformed_body"


class InvalidParameter(BadRequest):
    """A parameter has the wrong type or an impossible value."""

    code = "invalid_parameter"

    def __init__(self, param: str, problem: str) -> None:
        super().__init__(f"Parameter '{param}': {problem}")
        self.param = param


class UnsupportedParameter(BadRequest):
    """The engine behind this model cannot do what a parameter asks."""

    code = "unsupported_parameter"

    def __init__(self, param: str, model: str, why: str) -> None:
        super().__init__(f"Parameter '{param}' is not supported by model '{model}': {why}")
        self.param = param


class ContextLengthExceeded(BadRequest):
    """A prompt or a text has more tokens than the model takes. OpenAI's code and words, which clients look for.

    `where` is the field, if it is known, with an index where it holds several (`input[3]`); `given` and `limit` count tokens.
    `cure` is the end of the sentence.
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


class UnsupportedTask(BadRequest):
    """The model cannot do what this path asks."""

    code = "unsupported_task"

    def __init__(self, model: str, task: str, able: Sequence[str]) -> None:
        super().__init__(f"Model '{model}' cannot do {task}; it does {', '.join(able) or 'nothing yet'}.")
        self.param = "model"


class UnknownName(BadRequest):
    """A registry was asked for something it does not hold."""

    code = "unknown_name"

    def __init__(self, group: str, name: str, known: Sequence[str], nearest: str | None = None) -> None:
        hint = f" Did you mean '{nearest}'?" if nearest else ""
        noun = group[:-1] if group.endswith("s") else group
        super().__init__(f"Unknown {noun} '{name}'.{hint} Known: {', '.join(known) or 'none'}.")


class UnknownOption(BadRequest):
    """An engine was given an option it does not have."""

    code = "unknown_option"

    def __init__(
        self, engine: str, option: str, known: Sequence[str], nearest: str | None = None, others: Sequence[str] = ()
    ) -> None:
        """`others` are engines that have it."""
        hint = f" Did you mean '{nearest}'?" if nearest and not others else ""
        names = " and ".join(filter(None, (", ".join(others[:-1]), *others[-1:])))
        there = f"; {names} {'have' if len(others) > 1 else 'has'} it" if others else ""
        super().__init__(f"Engine '{engine}' has no option '{option}'{there}.{hint} It has: {', '.join(known)}.")
        self.param = option
        self.engine, self.known, self.nearest = engine, known, nearest


class ModelFilesInvalid(BadRequest):
    """The files at a path are not a model we can read."""

    code = "model_files_invalid"

    problem = ""
    """The sentence without its beginning."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"Cannot use '{path}' as a model: {problem}")
        self.problem = problem
        self.param = "model_path"


class AdapterInvalid(BadRequest):
    """The files at a path are no LoRA adapter, or none for this model."""

    code = "adapter_invalid"

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"Cannot use '{path}' as an adapter: {problem}")
        self.param = "lora_modules"


class DocumentUnreadable(BadRequest):
    """A file has no text that we can read: damaged, encrypted, scanned, or of a format we do not know."""

    code = "document_unreadable"

    problem = ""
    """The sentence without its beginning."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"Cannot read '{name}': {problem}")
        self.problem = problem
        self.param = "file"


class RegistrationInvalid(BadRequest):
    """The record of a family that somebody wants to register is not one."""

    code = "registration_invalid"

    def __init__(self, problem: str) -> None:
        super().__init__(f"This cannot be registered: {problem}")
        self.param = "model"


class NoEngineFits(BadRequest):
    """No installed engine can run this model; the sentence says why for each."""

    code = "no_engine_fits"

    def __init__(self, model: str, reasons: Mapping[str, str], estimate: str = "") -> None:
        if len(reasons) == 1:
            ((engine, reason),) = reasons.items()
            sentence = f"{engine} cannot run '{model}': {reason.rstrip('.')}."
        else:
            why = "; ".join(f"{engine}: {reason.rstrip('.')}" for engine, reason in reasons.items())
            sentence = f"No engine can run '{model}'. {why}."
        super().__init__(f"{sentence} {estimate}".rstrip())
        self.param = "model_engine"


class HubsOffline(BadRequest):
    """The files are not here, and this server is set never to ask a hub for them."""

    code = "hubs_offline"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} is not on this machine, and this server is set to be offline. Bring the files into the cache "
            "folder of a hub, give their path as model_path, or unset MODELYARD_OFFLINE and HF_HUB_OFFLINE."
        )
        self.param = "model_name"


class AddressRefused(BadRequest):
    """A URL that this server does not fetch from: not of the web, or not of a public host."""

    code = "address_refused"

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"The address '{_shown(url)}' is not fetched: {why}.")
        self.param = "url"


class SearchNotConfigured(BadRequest):
    """A search engine that has no address or no key yet."""

    code = "search_not_configured"

    def __init__(self, engine: str, how: str) -> None:
        super().__init__(f"The search engine '{engine}' is not set up: {how}.")
        self.param = "search_engine"


class Refused(BadRequest):
    """A refusal in Chatchat's own words; `number` is the `code` of the body, and `data` stands beside it. HTTP says 200."""

    code = "refused"

    def __init__(self, number: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.number = number
        self.data = data


class MissingLibrary(BadRequest):
    """A library that this choice needs is not installed."""

    code = "missing_library"

    def __init__(self, name: str, library: str, how: str | None = None) -> None:
        super().__init__(f"'{name}' needs the library '{library}'. {how or f'pip install {library}'}")


class InvalidKey(ModelyardError):
    """No key, one that is not known, revoked or expired; or a wrong name or password."""

    status = 401
    code = "invalid_api_key"
    type = "invalid_request_error"


class PermissionDenied(ModelyardError):
    """The key is good, but not for this."""

    status = 403
    code = "permission_denied"
    type = "invalid_request_error"


class CrossSiteRefused(PermissionDenied):
    """A browser sent the request for a page of another site, which the server's settings do not let in."""

    code = "cross_site_refused"

    def __init__(self, origin: str) -> None:
        page = f"pages of {origin}" if origin else "pages of other sites"
        allowed = origin if "://" in origin else "https://app.example"
        super().__init__(
            f"This server does not let {page} use it. MODELYARD_CORS_ORIGINS={allowed} would; only the server's owner "
            "can set it. Programs that are not web pages leave out Origin and Sec-Fetch-Site."
        )


class NotFound(ModelyardError):
    """There is no such thing."""

    status = 404
    code = "not_found"
    type = "invalid_request_error"


class ModelNotFound(NotFound):
    """No model of that name runs here."""

    code = "model_not_found"

    def __init__(self, name: str, running: Sequence[str] = (), nearest: str | None = None) -> None:
        hint = f" Did you mean '{nearest}'?" if nearest else ""
        have = (
            f" Running: {', '.join(running)}."
            if running
            else " No model is running; start one with `modelyard launch`."
        )
        super().__init__(f"Model '{name}' not found.{hint}{have}")
        self.param = "model"

    @classmethod
    def among(cls, name: str, running: Sequence[str]) -> Self:
        """With the nearest of the running names, if one is near."""
        return cls(name, running, nearest(name, running))


class KnowledgeBaseNotFound(NotFound):
    """There is no knowledge base of that name."""

    code = "knowledge_base_not_found"

    def __init__(self, name: str, there: Sequence[str] = ()) -> None:
        near = nearest(name, there)
        hint = f" Did you mean '{near}'?" if near else ""
        super().__init__(f"There is no knowledge base '{name}'.{hint}")
        self.param = "knowledge_base"


class DocumentNotFound(NotFound):
    """A knowledge base has no such document."""

    code = "document_not_found"

    def __init__(self, name: str, base: str) -> None:
        super().__init__(f"The knowledge base '{base}' has no document '{name}'.")
        self.param = "document"


class ChunkNotFound(NotFound):
    """A knowledge base has no such chunk; one that was edited has a new id."""

    code = "chunk_not_found"

    def __init__(self, number: int, base: str) -> None:
        super().__init__(f"The knowledge base '{base}' has no chunk {number}; a chunk that was edited has a new id.")
        self.param = "chunk"


class JobNotFound(NotFound):
    """There is no such job."""

    code = "job_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no job '{name}'.")
        self.param = "job"


class ConversationNotFound(NotFound):
    """There is no such conversation or message, or it is somebody else's."""

    code = "conversation_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no conversation or message '{name}'.")
        self.param = "conversation"


class AdapterNotFound(NotFound):
    """No adapter of that name is loaded, or there is nothing at its path."""

    code = "adapter_not_found"

    def __init__(self, name: str, loaded: Sequence[str] = ()) -> None:
        near = nearest(name, loaded)
        hint = f" Did you mean '{near}'?" if near else ""
        have = f" Loaded: {', '.join(loaded)}." if loaded else ""
        super().__init__(f"No adapter '{name}' is loaded.{hint}{have}")
        self.param = "lora_name"

    @classmethod
    def at(cls, name: str, path: str) -> Self:
        """For an adapter whose files are not where they were said to be."""
        return cls.from_wire(f"There is nothing at '{path}', where adapter '{name}' should be.", "lora_path", None)


class PathNotFound(NotFound):
    """No route of that path."""

    code = "path_not_found"

    def __init__(self, method: str, path: str, meant: str | None = None) -> None:
        hint = f" Did you mean {meant}?" if meant else ""
        super().__init__(f"There is no {method} {path} here.{hint} /docs lists the routes.")


class MethodNotAllowed(ModelyardError):
    """The path exists, with another method."""

    status = 405
    code = "method_not_allowed"
    type = "invalid_request_error"

    def __init__(self, method: str, path: str, allowed: Sequence[str]) -> None:
        super().__init__(f"{path} takes {', '.join(allowed)}, not {method}.")


class Conflict(ModelyardError):
    """What was asked for contradicts what is."""

    status = 409
    code = "conflict"
    type = "invalid_request_error"


class ModelExists(Conflict):
    """A model of that uid already runs."""

    code = "model_exists"

    def __init__(self, uid: str, state: str, param: str = "model_uid") -> None:
        other = "launch under another model_uid" if param == "model_uid" else "choose another name"
        super().__init__(f"Model '{uid}' is already here ({state}). Terminate it first, or {other}.")
        self.param = param


class ChangedMeanwhile(Conflict):
    """Another request changed or deleted the same rows while this one wrote them, and did so at every try."""

    code = "changed_meanwhile"
    retry_after: int | None = 1

    def __init__(self) -> None:
        super().__init__(
            "Another request changed or deleted the same thing at this moment; nothing was written. Send it again."
        )


class KnowledgeBaseExists(Conflict):
    """A knowledge base of that name is there already."""

    code = "knowledge_base_exists"

    def __init__(self, name: str) -> None:
        super().__init__(f"There already is a knowledge base '{name}'.")
        self.param = "name"


class KnowledgeBaseBusy(Conflict):
    """A knowledge base is being indexed anew, and cannot be changed in that way until it is done."""

    code = "knowledge_base_busy"

    def __init__(self, name: str, job: str) -> None:
        super().__init__(f"The knowledge base '{name}' is being indexed anew (job {job}); wait for it, or cancel it.")


class RegistrationExists(Conflict):
    """A family of that name is there already."""

    code = "registration_exists"

    def __init__(self, name: str, kind: str, built_in: bool) -> None:
        origin = "in the catalog" if built_in else "registered"
        super().__init__(f"A model of type {kind} named '{name}' is already {origin}; choose another model_name.")
        self.param = "model_name"


class RegistrationInUse(Conflict):
    """A family cannot go while models of it are launched."""

    code = "registration_in_use"

    def __init__(self, name: str, uids: Sequence[str]) -> None:
        super().__init__(f"'{name}' is in use by {', '.join(uids)}; terminate it first.")
        self.param = "model_name"


class RequestAborted(Conflict):
    """Somebody ended this request by its id."""

    code = "request_aborted"

    def __init__(self, request_id: str) -> None:
        super().__init__(f"The request '{request_id}' was aborted.")


def _limit_of(setting: str | None) -> str:
    """Whose limit it is, for a sentence: a setting's, or the path's own."""
    return f"the limit set by MODELYARD_{setting.upper()}" if setting else "the most that this path takes"


class BodyTooLarge(ModelyardError):
    """The request body is over the limit."""

    status = 413
    code = "body_too_large"
    type = "invalid_request_error"

    def __init__(self, limit: int, setting: str | None = "max_body_bytes", what: str = "The request body") -> None:
        super().__init__(f"{what} is larger than {limit} bytes, {_limit_of(setting)}.")


class TooManyValues(BodyTooLarge):
    """The JSON of the body has too many values, whatever its size in bytes."""

    code = "too_many_values"

    def __init__(self, limit: int, setting: str | None = "max_json_values") -> None:
        ModelyardError.__init__(self, f"The JSON of the body has more than {limit} values, {_limit_of(setting)}.")


class RequestTimeout(ModelyardError):
    """The request itself did not arrive in time."""

    status = 408
    code = "request_timeout"
    type = "invalid_request_error"


class HeadTooLarge(ModelyardError):
    """The request line and the headers are over a limit."""

    status = 431
    code = "head_too_large"
    type = "invalid_request_error"


class BodyTooComplex(ModelyardError):
    """The JSON of the body is nested deeper, or has more fields, than a request may bring."""

    status = 413
    code = "body_too_complex"
    type = "invalid_request_error"

    def __init__(self, problem: str) -> None:
        super().__init__(f"The request body {problem}, the limit; send it in several requests.")


class WrongContentType(ModelyardError):
    """The body is of a type this path does not take."""

    status = 415
    code = "wrong_content_type"
    type = "invalid_request_error"

    def __init__(self, got: str, expected: str) -> None:
        advice = ""
        if expected == "application/json":
            advice = (
                " Send the header 'Content-Type: application/json' (with curl: -H 'Content-Type: application/json')."
            )
        super().__init__(f"This path takes {expected}, not '{got or 'a body without content-type'}'.{advice}")


class HostNotAllowed(ModelyardError):
    """The request is addressed to a host name that is not known to be this server's: perhaps a page has rebound its name."""

    status = 421
    code = "host_not_allowed"
    type = "invalid_request_error"

    def __init__(self, host: str) -> None:
        named = f"the host name '{host}'" if host else "requests without one Host header"
        super().__init__(
            f"This server does not answer to {named}. If it is reached by another name, by a proxy for example, add "
            "that name to MODELYARD_ALLOWED_HOSTS, with commas between names."
        )


class RateLimited(ModelyardError):
    """More than a key, or a model, allows."""

    status = 429
    code = "rate_limit_exceeded"
    type = "rate_limit_error"

    def __init__(self, problem: str, retry_after: int | None = None) -> None:
        super().__init__(f"Rate limit reached: {problem}")
        self.retry_after = retry_after


class ClientGone(ModelyardError):
    """There is nobody to answer any more."""

    status = 499
    code = "client_gone"

    def __init__(self) -> None:
        super().__init__("The client left before the answer was there.")


class LaunchCancelled(ModelyardError):
    """Somebody cancelled the launch that was being waited for."""

    status = 499
    code = "launch_cancelled"
    type = "invalid_request_error"

    def __init__(self, uid: str) -> None:
        super().__init__(f"The launch of '{uid}' was cancelled.")


class InternalError(ModelyardError):
    """A defect of ours."""


class JobLost(ModelyardError):
    """A job was not finished, and cannot be gone on with."""

    code = "job_lost"

    def __init__(self, job: str, reason: str) -> None:
        super().__init__(f"The job '{job}' cannot go on: {reason}. Start it again.")


class UpstreamFailed(ModelyardError):
    """The engine broke off, refused the connection or answered nonsense."""

    status = 502
    code = "upstream_failed"

    def __init__(self, model: str, problem: str) -> None:
        super().__init__(f"The engine of model '{model}' failed: {problem}")


class LaunchFailed(UpstreamFailed):
    """An engine did not come up; the sentence carries its own error."""

    code = "launch_failed"

    def __init__(self, uid: str, reason: str) -> None:
        ModelyardError.__init__(self, f"Launching '{uid}' failed: {reason}")


class DownloadFailed(UpstreamFailed):
    """A hub broke off, or sent something else than it promised."""

    code = "download_failed"

    def __init__(self, model_id: str, hub: str, problem: str) -> None:
        ModelyardError.__init__(self, f"Downloading '{model_id}' from {hub} failed: {problem}")


class JobFailed(UpstreamFailed):
    """The process of a job ended, and the job was not done."""

    code = "job_failed"

    def __init__(self, job: str, problem: str) -> None:
        ModelyardError.__init__(self, f"The job '{job}' failed: {problem.rstrip('.')}. Its log has more.")


class FetchFailed(UpstreamFailed):
    """A file could not be fetched. The sentence names the conditions, not the cause, which would tell a caller whether a port is
    open or a name exists; the server's log has the cause."""

    code = "fetch_failed"

    def __init__(self, url: str, conditions: str) -> None:
        ModelyardError.__init__(self, f"The address '{_shown(url)}' could not be fetched: {conditions}.")


class SearchFailed(UpstreamFailed):
    """A search engine refused, broke off or answered nonsense; the sentence carries its own words."""

    code = "search_failed"

    def __init__(self, engine: str, problem: str) -> None:
        ModelyardError.__init__(self, f"The search engine '{engine}' failed: {problem}")


class ToolFailed(UpstreamFailed):
    """A tool of an agent could not do what it was called for."""

    code = "tool_failed"

    def __init__(self, tool: str, problem: str) -> None:
        ModelyardError.__init__(self, f"The tool '{tool}' failed: {problem}")


class Unavailable(ModelyardError):
    """Not now; perhaps later."""

    status = 503
    code = "unavailable"
    retry_after: int | None = 5


class ModelNotReady(Unavailable):
    """The model is known, but no replica of it takes requests at the moment."""

    code = "model_not_ready"

    def __init__(self, name: str, state: str, reason: str = "") -> None:
        super().__init__(f"Model '{name}' is {state}{': ' + reason if reason else ''}.")
        self.param = "model"


class NotEnoughMemory(Unavailable):
    """The launch would not fit; the sentence has the figures."""

    code = "not_enough_memory"
    retry_after = None
    problem = ""
    """The sentence without its beginning."""

    def __init__(self, uid: str, problem: str, memory: Mapping[str, int | str] | None = None) -> None:
        super().__init__(f"Not enough memory to launch '{uid}': {problem}")
        self.problem = problem
        self.memory = memory


class NotEnoughDisk(Unavailable):
    """The files would not fit; the sentence has the figures."""

    code = "not_enough_disk"
    retry_after = None

    def __init__(self, folder: str, need: int, free: int) -> None:
        super().__init__(
            f"Not enough room in {folder}: {need / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free."
        )

    @classmethod
    def full(cls, folder: object) -> Self:
        """For a disk on which a write found no room."""
        return cls.from_wire(
            f"The disk of {folder} is full, and nothing was written. Delete documents, models or other files, and send it again.",
            None,
            None,
        )


class HubUnavailable(Unavailable):
    """No hub answers."""

    code = "hub_unavailable"
    retry_after = None


class DatabaseUnavailable(Unavailable):
    """The database does not answer, is locked or is full."""

    code = "database_unavailable"

    def __init__(self, problem: str) -> None:
        super().__init__(f"The database cannot be used: {problem}")


class IndexUnavailable(Unavailable):
    """The indexes of a knowledge base are closed, open in another process, or cannot be written."""

    code = "index_unavailable"

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"The index at {where} cannot be used: {problem}")


class UpstreamTimeout(ModelyardError):
    """The engine took the request and did not answer in time."""

    status = 504
    code = "upstream_timeout"

    def __init__(self, model: str, seconds: float) -> None:
        super().__init__(f"The engine of model '{model}' sent nothing for {seconds:g} s; the request was given up.")


class CannotStart(ModelyardError):
    """The server or a command cannot begin: port taken, home not writable, disk full. One sentence, exit code 1."""

    code = "cannot_start"


class InstallFailed(ModelyardError):
    """The environment of an engine could not be made; what was there before is still there."""

    code = "install_failed"

    def __init__(self, engine: str, problem: str) -> None:
        super().__init__(f"Installing {engine} failed: {problem}.")


class ServerUnreachable(ModelyardError):
    """Our client found no server at its address."""

    code = "server_unreachable"

    def __init__(self, url: str, why: str = "") -> None:
        super().__init__(f"No server answers at {url}{f' ({why})' if why else ''}; start one with `modelyard serve`.")


class ConnectionLost(ServerUnreachable):
    """A server was there, and the connection broke, fell silent or carried nonsense."""

    code = "connection_lost"

    def __init__(self, url: str, problem: str) -> None:
        ModelyardError.__init__(self, f"The connection to the server at {url} broke: {problem}.")


def _shown(url: str) -> str:
    """A URL for people; some have millions of characters."""
    return url if len(url) <= 200 else f"{url[:200]}…"


LONGEST_COMPARED = 200
MOST_COMPARED = 1000
"""Characters of a name, and known names, that are compared: it takes milliseconds each, in the server's event loop."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that somebody most likely meant: one that holds this one, or is held by it, or is spelled alike."""
    name = name[:LONGEST_COMPARED]
    names = list(islice(known, MOST_COMPARED))
    folded = name.lower()
    inside = [each for each in names if folded in each.lower() or (each.lower() in folded and len(each) > 2)]
    alike = difflib.get_close_matches(name, names, n=1)
    return next(iter([*alike, *inside]), None)


def error_classes() -> dict[str, type[ModelyardError]]:
    """Every error class by its code."""
    found: dict[str, type[ModelyardError]] = {}
    queue: list[type[ModelyardError]] = [ModelyardError]
    while queue:
        cls = queue.pop()
        found[cls.code] = cls
        queue.extend(cls.__subclasses__())
    found["internal_error"] = InternalError
    return found
