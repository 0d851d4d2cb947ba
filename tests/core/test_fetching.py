"""Files from a real server on loopback: what is let through, what is refused before a connection, and where it goes."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ipaddress
import socket
import ssl
import subprocess
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.core import fetching
from modelyard.core.addresses import is_own, is_public
from modelyard.core.errors import AddressRefused, FetchFailed
from modelyard.core.fetching import Fetched, Hosts, fetch, hosts_of_replica, parse
from tests.knowledge.web_server import Reply, Web, web

PAGE = "<p>知识</p>".encode()
LOCAL = Hosts.read("*, localhost,127.0.0.1 ,two.example,pages.example,other.example")


@pytest.fixture
def server() -> Iterator[Web]:
    with web() as made:
        made.pages["/a"] = Reply(PAGE)
        yield made


def get(
    url: str, hosts: Hosts = LOCAL, max_bytes: int = 1000, seconds: float = 20, accept: Sequence[str] = ()
) -> Fetched:
    return asyncio.run(fetch(url, hosts=hosts, max_bytes=max_bytes, seconds=seconds, accept=accept))


def why(url: str, hosts: Hosts = LOCAL, max_bytes: int = 1000, seconds: float = 20, accept: Sequence[str] = ()) -> str:
    """The cause of a failure, which goes to the log and never into the sentence."""
    with pytest.raises(FetchFailed) as caught:
        get(url, hosts, max_bytes, seconds, accept)
    cause = caught.value.__cause__
    assert cause is not None and (not str(cause) or str(cause) not in caught.value.message)
    return f"{type(cause).__name__}: {cause}"


def resolver(*answers: list[str]) -> fetching.Resolve:
    """Another answer each time; one time too many, it fails."""
    left = list(answers)

    async def resolve(host: str, port: int) -> list[str]:
        return left.pop(0)

    return resolve


def test_a_page_and_what_its_host_says_of_it(server: Web) -> None:
    assert get(f"{server.url}/a#part") == Fetched(f"{server.url}/a", "text/html", PAGE, "utf-8")
    server.pages["/%E5%9B%BE%20%E7%89%87"] = Reply(b"x", "Text/Plain")
    assert get(f" {server.url}/图 片?名=值&x=%20").content_type == "text/plain"
    assert server.requests[0].headers["host"] == f"127.0.0.1:{server.port}"
    assert server.requests[1].query == {"名": ["值"], "x": [" "]}


def test_the_environment_of_a_replica_says_which_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(fetching.HOSTS_VARIABLE, raising=False)
    assert hosts_of_replica() == Hosts()
    monkeypatch.setenv(fetching.HOSTS_VARIABLE, "Files.Intranet:9000, *")
    assert hosts_of_replica("a.example") == Hosts(True, frozenset({"files.intranet:9000"}), frozenset({"a.example"}))


def test_only_hosts_that_the_owner_names_are_private(server: Web) -> None:
    port = server.port
    for named in (f"localhost:{port}", "LOCALHOST", f"x.example,localhost:{port},*"):
        assert get(f"http://localhost.:{port}/a".replace(".:", ":"), Hosts.read(named)).data == PAGE
    for other in ("", "localhost:1", "x.example"):
        with pytest.raises(AddressRefused, match="MODELYARD_FETCH_HOSTS"):
            get(f"http://localhost:{port}/a", Hosts.read(other))
    with pytest.raises(AddressRefused, match="not one of a"):
        get(f"http://localhost:{port}/a", Hosts.read("localhost", only="a"))
    assert len(server.requests) == 3


def test_loopback_is_refused_before_a_connection(server: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PORTS", (80, server.port))
    for host in ("127.0.0.1", "localhost", "localhost."):
        found = why(f"http://{host}:{server.port}/a", Hosts())
        assert "not public" in found or "gaierror" in found
    assert server.requests == []


def test_ports_of_public_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    for port in (22, 25, 6379, 9200, 65535):
        with pytest.raises(AddressRefused, match="its port is not 80, 443, 8080 or 8443"):
            get(f"http://example.com:{port}/", Hosts())
    assert [parse(f"https://example.com{port}/").port for port in ("", ":80", ":443", ":8080", ":8443")] == [
        443, 80, 443, 8080, 8443
    ]  # fmt: skip


@pytest.mark.parametrize(
    "host",
    ["127.1", "2130706433", "0x7f.1", "0x7f000001", "0177.0.0.1", "017700000001", "127。0。0。1", "0", "0.0.0.0",
     "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[fe80::1]", "[fd00:ec2::254]",
     "10.0.0.1", "169.254.169.254", "100.100.100.200", "168.63.129.16", "224.0.0.1", "255.255.255.255",
     "１２７.0.0.1", "[2002:7f00:1::]"],
)  # fmt: skip
def test_private_addresses_however_they_are_spelt(host: str) -> None:
    found = why(f"http://{host}/", Hosts())
    assert "which is not public" in found or "gaierror" in found


@settings(deadline=None)
@given(st.sampled_from(["10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
                        "100.64.0.0/10", "fc00::/7", "fe80::/10"])
       .map(ipaddress.ip_network)
       .flatmap(lambda net: st.ip_addresses(network=net)))  # fmt: skip
def test_every_private_address_is_refused(place: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    host = f"[{place}]" if place.version == 6 else str(place)
    assert "not public" in why(f"http://{host}/", Hosts())


@pytest.mark.parametrize(
    "url",
    ["http://u:p@example.com/a", "http://u@example.com/", "http://@example.com/", "http://example.com\\@127.0.0.1/",
     "ftp://example.com/a", "file:///etc/passwd", "http:///a", "http://[::1/a", "http://h:99999/a", "http://h:0/",
     "gopher:x", "//example.com/a", "example.com", "", "http://a\n.example/", "http://a\t.example/", "data:text/html,x",
     "http://a b.example/", "http://exa%6dple.com/", "http://[fe80::1%25eth0]/", "/etc/passwd", "http://a,b/"],
)  # fmt: skip
def test_what_is_no_plain_address_of_the_web(url: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        get(url)
    assert (caught.value.status, caught.value.param) == (400, "url")


def test_one_private_address_among_public_ones_is_enough() -> None:
    with pytest.raises(FetchFailed) as caught:
        asyncio.run(fetch("http://three.example/", resolve=resolver(["8.8.8.8", "10.0.0.1"])))
    assert "10.0.0.1" in str(caught.value.__cause__) and "10.0.0.1" not in caught.value.message


def test_addresses_of_this_machine_are_refused_although_they_are_public(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_own("127.0.0.1") and not is_own("192.0.2.1")
    monkeypatch.setattr(fetching, "is_public", lambda place: True)
    assert "not public" in why("http://127.0.0.1/", Hosts())


def test_the_name_is_looked_up_once_and_the_connection_goes_there(server: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is public when it is checked and private when it is used would get past a check by name."""
    monkeypatch.setattr(fetching, "is_public", lambda place: place == "127.0.0.1")
    monkeypatch.setattr(fetching, "is_own", lambda place: False)
    monkeypatch.setattr(fetching, "PORTS", (80, server.port))
    rebinding = resolver(["127.0.0.1"], ["10.0.0.1"])
    found = asyncio.run(fetch(f"http://rebound.example:{server.port}/a", resolve=rebinding))
    assert found.url == f"http://rebound.example:{server.port}/a"
    assert server.requests[0].headers["host"] == f"rebound.example:{server.port}"
    with pytest.raises(FetchFailed):
        asyncio.run(fetch(f"http://rebound.example:{server.port}/a", resolve=rebinding))
    assert len(server.requests) == 1


