"""Engines' environments: made by uv and by pip from a recipe of every kind of step, and whole or not there."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import modelyard
from modelyard.core.errors import InstallFailed
from modelyard.core.types import Recipe, Step
from modelyard.runtime import installer
from modelyard.runtime.environments import RECEIPT, Environments, origin_of

BASE = Recipe(
    proof="heavy_engine",
    steps=(
        Step(("tensors==1.0",)),
        Step(("heavy-engine==2.0",), dependencies=False),
        Step(("small-thing>=1",)),
    ),
    show=("heavy-engine", "tensors"),
)
NEEDS = ("tensors==1.0+cpu", "pictures", "small-thing>=1", 'never; extra == "more"')


def wheel(folder: Path, name: str, version: str, needs: tuple[str, ...] = ()) -> None:
    """A wheel with one module, and a program that says its version."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nProvides-Extra: more\n"
    with zipfile.ZipFile(folder / f"{module}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{module}.py", f"def main():\n    print({version!r})\n")
        archive.writestr(f"{info}/METADATA", metadata + "".join(f"Requires-Dist: {need}\n" for need in needs))
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: us\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{name} = {module}:main\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Packages that no index has."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    wheel(folder, "tensors", "1.0")
    wheel(folder, "heavy-engine", "2.0", NEEDS)
    wheel(folder, "small-thing", "1.1")
    for name in ("PIP_FIND_LINKS", "UV_FIND_LINKS"):
        monkeypatch.setenv(name, str(folder))
    return folder


@pytest.fixture
def environments(tmp_path: Path, wheels: Path) -> Environments:
    return Environments(tmp_path / "home" / "engines")


def install(environments: Environments, recipe: Recipe = BASE, **options: object) -> list[str]:
    """Install, and return what was said."""
    said: list[str] = []
    environments.install("heavy", recipe, **{"gpu": False, "say": said.append, **options})  # type: ignore[arg-type]
    return said


def python(environments: Environments, code: str) -> str:
    found = environments.find("heavy")
    assert found is not None
    return subprocess.run(
        [found.python, "-c", code], capture_output=True, text=True, check=True, cwd="/"
    ).stdout.strip()


