"""`modelyard launch`: starts a model, shows its progress, and prints its uid when it is ready."""

from __future__ import annotations

import json
import re
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.connection import with_client
from modelyard.cli.launch_plan import show
from modelyard.cli.launch_progress import watch
from modelyard.cli.name_completion import families
from modelyard.cli.output import agrees, complain, note
from modelyard.core.errors import ModelyardError
from modelyard.core.wording import clean, reason

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.types import LaunchProgressDict

LOG_LINES = 15
CANCELLED = 130


class LaunchCommand(click.Command):
    """Parses `--lora-modules` with `NAME PATH`, as in Xinference, or any number of `NAME=PATH`, as in vLLM and ms-swift."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, separate_adapters(args))


ADAPTER_FLAGS = ("-lm", "--lora-modules", "--lora_modules")


def separate_adapters(args: Sequence[str]) -> list[str]:
    """The arguments with every `NAME=PATH` after `--lora-modules` as a separate option with two words."""
    found: list[str] = []
    words = deque(args)
    while words:
        word = words.popleft()
        flag, equals, value = word.partition("=")
        if flag not in ADAPTER_FLAGS:
            found.append(word)
            continue
        if equals:
            words.appendleft(value)
        if not words or "=" not in words[0]:
            found.append("--lora-modules")
        while words and "=" in words[0] and not words[0].startswith("-"):
            name, _, path = words.popleft().partition("=")
            found += ["--lora-modules", name, path]
    return found


@click.command(cls=LaunchCommand, short_help="Start a model.", context_settings={"ignore_unknown_options": True})
@click.option("-n", "--model-name", metavar="NAME", help="The same as NAME.")
@click.option("-u", "--model-uid", metavar="UID", help="The name in requests; else the model's name.")
@click.option("-t", "--model-type", metavar="TYPE", help="LLM, embedding, rerank, …; else read from the files.")
@click.option("-en", "--model-engine", "--engine", metavar="ENGINE", help="Else the best that fits.")
@click.option("-s", "--size-in-billions", "model_size_in_billions", metavar="SIZE", help="Which size of a family.")
@click.option("-f", "--model-format", metavar="FORMAT", help="Which format of a family, such as ggufv2.")
@click.option("-q", "--quantization", metavar="NAME", help="Which quantisation of a format.")
@click.option("-r", "--replica", type=click.IntRange(1, 64), default=1, help="Number of replicas.")
@click.option("--n-worker", type=click.IntRange(1), metavar="N", help="Machines per replica; this server is one.")
@click.option("--worker-ip", metavar="ADDRESS", help="Machine of the replicas; this server is one.")
@click.option("--replica-config", metavar="JSON", help="Settings per replica.")
@click.option("--n-gpu", default="auto", metavar="N", help="GPUs per replica: a number, auto or none.")
@click.option("--gpu-idx", metavar="N,N", help="Only these GPUs.")
@click.option("-mp", "--model-path", metavar="PATH", help="Use these files instead of the family's.")
@click.option(
    "--context-length", type=click.IntRange(1), metavar="TOKENS", help="Tokens of context to reserve memory for."
)
@click.option("--alias", multiple=True, metavar="NAME", help="Another name under which it answers; repeatable.")
@click.option("--enable-thinking", type=bool, metavar="BOOL", help="Default of the thinking switch.")
@click.option("-lm", "--lora-modules", type=(str, str), multiple=True, metavar="NAME PATH", help="Adapters to load.")
@click.option("-ev", "--env", type=(str, str), multiple=True, metavar="KEY VALUE", help="Environment of its process.")
@click.option("-qc", "--quantization-config", type=(str, str), multiple=True, metavar="K V", help="Engine's own.")
@click.option(
    "-ld", "--image-lora-load-kwargs", type=(str, str), multiple=True, metavar="K V", help="For image models."
)
@click.option(
    "-fd", "--image-lora-fuse-kwargs", type=(str, str), multiple=True, metavar="K V", help="For image models."
)
@click.option("--enable-virtual-env/--disable-virtual-env", default=None, help="Xinference's; has no effect.")
@click.option("-vp", "--virtual-env-package", multiple=True, metavar="NAME", help="Xinference's; not supported.")
@click.option("--virtual-env-find-link", multiple=True, metavar="PATH", help="Xinference's; not supported.")
@click.option("--dry-run", is_flag=True, help="Only show what it would do: engine, files, memory, download.")
@click.option("--no-wait", is_flag=True, help="Print the uid at once and exit.")
@click.argument(
    "rest", nargs=-1, type=click.UNPROCESSED, metavar="NAME|PATH [--OPTION VALUE]...", shell_complete=families
)
@with_client
def command(client: Client, /, rest: Sequence[str], dry_run: bool, no_wait: bool, **given: Any) -> int:
    """Start a model of the catalog by its NAME, or the .gguf file or Hugging Face folder at a PATH.

    Other options are passed to the engine: `--n-parallel 4`, `--n-parallel=4`, and `--use-mlock` alone for true.
    The uid is printed on stdout when the model is ready. After Ctrl-C the command asks whether to cancel.
    """
    body = request(rest, given)
    if dry_run:
        return show(client.models.plan(**body))
    uid = client.models.launch(**{**body, "wait_ready": False})
    code = 0 if no_wait else wait(client, uid)
    if code == 0:
        click.echo(uid)
    return code


def wait(client: Client, uid: str) -> int:
    """Show a launch until it ends, and why if it failed. Returns the exit code."""
    end = _wait(client, uid)
    if end is None:
        return CANCELLED
    if end["stage"] == "completed":
        return 0
    _explain(client, uid, end)
    return 1


def request(rest: Sequence[str], given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `models.launch` from the command line."""
    names, options = split_words(rest)
    if len(names) > 1:
        raise click.UsageError(f"One model at a time, not {', '.join(names)}.")
    name = given.pop("model_name") or (names[0] if names else None)
    if name is None and not given["model_path"]:
        raise click.UsageError("No model; give a NAME of the catalog, such as demo, or a PATH.")
    arguments = {key: value for key, value in given.items() if value not in (None, ())}
    arguments |= {"peft_model_config": _adapters(arguments) or None, "n_gpu": _gpus(given["n_gpu"])}
    for key, (wire_key, convert) in CONVERTED.items():
        if key in arguments:
            arguments[wire_key] = convert(arguments.pop(key))
    return {**arguments, **options, "model_name": name and absolute(clean(name))}