def test_redirects_are_followed_and_each_is_checked(server: Web) -> None:
    for left in range(7):
        server.pages[f"/hop{left}"] = Reply(status=302, headers={"Location": f"/hop{left - 1}" if left else "/a"})
    assert get(f"{server.url}/hop4") == Fetched(f"{server.url}/a", "text/html", PAGE, "utf-8")
    assert "more than 5" in why(f"{server.url}/hop5")
    for where in ("file:///etc/passwd", "http://me@127.0.0.1/", "http://[::1]/", "//127.1/", "http://x.example:22/"):
        server.pages["/away"] = Reply(status=307, headers={"Location": where})
        found = why(f"{server.url}/away")
        assert "it redirects" in found or "not public" in found


def test_a_redirect_to_loopback_is_refused(server: Web) -> None:
    server.pages["/away"] = Reply(status=302, headers={"Location": f"http://localhost:{server.port}/a"})
    assert "its port" in why(f"{server.url}/away", Hosts.read("*,127.0.0.1"))
    assert [each.path for each in server.requests] == ["/away"]


def test_the_next_address_of_a_host_is_tried(server: Web) -> None:
    both = resolver(["127.0.0.1", "127.0.0.1"])
    with pytest.raises(FetchFailed):
        asyncio.run(fetch("http://two.example:1/", hosts=LOCAL, resolve=both))
    both = resolver(["::1", "127.0.0.1"])  # nobody listens at the first
    found = asyncio.run(fetch(f"http://two.example:{server.port}/a", hosts=LOCAL, resolve=both))
    assert found.data == PAGE


def test_sizes_are_bounded_before_and_after_decompression(server: Web) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    server.pages |= {
        "/promised": Reply(b"x", promised=2000, stall=True),
        "/unpromised": Reply(b"x" * 1001, promised=-1),
        "/just": Reply(b"x" * 1000, promised=-1),
        "/bomb": Reply(bomb, headers={"Content-Encoding": "gzip"}),
        "/head": Reply(b"x", headers={"X": "x" * 200_000}),
    }
    assert len(get(f"{server.url}/just").data) == 1000
    for page in ("/promised", "/unpromised"):
        assert "more than 1000 bytes" in why(f"{server.url}{page}")
    assert "more than 100000 bytes" in why(f"{server.url}/bomb", max_bytes=100_000)
    assert "headers" in why(f"{server.url}/head")


