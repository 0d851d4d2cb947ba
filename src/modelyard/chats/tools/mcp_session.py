"""The connection to one MCP server through the official SDK. A task of its own opens and closes the session."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import httpx2
import msgspec
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp import types as mcp_types
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from modelyard.chats.tools.mcp_config import McpServer
from modelyard.core.errors import ToolFailed

log = logging.getLogger(__name__)

CLOSE_SECONDS = 10.0
"""Seconds that a process has to end before its task is cancelled, which kills it."""
MOST_PAGES = 100
MOST_CHARACTERS = 50_000
"""Maximum characters of a call's output."""
OUTPUT_LINES = 5
"""Number of lines of a server's error output that an error message quotes."""
CLOSED = mcp_types.CONNECTION_CLOSED
TERMINATED = "Session terminated"
"""The SDK's message when an HTTP server no longer knows the session."""

BROKEN = (
    MCPError, ExceptionGroup, OSError, RuntimeError, ValueError, httpx2.HTTPError, anyio.ClosedResourceError,
    anyio.BrokenResourceError, anyio.EndOfStream,
)  # fmt: skip
"""The exceptions of the SDK when a server or its connection is broken. They include `TimeoutError`, an `OSError`."""


class McpConnection:
    """A server whose session is opened when needed. Calls may run concurrently."""

    def __init__(self, server: McpServer, start_timeout: float, call_timeout: float) -> None:
        self._server = server
        self._start_timeout = start_timeout
        self._call_timeout = call_timeout
        self._session: McpSession | None = None
        self._opening = asyncio.Lock()
        self._calls = 0

    async def tools(self) -> list[mcp_types.Tool]:
        """Request the server's list of tools. Raises `ToolFailed`."""
        session = await self._open_session()
        tools: list[mcp_types.Tool] = []
        cursor: str | None = None
        try:
            async with asyncio.timeout(self._start_timeout):
                for _ in range(MOST_PAGES):
                    page = await session.client.list_tools(cursor=cursor)
                    tools += page.tools
                    cursor = page.next_cursor
                    if cursor is None:
                        break
        except BROKEN as error:
            await self._drop(session)
            raise self._failed(error, session) from error
        return tools

    async def call(self, tool: str, arguments: dict[str, Any]) -> str:
        """Call a tool, and return its output as text. Raises `ToolFailed`, also for errors of the tool."""
        session = await self._open_session()
        self._calls += 1
        try:
            async with asyncio.timeout(self._call_timeout):
                result = await session.client.call_tool(tool, arguments)
        except TimeoutError as error:
            if self._calls == 1:  # no other call is waiting for the session, so it may be replaced
                await self._drop(session)
            raise ToolFailed(f"{self._server.name}__{tool}", f"no answer in {self._call_timeout:g} s.") from error
        except BROKEN as error:
            if not isinstance(error, MCPError) or error.code == CLOSED or error.message == TERMINATED:
                await self._drop(session)
            raise self._failed(error, session, tool) from error
        finally:
            self._calls -= 1
        output_text = result_text(result)
        if result.is_error:
            raise ToolFailed(f"{self._server.name}__{tool}", output_text)
        return output_text

    async def close(self) -> None:
        """End the session, and the process if it is one."""
        async with self._opening:
            session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _open_session(self) -> McpSession:
        async with self._opening:
            if self._session is not None and self._session.is_over:
                session, self._session = self._session, None
                await session.close()
            if self._session is None:
                session = McpSession(self._server)
                try:
                    await session.open(self._start_timeout)
                except BROKEN as error:
                    raise self._failed(error, session) from error
                finally:
                    if not session.is_open:
                        await session.close()
                self._session = session
            return self._session

    async def _drop(self, session: McpSession) -> None:
        """Forget a session that is broken; the next call opens another."""
        if self._session is session:
            self._session = None
        await session.close()

    def _failed(self, error: BaseException, session: McpSession, tool: str = "") -> ToolFailed:
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        name = f"{self._server.name}__{tool}" if tool else self._server.name
        if isinstance(error, TimeoutError):
            why = f"the MCP server does not answer within {self._start_timeout:g} s."
        elif isinstance(error, MCPError) and error.code == CLOSED:
            why = f"the MCP server has ended ({error.message})."
        elif isinstance(error, MCPError):
            why = error.message
        else:
            why = f"{type(error).__name__}: {error}."
        return ToolFailed(name, f"{why}{session.last_output()}")


