"""The tools that a model can call: a calculator, web search, knowledge bases, web pages and MCP servers. None runs a shell."""
