"""The pages for people: each is in the index, links lead somewhere, and a page in Chinese agrees with the English one."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from modelyard.core.access import SCOPES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
INDEX = DOCS / "README.md"
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
CHINESE = sorted((DOCS / "zh").glob("*.md"))
PAGES = [*READMES, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]

BLOCK = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"`((?:modelyard|make|python|pip|GET|POST|PUT|PATCH|DELETE)\s[^`]+)`")
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
CELLS = re.compile(r"(?<!\\)\|")
TEXT = re.compile(r"[^\W\d_]")
"""A letter of any alphabet: cells without one are figures, which a translation keeps."""


def prose(path: Path) -> str:
    """A page without its code blocks."""
    return BLOCK.sub("", path.read_text(encoding="utf-8"))


def links(path: Path) -> list[str]:
    return LINK.findall(re.sub(r"`[^`\n]*`", "", prose(path)))


def rows(path: Path) -> list[list[str]]:
    """The rows of a page's tables, by their cells."""
    lines = [line for line in prose(path).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in CELLS.split(line)] for line in lines]


def names(text: str) -> set[str]:
    """What stands in code in lines: names of fields, settings, commands."""
    return {" ".join(code.split()) for code in re.findall(r"`[^`]+`", text)}


def anchors(path: Path) -> set[str]:
    """The fragments of a page's headings, as GitHub makes them."""
    names = [re.sub(r"[`*]|\]\([^)]*\)|\[", "", title).strip().lower() for _, title in HEADING.findall(prose(path))]
    return {re.sub(r"[^\w\- ]", "", name).replace(" ", "-") for name in names}


def target(path: Path, link: str) -> str:
    """What a link names, from the root; a page in Chinese counts as the English one, and its anchors as one."""
    name, _, anchor = link.partition("#")
    place = (path.parent / name).resolve() if name else path
    english = place.relative_to(ROOT).as_posix().replace("docs/zh/", "docs/").replace(".zh-CN", "")
    return english + ("#" if anchor else "")


def shape(path: Path) -> tuple[list[int], list[tuple[str, str]], Counter[str], Counter[str]]:
    """Levels of headings, code blocks, targets of links, and commands and requests in lines, which a translation keeps."""
    text = path.read_text(encoding="utf-8")
    inside = [link for link in links(path) if not link.startswith(("http:", "https:"))]
    levels = [len(marks) for marks, _ in HEADING.findall(prose(path))]
    commands = Counter(" ".join(command.split()) for command in COMMAND.findall(prose(path)))
    return levels, BLOCK.findall(text), Counter(target(path, link) for link in inside), commands


def test_every_page_is_in_the_index() -> None:
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in links(INDEX) if "://" not in link}
    pages = {path for path in DOCS.rglob("*.md") if path != INDEX and path.parent.name != "packages"}
    assert len(pages) > 30 and pages - linked == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    wrong = []
    for link in links(path):
        name, _, anchor = link.partition("#")
        place = (path.parent / name).resolve() if name else path
        if re.match(r"[a-z]+:", link):
            continue
        if not place.exists() or (anchor and place.suffix == ".md" and anchor not in anchors(place)):
            wrong.append(link)
    assert wrong == []


def test_both_readmes_have_the_same_sections_commands_and_links() -> None:
    english, chinese = map(shape, READMES)
    assert len(english[0]) > 8 and len(english[1]) > 8 and len(english[2]) > 20
    assert english == chinese


def test_readmes_begin_with_a_link_to_each_other() -> None:
    for path, other in zip(READMES, reversed(READMES), strict=True):
        assert f"]({other.name})" in path.read_text(encoding="utf-8").splitlines()[2]


def test_the_test_command_is_in_the_readme() -> None:
    for path in READMES:
        assert ("sh", "make test\n") in BLOCK.findall(path.read_text(encoding="utf-8"))
    assert "exec make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_page_on_keys_has_a_row_for_each_scope() -> None:
    rows = " ".join(line for line in prose(DOCS / "keys.md").splitlines() if line.startswith("| `"))
    assert [scope for scope in SCOPES if f"`{scope}`" not in rows] == []


def test_chinese_pages_have_the_sections_commands_and_links_of_the_english_ones() -> None:
    for path in CHINESE:
        english = DOCS / path.name
        assert shape(path) == shape(english), path.name
        for page, other in ((path, f"../{path.name}"), (english, f"zh/{path.name}")):
            assert f"]({other})" in "".join(page.read_text(encoding="utf-8").splitlines()[:4]), page


@pytest.mark.parametrize("path", [READMES[1], *CHINESE], ids=lambda path: path.name)
def test_chinese_pages_have_the_names_of_code_of_the_english_ones(path: Path) -> None:
    english = READMES[0] if path == READMES[1] else DOCS / path.name
    assert names(prose(path)) == names(prose(english))


@pytest.mark.parametrize("path", CHINESE, ids=lambda path: path.name)
def test_chinese_tables_have_the_rows_and_figures_of_the_english_ones(path: Path) -> None:
    translated, original = rows(path), rows(DOCS / path.name)
    assert len(translated) == len(original)
    for chinese, english in zip(translated, original, strict=True):
        assert len(chinese) == len(english) and names(" ".join(chinese)) == names(" ".join(english)), chinese
        assert [cell for cell in chinese if not TEXT.search(cell)] == [
            cell for cell in english if not TEXT.search(cell)
        ]


def test_pages_in_chinese_link_to_each_other() -> None:
    translated = {DOCS / path.name: path for path in CHINESE}
    for path in [READMES[1], *CHINESE]:
        places = Counter((path.parent / link.partition("#")[0]).resolve() for link in links(path))
        places -= Counter(
            [DOCS / path.name] if path in CHINESE else []
        )  # the link at the top to the same page in English
        assert [translated[place].name for place in places if place in translated] == [], path


def test_a_difference_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A title: `x` (y)\n\n```sh\n# no heading\n```\n\n## Größe & [Maß](#größe)\n", encoding="utf-8")
    assert anchors(page) == {"a-title-x-y", "größe--maß"}
    assert BLOCK.findall(page.read_text(encoding="utf-8")) == [("sh", "# no heading\n")]
    page.write_text("| `a\\|b` | 400 |\n", encoding="utf-8")
    assert rows(page) == [["", "`a\\|b`", "400", ""]]
