"""All errors that users or programs can receive; each class composes its message.

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
    │   ├── PreviousResponseNotFound    400     previous_response_not_found
    │   ├── PreviousResponseUnusable    400     previous_response_unusable
    │   ├── DuplicateItem               400     duplicate_item
    │   ├── VectorStoreExpired          400     vector_store_expired
    │   ├── ChatchatRefused             400     refused            in Chatchat's format, raised by its routes
    │   └── MissingLibrary              400     missing_library
    ├── InvalidKey                      401     invalid_api_key
    │   └── SessionEnded                401     session_ended
    ├── PermissionDenied                403     permission_denied
    │   ├── CrossSiteRefused            403     cross_site_refused
    │   └── OriginUnproven              403     origin_unproven
    ├── NotFound                        404     not_found
    │   ├── ModelNotFound               404     model_not_found
    │   ├── AdapterNotFound             404     adapter_not_found
    │   ├── KnowledgeBaseNotFound       404     knowledge_base_not_found
    │   ├── VectorStoreNotFound         404     vector_store_not_found
    │   ├── StoreFileNotFound           404     store_file_not_found
    │   ├── FileBatchNotFound           404     file_batch_not_found
    │   ├── DocumentNotFound            404     document_not_found
    │   ├── ChunkNotFound               404     chunk_not_found
    │   ├── EvaluationNotFound          404     evaluation_not_found
    │   ├── PageNotFound                404     page_not_found
    │   ├── JobNotFound                 404     job_not_found
    │   ├── ConversationNotFound        404     conversation_not_found
    │   ├── ChatFolderNotFound          404     chat_folder_not_found
    │   ├── FileNotFound                404     file_not_found
    │   ├── UploadNotFound              404     upload_not_found
    │   ├── BatchNotFound               404     batch_not_found
    │   ├── GenerationNotFound          404     generation_not_found
    │   ├── ResponseNotFound            404     response_not_found
    │   ├── ThreadNotFound              404     thread_not_found   a conversation of /v1/conversations
    │   ├── ItemNotFound                404     item_not_found
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
    │   ├── FileQuotaExceeded           413     file_quota_exceeded
    │   ├── GenerationTooLarge          413     generation_too_large
    │   ├── ChatTooLarge                413     chat_too_large
    │   ├── ThreadTooLarge              413     thread_too_large
    │   ├── ResponseQuotaExceeded       413     response_quota_exceeded
    │   └── TooManyValues               413     too_many_values
    ├── BodyTooComplex                  413     body_too_complex
    ├── WrongContentType                415     wrong_content_type
    ├── HostNotAllowed                  421     host_not_allowed
    ├── RateLimited                     429     rate_limit_exceeded
    ├── HeadTooLarge                    431     head_too_large
    ├── LaunchCancelled                 499     launch_cancelled
    ├── ClientGone                      499     client_gone        never sent, because the client has disconnected
    ├── InternalError                   500     internal_error
    ├── JobLost                         500     job_lost           the error of a job whose process no longer exists
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
    ├── CannotStart                     (exit)  cannot_start       raised before the server can answer requests
    ├── InstallFailed                   (exit)  install_failed     raised by `modelyard engine install`
    └── ServerUnreachable               (client) server_unreachable  raised by the Python client: no server answered
        ├── CertificateRefused          (client) certificate_refused the server's TLS certificate is not trusted
        └── ConnectionLost              (client) connection_lost     the connection broke before the answer was complete

All are rendered by `protocol/errors.py`; the client raises the same class again, which it finds by the code.
"""

from __future__ import annotations

