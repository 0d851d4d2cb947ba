# Owns invented names and values. A name falls in the training or the held-out pool by its hash, so the two never meet.
from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Literal, cast

Lang = Literal["en", "zh"]
Words = dict[str, list[str]]

DATA = Path(__file__).parent / "data"
HELD_OUT_SHARE = 8
ONSETS = (*"bdfghjklmnprstvwz", "br", "ch", "cl", "dr", "fl", "gr", "pl", "sh", "st", "th", "tr")
VOWELS = (*"aeiouaeiou", "ai", "ea", "ia", "oo")
CODAS = ("", "", "", *"lmnrst", "nd", "rn", "ck")
"""Names sound like names: one or two plain syllables, as people, companies and places have them."""


def is_held_out(name: str) -> bool:
    """One name in eight is kept for evaluation; the same answer on every machine and in every run."""
    return zlib.crc32(name.encode()) % HELD_OUT_SHARE == 0


@cache
def words(lang: Lang) -> Words:
    tables = json.loads((DATA / "words.json").read_text(encoding="utf-8"))
    return cast(Words, {key: list(value) for key, value in tables[lang].items()})


@cache
def common_characters() -> str:
    """The 3,755 characters of GB 2312 level one, the common ones, in the order of the standard."""
    codes = (bytes((row, cell)) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    return "".join(code.decode("gb2312", errors="ignore") for code in codes)


@cache
def rare_characters() -> str:
    codes = (bytes((row, cell)) for row in range(0xD8, 0xF8) for cell in range(0xA1, 0xFF))
    return "".join(code.decode("gb2312", errors="ignore") for code in codes)


@dataclass(frozen=True)
class Namer:
    """Draws names in one language from one pool."""

    rng: Random
    lang: Lang
    held_out: bool = False

    def value(self, kind: str) -> str:
        """A name or value of the kind that `passages_*.json` asks for; ValueError for an unknown kind."""
        maker = VALUES.get(kind)
        if maker is not None:
            return maker(self)
        if kind not in words(self.lang):
            raise ValueError(f"No value of kind {kind!r}: add it to names.VALUES or to data/words.json.")
        return self.pick(kind)

    def pick(self, table: str) -> str:
        return self.rng.choice(words(self.lang)[table])

    def invented(self, draw: Callable[[], str]) -> str:
        """Draws again until the name lies in this namer's pool."""
        name = draw()
        while is_held_out(name) is not self.held_out:
            name = draw()
        return name

    def root(self) -> str:
        return self.invented(self._english_root if self.lang == "en" else self._chinese_root)

    def _english_root(self) -> str:
        rng = self.rng
        count = rng.choice((1, 2, 2, 2, 2))
        syllables = (rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(count))
        return "".join(syllables).capitalize()

    def _chinese_root(self) -> str:
        rng = self.rng
        pool = rare_characters() if rng.random() < 0.01 else common_characters()
        return "".join(rng.choice(pool) for _ in range(rng.choice((2, 2, 2, 3))))

    def phrase(self) -> str:
        """Two common words as one name, such as Silver Lantern."""
        return self.invented(lambda: f"{self.pick('adjective')} {self.pick('noun')}")


def _person(n: Namer) -> str:
    if n.lang == "en":
        given = n.pick("first") if n.rng.random() < 0.6 else n.root()
        return f"{given} {n.root()}"
    pool = common_characters()
    count = n.rng.choice((1, 2, 2))
    return n.invented(lambda: n.pick("surname") + "".join(n.rng.choice(pool) for _ in range(count)))


def _place(n: Namer) -> str:
    return n.root() + n.pick("place")


def _org(n: Namer) -> str:
    if n.lang == "zh":
        return n.root() + n.pick("org")
    base = n.phrase() if n.rng.random() < 0.2 else n.root()
    return f"{base} {n.pick('org')}"


def _venue(n: Namer) -> str:
    if n.lang == "zh":
        return n.root() + n.pick("venue")
    base = n.phrase() if n.rng.random() < 0.4 else n.root()
    return f"the {base} {n.pick('venue')}"


def _title(n: Namer) -> str:
    if n.lang == "zh":
        return f"《{n.root()}》"
    return n.phrase() if n.rng.random() < 0.5 else f"{n.root()} {n.pick('noun')}"


def _product(n: Namer) -> str:
    number = f"{' ' if n.lang == 'en' else ''}{n.rng.randint(1, 99) * n.rng.choice((1, 10, 100))}"
    return n.root() + n.pick("product") + (number if n.rng.random() < 0.6 else "")


def _ship(n: Namer) -> str:
    if n.lang == "zh":
        return n.root() + "号"
    return n.phrase() if n.rng.random() < 0.5 else n.root()


def _service(n: Namer) -> str:
    if n.lang == "zh" and n.rng.random() < 0.35:
        return Namer(n.rng, "en", n.held_out).root() + n.pick("service")
    return n.root() + n.pick("service")


def _river(n: Namer) -> str:
    return f"{n.root()} {n.pick('river')}" if n.lang == "en" else n.root() + n.pick("river")


def _year(n: Namer) -> str:
    return str(n.rng.randint(1700, 2029)) + ("年" if n.lang == "zh" else "")


def _date(n: Namer) -> str:
    day, month, year = n.rng.randint(1, 28), n.rng.randint(1, 12), n.rng.randint(1900, 2029)
    if n.lang == "zh":
        return f"{year}年{month}月{day}日"
    name = words("en")["month"][month - 1]
    return n.rng.choice((f"{day} {name} {year}", f"{name} {day}, {year}", f"{year}-{month:02}-{day:02}"))


def _month(n: Namer) -> str:
    return n.pick("month") if n.lang == "en" else f"{n.rng.randint(1, 12)}月"


def _money(n: Namer) -> str:
    amount = n.rng.choice((n.rng.randint(2, 99), n.rng.randint(100, 9999), n.rng.randint(1, 99) * 1000))
    if n.lang == "zh":
        return f"{amount}{n.rng.choice(('元', '元', '万元', '美元', '欧元'))}"
    text = f"{amount:,}"
    return n.rng.choice((f"${text}", f"{text} dollars", f"{text} euros", f"{text} yuan", f"€{text}"))


def _digits(n: Namer, count: int) -> str:
    return "".join(n.rng.choice("0123456789") for _ in range(count))


def _phone(n: Namer) -> str:
    rng = n.rng
    return rng.choice((f"555-{_digits(n, 4)}", f"0{_digits(n, 3)}-{_digits(n, 7)}", f"1{_digits(n, 10)}"))


def _email(n: Namer) -> str:
    root = Namer(n.rng, "en", n.held_out).root().lower()
    return (
        f"{n.rng.choice(('info', 'mail', 'office', 'hello', 'team'))}@{root}.{n.rng.choice(('com', 'org', 'example'))}"
    )


def _hours(n: Namer) -> str:
    first, last = n.rng.randint(6, 11), n.rng.randint(14, 22)
    if n.lang == "zh":
        return n.rng.choice((f"{first}点到{last}点", f"{first}:00至{last}:00", f"上午{first}点到下午{last - 12}点"))
    return n.rng.choice((f"from {first} am to {last - 12} pm", f"from {first}:00 to {last}:30"))


def _count(n: Namer) -> str:
    return str(n.rng.choice((n.rng.randint(3, 99), n.rng.randint(100, 999), n.rng.randint(1000, 9999))))


def _bigcount(n: Namer) -> str:
    if n.lang == "zh":
        return n.rng.choice((f"{n.rng.randint(1, 900)}万", str(n.rng.randint(1000, 99999))))
    return n.rng.choice((f"{n.rng.randint(1000, 999999):,}", f"{n.rng.randint(1, 20)} million"))


def _unit(en: str, zh: str, low: int, high: int) -> Callable[[Namer], str]:
    def draw(n: Namer) -> str:
        number = n.rng.randint(low, high)
        return f"{number} {en}" if n.lang == "en" else f"{number}{zh}"

    return draw


def _code(n: Namer) -> str:
    letters = "".join(n.rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(n.rng.randint(1, 3)))
    return f"{letters}-{_digits(n, n.rng.randint(2, 5))}"


def _address(n: Namer) -> str:
    if n.lang == "zh":
        return f"{n.root()}{n.pick('street')}{n.rng.randint(1, 300)}号"
    return f"{n.rng.randint(1, 300)} {n.root()} {n.pick('street')}"


def _version(n: Namer) -> str:
    return f"{n.rng.randint(0, 12)}.{n.rng.randint(0, 30)}" + (
        f".{n.rng.randint(0, 9)}" if n.rng.random() < 0.5 else ""
    )


def _port(n: Namer) -> str:
    return str(n.rng.randint(80, 65000))


def _size(n: Namer) -> str:
    return f"{n.rng.randint(1, 512)}{' ' if n.lang == 'en' else ''}{n.rng.choice(('GB', 'MB'))}"


VALUES: dict[str, Callable[[Namer], str]] = {
    "person": _person,
    "place": _place,
    "org": _org,
    "venue": _venue,
    "title": _title,
    "product": _product,
    "ship": _ship,
    "service": _service,
    "river": _river,
    "root": Namer.root,
    "year": _year,
    "date": _date,
    "month": _month,
    "money": _money,
    "phone": _phone,
    "email": _email,
    "hours": _hours,
    "count": _count,
    "bigcount": _bigcount,
    "length": _unit("metres", "米", 12, 3000),
    "km": _unit("kilometres", "公里", 3, 800),
    "weight": _unit("grams", "克", 20, 9000),
    "duration": _unit("hours", "小时", 2, 90),
    "period": _unit("months", "个月", 3, 72),
    "code": _code,
    "address": _address,
    "version": _version,
    "port": _port,
    "size": _size,
}
