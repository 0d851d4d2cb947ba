"""`modelyard config`: the settings of a server that would start here, and where each comes from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from modelyard.cli.groups import SubcommandGroup
from modelyard.cli.output import json_option, note, print_json, print_sentence, print_table
from modelyard.core.errors import InvalidParameter, ModelyardError
from modelyard.core.nearest import nearest

TITLES = ("SETTING", "VALUE", "FROM")
home_option = click.option("--home", metavar="FOLDER", help="Home folder, whose modelyard.toml is read.")
file_option = click.option("--config", metavar="FILE", help="Another file of settings.")


@click.group(cls=SubcommandGroup, short_help="Show and check the settings of variables and file.")
def command() -> None:
    """Show and check the settings of a server that starts here: of MODELYARD_<NAME> variables, and of modelyard.toml.

    An option of `modelyard serve` goes before a variable, a variable before the file, the file before the default.
    """


@command.command("show", short_help="Show each setting with its origin.")
@click.option("--set", "only_set", is_flag=True, help="Only those that a variable or the file sets.")
@file_option
@home_option
@json_option
def show(only_set: bool, config: str | None, home: str | None, as_json: bool) -> None:
    """Show every setting: its value, and the variable or file that it comes from. Secrets are not shown."""
    from modelyard.control.setting_origins import DEFAULT, setting_origins

    _choose(config, home)
    _checked()
    found = [each for each in setting_origins() if not only_set or each.origin != DEFAULT]
    if as_json:
        print_json([asdict(each) for each in found])
    else:
        print_table(TITLES, [[each.name, _cell(each.value), each.origin] for each in found])


@command.command("check", short_help="Say what is wrong with variables and file.")
@file_option
@home_option
@json_option
def check(config: str | None, home: str | None, as_json: bool) -> int:
    """Say what is wrong with the variables and the file: names that are none, also of engines, values that cannot be, open
    secrets. Plug-ins are read, so that their names are known.

    The exit code is 1 if something is wrong.
    """
    from modelyard.control.setting_origins import DEFAULT, problems, setting_origins

    _choose(config, home)
    found = list(problems()) or list(unknown_names())
    if as_json:
        print_json({"problems": found})
    elif found:
        for sentence in found:
            note(f"{click.style('✗', fg='red')} {sentence}")
    else:
        count = sum(each.origin != DEFAULT for each in setting_origins())
        print_sentence(f"Nothing is wrong; {count} {'setting is' if count == 1 else 'settings are'} set.")
    return int(bool(found))


def unknown_names() -> Iterator[str]:
    """A sentence for each setting that names an engine, a search engine or a privilege which is not here, plug-ins included."""
    from modelyard.chats.search_engines import SEARCH_ENGINES
    from modelyard.chats.tools import mcp_config
    from modelyard.core.config import Settings
    from modelyard.infer.launch_request import engine_of

    settings = Settings()
    if settings.infer_backend:
        try:
            engine_of(settings.infer_backend)
        except InvalidParameter as error:
            yield error.message.replace("Parameter 'infer_backend'", _origin("infer_backend"))
    if settings.search_engine and settings.search_engine not in SEARCH_ENGINES:
        known = ", ".join(SEARCH_ENGINES)
        yield f"{_origin('search_engine')}: '{settings.search_engine}' is none of {known}."
    if settings.mcp_servers:
        try:
            mcp_config.read(Path(settings.mcp_servers).expanduser())
        except InvalidParameter as error:
            yield error.message.replace("Parameter 'mcp_servers'", _origin("mcp_servers"))
    if privileges := sorted(name for name in settings.allowances if ":" not in name):
        options = _engine_options()
        for name in privileges:
            if name not in options:
                near = nearest(name, options)
                hint = f" Did you mean '{near}'?" if near else " Options of engines, envs:NAME and vllm_args:FLAG are."
                yield f"{_origin('launch_allow')}: '{name}' is nothing that a launch needs a privilege for.{hint}"


def _engine_options() -> set[str]:
    """The options of all engines whose libraries are here, and `chat_template`."""
    from modelyard.engines import ENGINES

    found = {"chat_template"}
    for name in ENGINES:
        with suppress(ModelyardError, ImportError):
            found.update(ENGINES.get(name).Options.__struct_fields__)
    return found


def _origin(name: str) -> str:
    """The variable that sets a setting, or the file and its line's name."""
    from modelyard.control.setting_origins import place_of, setting_origins

    return place_of(name, next(each.origin for each in setting_origins() if each.name == name))


def _choose(config: str | None, home: str | None) -> None:
    """Read the named file, or that of a home folder, in place of the environment's."""
    import os

    from modelyard.core.settings_file import VARIABLE

    if config is not None:
        os.environ[VARIABLE] = config
    if home is not None:
        os.environ["MODELYARD_HOME"] = home


def _checked() -> None:
    """Raise `click.UsageError` with what is wrong with the values."""
    from modelyard.cli.serve import settings

    settings({})


def _cell(value: Any) -> str:
    return "-" if value in (None, "") else str(value).lower() if isinstance(value, bool) else str(value)
