"""The mutants of `tools/mutate.py`: which changes there are, what they leave alone, and which tests are run for a file."""

from __future__ import annotations

import ast
import random
from pathlib import Path

import pytest
from tools.mutants import mutants
from tools.mutate import SURVIVED, TIMEOUT, Result, imports, mirrored, picked, report, sample

CHANGES = {
    "x = a < b": ["x = (a <= b)"],
    "x = a is None or b": ["x = (a is not None) or b", "x = (a is None and b)"],
    "x = 3": ["x = (2)", "x = 4"],
    "x = True": ["x = False"],
    "x = 'key'": ['x = ""'],
    "x = a + b": ["x = (a - b)"],
    "x = a if b else c": ["x = a if (not (b)) else c"],
    "if not a:\n    b.c = d": ["if (a):\n    b.c = d", "if not a:\n    pass"],
    "def f():\n    return a": ["def f():\n    return None"],
    "for a in b:\n    continue": ["for a in b:\n    pass"],
    "x = '中' + a": ["x = ('中' - a)", 'x = "" + a'],
}


@pytest.mark.parametrize("source", CHANGES)
def test_a_source_has_these_mutants(source: str) -> None:
    found = [mutant.apply(source) for mutant in mutants("x.py", source)]
    assert sorted(found) == sorted(CHANGES[source])


@pytest.mark.parametrize(
    "source",
    [
        '"""Documentation."""',
        "x: Literal['a'] = y",
        "def f(a: 'int') -> 'str': ...",
        "log.info('text')",
        "x = 'a sentence for people'",
        "x = f'{a}:b'",
        "match a:\n    case 'key':\n        b = c",
        "def f():\n    return None",
        "if TYPE_CHECKING:\n    x = 1",
    ],
)
def test_documentation_types_and_sentences_are_left_alone(source: str) -> None:
    assert mutants("x.py", source) == []


def test_every_mutant_of_a_real_file_is_python_and_differs() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    found = mutants("x.py", source)
    assert len(found) > 20
    for mutant in found:
        assert ast.dump(ast.parse(mutant.apply(source))) != ast.dump(ast.parse(source)), mutant
        assert mutant.diff(source).count("\n@@") == 1


def test_the_same_seed_picks_the_same_mutants_and_kinds_take_turns() -> None:
    found = mutants("x.py", "x = [1, 2, 3, 4, 5, 6, 7, 8]\ny = a < b")
    first, again = (picked(found, 2, random.Random(7)) for _ in range(2))
    assert first == again and {each.kind for each in first} == {"constant changed", "comparison flipped"}


def test_suites_of_tests_for_plug_ins_have_no_mutants(tmp_path: Path) -> None:
    for name in ("a.py", "deep/b.py", "deep/contract.py"):
        path = tmp_path / "src/modelyard/cli" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = [1, 2]\ny = a < b\n")
    found = list(sample(tmp_path, ["cli"], 100, 1))
    assert {Path(mutant.path).name for _, mutant in found} == {"a.py", "b.py"} and len(found) == 10
    assert [mutant for _, mutant in sample(tmp_path, ["cli"], 4, 1)] == [mutant for _, mutant in found][:4]


def test_a_file_is_tested_by_its_package_and_its_namesakes_or_else_by_importers(tmp_path: Path) -> None:
    files = {
        "src/modelyard/cli/a.py": "from modelyard.cli.b import c",
        "src/modelyard/cli/b.py": "c = 1",
        "src/modelyard/core/d.py": "e = 1",
        "tests/cli/test_a.py": "from modelyard.cli import a",
        "tests/cli/test_other.py": "import json",
        "tests/cli/test_served.py": "from tests.live import live",
        "tests/api/test_cli_keys.py": "import modelyard.cli.b",
        "tests/api/test_importing.py": "import modelyard.cli.b\nfrom modelyard.core import d",
        "tests/hubs/test_b.py": "import subprocess",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    expected = ["tests/api/test_cli_keys.py", "tests/cli/test_a.py", "tests/cli/test_served.py", "tests/hubs/test_b.py"]
    assert mirrored(tmp_path, "src/modelyard/cli/b.py") == expected
    assert mirrored(tmp_path, "src/modelyard/core/d.py") == ["tests/api/test_importing.py"]
    assert "modelyard.cli.a" in imports(tmp_path / "tests/cli/test_a.py")


def test_a_report_counts_what_hangs_as_noticed_and_shows_survivors() -> None:
    rest = ("x.py", 1, "constant changed")
    results = [
        Result("1", "cli", *rest, SURVIVED, 1.0, "- a\n+ b"),
        Result("2", "cli", *rest, TIMEOUT, 1.0, "- c\n+ d"),
    ]
    text = report(results)
    assert "+ b" in text and "+ d" not in text
    assert text.splitlines()[-1].split() == ["all", "2", "0", "1", "1", "0", "50"]
