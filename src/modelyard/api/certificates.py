"""TLS of the server's ports: a certificate and its key in files, which are loaded again when they change."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

from modelyard.core.config import Settings
from modelyard.core.errors import CannotStart
from modelyard.core.wording import reason

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""Between two looks at the files."""
ENCRYPTED = ("BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED")

Signature = tuple[tuple[int, int, int], ...]
"""Time of change, size and inode of each file."""


class Certificate:
    """The certificate of a server, with its key."""

    def __init__(self, certfile: Path, keyfile: Path | None) -> None:
        """`keyfile` is None for a file that holds both. Raises `CannotStart` if they cannot be used."""
        self._certfile = certfile
        self._keyfile = keyfile or certfile
        self._loaded = self._signature()
        self.context = context_of(self._certfile, self._keyfile)
        """What new connections are made with; open ones keep the certificate that they began with."""

    @classmethod
    def of(cls, settings: Settings) -> Certificate | None:
        """The certificate of the settings, or None for a server without TLS. Raises `CannotStart`."""
        if settings.ssl_certfile is not None:
            keyfile = settings.ssl_keyfile
            return cls(settings.ssl_certfile.expanduser(), None if keyfile is None else keyfile.expanduser())
        if settings.ssl_keyfile is not None:
            raise CannotStart("--ssl-keyfile is the key of a certificate; name that with --ssl-certfile.")
        return None

    async def watch(self) -> None:
        """Load the files again whenever they change. A pair that cannot be used is logged, and the old one is used on."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                signature = await asyncio.to_thread(self._signature)
            except CannotStart:
                continue  # a file is replaced at this moment
            if signature != self._loaded:
                self._loaded = signature
                await asyncio.to_thread(self._load)

    def _load(self) -> None:
        try:
            context_of(self._certfile, self._keyfile)
            self.context.load_cert_chain(self._certfile, self._keyfile, password="")
        except (CannotStart, OSError) as error:
            why = error.message if isinstance(error, CannotStart) else f"TLS: {reason(error)}."
            log.error("%s The certificate that was loaded before is used on.", why)
        else:
            log.info("the TLS certificate %s was loaded again", self._certfile)

    def _signature(self) -> Signature:
        found = []
        for path in (self._certfile, self._keyfile):
            try:
                status = path.stat()
            except OSError as error:
                raise CannotStart(f"The TLS file '{path}' cannot be read: {reason(error)}.") from None
            found.append((status.st_mtime_ns, status.st_size, status.st_ino))
        return tuple(found)


def context_of(certfile: Path, keyfile: Path) -> ssl.SSLContext:
    """A context for a server with this certificate and key, TLS 1.2 at least. Raises `CannotStart` with what is wrong."""
    check_texts(certfile, keyfile)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certfile, keyfile, password="")  # without a password OpenSSL would ask at the terminal
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise CannotStart(f"The key '{keyfile}' does not belong to the certificate '{certfile}'.") from None
        raise CannotStart(
            f"The certificate '{certfile}' and the key '{keyfile}' cannot be used: {reason(error)}."
        ) from None
    return context


def check_texts(certfile: Path, keyfile: Path) -> None:
    """Raise `CannotStart` unless the files contain a certificate and a key without a password."""
    certificate, key = _text(certfile), _text(keyfile)
    if "-----BEGIN CERTIFICATE-----" not in certificate:
        raise CannotStart(f"There is no certificate in PEM form in '{certfile}', the file of --ssl-certfile.")
    if any(sign in key for sign in ENCRYPTED):
        raise CannotStart(
            f"The key '{keyfile}' is encrypted; `openssl pkey -in KEY -out NEW` writes it without its password."
        )
    if "PRIVATE KEY-----" not in key:
        file = "the file of --ssl-keyfile" if keyfile != certfile else "the certificate's file; name its --ssl-keyfile"
        raise CannotStart(f"There is no private key in PEM form in '{keyfile}', {file}.")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="latin-1")
    except OSError as error:
        raise CannotStart(f"The TLS file '{path}' cannot be read: {reason(error)}.") from None
