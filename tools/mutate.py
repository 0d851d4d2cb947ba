"""Ask the tests whether they notice small changes of behaviour: `python -m tools.mutate [--count 300] [PACKAGE…]`.

It picks random mutants (`tools/mutants.py`) of each package, applies one at a time to a copy of the tree, and runs the tests that
mirror the changed file, those that import it first. A mutant is killed when a test fails or takes too long. One that survives
shows that a test is missing, or that the changed code does nothing that matters. The working tree is never changed.

Results are kept in `.mutants/`, so that the same command goes on where it was broken off, by Ctrl-C or otherwise. A mutant is
tried again when its file has changed, and with `--again` if it has survived, to see whether a new test kills it. This is no part
of `make test`: a survivor costs all the tests of its package.
"""

from __future__ import annotations

import argparse
import ast
import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import zip_longest
from pathlib import Path
from xml.etree import ElementTree

import psutil

from tools.mutants import Mutant, mutants

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("control", "gateway", "knowledge", "compat", "cli")
STATE = ROOT / ".mutants"
SUITES = "contract.py"
"""Files of tests that plug-ins inherit. They are left out: a test need not notice changes of tests."""
COPIED = ("src", "tests", "tools", "docs", "requirements")
KILLED, TIMEOUT, SURVIVED, UNTESTED = "killed", "timeout", "survived", "untested"
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=line",
          "-p", "pytest_timeout", "-p", "_hypothesis_pytestplugin")  # fmt: skip
SPARE = 60.0
"""Seconds that a mutant's tests may take beside five times what they take without it: pytest's start on a busy machine."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one mutant."""

    key: str
    package: str
    path: str
    line: int
    kind: str
    outcome: str
    seconds: float
    diff: str


@dataclass(slots=True)
class Tree:
    """A copy of the working tree, of which one file at a time is changed. The working tree may change meanwhile."""

    folder: Path
    _writes: int = field(default=0)

    @classmethod
    def made(cls, folder: Path) -> Tree:
        """Copy what the tests need. `.venv` is shared."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in COPIED:
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for path in ROOT.iterdir():
            if path.is_file():
                shutil.copy2(path, folder / path.name)
        if (ROOT / ".venv").exists():
            (folder / ".venv").symlink_to(ROOT / ".venv")
        return cls(folder)

    def read(self, path: str) -> str:
        """Return a file's text."""
        return (self.folder / path).read_text(encoding="utf-8")

    def write(self, path: str, text: str) -> None:
        """Write a file under a time that no other version of it has, or a stale `.pyc` might be run instead."""
        self._writes += 1
        target = self.folder / path
        target.write_text(text, encoding="utf-8")
        stamp = time.time() + self._writes * 2
        os.utime(target, (stamp, stamp))

    def pytest(self, files: Sequence[str], limit: float | None, *arguments: str) -> int | None:
        """Run test files; returns pytest's exit code, or None after `limit` seconds. No process is left behind."""
        mark = uuid.uuid4().hex
        env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(self.folder / "src"), str(self.folder)))}
        env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # plugins of other libraries take seconds to import
        command = [sys.executable, *PYTEST, *arguments, *files]
        log = (self.folder.parent / "pytest.log").open("wb")
        with log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**env, "TEST_MUTANT": mark},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                return process.wait(limit)
            except subprocess.TimeoutExpired:
                return None
            finally:
                process.kill()
                process.wait()
                _kill_marked(mark)


def _kill_marked(mark: str) -> None:
    """Kill what tests have started and left, in whatever session it is."""
    for process in psutil.process_iter():
        try:
            if mark in process.environ().values():
                process.kill()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue


class Tests:
    """Which test files ask about a source file, and how long each takes without a mutant."""

    def __init__(self, tree: Tree, most_seconds: float, fixed: Sequence[str] = ()) -> None:
        """`fixed` files are run for every source file, in place of those that mirror it."""
        self._tree = tree
        self._most_seconds = most_seconds
        self._fixed = fixed
        self._seconds: dict[str, float] = {}
        """Test file → its seconds; -1 for one that fails without a mutant, which says nothing."""

    def of(self, path: str) -> list[str]:
        """Return the files to run for a source file, importers first and quick ones first, as many as the time allows."""
        candidates = self._fixed or mirrored(self._tree.folder, path)
        self._measure(candidates)
        chosen, spent = [], 0.0
        module = module_name(path)
        direct = {file for file in candidates if module in imports(self._tree.folder / file)}
        for file in sorted(candidates, key=lambda file: (file not in direct, self._seconds[file])):
            if self._seconds[file] >= 0 and (file in direct or spent + self._seconds[file] <= self._most_seconds):
                chosen.append(file)
                spent += self._seconds[file]
        return chosen

    def limit(self, files: Sequence[str]) -> float:
        """Return the seconds after which a run counts as hanging."""
        return SPARE + 5 * sum(self._seconds[file] for file in files)

    def _measure(self, files: Sequence[str]) -> None:
        new = [file for file in files if file not in self._seconds]
        if not new:
            return
        print(f"Timing {len(new)} test files without a mutant ...", flush=True)
        report = self._tree.folder.parent / "report.xml"
        self._tree.pytest(new, None, f"--junitxml={report}", "-o", "junit_family=xunit1")
        self._seconds.update(dict.fromkeys(new, 1.0))  # a file of skipped tests has no time
        took: defaultdict[str, float] = defaultdict(float)
        for case in ElementTree.parse(report).iter("testcase"):
            file = case.get("file") or ""
            took[file] += float(case.get("time") or 0)
            if case.find("failure") is not None or case.find("error") is not None:
                print(f"  {file}: {case.get('name')} fails without a mutant; the file is left out")
                took[file] = float("-inf")
        self._seconds.update({file: max(seconds, -1.0) for file, seconds in took.items() if file in self._seconds})


def module_name(path: str) -> str:
    """Return the dotted name of a source file below `src/`."""
    return path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@cache
def imports(path: Path) -> frozenset[str]:
    """Return the modules that a file imports; of `from a import b` both `a` and `a.b`, as either may be one."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def mirrored(folder: Path, path: str) -> list[str]:
    """Return the test files of a source file: those of its package, and those named after its package or after the file itself,
    that reach it by imports or start servers. If there are none, those that import it."""
    module = module_name(path)
    package = module.split(".")[1]
    subjects = tuple(f"test_{name.rstrip('s')}" for name in (package, Path(path).stem) if name != "__init__")
    files = {file.relative_to(folder).as_posix(): file for file in sorted((folder / "tests").rglob("test_*.py"))}
    own = [
        name
        for name, file in files.items()
        if (name.startswith(f"tests/{package}/") or file.stem.startswith(subjects)) and reaches(folder, file, module)
    ]
    return own or [name for name, file in files.items() if module in imports(file)]


def reaches(folder: Path, file: Path, module: str) -> bool:
    """Whether a file imports a module, be it by way of others; what runs the program as a process reaches all of it."""
    seen: set[Path] = set()
    waiting = [file]
    while waiting:
        found = imports(waiting.pop())
        if module in found or found & {"subprocess", "tests.live"}:
            return True
        paths = {path for name in found if (path := _file_of(folder, name)) is not None}
        waiting += paths - seen
        seen |= paths
    return False


@cache
def _file_of(folder: Path, module: str) -> Path | None:
    """Return the file of a module of ours."""
    if not module.startswith(("modelyard", "tests")):
        return None
    base = (folder / "src" if module.startswith("modelyard") else folder) / module.replace(".", "/")
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def sample(folder: Path, packages: Sequence[str], count: int, seed: int) -> Iterator[tuple[str, Mutant]]:
    """Yield as many mutants of each package as its share of `count`; the same seed picks the same ones of the same files."""
    for place, package in enumerate(packages):
        share = count // len(packages) + (place < count % len(packages))
        base = folder / "src" / "modelyard" / package
        paths = sorted(path for path in base.rglob("*.py") if path.name != SUITES) or [
            path for path in [base.with_suffix(".py")] if path.is_file()
        ]
        if not paths:
            raise SystemExit(f"There is no package '{package}' in src/modelyard.")
        found = [
            mutant
            for path in paths
            for mutant in mutants(path.relative_to(folder).as_posix(), path.read_text(encoding="utf-8"))
        ]
        for mutant in picked(found, share, random.Random(f"{seed}:{package}")):
            yield package, mutant


def picked(found: Sequence[Mutant], count: int, chance: random.Random) -> list[Mutant]:
    """Return `count` random mutants. Kinds take turns, because half of all mutants are changed constants."""
    kinds: dict[str, list[Mutant]] = {}
    for mutant in found:
        kinds.setdefault(mutant.kind, []).append(mutant)
    turns = [chance.sample(some, len(some)) for some in kinds.values()]
    return [mutant for turn in zip_longest(*turns) for mutant in turn if mutant is not None][:count]


def try_out(tree: Tree, tests: Tests, package: str, mutant: Mutant) -> Result:
    """Run the tests of one mutant."""
    source = tree.read(mutant.path)
    files = tests.of(mutant.path)
    began = time.monotonic()
    outcome = UNTESTED
    if files:
        tree.write(mutant.path, mutant.apply(source))
        try:
            code = tree.pytest(files, tests.limit(files), "-x")
            outcome = TIMEOUT if code is None else SURVIVED if code == 0 else KILLED
        finally:
            tree.write(mutant.path, source)
    seconds = round(time.monotonic() - began, 1)
    return Result(
        mutant.key(source), package, mutant.path, mutant.line, mutant.kind, outcome, seconds, mutant.diff(source)
    )


def main() -> None:
    """Try mutants, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "packages",
        nargs="*",
        metavar="PACKAGE",
        help=f"folders or files of src/modelyard, without .py; {' '.join(PACKAGES)}",
    )
    parser.add_argument("--count", type=int, default=300, help="mutants of all packages together (300)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most-seconds", type=float, default=60, help="of tests a mutant, beside its importers' (60)")
    parser.add_argument(
        "--tests", nargs="+", default=(), metavar="FILE", help="run these instead of those that mirror a file"
    )
    parser.add_argument("--again", action="store_true", help="try survivors once more")
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)  # also where a shell started it in the background
    if options.json:
        printer, sys.stdout = sys.stdout, sys.stderr  # progress is not part of the JSON
    results = run(options)
    if options.json:
        sys.stdout = printer
        print(json.dumps([result_dict(each) for each in results], indent=1, ensure_ascii=False))
    else:
        print(report(results))


