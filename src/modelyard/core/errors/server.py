"""Errors of the server as a whole and of its database, and of a client that cannot reach it."""

from __future__ import annotations

from modelyard.core.errors.base import Conflict, ModelyardError, Unavailable


class CannotStart(ModelyardError):
    """The server or a command cannot start: port in use, home not writable, disk full. Printed as one line; exit code 1."""

    code = "cannot_start"


class ChangedMeanwhile(Conflict):
    """Other requests changed or deleted the rows of this one during every attempt."""

    code = "changed_meanwhile"
    retry_after: int | None = 1

    def __init__(self) -> None:
        super().__init__(
            "Another request changed or deleted the same rows at this moment; nothing was written. Send the request again."
        )


class DatabaseUnavailable(Unavailable):
    """The database does not answer, is locked or is full."""

    code = "database_unavailable"

    def __init__(self, problem: str) -> None:
        super().__init__(f"The database cannot be used: {problem}")


class ServerUnreachable(ModelyardError):
    """The Python client found no server at its address."""

    code = "server_unreachable"

    def __init__(self, url: str, why: str = "") -> None:
        super().__init__(
            f"No server answers at {url}{f' ({why})' if why else ''}; start one with `modelyard serve`, or name its address "
            "with `--endpoint` or MODELYARD_ENDPOINT."
        )


class CertificateRefused(ServerUnreachable):
    """A server's TLS certificate is of no authority that this machine trusts, is for another name, or has expired."""

    code = "certificate_refused"

    def __init__(self, url: str, why: str) -> None:
        ModelyardError.__init__(
            self,
            f"The certificate of the server at {url} is refused: {why}. If it is of your own authority, name that authority's "
            "file in the variable SSL_CERT_FILE.",
        )


class ConnectionLost(ServerUnreachable):
    """The connection to a server broke, timed out or carried invalid data."""

    code = "connection_lost"

    def __init__(self, url: str, problem: str) -> None:
        ModelyardError.__init__(self, f"The connection to the server at {url} broke: {problem}.")
