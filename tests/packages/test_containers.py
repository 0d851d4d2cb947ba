"""What `Dockerfile`, `compose.yaml` and the systemd unit do, done here: the steps, the command, the health check, the end.

There is no Docker daemon where these tests run, so the image itself is not built; its steps are `packaging/install.sh`, its
settings and commands are read from the files and used as they stand.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML
from tools.wheel import ROOT

from modelyard.core.config import Settings
from tests.conftest import new_database
from tests.packages.conftest import Installed, install, settings
from tests.processes import marked, wait_for

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")
UNIT = (ROOT / "packaging" / "modelyard.service").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def image(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """What the Dockerfile's steps install, with drivers for PostgreSQL."""
    folder = tmp_path_factory.mktemp("image")
    assert install(folder / "env", wheel, "server.txt").startswith("modelyard ")
    return Installed(folder / "env", folder / "home")


@pytest.fixture(scope="module")
def database(postgres_url: str) -> Iterator[str]:
    """An empty database of a PostgreSQL with pgvector."""
    with new_database(postgres_url) as url:
        yield url


def instruction(name: str) -> list[str]:
    """The last command of an instruction in its form of JSON."""
    return [str(word) for word in json.loads(re.findall(rf"^ *{name} (\[.*\])$", DOCKERFILE, re.MULTILINE)[-1])]


def files(folder: Path) -> set[Path]:
    """Everything in a folder but compiled modules, which the image has from its installation."""
    return {path for path in folder.rglob("*") if path.suffix != ".pyc" and path.name != "__pycache__"}


def health(image: Installed, port: str) -> int:
    """The exit code of the image's health check for a server at a port."""
    command = re.search(r"HEALTHCHECK[^\[]*CMD (\[.*\])\n", DOCKERFILE)
    assert command
    return image.run(*json.loads(command[1]), MODELYARD_PORT=port).returncode


def test_a_container_with_postgres_from_its_first_key_to_its_end(image: Installed, database: str) -> None:
    """The image's command with the settings of Dockerfile and Compose; SIGTERM, which `docker stop` sends, ends all of it."""
    env = {**settings(DOCKERFILE), **settings(COMPOSE), "MODELYARD_HOME": str(image.home / "data")}
    env |= {"MODELYARD_DATABASE_URL": database, "MODELYARD_PORT": "0"}
    before = files(image.folder)
    refused = image.run(*instruction("CMD"), **env)
    assert refused.returncode != 0 and "modelyard key create" in refused.stderr
    key = image.output("modelyard", "key", "create", "--name", "me", **env).strip()
    assert instruction("CMD")[:2] == ["modelyard", "serve"]
    arguments = [*instruction("CMD")[2:], "--launch", "modelyard-demo", "--demo-base"]
    with image.server(*arguments, **env) as (process, url):
        port = url.rpartition(":")[2]
        address = f"http://127.0.0.1:{port}"
        assert health(image, port) == 0
        body = {"model": "kb:demo", "messages": [{"role": "user", "content": "Which port does the Yard server use?"}]}
        assert httpx.post(f"{address}/v1/chat/completions", json=body).status_code == 401
        keyed = {"Authorization": f"Bearer {key}"}
        answer = httpx.post(
            f"{address}/v1/chat/completions", json={**body, "temperature": 0}, headers=keyed, timeout=60
        )
        assert [each["document"] for each in answer.json()["citations"]] == ["yard.md"]
        number = getattr(signal, instruction_word("STOPSIGNAL"))
        process.send_signal(number)
        wait_for(lambda: process.poll() is not None, seconds=60)
        assert process.returncode == 0
        assert not marked(image.mark)
        assert health(image, port) != 0
    assert files(image.folder) == before, "the server's user may write into its home folder only"


def instruction_word(name: str) -> str:
    """The only argument of an instruction."""
    return str(re.findall(rf"^{name} (\S+)$", DOCKERFILE, re.MULTILINE)[-1])


def test_the_image_gets_what_its_steps_need() -> None:
    """Docker sends no file that `.dockerignore` leaves out, and nothing runs as root."""
    sent = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = re.findall(r"^COPY (?!--from)(.*) /tmp/modelyard/$", DOCKERFILE, re.MULTILINE)[0].split()
    assert copied == sent
    assert all((ROOT / name).is_file() for name in sent if "*" not in name)
    assert os.access(ROOT / "packaging" / "install.sh", os.X_OK)
    assert instruction_word("USER") == "modelyard"
    assert "RUN" not in DOCKERFILE.partition("\nUSER ")[2]
    home = settings(DOCKERFILE)["MODELYARD_HOME"]
    assert instruction_word("VOLUME") == home == instruction_word("WORKDIR")
    assert f"--home-dir {home}" in DOCKERFILE


def test_compose() -> None:
    """The server waits for a healthy database with its password, keeps its home, and listens on this machine only."""
    read: dict[str, Any] = YAML(typ="safe").load(COMPOSE)
    server, database = read["services"]["modelyard"], read["services"]["database"]
    url = server["environment"]["MODELYARD_DATABASE_URL"]
    password = database["environment"]["POSTGRES_PASSWORD"]
    assert url == f"postgresql+asyncpg://modelyard:{password}@database/modelyard"
    assert server["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert "healthcheck" in database and "pgvector" in database["image"]
    port = settings(DOCKERFILE)["MODELYARD_PORT"]
    assert server["ports"] == [f"127.0.0.1:{port}:{port}"]
    mounted = [volume.partition(":") for each in (server, database) for volume in each["volumes"]]
    assert {name for name, _, _ in mounted} == set(read["volumes"])
    assert mounted[0][2] == settings(DOCKERFILE)["MODELYARD_HOME"]


@pytest.mark.parametrize("text", [DOCKERFILE, COMPOSE, UNIT], ids=["Dockerfile", "compose", "unit"])
def test_every_variable_is_a_setting(text: str) -> None:
    names = {name.removeprefix("MODELYARD_").lower() for name in settings(text)}
    assert names and names <= set(Settings.model_fields)


def test_the_unit(image: Installed, tmp_path: Path) -> None:
    """systemd finds nothing to complain about, and the command starts and ends with the unit's environment."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd")
    assert "/opt/modelyard/bin/modelyard serve" in UNIT
    unit = tmp_path / "modelyard.service"
    unit.write_text(UNIT.replace("/opt/modelyard", str(image.folder)), encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    unit.write_text(unit.read_text().replace("KillMode=mixed", "KillMode=never-heard-of"), encoding="utf-8")
    faulty = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "never-heard-of" in faulty.stderr