from modelyard.core.errors.base import (
    BadRequest,
    Conflict,
    InternalError,
    ModelyardError,
    NotFound,
    Unavailable,
    UpstreamFailed,
)
from modelyard.core.errors.files import FileNotFound, FileQuotaExceeded, UploadNotFound
from modelyard.core.errors.generations import GenerationNotFound, GenerationTooLarge
from modelyard.core.errors.jobs import BatchNotFound, JobFailed, JobLost
from modelyard.core.errors.knowledge import (
    AddressRefused,
    ChatFolderNotFound,
    ChatTooLarge,
    ChunkNotFound,
    ConversationNotFound,
    DocumentNotFound,
    DocumentUnreadable,
    EvaluationNotFound,
    FetchFailed,
    FileBatchNotFound,
    IndexUnavailable,
    JobNotFound,
    KnowledgeBaseBusy,
    KnowledgeBaseExists,
    KnowledgeBaseNotFound,
    PageNotFound,
    SearchFailed,
    SearchNotConfigured,
    StoreFileNotFound,
    ToolFailed,
    VectorStoreExpired,
    VectorStoreNotFound,
)
from modelyard.core.errors.models import (
    AdapterInvalid,
    AdapterNotFound,
    DownloadFailed,
    HubsOffline,
    HubUnavailable,
    InstallFailed,
    LaunchCancelled,
    LaunchFailed,
    MissingLibrary,
    ModelExists,
    ModelFilesInvalid,
    ModelNotFound,
    ModelNotReady,
    NoEngineFits,
    NotEnoughDisk,
    NotEnoughMemory,
    RegistrationExists,
    RegistrationInUse,
    RegistrationInvalid,
    UnknownOption,
    UnsupportedTask,
    UpstreamTimeout,
)
from modelyard.core.errors.requests import (
    BodyTooComplex,
    BodyTooLarge,
    ChatchatRefused,
    ClientGone,
    ContextLengthExceeded,
    CrossSiteRefused,
    HeadTooLarge,
    HostNotAllowed,
    InvalidKey,
    InvalidParameter,
    MalformedBody,
    MethodNotAllowed,
    OriginUnproven,
    PathNotFound,
    PermissionDenied,
    RateLimited,
    RequestAborted,
    RequestTimeout,
    SessionEnded,
    TooManyValues,
    UnknownName,
    UnsupportedParameter,
    WrongContentType,
)
from modelyard.core.errors.responses import (
    DuplicateItem,
    ItemNotFound,
    PreviousResponseNotFound,
    PreviousResponseUnusable,
    ResponseNotFound,
    ResponseQuotaExceeded,
    ThreadNotFound,
    ThreadTooLarge,
)
from modelyard.core.errors.server import (
    CannotStart,
    CertificateRefused,
    ChangedMeanwhile,
    ConnectionLost,
    DatabaseUnavailable,
    ServerUnreachable,
)
from modelyard.core.nearest import nearest

__all__ = [
    "AdapterInvalid",
    "AdapterNotFound",
    "AddressRefused",
    "BadRequest",
    "BatchNotFound",
    "BodyTooComplex",
    "BodyTooLarge",
    "CannotStart",
    "CertificateRefused",
    "ChangedMeanwhile",
    "ChatFolderNotFound",
    "ChatTooLarge",
    "ChatchatRefused",
    "ChunkNotFound",
    "ClientGone",
    "Conflict",
    "ConnectionLost",
    "ContextLengthExceeded",
    "ConversationNotFound",
    "CrossSiteRefused",
    "DatabaseUnavailable",
    "DocumentNotFound",
    "DocumentUnreadable",
    "DownloadFailed",
    "DuplicateItem",
    "EvaluationNotFound",
    "FetchFailed",
    "FileBatchNotFound",
    "FileNotFound",
    "FileQuotaExceeded",
    "GenerationNotFound",
    "GenerationTooLarge",
    "HeadTooLarge",
    "HostNotAllowed",
    "HubUnavailable",
    "HubsOffline",
    "IndexUnavailable",
    "InstallFailed",
    "InternalError",
    "InvalidKey",
    "InvalidParameter",
    "ItemNotFound",
    "JobFailed",
    "JobLost",
    "JobNotFound",
    "KnowledgeBaseBusy",
    "KnowledgeBaseExists",
    "KnowledgeBaseNotFound",
    "LaunchCancelled",
    "LaunchFailed",
    "MalformedBody",
    "MethodNotAllowed",
    "MissingLibrary",
    "ModelExists",
    "ModelFilesInvalid",
    "ModelNotFound",
    "ModelNotReady",
    "ModelyardError",
    "NoEngineFits",
    "NotEnoughDisk",
    "NotEnoughMemory",
    "NotFound",
    "OriginUnproven",
    "PageNotFound",
    "PathNotFound",
    "PermissionDenied",
    "PreviousResponseNotFound",
    "PreviousResponseUnusable",
    "RateLimited",
    "RegistrationExists",
    "RegistrationInUse",
    "RegistrationInvalid",
    "RequestAborted",
    "RequestTimeout",
    "ResponseNotFound",
    "ResponseQuotaExceeded",
    "SearchFailed",
    "SearchNotConfigured",
    "ServerUnreachable",
    "SessionEnded",
    "StoreFileNotFound",
    "ThreadNotFound",
    "ThreadTooLarge",
    "TooManyValues",
    "ToolFailed",
    "Unavailable",
    "UnknownName",
    "UnknownOption",
    "UnsupportedParameter",
    "UnsupportedTask",
    "UploadNotFound",
    "UpstreamFailed",
    "UpstreamTimeout",
    "VectorStoreExpired",
    "VectorStoreNotFound",
    "WrongContentType",
    "error_classes",
    "nearest",
]


def error_classes() -> dict[str, type[ModelyardError]]:
    """Code → error class."""
    classes: dict[str, type[ModelyardError]] = {}
    queue: list[type[ModelyardError]] = [ModelyardError]
    while queue:
        cls = queue.pop()
        classes[cls.code] = cls
        queue.extend(cls.__subclasses__())
    classes["internal_error"] = InternalError
    return classes
