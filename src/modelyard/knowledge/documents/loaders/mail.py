"""E-mail and mail folders: headers, all text parts, forwarded messages, and attachments that can be read."""

from __future__ import annotations

import binascii
import email
import email.policy
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from email.errors import MessageError
from email.message import Message
from typing import Any

from modelyard.core.errors import DocumentUnreadable
from modelyard.knowledge.documents.loaders import attachments, html
from modelyard.knowledge.documents.loaders.base import Source, parsing
from modelyard.knowledge.documents.loaders.encoding import NotText, decode
from modelyard.knowledge.documents.loaders.headers import LONGEST, header, readable, recoded
from modelyard.knowledge.documents.loaders.prose import paragraphs
from modelyard.knowledge.types import Block, BlockKind, LoadedDocument

LONGEST_OF_PART = 2000
"""Maximum characters of headers that describe a part (`Content-Type`), which are parsed several times per part."""
MOST_PARTS = 1000
"""Maximum number of multipart bodies in an e-mail; each level of them scans every line once more."""
DEEPEST = 20
"""Maximum nesting of messages and multipart bodies."""
HEAD = ("From", "To", "Cc", "Bcc", "Date", "Subject", "Keywords", "Comments")
FEWER = 0.5
"""Ratio of the letters of a plain part to those of its HTML version below which the HTML is read."""
SIGNATURES = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})
FILES = frozenset({"text/rtf", "text/richtext", "text/csv", "text/markdown"})
"""Types of text that have their own loader."""
ENCRYPTED = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime", "application/pgp-encrypted"})
BEGINS = re.compile(rb"^From [^\n]*\d{4}[^\n]*$", re.MULTILINE)
"""The line before each message of an mbox."""
ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)
UUENCODED = re.compile(
    r"^begin [0-7]{3} ([^\n]{1,200})\n((?:[!-`][ -`]{0,90}\n)+)(?:[`\s]{0,3}\n)?end\s*$", re.MULTILINE
)
ENCRYPTED_TEXT = re.compile(r"^-----BEGIN PGP MESSAGE-----$[^-]*^-----END PGP MESSAGE-----$", re.MULTILINE)
FOLDED = re.compile(
    r"^(?:BEGIN|END|UID|DTSTAMP|SEQUENCE|VERSION|PRODID|CALSCALE|METHOD|CLASS|TRANSP|PRIORITY|X-[\w-]+)[:;]"
)
"""Lines of a calendar entry without information for people."""


