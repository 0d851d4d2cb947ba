"""What the gateway costs: CPU per relayed event, memory per open stream, and errors under load, beside nginx in one run.

    python -m benchmarks.gateway [--quick] [--json PATH]

Each server is a process of its own with one fake engine behind it. CPU is what the kernel charged to the relaying
process; on a busy machine compare the columns of one run, not runs.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psutil
import uvicorn
import uvloop

from benchmarks.load import Plan, Result, measure
from modelyard.core.config import Settings
from modelyard.core.traffic import Traffic
from modelyard.core.types import Address, Endpoint, Launch, Model, ReplicaState, Route, RouteTable, Task
from modelyard.engines.fake import engine
from modelyard.gateway.app import Gateway
from modelyard.monitor.requests import RequestLog
from modelyard.monitor.series import SeriesRecorder

TOKEN = "benchmark"
SCHEDULED = 2
"""The kind of clock that `clock_getcpuclockid` names for a process: its time on a processor."""
MESSAGES = [{"role": "user", "content": "How much does a token cost on its way?"}]
EVENTS_AROUND = 3
"""Events of a stream that are not tokens: the role, the finish, `[DONE]`."""

NGINX = """
{user} daemon off; master_process on; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
worker_rlimit_nofile 16384;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  keepalive_requests 1000000; client_max_body_size 64m;
  upstream engine {{ server unix:{uds}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://engine; proxy_http_version 1.1; proxy_buffering off;
      proxy_set_header Connection ""; proxy_set_header Authorization "Bearer {token}";
    }}
  }}
}}
"""


@dataclass
class Server:
    """Something that answers, and the processes whose CPU is charged to it."""

    name: str
    processes: list[psutil.Process]
    port: int = 0
    uds: str | None = None
    headers: Mapping[str, str] | None = None

    def plan(self, body: dict[str, Any], **more: Any) -> Plan:
        return Plan(body=body, uds=self.uds, port=self.port, headers=dict(self.headers or {}), **more)

    def cpu(self) -> float:
        """CPU seconds used so far, by the kernel's clock of each process, which is finer than the ticks of `/proc`."""
        return sum(time.clock_gettime(~each.pid << 3 | SCHEDULED) for each in self.processes)

    def memory(self) -> int:
        """Resident bytes."""
        return sum(int(each.memory_info().rss) for each in self.processes)


class Row(msgspec.Struct, kw_only=True):
    """One measurement."""

    scenario: str
    server: str
    streams: int
    cpu_us_per_event: float | None = None
    cpu_us_per_request: float | None = None
    events_per_second: float = 0.0
    requests_per_second: float = 0.0
    ttft_p50_ms: float = 0.0
    ttft_p95_ms: float = 0.0
    errors: int = 0
    kib_per_stream: float | None = None


def chat(tokens: int, pace: float = 0.0, **more: Any) -> dict[str, Any]:
    """A streamed chat whose events are about 190 bytes."""
    fake = {"tokens": tokens, "tokens_per_second": pace, "chunk_bytes": 12, **more}
    return {"model": "m", "messages": MESSAGES, "stream": True, "fake": fake}


def run(scenario: str, server: Server, plan: Plan) -> Row:
    """Load a server and charge it for what it did."""
    before = server.cpu()
    result: Result = measure(plan)
    spent = server.cpu() - before
    if result.problems:
        print(f"{scenario} {server.name}: {result.problems}", file=sys.stderr)
    return Row(
        scenario=scenario,
        server=server.name,
        streams=plan.streams,
        cpu_us_per_event=spent / result.events * 1e6 if result.events else None,
        cpu_us_per_request=None if result.events else spent / max(result.requests, 1) * 1e6,
        events_per_second=result.events_per_second,
        requests_per_second=result.requests_per_second,
        ttft_p50_ms=result.ttft_p50 * 1e3,
        ttft_p95_ms=result.ttft_p95 * 1e3,
        errors=result.errors,
    )


def memory(server: Server, streams: int) -> Row:
    """Open streams that have sent one token and then nothing, and weigh them."""
    before = server.memory()
    row = Row(scenario="open streams", server=server.name, streams=streams)
    plan = server.plan(chat(2, hang_after=1), streams=streams, timeout=6.0)
    loading = threading.Thread(target=measure, args=(plan,))
    loading.start()
    highest = before
    while loading.is_alive():
        highest = max(highest, server.memory())
        loading.join(0.2)
    row.kib_per_stream = (highest - before) / streams / 1024
    return row


