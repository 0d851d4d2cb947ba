"""`modelyard export`: merges a LoRA checkpoint into its base, like ms-swift's `export`."""

from __future__ import annotations

from pathlib import Path

import click

from modelyard.cli.output import note
from modelyard.cli.swift_models import passthrough
from modelyard.compat.swift.flags import parse, truth

OWN = ("output_dir", "exist_ok", "quant_bits", "quant_method", "to_ollama", "push_to_hub")


SETTINGS = passthrough(
    "Merge a LoRA checkpoint into its base.",
    "Write the base with the adapter merged into it to a folder beside the checkpoint, <checkpoint>-merged.",
    {
        "merge_lora true": "required: merge the adapter",
        "output_dir FOLDER": "another folder",
        "exist_ok true": "replace an existing folder",
    },
)


@click.command(short_help=SETTINGS["short_help"], help=SETTINGS["help"], context_settings=SETTINGS["context_settings"])
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="--FLAG VALUE…")
def command(words: tuple[str, ...]) -> int:
    flags = parse(words, OWN)
    for name in ("quant_bits", "quant_method", "to_ollama", "push_to_hub"):
        if flags.own.get(name):
            raise click.UsageError(f"--{name} is not available yet: export merges adapters only.")
    given = flags.model.get("ckpt_dir") or next(iter(flags.model.get("adapters", [])), None)
    if given is None:
        raise click.UsageError("No checkpoint; name the adapter's folder with --ckpt_dir.")
    if not truth(str(flags.model.get("merge_lora", "false"))):
        raise click.UsageError("There is nothing to do without --merge_lora true.")
    from modelyard.core.config import Settings
    from modelyard.tuning.merge import merge

    adapter = Path(str(given).partition("=")[2] or str(given)).expanduser().resolve()
    out = Path(flags.own.get("output_dir") or f"{adapter}-merged").expanduser().resolve()
    base = base_folder(adapter, flags.model.get("model"))
    made = merge(
        base,
        str(adapter),
        out,
        Settings().engines_folder,
        replace=truth(str(flags.own.get("exist_ok", "false"))),
        say=note,
    )
    click.echo(str(made))
    return 0


def base_folder(adapter: Path, named: str | None) -> str:
    """The folder of the base's weights on this machine. Raises `BadRequest` if it cannot be found."""
    from modelyard.catalog.adapter_checks import check_suits
    from modelyard.catalog.adapters import base_of, read_adapter
    from modelyard.catalog.find import find
    from modelyard.core.errors import BadRequest

    checked = read_adapter("merged", adapter)
    name = named or base_of(adapter)
    if not name:
        raise BadRequest(f"{adapter} does not name the model that it was trained on; name it with --model.")
    model = find(str(Path(name).expanduser().resolve()) if Path(name).expanduser().is_dir() else name)
    if model.path is None or model.download is not None or not Path(model.path).is_dir():
        raise BadRequest(f"The base '{name}' has no folder of weights on this machine; name one by --model.")
    check_suits(checked, model)
    return model.path
