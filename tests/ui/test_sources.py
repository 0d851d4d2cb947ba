"""Rules that the page's sources keep, read from the files: sizes, texts, addresses, and no HTML or code from strings."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from modelyard.api.routes import ROUTES
from modelyard.gateway.paths import PATHS
from modelyard.ui.files import STATIC
from tests.ui.sources import LANGUAGES, first_load, folder_of, lines_with, modules, scripts, sources, texts

FIRST_LOAD = 80_000
ALL_SCRIPTS = 385_000
"""Compressed bytes that the first page, and all JavaScript, may have. As one file, all would have 300 kB: 200 small
ones compress worse."""
MOST_LINES = 300
SPARE_TEXTS = {"common.delete", "common.save"}
SPARE_FILES = {"parts/table.js"}
"""What the pages that are being written will use."""
UNITS = {"token", "tokens"}
VALUE = r"\{(\w+)\}"


def test_first_load_is_small() -> None:
    sizes = first_load()
    assert sum(sizes.values()) <= FIRST_LOAD, sorted(sizes.items(), key=lambda item: -item[1])[:15]


def test_all_scripts_are_small() -> None:
    sizes = scripts()
    assert sum(sizes.values()) <= ALL_SCRIPTS, sorted(sizes.items(), key=lambda item: -item[1])[:25]


def test_files_are_short() -> None:
    long = {
        name: text.count("\n") for name, text in (modules() | sources(".css")).items() if text.count("\n") > MOST_LINES
    }
    assert long == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_have_the_same_keys_and_values(language: str) -> None:
    """Every area in every language: the same keys, the same values inside, nothing empty, each key of its own area."""
    assert texts(language).keys() == texts("en").keys()
    for area, found in texts(language).items():
        english = texts("en")[area]
        assert found.keys() == english.keys(), area
        assert [key for key in found if not key.startswith(f"{area}.")] == [], area
        assert [key for key, text in found.items() if not text.strip()] == [], area
        wrong = [key for key in found if set(re.findall(VALUE, found[key])) != set(re.findall(VALUE, english[key]))]
        assert wrong == [], area


def test_chinese_is_chinese() -> None:
    """A text without a Chinese character has no other words than the English one: names and units."""
    for area, found in texts("zh").items():
        english = texts("en")[area]
        foreign = [
            key
            for key, text in found.items()
            if not re.search("[一-鿿]", text) and not words(text) <= words(english[key]) | UNITS
        ]
        assert foreign == [], area


def words(text: str) -> set[str]:
    """The Latin words of a text, without the names of values in it."""
    return {word.lower() for word in re.findall("[A-Za-z]{2,}", re.sub(VALUE, "", text))}


def test_every_text_is_used_and_every_key_exists() -> None:
    """Keys in the sources are literals, or templates such as `models.state_${state}`, which use every key that fits."""
    known = {key for found in texts("en").values() for key in found}
    areas = "|".join(texts("en"))
    literals: set[str] = set()
    templates: list[re.Pattern[str]] = []
    for text in modules().values():
        literals.update(re.findall(rf"""["'`]((?:{areas})\.[\w.]+)["'`]""", text))
        for template in re.findall(rf"`((?:{areas})\.[^`]*\$\{{[^`]*)`", text):
            parts = re.split(r"\$\{[^}]*\}", template)
            templates.append(re.compile(r"[\w.:-]+".join(re.escape(part) for part in parts) + r"(\.one|\.other)?"))
    plurals = {f"{key}.{form}" for key in literals for form in ("one", "other")}
    unused = [
        key for key in known if key not in literals | plurals and not any(each.fullmatch(key) for each in templates)
    ]
    assert set(unused) - SPARE_TEXTS == set(), "texts that nothing shows"
    calls = re.compile(rf"""\bt[n]?\(\s*["']((?:{areas})\.[\w.]+)["']""")
    missing = {key for text in modules().values() for key in calls.findall(text)} - known
    assert {key for key in missing if f"{key}.other" not in known} == set(), "keys without a text"
    assert [each.pattern for each in templates if not any(each.fullmatch(key) for key in known)] == []


def test_addresses_are_relative() -> None:
    """No other server's address, and none from the root: the page works below a prefix of a proxy."""
    allowed = r"www\.w3\.org/|`\$\{location|placeholder: \"https://\""
    foreign = lines_with(r"""["'`(](https?:)?//(?!$)""", modules() | sources(".css", ".html", ".svg"))
    assert [line for line in foreign if not re.search(allowed, line)] == []
    assert lines_with(r"""["'`](/v1|/ui|/docs|/openapi|/status)""", modules()) == []
    assert lines_with(r"""(?:href|src|action)=["']/""", modules() | sources(".html")) == []
    assert lines_with(r"@import|url\(\s*[\"']?(?!data:)(https?:|/)", sources(".css")) == []


def test_nothing_parses_html_or_runs_strings() -> None:
    parsers = r"innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|DOMParser|srcdoc"
    assert lines_with(rf"{parsers}|\beval\(|new Function", modules()) == []
    assert lines_with(r"""\sstyle=["']""", modules() | sources(".html")) == [], "styles are objects: style=${{ … }}"
    assert lines_with(r"""\son[a-z]+=["']""", modules() | sources(".html")) == []
    assert lines_with(r"set(Interval|Timeout)\(\s*[\"'`]", modules()) == []
    assert lines_with(r"javascript:", modules()) == []


def test_nothing_polls() -> None:
    """What changes comes from the server's stream of events; a clock that redraws times sends no request."""
    assert [name for name, text in modules().items() if "setInterval(" in text and "lib/api.js" in text] == []


def test_every_module_and_style_sheet_is_loaded_by_another() -> None:
    loaded = set(re.findall(r"\{version\}/([\w/.-]+)", (STATIC / "index.html").read_text(encoding="utf-8")))
    for name, text in modules().items():
        for target in re.findall(r"""(?:from|import)\s*\(?\s*["'](\.{1,2}/[^"']+\.js)["']""", text):
            loaded.add((folder_of(name) / target).resolve().relative_to(STATIC.resolve()).as_posix())
        loaded.update(re.findall(r"""["']((?:pages|parts|vendor)/[\w/.-]+\.css)["']""", text))
    assert [name for name in sorted(loaded) if not (STATIC / name).is_file()] == [], (
        "imports of files that are not there"
    )
    assert set(modules() | sources(".css")) - loaded - SPARE_FILES == set(), "files that nothing loads"


def addresses() -> Iterator[tuple[str, str]]:
    """File and path of each address of the API that a source names, with `x` for each value in it."""
    for name, text in modules().items():
        for address in re.findall(r"""["'`](v1/[^"'`\s?]*)""", text):
            yield name, re.sub(r"\$\{[^}]*\}?", "x", address)


def test_every_address_is_a_route() -> None:
    paths = {route.path_format for route in ROUTES} | set(PATHS)
    patterns = [
        re.compile("/".join(r".+" if part.startswith("{") else re.escape(part) for part in path.split("/")))
        for path in paths
    ]
    strange = [(name, path) for name, path in addresses() if not any(each.fullmatch(f"/{path}") for each in patterns)]
    assert strange == []
