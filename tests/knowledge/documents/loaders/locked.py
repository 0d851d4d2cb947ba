"""A PDF that is encrypted with RC4 of 40 bits, as the standard's first revision says."""

from __future__ import annotations

import hashlib

from tests.knowledge.documents.loaders.samples import pdf_of

PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")
NAME = b"0123456789abcdef"
PERMISSIONS = -4


def rc4(key: bytes, data: bytes) -> bytes:
    """The cipher, which is not in the standard library."""
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


def locked(text: str, password: bytes) -> bytes:
    """One page with a line of text; `password` opens it."""
    user = (password + PADDING)[:32]
    owner = rc4(hashlib.md5(b"owner" + PADDING[:27]).digest()[:5], user)
    key = hashlib.md5(user + owner + PERMISSIONS.to_bytes(4, "little", signed=True) + NAME).digest()[:5]
    drawn = rc4(
        hashlib.md5(key + (4).to_bytes(3, "little") + b"\0\0").digest()[:10],
        f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET".encode(),
    )
    check = rc4(key, PADDING)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >>" % (owner.hex().encode(), check.hex().encode()),
    ]
    name = NAME.hex()
    return pdf_of([each.decode("latin-1") for each in objects], f"/Encrypt 6 0 R /ID [<{name}> <{name}>]")
