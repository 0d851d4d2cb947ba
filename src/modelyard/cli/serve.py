"""`modelyard serve`: run a server until Ctrl-C."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelyard import __version__
from modelyard.cli.connection import DEFAULT_URL
from modelyard.cli.language import translate
from modelyard.cli.launch import absolute
from modelyard.cli.output import note
from modelyard.cli.web_page import open_page, page_address
from modelyard.core import heap
from modelyard.core.errors import CannotStart

if TYPE_CHECKING:
    from modelyard.api.server import ServerReport
    from modelyard.core.config import Settings


DEMO_QUESTION = "Which port does the Yard server use?"


@click.command()
@click.option("-H", "--host", metavar="ADDRESS", help="Address to listen on; else $MODELYARD_HOST or 127.0.0.1.")
@click.option("-p", "--port", type=click.IntRange(0, 65535), help="0 picks a free one; else $MODELYARD_PORT or 9997.")
@click.option(
    "--chatchat-port",
    type=click.IntRange(0, 65535),
    help="A second port, for Langchain-Chatchat's clients, such as 7861.",
)
@click.option("--ollama-port", type=click.IntRange(0, 65535), help="A further port, for Ollama's clients: 11434.")
@click.option("--config", metavar="FILE", help="File of settings; else modelyard.toml in the home folder.")
@click.option("--home", type=click.Path(file_okay=False, path_type=Path), help="Folder of all the server's data.")
@click.option(
    "--ssl-certfile",
    "--ssl_certfile",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The server's certificate, as PEM: all ports speak TLS.",
)
@click.option(
    "--ssl-keyfile",
    "--ssl_keyfile",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Key of the certificate, as PEM.",
)
@click.option("--database-url", metavar="URL", help="SQLAlchemy URL; SQLite in the home folder if left out.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False))
@click.option("--access-log", is_flag=True, default=None, help="Log one line per inference request.")
@click.option("--insecure", is_flag=True, default=None, help="Let other machines use a server that has no keys.")
@click.option("--launch", "names", metavar="NAME", multiple=True, help="Launch this model, such as demo; repeatable.")
@click.option(
    "--ready-fd",
    type=click.IntRange(0),
    metavar="NUMBER",
    help="File descriptor that gets one line of JSON, with the server's url, when it is ready.",
)
@click.option("--demo-base", is_flag=True, help="Create the knowledge base demo, for the demo model.")
@click.option("--open", "opens", is_flag=True, help="Open the server's page in a browser.")
@click.option("-a", "--all-webui", is_flag=True, help="--all-api, the page, and --open.")
@click.option(
    "--all-api", is_flag=True, help="Without the page; Langchain-Chatchat's API at --chatchat-port, else 7861."
)
@click.option("--llm-api", is_flag=True, help="Models only: without page, knowledge bases, chats and Chatchat's API.")
@click.option("-i", "--lite", is_flag=True, help="Run no models on this machine, only those of other servers.")
def command(
    names: tuple[str, ...],
    ready_fd: int | None,
    demo_base: bool,
    opens: bool,
    all_webui: bool,
    all_api: bool,
    llm_api: bool,
    lite: bool,
    **given: Any,
) -> int:
    """Run a server, with its web page, until Ctrl-C. Models that were launched before are started again.

    Every setting can also be set in the environment as MODELYARD_<NAME>, and in the file modelyard.toml; an option goes
    before a variable, and a variable before the file. `modelyard config show` shows them.
    """
    opens = opens or all_webui
    with heap.without_collection():
        chosen = settings({**given, **start_mode(all_webui, all_api, llm_api, lite)})
        chosen = with_port(chosen, all_webui or all_api)
        from modelyard.api.server import serve

    def ready(started: ServerReport) -> None:
        if ready_fd is not None:
            with open(ready_fd, "w", encoding="utf-8") as line:
                urls = {"url": started.url, "chatchat_url": started.chatchat_url, "ollama_url": started.ollama_url}
                line.write(json.dumps(urls) + "\n")
        click.echo(welcome(started))
        sys.stdout.flush()
        if opens and started.page:
            open_page(page_address(started.url))

    launches = [{"model_name": absolute(name)} for name in names]
    code = serve(chosen, launches=launches, demo_base=demo_base, on_ready=ready)
    note("Modelyard has stopped, and every model with it.")
    return code


CHATCHAT_PORT = 7861


def start_mode(all_webui: bool, all_api: bool, llm_api: bool, lite: bool) -> dict[str, Any]:
    """The settings of the start modes of Langchain-Chatchat; of several, the one with more interfaces counts."""
    interfaces = "all" if all_webui else "api" if all_api else "llm" if llm_api else None
    return {"interfaces": interfaces, "local_models": False if lite else None}


def with_port(chosen: Settings, chatchat: bool) -> Settings:
    """The settings with Chatchat's own port, if it is to have one and none is set."""
    if not chatchat or chosen.chatchat_port is not None:
        return chosen
    return chosen.model_copy(update={"chatchat_port": CHATCHAT_PORT})


