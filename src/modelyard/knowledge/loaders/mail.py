"""E-mail: who wrote whom about what, the text, and the names of what was attached."""

from __future__ import annotations

import email
import email.policy
from email.errors import MessageError
from email.message import EmailMessage
from typing import Any, cast

from modelyard.knowledge.loaders import html
from modelyard.knowledge.loaders.base import Source, parsing
from modelyard.knowledge.loaders.encoding import NotText, decode
from modelyard.knowledge.loaders.prose import paragraphs
from modelyard.knowledge.types import Block, Loaded

LONGEST_HEADER = 8000
"""Characters of one header that are read: the parser takes quadratic time, and some headers take it minutes."""
LONGEST_OF_PART = 2000
"""The same of headers that say what a part is (`Content-Type`), which are read several times and stand in every part."""
MOST_PARTS = 1000
"""Multipart bodies within a mail; with each level of them every line is looked at once more."""
HEAD = ("From", "To", "Cc", "Date", "Subject")


class _Policy(email.policy.EmailPolicy):
    """The usual policy with headers cut to the characters that are read."""

    def header_fetch_parse(self, name: str, value: str) -> Any:
        most = LONGEST_OF_PART if name.lower().startswith("content-") else LONGEST_HEADER
        return super().header_fetch_parse(name, value[:most])


def load(source: Source) -> Loaded:
    """A block of its headers, then the plain text, or the HTML where there is none, then the attachments."""
    if source.data.lower().count(b"boundary=") > MOST_PARTS:
        raise source.unreadable(f"it has more than {MOST_PARTS:,} multipart bodies, the limit.")
    with parsing(source, "e-mail", MessageError):
        message = cast(EmailMessage, email.message_from_bytes(source.data, policy=_Policy()))
        head = {name: text for name in HEAD if (text := " ".join(str(message.get(name, "")).split()))}
        body = list(_body(source, message))
        names = [name for part in message.walk() if (name := part.get_filename())]
        for name in names:
            source.note(f"The attachment '{name}' was not read.")
    if not head and not message.is_multipart():
        raise source.unreadable("it has none of the headers of an e-mail.")
    blocks = [Block("\n".join(f"{name}: {text}" for name, text in head.items())), *body]
    if names:
        blocks.append(Block(f"Attachments: {', '.join(names)}"))
    return Loaded(
        blocks, {"title": head.get("Subject", ""), "author": head.get("From", ""), "date": head.get("Date", "")}
    )


def _body(source: Source, message: EmailMessage) -> list[Block]:
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return []
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes) or not payload.strip():
        return []
    try:
        text, _ = decode(payload, part.get_content_charset())
    except NotText:
        return []
    if part.get_content_subtype() == "html":
        return list(html.parse(source, text).blocks)
    return [Block(each) for each in paragraphs(text)]
