"""The site that `make docs` builds of the pages: it is whole, its links hold, and it needs no other server."""

from __future__ import annotations

import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from tools.site import ROOT, ROOT_PAGES, build, render


class Parts(HTMLParser):
    """The ids of a page, the addresses that its links lead to, and those that a browser loads with it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids |= {values["id"]} if "id" in values else set()
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and "href" in values:
            self.loaded.append(values["href"])
        self.loaded += [values[name] for name in ("src", "data", "poster") if name in values]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("docs") / "docs")


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Parts]:
    return {path: Parts(path.read_text(encoding="utf-8")) for path in site.rglob("*.html") if path.name != "404.html"}


def place(site: Path, source: Path) -> Path:
    """Where the page of a Markdown file is."""
    name = source.relative_to(ROOT)
    return site / (name.with_name("index.html") if name.name == "README.md" else name.with_suffix(".html"))


def test_every_page_is_on_the_site_and_in_its_navigation(site: Path, pages: dict[Path, Parts]) -> None:
    sources = [*(ROOT / name for name in ROOT_PAGES), *(ROOT / "docs").rglob("*.md")]
    built = {place(site, source) for source in sources}
    home = {(site / urlsplit(unquote(link)).path).resolve() for link in pages[site / "index.html"].links}
    assert built - set(pages) == set() and built - home == set()


def test_links_of_the_site_lead_somewhere(pages: dict[Path, Parts]) -> None:
    wrong = []
    for path, parts in pages.items():
        for address in {*parts.links, *parts.loaded}:
            link = urlsplit(unquote(address))
            if link.scheme:
                continue
            found = (path.parent / link.path).resolve() if link.path else path
            if not found.is_file() or (link.fragment and found in pages and link.fragment not in pages[found].ids):
                wrong.append((path.name, address))
    assert wrong == []


def test_nothing_of_the_site_comes_from_another_origin(site: Path, pages: dict[Path, Parts]) -> None:
    loaded = {address for parts in pages.values() for address in parts.loaded}
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    loaded |= set(re.findall(r"url\(['\"]?([^'\")]+)", styles))
    assert [address for address in loaded if re.match(r"(https?:)?//", address)] == []
    assert "@import" not in styles


def test_pages_in_chinese_say_so(site: Path) -> None:
    for name, language in (("index.html", "en"), ("README.zh-CN.html", "zh"), ("docs/zh/launching.html", "zh")):
        assert f'<html lang="{language}"' in (site / name).read_text(encoding="utf-8"), name


def test_the_search_index_has_both_languages(site: Path) -> None:
    entries = json.loads((site / "search.json").read_text(encoding="utf-8"))["items"]
    for term, page in (("quantisation", "docs/launching.html"), ("量化", "docs/zh/launching.html")):
        assert any(entry["location"].startswith(page) and term in entry["text"] for entry in entries), term


@pytest.mark.parametrize("link", ["nowhere.md", "other.md#nowhere"])
def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path, link: str) -> None:
    (tmp_path / "pages" / "docs").mkdir(parents=True)
    (tmp_path / "pages" / "docs" / "other.md").write_text("# Other\n", encoding="utf-8")
    (tmp_path / "pages" / "docs" / "page.md").write_text(f"# Page\n\n[somewhere]({link})\n", encoding="utf-8")
    with pytest.raises(subprocess.CalledProcessError):
        render(tmp_path)
