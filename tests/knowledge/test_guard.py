"""Pages from a real server on loopback: what is let through, what is refused before a connection, and where it goes."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import ssl
import subprocess
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.core.addresses import is_public
from modelyard.core.errors import AddressRefused, FetchFailed
from modelyard.knowledge import guard
from modelyard.knowledge.guard import Fetched, fetch
from tests.knowledge.web_server import Reply, Web, web

PAGE = "<p>知识</p>".encode()


@pytest.fixture
def server() -> Iterator[Web]:
    with web() as made:
        made.pages["/a"] = Reply(PAGE)
        yield made


def get(
    url: str, private: bool = True, max_bytes: int = 1000, timeout: float = 20, accept: Sequence[str] = ()
) -> Fetched:
    return asyncio.run(fetch(url, allow_private=private, max_bytes=max_bytes, timeout=timeout, accept=accept))


def resolver(*answers: list[str]) -> guard.Resolve:
    """Another answer each time; asked once too often, it fails."""
    left = list(answers)

    async def resolve(host: str, port: int) -> list[str]:
        return left.pop(0)

    return resolve


def test_a_page_and_what_its_host_says_of_it(server: Web) -> None:
    assert get(f"{server.url}/a#part") == Fetched(f"{server.url}/a", "text/html", PAGE, "utf-8")
    server.pages["/图 片"] = server.pages["/%E5%9B%BE%20%E7%89%87"] = Reply(b"x", "Text/Plain")
    assert get(f" {server.url}/图 片?名=值").content_type == "text/plain"
    assert server.asked[0].headers["host"] == f"127.0.0.1:{server.port}"


def test_loopback_is_refused_before_a_connection(server: Web) -> None:
    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(AddressRefused, match="not a public one") as caught:
            get(f"http://{host}:{server.port}/a", private=False)
        assert (caught.value.status, caught.value.param) == (400, "url")
    assert server.asked == []


@pytest.mark.parametrize(
    "host",
    ["127.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "017700000001", "127。0。0。1", "0", "0.0.0.0",
     "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[fe80::1]", "[fd00:ec2::254]",
     "10.0.0.1", "169.254.169.254", "100.100.100.200", "168.63.129.16", "224.0.0.1", "255.255.255.255"],
)  # fmt: skip
def test_private_addresses_however_they_are_spelt(host: str) -> None:
    with pytest.raises((AddressRefused, FetchFailed)) as caught:
        get(f"http://{host}/", private=False)
    assert isinstance(caught.value, AddressRefused) or "not found" in caught.value.message


@settings(deadline=None)
@given(st.sampled_from(["10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
                        "100.64.0.0/10", "fc00::/7", "fe80::/10"])
       .map(ipaddress.ip_network)
       .flatmap(lambda net: st.ip_addresses(network=net)))  # fmt: skip
def test_every_private_address_is_refused(place: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    host = f"[{place}]" if place.version == 6 else str(place)
    with pytest.raises(AddressRefused):
        get(f"http://{host}/", private=False)


@pytest.mark.parametrize(
    "url",
    ["http://u:p@example.com/a", "http://u@example.com/", "http://example.com\\@127.0.0.1/", "ftp://example.com/a",
     "file:///etc/passwd", "http:///a", "http://[::1/a", "http://h:99999/a", "http://h:0/", "gopher:x",
     "//example.com/a", "example.com", "", "http://a\n.example/", "http://１２７.0.0.1/", "data:text/html,x"],
)  # fmt: skip
def test_what_is_no_plain_address_of_the_web(url: str) -> None:
    with pytest.raises(AddressRefused):
        get(url)


def test_one_private_address_among_public_ones_is_enough() -> None:
    with pytest.raises(AddressRefused):
        asyncio.run(fetch("http://two.example/", resolve=resolver(["8.8.8.8", "10.0.0.1"])))


def test_the_name_is_looked_up_once_and_the_connection_goes_there(server: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is public when it is checked and private when it is used would get past a check by name."""
    monkeypatch.setattr(guard, "is_public", lambda place: place == "127.0.0.1")
    rebinding = resolver(["127.0.0.1"], ["10.0.0.1"])
    found = asyncio.run(fetch(f"http://pages.example:{server.port}/a", resolve=rebinding))
    assert found.url == f"http://pages.example:{server.port}/a"
    assert server.asked[0].headers["host"] == f"pages.example:{server.port}"
    with pytest.raises(AddressRefused):
        asyncio.run(fetch(f"http://pages.example:{server.port}/a", resolve=rebinding))


