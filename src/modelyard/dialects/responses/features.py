"""What becomes of each field, item and tool of OpenAI's `/v1/responses`. `docs/reference/dialects.md` shows these tables."""

from __future__ import annotations

from modelyard.dialects.features import Table, honoured, ignored, refused, translated

ENGINES = ignored("engines cache every prefix by themselves")
OF_USERS = ignored("it describes the user for OpenAI; the answer has it, too")
TRACE = ignored("what a tool of OpenAI's servers did; the answer after it stays in the conversation")
HOSTED = translated("a call and a message of the role `tool` with its `output`, unless an answer follows in that turn")
CLIENTS = ignored("a call of a tool that is not offered here; the answer after it stays in the conversation")
ELSEWHERE = ignored("it runs on OpenAI's servers: it is left out, and the answer's `metadata.dropped_tools` names it")
DEFINED = ignored(
    "open models are not trained for it: it is left out, and the answer's `metadata.dropped_tools` names it"
)

FIELDS: Table = {
    "model": honoured("also an alias, an adapter or `kb:NAME`"),
    "input": translated("items become messages, calls and messages of the role `tool`; items of one role are joined"),
    "instructions": translated("the first message, together with messages of developers before the first turn"),
    "stream": honoured(),
    "max_output_tokens": translated("`max_tokens`; an answer that it cuts off is `incomplete`"),
    "temperature": honoured(),
    "top_p": honoured(),
    "tools": translated("functions; of no effect for `kb:NAME`"),
    "tool_choice": translated("`tool_choice`; `allowed_tools` offers those tools only"),
    "parallel_tool_calls": honoured(),
    "text": translated("`format` is `response_format`; `verbosity` has no effect"),
    "reasoning": translated(
        "`effort` is `reasoning_effort` where the engine has it; with `summary` thoughts are the summary, else the content"
    ),
    "include": translated(
        "`reasoning.encrypted_content`, `message.output_text.logprobs`, `file_search_call.results` and "
        "`web_search_call.action.sources`; others have no effect"
    ),
    "top_logprobs": translated("`logprobs` and `top_logprobs`"),
    "truncation": honoured("with `auto`, what stands first in a conversation that is too long is removed"),
    "max_tool_calls": honoured("it bounds the calls of tools that this server runs"),
    "metadata": honoured("the answer has it"),
    "stream_options": ignored("events are not padded"),
    "store": honoured("true if it is left out; with false nothing is stored"),
    "user": OF_USERS,
    "safety_identifier": OF_USERS,
    "prompt_cache_key": ENGINES,
    "prompt_cache_options": ENGINES,
    "prompt_cache_retention": ENGINES,
    "service_tier": ignored("there is one tier"),
    "access_programs": ignored("models have no programs of access"),
    "image": ignored("pictures are passed to the model as they are"),
    "personality": ignored("the model has its own"),
    "client_metadata": ignored("Codex describes itself by it"),
    "context_management": ignored("nothing is removed from the conversation"),
    "previous_response_id": translated(
        "the items of that response and of those before it come first, without instructions"
    ),
    "conversation": translated("its items come first; input and output are appended to it"),
    "background": honoured("needs `store`; the server makes the response to its end, whoever reads it"),
    "prompt": refused("templates of prompts are stored at OpenAI; send 'instructions' and 'input'"),
    "moderation": refused("answers are not checked by a moderation model; leave it out"),
}
"""Fields of a request. Others that are not misspelled pass to the engine as in a chat completion, such as `seed` and `min_p`."""

ITEMS: Table = {
    "message": translated("a message; messages of developers between turns become a part of the user's turn"),
    "function_call": translated("a call"),
    "function_call_output": translated("a message of the role `tool`; its pictures follow in the next message"),
    "custom_tool_call": translated("a call of a function with one text, `input`"),
    "custom_tool_call_output": translated("a message of the role `tool`"),
    "reasoning": translated(
        "`reasoning_content` of the message; `encrypted_content` of other servers, and what was altered, has no effect"
    ),
    "agent_message": translated("a message of the user that names its author; what is encrypted in it has no effect"),
    "additional_tools": translated("its tools are offered"),
    "item_reference": translated("the stored item of that id"),
    "compaction": ignored("only the server that made it can read it"),
    "compaction_summary": ignored("only the server that made it can read it"),
    "compaction_trigger": refused("this server does not compact conversations"),
    "configuration_update": translated("its `reasoning.effort` and `text.format` replace those of the request"),
    **dict.fromkeys(("file_search_call", "web_search_call", "mcp_call"), HOSTED),
    **dict.fromkeys(
        (
            *("image_generation_call", "code_interpreter_call"),
            *("mcp_list_tools", "mcp_approval_request", "mcp_approval_response"),
            *("tool_search_call", "tool_search_output", "program", "program_output"),
        ),
        TRACE,
    ),
    **dict.fromkeys(
        (
            *("computer_call", "computer_call_output", "local_shell_call", "local_shell_call_output"),
            *("shell_call", "shell_call_output", "apply_patch_call", "apply_patch_call_output", "ghost_snapshot"),
        ),
        CLIENTS,
    ),
}
"""Kinds of items in `input`."""

PARTS: Table = {
    "input_text": honoured(),
    "output_text": honoured(),
    "refusal": honoured(),
    "input_image": translated("a picture of the message: an address, a data URL, or a stored file"),
    "input_file": translated("its text, read by the loaders of knowledge bases; addresses are refused"),
    "input_audio": honoured(),
}
"""Parts of messages and of what tools have returned."""

TOOLS: Table = {
    "function": honoured(),
    "custom": translated(
        "a function with one text, `input`; its grammar stands in the description, and is not enforced"
    ),
    "namespace": translated("functions named `namespace__name`; calls have `name` and `namespace` again"),
    **dict.fromkeys(
        ("web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11"),
        translated(
            "the search engine that the owner has chosen, and the reader of pages, if the key has the scope `tools:use`; "
            "else it is left out, and the answer's `metadata.dropped_tools` names it"
        ),
    ),
    "file_search": translated("a search in knowledge bases, by the ids of their vector stores or by their names"),
    "mcp": translated(
        "the tools of an MCP server that the owner has configured, without approval; `server_url` and connectors are refused"
    ),
    **dict.fromkeys(
        ("code_interpreter", "image_generation", "tool_search", "programmatic_tool_calling"),
        ELSEWHERE,
    ),
    **dict.fromkeys(
        ("computer", "computer_use", "computer_use_preview", "local_shell", "shell", "apply_patch"), DEFINED
    ),
}
"""Kinds of tools."""
