"""Build the documentation as a site with offline search. `python -m tools.site [FOLDER]`, by default in `build/docs`.

The site is in the folder's `site`. The pages are copied without a change, in the folders of the repository, so that a link which
holds on GitHub holds on the site. The navigation is made of the rows of `docs/README.md`. A link or an anchor that leads nowhere
is an error. Zensical makes the site, in an environment of its own (`requirements/site.txt`), which
`tests/client_environments.py` installs.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.client_environments import client_python

ROOT = Path(__file__).resolve().parent.parent
THEME = ROOT / "tools" / "site_theme"
FOLDER = ROOT / "build" / "docs"
ROOT_PAGES = ("README.md", "README.zh-CN.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
INDEX = "docs/README.md"
PACKAGES = "docs/packages/README.md"
ROW_LINK = re.compile(r"\[([^\]]+)\]\(([^)#]+)\)")
LINK = re.compile(r"\]\(([^)\s#]+)")
CHINESE = "中文"
"""In the heading of `docs/README.md` whose rows are the Chinese pages."""


def navigation() -> list[dict[str, Any]]:
    """The sections and groups of the index with the title and the path of each page, as Zensical's `nav` has them."""
    sections: list[dict[str, Any]] = [{"Modelyard": "README.md"}, {"All pages": INDEX}]
    for part in (ROOT / INDEX).read_text(encoding="utf-8").split("\n## ")[1:]:
        heading, _, body = part.partition("\n")
        first, *groups = body.split("\n### ")
        pages = _entries(first)
        for group in groups:
            title, _, rows = group.partition("\n")
            pages.append({title: _entries(rows)})
        sections.append({CHINESE if CHINESE in heading else heading: pages})
    return sections


def _entries(text: str) -> list[dict[str, Any]]:
    """The pages that the rows of a table name."""
    rows = [row for row in text.splitlines() if row.startswith("|")]
    return [_entry(title, _path(link)) for row in rows for title, link in ROW_LINK.findall(row)]


def _entry(title: str, path: str) -> dict[str, Any]:
    """A page of the navigation; the overview of the packages opens the list of their pages."""
    if path != PACKAGES:
        return {title: path}
    pages = sorted((ROOT / PACKAGES).parent.glob("*.md"))
    return {"Packages": [_name(page) if _name(page) == PACKAGES else {f"{page.stem}/": _name(page)} for page in pages]}


def _path(link: str) -> str:
    """The path from the root of what a link of the index names."""
    return _name((ROOT / INDEX).parent.joinpath(link).resolve())


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def collect(pages: Path) -> None:
    """Copy every page and every file that a page links to into `pages`, each under its path in the repository."""
    shutil.copytree(ROOT / "docs", pages / "docs")
    for name in ROOT_PAGES:
        shutil.copy(ROOT / name, pages / name)
    for page in sorted(pages.rglob("*.md")):
        original = ROOT / page.relative_to(pages)
        for link in LINK.findall(page.read_text(encoding="utf-8")):
            linked = original.parent.joinpath(link).resolve()
            if ":" not in link and linked.is_file() and linked.is_relative_to(ROOT):
                copy = pages / linked.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(linked, copy)


def configuration() -> dict[str, Any]:
    """Zensical's settings: GitHub's dialect of Markdown and its anchors, and nothing from another origin."""
    extensions: dict[str, Any] = {
        "tables": {},
        "sane_lists": {},
        "pymdownx.superfences": {},
        "pymdownx.highlight": {},
        "pymdownx.tilde": {"subscript": False},
        "pymdownx.betterem": {},
        "toc": {"permalink": True, "slugify": {"object": "pymdownx.slugs.slugify", "kwds": {"case": "lower"}}},
    }
    theme = {
        "custom_dir": str(THEME),
        # The search then cuts Chinese into words; `partials/language.html` chooses the language of each page.
        "language": "zh",
        "font": False,
        "features": [
            *(f"navigation.{name}" for name in ("tabs", "indexes", "footer", "top")),
            "content.code.copy",
            "search.highlight",
        ],
    }
    languages = [
        {"name": "English", "link": "index.html", "lang": "en"},
        {"name": "简体中文", "link": "README.zh-CN.html", "lang": "zh"},
    ]
    return {
        "project": {
            "site_name": "Modelyard",
            "docs_dir": "pages",
            "site_dir": "site",
            "use_directory_urls": False,
            "nav": navigation(),
            "theme": theme,
            "extra": {"generator": False, "alternate": languages},
            "markdown_extensions": extensions,
        }
    }


def build(folder: Path) -> Path:
    """Make the site in `folder`, which is emptied, and return where the site is."""
    shutil.rmtree(folder, ignore_errors=True)
    collect(folder / "pages")
    return render(folder)


def render(folder: Path) -> Path:
    """Make the site of the pages in `folder`; `CalledProcessError` if a link or an anchor of a page leads nowhere."""
    settings = folder / "zensical.toml"
    settings.write_text(toml(configuration()), encoding="utf-8")
    subprocess.run(
        [client_python("site"), "-m", "zensical", "build", "--clean", "--strict", "--config-file", settings], check=True
    )
    return folder / "site"


def toml(config: dict[str, Any]) -> str:
    """TOML of tables, each with its values in one line."""
    lines = []
    for name, table in config.items():
        lines += [f"[{name}]", *(f"{key} = {_inline(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _inline(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_inline(key)} = {_inline(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    place = build(Path(sys.argv[1]).resolve() if sys.argv[1:] else FOLDER)
    print(f"site: {place / 'index.html'}", file=sys.stderr)
