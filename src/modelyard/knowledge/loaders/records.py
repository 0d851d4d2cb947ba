"""JSON and JSON lines: a block for each record, its keys and values in lines one can read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from modelyard.core.errors import DocumentUnreadable
from modelyard.knowledge.loaders.base import Source, parsing
from modelyard.knowledge.types import Block, Kind, Loaded

DEEPEST_HEADING = 3
"""Levels of objects whose lists of records get a heading each; what is deeper stays JSON."""


def load(source: Source) -> Loaded:
    """An array gives a block for each element, an object one for its values and one for each record in its lists."""
    text, encoding = source.text()
    try:
        with parsing(source, "JSON"):
            value = json.loads(text)
    except DocumentUnreadable as error:
        if isinstance(error.__cause__, json.JSONDecodeError) and error.__cause__.msg == "Extra data":
            return load_lines(source)
        raise
    with parsing(source, "JSON"):
        return Loaded(list(_blocks(value, 1)), {"encoding": encoding, **_named(value)})


def load_lines(source: Source) -> Loaded:
    """A block for each line that is not blank."""
    text, encoding = source.text()
    blocks = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            with parsing(source, f"JSON in line {number}"):
                blocks.append(Block(record(json.loads(line))))
    return Loaded(blocks, {"encoding": encoding})


def record(value: Any) -> str:
    """`key: value` lines of an object, anything else in compact JSON; a string as it is."""
    if isinstance(value, Mapping):
        return "\n".join(f"{key}: {_plain(each)}" for key, each in value.items())
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False)


def _blocks(value: Any, level: int) -> Iterator[Block]:
    if isinstance(value, list):
        yield from (Block(record(each)) for each in value)
    elif isinstance(value, Mapping):
        inside = {key: each for key, each in value.items() if _has_records(each) and level <= DEEPEST_HEADING}
        yield Block(record({key: each for key, each in value.items() if key not in inside}))
        for key, each in inside.items():
            yield Block(" ".join(str(key).split()), Kind.HEADING, level)
            yield from _blocks(each, level + 1)
    else:
        yield Block(_plain(value))


def _has_records(value: Any) -> bool:
    """Whether it is worth blocks of its own: a list of objects, or an object that holds objects or lists."""
    if isinstance(value, list):
        return any(isinstance(each, Mapping) for each in value)
    return isinstance(value, Mapping) and any(isinstance(each, (Mapping, list)) for each in value.values())


def _named(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        return {}
    return {key: value[key] for key in ("title", "author", "language") if isinstance(value.get(key), str)}