def test_compressed_pages(server: Web) -> None:
    server.pages |= {
        "/gzip": Reply(gzip.compress(PAGE), headers={"Content-Encoding": "gzip"}),
        "/deflate": Reply(zlib.compress(PAGE), headers={"Content-Encoding": "Deflate"}),
        "/br": Reply(PAGE, headers={"Content-Encoding": "br"}),
        "/liar": Reply(PAGE, headers={"Content-Encoding": "gzip"}),
        "/half": Reply(gzip.compress(PAGE)[:-9], headers={"Content-Encoding": "gzip"}),
    }
    assert get(f"{server.url}/gzip").data == get(f"{server.url}/deflate").data == PAGE
    for page, words in (("/br", "'br'"), ("/liar", "not compressed as"), ("/half", "breaks off")):
        assert words in why(f"{server.url}{page}")


def test_all_failures_have_one_sentence(server: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller must not learn from it whether a port is open, what answers there, or which names exist."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setattr(fetching, "PORTS", (80, 1, silent.getsockname()[1], server.port))
        server.pages |= {"/cut": Reply(b"x", promised=50)}
        public = Hosts.read("*,localhost")
        sentences = set()
        for url in (
            "http://127.0.0.1:1/", f"{server.url}/a", "http://169.254.169.254/", "http://nowhere.invalid/", "http://[::1]/",
            "http://localhost:1/", f"http://localhost:{server.port}/none", f"http://localhost:{server.port}/a",
            f"http://localhost:{server.port}/cut", f"http://localhost:{silent.getsockname()[1]}/",
        ):  # fmt: skip
            with pytest.raises(FetchFailed) as caught:
                get(url, public, seconds=1, accept=("image/",))
            assert caught.value.status == 502
            sentences.add(caught.value.message.replace(url, "URL"))
    assert len(sentences) == 1, sentences


def test_what_does_not_come_or_is_not_wanted(server: Web) -> None:
    server.pages |= {"/slow": Reply(stall=True, promised=5), "/cut": Reply(b"x", promised=50)}
    assert "404" in why(f"{server.url}/none")
    assert "text/html" in why(f"{server.url}/a", accept=("image/", "text/plain"))
    assert get(f"{server.url}/a", accept=("image/", "text/")).data == PAGE
    assert "Timeout" in why(f"{server.url}/slow", seconds=0.3)
    assert "breaks off" in why(f"{server.url}/cut")


def test_what_is_no_http() -> None:
    async def speak(words: bytes) -> str:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(words)
            writer.close()

        made = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with made:
            url = f"http://127.0.0.1:{made.sockets[0].getsockname()[1]}/"
            try:
                return (await fetch(url, hosts=LOCAL)).data.decode()
            except FetchFailed as error:
                return str(error.__cause__)

    assert asyncio.run(speak(b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello")) == "hello"
    assert (
        asyncio.run(speak(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")) == "hello"
    )
    assert "not HTTP" in asyncio.run(speak(b"SSH-2.0-OpenSSH_9.6\r\n"))
    assert "breaks off" in asyncio.run(speak(b""))
    assert "breaks off" in asyncio.run(speak(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"))


def test_a_task_that_is_cancelled_closes_its_connection() -> None:
    async def both() -> bytes:
        connected, ended = asyncio.Event(), asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            connected.set()
            with contextlib.suppress(ConnectionError):
                await reader.read()
            ended.set()
            writer.close()

        made = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with made:
            url = f"http://127.0.0.1:{made.sockets[0].getsockname()[1]}/"
            task = asyncio.create_task(fetch(url, hosts=LOCAL))
            await connected.wait()
            task.cancel()
            await asyncio.wait_for(ended.wait(), 30)
            (result,) = await asyncio.gather(task, return_exceptions=True)
            return repr(result).encode()

    assert b"Cancelled" in asyncio.run(both())


def test_proxies_of_the_environment_are_not_used(server: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert get(f"{server.url}/a").data == PAGE


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
    monkeypatch.setattr(fetching, "tls", lambda: ssl.create_default_context(cafile=str(tmp_path / "cert.pem")))
    with web() as made:
        made.socket = ours.wrap_socket(made.socket, server_side=True)
        made.pages["/a"] = Reply(PAGE)
        local = resolver(["127.0.0.1"], ["127.0.0.1"])
        found = asyncio.run(fetch(f"https://pages.example:{made.port}/a", resolve=local, hosts=LOCAL))
        assert found.data == PAGE
        with pytest.raises(FetchFailed) as caught:
            asyncio.run(fetch(f"https://other.example:{made.port}/a", resolve=local, hosts=LOCAL))
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    assert names == ["pages.example", "other.example"]


def test_the_context_for_certificates_is_made_once() -> None:
    assert fetching.tls() is fetching.tls()
    assert is_public("8.8.8.8") and fetching.tls().cert_store_stats()["x509_ca"] > 0
