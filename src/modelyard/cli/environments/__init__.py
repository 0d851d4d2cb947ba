"""`modelyard engine install`, `list` and `remove`: engine environments in a home folder, whether or not a server runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from modelyard.cli.output import in_bytes, json_option, note, print_json, print_table

if TYPE_CHECKING:
    from modelyard.engines.base import Engine
    from modelyard.runtime.environments import Environments

P = ParamSpec("P")
R = TypeVar("R")

TITLES = ("ENGINE", "STATE", "VERSIONS", "SIZE", "FOLDER")


def home_option(function: Callable[P, R]) -> Callable[P, R]:
    """Add the option `--home`."""
    option = click.option(
        "--home", type=click.Path(file_okay=False, path_type=Path), help="Home folder; else $MODELYARD_HOME."
    )
    return option(function)


@click.command("install", short_help="Create an engine's own environment.")
@click.argument("name", metavar="ENGINE")
@click.option("--upgrade", is_flag=True, help="Create it again, from the lock file of this Modelyard version.")
@click.option(
    "--lock",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Install exactly what the requirements.lock of another environment lists.",
)
@home_option
def install(name: str, upgrade: bool, lock: Path | None, home: Path | None) -> None:
    """Create a virtual environment for an engine in the home folder, with uv if it is installed, else with pip.

    Launches use it automatically, a running server from its next launch on. uv and pip use the package sources in
    their own configuration; each file is checked against the hashes that come with Modelyard, except torch's,
    which differ between sources. requirements.lock in the environment's folder lists what was installed.
    """
    engine, environments = _engine(name), _environments(home)
    if engine.environment is None:
        note(f"{engine.name} comes with Modelyard and needs no environment of its own.")
        return
    from modelyard.runtime.hardware import inspect

    began = time.monotonic()
    found = environments.find(engine.name)
    gpu = sys.platform == "linux" and bool(inspect().gpus)
    made = environments.install(engine.name, engine.environment, gpu=gpu, say=note, lock=lock, upgrade=upgrade)
    if found is not None and found.installed_at == made.installed_at:
        return
    size = in_bytes(environments.size(engine.name))
    click.echo(f"{engine.name} installed in {time.monotonic() - began:.0f} s: {_versions(made.versions)}, {size}")


@click.command("list", short_help="List the engines and their environments.")
@click.option("-a", "--all", "every", is_flag=True, help="Also the one that makes up answers, for tests.")
@json_option
@home_option
def list_engines(every: bool, as_json: bool, home: Path | None) -> None:
    """List every engine: whether it comes with Modelyard or has an environment, its versions and its size.

    With --json also why it cannot run, what it runs, and the JSON Schema of its launch options.
    """
    from modelyard.control.engine_list import engine_info
    from modelyard.engines import ENGINES
    from modelyard.runtime.hardware import inspect

    environments = _environments(home)
    engines = [engine for engine in map(ENGINES.get, ENGINES) if every or not engine.profile.for_tests]
    rows = [_row(engine, environments) for engine in engines]
    if as_json:
        hardware = inspect()
        infos = [engine_info(engine, environments.folder, hardware).model_dump() for engine in engines]
        print_json([{**info, **row} for info, row in zip(infos, rows, strict=True)])
        return
    cells = [
        [
            each["engine"],
            each["state"],
            _versions(each["versions"]) or "-",
            in_bytes(each["size_bytes"]),
            each["folder"],
        ]
        for each in rows
    ]
    print_table(TITLES, [[str(cell or "-") for cell in line] for line in cells])


@click.command("remove", short_help="Delete an engine's environment.")
@click.argument("name", metavar="ENGINE")
@home_option
def remove(name: str, home: Path | None) -> int:
    """Delete an engine's environment. Models that run on it should be terminated first."""
    engine, environments = _engine(name), _environments(home)
    if not environments.remove(engine.name):
        note(f"{engine.name} has no environment in {environments.folder}.")
        return 1
    click.echo(f"{engine.name} removed")
    return 0


@click.command("doctor", short_help="Check engines' environments.")
@click.argument("names", metavar="[ENGINE]...", nargs=-1)
@json_option
@home_option
def doctor(names: tuple[str, ...], as_json: bool, home: Path | None) -> int:
    """Import each engine's library in its environment, and compare its packages with its lock file.

    Checks all installed engines if none is named. The exit code is 1 if one cannot be used.
    """
    from modelyard.engines import ENGINES

    environments = _environments(home)
    engines = [_engine(name) for name in names] or [
        engine
        for name in ENGINES
        if (engine := ENGINES.get(name)).environment and (environments.folder / name).exists()
    ]
    found = {
        engine.name: environments.problems(engine.name, engine.environment)
        if engine.environment
        else list(engine.missing())
        for engine in engines
    }
    if as_json:
        print_json(found)
    elif not found:
        note("No engine has its own environment yet; `modelyard engine install vllm` creates one.")
    else:
        for name, problems in found.items():
            sign = click.style("✗", fg="red") if problems else click.style("✓", fg="green")
            click.echo(f"{sign} {name}  {' '.join(problems) or 'can be used'}")
    return int(any(found.values()))


def _row(engine: Engine, environments: Environments) -> dict[str, Any]:
    found = environments.find(engine.name) if engine.environment else None
    if found is not None:
        size, state = environments.size(engine.name), "installed"
        return _described(engine, state, dict(found.versions), size, found.folder)
    if engine.environment is None:
        return _described(engine, "missing" if engine.missing() else "built in")
    if not engine.missing():
        return _described(engine, "in the server's own environment")
    broken = (environments.folder / engine.name).exists()
    return _described(engine, "damaged" if broken else "not installed")


def _described(
    engine: Engine,
    state: str,
    versions: dict[str, str] | None = None,
    size: int | None = None,
    folder: str | None = None,
) -> dict[str, Any]:
    return {"engine": engine.name, "state": state, "versions": versions or {}, "size_bytes": size, "folder": folder}


def _versions(versions: Any) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _engine(name: str) -> Engine:
    """The engine of a name. Raises `UnknownName` with the known ones."""
    from modelyard.engines import ENGINES
    from modelyard.engines.names import canonical_name

    spelled = canonical_name(name)
    return ENGINES.get(spelled if spelled in ENGINES else name)


def _environments(home: Path | None) -> Environments:
    from modelyard.cli.serve import settings
    from modelyard.runtime.environments import Environments

    return Environments(settings({"home": home}).engines_folder)
