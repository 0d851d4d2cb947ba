"""The house rules that a program can check: doors, weights of imports, sizes, broad excepts, documentation."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools.reference import stale

from modelyard.engines import ENGINES

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "modelyard"

FUNCTION_LINES = 60
FILE_LINES = 400
LONG_FUNCTIONS: set[str] = set()
"""Functions that may be longer, as `path:name`. This list may only shrink."""
LONG_FILES: set[str] = set()
"""Files that may be longer. This list may only shrink."""
BROAD_EXCEPTS: set[str] = {
    "serving/app.py:_carry_out",
    "engines/llama_cpp/front.py:_serve",
    "serving/batching.py:_run",
    "serving/batching.py:run",
    "control/reconcile.py:_start",
    "gateway/apps.py:run",
    "gateway/app.py:__call__",
    "gateway/sender.py:_pass",
    "web/sse.py:_send_all",
    "knowledge/indexing/worker.py:_work",
    "knowledge/indexing/change_queue.py:_write",
    "jobs/runner.py:_run",
    "files/sweeps.py:run",
    "batches/model_requests.py:answer",
    "generations/service.py:_made",
}
"""Functions at the top of a loop or a process that may catch everything, as `path:name`, each with its reason beside it."""

HEAVY = ("torch", "vllm", "transformers", "ray", "numpy", "xllamacpp", "sqlalchemy", "fastapi", "pydantic", "httpx")


def sources() -> Iterator[tuple[str, ast.Module, int]]:
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        yield path.relative_to(SOURCE).as_posix(), ast.parse(text), text.count("\n")


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def test_functions_fit_a_screen() -> None:
    long = {
        f"{path}:{node.name}"
        for path, tree, _ in sources()
        for node in functions(tree)
        if (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES
    }
    assert long == LONG_FUNCTIONS


def test_files_have_one_subject() -> None:
    assert {path for path, _, lines in sources() if lines > FILE_LINES} == LONG_FILES


def test_every_file_says_what_it_owns() -> None:
    silent = [path for path, tree, lines in sources() if lines > 0 and not ast.get_docstring(tree)]
    assert silent == []


def test_broad_excepts_stand_only_where_they_are_listed() -> None:
    broad = set()
    for path, tree, _ in sources():
        for function in functions(tree):
            for node in ast.walk(function):
                if isinstance(node, ast.ExceptHandler):
                    kind = node.type
                    everything = kind is None or (isinstance(kind, ast.Name) and kind.id == "Exception")
                    if everything:
                        broad.add(f"{path}:{function.name}")
    assert broad == BROAD_EXCEPTS


def loaded_by(statement: str) -> set[str]:
    """Modules that are in memory after a statement, in a process of its own."""
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return set(printed.split())


@pytest.mark.parametrize("name", sorted(ENGINES))
def test_importing_an_engine_imports_nothing_heavy(name: str) -> None:
    loaded = loaded_by(f"from modelyard.engines import ENGINES\nENGINES.get({name!r})")
    assert loaded.isdisjoint(HEAVY)


def test_the_shim_needs_nothing_but_python() -> None:
    tree = ast.parse((SOURCE / "runtime" / "shim.py").read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= set(sys.stdlib_module_names)


def test_the_server_imports_no_engine_library() -> None:
    loaded = loaded_by("import modelyard.api.server")
    assert loaded.isdisjoint({"torch", "vllm", "transformers", "ray", "numpy", "xllamacpp", "alembic"})


def test_a_server_starts_without_libraries_that_only_bases_pages_and_gpus_need() -> None:
    loaded = loaded_by("import modelyard.api.server")
    assert loaded.isdisjoint({"tantivy", "lxml", "httpx", "httpx2", "rich", "pygments", "pynvml", "jinja2"})


def test_a_server_with_sqlite_starts_without_the_dialect_of_postgresql() -> None:
    loaded_by("import sys, modelyard.api.server\nassert 'sqlalchemy.dialects.postgresql' not in sys.modules")


def test_a_server_starts_without_the_validators_of_bodies() -> None:
    """Models derive from `DeferredModel`. A few are used while modules are imported, as the settings are."""
    loaded_by(
        "import modelyard.api.server\n"
        "from pydantic import BaseModel\n"
        "def below(kind): return {kind}.union(*map(below, kind.__subclasses__()))\n"
        "ours = {each for each in below(BaseModel) if each.__module__.startswith('modelyard.')}\n"
        "built = [each.__qualname__ for each in ours if each.__pydantic_complete__]\n"
        "assert len(ours) > 200 and len(built) < 10, built"
    )


def test_a_server_starts_without_the_validators_of_its_routes() -> None:
    built = "any('response_field' in vars(route) for route in ROUTES)"
    loaded_by(f"import modelyard.api.server\nfrom modelyard.api.routes import ROUTES\nassert not {built}")


def test_ray_is_imported_in_one_file_only() -> None:
    importing = {
        path
        for path, tree, _ in sources()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "ray" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ray")
    }
    assert importing <= {"runtime/ray_cluster.py"}


def test_only_settings_read_our_variables() -> None:
    """`MODELYARD_*` is read by `core/config.py`; the client and the command line read where the server is."""
    readers = {
        path
        for path, tree, _ in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"MODELYARD_[A-Z_]+", node.value)
    }
    assert all(path.startswith(("client/", "cli/", "core/config.py", "core/settings_file.py")) for path in readers)


def test_every_setting_route_command_and_engine_is_documented() -> None:
    assert stale() == [], "run `make docs`"


def test_names_in_architecture_md_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(
        re.findall(
            r"`((?:core|protocol|db|catalog|engines|serving|runtime|control|gateway|knowledge|chats|files|generations|jobs|batches|infer|tuning|web|compat|dialects|api|client|cli)/[\w/.]*)`",
            text,
        )
    )
    missing = [name for name in sorted(named) if not (SOURCE / name).exists() and not re.search("[A-Z]{4}", name)]
    assert named and missing == []


def test_files_that_a_package_names_exist() -> None:
    missing = [
        f"{path.parent.name}: {name}"
        for path in SOURCE.glob("**/__init__.py")
        for name in re.findall(r"`([\w/]+\.py)`", ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "")
        if not (path.parent / name).exists() and not (SOURCE / name).exists()
    ]
    assert missing == []


def test_every_package_stands_in_architecture_md() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert set(re.findall(r"^\| \[`(\w+)/`\]", text, re.MULTILINE)) == packages
