"""Installs engine environments as jobs of the kind `engine_install`. Run as a program, it is the process of such a job.

The process holds the lock of the environment, like `modelyard engine install`, and builds in a temporary folder, so that the
previous environment survives if the process is killed. The output of uv and pip is the job's log.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.core.access import ADMIN, Owner
from modelyard.core.errors import InvalidParameter, ModelyardError
from modelyard.engines import ENGINES
from modelyard.engines.names import canonical_name
from modelyard.jobs.service import Jobs, new_id
from modelyard.jobs.types import Job, JobKind, ProcessPlan, ProcessWork, Recovery
from modelyard.protocol.jobs import EngineInstall
from modelyard.runtime.environments import Environments
from modelyard.runtime.hardware import inspect

KIND = "engine_install"
STEP = re.compile(r"Step (\d+) of (\d+): ")
SOURCES = ("PIP_", "UV_")
"""Prefixes of the variables that name package sources; their values may contain passwords, which the installer needs."""


def register(jobs: Jobs, folder: Path) -> None:
    """Register the job kind; environments are created in `folder`."""

    async def plan(job: Job) -> ProcessPlan:
        engine, upgrade = str(job.parameters["engine"]), bool(job.parameters["upgrade"])
        words = ("--upgrade",) if upgrade else ()
        return ProcessPlan((sys.executable, "-P", "-m", __name__, str(folder), engine, *words), package_sources())

    async def submit(body: EngineInstall, owner: Owner) -> str:
        name = canonical_name(body.engine)
        engine = ENGINES.get(name if name in ENGINES else body.engine)
        if engine.environment is None:
            raise InvalidParameter("parameters.engine", f"{engine.name} comes with Modelyard and needs no environment.")
        parameters = {"engine": engine.name, "upgrade": body.upgrade}
        if (job := unfinished(jobs).get(engine.name)) is not None and job.parameters == parameters:
            return job.id  # a second one would wait for it, and then find everything done
        return jobs.submit(Job(id=new_id(), kind=KIND, owner=owner.id, parameters=parameters)).id

    jobs.register(
        JobKind(
            name=KIND,
            scope=ADMIN,
            work=ProcessWork(plan),
            recovery=Recovery.RESTART,
            at_once=1,
            body=EngineInstall,
            submit=submit,
        )
    )


def unfinished(jobs: Jobs) -> dict[str, Job]:
    """Engine → id of its newest installation job that has not ended."""
    return {
        str(job.parameters["engine"]): job for job in jobs.store.live.values() if job.kind == KIND and not job.finished
    }


def package_sources() -> Mapping[str, str]:
    """The server's environment variables that name package sources."""
    return {name: value for name, value in os.environ.items() if name.startswith(SOURCES)}


def main(folder: str, engine_name: str, *options: str) -> int:
    """Create one environment, and print its progress as lines of JSON."""
    engine, environments = ENGINES.get(engine_name), Environments(Path(folder))
    assert engine.environment is not None, "checked before the job was made"
    gpu = sys.platform == "linux" and bool(inspect().gpus)
    try:
        environment = environments.install(
            engine.name, engine.environment, gpu=gpu, say=_report, upgrade="--upgrade" in options
        )
    except ModelyardError as error:
        _print({"error": {"code": error.code, "message": error.message}})
        return 1
    size = environments.size(engine.name)
    _print({"result": {"folder": environment.folder, "versions": dict(environment.versions), "size_bytes": size}})
    return 0


def _report(text: str) -> None:
    """Print the current step; the steps of a recipe have numbers."""
    match = STEP.match(text)
    count = {"done": int(match[1]) - 1, "total": int(match[2]), "unit": "steps"} if match else {}
    print(text, flush=True)
    _print({"progress": {**count, "message": text}})


def _print(report: Mapping[str, Any]) -> None:
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
