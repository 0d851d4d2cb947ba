"""One MCP server through the official SDK. Its session lives in a task of its own, which opens and closes it."""

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
"""A process has so long to end before its task is cancelled, which kills it."""
MOST_PAGES = 100
MOST_CHARACTERS = 50_000
"""Of what one call gives."""
WORDS = 5
"""Lines of a server's own error output in our sentence."""
CLOSED = mcp_types.CONNECTION_CLOSED
TERMINATED = "Session terminated"
"""What the SDK says when a server over HTTP no longer knows the session."""

BROKEN = (
    MCPError, ExceptionGroup, OSError, RuntimeError, ValueError, httpx2.HTTPError, anyio.ClosedResourceError,
    anyio.BrokenResourceError, anyio.EndOfStream,
)  # fmt: skip
"""What the SDK lets through when a server or the way to it is broken; `TimeoutError` is an `OSError`."""


class Connection:
    """A server that is opened when it is needed. Calls may run side by side."""

    def __init__(self, server: McpServer, start_timeout: float, call_timeout: float) -> None:
        self._server = server
        self._start_timeout = start_timeout
        self._call_timeout = call_timeout
        self._session: Session | None = None
        self._opening = asyncio.Lock()
        self._calls = 0

    async def tools(self) -> list[mcp_types.Tool]:
        """All tools, as the server lists them now. Raises `ToolFailed`."""
        session = await self._opened()
        found: list[mcp_types.Tool] = []
        cursor: str | None = None
        try:
            async with asyncio.timeout(self._start_timeout):
                for _ in range(MOST_PAGES):
                    page = await session.client.list_tools(cursor=cursor)
                    found += page.tools
                    cursor = page.next_cursor
                    if cursor is None:
                        break
        except BROKEN as error:
            await self._drop(session)
            raise self._failed(error, session) from error
        return found

    async def call(self, tool: str, arguments: dict[str, Any]) -> str:
        """What a tool gives, as text. Raises `ToolFailed` for its own errors too."""
        session = await self._opened()
        self._calls += 1
        try:
            async with asyncio.timeout(self._call_timeout):
                result = await session.client.call_tool(tool, arguments)
        except TimeoutError as error:
            if self._calls == 1:  # nobody else is waiting for it, so it may be made anew
                await self._drop(session)
            raise ToolFailed(f"{self._server.name}__{tool}", f"no answer in {self._call_timeout:g} s.") from error
        except BROKEN as error:
            if not isinstance(error, MCPError) or error.code == CLOSED or error.message == TERMINATED:
                await self._drop(session)
            raise self._failed(error, session, tool) from error
        finally:
            self._calls -= 1
        said = text_of(result)
        if result.is_error:
            raise ToolFailed(f"{self._server.name}__{tool}", said)
        return said

    async def close(self) -> None:
        """End the session, and the process if it is one."""
        async with self._opening:
            session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _opened(self) -> Session:
        async with self._opening:
            if self._session is not None and self._session.is_over:
                session, self._session = self._session, None
                await session.close()
            if self._session is None:
                session = Session(self._server)
                try:
                    await session.open(self._start_timeout)
                except BROKEN as error:
                    raise self._failed(error, session) from error
                finally:
                    if not session.is_open:
                        await session.close()
                self._session = session
            return self._session

    async def _drop(self, session: Session) -> None:
        """Forget a session that is broken; the next call opens another."""
        if self._session is session:
            self._session = None
        await session.close()

    def _failed(self, error: BaseException, session: Session, tool: str = "") -> ToolFailed:
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
        return ToolFailed(name, f"{why}{session.last_words()}")


class Session:
    """One run of a server. The task of `_hold` enters and leaves its contexts, as their cancel scopes want it."""

    def __init__(self, server: McpServer) -> None:
        self._server = server
        self._words = Words(server.name) if server.command else None
        self._stop = asyncio.Event()
        self._ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._hold(), name=f"mcp-{server.name}")

    @property
    def client(self) -> Client:
        """For calls, from any task; it must be open."""
        return self._ready.result()

    @property
    def is_open(self) -> bool:
        """Whether it came up, and its task goes on."""
        return self._ready.done() and not self._task.done()

    @property
    def is_over(self) -> bool:
        """Whether its task or its process has ended."""
        return self._task.done() or (self._words is not None and self._words.ended.is_set())

    async def open(self, timeout: float) -> None:
        """Wait until it is up. Raises what `BROKEN` names."""
        await asyncio.wait((self._ready, self._task), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done() and not self._task.cancelled():
            raise self._task.exception() or RuntimeError("it ended at once")
        if not self._ready.done():
            raise TimeoutError

    async def close(self) -> None:
        """End it; nothing it raises while it ends matters any more."""
        if self._ready.done():
            self._stop.set()
            await asyncio.wait((self._task,), timeout=CLOSE_SECONDS)
        self._task.cancel()
        await asyncio.wait((self._task,))
        if self._words is not None:
            self._words.file.close()  # where the task never began
        if not self._task.cancelled() and self._task.exception() is not None:
            log.debug("the session with %s ended badly", self._server.name, exc_info=self._task.exception())

    def last_words(self) -> str:
        """What the process wrote to its error output last, as the end of a sentence."""
        said = self._words.lines() if self._words is not None else ""
        return f" It says: {said}" if said else ""

    async def _hold(self) -> None:
        async with Client(self._transport()) as client:
            self._ready.set_result(client)
            await self._stop.wait()

    def _transport(self) -> AbstractAsyncContextManager[Any]:
        if self._words is not None:
            return _process(self._server, self._words)
        if self._server.sse:
            return sse_client(self._server.url, dict(self._server.headers))
        return _http(self._server)


@asynccontextmanager
async def _process(server: McpServer, words: Words) -> AsyncIterator[Any]:
    parameters = StdioServerParameters(
        command=server.command, args=list(server.args), env=dict(server.env), cwd=server.cwd
    )
    try:
        async with stdio_client(parameters, errlog=words.file) as streams:
            words.file.close()  # the process has its own; when that is closed too, it has ended
            yield streams
    finally:
        words.file.close()


@asynccontextmanager
async def _http(server: McpServer) -> AsyncIterator[Any]:
    timeout = httpx2.Timeout(30, read=300)
    async with (
        httpx2.AsyncClient(headers=dict(server.headers), timeout=timeout) as client,
        streamable_http_client(server.url, http_client=client) as streams,
    ):
        yield streams


class Words:
    """The last lines that a process wrote to its error output. A thread reads them until the process has ended."""

    def __init__(self, name: str) -> None:
        self.ended = threading.Event()
        self._lines: deque[str] = deque(maxlen=WORDS)
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
        """They, in one line."""
        return " / ".join(filter(None, self._lines))


def text_of(result: mcp_types.CallToolResult) -> str:
    """What a call gave, for a model that reads text."""
    said = "\n".join(filter(None, map(_text_of, result.content)))
    if not said and result.structured_content is not None:
        said = msgspec.json.encode(result.structured_content).decode()
    if len(said) > MOST_CHARACTERS:
        return f"{said[:MOST_CHARACTERS]}\n(cut; {len(said)} characters in all)"
    return said


def _text_of(block: mcp_types.ContentBlock) -> str:
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