@pytest.mark.parametrize("by", ["uv", "pip"])
def test_a_recipe_becomes_an_environment(environments: Environments, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if by == "pip":
        monkeypatch.setattr(installer, "uv", list)
    said = install(environments)
    assert by in said[0] and any("Step 3 of 3: small-thing>=1" in line for line in said)
    found = environments.find("heavy")
    assert found is not None and environments.all() == [found]
    assert found.versions == {"heavy-engine": "2.0", "tensors": "1.0"}
    assert environments.size("heavy") > 1000
    code = "import modelyard; print(modelyard.__version__, modelyard.__file__)"
    version, file = python(environments, code).split()
    assert version == modelyard.__version__ and Path(file).samefile(modelyard.__file__)
    python(environments, "import heavy_engine, small_thing, msgspec, uvicorn, httptools")
    hidden = python(
        environments, "from importlib.util import find_spec as f; print(f('sqlalchemy'), f('pictures'), f('never'))"
    )
    assert hidden == "None None None", "nothing of the server's own environment, and nothing that no step names"
    program = subprocess.run([f"{found.folder}/bin/heavy-engine"], capture_output=True, text=True, check=True)
    assert program.stdout == "2.0\n", "scripts run from where the environment has ended up"
    lock = environments.lock_of("heavy").read_text().split()
    assert {"heavy-engine==2.0", "small-thing==1.1", "tensors==1.0"} <= set(lock)


def test_it_is_made_once_until_somebody_wants_a_newer_one(environments: Environments, wheels: Path) -> None:
    install(environments)
    first = environments.find("heavy")
    assert "is installed already" in install(environments)[-1]
    assert environments.find("heavy") == first
    wheel(wheels, "small-thing", "1.2")
    install(environments, upgrade=True)
    assert "small-thing==1.2" in environments.lock_of("heavy").read_text()


def test_a_lock_repeats_the_versions(environments: Environments, wheels: Path, tmp_path: Path) -> None:
    install(environments)
    lock = environments.lock_of("heavy")
    wheel(wheels, "small-thing", "1.2")
    elsewhere = Environments(tmp_path / "other" / "engines")
    install(elsewhere, lock=lock)
    assert elsewhere.lock_of("heavy").read_text() == lock.read_text()


def hashed(wheels: Path, *versions: str) -> str:
    """Lines of a lock file for wheels in a folder, as uv writes them."""
    lines = []
    for version in versions:
        name, _, number = version.partition("==")
        content = (wheels / f"{name.replace('-', '_')}-{number}-py3-none-any.whl").read_bytes()
        lines.append(f"{version} \\\n    --hash=sha256:{hashlib.sha256(content).hexdigest()}\n")
    return "".join(lines)


@pytest.mark.parametrize("by", ["uv", "pip"])
def test_a_lock_file_of_a_recipe_decides_versions_and_files(
    environments: Environments, wheels: Path, tmp_path: Path, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by == "pip":
        monkeypatch.setattr(installer, "uv", list)
    lock = tmp_path / "heavy-cpu.txt"
    lock.write_text(hashed(wheels, "heavy-engine==2.0", "small-thing==1.1"), encoding="utf-8")
    wheel(wheels, "small-thing", "1.2")
    recipe = Recipe("heavy_engine", (Step(("heavy-engine", "small-thing"), lock=str(lock)), Step(("tensors==1.0",))))
    said = install(environments, recipe)
    assert f"heavy-engine, small-thing, by the hashes of {lock}" in said[1]
    installed = environments.lock_of("heavy").read_text().split()
    assert {"heavy-engine==2.0", "small-thing==1.1", "tensors==1.0"} <= set(installed), "not the newest"
    assert not any(line.startswith("msgspec") for line in installed), (
        "the lock file lists what is light, or nobody does"
    )
    before = environments.find("heavy")
    wheel(wheels, "small-thing", "1.1", ("tensors",))  # the same name and version, and other bytes
    monkeypatch.setenv("UV_NO_CACHE", "1")
    with pytest.raises(InstallFailed, match=r"--require-hashes .*ended with exit code"):
        install(environments, recipe, upgrade=True)
    assert environments.find("heavy") == before


def test_the_receipt_tells_lock_files_apart(environments: Environments, wheels: Path, tmp_path: Path) -> None:
    lock = tmp_path / "heavy-cpu.txt"
    lock.write_text(hashed(wheels, "tensors==1.0"), encoding="utf-8")
    recipe = Recipe("tensors", (Step(("tensors",), lock=str(lock)),))
    install(environments, recipe)
    found = environments.find("heavy")
    assert found is not None
    receipt = json.loads((Path(found.folder) / RECEIPT).read_text(encoding="utf-8"))
    made = origin_of(recipe, gpu=False)
    assert {name: receipt[name] for name in made} == made
    lock.write_text(lock.read_text() + "# compiled anew\n", encoding="utf-8")
    assert origin_of(recipe, gpu=False) != made


def test_what_fails_leaves_what_was_there(environments: Environments, capfd: pytest.CaptureFixture[str]) -> None:
    nothing = Recipe(proof="heavy_engine", steps=(Step(("tensors==1.0",)), Step(("tensors==9.9",))))
    with pytest.raises(InstallFailed, match=r"Installing heavy failed: .* ended with exit code 1; see above"):
        install(environments, nothing)
    assert "tensors==9.9" in capfd.readouterr().err, "the installer's own words are there"
    assert environments.find("heavy") is None and environments.all() == []
    unproved = Recipe(proof="nobody_has_this", steps=(Step(("tensors==1.0",)),))
    with pytest.raises(InstallFailed):
        install(environments, unproved)
    install(environments)
    before = environments.find("heavy")
    with pytest.raises(InstallFailed):
        install(environments, nothing, upgrade=True)
    assert environments.find("heavy") == before
    assert sorted(path.name for path in environments.folder.iterdir()) == [".heavy.lock", "heavy"]


def test_an_incomplete_environment_does_not_count(environments: Environments) -> None:
    install(environments)
    found = environments.find("heavy")
    assert found is not None
    (Path(found.folder) / "environment.json").rename(Path(found.folder) / "elsewhere.json")
    assert environments.find("heavy") is None
    install(environments)
    assert environments.find("heavy") is not None
    (link,) = Path(found.folder).glob("lib/python3.*/site-packages/modelyard")
    link.unlink()
    link.symlink_to("/nowhere")
    assert environments.find("heavy") is not None, "the package has moved: nobody else can need the link"
    link.unlink()
    link.symlink_to(Path(found.folder))
    assert environments.find("heavy") is None, "it was made for another Modelyard"
    assert "is installed already" in install(environments)[-1], "a link is all that was wrong"
    assert environments.find("heavy") is not None


def test_a_removed_environment_is_gone(environments: Environments) -> None:
    install(environments)
    assert environments.remove("heavy") and not environments.remove("heavy")
    assert environments.all() == []


def test_a_machine_with_a_gpu_gets_the_steps_for_gpus(environments: Environments) -> None:
    both = Recipe(proof="tensors", steps=(Step(("small-thing",)),), gpu_steps=(Step(("tensors",)),))
    install(environments, both, gpu=True)
    assert "tensors==1.0" in environments.lock_of("heavy").read_text()
    assert "small-thing" not in environments.lock_of("heavy").read_text()


CONFIGURATION = """\
global.cert='/etc/ssl/c.crt'
global.extra-index-url='https://one.example/simple https://two.example/simple'
install.find-links='\\n/wheels\\n/more'
:env:.find-links='/wheels'
"""


def test_uv_looks_where_pip_looks() -> None:
    assert installer.sources(CONFIGURATION) == {
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    assert installer.sources("") == {}


def test_sources_of_uv_itself_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_FIND_LINKS", "/mine")
    assert installer.environment(for_uv=True)["UV_FIND_LINKS"] == "/mine"
    assert "UV_INDEX_STRATEGY" not in installer.environment(for_uv=True)


def test_the_server_itself_is_no_environment() -> None:
    assert Environments(Path(sys.prefix)).find("lib") is None


def test_what_is_wrong_with_an_environment_is_found(environments: Environments) -> None:
    recipe = Recipe(proof="heavy_engine", steps=(Step(("heavy-engine==2.0",), dependencies=False),))
    (absent,) = environments.problems("heavy", recipe)
    assert absent == "heavy is not installed: modelyard engine install heavy."
    made = environments.install("heavy", recipe, gpu=False, say=lambda text: None)
    assert environments.problems("heavy", recipe) == []
    (module,) = Path(made.folder).rglob("heavy_engine.py")
    module.write_text("raise OSError('libcuda.so is missing')", encoding="utf-8")
    assert environments.problems("heavy", recipe) == ["heavy_engine cannot be imported: OSError: libcuda.so is missing"]
    (metadata,) = Path(made.folder).rglob("heavy_engine-2.0.dist-info/METADATA")
    metadata.write_text(metadata.read_text().replace("Version: 2.0", "Version: 3.0"), encoding="utf-8")
    assert "heavy-engine is 3.0, and 2.0 was installed." in environments.problems("heavy", recipe)
