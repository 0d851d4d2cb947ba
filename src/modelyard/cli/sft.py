"""`modelyard sft`: says what to use instead of ms-swift's training."""

from __future__ import annotations

import click

from modelyard.cli.output import note


@click.command(short_help="Not available yet: training.", context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="")
def command(words: tuple[str, ...]) -> int:
    """Not available yet."""
    note(
        "Training is not available yet; train with PEFT or ms-swift, and serve the adapter with `modelyard deploy --ckpt_dir`."
    )
    return 1
