"""Decodes e-mail headers: encoded words and raw bytes, by their declared encoding or the one that fits."""

from __future__ import annotations

import binascii
import quopri
import re
from email.message import Message
from itertools import groupby

from modelyard.knowledge.documents.loaders.encoding import NotText, decode

LONGEST = 8000
"""Maximum characters of a header that are read."""
WORD = re.compile(r"=\?([\w.+:-]{1,60})(?:\*[\w-]{0,20})?\?([bq])\?([^?\s]*)\?=", re.IGNORECASE)
"""An encoded word of RFC 2047; the language of RFC 2231 may follow its charset."""
BETWEEN_WORDS = re.compile(r"(\?=)\s+(?==\?[\w.+:*-]{1,80}\?[bq]\?)", re.IGNORECASE)


def header(message: Message, name: str) -> str:
    """All headers of this name in one line; empty if there is none."""
    found = [str(value) for key, value in message.raw_items() if key.lower() == name.lower()]
    return ", ".join(text for value in found if (text := readable(value)))


def readable(value: str) -> str:
    """One header, unfolded. The parser represents non-ASCII bytes as surrogates."""
    value = BETWEEN_WORDS.sub(r"\1", recoded(value[:LONGEST]))
    return " ".join(_words(value).split())


def recoded(value: str) -> str:
    """Decode raw non-ASCII bytes, which no standard allows, with the encoding that fits best."""
    if value.isascii():
        return value
    try:
        return decode(value.encode("utf-8", "surrogateescape"))[0]
    except (NotText, UnicodeEncodeError):
        return value.encode("utf-8", "replace").decode()


def _words(value: str) -> str:
    """Decode encoded words; adjacent ones of one charset together, because some mailers split characters."""
    found, at = [], 0
    runs: list[tuple[str, bytes, int]] = []
    for match in WORD.finditer(value):
        if match.start() > at or not runs:
            found.append(_decoded(runs))
            found.append(value[at : match.start()])
            runs = []
        runs.append((match[1].lower(), _bytes(match[2], match[3]), match.start()))
        at = match.end()
    return "".join([*found, _decoded(runs), value[at:]])


def _bytes(how: str, text: str) -> bytes:
    data = text.encode("ascii", "replace")
    if how in "qQ":
        return quopri.decodestring(data.replace(b"_", b" "), header=True)
    try:
        return binascii.a2b_base64(data + b"=" * (-len(data) % 4))
    except binascii.Error:
        return data


def _decoded(runs: list[tuple[str, bytes, int]]) -> str:
    parts = []
    for charset, words in groupby(runs, key=lambda run: run[0]):
        data = b"".join(word[1] for word in words)
        try:
            parts.append(decode(data, charset)[0])
        except NotText:
            parts.append(data.decode("utf-8", "replace"))
    return "".join(parts)
