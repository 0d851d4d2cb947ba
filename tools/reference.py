"""Writes `docs/reference/`, `docs/packages/` and the web page's types of the API. `python -m tools.reference [--check]`."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from modelyard.api.knowledge_chat import RULES as BASES
from modelyard.api.openapi import document
from modelyard.api.routes import ROUTES
from modelyard.cli.reference import render as commands
from modelyard.core.access import SCOPES
from modelyard.core.config import Settings
from modelyard.core.errors import error_classes
from modelyard.core.rules import Honour, Ignore, Inside, Refuse, Rename, Replace, Rule, Wrap
from modelyard.core.types import Task
from modelyard.dialects.tables import FIELDS_OF_DIALECTS
from modelyard.engines import ENGINES
from modelyard.engines.names import title_of
from modelyard.web.router import ANY_KEY, ANYBODY
from tools.package_pages import overview, packages, page
from tools.ui_types import render as ui_types

ROOT = Path(__file__).resolve().parent.parent
NOTICE = "<!-- Written by `make docs` from the code; a test holds it against the code. -->\n"


SETTINGS_HEAD = (
    "Each setting is an environment variable of the server process, and a name in the file `modelyard.toml` in the home folder, "
    "or in another file that",
    "`MODELYARD_CONFIG` or `modelyard serve --config FILE` names. An option of the command line goes before a variable, a "
    "variable before the file, and the",
    "file before the default. `modelyard config show` shows each value with its origin, `modelyard config check` what is wrong.",
    "",
    "```toml",
    'host = "0.0.0.0"',
    "port = 9997",
    'cors_origins = ["https://app.example", "https://chat.example"]  # or one text with commas',
    "access_log = true",
    "```",
)


def settings() -> str:
    """Every setting with its variable, default and docstring."""
    lines = ["# Settings", NOTICE, *SETTINGS_HEAD, ""]
    for name, field in Settings.model_fields.items():
        default = field.default if field.default != "" else "(empty)"
        names = f"In the file: `{name}`" + (", a secret." if not field.repr else ".")
        lines += [f"### `MODELYARD_{name.upper()}`", "", f"{field.description}", ""]
        lines += [f"Default: `{default}`. {names}", ""]
    return "\n".join(lines)


def engines() -> str:
    """Every engine with its options."""
    lines = ["# Engines", NOTICE]
    lines += [
        "An engine's options are given to a launch as extra keys of the body, or as `--key value` on the command line.",
        "",
    ]
    for name in ENGINES:
        engine = ENGINES.get(name)
        about = (inspect.getdoc(inspect.getmodule(type(engine))) or "").split("\n\n")[0]
        lines += [f"## `{name}`", "", about, "", "| option | type | default | meaning |", "|---|---|---|---|"]
        for field in msgspec.structs.fields(engine.Options):
            kind, meaning = _type_and_meaning(field.type)
            lines.append(f"| `{field.encode_name}` | {kind} | `{_default(field)}` | {meaning} |")
        lines.append("")
    return "\n".join(lines)


def _type_and_meaning(annotation: Any) -> tuple[str, str]:
    meaning = ""
    for extra in getattr(annotation, "__metadata__", ()):
        meaning = getattr(extra, "description", None) or meaning
    base = annotation.__origin__ if hasattr(annotation, "__metadata__") else annotation
    return _type_name(base).replace("|", "or"), meaning.replace("|", "\\|")


def _type_name(kind: Any) -> str:
    if hasattr(kind, "__metadata__"):
        return _type_name(kind.__origin__)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is None:
        return "null" if kind is type(None) else getattr(kind, "__name__", str(kind))
    name = getattr(origin, "__name__", str(origin))
    if name in ("UnionType", "Union"):
        return " | ".join(_type_name(each) for each in arguments)
    if name == "Literal":
        return " | ".join(f"`{each}`" for each in arguments)
    return f"{name} of {', '.join(_type_name(each) for each in arguments if each is not ...)}"


def _default(field: msgspec.structs.FieldInfo) -> object:
    if field.default is not msgspec.NODEFAULT:
        return "null" if field.default is None else field.default
    return "required" if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def routes() -> str:
    """Every route with its first sentence, and the error codes."""
    lines = ["# Routes", NOTICE, "The shapes are in `/docs` and `/openapi.json` of a running server.", ""]
    lines += ["| method | path | |", "|---|---|---|"]
    for path, methods in sorted(document()["paths"].items()):
        for method, operation in methods.items():
            about = str(operation.get("description") or operation.get("summary")).splitlines()[0]
            lines.append(f"| {method.upper()} | `{path.replace(':path', '')}` | {about} |")
    lines += [
        "",
        "## Errors",
        "",
        'Every error is `{"error": {"message", "type", "code", "param"}, "detail": message}`.',
        "",
    ]
    lines += ["| status | code | |", "|---|---|---|"]
    for code, kind in sorted(error_classes().items(), key=lambda item: (item[1].status, item[0])):
        if code not in ("cannot_start", "install_failed"):
            lines.append(f"| {kind.status} | `{code}` | {(inspect.getdoc(kind) or '').splitlines()[0]} |")
    return "\n".join([*lines, ""])


SCOPE_TITLES = {ANYBODY: "No key", ANY_KEY: "Any key"}


def permissions() -> str:
    """Every scope with the management routes that take it."""
    lines = [
        "# Permissions",
        NOTICE,
        "What each route of management asks of a key. Inference asks for `models:read`.",
        "",
    ]
    for scope in (ANYBODY, ANY_KEY, *SCOPES):
        routes = sorted((route.path_format, route.method) for route in ROUTES if route.scope == scope)
        title = SCOPE_TITLES.get(scope, f"`{scope}`")
        lines += [f"## {title}", ""]
        if scope in SCOPES:
            lines += [f"{SCOPES[scope][0].upper()}{SCOPES[scope][1:]}.", ""]
        lines += [f"- `{method} {path}`" for path, method in routes]
        lines += [""] if routes else []
    return "\n".join(lines)


TITLES = {Task.CHAT: "Chat", Task.COMPLETION: "Completions", Task.EMBEDDING: "Embeddings", Task.RERANK: "Rerank"}

PARAMETERS = """\
What each parameter of a request means to each engine. **yes**: honoured. **ignored**: it asks nothing of a model here. A
name: the engine gets the parameter by that name, or inside it. **400**: refused by name when it asks for something; false,
null, what is empty and a default ask for nothing. A launch can have more reasons to refuse, such as a chat template without
a place for tools. A parameter that is not listed passes to the engine. Bases are models called `kb:NAME`, and chats with the
field `knowledge`.
"""


def parameters() -> str:
    """Every parameter of the requests that have rules, by engine."""
    tables = {title_of(name): rules for name in ENGINES if (rules := ENGINES.get(name).rules).by_task} | {
        "bases": BASES
    }
    lines = ["# Parameters", NOTICE, PARAMETERS]
    for task, title in TITLES.items():
        found = {name: rules.by_task[task] for name, rules in tables.items() if task in rules.by_task}
        lines += [f"## {title}", "", "| | " + " | ".join(found) + " |", "|---" * (len(found) + 1) + "|"]
        for name in sorted({name for rules in found.values() for name in rules}):
            lines.append(f"| `{name}` | " + " | ".join(_cell(rules.get(name)) for rules in found.values()) + " |")
        lines.append("")
    return "\n".join(lines)


def _cell(rule: Rule | None) -> str:
    match rule:
        case None | Honour():
            return "yes"
        case Wrap():
            return "yes, in 32 bits"
        case Ignore():
            return "ignored"
        case Rename(to=name) | Replace(name=name) | Inside(name=name):
            return f"`{name}`"
        case Refuse():
            return "400"


def _package(name: str) -> str:
    return NOTICE + page(name)


DIALECTS = """
What the APIs of other vendors do here with each field. **honoured**: it means what it means there. **translated**: it becomes
something else of a chat completion. **ignored**: it is accepted, and has no effect on the answer. **refused**: an error names it.
A field of a request that is not listed passes to the engine, as in a chat completion. [dialects.md](../dialects.md) is about
their use.
"""


def dialects() -> str:
    """What becomes of each field of other vendors' APIs."""
    lines = ["# Fields of other vendors' APIs", NOTICE, DIALECTS]
    for title, tables in FIELDS_OF_DIALECTS.items():
        lines += [f"## {title}", ""]
        for subject, table in tables.items():
            lines += [f"| {subject} | | |", "|---|---|---|"]
            lines += [f"| `{name}` | {each.fate} | {each.note} |" for name, each in table.items()]
            lines.append("")
    return "\n".join(lines)


PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/dialects.md": dialects,
    "docs/reference/settings.md": settings,
    "docs/reference/engines.md": engines,
    "docs/reference/routes.md": routes,
    "docs/reference/permissions.md": permissions,
    "docs/reference/cli.md": commands,
    "docs/reference/parameters.md": parameters,
    "docs/packages/README.md": lambda: NOTICE + overview(),
    **{f"docs/packages/{name}.md": partial(_package, name) for name in packages()},
    "src/modelyard/ui/types/api.d.ts": ui_types,
}
"""What each file is written by."""


def stale() -> list[str]:
    """Names of the files that differ from what the code would write now."""
    old = []
    for name, render in PAGES.items():
        path = ROOT / name
        if not path.exists() or path.read_text(encoding="utf-8") != render():
            old.append(name)
    return old


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is not current")
    if parser.parse_args().check:
        old = stale()
        sys.exit(f"not current: {', '.join(old)}; run `make docs`" if old else 0)
    for name, render in PAGES.items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
