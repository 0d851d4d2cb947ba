"""Items of conversations in the form in which they are stored: each has an id, and messages have a list of contents. Pure."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from modelyard.core.errors import DuplicateItem, InvalidParameter
from modelyard.responses.types import Json, StoredItem

PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "file_search_call": "fs",
    "web_search_call": "ws",
    "mcp_list_tools": "mcpl",
    "mcp_approval_request": "mcpr",
    "mcp_approval_response": "mcpa",
    "mcp_call": "mcp",
    "computer_call": "cu",
    "computer_call_output": "cuo",
    "image_generation_call": "ig",
    "code_interpreter_call": "ci",
    "local_shell_call": "lsh",
    "local_shell_call_output": "lsho",
    "shell_call": "sh",
    "shell_call_output": "sho",
    "apply_patch_call": "apc",
    "apply_patch_call_output": "apco",
    "tool_search_call": "tsc",
    "tool_search_output": "tso",
    "additional_tools": "at",
    "program": "prg",
    "program_output": "prgo",
    "compaction": "cmp",
    "compaction_summary": "cmp",
    "agent_message": "am",
    "configuration_update": "cfg",
    "ghost_snapshot": "gs",
}
"""Type of an item → how ids of new ones begin."""
REFERENCE = "item_reference"
ROLES = ("user", "assistant", "system", "developer", "critic", "discriminator", "tool", "unknown")
LONGEST_ID = 128
ID = re.compile(r"[\x21-\x7e]{1,128}")
WITH_STATUS = frozenset(PREFIXES) - {
    "compaction_summary",
    "agent_message",
    "configuration_update",
    "ghost_snapshot",
    "additional_tools",
    "compaction",
    "mcp_approval_request",
    "mcp_approval_response",
    "mcp_list_tools",
    "program",
}
"""Types of items that have a `status`."""


def new_id(prefix: str) -> str:
    """A new id that nobody can guess."""
    return f"{prefix}_{secrets.token_hex(24)}"


def kept_items(items: Iterable[Any], place: str) -> list[StoredItem]:
    """Items of a request in the form in which they are stored; `place` is the parameter. Raises `InvalidParameter`."""
    return [kept_item(item, f"{place}[{number}]") for number, item in enumerate(items)]


def kept_item(item: Any, place: str) -> StoredItem:
    """One item with an id, its type and its status. Raises `InvalidParameter`."""
    if not isinstance(item, dict):
        raise InvalidParameter(place, "it must be an object, such as a message with 'role' and 'content'.")
    kind = item.get("type") or ("message" if "role" in item else None)
    if not isinstance(kind, str) or kind not in PREFIXES:
        raise InvalidParameter(f"{place}.type", f"it must be one of {', '.join(PREFIXES)}.")
    found = {"id": _id_of(item, kind, place), **_named(item), "type": kind}
    if kind in WITH_STATUS:
        found["status"] = found.get("status") or "completed"
    if kind == "message":
        found |= _message(found, place)
    return StoredItem(found["id"], msgspec.json.encode(found).decode())


def stored(items: Iterable[Json]) -> list[StoredItem]:
    """Items that a response has, which are in that form already."""
    return [StoredItem(str(item["id"]), msgspec.json.encode(item).decode()) for item in items]


def raw_array(items: Iterable[StoredItem]) -> msgspec.Raw:
    """The items as a JSON array."""
    return msgspec.Raw(f"[{','.join(item.json for item in items)}]".encode())


def check_new(items: Iterable[StoredItem], known: Iterable[Json]) -> None:
    """Raise `DuplicateItem` if an item is there twice, or among those before it."""
    check_once((item.id for item in items), {item["id"] for item in known})


def check_once(names: Iterable[str], known: Collection[str] = ()) -> None:
    """Raise `DuplicateItem` if an id is there twice, or among those that are known."""
    ids = set(known)
    for name in names:
        if name in ids:
            raise DuplicateItem(name)
        ids.add(name)


def _id_of(item: Json, kind: str, place: str) -> str:
    name = item.get("id")
    if name is None:
        return new_id(PREFIXES[kind])
    if not isinstance(name, str) or not ID.fullmatch(name):
        raise InvalidParameter(f"{place}.id", f"it must be up to {LONGEST_ID} characters of ASCII without spaces.")
    return name


def _named(item: Json) -> Json:
    """The fields of an item without an empty id."""
    return {name: value for name, value in item.items() if name != "id"}


def _message(item: Json, place: str) -> Json:
    """The content of a message as a list. Raises `InvalidParameter`."""
    role, content = item.get("role"), item.get("content")
    if role not in ROLES:
        raise InvalidParameter(f"{place}.role", f"it must be one of {', '.join(ROLES)}.")
    if isinstance(content, str):
        part = {"type": "output_text", "text": content, "annotations": []} if role == "assistant" else None
        return {"content": [part or {"type": "input_text", "text": content}]}
    if not isinstance(content, list) or not all(isinstance(part, dict) and "type" in part for part in content):
        raise InvalidParameter(f"{place}.content", "it must be a text, or a list of contents with a 'type'.")
    return {}