class _Policy(email.policy.Compat32):
    """The parser's plain policy, with headers cut to the maximum length."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[: LONGEST_OF_PART if name.lower().startswith("content-") else LONGEST]

    def header_fetch_parse(self, name: str, value: str) -> str:
        return recoded(value)


def load(source: Source) -> LoadedDocument:
    """Read a block of the headers, then the parts in their order."""
    message = _parsed(source, source.data)
    head = _head(message)
    if not head and not message.is_multipart():
        raise source.unreadable("it has none of the headers of an e-mail.")
    with parsing(source, "e-mail", MessageError):
        blocks = list(_MailReader(source).message(message))
    return LoadedDocument(
        blocks, {"title": head.get("Subject", ""), "author": head.get("From", ""), "date": head.get("Date", "")}
    )


def load_folder(source: Source) -> LoadedDocument:
    """Read every message of an mbox, with its subject as heading."""
    starts = [
        match.start()
        for match in BEGINS.finditer(source.data)
        if not match.start() or source.data[: match.start()].endswith((b"\n\n", b"\n\r\n"))
    ]
    if not starts:
        return load(source)
    source.allow_pages(len(starts), "messages")
    blocks: list[Block] = []
    characters = 0
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(source.data)], strict=True), 1):
        data = ESCAPED.sub(rb"\1", source.data[start:end].partition(b"\n")[2])
        try:
            message = _parsed(source, data)
            head = _head(message)
            with parsing(source, "e-mail", MessageError):
                found = list(_MailReader(source).message(message))
        except DocumentUnreadable as error:
            source.note(f"Message {number} was not read: {error.problem}")
            continue
        blocks += [Block(head.get("Subject") or f"Message {number}", BlockKind.HEADING, 1), *found]
        characters += sum(len(block.text) for block in found)
        source.allow(characters)
    return LoadedDocument(blocks)


def _parsed(source: Source, data: bytes) -> Message:
    if data.lower().count(b"boundary=") > MOST_PARTS:
        raise source.unreadable(f"it has more than {MOST_PARTS:,} multipart bodies, the limit.")
    with parsing(source, "e-mail", MessageError):
        return email.message_from_bytes(data, policy=_Policy())


def _head(message: Message) -> dict[str, str]:
    return {name: text for name in HEAD if (text := header(message, name))}


def _head_block(head: dict[str, str]) -> Block:
    return Block("\n".join(f"{name}: {text}" for name, text in head.items()))


class _MailReader:
    """Walks the parts of a message; notes in the source what cannot be read."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._unread: list[str] = []

    def message(self, message: Message) -> Iterator[Block]:
        """The headers, the parts in their order, and the names of unread attachments."""
        if head := _head(message):
            yield _head_block(head)
        yield from self.part(message, 0)
        if self._unread:
            yield Block(f"Attachments: {', '.join(self._unread)}")

    def part(self, part: Message, depth: int) -> Iterator[Block]:
        """The blocks of a part and of everything in it."""
        kind = part.get_content_type()
        if depth > DEEPEST:
            self._source.note(f"Content nested more than {DEEPEST} parts deep was not read.")
        elif kind == "multipart/encrypted" or kind in ENCRYPTED:
            self._source.note(f"The encrypted or enveloped part ({kind}) was not read.")
        elif kind == "multipart/alternative":
            yield from self._alternative(part, depth)
        elif part.is_multipart():
            yield from self._inside(part, kind, depth)
        elif _is_file(part, kind):
            yield from self._attachment(part, kind)
        else:
            yield from self._text(part)

    def _inside(self, part: Message, kind: str, depth: int) -> Iterator[Block]:
        for child in _children(part):
            if kind == "message/rfc822":
                yield Block(
                    f"Message: {header(child, 'Subject') or 'without a subject'}", BlockKind.HEADING, min(depth + 2, 6)
                )
            if part.get_content_maintype() == "message" and (head := _head(child)):
                yield _head_block(head)
            elif kind == "message/delivery-status":
                yield Block("\n".join(f"{name}: {readable(str(value))}" for name, value in child.raw_items()))
                continue
            yield from self.part(child, depth + 1)

    def _alternative(self, part: Message, depth: int) -> Iterator[Block]:
        """The plain version, or the HTML if that has much more text; in addition a calendar entry, which usually differs."""
        found: dict[str, list[Block]] = {}
        for child in _children(part):
            kind = child.get_content_type()
            form = "rest" if child.is_multipart() and kind != "multipart/related" else kind
            found.setdefault("text/html" if form == "multipart/related" else form, []).extend(
                self.part(child, depth + 1)
            )
        plain, rich = found.pop("text/plain", []), found.pop("text/html", [])
        yield from plain if _letters(plain) and _letters(plain) >= FEWER * _letters(rich) else rich
        for kind, blocks in found.items():
            if kind in {"text/calendar", "rest"} or not _letters([*plain, *rich]):
                yield from blocks

    def _text(self, part: Message) -> Iterator[Block]:
        payload = _payload(part)
        if not payload.strip():
            return
        page = part.get_content_subtype() == "html"
        try:
            text, _ = decode(payload, part.get_content_charset() or (html.declared(payload) if page else None))
        except NotText as error:
            self._source.note(f"A part of the text ({part.get_content_type()}) was not read: {error}.")
            return
        if "\ufffd" in text and b"\xef\xbf\xbd" not in payload:
            self._source.note(f"{text.count(chr(0xFFFD)):,} characters of the text are damaged.")
        if page:
            yield from html.parse(self._source, text).blocks
        elif part.get_content_subtype() == "calendar":
            yield Block(_calendar(text))
        else:
            flowed = str(part.get_param("format", "")).lower() == "flowed"
            deletes = str(part.get_param("delsp", "")).lower() == "yes"
            yield from self._plain(unflowed(text, deletes) if flowed else text)

    def _plain(self, text: str) -> Iterator[Block]:
        """Paragraphs, and uuencoded files between `begin` and `end`."""
        text, count = ENCRYPTED_TEXT.subn("", text)
        if count:
            self._source.note("The encrypted text (PGP) was not read.")
        at = 0
        for match in UUENCODED.finditer(text):
            yield from map(Block, paragraphs(text[at : match.start()]))
            at, name = match.end(), match[1].strip()
            yield from self._file(name, "application/octet-stream", uudecoded(match[2]))
        yield from map(Block, paragraphs(text[at:]))

    def _attachment(self, part: Message, kind: str) -> Iterator[Block]:
        """The text of an attached file after its name; else a note with the reason."""
        if kind in SIGNATURES:
            return
        yield from self._file(_name(part), kind, _payload(part))

    def _file(self, name: str, kind: str, data: bytes) -> Iterator[Block]:
        blocks = attachments.blocks(self._source, name, kind, data)
        if not blocks and name:
            self._unread.append(name)
        if blocks:
            yield Block(f"Attachment: {name}" if name else "Attachment", BlockKind.HEADING, 2)
            yield from (
                replace(block, page=None, level=min(block.level + 2, 6) if block.level else 0) for block in blocks
            )


