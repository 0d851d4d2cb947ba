"""The pages of `docs/packages/`: what each package says of itself, and its modules by their first sentence."""

from __future__ import annotations

import ast
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src" / "modelyard"


def packages() -> list[str]:
    """The names of the packages directly below `modelyard`."""
    return sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))


def page(package: str) -> str:
    """A package as Markdown: its docstring, then a table of modules for each folder."""
    folder = SOURCE / package
    lines = [f"# `{package}/`", "", _docstring(folder / "__init__.py"), ""]
    for place in (folder, *_subpackages(folder)):
        name = place.relative_to(SOURCE).as_posix()
        if place != folder:
            lines += [f"## `{name}/`", "", _docstring(place / "__init__.py"), ""]
        modules = sorted(path for path in place.glob("*.py") if path.name != "__init__.py")
        if modules:
            lines += ["| module | |", "|---|---|"]
            lines += [f"| `{path.stem}` | {_first_sentence(path)} |" for path in modules]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def overview() -> str:
    """All packages with the first paragraph of their docstrings."""
    lines = [
        "# Packages",
        "",
        "Each package of `src/modelyard/`; [the architecture](../../ARCHITECTURE.md) says how they fit together.",
        "",
    ]
    lines += ["| package | |", "|---|---|"]
    lines += [f"| [`{name}/`]({name}.md) | {_first_sentence(SOURCE / name / '__init__.py')} |" for name in packages()]
    return "\n".join(lines) + "\n"


def _subpackages(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob("*/**/__init__.py"))


def _docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def _first_sentence(path: Path) -> str:
    """The first paragraph of a module's docstring, in one line."""
    return " ".join(_docstring(path).split("\n\n")[0].split()).replace("|", "\\|")
