"""Mails with each feature of the format, for `test_features.py`."""

from __future__ import annotations

HEAD = "From: a@b.c\nSubject: s\n"

BINARY = "Content-Transfer-Encoding: base64\n\neJ8+IgEAAQABAAEAAAAAAAAA\n"


def mixed(*parts: str) -> str:
    """A mail of a text and other parts, each with its headers."""
    return "\n--B\n".join((f"{HEAD}Content-Type: multipart/mixed; boundary=B\n", "\nbody", *parts)) + "\n--B--\n"


def either(*parts: str) -> str:
    """A mail of one text in several forms."""
    return "\n--B\n".join((f"{HEAD}Content-Type: multipart/alternative; boundary=B\n", *parts)) + "\n--B--\n"


RICH = f"Content-Type: text/html\n\n<p>{'rich words ' * 9}</p>"

MESSAGE = f"From x@y Mon Jan  1 00:00:00 2024\n{HEAD}\n"
"""How a message begins in a folder."""

READ: list[tuple[str, str | bytes, list[str]]] = [
    ("a.eml", f"{HEAD}\n" + "hello\n", ["From: a@b.c", "Subject: s", "hello"]),
    ("a.eml", mixed("Content-Type: text/plain\n\nthe second"), ["body", "the second"]),
    (
        "a.eml",
        mixed("Content-Type: message/rfc822\n\nFrom: x@y.z\nSubject: inner\n\nthe inner"),
        ["inner", "x@y.z", "the inner"],
    ),
    ("a.eml", mixed('Content-Type: text/csv; name="t.csv"\n\na;b\n1;2'), ["Attachment: t.csv", "| 1 | 2 |"]),
    (
        "a.eml",
        mixed('Content-Type: application/octet-stream; name="m.eml"\n\nFrom: q@r.s\nSubject: deep\n\nthe deep'),
        ["the deep"],
    ),
    (
        "a.eml",
        mixed("Content-Type: text/calendar\n\nBEGIN:VEVENT\nSUMMARY:Budget\\, talk\nLOCATION:Room\n  7\nEND:VEVENT"),
        ["SUMMARY:Budget, talk", "Room 7"],
    ),
    (
        "a.eml",
        mixed("Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; c@d"),
        ["Final-Recipient: rfc822; c@d"],
    ),
    ("a.eml", either("\n ", "Content-Type: text/html\n\n<p>rich</p>"), ["rich"]),
    (
        "a.eml",
        either("\nno HTML?", f"Content-Type: multipart/related; boundary=C\n\n--C\n{RICH}\n--C--"),
        ["rich words"],
    ),
    (
        "a.eml",
        f"{HEAD}Content-Type: text/plain; format=flowed\n\nThis goes \non.\n\n> quoted \n> too\n-- \nsig\n",
        ["This goes on.", "> quoted too", "sig"],
    ),
    (
        "a.eml",
        f"{HEAD}Content-Type: text/plain; charset=iso-8859-2\nContent-Transfer-Encoding: quoted-printable\n\nZa=BF=F3=B3=E6\n",
        ["Zażółć"],
    ),
    (
        "a.eml",
        (f"{HEAD}Content-Type: text/plain; charset=utf-8\n\n" + "Grüße aus München\n").encode("cp1252"),
        ["Grüße aus München"],
    ),
    ("a.eml", f"{HEAD}Content-Type: text/plain; charset=utf-7\n\nGr+APwA3w-e\n", ["Grüße"]),
    (
        "a.eml",
        "From: =?gb2312?B?1cXI/Q==?= <a@b.c>\nSubject: =?utf-8?Q?caf=C3?=\n =?utf-8?Q?=A9_x?=\n\nx\n",
        ["From: 张三 <a@b.c>", "Subject: café x"],
    ),
    (
        "a.eml",
        b"From: M\xfcller <a@b.c>\nSubject: Gr\xfc\xdfe aus M\xfcnchen\n\nx\n",
        ["From: Müller <a@b.c>", "Grüße aus München"],
    ),
    ("a.mbox", f"{MESSAGE}>From here\n\n{MESSAGE}second\n", ["From here", "second"]),
    (
        "a.mht",
        f"From: <Saved>\nContent-Type: multipart/related; boundary=B\n\n--B\n{RICH}\n--B--\n",
        ["rich words"],
    ),
    (
        "a.eml",
        f'{HEAD}\nup\nbegin 644 t.csv\n(83MB"C$[,@H \n`\nend\ndown\n',
        ["up", "Attachment: t.csv", "| 1 | 2 |", "down"],
    ),
    ("a.eml", f"{HEAD}Content-Type: text/html\n\n<meta charset=koi8-r><p>мир</p>".encode("koi8-r"), ["мир"]),
]

NOTED: list[tuple[str, str | bytes, str, str]] = [
    (
        "a.eml",
        mixed("Content-Type: application/zip; name=x.zip\n" + BINARY),
        "Attachments: x.zip",
        "'x.zip' was not read",
    ),
    (
        "a.eml",
        mixed("Content-Type: application/ms-tnef; name=winmail.dat\n" + BINARY),
        "body",
        "'winmail.dat' was not read",
    ),
    (
        "a.eml",
        mixed("Content-Type: application/pdf; name=a.pdf\n\nno pdf"),
        "body",
        "'a.pdf' was not read: it is not a whole pdf",
    ),
    (
        "a.eml",
        mixed("Content-Type: application/pkcs7-mime; name=smime.p7m\n\nx"),
        "body",
        "enveloped part (application/pkcs7-mime) was not",
    ),
    (
        "a.eml",
        f"{HEAD}Content-Type: multipart/encrypted; boundary=B\n\n--B\nContent-Type: application/pgp-encrypted\n\nx\n--B--\n",
        "Subject: s",
        "encrypted",
    ),
    (
        "a.eml",
        f"{HEAD}\nx\n-----BEGIN PGP MESSAGE-----\n\nsecret\n-----END PGP MESSAGE-----\n",
        "x",
        "encrypted text (PGP)",
    ),
]