def _is_file(part: Message, kind: str) -> bool:
    named = _name(part) or part.get_content_disposition() == "attachment"
    return bool(named) or kind in FILES or part.get_content_maintype() != "text"


def _children(part: Message) -> list[Message]:
    payload: Any = part.get_payload()
    return [each for each in payload if isinstance(each, Message)] if isinstance(payload, list) else []


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _name(part: Message) -> str:
    """The name of the file in a part; empty if it is not a file."""
    return readable(part.get_filename() or "")


def _letters(blocks: list[Block]) -> int:
    return sum(character.isalnum() for block in blocks for character in block.text)


def unflowed(text: str, deletes: bool) -> str:
    """Join the flowed lines of RFC 3676; `deletes` removes the space at the joint, as for East Asian text."""
    lines: list[str] = []
    goes_on, depth = False, ""
    for line in text.split("\n"):
        quoted = line[: len(line) - len(line.lstrip(">"))]
        bare = line[len(quoted) :].removeprefix(" ")
        if goes_on and quoted == depth and line != "-- ":
            lines[-1] += bare
        else:
            lines.append(f"{quoted} {bare}" if quoted else bare)
        goes_on, depth = bare.endswith(" ") and line != "-- ", quoted
        if goes_on and deletes:
            lines[-1] = lines[-1][:-1]
    return "\n".join(lines)


def uudecoded(lines: str) -> bytes:
    """Decode uuencoded lines; damaged ones are dropped."""
    found = []
    for line in filter(None, lines.split("\n")):  # an empty one would become 32 bytes
        with suppress(binascii.Error):
            found.append(binascii.a2b_uu(line))
    return b"".join(found)


def _calendar(text: str) -> str:
    """The informative lines of a calendar entry: subject, time, place, people."""
    lines = re.sub(r"\n[ \t]", "", text).split("\n")
    kept = (line for line in lines if line.strip() and not FOLDED.match(line))
    return "\n".join(re.sub(r"\\([,;\\])", r"\1", line.replace("\\n", " ").replace("\\N", " ")) for line in kept)