def split_words(rest: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Split the other words into names and engine options: `--a-b c` and `--a-b=c` are `{"a_b": "c"}`, `--d` is true."""
    names: list[str] = []
    options: dict[str, str] = {}
    waiting: str | None = None
    for word in rest:
        is_option = word.startswith("-") and not re.match(r"-\.?\d", word)
        if waiting is not None:
            options[waiting] = "true" if is_option else clean(word)
            if not is_option:
                waiting = None
                continue
        if not is_option:
            names.append(word)
            continue
        if not re.match(r"--[a-zA-Z]", word):
            raise click.NoSuchOption(word)
        key, equals, value = word[2:].partition("=")
        waiting = None if equals else key.replace("-", "_")
        if equals:
            options[key.replace("-", "_")] = clean(value)
    if waiting is not None:
        options[waiting] = "true"
    return names, options


def absolute(name: str) -> str:
    """The absolute path of an existing path; other names are unchanged: `demo` stays a name even beside a folder `demo`."""
    looks_like_path = "/" in name or name.endswith(".gguf") or name.startswith("~")
    path = Path(name).expanduser()
    return str(path.resolve()) if looks_like_path and path.exists() else name


def _adapters(arguments: dict[str, Any]) -> dict[str, Any]:
    """The options about adapters as a value of `peft_model_config`; removes them from the arguments."""
    found: dict[str, Any] = {}
    if modules := arguments.pop("lora_modules", ()):
        found["lora_list"] = [{"lora_name": name, "local_path": absolute(path)} for name, path in modules]
    for key in ("image_lora_load_kwargs", "image_lora_fuse_kwargs"):
        if pairs := arguments.pop(key, ()):
            found[key] = dict(pairs)
    return found


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"is not JSON: {reason(error)}.", param_hint="--replica-config") from None


def _gpus(text: str) -> int | str | None:
    if text.isdigit():
        return int(text)
    if text not in ("auto", "none"):
        raise click.BadParameter("is a number, auto or none.", param_hint="--n-gpu")
    return None if text == "none" else text


def _indexes(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter("is a list such as 0,1.", param_hint="--gpu-idx") from None


CONVERTED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "alias": ("aliases", list),
    "env": ("envs", dict),
    "gpu_idx": ("gpu_idx", _indexes),
    "context_length": ("n_ctx", int),
    "model_path": ("model_path", absolute),
    "quantization_config": ("quantization_config", dict),
    "replica_config": ("replica_config", _json),
    "virtual_env_package": ("virtual_env_packages", list),
    "virtual_env_find_link": ("virtual_env_find_links", list),
}
"""Options that are converted before they are sent → the key of the body, and the conversion."""


def _wait(client: Client, uid: str) -> LaunchProgressDict | None:
    """Show the launch until it ends; None if Ctrl-C cancelled it. Without a terminal for the question, Ctrl-C cancels."""
    while True:
        try:
            return watch(client, uid)
        except KeyboardInterrupt:
            note("")
        asks = sys.stdin.isatty() and sys.stderr.isatty()
        try:
            cancels = not asks or agrees("Cancel the launch?")
        except KeyboardInterrupt:
            note(f"\nThe launch of {uid} continues; `modelyard list` shows it, `modelyard terminate {uid}` ends it.")
            return None
        if cancels:
            client.models.cancel(uid)
            note(f"The launch of {uid} was cancelled.")
            return None


def _explain(client: Client, uid: str, end: LaunchProgressDict) -> None:
    """Print why a launch failed, with the last lines of its log."""
    if end["stage"] == "cancelled":
        complain(f"The launch of {uid} was cancelled.")
        return
    try:
        lines = client.models.logs(uid, LOG_LINES)["lines"]
    except ModelyardError:
        lines = []
    for line in lines:
        click.echo(click.style(f"  {line}", dim=True), err=True)
    complain(f"Launching {uid} failed: {end['info'] or 'the server gave no reason'}")