def test_redirects_are_followed_and_each_is_checked(server: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    for left in range(7):
        server.pages[f"/hop{left}"] = Reply(status=302, headers={"Location": f"/hop{left - 1}" if left else "/a"})
    assert get(f"{server.url}/hop4") == Fetched(f"{server.url}/a", "text/html", PAGE, "utf-8")
    with pytest.raises(FetchFailed, match="more than 5"):
        get(f"{server.url}/hop5")
    server.pages["/file"] = Reply(status=307, headers={"Location": "file:///etc/passwd"})
    server.pages["/user"] = Reply(status=307, headers={"Location": "http://me@127.0.0.1/"})
    for page in ("/file", "/user"):
        with pytest.raises(AddressRefused):
            get(f"{server.url}{page}")


def test_a_redirect_to_loopback_is_refused(server: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = [True]
    monkeypatch.setattr(guard, "is_public", lambda place: passes.pop() if passes else is_public(place))
    server.pages["/away"] = Reply(status=302, headers={"Location": f"http://localhost:{server.port}/a"})
    with pytest.raises(AddressRefused, match=f"localhost:{server.port}/a"):
        get(f"{server.url}/away", private=False)
    assert [each.path for each in server.asked] == ["/away"]


def test_the_next_address_of_a_host_is_tried(server: Web) -> None:
    both = resolver(["127.0.0.1", "127.0.0.1"])
    with pytest.raises(FetchFailed, match="ConnectError"):
        asyncio.run(fetch("http://two.example:1/", allow_private=True, resolve=both))
    both = resolver(["::1", "127.0.0.1"])  # nobody listens at the first
    found = asyncio.run(fetch(f"http://two.example:{server.port}/a", allow_private=True, resolve=both))
    assert found.data == PAGE


def test_sizes_are_bounded_before_and_after_decompression(server: Web) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    server.pages |= {
        "/promised": Reply(b"x", promised=2000, stall=True),
        "/unpromised": Reply(b"x" * 1001, promised=-1),
        "/just": Reply(b"x" * 1000, promised=-1),
        "/bomb": Reply(bomb, headers={"Content-Encoding": "gzip"}),
    }
    assert len(get(f"{server.url}/just").data) == 1000
    for page in ("/promised", "/unpromised"):
        with pytest.raises(FetchFailed, match="more than 1000 bytes"):
            get(f"{server.url}{page}")
    with pytest.raises(FetchFailed, match="more than 100000 bytes"):
        get(f"{server.url}/bomb", max_bytes=100_000)


def test_compressed_pages(server: Web) -> None:
    server.pages |= {
        "/gzip": Reply(gzip.compress(PAGE), headers={"Content-Encoding": "gzip"}),
        "/deflate": Reply(zlib.compress(PAGE), headers={"Content-Encoding": "Deflate"}),
        "/br": Reply(PAGE, headers={"Content-Encoding": "br"}),
        "/liar": Reply(PAGE, headers={"Content-Encoding": "gzip"}),
        "/half": Reply(gzip.compress(PAGE)[:-9], headers={"Content-Encoding": "gzip"}),
    }
    assert get(f"{server.url}/gzip").data == get(f"{server.url}/deflate").data == PAGE
    for page, why in (("/br", "'br'"), ("/liar", "not the gzip"), ("/half", "breaks off")):
        with pytest.raises(FetchFailed, match=why):
            get(f"{server.url}{page}")


def test_what_does_not_come_or_is_not_wanted(server: Web) -> None:
    server.pages |= {"/slow": Reply(stall=True, promised=5), "/cut": Reply(b"x", promised=50)}
    with pytest.raises(FetchFailed, match="404") as caught:
        get(f"{server.url}/none")
    assert caught.value.status == 502
    with pytest.raises(FetchFailed, match="text/html"):
        get(f"{server.url}/a", accept=("image/", "text/plain"))
    assert get(f"{server.url}/a", accept=("image/", "text/")).data == PAGE
    with pytest.raises(FetchFailed, match=r"longer than 0\.3 s"):
        get(f"{server.url}/slow", timeout=0.3)
    with pytest.raises(FetchFailed, match="not found"):
        asyncio.run(fetch("http://nowhere.invalid/"))
    with pytest.raises(FetchFailed, match="ConnectError"):
        get("http://127.0.0.1:1/")


def test_certificates_are_verified_for_the_name_although_the_connection_goes_to_an_ip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=pages.example",
         "-addext", "subjectAltName=DNS:pages.example", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    names: list[str | None] = []
    ours.sni_callback = lambda connection, name, context: names.append(name)
    monkeypatch.setattr(guard, "tls", lambda: ssl.create_default_context(cafile=str(tmp_path / "cert.pem")))
    with web() as made:
        made.socket = ours.wrap_socket(made.socket, server_side=True)
        made.pages["/a"] = Reply(PAGE)
        local = resolver(["127.0.0.1"], ["127.0.0.1"])
        found = asyncio.run(fetch(f"https://pages.example:{made.port}/a", resolve=local, allow_private=True))
        assert found.data == PAGE
        with pytest.raises(FetchFailed, match="certificate"):
            asyncio.run(fetch(f"https://other.example:{made.port}/a", resolve=local, allow_private=True))
    assert names == ["pages.example", "other.example"]


def test_the_context_for_certificates_is_made_once() -> None:
    assert guard.tls() is guard.tls()
    assert isinstance(httpx.create_ssl_context(), ssl.SSLContext)