def settings(given: dict[str, Any]) -> Settings:
    """The settings of options, then environment, then file. Raises `click.UsageError` with every wrong value."""
    from pydantic import ValidationError

    from modelyard.control.setting_origins import problems_in
    from modelyard.core.config import Settings
    from modelyard.core.settings_file import VARIABLE

    if config := given.pop("config", None):
        os.environ[VARIABLE] = str(Path(config).expanduser().resolve())
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise click.UsageError("; ".join(problems_in(error))) from None
    except CannotStart as error:
        raise click.UsageError(error.message) from None


def welcome(started: ServerReport) -> str:
    """The text that people see when the server is ready: its address, the running models, and three ways to try it."""
    url, outcomes, restored = started.url, started.outcomes, started.restored
    lines = [click.style(translate(f"Modelyard {__version__} is ready at {url}"), bold=True)]
    lines += [f"  Its page, for a browser: {page_address(url)}"] if started.page else []
    lines += [f"  Langchain-Chatchat's clients find it at {started.chatchat_url}"] if started.chatchat_url else []
    lines += [f"  Ollama's clients find it at {started.ollama_url}"] if started.ollama_url else []
    lines += [""]
    for uid, problem in outcomes:
        lines.append(click.style(f"  ✗ {uid}: {translate(problem)}", fg="red") if problem else f"  ✓ {uid} is running")
    lines += [f"  ↻ {uid} ran before and is started again" for uid in restored]
    lines += [""] if outcomes or restored else []
    running = [*(uid for uid, problem in outcomes if not problem), *restored]
    endpoint = "" if url == DEFAULT_URL else f" -e {url}"
    if running:
        lines += _ways_to_try(url, endpoint, running[0], started.asks_for_keys)
        lines += ["", f"    modelyard kb ask demo '{DEMO_QUESTION}'{endpoint}"] if started.demo_base else []
    else:
        name = "demo" if started.local_models else "NAME --engine external --base_url URL"
        lines += ["  Launch a model, in another terminal:", f"    modelyard launch {name}{endpoint}"]
    lines += ["", "  Ctrl-C stops the server and every model.", ""]
    return "\n".join(map(translate, lines))


def _ways_to_try(url: str, endpoint: str, uid: str, asks_for_keys: bool) -> list[str]:
    header = '-H "Authorization: Bearer $MODELYARD_API_KEY" ' if asks_for_keys else ""
    key = 'os.environ["MODELYARD_API_KEY"]' if asks_for_keys else '"none"'
    body = f'{{"model": "{uid}", "messages": [{{"role": "user", "content": "Hello"}}]}}'
    return [
        "  Try it, in another terminal:",
        f"    modelyard chat {uid}{endpoint}",
        "",
        f"    curl {url}/v1/chat/completions {header}-H 'Content-Type: application/json' \\",
        f"      -d '{body}'",
        "",
        "    from openai import OpenAI",
        f'    client = OpenAI(base_url="{url}/v1", api_key={key})',
        f'    client.chat.completions.create(model="{uid}", messages=[{{"role": "user", "content": "Hello"}}])',
    ]
