"""TLS of all ports: the printed addresses, renewal while answers stream, and files that cannot be used."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from modelyard.api.certificates import Certificate
from modelyard.client import Client
from modelyard.core.config import Settings
from modelyard.core.errors import CannotStart, CertificateRefused, ServerUnreachable
from tests.cli.terminal import run, start
from tests.live import HELLO, Live, live
from tests.processes import wait_for


@dataclass
class Files:
    """An authority, and the files of a certificate for loopback."""

    folder: Path
    authority: trustme.CA

    @property
    def certificate(self) -> Path:
        return self.folder / "cert.pem"

    @property
    def key(self) -> Path:
        return self.folder / "key.pem"

    @property
    def trusted(self) -> Path:
        """The authority's own certificate."""
        return self.folder / "authority.pem"

    def issue(self) -> None:
        """Write a new certificate and its key."""
        issued = self.authority.issue_cert("localhost", "127.0.0.1")
        self.certificate.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
        self.key.write_bytes(issued.private_key_pem.bytes())


def made(folder: Path) -> Files:
    files = Files(folder, trustme.CA())
    files.authority.cert_pem.write_to_path(str(files.trusted))
    files.issue()
    return files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return made(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, files: Files) -> Iterator[Live]:
    """A server that speaks TLS at three ports, with a model."""
    env = {"MODELYARD_CHATCHAT_PORT": "0", "MODELYARD_OLLAMA_PORT": "0"}
    options = ("--ssl-certfile", str(files.certificate), "--ssl_keyfile", str(files.key))
    with live(tmp_path_factory.mktemp("tls") / "home", env, options) as running:
        running.http.close()
        running.http = httpx.Client(base_url=running.url, timeout=60, verify=trusting(files))
        running.launched("echo")
        yield running


def trusting(files: Files) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(files.trusted))


def certificate_of(server: Live, files: Files) -> str:
    """The serial number of the certificate that a new connection gets."""
    address = (httpx.URL(server.url).host, httpx.URL(server.url).port or 0)
    plain = socket.create_connection(address, 20)
    with trusting(files).wrap_socket(plain, server_hostname="localhost") as secure:
        return str((secure.getpeercert() or {})["serialNumber"])


def test_every_port_speaks_tls_and_says_so(server: Live, files: Files) -> None:
    assert server.url.startswith("https://127.0.0.1:")
    addresses = [line.split()[-1] for line in server.output().splitlines() if "find it at" in line]
    assert len(addresses) == 2 and all(each.startswith("https://") for each in addresses)
    assert f"Its page, for a browser: {server.url}/ui/" in server.output()
    with httpx.Client(verify=trusting(files)) as http:
        assert http.get(f"{addresses[0]}/").headers["location"] == "/docs"
        assert http.get(f"{addresses[1]}/").text == "Ollama is running"
    text = server.chat("echo", stream=True).text
    assert text.endswith("data: [DONE]\n\n")
    with pytest.raises(httpx.TransportError):
        httpx.get(server.url.replace("https:", "http:") + "/health")
    assert server.http.get("/health").status_code == 200


def test_the_client_and_the_command_line_trust_what_ssl_cert_file_names(
    server: Live, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client(server.url) as client, pytest.raises(CertificateRefused, match="in the variable SSL_CERT_FILE"):
        client.models.list()
    refused = run("list", "-e", server.url)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"Error: The certificate of the server at {server.url} is refused: ")
    trusted = run("chat", "echo", "Hello", "-e", server.url, SSL_CERT_FILE=str(files.trusted))
    assert (trusted.returncode, trusted.stderr) == (0, "") and trusted.stdout.strip()
    monkeypatch.setenv("SSL_CERT_FILE", str(files.trusted))
    with Client(server.url) as client:
        assert list(client.models.list()) == ["echo"]
    with Client(server.url.replace("https:", "http:")) as client, pytest.raises(ServerUnreachable):
        client.models.list()


