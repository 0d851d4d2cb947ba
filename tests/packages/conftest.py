"""A wheel, built once, and what starts a server from an environment in which it is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from tools.wheel import ROOT, build

from modelyard.runtime.installer import environment
from tests.processes import marked, wait_for

REQUIREMENTS = ROOT / "requirements"


class Installed:
    """An environment with the wheel and what it requires, and a home folder; nothing of the clone is on its paths."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.home = home
        home.mkdir(exist_ok=True)
        self.mark = uuid.uuid4().hex
        tools = [str(folder / "bin"), "/usr/local/bin", "/usr/bin", "/bin"]
        self.env = {"HOME": str(home), "PATH": os.pathsep.join(tools), "LANG": "C.UTF-8", "TEST_MARK": self.mark}

    def run(self, *argv: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the home folder, as in a new terminal."""
        return subprocess.run(
            argv,
            cwd=self.home,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def output(self, *argv: str, **env: str) -> str:
        """What a command prints that ends with exit code 0."""
        done = self.run(*argv, **env)
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def server(self, *arguments: str, **env: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
        """Run `modelyard serve` at a free port until it says that it listens; yields its process and its address."""
        log = self.home / f"server-{uuid.uuid4().hex[:6]}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["modelyard", "serve", *arguments],
                cwd=self.home,
                env={**self.env, "MODELYARD_PORT": "0", "PYTHONUNBUFFERED": "1", **env},
                executable=str(self.folder / "bin" / "modelyard"),
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        try:
            yield process, self._address(process, log)
        except BaseException:
            sys.stderr.write(log.read_text(encoding="utf-8"))
            raise
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            wait_for(lambda: not marked(self.mark))

    @staticmethod
    def _address(process: subprocess.Popen[bytes], log: Path) -> str:
        def look() -> str | None:
            text = log.read_text(encoding="utf-8")
            assert process.poll() is None, f"the server ended: {text}"
            found = re.search(r"is ready at (http://[\w.:]+)", text)
            return found[1] if found else None

        return wait_for(look, seconds=60)


def install(folder: Path, wheel: Path, requirements: str, python: str = sys.executable) -> str:
    """Install a wheel by `packaging/install.sh`, with uv and the packages in its cache; return what it printed."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert uv is not None
    env = {**environment(for_uv=True), "PATH": f"{Path(uv).parent}:{os.environ['PATH']}", "PYTHON": python}
    env["UV_COMPILE_BYTECODE"] = "0"  # a third of the modules are imported here
    command = [str(ROOT / "packaging" / "install.sh"), str(wheel), str(folder), str(REQUIREMENTS / requirements)]
    done = subprocess.run(command, env=env, cwd=folder.parent, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel with the default requirements, in the Python that runs the tests."""
    folder = tmp_path_factory.mktemp("installed")
    install(folder / "env", wheel, "default.txt")
    return Installed(folder / "env", folder / "home")


def interpreter(version: str) -> str | None:
    """An installed Python of a version such as `3.12`: on the PATH, or one of pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places = [shutil.which(f"python{version}"), *map(str, pyenv.glob(f"{version}.*/bin/python"))]
    return next((place for place in places if place and _version(place) == version), None)


def _version(python: str) -> str:
    code = "import sys; print(*sys.version_info[:2], sep='.')"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=False).stdout.strip()


def settings(text: str) -> Mapping[str, str]:
    """The `MODELYARD_…` variables of a file for Docker, Compose or systemd, in any of their spellings."""
    return {name: value.strip("\"'") for name, value in re.findall(r"(MODELYARD_\w+)(?:=|: )(\S*)", text)}
