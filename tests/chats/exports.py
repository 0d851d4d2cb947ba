"""Small exports in the form of ChatGPT's `conversations.json` and of Open WebUI."""

from __future__ import annotations

from typing import Any

PICTURE = "data:image/png;base64,iVBORw0KGgo="
CHAT = "68195939-d2b8-8012-bb96-88231f6ed598"


def node(name: str, parent: str | None, message: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"id": name, "parent": parent, "children": [], "message": message and {"id": name, **message}}


def chatgpt_message(role: str, *parts: Any, **fields: Any) -> dict[str, Any]:
    content = {"content_type": "text", "parts": list(parts)}
    return {
        "author": {"role": role, "name": None, "metadata": {}},
        "create_time": 1700000001.5,
        "update_time": None,
        "content": content,
        "status": "finished_successfully",
        "end_turn": True,
        "weight": 1.0,
        "metadata": {},
        "recipient": "all",
        "channel": None,
        **fields,
    }


def chatgpt_chat(name: str = CHAT) -> dict[str, Any]:
    """A question that was edited, an answer with thinking, a tool call with its output, a picture, hidden nodes."""
    about = {"about_user_message": "I repair pumps.", "about_model_message": "Be brief."}
    instructions = {"is_user_system_message": True, "user_context_message_data": about}
    gpt: dict[str, Any] = {"metadata": {"model_slug": "gpt-4o", "finish_details": {"type": "stop"}}}
    thoughts = {"content_type": "thoughts", "thoughts": [{"summary": "Look", "content": "It is a pump."}]}
    picture = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-abc", "size_bytes": 5}
    hidden = {"metadata": {"is_visually_hidden_from_conversation": True}}
    nodes = [
        node("client-created-root", None),
        node("s", "client-created-root", chatgpt_message("system", "", **hidden)),
        node("i", "s", chatgpt_message("user", "", metadata=instructions)),
        node("q1", "i", chatgpt_message("user", "Which pump?")),
        node("a1", "q1", chatgpt_message("assistant", "The MX-2140.", **gpt)),
        node("q2", "i", chatgpt_message("user", picture, "Which pump is this?", content={
            "content_type": "multimodal_text", "parts": [picture, "Which pump is this?"]})),
        node("t", "q2", chatgpt_message("assistant", content=thoughts, **gpt)),
        node("r", "t", chatgpt_message("assistant", content={"content_type": "reasoning_recap", "content": "Thought for 3s"})),
        node("c", "r", chatgpt_message("assistant", recipient="python", content={
            "content_type": "code", "language": "unknown", "text": "print(6*7)"}, **gpt)),
        node("o", "c", chatgpt_message("tool", author={"role": "tool", "name": "python", "metadata": {}}, content={
            "content_type": "execution_output", "text": "42"})),
        node("a2", "o", chatgpt_message("assistant", "It is 42 litres.", status="in_progress", **gpt)),
    ]  # fmt: skip
    for each in nodes:
        each["children"] = [child["id"] for child in nodes if child["parent"] == each["id"]]
    return {
        "title": "Pumps",
        "create_time": 1700000000.25,
        "update_time": 1700000009.0,
        "mapping": {each["id"]: each for each in nodes},
        "moderation_results": [],
        "current_node": "a2",
        "conversation_id": name,
        "default_model_slug": "gpt-4o",
        "is_archived": False,
        "id": name,
    }


def open_webui_chat(name: str = "0f6f9e30-7c1b-4a52-9d0c-6f4f1e7f0c11") -> dict[str, Any]:
    """Two answers side by side, a picture, thinking, a tool call, sources, a rating, an error."""
    call = (
        '<details type="tool_calls" done="true" id="call_1" name="calculator" '
        'arguments="&quot;{\\&quot;expression\\&quot;: \\&quot;6*7\\&quot;}&quot;" result="&quot;42&quot;" files="">\n'
        "<summary>Tool Executed</summary>\n</details>\n"
    )
    summary = "<summary>Thought for 3 seconds</summary>"
    thinking = f'<details type="reasoning" done="true" duration="3">\n{summary}\n&gt; 6*7 &lt; 50\n</details>\n'
    source = {
        "source": {"name": "手册.pdf", "type": "file"},
        "document": ["年假十五天", "病假"],
        "metadata": [{"page": 0}, {"page": 1}],
        "distances": [0.9, 0.5],
    }
    messages: list[dict[str, Any]] = [
        {"id": "u1", "parentId": None, "childrenIds": ["b1", "b2"], "role": "user", "content": "年假有几天？",
         "files": [{"type": "image", "url": PICTURE}, {"type": "file", "name": "手册.pdf", "id": "f"}],
         "timestamp": 1700000001, "models": ["qwen", "llama"]},
        {"id": "b1", "parentId": "u1", "childrenIds": ["u2"], "role": "assistant", "content": thinking + call + "十五天 [1]。",
         "model": "qwen", "modelName": "Qwen", "modelIdx": 0, "timestamp": 1700000002, "done": True, "sources": [source],
         "usage": {"prompt_tokens": 5, "completion_tokens": 7}, "annotation": {"rating": 1, "reason": "accurate_information"}},
        {"id": "b2", "parentId": "u1", "childrenIds": [], "role": "assistant", "content": "I", "model": "llama",
         "modelIdx": 1, "timestamp": 1700000003, "done": True, "error": {"content": "connection lost"}},
        {"id": "u2", "parentId": "b1", "childrenIds": ["b3"], "role": "user", "content": "And?", "timestamp": 1700000004},
        {"id": "b3", "parentId": "u2", "childrenIds": [], "role": "assistant", "content": "So", "done": False,
         "model": "qwen", "timestamp": 1700000005},
    ]  # fmt: skip
    return {
        "id": name,
        "user_id": "u",
        "title": "年假",
        "chat": {
            "id": "",
            "title": "年假",
            "models": ["qwen", "llama"],
            "params": {"temperature": 0.2, "system": "Be brief.", "stop": "x"},
            "history": {"messages": {each["id"]: each for each in messages}, "currentId": "b3"},
            "messages": [messages[0], messages[1], *messages[3:]],
            "tags": [],
            "timestamp": 1700000000123,
            "files": [],
        },
        "updated_at": 1700000005,
        "created_at": 1700000000,
        "share_id": None,
        "archived": False,
        "pinned": True,
        "meta": {"tags": ["hr"]},
        "folder_id": None,
    }
