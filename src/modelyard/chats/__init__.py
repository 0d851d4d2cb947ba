"""Stored chats, and agents that answer with tools.

`tool_loop.py` lets a model call tools, round after round, until it answers. `tools/` are these tools: arithmetic, web
search, web pages, knowledge bases, MCP servers; there is no shell. `search_engines/` are the web search engines.
`store.py` stores chats by their owner: trees of messages (`types.py`), in `folders.py`, listed and searched by `listing.py`.
`linear.py` shows a branch as questions with answers. `imports.py` and `tree_imports.py` read other systems' chats.
`service.py` is the interface of the package.

`api` passes in the functions that search a base and read a page, so that this package and `knowledge/` do not
import each other."""
