"""The rules for names that a program can check: one class name in one file, nouns for values, other systems by their names."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

from tests.architecture.test_house import ROOT, SOURCE, sources

SHARED_CLASS_NAMES = {"Engine", "Model", "ModelType"}
"""Class names that may stand in more than one file: ours, and those that ms-swift gives to programs. This set may only shrink."""
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
VERBS = frozenset({"asked", "told", "said", "spoken", "wanted", "got", "doing", "does", "gone"})
"""Words that are no names of values: say what the value is."""
VERB_ASSIGNMENTS = {"control/downloads.py asked"}
"""The field of a file that older versions wrote. This set may only shrink."""


def assigned(node: ast.AST) -> list[str]:
    """The names that a statement, an expression or a parameter binds."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return [node.id]
    if isinstance(node, ast.arg):
        return [node.arg]
    return []


def test_a_class_name_stands_in_one_file() -> None:
    files: defaultdict[str, set[str]] = defaultdict(set)
    for path, tree, _ in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                files[node.name].add(path)
    shared = {
        f"the class {name} is in {' and in '.join(sorted(paths))}: give one of them another name, also if it is private"
        for name, paths in files.items()
        if len(paths) > 1 and name not in SHARED_CLASS_NAMES
    }
    assert not shared, "\n".join(sorted(shared))
    assert all(len(files[name]) > 1 for name in SHARED_CLASS_NAMES), "take the name out of SHARED_CLASS_NAMES"


def test_values_are_named_by_nouns() -> None:
    places = {
        f"{path} {name}"
        for path, tree, _ in sources()
        for node in ast.walk(tree)
        for name in assigned(node)
        if name in VERBS
    }
    new = sorted(places - VERB_ASSIGNMENTS)
    assert not new, f"name the value, not the act: {', '.join(sorted(VERBS))} are no names of values ({'; '.join(new)})"
    assert places == VERB_ASSIGNMENTS


def test_other_systems_are_called_by_their_names() -> None:
    documents = [*SOURCE.rglob("*.py"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")]
    nameless = [
        path.relative_to(ROOT).as_posix()
        for path in documents
        if path.name != "CHANGELOG.md"
        and re.search(r"\bthe peer(?!')\b|\bthe peer's\b", path.read_text(encoding="utf-8"))
    ]
    assert nameless == []


def test_the_walks_name_functions_that_are_there() -> None:
    methods: defaultdict[str, set[str]] = defaultdict(set)
    names: set[str] = set()
    for _, tree, _ in sources():
        for node in ast.walk(tree):
            if isinstance(node, (ast.ClassDef, *FUNCTIONS)):
                names.add(node.name)
            if isinstance(node, ast.ClassDef):
                methods[node.name] |= {each.name for each in node.body if isinstance(each, FUNCTIONS)}
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    walks = page.partition("## Four walks")[2].partition("\n## ")[0]
    for name in re.findall(r"`(\w+(?:\.\w+)?)`", walks):
        owner, dot, method = name.partition(".")
        assert method in methods[owner] if dot else name in names, (
            f"{name} is in a walk of ARCHITECTURE.md and not in src"
        )
