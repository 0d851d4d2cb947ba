"""JSON and JSON lines: a block for each record, with its keys and values as readable lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelyard.core.errors import DocumentUnreadable
from modelyard.knowledge.documents.loaders.base import Source, parsing
from modelyard.knowledge.documents.loaders.code import definitions
from modelyard.knowledge.types import Block, BlockKind, LoadedDocument

DEEPEST_HEADING = 3
"""Nesting depth up to which lists of records get headings; deeper values stay JSON."""
SEPARATOR = "\x1e"
"""Precedes each record of a JSON text sequence (RFC 7464)."""


class Number(str):
    """A number in its original notation, such as `1.10`, or with more digits than a float has."""

    __slots__ = ()


def load(source: Source) -> LoadedDocument:
    """Read a block for each element of an array, or for an object's values and each record in its lists.

    Several values in sequence are read like lines. What is not JSON is read as text, with a note.
    """
    text, encoding = source.text()
    try:
        with parsing(source, "JSON"):
            values = list(_values(text))
    except DocumentUnreadable as error:
        if not isinstance(error.__cause__, json.JSONDecodeError):
            raise
        return _as_lines(source, text, encoding, error.__cause__)
    with parsing(source, "JSON"):
        if len(values) == 1:
            return LoadedDocument(list(_blocks(values[0], 1)), {"encoding": encoding, **_name_of(values[0])})
        return LoadedDocument([Block(record(value)) for value in values], {"encoding": encoding})


def load_lines(source: Source) -> LoadedDocument:
    """Read a block for each line that is not blank. A line that is not JSON is kept unchanged, with a note."""
    text, encoding = source.text()
    blocks, broken = _lines(source, text)
    if broken:
        _note_lines(source, broken)
    return LoadedDocument(blocks, {"encoding": encoding})


def parsed(text: str) -> Any:
    """The value of a JSON text, with all values of duplicate keys, and numbers in their original notation."""
    return DECODER.decode(text)


def record(value: Any) -> str:
    """`key: value` lines for an object, compact JSON for other values; a string unchanged."""
    if isinstance(value, Mapping):
        return "\n".join(f"{key}: {_plain(each)}" for key, each in value.items())
    return _plain(value)


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    found, counts = {}, dict[str, int]()
    for key, value in pairs:
        counts[key] = counts.get(key, 0) + 1
        found[key if counts[key] == 1 else f"{key} ({counts[key]})"] = value
    return found


DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=Number, parse_int=Number, parse_constant=Number, strict=False
)


def _values(text: str) -> Iterator[Any]:
    """One value, or several separated by white space."""
    bare = text.replace(SEPARATOR, " ") if SEPARATOR in text else text
    at = len(bare) - len(bare.lstrip())
    while at < len(bare):
        value, at = DECODER.raw_decode(bare, at)
        yield value
        rest = bare[at : at + 1]
        if rest and not rest.isspace():
            raise json.JSONDecodeError("Extra data", bare, at)
        while at < len(bare) and bare[at].isspace():
            at += 1


def _as_lines(source: Source, text: str, encoding: str, error: json.JSONDecodeError) -> LoadedDocument:
    """JSON lines if most lines are JSON; else the text itself."""
    blocks, broken = _lines(source, text)
    if 2 * len(broken) < len(blocks):
        _note_lines(source, broken)
        return LoadedDocument(blocks, {"encoding": encoding})
    source.note(f"It is not valid JSON (line {error.lineno}: {error.msg}); it was read as text.")
    return LoadedDocument([Block(each, BlockKind.CODE) for each in definitions(text)], {"encoding": encoding})


def _lines(source: Source, text: str) -> tuple[list[Block], list[int]]:
    """The blocks of JSON lines, and the numbers of invalid lines."""
    blocks, broken = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if not (bare := line.strip().strip(SEPARATOR)):
            continue
        try:
            blocks.append(Block(record(parsed(bare))))
        except (json.JSONDecodeError, RecursionError):
            broken.append(number)
            blocks.append(Block(bare))
    return blocks, broken


def _note_lines(source: Source, broken: Sequence[int]) -> None:
    if len(broken) == 1:
        source.note(f"Line {broken[0]} is not valid JSON; it was read as text.")
    elif broken:
        source.note(f"{len(broken):,} lines are not valid JSON, line {broken[0]} first; they were read as text.")


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else _compact(value)


def _compact(value: Any) -> str:
    """A value as JSON, with numbers in their original notation."""
    if isinstance(value, Number):
        return value
    if isinstance(value, list):
        return f"[{', '.join(map(_compact, value))}]"
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(key, ensure_ascii=False)}: {_compact(each)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    return json.dumps(value, ensure_ascii=False)


def _blocks(value: Any, level: int) -> Iterator[Block]:
    if isinstance(value, list):
        yield from (Block(record(each)) for each in value)
    elif isinstance(value, Mapping):
        inside = {key: each for key, each in value.items() if _has_records(each) and level <= DEEPEST_HEADING}
        yield Block(record({key: each for key, each in value.items() if key not in inside}))
        for key, each in inside.items():
            yield Block(" ".join(str(key).split()), BlockKind.HEADING, level)
            yield from _blocks(each, level + 1)
    else:
        yield Block(_plain(value))


def _has_records(value: Any) -> bool:
    """Whether a value gets its own blocks: a list of objects, or an object that contains objects or lists."""
    if isinstance(value, list):
        return any(isinstance(each, Mapping) for each in value)
    return isinstance(value, Mapping) and any(isinstance(each, (Mapping, list)) for each in value.values())


def _name_of(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        return {}
    return {key: value[key] for key in ("title", "author", "language") if isinstance(value.get(key), str)}
