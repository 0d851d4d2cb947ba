"""What becomes of each field, block, source and tool of Anthropic's API. `docs/reference/dialects.md` shows these tables."""

from __future__ import annotations

from modelyard.dialects.features import Feature, Table, honoured, ignored, refused, translated

CACHES = ignored("engines cache every prefix by themselves")
ELSEWHERE = "it runs on Anthropic's servers, and this server has nothing like it; leave it out"
CITED = "answers cite knowledge bases only (model 'kb:NAME'); leave it out"

FIELDS: Table = {
    "model": honoured("also an alias, an adapter or `kb:NAME`"),
    "messages": translated("blocks become parts, calls and messages of the role `tool`; turns of one role are joined"),
    "max_tokens": honoured("required; may exceed the context"),
    "system": translated("the first message, together with messages of the role `system` before the first turn"),
    "stop_sequences": translated("`stop`"),
    "stream": honoured(),
    "temperature": honoured(),
    "top_p": honoured(),
    "top_k": honoured(),
    "tools": translated("functions; of no effect for `kb:NAME`"),
    "tool_choice": translated("`tool_choice` and `parallel_tool_calls`"),
    "thinking": translated("`enable_thinking`; `adaptive` and `between_tools` leave it to the model"),
    "output_config": translated(
        "`format` is `response_format`; `effort` is `reasoning_effort` where the engine has it"
    ),
    "output_format": translated("the older place of `output_config.format`"),
    "metadata": ignored("it describes the user for Anthropic"),
    "cache_control": CACHES,
    "betas": ignored("clients send it as a header; what it would switch on is there, or refused by name"),
    "service_tier": ignored("there is one tier"),
    "inference_geo": ignored("the model runs on this server"),
    "speed": ignored("there is one speed"),
    "diagnostics": ignored("engines do not say why a prefix was not cached"),
    "billing_policy": ignored("nothing is billed"),
    "user_profile_id": ignored("it describes the user for Anthropic"),
    "workspace_id": ignored("a key belongs to no workspace"),
    "context_management": ignored("nothing is removed from the conversation"),
    "container": refused(ELSEWHERE),
    "mcp_servers": refused("callers cannot name MCP servers"),
    "compaction": refused("this server does not compact conversations"),
    "thread": refused("messages are not stored; clients then send the whole conversation by themselves"),
    "fallbacks": refused("aliases of the server decide which model answers"),
    "fallback_credit_token": refused("nothing is billed"),
}
"""Fields of a request. Others that are not misspelled pass to the engine as in a chat completion, such as `seed` and `min_p`."""

BLOCKS: Table = {
    "text": honoured(),
    "image": translated("a picture of the message"),
    "document": translated("its text, read by the loaders of knowledge bases"),
    "search_result": translated("its text"),
    "thinking": translated("`reasoning_content` of the message; any signature is accepted"),
    "redacted_thinking": ignored("only the server that made it can read it"),
    "tool_use": translated("a call"),
    "tool_result": translated("a message of the role `tool`; its pictures follow in the next message"),
    **dict.fromkeys(
        (
            *("server_tool_use", "web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result"),
            *("bash_code_execution_tool_result", "text_editor_code_execution_tool_result", "tool_search_tool_result"),
            *("container_upload", "tool_reference", "browser_state", "advisor_tool_result", "fallback"),
            *("mcp_tool_listing", "mcp_tool_use", "mcp_tool_result"),
        ),
        refused(ELSEWHERE),
    ),
    **dict.fromkeys(("tool_addition", "tool_removal"), refused("tools are those of the request's 'tools'")),
    "compaction": refused("this server does not compact conversations"),
}
"""Blocks of messages and of results of tools."""

SOURCES: Table = {
    "base64": honoured("documents of every format that knowledge bases read"),
    "text": honoured(),
    "content": honoured(),
    "url": honoured("pictures, as the engine fetches them; documents are refused"),
    "file": translated("the content of a stored file (`/v1/files`), with the scope `files:read`"),
}
"""Where pictures and documents come from."""

OWN = "a function with the parameters that Anthropic has defined"
TOOLS: dict[str, Feature] = {
    "custom": translated("a function"),
    "bash": translated(OWN),
    "text_editor": translated(OWN),
    "memory": translated(OWN),
    **dict.fromkeys(
        (
            *("web_search", "web_fetch", "code_execution", "tool_search_tool_bm25", "tool_search_tool_regex"),
            *("advisor", "mcp_toolset"),
        ),
        refused(ELSEWHERE),
    ),
    **dict.fromkeys(
        ("computer", "computer_toolset", "browser_toolset"),
        refused("models are trained for it, and no open one is; offer it as a tool with a schema of your own"),
    ),
}
"""Kinds of tools: their `type` without the date."""