def measurements(servers: list[Server], quick: bool) -> Iterator[Row]:
    """Every scenario on every server, interleaved so that noise hits all alike."""
    paced = 4 if quick else 10
    for server in servers:
        measure(server.plan(chat(50), streams=16, requests=4))  # warm-up
    for server in servers:
        yield memory(server, 1000)  # first, while nothing was ever allocated
    for streams, pace in ((64, 50.0), (512, 8.0)):
        for server in servers:
            plan = server.plan(chat(int(paced * pace), pace), streams=streams, ramp=1.0)
            yield run(f"paced, {pace:g} tokens/s", server, plan)
    for streams, tokens in ((64, 1000), (512, 150)):
        for server in servers:
            plan = server.plan(chat(tokens if not quick else tokens // 4), streams=streams, requests=2)
            yield run("flat out", server, plan)
    for server in servers:
        small = {"model": "m", "messages": MESSAGES, "fake": {"tokens": 8}}
        yield run("not streamed", server, server.plan(small, streams=32, requests=25 if quick else 250))
    for server in servers:
        yield run("1,000 at once", server, server.plan(chat(30, 5.0), streams=1000, ramp=1.0))


@contextmanager
def terminated(process: subprocess.Popen[Any]) -> Iterator[None]:
    """End a process afterwards, also when something failed."""
    try:
        yield
    finally:
        process.terminate()


@contextmanager
def fake_engine(folder: Path) -> Iterator[tuple[Server, Endpoint]]:
    listen = Address(uds=str(folder / "engine.sock"))
    command = engine.command(Launch("m", Model("m", format="fake"), "fake"), listen, TOKEN)
    with subprocess.Popen(command.argv, env={**os.environ, **command.env}, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        headers = {name.decode(): value.decode() for name, value in command.headers}
        alone = Server("engine alone", [psutil.Process(process.pid)], uds=listen.uds, headers=headers)
        with terminated(process):
            yield alone, Endpoint("m-rep0-1", listen, command.headers)


@contextmanager
def gateway(endpoint: Endpoint) -> Iterator[Server]:
    port = free_port()
    config = msgspec.json.encode({"port": port, "uds": endpoint.address.uds, "token": TOKEN}).decode()
    with (
        subprocess.Popen([sys.executable, "-m", "benchmarks.gateway", "--serve", config]) as process,
        terminated(process),
    ):
        wait_for(port)
        yield Server("gateway", [psutil.Process(process.pid)], port=port)


@contextmanager
def nginx(endpoint: Endpoint, folder: Path) -> Iterator[Server]:
    port = free_port()
    config = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""  # its worker must reach the engine's socket
    config.write_text(NGINX.format(user=user, folder=folder, uds=endpoint.address.uds, port=port, token=TOKEN))
    with (
        subprocess.Popen(["nginx", "-c", str(config), "-e", str(folder / "error.log")]) as process,
        terminated(process),
    ):
        wait_for(port)
        yield Server("nginx", psutil.Process(process.pid).children(), port=port)


def serve(config: str) -> None:
    """The gateway's process: one route, no control plane, and the figures over time that every server records."""
    given = msgspec.json.decode(config)
    token = b"Bearer " + given["token"].encode()
    endpoint = Endpoint("m-rep0-1", Address(uds=given["uds"]), ((b"authorization", token),))
    app = Gateway(Settings(), Traffic())
    recorder, requests = SeriesRecorder(app.tallies, list), RequestLog()
    app.on_end = requests.add
    app.publish(RouteTable({"m": Route("m", "m", ReplicaState.READY, endpoints=(endpoint,), tasks=frozenset(Task))}))
    with socket.create_server(("127.0.0.1", given["port"]), backlog=4096) as listener:
        settings = uvicorn.Config(app, lifespan="off", log_level="warning", access_log=False, backlog=4096)

        async def run() -> None:
            recording = asyncio.create_task(recorder.run())
            await uvicorn.Server(settings).serve([listener])
            recording.cancel()

        uvloop.run(run())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_for(port: int, seconds: int = 60) -> None:
    """Return when somebody answers HTTP."""
    for _ in range(20 * seconds):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            connection.getresponse().read()
            connection.close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nothing answers on port {port}")


def table(rows: list[Row]) -> str:
    """Markdown."""
    titles = (
        "CPU µs/event",
        "CPU µs/request",
        "events/s",
        "requests/s",
        "first byte p50 ms",
        "p95 ms",
        "KiB/stream",
        "errors",
    )
    lines = [f"| scenario | streams | server | {' | '.join(titles)} |", "|---|--:|---|" + "--:|" * len(titles)]

    def number(value: float | None, digits: int = 1) -> str:
        return f"{value:,.{digits}f}" if value else ""

    for row in rows:
        cells = (
            row.scenario,
            f"{row.streams:,}",
            row.server,
            number(row.cpu_us_per_event),
            number(row.cpu_us_per_request),
            number(row.events_per_second, 0),
            number(row.requests_per_second, 0),
            number(row.ttft_p50_ms),
            number(row.ttft_p95_ms),
            number(row.kib_per_stream),
            str(row.errors),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def measure_all(quick: bool) -> list[Row]:
    """Every scenario on the engine alone, the gateway, and nginx where there is one."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        alone, endpoint = stack.enter_context(fake_engine(folder))
        servers = [alone, stack.enter_context(gateway(endpoint))]
        if shutil.which("nginx"):
            servers.append(stack.enter_context(nginx(endpoint, folder)))
        else:
            print("nginx is not installed; it is left out", file=sys.stderr)
        return list(measurements(servers, quick))


def raise_limits() -> None:
    """As many open files as we may have: a thousand streams are two thousand sockets."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="shorter runs")
    parser.add_argument("--serve", metavar="CONFIG", help=argparse.SUPPRESS)
    args = parser.parse_args()
    raise_limits()
    if args.serve:
        serve(args.serve)
    else:
        print(table(measure_all(args.quick)))


if __name__ == "__main__":
    main()
