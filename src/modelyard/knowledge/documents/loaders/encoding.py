"""Decodes bytes to text: by byte order mark, as strict UTF-8, else by the encoding with the most plausible characters.

Short East Asian texts decode without error in several encodings, which are distinguished by the frequency of the resulting
characters. `single_byte.py` handles single-byte encodings.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

from modelyard.knowledge.documents.loaders import frequent, single_byte

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
SAMPLE = 32 << 10
"""Maximum bytes that are examined."""
WIDER = {
    **dict.fromkeys(("gb2312", "gbk", "x-gbk", "gb-2312-80", "chinese"), "gb18030"),
    **dict.fromkeys(("iso-8859-1", "latin1", "latin-1", "l1", "ascii", "us-ascii"), "cp1252"),
    **dict.fromkeys(("shift-jis", "sjis", "x-sjis", "ms-kanji", "windows-31j"), "cp932"),
    **dict.fromkeys(("euc-kr", "ks-c-5601-1987", "ks-c-5601", "korean"), "cp949"),
    "x-euc-jp": "euc_jp",
    "big5": "big5hkscs",
    "x-x-big5": "big5hkscs",
    "hz-gb-2312": "hz",
    "iso-8859-9": "cp1254",
    "tis-620": "cp874",
    "iso-8859-11": "cp874",
    "iso-8859-8-i": "iso8859-8",
    "x-mac-roman": "mac-roman",
    "macintosh": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
    "x-cp1251": "cp1251",
    "unicode-1-1-utf-7": "utf-7",
}
"""Labels whose use differs from their standard, and labels unknown to Python → the encoding."""
SEVEN_BITS = frozenset({"utf-7", "unicode-1-1-utf-7", "hz", "hz-gb-2312", "iso-2022-jp", "iso-2022-kr", "iso-2022-cn"})
"""Labels of encodings that consist of ASCII bytes."""
LEAST_UNICODE = 0.3
"""Ratio of UTF-8 lines to other lines from which a text counts as mixed."""
LEAST = 0.2
"""Minimum plausibility of an encoding."""
MOST_SINGLE, GOOD_FIT, STEEP = 0.95, -3.6, 0.5
"""Plausibility of a single-byte encoding with a good fit, and its decrease per unit of a worse fit."""
MOST_HIGH = 0.1
"""Part of non-ASCII bytes up to which data counts as text whatever these bytes are."""
CONTROLS = re.compile("[\x01-\x06\x0e-\x1a\x1c\x1d\x1f\x7f]")
MOST_CONTROLS = 0.02
"""Part of control characters above which data is not text."""


class NotText(ValueError):
    """The data is not text in any known encoding."""


def decode(data: bytes, declared: str | None = None) -> tuple[str, str]:
    """The text, with newlines as `\\n`, without NULs and lone surrogates, and the name of its encoding.

    `declared` is the encoding that the file declares; it is used if it fits. Raises `NotText`.
    """
    text, encoding = _decoded(data, declared)
    text = text.removeprefix("\ufeff").replace("\0", "")
    controls = len(CONTROLS.findall(text[:SAMPLE]))
    if controls > 1 and controls > MOST_CONTROLS * min(len(text), SAMPLE):
        raise NotText("it holds control characters, as pictures and programs do")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode() if _has_surrogates(text) else text
    return text, encoding


def _has_surrogates(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _decoded(data: bytes, declared: str | None) -> tuple[str, str]:
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace"), encoding
    if declared and declared.strip().lower() in SEVEN_BITS and (text := _strictly(data, declared)) is not None:
        return text, declared.strip().lower()
    if wide := _wide(data):
        return data[: len(data) // 2 * 2].decode(wide, "replace"), wide
    if (text := _utf8(data)) is not None:
        if "\x1b$" in text or "\x1b(J" in text:
            return data.decode("iso2022_jp", "replace"), "iso2022_jp"
        return (text, "utf-8") if "\ufffd" not in text else _mixed(data) or (text, "utf-8")
    if declared and (text := _strictly(data, declared)) is not None:
        return text, declared.lower()
    return _mixed(data) or _weighed(data)


def _utf8(data: bytes) -> str | None:
    """Decode UTF-8, tolerating a few invalid sequences in a text with many valid ones."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    if b"\xed" in data and (pairs := _with_surrogates(data)) is not None:
        return pairs
    broken = text.count("\ufffd")
    whole = sum(character > "\x7f" for character in text[: SAMPLE * 4]) - broken
    return text if whole > max(2, 8 * broken) else None


