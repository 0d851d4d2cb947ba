"""What an agent can do: reckon, search the web and the bases, read pages, and whatever MCP servers offer. No shell."""
