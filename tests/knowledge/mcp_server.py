"""A real MCP server for tests, made with the official SDK: `python -m tests.knowledge.mcp_server [PORT | --broken]`."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import time
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.utilities.types import Image

server = MCPServer("tests", log_level="ERROR")


@server.tool(description="Add two numbers. 两数相加。")
def add(left: int, right: int) -> str:
    return f"和 = {left + right}"


@server.tool()
def variables() -> list[str]:
    return sorted(name for name in os.environ if name.startswith("MCP_TEST"))


@server.tool()
def process() -> str:
    return str(os.getpid())


@server.tool(structured_output=True)
def table() -> dict[str, Any]:
    return {"rows": [1, 2]}


@server.tool()
def picture() -> Image:
    return Image(data=base64.b64decode("iVBORw0KGgo="), format="png")


@server.tool(name="long.名字" + "x" * 80)
def long_name() -> str:
    return "long"


@server.tool()
def wrong() -> str:
    raise ToolError("no such 文件")


@server.tool()
def dies() -> str:
    print("the last words", file=sys.stderr, flush=True)
    os._exit(3)


@server.tool()
def hangs() -> str:
    time.sleep(600)
    return ""


@server.tool()
async def waits(left: str, came: str) -> str:
    """Says that it was called, and whether it was cancelled."""
    Path(came).touch()
    try:
        await asyncio.sleep(600)
    finally:
        Path(left).touch()
    return ""


if __name__ == "__main__":
    if sys.argv[1:] == ["--broken"]:
        raise SystemExit("cannot start: 缺少密钥")
    if sys.argv[1:] == ["--silent"]:
        time.sleep(600)
    if sys.argv[1:]:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run()