def _with_surrogates(data: bytes) -> str | None:
    """Decode UTF-8 of Java and databases, in which rare characters are encoded as two surrogates."""
    try:
        return data.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    except UnicodeDecodeError:
        return None


def _mixed(data: bytes) -> tuple[str, str] | None:
    """Decode a text in which only some lines are UTF-8, such as concatenated files."""
    lines = data.split(b"\n")
    texts = [_line(line) for line in lines]
    others = [at for at, text in enumerate(texts) if text is None]
    unicode = sum(text is not None and not text.isascii() for text in texts)
    if not others or unicode < max(2, LEAST_UNICODE * len(others)):
        return None
    rest, encoding = _weighed(b"\n".join(lines[at] for at in others))
    read = rest.split("\n")
    if len(read) != len(others):
        return None
    for at, text in zip(others, read, strict=True):
        texts[at] = text
    return "\n".join(text or "" for text in texts), f"utf-8 and {encoding}"


def _line(line: bytes) -> str | None:
    """Decode a line as UTF-8; None if it is not, or has as many invalid sequences as valid ones."""
    text = line.decode("utf-8", "replace")
    if "\ufffd" not in text:
        return text
    return text if sum(character > "\x7f" for character in text) > 4 * text.count("\ufffd") else None


def _strictly(data: bytes, declared: str) -> str | None:
    """Decode with the declared encoding."""
    label = declared.strip().lower().replace("_", "-")
    try:
        return data.decode(WIDER.get(label, label))
    except (UnicodeDecodeError, LookupError):
        return None


