"""MCP servers that really run, over standard streams and over HTTP: their tools, their deaths, their ends."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from mcp.types import CallToolResult

from modelyard.chats.tools import mcp_config
from modelyard.chats.tools.base import Tool
from modelyard.chats.tools.mcp_config import McpServer
from modelyard.chats.tools.mcp_servers import McpServers, tool_name
from modelyard.chats.tools.mcp_session import MOST_CHARACTERS, result_text
from modelyard.core.errors import InvalidParameter, MissingLibrary, ToolFailed
from tests.processes import wait_for

MODULE = ("-m", "tests.knowledge.mcp_server")
ROOT = Path(__file__).resolve().parents[2]


def ours(name: str = "tests", *arguments: str, env: dict[str, str] | None = None) -> McpServer:
    return McpServer(name, sys.executable, (*MODULE, *arguments), env or {}, str(ROOT))


def by_name(tools: list[Tool]) -> dict[str, Tool]:
    return {tool.name: tool for tool in tools}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class OverHttp:
    """The server of the tests at a port; it can be ended and started again."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/mcp"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, *MODULE, str(self.port)], cwd=ROOT)
        for _ in range(600):
            try:
                httpx.get(self.url)
                return
            except httpx.ConnectError:
                assert self.process.poll() is None
                time.sleep(0.05)
        raise AssertionError("it does not come up")

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def over_http() -> Iterator[OverHttp]:
    made = OverHttp()
    yield made
    made.end()


async def use(tools: dict[str, Tool]) -> None:
    """What must hold over every transport."""
    add = tools["tests__add"]
    assert add.description == "Add two numbers. 两数相加。"
    assert set(add.parameters["properties"]) == {"left", "right"}
    assert await add.call({"left": 2, "right": 3}) == "和 = 5"
    assert await tools["tests__variables"].call({}) == "MCP_TEST_GIVEN"
    assert json.loads(await tools["tests__table"].call({})) == {"rows": [1, 2]}
    assert await tools["tests__picture"].call({}) == "[image, image/png]"
    long = next(tool for name, tool in tools.items() if name.startswith("tests__long_"))
    assert len(long.name) == 64 and await long.call({}) == "long"
    with pytest.raises(ToolFailed, match="no such 文件") as caught:
        await tools["tests__wrong"].call({})
    assert "tests__wrong" in caught.value.message
    with pytest.raises(ToolFailed, match="right"):
        await add.call({"left": 2})
    many = await asyncio.gather(*(add.call({"left": number, "right": 0}) for number in range(20)))
    assert many == [f"和 = {number}" for number in range(20)]


def test_tools_are_called_over_standard_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_TEST_SECRET", "is not handed on")

    async def go() -> int:
        async with McpServers([ours(env={"MCP_TEST_GIVEN": "1"})]) as servers:
            tools = by_name(await servers.tools())
            assert servers.failures == {}
            await use(tools)
            return int(await tools["tests__process"].call({}))

    assert not psutil.pid_exists(asyncio.run(go()))