def test_a_renewed_certificate_is_shown_and_open_answers_go_on(server: Live, files: Files) -> None:
    server.launched("slow", tokens=100_000, tokens_per_second=50)
    before = certificate_of(server, files)
    body = {"model": "slow", "messages": HELLO, "stream": True, "max_tokens": 100_000}
    with server.http.stream("POST", "/v1/chat/completions", json=body) as answer:
        lines = answer.iter_lines()
        next(lines)
        files.issue()
        wait_for(lambda: certificate_of(server, files) != before)
        assert server.http.get("/health").status_code == 200
        assert next(line for line in lines if line.startswith("data: {")), "it streams on"
    after = certificate_of(server, files)
    whole, mended = files.key.read_bytes(), files.authority.issue_cert("localhost").private_key_pem.bytes()
    files.key.write_bytes(mended)
    wait_for(lambda: "does not belong to the certificate" in server.output())
    assert "is used on" in server.output() and certificate_of(server, files) == after
    files.key.write_bytes(whole)
    server.http.delete("/v1/models/slow")


def without(text: str) -> Callable[[Files], object]:
    return lambda files: files.certificate.write_text(text)


def encrypt(files: Files) -> None:
    key = load_pem_private_key(files.key.read_bytes(), None)
    secret = BestAvailableEncryption(b"secret")
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))


def exchange(files: Files) -> None:
    files.key.write_bytes(files.authority.issue_cert("localhost").private_key_pem.bytes())


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda files: files.certificate.unlink(), "'{cert}' cannot be read: there is no such file"),
        (lambda files: files.key.unlink(), "'{key}' cannot be read: there is no such file"),
        (without("nothing"), "There is no certificate in PEM form in '{cert}', the file of --ssl-certfile."),
        (without("-----BEGIN CERTIFICATE-----\nx\n"), "cannot be used: "),
        (lambda files: files.key.write_text("x"), "no private key in PEM form in '{key}', the file of --ssl-keyfile."),
        (encrypt, "The key '{key}' is encrypted; `openssl pkey"),
        (exchange, "The key '{key}' does not belong to the certificate '{cert}'."),
    ],
)
def test_files_that_cannot_be_used(spoil: Callable[[Files], object], sentence: str, tmp_path: Path) -> None:
    files = made(tmp_path)
    settings = Settings(ssl_certfile=files.certificate, ssl_keyfile=files.key)
    assert Certificate.of(settings) is not None
    spoil(files)
    with pytest.raises(CannotStart) as refusal:
        Certificate.of(settings)
    assert sentence.format(cert=files.certificate, key=files.key) in refusal.value.message


def test_one_file_for_both_and_a_key_alone(tmp_path: Path) -> None:
    files = made(tmp_path)
    with pytest.raises(CannotStart, match="certificate's file; name its --ssl-keyfile"):
        Certificate.of(Settings(ssl_certfile=files.certificate))
    files.certificate.write_bytes(files.certificate.read_bytes() + files.key.read_bytes())
    assert Certificate.of(Settings(ssl_certfile=files.certificate)) is not None
    with pytest.raises(CannotStart, match="name that with --ssl-certfile"):
        Certificate.of(Settings(ssl_keyfile=files.key))
    assert Certificate.of(Settings()) is None
    exchange(files)
    options = ("--ssl-certfile", str(tmp_path / "authority.pem"), "--ssl-keyfile", str(files.key))
    done = run("serve", "--port", "0", "--home", str(tmp_path / "home"), *options)
    assert (done.returncode, done.stdout) == (1, "") and done.stderr.count("\n") == 1
    assert "does not belong to the certificate" in done.stderr


def test_deploy_speaks_tls(files: Files) -> None:
    options = ("--ssl-certfile", str(files.certificate), "--ssl-keyfile", str(files.key))
    with start("deploy", "--model_type", "modelyard-demo", "--port", "0", *options) as child:
        assert child.stdout is not None
        line = next(line for line in child.stdout if "is ready at" in line)
        url = line.split(" is ready at ")[1].partition(";")[0]
        assert url.startswith("https://127.0.0.1:"), line
        answer = httpx.get(f"{url}/models", verify=trusting(files))
        assert answer.status_code == 200 and len(answer.json()["data"]) == 1
        child.terminate()
        child.communicate(timeout=60)
