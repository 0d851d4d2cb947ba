"""Chats that are kept, and agents that answer with tools.

`tool_loop.py` lets a model call tools, round after round, until it answers. `tools/` are those tools: arithmetic, the
web, pages, knowledge bases, MCP servers; there is no shell. `search_engines/` are the ways to search the web.
`conversations.py` keeps questions and answers by their owner. `service.py` is the front.

Searching a base and reading a page are handed in as functions by `api`, so that this package and `knowledge/` do not
import each other."""