def test_tools_are_called_over_http(over_http: OverHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    over_http.end()
    monkeypatch.setenv("MCP_TEST_GIVEN", "1")
    over_http.start()

    async def go() -> None:
        async with McpServers([McpServer("tests", url=over_http.url, headers={"X-Key": "k"})]) as servers:
            await use(by_name(await servers.tools()))

    asyncio.run(go())


def test_an_http_server_may_restart(over_http: OverHttp) -> None:
    async def go() -> None:
        async with McpServers([McpServer("tests", url=over_http.url)], call_timeout=20, start_timeout=20) as servers:
            add = by_name(await servers.tools())["tests__add"]
            over_http.end()
            with pytest.raises(ToolFailed):
                await add.call({"left": 1, "right": 1})
            await asyncio.to_thread(over_http.start)
            try:
                said = await add.call({"left": 1, "right": 1})
            except ToolFailed:
                said = await add.call({"left": 1, "right": 1})
            assert said == "和 = 2"

    asyncio.run(go())


def test_a_server_that_ends_fails_the_call_and_is_restarted() -> None:
    async def go() -> None:
        async with McpServers([ours()]) as servers:
            tools = by_name(await servers.tools())
            first = await tools["tests__process"].call({})
            with pytest.raises(ToolFailed, match=r"has ended.*the last words") as caught:
                await tools["tests__dies"].call({})
            assert (caught.value.status, caught.value.code) == (502, "tool_failed")
            second = await tools["tests__process"].call({})
            assert second != first
            killed = psutil.Process(int(second))
            killed.kill()  # between two calls
            await asyncio.to_thread(psutil.wait_procs, [killed], 10)
            third = await again(tools["tests__process"])
            assert third not in (first, second)

    asyncio.run(go())


async def again(tool: Tool) -> str:
    """A call, made a second time if its server's death was not known yet."""
    try:
        return await tool.call({})
    except ToolFailed:
        return await tool.call({})


def test_a_server_that_hangs_fails_the_call() -> None:
    async def go() -> None:
        async with McpServers([ours()], call_timeout=1) as servers:
            tools = by_name(await servers.tools())
            with pytest.raises(ToolFailed, match=r"tests__hangs.*no answer in 1 s"):
                await tools["tests__hangs"].call({})
        async with McpServers([ours()]) as servers:
            assert await by_name(await servers.tools())["tests__add"].call({"left": 1, "right": 1}) == "和 = 2"

    asyncio.run(go())


def test_cancelling_a_call_cancels_it_at_the_server(tmp_path: Path) -> None:
    left, came = tmp_path / "left", tmp_path / "came"

    async def go() -> None:
        async with McpServers([ours()]) as servers:
            tools = by_name(await servers.tools())
            call = asyncio.create_task(tools["tests__waits"].call({"left": str(left), "came": str(came)}))
            await until(came)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await until(left)
            assert await tools["tests__add"].call({"left": 1, "right": 1}) == "和 = 2"

    asyncio.run(go())


async def until(path: Path) -> None:
    """Wait until another process has made a file."""
    await asyncio.to_thread(wait_for, path.exists, 30)


def test_a_server_that_fails_to_start_does_not_affect_others() -> None:
    silent = ours("silent", "--silent")
    nowhere = McpServer("nowhere", url=f"http://127.0.0.1:{free_port()}/mcp")
    servers = [ours("broken", "--broken"), McpServer("missing", "no-such-command"), nowhere, ours()]

    async def go() -> None:
        async with McpServers(servers, start_timeout=30) as some:
            assert "tests__add" in by_name(await some.tools())
            assert sorted(some.failures) == ["broken", "missing", "nowhere"]
            assert "缺少密钥" in some.failures["broken"]
            assert "no-such-command" in some.failures["missing"]
        async with McpServers([silent], start_timeout=1) as some:
            assert await some.tools() == []
            assert "within 1 s" in some.failures["silent"]

    asyncio.run(go())


def test_a_session_can_be_closed_from_another_task() -> None:
    async def go() -> None:
        servers = McpServers([ours()])
        tools = by_name(await asyncio.create_task(servers.tools()))
        pid = int(await asyncio.create_task(tools["tests__process"].call({})))
        await asyncio.create_task(servers.close())
        assert not psutil.pid_exists(pid)
        assert await tools["tests__add"].call({"left": 1, "right": 1}) == "和 = 2"
        await servers.close()
        await servers.close()

    asyncio.run(go())


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    monkeypatch.delitem(sys.modules, "modelyard.chats.tools.mcp_session", raising=False)
    with pytest.raises(MissingLibrary, match="pip install mcp"):
        asyncio.run(McpServers([ours()]).tools())
    assert asyncio.run(McpServers([]).tools()) == []


def test_the_common_configuration_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "secret")
    config = {
        "mcpServers": {
            "files": {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "${ROOT_DIR:-/tmp}"]},
            "git": {"command": "uvx", "args": ["mcp-server-git"], "env": {"TOKEN": "${A_KEY}"}, "autoApprove": []},
            "remote": {"url": "https://example.org/mcp", "headers": {"Authorization": "Bearer ${A_KEY}"}},
            "old": {"type": "sse", "url": "https://example.org/sse"},
            "off": {"command": "x", "disabled": True},
        }
    }
    path = tmp_path / "mcp.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    files, git, remote, old = mcp_config.read(path)
    assert files.args == ("-y", "@modelcontextprotocol/server-filesystem", "/tmp")
    assert git.env == {"TOKEN": "secret"}
    assert remote.headers == {"Authorization": "Bearer secret"} and not remote.sse
    assert old.sse
    assert "secret" not in repr([files, git, remote, old])
    assert McpServers.from_file(path).failures == {}


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ([], "mcpServers"),
        ({}, "mcpServers"),
        ({"mcpServers": {"x": {}}}, "'x'.*a command or a url"),
        ({"mcpServers": {"x": {"command": "a", "url": "http://b"}}}, "a command or a url"),
        ({"mcpServers": {"x": {"command": "a", "env": {"PORT": 1}}}}, "'x'.*'env'.*a text"),
        ({"mcpServers": {"x": "npx"}}, "'x'.*object"),
        ({"mcpServers": {"x": {"url": "ws://b"}}}, "not an http"),
        ({"mcpServers": {"x": {"type": "ws", "url": "http://b"}}}, "'ws'"),
        ({"mcpServers": {"x": {"type": "sse", "command": "a"}}}, "needs a url"),
        ({"mcpServers": {"x": {"command": "a", "args": ["${NOT_SET_ANYWHERE}"]}}}, "NOT_SET_ANYWHERE is not set"),
    ],
)
def test_a_wrong_configuration_names_the_server(config: object, why: str) -> None:
    with pytest.raises(InvalidParameter, match=why):
        mcp_config.parse(config)


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="cannot be read"):
        mcp_config.read(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    with pytest.raises(InvalidParameter, match="not JSON"):
        mcp_config.read(tmp_path / "bad.json")


def test_tool_names_are_valid_and_unique() -> None:
    assert tool_name("a__b-c_1", []) == "a__b-c_1"
    assert tool_name("a__b.c", []) == "a__b_c"
    assert tool_name("a__b.c", ["a__b_c"]) != "a__b_c"
    one, two = tool_name("服务器__查询", []), tool_name("服务器__删除", [])
    assert one != two and all(name.isascii() and len(name) <= 64 for name in (one, two))
    assert len(tool_name("a__" + "b" * 100, [])) == 64


RESULTS = {
    "text": (
        [{"type": "text", "text": "one"}, {"type": "text", "text": ""}, {"type": "text", "text": "two"}],
        "one\ntwo",
    ),
    "a file with text": ([{"type": "resource", "resource": {"uri": "file:///a", "text": "inside"}}], "inside"),
    "a file of bytes": ([{"type": "resource", "resource": {"uri": "file:///a", "blob": "AAAA"}}], "[file:///a]"),
    "a link": ([{"type": "resource_link", "uri": "file:///a", "name": "a", "title": "A"}], "[A](file:///a)"),
    "a link without a title": ([{"type": "resource_link", "uri": "file:///a", "name": "a"}], "[a](file:///a)"),
    "an image": ([{"type": "image", "data": "AAAA", "mimeType": "image/png"}], "[image, image/png]"),
    "a sound": ([{"type": "audio", "data": "AAAA", "mimeType": "audio/wav"}], "[audio, audio/wav]"),
    "nothing": ([], '{"degrees":21}'),
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_becomes_text(name: str) -> None:
    content, expected = RESULTS[name]
    result = CallToolResult.model_validate({"content": content, "structuredContent": {"degrees": 21}})
    assert result_text(result) == expected


@pytest.mark.parametrize(("length", "is_cut"), [(MOST_CHARACTERS, False), (MOST_CHARACTERS + 1, True)])
def test_a_long_result_is_cut(length: int, is_cut: bool) -> None:
    text = result_text(CallToolResult.model_validate({"content": [{"type": "text", "text": "x" * length}]}))
    cut = f"\n(cut; {length} characters in all)" if is_cut else ""
    assert text == "x" * MOST_CHARACTERS + cut
