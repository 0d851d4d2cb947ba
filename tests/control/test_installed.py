"""Which interpreter an engine's command gets, and what a launch hears when there is none."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from modelyard.control.installed import absent, resolved
from modelyard.core.errors import MissingLibrary
from modelyard.core.types import Address, Recipe
from modelyard.engines import ENGINES
from modelyard.engines.base import PYTHON, Command
from modelyard.engines.fake import FakeEngine
from modelyard.engines.vllm import Vllm
from modelyard.runtime.environments import Environments
from tests.engine_environments import environment, give_environments

COMMAND = Command((PYTHON, "-m", "something"), Address(uds="/x"), frozenset(), env={"A": "b"})


class ServersOwn(Vllm):
    """An engine whose libraries the server has itself."""

    environment = Recipe(proof="msgspec", steps=())

    def missing(self) -> tuple[str, ...]:
        return ()


def test_the_environment_goes_first(tmp_path: Path) -> None:
    engine = ENGINES.get("vllm")
    assert absent(engine, tmp_path / "engines") == ("vLLM is not installed: modelyard engine install vllm.",)
    give_environments(tmp_path, "vllm")
    assert absent(engine, tmp_path / "engines") == ()
    made = resolved(COMMAND, engine, tmp_path / "engines")
    assert made.argv == (f"{tmp_path}/engines/vllm/bin/python", "-m", "something")
    assert made.env["A"] == "b"
    assert made.env["PATH"].split(os.pathsep)[0] == f"{tmp_path}/engines/vllm/bin"
    assert os.path.samefile(made.argv[0], environment("vllm").python)


def test_else_what_the_server_has_itself(tmp_path: Path) -> None:
    assert absent(ServersOwn(), tmp_path) == ()
    assert resolved(COMMAND, ServersOwn(), tmp_path).argv[0] == sys.executable


def test_an_environment_that_has_gone_since(tmp_path: Path) -> None:
    with pytest.raises(MissingLibrary, match="modelyard engine install vllm"):
        resolved(COMMAND, Vllm(), tmp_path)


def test_an_environment_whose_python_is_gone(tmp_path: Path) -> None:
    python = tmp_path / "vllm" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(tmp_path / "python3.11")
    sentence = "The Python that vllm's environment was made with is gone: modelyard engine install vllm."
    assert absent(Vllm(), tmp_path) == (sentence,)
    assert absent(ServersOwn(), tmp_path) == ()
    with pytest.raises(MissingLibrary, match="was made with is gone"):
        resolved(COMMAND, Vllm(), tmp_path)
    assert Environments(tmp_path).problems("vllm", Recipe(proof="vllm", steps=())) == [sentence]


def test_engines_that_need_none(tmp_path: Path) -> None:
    own = Command(("/bin/engine",), Address(uds="/x"), frozenset())
    assert resolved(own, FakeEngine(), tmp_path) is own
    assert absent(FakeEngine(), tmp_path) == ()
