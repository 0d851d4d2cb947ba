"""Errors about files that callers store on the server, and about uploads in parts."""

from __future__ import annotations

from modelyard.core.errors.base import ModelyardError, NotFound
from modelyard.core.errors.requests import BodyTooLarge


class FileNotFound(NotFound):
    """The caller has no file of this id."""

    code = "file_not_found"

    def __init__(self, name: str, param: str = "file_id") -> None:
        super().__init__(f"There is no file '{name}'. GET /v1/files lists the files of this key.")
        self.param = param


class UploadNotFound(NotFound):
    """The caller has no upload of this id."""

    code = "upload_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no upload '{name}'. POST /v1/uploads begins one.")
        self.param = "upload_id"


class FileQuotaExceeded(BodyTooLarge):
    """The files of one owner would take more room than one owner may have."""

    code = "file_quota_exceeded"

    def __init__(self, quota: int, used: int) -> None:
        ModelyardError.__init__(
            self,
            f"With this file, the files of its owner would take more than {quota} bytes, the quota set by "
            f"MODELYARD_FILE_QUOTA_BYTES; {used} bytes are in use. Delete files that are no longer needed.",
        )
        self.param = "file"