class McpSession:
    """One run of a server. The SDK's contexts must be entered and left in the same task, which is that of `_hold`."""

    def __init__(self, server: McpServer) -> None:
        self._server = server
        self._output = ErrorOutput(server.name) if server.command else None
        self._stop = asyncio.Event()
        self._ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._hold(), name=f"mcp-{server.name}")

    @property
    def client(self) -> Client:
        """The client for calls from any task. The session must be open."""
        return self._ready.result()

    @property
    def is_open(self) -> bool:
        """Whether the session was opened and has not ended."""
        return self._ready.done() and not self._task.done()

    @property
    def is_over(self) -> bool:
        """Whether its task or its process has ended."""
        return self._task.done() or (self._output is not None and self._output.ended.is_set())

    async def open(self, timeout: float) -> None:
        """Wait until the session is open. Raises the exceptions of `BROKEN`."""
        await asyncio.wait((self._ready, self._task), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done() and not self._task.cancelled():
            raise self._task.exception() or RuntimeError("it ended at once")
        if not self._ready.done():
            raise TimeoutError

    async def close(self) -> None:
        """End the session. Errors while it ends are logged only."""
        if self._ready.done():
            self._stop.set()
            await asyncio.wait((self._task,), timeout=CLOSE_SECONDS)
        self._task.cancel()
        await asyncio.wait((self._task,))
        if self._output is not None:
            self._output.file.close()  # in case the task never began
        if not self._task.cancelled() and self._task.exception() is not None:
            log.debug("the session with %s ended badly", self._server.name, exc_info=self._task.exception())

    def last_output(self) -> str:
        """Quote the last lines of the process's error output as a sentence; empty if there are none."""
        output_text = self._output.lines() if self._output is not None else ""
        return f" It says: {output_text}" if output_text else ""

    async def _hold(self) -> None:
        async with Client(self._transport()) as client:
            self._ready.set_result(client)
            await self._stop.wait()

    def _transport(self) -> AbstractAsyncContextManager[Any]:
        if self._output is not None:
            return _process(self._server, self._output)
        if self._server.sse:
            return sse_client(self._server.url, dict(self._server.headers))
        return _http(self._server)


@asynccontextmanager
async def _process(server: McpServer, output: ErrorOutput) -> AsyncIterator[Any]:
    parameters = StdioServerParameters(
        command=server.command, args=list(server.args), env=dict(server.env), cwd=server.cwd
    )
    try:
        async with stdio_client(parameters, errlog=output.file) as streams:
            output.file.close()  # the process has its own; when that is closed too, it has ended
            yield streams
    finally:
        output.file.close()


@asynccontextmanager
async def _http(server: McpServer) -> AsyncIterator[Any]:
    timeout = httpx2.Timeout(30, read=300)
    async with (
        httpx2.AsyncClient(headers=dict(server.headers), timeout=timeout) as client,
        streamable_http_client(server.url, http_client=client) as streams,
    ):
        yield streams


class ErrorOutput:
    """The last lines of a process's error output. A thread reads them until the process has ended."""

    def __init__(self, name: str) -> None:
        self.ended = threading.Event()
        self._lines: deque[str] = deque(maxlen=OUTPUT_LINES)
        self._name = name
        source, target = os.pipe()
        self.file = os.fdopen(target, "w")
        threading.Thread(target=self._read, args=(source,), daemon=True, name=f"mcp-{name}-stderr").start()

    def _read(self, source: int) -> None:
        with open(source, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                log.debug("%s: %s", self._name, line.rstrip())
                self._lines.append(line.strip()[:300])
        self.ended.set()

    def lines(self) -> str:
        """Return the lines joined into one."""
        return " / ".join(filter(None, self._lines))


def result_text(result: mcp_types.CallToolResult) -> str:
    """Return the output of a call as text."""
    output_text = "\n".join(filter(None, map(_block_text, result.content)))
    if not output_text and result.structured_content is not None:
        output_text = msgspec.json.encode(result.structured_content).decode()
    if len(output_text) > MOST_CHARACTERS:
        return f"{output_text[:MOST_CHARACTERS]}\n(cut; {len(output_text)} characters in all)"
    return output_text


def _block_text(block: mcp_types.ContentBlock) -> str:
    match block:
        case mcp_types.TextContent():
            return block.text
        case mcp_types.EmbeddedResource(resource=mcp_types.TextResourceContents() as resource):
            return resource.text
        case mcp_types.EmbeddedResource():
            return f"[{block.resource.uri}]"
        case mcp_types.ResourceLink():
            return f"[{block.title or block.name}]({block.uri})"
    return f"[{block.type}, {block.mime_type}]"
