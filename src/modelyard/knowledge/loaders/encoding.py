"""Bytes to text: marks, strict UTF-8, then whichever encoding gives the most plausible characters.

Short East Asian texts decode without error in several encodings, and are told apart by how frequent the characters are that
come out. What is none of these, such as Cyrillic, is left to charset-normalizer.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

from modelyard.knowledge.loaders import frequent

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
SAMPLE = 32 << 10
"""Bytes that are weighed."""
PLAUSIBLE = 0.45
"""Weight from which one of our candidates is believed; below, charset-normalizer is asked."""
CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
MOST_CONTROLS = 0.02
"""Share of control characters above which bytes are no text."""


class NotText(ValueError):
    """The bytes are no text in any encoding that we know."""


def decode(data: bytes, declared: str | None = None) -> tuple[str, str]:
    """The text, with newlines as `\\n`, without NULs and lone surrogates, and the name of its encoding.

    `declared` is what the file says of itself, and is believed if it fits. Raises `NotText`.
    """
    text, encoding = _decoded(data, declared)
    controls = len(CONTROLS.findall(text[:SAMPLE]))
    if controls > 1 and controls > MOST_CONTROLS * min(len(text), SAMPLE):
        raise NotText("it holds control characters, as pictures and programs do")
    text = text.removeprefix("\ufeff").replace("\0", "")
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
    if wide := _wide(data):
        return data[: len(data) // 2 * 2].decode(wide, "replace"), wide
    if (text := _utf8(data)) is not None:
        if "\x1b$" in text or "\x1b(J" in text:
            return data.decode("iso2022_jp", "replace"), "iso2022_jp"
        return text, "utf-8"
    if declared and (text := _strictly(data, declared)) is not None:
        return text, declared.lower()
    return _weighed(data)


def _utf8(data: bytes) -> str | None:
    """As UTF-8, with a few broken characters forgiven in a text that has many whole ones."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    whole = sum(character > "\x7f" for character in text[: SAMPLE * 4]) - broken
    return text if whole > max(2, 8 * broken) else None


def _strictly(data: bytes, declared: str) -> str | None:
    """As what it declares to be; the label gb2312 is used for its supersets as well."""
    label = declared.strip().lower()
    name = {"gb2312": "gb18030", "gbk": "gb18030", "iso-8859-1": "cp1252", "shift_jis": "cp932", "euc-kr": "cp949"}
    try:
        return data.decode(name.get(label, label))
    except (UnicodeDecodeError, LookupError):
        return None


def _wide(data: bytes) -> str | None:
    """Whether it is UTF-16 without a mark: zeros at every other place, or characters that all belong together."""
    sample = data[: SAMPLE // 2 * 2]
    if len(sample) < 4 or (len(data) % 2 and len(data) < SAMPLE):
        return None
    sample = sample[: len(sample) // 2 * 2]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd > 4 * even and odd > 0.25 * half:
        return "utf-16-le"
    if even > 4 * odd and even > 0.25 * half:
        return "utf-16-be"
    if not even + odd and _utf8(sample) is not None:
        return None
    return next((name for name in ("utf-16-le", "utf-16-be") if _all_fit(sample, name)), None)


BELONGS = re.compile("[\\s!-~\u3000-\u30ff\u4e00-\u9fa5\uac00-\ud7a3\uff01-\uff5e\u2010-\u2026]*")
COMMON = frequent.SIMPLIFIED | frequent.TRADITIONAL | frequent.JAPANESE | frequent.HANGUL | frequent.EASTERN_SIGNS


def _all_fit(sample: bytes, encoding: str) -> bool:
    """Whether this UTF-16 gives East Asian text and nothing else, much of it in frequent characters."""
    text = sample.decode(encoding, "replace")
    if not BELONGS.fullmatch(text.removesuffix("\ufffd")):
        return False
    high = [character for character in text if character > "\x7f"]
    kana = sum("\u3041" <= character <= "\u30ff" for character in high)
    return sum(character in COMMON for character in high) + kana >= 0.4 * max(1, len(high))


def _weighed(data: bytes) -> tuple[str, str]:
    sample = _sample(data)
    weights = {name: _weight(sample, name, weigh) for name, weigh in CANDIDATES.items()}
    best = max(weights, key=lambda name: weights[name])
    if weights[best] < PLAUSIBLE:
        best = _normalizer(sample) or best
        if weights.get(best, 0) < 0 or data.decode(best, "replace").count("\ufffd") > len(data) // 20:
            raise NotText("no encoding gives sensible characters")
    return data.decode(best, "replace"), best


def _sample(data: bytes) -> bytes:
    """Lines with bytes above 127: those are what tells encodings apart."""
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
    """Mean weight of the characters beyond ASCII: 1 for frequent ones, below 0 for what no text has."""
    text = sample.decode(encoding, "replace")
    if encoding == "cp1252":
        return _western(text)
    high = [character for character in text if character > "\x7f"]
    return sum(map(weigh, high)) / max(1, len(high))


def _western(text: str) -> float:
    """Accented letters are believed beside ASCII letters, and the fewer they are."""
    total, count = 0.0, 0
    for index, character in enumerate(text):
        if character <= "\x7f":
            continue
        count += 1
        around = text[max(0, index - 1) : index] + text[index + 1 : index + 2]
        if character in frequent.ACCENTED:
            total += 0.95 if any(each.isascii() and each.isalpha() for each in around) else 0.3
        elif character in frequent.WESTERN_SIGNS:
            total += 0.8 if any(each.isascii() for each in around) else 0.2
        else:
            total -= 0.5
    share = count / max(1, len(text))
    return total / max(1, count) * (1 if share < 0.25 else 0.6 if share < 0.4 else 0.3)


def _impossible(character: str) -> float:
    """For what the scripts have not named: private, unassigned, controls, half-width katakana."""
    if character == "\ufffd":
        return -2.0
    if "\ue000" <= character <= "\uf8ff" or character < "\xa0":
        return -1.0
    if "\uff61" <= character <= "\uff9f":
        return -0.3
    return 0.1


def _chinese(codec: str, common: frozenset[str], first: int, last: int) -> Callable[[str], float]:
    """For encodings that keep frequent characters between two lead bytes."""

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
    "cp1252": _impossible,
}
"""Encodings that we know ourselves, each with the weight that a character beyond ASCII has in it."""
OTHERS = ["cp1251", "koi8_r", "cp1250", "cp1253", "cp1254", "cp1255", "cp1256", "cp874", "cp866", "iso8859_2"]


def _normalizer(sample: bytes) -> str | None:
    """What charset-normalizer thinks it is, of the encodings that we do not know."""
    from charset_normalizer import from_bytes

    found = from_bytes(sample[:8192], cp_isolation=OTHERS).best()
    return found.encoding if found else None
