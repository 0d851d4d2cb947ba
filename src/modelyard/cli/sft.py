"""`modelyard sft`: says what there is instead of ms-swift's training."""

from __future__ import annotations

import click

from modelyard.cli.output import note


@click.command(short_help="Not there yet: training.", context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="")
def command(words: tuple[str, ...]) -> int:
    """Not there yet."""
    note(
        "Training is not there yet; train with PEFT or ms-swift, and `modelyard deploy --ckpt_dir` serves the adapter."
    )
    return 1