def run(options: argparse.Namespace) -> list[Result]:
    """Return the results of the mutants that are asked for; of as many as were tried, after Ctrl-C."""
    STATE.mkdir(exist_ok=True)
    kept = STATE / "results.jsonl"
    lock = (STATE / "lock").open("w")  # until this process ends
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SystemExit(f"Another run uses {STATE}; wait for it, or stop it with Ctrl-C.") from None
    if options.fresh:
        kept.unlink(missing_ok=True)
    before = load(kept)
    tree = Tree.made(STATE / "tree")
    tests = Tests(tree, options.most_seconds, options.tests)
    results = []
    try:
        for package, mutant in sample(tree.folder, options.packages or present(), options.count, options.seed):
            found = before.get(mutant.key(tree.read(mutant.path)))
            if found is None or (options.again and found.outcome in (SURVIVED, UNTESTED)):
                found = try_out(tree, tests, package, mutant)
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(result_dict(found), ensure_ascii=False) + "\n")
                print(f"{found.outcome:9}{found.seconds:6.1f} s  {found.path}:{found.line}  {found.kind}", flush=True)
            results.append(found)
    except KeyboardInterrupt:
        print("Broken off; the same command goes on here.")
    return results


def present() -> list[str]:
    """Return the packages that are tried where none is named."""
    return [package for package in PACKAGES if (ROOT / "src" / "modelyard" / package).is_dir()]


def result_dict(result: Result) -> dict[str, object]:
    """Return a result as JSON."""
    return {name: getattr(result, name) for name in Result.__dataclass_fields__}


def load(kept: Path) -> dict[str, Result]:
    """Return earlier results by key; the last one of each counts."""
    if not kept.is_file():
        return {}
    lines = kept.read_text(encoding="utf-8").splitlines()
    return {each.key: each for each in (Result(**json.loads(line)) for line in lines)}


def report(results: Sequence[Result]) -> str:
    """Return the survivors' diffs and a table of packages."""
    lines = [each.diff + "\n" for each in results if each.outcome in (SURVIVED, UNTESTED)]
    lines.append(f"{'package':20}{'mutants':>9}{KILLED:>9}{TIMEOUT:>9}{SURVIVED:>10}{UNTESTED:>10}{'killed %':>10}")
    for package in [*dict.fromkeys(each.package for each in results), "all"]:
        outcomes = [each.outcome for each in results if package in ("all", each.package)]
        counts = [outcomes.count(name) for name in (KILLED, TIMEOUT, SURVIVED, UNTESTED)]
        rate = f"{100 * (counts[0] + counts[1]) / len(outcomes):.0f}" if outcomes else "-"
        row = "".join(f"{count:>{width}}" for count, width in zip(counts, (9, 9, 10, 10), strict=True))
        lines.append(f"{package:20}{len(outcomes):>9}{row}{rate:>10}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
