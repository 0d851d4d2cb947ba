"""Installs of engine environments as jobs: which are accepted, what their process gets, and what it reports."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from modelyard.control import engine_installs
from modelyard.control.engine_installs import KIND, main, package_sources, register
from modelyard.core.access import ADMIN, Owner
from modelyard.core.config import Settings
from modelyard.core.errors import InvalidParameter, UnknownName
from modelyard.db.session import Database
from modelyard.jobs.service import Jobs
from modelyard.jobs.types import Job, ProcessPlan, ProcessWork
from modelyard.protocol.jobs import EngineInstall
from modelyard.runtime.environments import Environments
from modelyard.runtime.local import LocalHost
from tests.engine_environments import give_environments

ANN = Owner("user-ann")


@pytest.fixture
def on(settings: Settings, sqlite_url: str) -> Callable[[Callable[[Jobs], Awaitable[None]]], None]:
    """Runs a work on jobs that know this kind."""

    def run(work: Callable[[Jobs], Awaitable[None]]) -> None:
        async def go() -> None:
            database = Database(sqlite_url)
            await database.open()
            jobs = Jobs(settings, database, LocalHost(settings))
            register(jobs, settings.engines_folder)
            try:
                await work(jobs)
            finally:
                await database.close()

        asyncio.run(go())

    return run


async def submitted(jobs: Jobs, **body: Any) -> Job:
    kind, submit = jobs.creatable("engine_install")
    return jobs.store.live[await submit(kind.model_validate(body), ANN)]


async def planned(jobs: Jobs, job: Job) -> ProcessPlan:
    work = jobs.kinds[KIND].work
    assert isinstance(work, ProcessWork)
    return await work.plan(job)


def test_an_engine_is_installed_by_any_of_its_names(
    on: Callable[..., None], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PIP_INDEX_URL": "https://u:p@x.test", "UV_DEFAULT_INDEX": "y", "HF_TOKEN": "no"}.items():
        monkeypatch.setenv(name, value)

    async def work(jobs: Jobs) -> None:
        assert jobs.kinds[KIND].body is EngineInstall
        assert (jobs.kinds[KIND].scope, jobs.kinds[KIND].at_once) == (ADMIN, 1)
        job = await submitted(jobs, engine="vLLM")
        assert (job.kind, job.owner, job.parameters) == (
            "engine_install",
            "user-ann",
            {"engine": "vllm", "upgrade": False},
        )
        plan = await planned(jobs, job)
        assert plan.argv == (sys.executable, "-P", "-m", engine_installs.__name__, str(settings.engines_folder), "vllm")
        assert {"PIP_INDEX_URL": "https://u:p@x.test", "UV_DEFAULT_INDEX": "y"}.items() <= plan.env.items()
        assert "HF_TOKEN" not in plan.env and plan.env == package_sources()
        again = await submitted(jobs, engine="sentence-transformers", upgrade=True)
        assert (await planned(jobs, again)).argv[-2:] == ("sentence_transformers", "--upgrade")
        with pytest.raises(InvalidParameter, match="llama_cpp comes with Modelyard") as refused:
            await submitted(jobs, engine="llama.cpp")
        assert refused.value.param == "parameters.engine"
        with pytest.raises(UnknownName, match="'abacus'"):
            await submitted(jobs, engine="abacus")

    on(work)


def reports(text: str) -> list[dict[str, Any]]:
    """The lines of JSON among a process's output."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_the_process_reports_the_environment_that_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    give_environments(tmp_path, "sentence_transformers")
    assert main(str(tmp_path / "engines"), "sentence_transformers") == 0
    shown = capsys.readouterr().out
    first, last = reports(shown)
    assert first == {"progress": {"message": "sentence_transformers is installed already; --upgrade makes it anew."}}
    assert first["progress"]["message"] in shown.splitlines(), "also for people"
    result = last["result"]
    found = Environments(tmp_path / "engines").find("sentence_transformers")
    assert found is not None and result["folder"] == found.folder
    assert result["versions"] == dict(found.versions) and result["size_bytes"] > 0


def test_the_process_reports_why_there_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "engines").write_text("a file where the folder should be")
    assert main(str(tmp_path / "engines"), "vllm") == 1
    [report] = reports(capsys.readouterr().out)
    assert report["error"]["code"] == "install_failed" and "vllm" in report["error"]["message"]


def test_numbered_steps_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    engine_installs._report("Step 2 of 5: torch ...")
    engine_installs._report("Nearly Step 2 of 5: done")
    counted, plain = reports(capsys.readouterr().out)
    assert counted == {"progress": {"done": 1, "total": 5, "unit": "steps", "message": "Step 2 of 5: torch ..."}}
    assert plain == {"progress": {"message": "Nearly Step 2 of 5: done"}}
