"""The list of engines: what each is, whether it can run here, and one whose plug-in cannot be imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.control.engine_list import engine_info, engine_list
from modelyard.core.types import Device, Hardware
from modelyard.engines import ENGINES
from modelyard.engines.external import External
from modelyard.engines.fake import FakeEngine
from modelyard.engines.vllm import Vllm
from tests.engine_environments import environment, give_environments

CPU = Device("cpu", "main memory", 2**34, 2**34)
NO_GPU, ONE_GPU = Hardware(2, (CPU,)), Hardware(2, (CPU, Device("cuda:0", "A", 2**34, 2**34)))


def test_every_engine_is_listed_with_the_job_that_installs_it(tmp_path: Path) -> None:
    found = engine_list(tmp_path, NO_GPU, {"vllm": "job-1"})
    assert [each.id for each in found.data] == list(ENGINES)
    assert {each.id: each.install_job for each in found.data if each.install_job} == {"vllm": "job-1"}
    assert "model_name" in found.launch["properties"]


def test_an_engine_that_cannot_be_imported_is_listed_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ENGINES, "_targets", {**ENGINES._targets, "broken": "no_such_module:Engine"})
    (broken,) = [each for each in engine_list(tmp_path, NO_GPU, {"broken": "job-2"}).data if each.id == "broken"]
    assert (broken.title, broken.installed, broken.install_job) == ("broken", False, "job-2")
    assert "no_such_module" in broken.missing[0]


def test_an_engine_of_its_own_environment_is_installed_with_it(tmp_path: Path) -> None:
    before = engine_info(Vllm(), tmp_path / "engines", ONE_GPU)
    assert (before.id, before.title, before.installable, before.installed) == ("vllm", "vLLM", True, False)
    assert (before.environment, before.uses_gpus) == (None, False)
    assert before.missing == ["vLLM is not installed: modelyard engine install vllm."]
    give_environments(tmp_path, "vllm")
    after = engine_info(Vllm(), tmp_path / "engines", NO_GPU)
    assert after.environment is not None and after.installed and after.missing == []
    assert after.environment.versions == dict(environment("vllm").versions)
    assert after.formats == sorted(Vllm.profile.formats) and "pytorch" in after.formats
    assert after.model_types[0] == "LLM" and after.devices == sorted(Vllm.profile.devices)


class Gpus(FakeEngine):
    """An engine that uses GPUs."""

    def uses_gpus(self) -> bool:
        return True


class Missing(Gpus):
    """The same, without its libraries."""

    def missing(self) -> tuple[str, ...]:
        return ("It is not here.",)


@pytest.mark.parametrize(
    ("engine", "hardware", "uses"),
    [
        (Gpus(), ONE_GPU, True),
        (Gpus(), NO_GPU, False),
        (Missing(), ONE_GPU, False),
        (FakeEngine(), ONE_GPU, FakeEngine().uses_gpus()),
    ],
)
def test_gpus_are_used_where_there_are_some(tmp_path: Path, engine: FakeEngine, hardware: Hardware, uses: bool) -> None:
    found = engine_info(engine, tmp_path, hardware)
    assert (found.uses_gpus, found.installable, found.installed) == (uses, False, not isinstance(engine, Missing))


def test_an_engine_without_weights_is_used_by_its_name_alone(tmp_path: Path) -> None:
    found = engine_info(External(), tmp_path, NO_GPU)
    assert (found.formats, found.only_by_name) == (["remote"], True)
    assert not engine_info(Vllm(), tmp_path, NO_GPU).only_by_name
    assert "base_url" in found.options["properties"]