def _wide(data: bytes) -> str | None:
    """Detect UTF-32 or UTF-16 without a byte order mark, by regular zeros or letter blocks, or by East Asian text."""
    sample = data[: SAMPLE // 4 * 4]
    if len(sample) >= 8 and len(data) % 4 == 0 and (found := _of_four(sample)):
        return found
    if len(sample) < 4 or (len(data) % 2 and len(data) < SAMPLE):
        return None
    sample = sample[: len(sample) // 2 * 2]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd > 4 * even and odd > 0.25 * half:
        return "utf-16-le"
    if even > 4 * odd and even > 0.25 * half:
        return "utf-16-be"
    low, high = (sum(byte < BLOCKS for byte in each) for each in (sample[::2], sample[1::2]))
    least, most = sorted((low / half, high / half))
    if (most > MOSTLY and least < 1 - MOSTLY) or (most > ALMOST_ALL and least < MOSTLY):
        return "utf-16-le" if high > low else "utf-16-be"
    if not even + odd and _utf8(sample) is not None:
        return None
    return next((name for name in ("utf-16-le", "utf-16-be") if _all_fit(sample, name)), None)


def _of_four(sample: bytes) -> str | None:
    """Detect UTF-32: every fourth byte is zero, next to the number of a plane."""
    for name, plane, zero in (("utf-32-le", 2, 3), ("utf-32-be", 1, 0)):
        if not any(sample[zero::4]) and max(sample[plane::4]) <= 0x10 and any(sample[3 - zero :: 4]):
            return name
    return None


BLOCKS = 0x20
"""Upper limit of the high bytes of alphabetic characters in UTF-16; in other encodings these are control characters."""
MOSTLY, ALMOST_ALL = 0.7, 0.97
"""Minimum parts of the bytes at even or odd positions that are such high bytes; of the other positions, fewer are."""
BELONGS = re.compile("[\\s!-~\u3000-\u30ff\u4e00-\u9fa5\uac00-\ud7a3\uff01-\uff5e\u2010-\u2026]*")
COMMON = frequent.SIMPLIFIED | frequent.TRADITIONAL | frequent.JAPANESE | frequent.HANGUL | frequent.EASTERN_SIGNS


def _all_fit(sample: bytes, encoding: str) -> bool:
    """Whether decoding as this UTF-16 variant yields only East Asian text, with many frequent characters."""
    text = sample.decode(encoding, "replace")
    if not BELONGS.fullmatch(text.removesuffix("\ufffd")):
        return False
    high = [character for character in text if character > "\x7f"]
    kana = sum("\u3041" <= character <= "\u30ff" for character in high)
    return sum(character in COMMON for character in high) + kana >= 0.4 * max(1, len(high))


def _weighed(data: bytes) -> tuple[str, str]:
    sample = _sample(data)
    weights = {name: _weight(sample, name, weigh) for name, weigh in CANDIDATES.items()}
    if found := single_byte.guess(sample):
        weights[found.encoding] = MOST_SINGLE - STEEP * max(0.0, GOOD_FIT - found.fit)
    best = max(weights, key=lambda name: weights[name])
    few = sum(byte > 0x7F for byte in sample) < MOST_HIGH * len(sample)
    if (weights[best] < LEAST and not few) or data.decode(best, "replace").count("\ufffd") > len(data) // 20:
        raise NotText("no encoding gives sensible characters")
    return data.decode(best, "replace"), best


def _sample(data: bytes) -> bytes:
    """Lines with bytes above 127, which distinguish encodings."""
    if len(data) <= SAMPLE:
        return data
    found, size = [], 0
    for line in data[: 64 * SAMPLE].splitlines(keepends=True):
        if not line.isascii():
            found.append(line[:SAMPLE])
            size += len(line)
        if size > SAMPLE:
            break
    return b"".join(found) or data[:SAMPLE]


def _weight(sample: bytes, encoding: str, weigh: Callable[[str], float]) -> float:
    """Mean plausibility of the non-ASCII characters: 1 for frequent ones, below 0 for characters that no text contains."""
    text = sample.decode(encoding, "replace")
    high = [character for character in text if character > "\x7f"]
    return sum(map(weigh, high)) / max(1, len(high))


def _impossible(character: str) -> float:
    """The plausibility of other characters: private, unassigned, control, half-width katakana."""
    if character == "\ufffd":
        return -2.0
    if "\ue000" <= character <= "\uf8ff" or character < "\xa0":
        return -1.0
    if "\uff61" <= character <= "\uff9f":
        return -0.3
    return 0.1


def _chinese(codec: str, common: frozenset[str], first: int, last: int) -> Callable[[str], float]:
    """For encodings that have their frequent characters in a range of lead bytes."""

    def weigh(character: str) -> float:
        if character in common:
            return 1.0
        if character in frequent.EASTERN_SIGNS:
            return 0.8
        if "\u4e00" <= character <= "\u9fff":
            lead = character.encode(codec, "replace")[0]
            return 0.5 if first <= lead <= last else -0.1
        return 0.2 if "\u3041" <= character <= "\u30ff" else _impossible(character)

    return weigh


def _japanese(character: str) -> float:
    if "\u3041" <= character <= "\u30fc":
        return 1.0
    if character in frequent.JAPANESE:
        return 0.9
    if character in frequent.EASTERN_SIGNS:
        return 0.7
    return 0.25 if "\u4e00" <= character <= "\u9fff" else _impossible(character)


def _korean(character: str) -> float:
    if character in frequent.HANGUL:
        return 1.0
    if "\uac00" <= character <= "\ud7a3":
        return 0.55
    return 0.0 if "\u4e00" <= character <= "\u9fff" else _impossible(character)


CANDIDATES: dict[str, Callable[[str], float]] = {
    "gb18030": _chinese("gb18030", frequent.SIMPLIFIED, 0xB0, 0xD7),
    "big5hkscs": _chinese("big5hkscs", frequent.TRADITIONAL, 0xA4, 0xC6),
    "cp932": _japanese,
    "euc_jp": _japanese,
    "cp949": _korean,
}
"""East Asian encodings → the plausibility of a non-ASCII character."""
